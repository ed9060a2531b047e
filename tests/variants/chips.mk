# SPDX-License-Identifier: MIT
#
# The whole library with wolfSSL and lwIP, compiled without a warning and linked for the cores of other microcontrollers: nothing is
# unresolved but what a board brings, and there is no heap.

CHIPS := cortex-m0plus cortex-m3 cortex-m4 cortex-m33 riscv32
CHIPS_ARM := --specs=nano.specs -mthumb
cortex-m0plus_CHIP := -mcpu=cortex-m0plus $(CHIPS_ARM)
cortex-m3_CHIP := -mcpu=cortex-m3 $(CHIPS_ARM)
cortex-m4_CHIP := -mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16 $(CHIPS_ARM)
cortex-m33_CHIP := -mcpu=cortex-m33 $(CHIPS_ARM)
riscv32_CHIP := -march=rv32imac -mabi=ilp32 --specs=picolibc.specs \
    -Wl,--defsym=__flash_size=0x100000,--defsym=__ram_size=0x40000
riscv32_CHIP_TOOLS := riscv64-unknown-elf-

CHIPS_DIR := tests/variants/chips
CHIPS_OPT := -Os -ffunction-sections -fdata-sections
CHIPS_DEFS := -DWOLFSSL_USER_SETTINGS -DSTS_WOLFSSL_FEATURES='"$(CHIPS_DIR)/wolfssl_features.h"' -DNO_WOLFSSL_MEMORY_STUBS -iquote . \
    -I$(CHIPS_DIR) -Iport/wolfssl
CHIPS_OURS := -std=c11 $(WARN) -Werror -Iinclude -isystem $(LWIP_DIR)/src/include -isystem $(WOLFSSL_DIR)
CHIPS_C := $(CORE) $(wildcard port/ram/*.c port/wolfssl/*.c) port/lwip/raw.c $(CHIPS_DIR)/firmware.c
CHIPS_LWIP := $(addprefix src/core/,def.c inet_chksum.c init.c ip.c mem.c memp.c netif.c pbuf.c sys.c tcp.c tcp_in.c tcp_out.c \
    timeouts.c udp.c $(addprefix ipv4/,etharp.c icmp.c ip4.c ip4_addr.c)) src/netif/ethernet.c
CHIPS_WOLFSSL := $(filter-out %/sp_cortexm.c,$(BOARD_WOLFSSL_C))

.PHONY: chips-packages
chips-packages: arm-packages
	@$(NEED) gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf

# $(1): the chip, $(2): its tools
define chip_rules
$(B)/chips/$(1)/core/%.o: core/%.c | chips-packages
	@mkdir -p $$(@D)
	$(2)gcc $(CORE_FLAGS) -Werror $$($(1)_CHIP) $(CHIPS_OPT) -MMD -MP -c $$< -o $$@

$(B)/chips/$(1)/%.o: %.c | chips-packages $(WOLFSSL_DIR)/wolfssl/ssl.h $(LWIP_DIR)/src/include/lwip/tcp.h
	@mkdir -p $$(@D)
	$(2)gcc $(CHIPS_OURS) $$($(1)_CHIP) $(CHIPS_OPT) -MMD -MP $(CHIPS_DEFS) -c $$< -o $$@

$(B)/chips/$(1)/wolfssl/%.o: $(WOLFSSL_DIR)/wolfssl/ssl.h port/wolfssl/user_settings.h port/wolfssl/small_features.h port/wolfssl/hook.h \
        $(CHIPS_DIR)/wolfssl_features.h | chips-packages
	@mkdir -p $$(@D)
	$(2)gcc -std=gnu11 -w $$($(1)_CHIP) $(CHIPS_OPT) $(CHIPS_DEFS) -I$(WOLFSSL_DIR) \
	    $$(WOLFSSL_HOOK_$$(basename $$(notdir $$*))) -c $(WOLFSSL_DIR)/$$* -o $$@

$(B)/chips/$(1)/lwip/%.o: $(LWIP_DIR)/src/include/lwip/tcp.h $(CHIPS_DIR)/lwipopts.h $(CHIPS_DIR)/arch/cc.h | chips-packages
	@mkdir -p $$(@D)
	$(2)gcc -std=gnu11 -w $$($(1)_CHIP) $(CHIPS_OPT) $(CHIPS_DEFS) -I$(LWIP_DIR)/src/include -c $(LWIP_DIR)/$$* -o $$@

$(B)/chips/$(1).elf: $(patsubst %.c,$(B)/chips/$(1)/%.o,$(CHIPS_C)) $(patsubst %,$(B)/chips/$(1)/wolfssl/%.o,$(CHIPS_WOLFSSL)) \
        $(patsubst %,$(B)/chips/$(1)/lwip/%.o,$(CHIPS_LWIP))
	$(2)gcc $$($(1)_CHIP) -nostartfiles -Wl,--gc-sections,-e,firmware,-Map=$$(@:.elf=.map) $$^ -o $$@

-include $$(wildcard $$(patsubst %.c,$(B)/chips/$(1)/%.d,$(CHIPS_C)))
endef
$(foreach c,$(CHIPS),$(eval $(call chip_rules,$(c),$(or $($(c)_CHIP_TOOLS),arm-none-eabi-))))

CHECKS += chips
## chips: all of it with wolfSSL and lwIP, linked for Cortex-M0+, M3, M4, M33 and RISC-V; sizes
.PHONY: chips
chips: $(foreach c,$(CHIPS),$(B)/chips/$(c).elf)
	@$(PYTHON) tests/variants/chips.py $(foreach c,$(CHIPS),$(or $($(c)_CHIP_TOOLS),arm-none-eabi-):$(B)/chips/$(c).elf) >$(B)/chips.txt || true
	@cat $(B)/chips.txt
	@$(PYTHON) tests/run.py chips $(B)/results "tail -n 1 $(B)/chips.txt" >/dev/null
