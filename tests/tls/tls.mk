# SPDX-License-Identifier: MIT
#
# The TLS port against the certificate zoo and against servers that misbehave: as it is shipped, under ASan and UBSan,
# and with the settings that the boards have, which verify in another order; with trust anchors as text and as a table.

TLS_CLIENT := tests/tls/client.c tests/tls/faulty_pool.h port/posix/net.c port/posix/random.c core/crc.c core/match.c core/text.c
TLS_CLIENT_FLAGS := -std=c11 -D_GNU_SOURCE $(WARN) -g -Iinclude -Wl,--wrap=sts_pool_take,--wrap=sts_wolfssl_malloc,--wrap=sts_wolfssl_realloc

$(B)/linux/tls-client: $(TLS_CLIENT) $(LINUX_WOLFSSL)
	@mkdir -p $(@D)
	$(CC) $(TLS_CLIENT_FLAGS) -O2 $(filter %.c %.o %.a,$^) -o $@

$(B)/asan/tls-client: $(TLS_CLIENT) $(ASAN_WOLFSSL)
	@mkdir -p $(@D)
	$(CC) $(TLS_CLIENT_FLAGS) -O1 -fsanitize=address,undefined $(filter %.c %.o %.a,$^) -o $@

# Each of the system's roots as an anchor.
ROOTS_FLAGS := -std=c11 -D_GNU_SOURCE $(WARN) -Wno-cast-qual -g -O1 -Iinclude \
    $(subst -I$(WOLFSSL_DIR),-isystem $(WOLFSSL_DIR),$(WOLFSSL_DEFS)) -fsanitize=address,undefined
$(B)/asan/tls-roots: tests/tls/roots.c port/posix/random.c core/crc.c core/match.c core/text.c $(ASAN_WOLFSSL)
	@mkdir -p $(@D)
	$(CC) $(ROOTS_FLAGS) $^ -o $@

# The boards' way to verify: the signature first, then the rest.
SMALL_VERIFY := -DWOLFSSL_SMALL_CERT_VERIFY -DWOLFSSL_SMALL_STACK
$(eval $(call wolfssl_rules,small,$(SMALL_VERIFY),$(SMALL_VERIFY) -fsanitize=address,undefined))
SMALL_WOLFSSL := $(patsubst %.c,$(B)/small/%.o,$(WOLFSSL_PORT)) $(B)/small/libwolfssl.a
$(B)/small/tls-client: $(TLS_CLIENT) $(SMALL_WOLFSSL)
	@mkdir -p $(@D)
	$(CC) $(TLS_CLIENT_FLAGS) -O1 -fsanitize=address,undefined $(filter %.c %.o %.a,$^) -o $@

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
zoo: $(B)/linux/tls-client $(B)/asan/tls-client $(B)/small/tls-client $(B)/asan/tls-roots $(B)/tool/trust $(B)/linux/stsmail zoo-files
	@$(B)/tool/trust /etc/ssl/certs/ca-certificates.crt $(B)/zoo/public.bin
	@$(PYTHON) tests/run.py zoo $(B)/results --timeout 600 --jobs 1 \
	    "tests/tls/settings $(CC) $(WOLFSSL_DIR) boards/linux/wolfssl_features.h" \
	    "tests/tls/tool $(B)/tool/trust $(B)/zoo $(B)/linux/stsmail" \
	    "$(B)/asan/tls-roots /etc/ssl/certs/ca-certificates.crt $(B)/zoo/public.bin" \
	    "$(PYTHON) tests/tls/test_zoo.py $(B)/linux/tls-client $(B)/zoo" \
	    "env TRUST=table $(PYTHON) tests/tls/test_zoo.py $(B)/linux/tls-client $(B)/zoo" \
	    "$(PYTHON) tests/tls/test_zoo.py $(B)/asan/tls-client $(B)/zoo" \
	    "env TRUST=table $(PYTHON) tests/tls/test_zoo.py $(B)/small/tls-client $(B)/zoo"
