# SPDX-License-Identifier: MIT
#
# Signed mail, verified by independent code (dkimpy): signed here, and on a Cortex-M3 with the settings of mps2-an385.

$(B)/dkim/sign: tests/dkim/sign.c $(B)/linux/libstsmail.a $(B)/linux/libwolfssl.a
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(WARN) $(LINUX_LIMITS) -Wl,--gc-sections -O2 -g -Iinclude $^ -o $@

$(B)/dkim/sign-asan: tests/dkim/sign.c $(CORE) $(ASAN_WOLFSSL)
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(WARN) $(LINUX_LIMITS) -Wl,--gc-sections $(ASAN) -Iinclude $^ -o $@

$(B)/dkim/test_sign: tests/dkim/test_sign.c $(CORE) port/posix/random.c $(ASAN_WOLFSSL) tests/unit/test.h | unit-packages
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(WARN) $(LINUX_LIMITS) -Wl,--gc-sections $(ASAN) -Iinclude -Itests/unit $(filter %.c %.o %.a,$^) -lcmocka -o $@

# On the board: its settings, and what signing adds to them.
DKIM_ARM := -mcpu=cortex-m3 -mthumb -Os -g -ffunction-sections -fdata-sections -DSTS_WOLFSSL_SIGNS_RSA -DPOOL=32768 \
    -DWOLFSSL_USER_SETTINGS -DSTS_WOLFSSL_FEATURES='"boards/mps2-an385/wolfssl_features.h"' -DNO_WOLFSSL_MEMORY_STUBS -iquote . -Iport/wolfssl
DKIM_ARM_WOLFSSL := $(patsubst %,$(B)/dkim/arm/wolfssl/%.o,$(BOARD_WOLFSSL_C) $(BOARD_ED25519_C))
DKIM_ARM_OURS := $(patsubst %.c,$(B)/dkim/arm/%.o,$(CORE) $(wildcard port/wolfssl/*.c) tests/dkim/sign.c tests/variants/cortex-m/start.c)

$(B)/dkim/arm/wolfssl/%.o: $(WOLFSSL_DIR)/wolfssl/ssl.h port/wolfssl/user_settings.h port/wolfssl/hook.h \
        boards/mps2-an385/wolfssl_features.h | cortex-m3-packages
	@mkdir -p $(@D)
	$(BOARD_CC) -std=gnu11 -w $(DKIM_ARM) -I$(WOLFSSL_DIR) $(WOLFSSL_HOOK_$(basename $(notdir $*))) -c $(WOLFSSL_DIR)/$* -o $@

$(B)/dkim/arm/%.o: %.c | cortex-m3-packages $(WOLFSSL_DIR)/wolfssl/ssl.h
	@mkdir -p $(@D)
	$(BOARD_CC) -std=gnu11 $(WARN) $(DKIM_ARM) -MMD -MP -Iinclude -isystem $(WOLFSSL_DIR) -c $< -o $@

$(B)/dkim/sign-arm: $(DKIM_ARM_OURS) $(DKIM_ARM_WOLFSSL) tests/variants/cortex-m/machine.ld
	$(BOARD_CC) $(DKIM_ARM) $(cortex-m3_LIBS) $(filter %.o,$^) -o $@

-include $(wildcard $(B)/dkim/arm/*/*.d $(B)/dkim/arm/*/*/*.d)

.PHONY: dkim-packages
dkim-packages:
	@$(NEED) python3 python3-dkim python3-nacl python3-cryptography

CHECKS += dkim
## dkim: 10,000 signed messages with each algorithm, here and on a Cortex-M3, verified by dkimpy
.PHONY: dkim
dkim: dkim-packages cortex-m3-packages $(B)/linux/stsmail $(B)/dkim/sign $(B)/dkim/sign-asan $(B)/dkim/test_sign $(B)/dkim/sign-arm
	@$(PYTHON) tests/run.py dkim $(B)/results --timeout 900 "$(B)/dkim/test_sign" \
	    "$(PYTHON) tests/dkim/test_dkim.py ed25519 $(B)" "$(PYTHON) tests/dkim/test_dkim.py rsa $(B)" \
	    "env STSMAIL=$(B)/linux/stsmail $(PYTHON) tests/dkim/test_command.py"
