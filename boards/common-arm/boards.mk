# SPDX-License-Identifier: MIT
#
# Firmware for the boards that QEMU has: make BOARD=mps2-an385 firmware, and so on.

BOARD ?= mps2-an385
BOARDS := mps2-an385 lm3s6965evb
# The trust anchors that are linked in, as a table (make trust): CA=FILE, PEM, or such a table. An empty file: none.
BOARD_CA := /etc/ssl/certs/ca-certificates.crt
WOLFSSL_DIR ?= $(B)/deps/wolfssl
LWIP_DIR ?= $(B)/deps/lwip

BOARD_CC := arm-none-eabi-gcc
BOARD_CPU := -mcpu=cortex-m3 -mthumb
BOARD_OPT := -Os -g -ffunction-sections -fdata-sections
BOARD_LWIP_C := $(addprefix src/core/,def.c inet_chksum.c init.c ip.c mem.c memp.c netif.c pbuf.c sys.c tcp.c tcp_in.c \
        tcp_out.c timeouts.c udp.c $(addprefix ipv4/,dhcp.c etharp.c icmp.c ip4.c ip4_addr.c) \
        $(addprefix ipv6/,ethip6.c icmp6.c ip6.c ip6_addr.c mld6.c nd6.c)) src/apps/sntp/sntp.c src/netif/ethernet.c
BOARD_WOLFSSL_C := $(addprefix src/,internal.c keys.c ssl.c tls.c tls13.c wolfio.c) \
    $(addprefix wolfcrypt/src/,aes.c asn.c chacha.c chacha20_poly1305.c ecc.c hash.c hmac.c kdf.c memory.c poly1305.c \
        random.c rsa.c sha256.c sha512.c sp_c32.c sp_cortexm.c sp_int.c wc_port.c wolfmath.c)
# What Ed25519 takes, for mail that is signed (DKIM=1).
BOARD_ED25519_C := $(addprefix wolfcrypt/src/,ed25519.c fe_low_mem.c ge_low_mem.c)
BOARD_PORT := $(sort $(wildcard port/wolfssl/*.c)) port/lwip/raw.c port/lwip/services.c port/ram/store.c
# An image of another kind, as the benches build it: its main files, and objects that are linked in.
BOARD_MAIN := main.c network.c policy.c store.c queue.c dkim.c
BOARD_MORE :=
BOARD_COMMON = $(patsubst %,boards/common-arm/%,args.c clock.c entropy.c $(BOARD_MAIN) report.c semihost.c startup.c) \
    $(if $(BOARD_REPORTS),boards/common-arm/reports.c boards/common/reporter.c)
# Other settings: DEFS='-DBOARD_DHCP=1 ...', and for their objects a folder of their own, VARIANT=-dhcp: build/BOARD-dhcp/.
# Only -DBOARD_POOL=BYTES needs no other objects.
# Options that find their folder by themselves. DKIM=1, mail can be signed: build/BOARD-dkim/, with a wolfSSL that signs. TLSRPT=1, TLS is
# reported: build/BOARD-tlsrpt/; that takes flash to count in and 13 KB of RAM, so only mps2-an385 has it.
$(if $(filter-out 0 1,$(DKIM)),$(error DKIM=$(DKIM) is neither 1 nor 0))
BOARD_SIGNS := $(if $(filter 1,$(DKIM)),-dkim)
$(if $(filter-out 0 1,$(TLSRPT)),$(error TLSRPT=$(TLSRPT) is neither 1 nor 0))
BOARD_REPORTS := $(if $(filter 1,$(TLSRPT)),-tlsrpt)
$(if $(BOARD_REPORTS),$(if $(filter-out mps2-an385,$(BOARD)),$(error TLSRPT=1: $(BOARD) has no flash store to count in; mps2-an385 has)))
BOARD_VARIANT := $(VARIANT)$(BOARD_SIGNS)$(BOARD_REPORTS)
BOARD_DEFS := $(DEFS) $(if $(BOARD_SIGNS),-DSTS_DKIM=1) $(if $(BOARD_REPORTS),-DBOARD_TLSRPT=1) $(if $(SOURCE_DATE_EPOCH),-DSTS_BUILD_EPOCH=$(SOURCE_DATE_EPOCH))

# $(1): the board
define board_rules
$(1)_DEFS := -DSTS_CONFIG_FILE='"boards/$(1)/stsmail_limits.h"' -DWOLFSSL_USER_SETTINGS \
    -DSTS_WOLFSSL_FEATURES='"boards/$(1)/wolfssl_features.h"' -DNO_WOLFSSL_MEMORY_STUBS $(BOARD_DEFS) -iquote .
$(1)_OUT := $(B)/$(1)$(BOARD_VARIANT)
$(1)_WOLFSSL := $(B)/$(1)$(BOARD_SIGNS)/wolfssl
$(1)_DIRS := -Iboards/$(1) -Iboards/common-arm/lwip -Iport/wolfssl
$(1)_FLAGS := $(BOARD_CPU) $(BOARD_OPT) -MMD -MP $$($(1)_DEFS) $$($(1)_DIRS)
$(1)_OURS := -std=c11 $(WARN) -Iinclude -I. -isystem $(LWIP_DIR)/src/include -isystem $(WOLFSSL_DIR)

$$($(1)_OUT)/core/%.o: core/%.c | arm-packages
	@mkdir -p $$(@D)
	$(BOARD_CC) $(CORE_FLAGS) $(BOARD_CPU) $(BOARD_OPT) -MMD -MP -DSTS_CONFIG_FILE='"boards/$(1)/stsmail_limits.h"' $(BOARD_DEFS) -I. -c $$< -o $$@

$$($(1)_OUT)/port/%.o: port/%.c | arm-packages $(WOLFSSL_DIR)/wolfssl/ssl.h $(LWIP_DIR)/src/include/lwip/tcp.h
	@mkdir -p $$(@D)
	$(BOARD_CC) $$($(1)_OURS) $$($(1)_FLAGS) -c $$< -o $$@

$$($(1)_OUT)/boards/%.o: boards/%.c | arm-packages $(WOLFSSL_DIR)/wolfssl/ssl.h $(LWIP_DIR)/src/include/lwip/tcp.h
	@mkdir -p $$(@D)
	$(BOARD_CC) $$($(1)_OURS) $$($(1)_FLAGS) -Iboards/common-arm -c $$< -o $$@

$$($(1)_WOLFSSL)/%.o: $(WOLFSSL_DIR)/wolfssl/ssl.h port/wolfssl/user_settings.h port/wolfssl/small_features.h port/wolfssl/hook.h \
        boards/$(1)/wolfssl_features.h | arm-packages
	@mkdir -p $$(@D)
	$(BOARD_CC) -std=gnu11 -w $(BOARD_CPU) $(BOARD_OPT) $$($(1)_DEFS) -I$(WOLFSSL_DIR) -Iport/wolfssl \
	    $$(WOLFSSL_HOOK_$$(basename $$(notdir $$*))) -c $(WOLFSSL_DIR)/$$* -o $$@

$$($(1)_OUT)/lwip/%.o: $(LWIP_DIR)/src/include/lwip/tcp.h boards/$(1)/lwipopts.h boards/$(1)/stsmail_limits.h \
        $(wildcard boards/common-arm/lwip/*.h) boards/common-arm/lwip/arch/cc.h include/stsmail/lwip_hooks.h include/stsmail/config.h | arm-packages
	@mkdir -p $$(@D)
	$(BOARD_CC) -std=gnu11 -w $(BOARD_CPU) $(BOARD_OPT) $$($(1)_DEFS) $$($(1)_DIRS) -Iinclude -I$(LWIP_DIR)/src/include -c $(LWIP_DIR)/$$* -o $$@

$(1)_OBJ := $$(patsubst %.c,$$($(1)_OUT)/%.o,$(CORE) $(BOARD_PORT) $(BOARD_COMMON) $$(wildcard boards/$(1)/*.c)) \
    $$(patsubst %,$$($(1)_WOLFSSL)/%.o,$(BOARD_WOLFSSL_C) $(if $(BOARD_SIGNS),$(BOARD_ED25519_C))) $$(patsubst %,$$($(1)_OUT)/lwip/%.o,$(BOARD_LWIP_C))

# With other anchors: CA=FILE. The image of a test has a name of its own, ELF=FILE.
$(1)_ROOTS := $(or $(CA),$(BOARD_CA))
$(1)_ELF := $$(or $(ELF),$$($(1)_OUT)/stsmail.elf)
$$($(1)_ELF): $$($(1)_OBJ) boards/common-arm/roots.S boards/common-arm/sections.ld boards/common-arm/memory.c boards/$(1)/board.ld $$($(1)_OUT)/image.name $$($(1)_ROOTS) $(B)/tool/trust
	@mkdir -p $$(@D)
	if [ -s $$($(1)_ROOTS) ]; then $(B)/tool/trust $$($(1)_ROOTS) $$@.roots.bin; else : >$$@.roots.bin; fi
	$(BOARD_CC) $(BOARD_CPU) -DBOARD_ROOTS='"$$@.roots.bin"' -c boards/common-arm/roots.S -o $$@.roots.o
	$(BOARD_CC) $$($(1)_OURS) $$($(1)_FLAGS) -Iboards/common-arm -c boards/common-arm/memory.c -o $$@.memory.o
	$(BOARD_CC) $(BOARD_CPU) --specs=nano.specs -nostartfiles -Wl,--gc-sections,-Map=$$(@:.elf=.map) -L. \
	    -T boards/$(1)/board.ld $$($(1)_OBJ) $(BOARD_MORE) $$@.roots.o $$@.memory.o -o $$@

# Linked anew when CA names another file, or DEFS are others.
.PHONY: $(1)-ca
$$($(1)_OUT)/image.name: $(1)-ca
	@mkdir -p $$(@D)
	@echo '$$($(1)_ROOTS) $(DEFS)' | cmp -s - $$@ || echo '$$($(1)_ROOTS) $(DEFS)' > $$@

-include $$(wildcard $$(patsubst %.o,%.d,$$($(1)_OBJ)))
endef
$(foreach b,$(BOARDS),$(if $(wildcard boards/$(b)/board.c),$(if $(or $(if $(ELF),,all),$(filter $(b),$(BOARD))),$(eval $(call board_rules,$(b))))))

## firmware: the image of a board, build/BOARD/stsmail.elf (BOARD=mps2-an385; CA=FILE: its trust anchors)
.PHONY: firmware
firmware: $($(BOARD)_ELF)

## run-demo: an alert from BOARD in QEMU to real servers: knot, unbound, nginx, Postfix
.PHONY: run-demo
run-demo: qemu-packages interop-packages arm-packages $(WOLFSSL_DIR)/wolfssl/ssl.h $(LWIP_DIR)/src/include/lwip/tcp.h
	@tests/interop/unpack $(B)/servers $(DEMO_SERVERS)
	@PYTHONDONTWRITEBYTECODE=1 $(PYTHON) tests/boards/demo.py $(BOARD)

RAW_FLAGS = -std=gnu11 $(ASAN) -DSTS_IPV6=0 -Itests/unit -Itests/boards/raw -I. -Iinclude -isystem $(LWIP_DIR)/src/include
RAW_LWIP := $(patsubst %,$(B)/boards/%.o,$(filter-out %/etharp.c %/ethernet.c,$(BOARD_LWIP_C)))
RAW_HEADERS := include/stsmail/lwip_raw.h include/stsmail/port.h \
    $(wildcard tests/boards/raw/*.h tests/boards/raw/arch/*.h boards/common-arm/lwip/*.h)

$(B)/boards/src/%.o: $(LWIP_DIR)/src/include/lwip/tcp.h $(RAW_HEADERS)
	@mkdir -p $(@D)
	$(CC) -w $(RAW_FLAGS) -c $(LWIP_DIR)/src/$* -o $@

$(B)/boards/test_raw: tests/boards/raw/test_raw.c port/lwip/raw.c port/lwip/services.c core/clock.c $(RAW_LWIP) $(RAW_HEADERS) | unit-packages
	$(CC) $(WARN) $(RAW_FLAGS) tests/boards/raw/test_raw.c port/lwip/raw.c port/lwip/services.c core/clock.c $(RAW_LWIP) -lcmocka -o $@

## check-raw: lwIP's raw API as a network: lost packets, resets, no memory, under ASan
.PHONY: check-raw
check-raw: $(B)/boards/test_raw
	@$<
