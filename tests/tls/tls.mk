# SPDX-License-Identifier: MIT
#
# The TLS port against the certificate zoo and against servers that misbehave; once as it is shipped, once
# under ASan and UBSan.

TLS_CLIENT := tests/tls/client.c port/posix/net.c port/posix/random.c core/match.c core/text.c
TLS_CLIENT_FLAGS := -std=c11 -D_GNU_SOURCE $(WARN) -g -Iinclude -Wl,--wrap=sts_pool_take,--wrap=sts_wolfssl_malloc,--wrap=sts_wolfssl_realloc

$(B)/linux/tls-client: $(TLS_CLIENT) $(LINUX_WOLFSSL)
	@mkdir -p $(@D)
	$(CC) $(TLS_CLIENT_FLAGS) -O2 $^ -o $@

$(B)/asan/tls-client: $(TLS_CLIENT) $(ASAN_WOLFSSL)
	@mkdir -p $(@D)
	$(CC) $(TLS_CLIENT_FLAGS) -O1 -fsanitize=address,undefined $^ -o $@

.PHONY: zoo-packages
zoo-packages:
	@$(NEED) python3 python3-cryptography openssl ca-certificates

# By one process alone, also under -j.
.PHONY: zoo-files
zoo-files: zoo-packages
	@$(PYTHON) tests/tls/zoo.py $(B)/zoo

CHECKS += zoo
## zoo: certificates and servers of every bad kind against the TLS port
.PHONY: zoo
zoo: $(B)/linux/tls-client $(B)/asan/tls-client zoo-files
	@$(PYTHON) tests/run.py zoo $(B)/results --timeout 600 --jobs 1 \
	    "tests/tls/settings $(CC) $(WOLFSSL_DIR) boards/linux/wolfssl_features.h" \
	    "$(PYTHON) tests/tls/test_zoo.py $(B)/linux/tls-client $(B)/zoo" \
	    "$(PYTHON) tests/tls/test_zoo.py $(B)/asan/tls-client $(B)/zoo"
