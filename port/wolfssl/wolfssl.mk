# SPDX-License-Identifier: MIT
#
# wolfSSL from source with our settings, and the port on it.

# Your own trees of wolfSSL 5.7.2 and lwIP 2.2.1, if you have them.
WOLFSSL_DIR ?= $(B)/deps/wolfssl
LWIP_DIR ?= $(B)/deps/lwip

# Files of wolfSSL; those for another machine or an option that is off compile to nothing.
WOLFSSL_C := src/internal.c src/keys.c src/ssl.c src/tls.c src/tls13.c src/wolfio.c \
    $(addprefix wolfcrypt/src/,aes.c asn.c chacha.c chacha20_poly1305.c cpuid.c curve25519.c ecc.c \
        ed25519.c fe_operations.c ge_operations.c hash.c hmac.c kdf.c memory.c poly1305.c random.c rsa.c sha256.c sha512.c \
        sp_arm64.c sp_c32.c sp_c64.c sp_int.c sp_x86_64.c wc_port.c wolfmath.c)
WOLFSSL_S := $(addprefix wolfcrypt/src/,chacha_asm.S fe_x25519_asm.S poly1305_asm.S sha256_asm.S sha512_asm.S \
    sp_x86_64_asm.S)
WOLFSSL_DEFS := -DWOLFSSL_USER_SETTINGS -iquote . -Iport/wolfssl -I$(WOLFSSL_DIR) \
    -DSTS_WOLFSSL_FEATURES='"boards/linux/wolfssl_features.h"'
WOLFSSL_FLAGS := -std=gnu11 -O2 -g -w -fPIE -ffunction-sections -fdata-sections $(WOLFSSL_DEFS)
WOLFSSL_PORT := $(wildcard port/wolfssl/*.c)
WOLFSSL_PORT_FLAGS := -std=c11 $(WARN) -O2 -g -fPIE -fstack-protector-strong -ffunction-sections -fdata-sections -Iinclude \
    $(subst -I$(WOLFSSL_DIR),-isystem $(WOLFSSL_DIR),$(WOLFSSL_DEFS))
WOLFSSL_CONFIG := port/wolfssl/user_settings.h boards/linux/wolfssl_features.h

# The two objects in which wolfSSL asks for signers: see hook.h.
WOLFSSL_HOOK_asn := -DSTS_WOLFSSL_HOOK_ASN -include port/wolfssl/hook.h
WOLFSSL_HOOK_internal := -DSTS_WOLFSSL_HOOK_INTERNAL -include port/wolfssl/hook.h

# The objects that sign mail with Ed25519; the others do not know of it: see sign_ed25519.c.
$(foreach o,ed25519 fe_operations fe_x25519_asm fe_low_mem ge_operations ge_low_mem,$(eval WOLFSSL_HOOK_$(o) := -DHAVE_ED25519))

# $(1): a folder of build/; $(2), $(3): more flags for wolfSSL, for the port
define wolfssl_rules
$(B)/$(1)/libwolfssl.a: $$(patsubst %,$(B)/$(1)/wolfssl/%.o,$$(WOLFSSL_C) $$(WOLFSSL_S))
	@rm -f $$@
	$$(AR) rcs $$@ $$^

$(B)/$(1)/wolfssl/%.o: $(WOLFSSL_DIR)/wolfssl/ssl.h $(WOLFSSL_CONFIG) port/wolfssl/hook.h
	@mkdir -p $$(@D)
	$$(CC) $$(WOLFSSL_FLAGS) $(2) $$(WOLFSSL_HOOK_$$(basename $$(notdir $$*))) \
	    -c $(WOLFSSL_DIR)/$$* -o $$@

$(B)/$(1)/port/wolfssl/%.o: port/wolfssl/%.c $(WOLFSSL_CONFIG) port/wolfssl/local.h port/wolfssl/cert.h \
        include/stsmail/wolfssl.h include/stsmail/port.h | $(WOLFSSL_DIR)/wolfssl/ssl.h
	@mkdir -p $$(@D)
	$$(CC) $$(WOLFSSL_PORT_FLAGS) $(3) -c $$< -o $$@
endef
$(eval $(call wolfssl_rules,linux,,))
$(eval $(call wolfssl_rules,asan,-fsanitize=address,-fsanitize=address -fsanitize=undefined))

LINUX_WOLFSSL := $(patsubst %.c,$(B)/linux/%.o,$(WOLFSSL_PORT)) $(B)/linux/libwolfssl.a
ASAN_WOLFSSL := $(patsubst %.c,$(B)/asan/%.o,$(WOLFSSL_PORT)) $(B)/asan/libwolfssl.a

# The table of trust anchors of a CA file. The tool takes of wolfSSL its SHA-256, and of that the plain C.
TRUST_SRC := port/wolfssl/tool/trust.c $(addprefix port/wolfssl/,build.c der.c identity.c pem.c root.c table.c) core/crc.c core/match.c core/text.c
$(B)/tool/sha256.o: $(WOLFSSL_DIR)/wolfssl/ssl.h $(WOLFSSL_CONFIG)
	@mkdir -p $(@D)
	$(CC) -O2 -w $(WOLFSSL_DEFS) -DSTS_WOLFSSL_NO_ASM -c $(WOLFSSL_DIR)/wolfcrypt/src/sha256.c -o $@

$(B)/tool/trust: $(TRUST_SRC) $(B)/tool/sha256.o port/wolfssl/cert.h include/stsmail/wolfssl.h
	$(CC) -std=c11 $(WARN) -O2 -Iinclude $(subst -I$(WOLFSSL_DIR),-isystem $(WOLFSSL_DIR),$(WOLFSSL_DEFS)) -DSTS_WOLFSSL_NO_ASM \
	    $(filter %.c %.o,$^) -o $@

OUT ?= $(B)/trust.bin
## trust: CA=FILE, its PEM certificates as the table that devices trust, build/trust.bin (OUT=FILE)
.PHONY: trust
trust: $(B)/tool/trust
	@$< $(or $(CA),/etc/ssl/certs/ca-certificates.crt) $(OUT)

## deps: fetch wolfSSL and lwIP as Debian 13 packages their sources, into build/deps
.PHONY: deps
deps:
	@B=$(B) bash port/deps

# Both at once (&:), also under -j.
$(B)/deps/wolfssl/wolfssl/ssl.h $(B)/deps/lwip/src/include/lwip/tcp.h &:
	@B=$(B) bash port/deps
