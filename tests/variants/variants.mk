# SPDX-License-Identifier: MIT
#
# Every compiler, optimisation and limit that matters, without a warning; and the unit tests once more where char is
# unsigned, and where size_t has 32 bits and there is no cmocka.

.PHONY: compilers-packages
compilers-packages: arm-packages unit-packages
	@$(NEED) clang $(M32_PACKAGES)

$(eval $(call unit_variant,uchar,-O1 -funsigned-char,$(UNIT_TESTS)))

# Other machines, with the tests' own runner, since cmocka is there for this one alone. Every test joins by itself; on a bare
# machine those that have no operating system in them, or have it under #ifndef STS_TEST_SMALL.
SMALL := -DSTS_TEST_SMALL
ifeq ($(shell uname -m),x86_64)
# The headers of another architecture are those of this one, but for what libc6-dev-i386 has.
M32 := -m32 -idirafter /usr/include/x86_64-linux-gnu
M32_PACKAGES := lib32gcc-12-dev libc6-dev-i386
endif
BARE_TESTS := $(patsubst tests/unit/%.c,%,$(sort $(shell grep -LE '<stsmail/posix.h>|<stsmail/flash_file.h>|<arpa/|boards/linux' tests/unit/test_*.c tests/unit/exh_*.c; \
    grep -l STS_TEST_SMALL tests/unit/test_*.c)))

i686_LIBS := -lm
i686_PACKAGES := compilers-packages
$(eval $(call unit_variant,i686,-O2 $(M32) $(SMALL),$(UNIT_TESTS) $(UNIT_EXH)))

powerpc_TOOLS := powerpc-linux-gnu-
powerpc_LIBS := -static -lm
powerpc_PACKAGES := powerpc-packages
$(eval $(call unit_variant,powerpc,-O2 $(SMALL),$(UNIT_TESTS) $(UNIT_EXH)))

CORTEX_M := tests/variants/cortex-m
cortex-m3_TOOLS := arm-none-eabi-
cortex-m3_LIBS := --specs=rdimon.specs -nostartfiles -T $(CORTEX_M)/machine.ld -Wl,--gc-sections
cortex-m3_SRC := $(CORE) $(wildcard port/ram/*.c) port/flash/sim.c $(addprefix port/wolfssl/,build.c der.c gate.c identity.c pem.c root.c table.c)
cortex-m3_PACKAGES := cortex-m3-packages
$(eval $(call unit_variant,cortex-m3,-Os -mcpu=cortex-m3 -mthumb -ffunction-sections $(SMALL),$(BARE_TESTS)))
$(addprefix $(B)/unit/cortex-m3/,$(BARE_TESTS)): $(B)/unit/cortex-m3/$(CORTEX_M)/start.o $(CORTEX_M)/machine.ld

.PHONY: powerpc-packages cortex-m3-packages
powerpc-packages:
	@$(NEED) gcc-powerpc-linux-gnu libc6-dev-powerpc-cross qemu-user python3
cortex-m3-packages: arm-packages
	@$(NEED) qemu-system-arm

CHECKS += compilers
## compilers: no warning from any compiler; unit tests with unsigned char
.PHONY: compilers
compilers: export CORE_FLAGS := $(CORE_FLAGS)
compilers: export HOSTED_FLAGS := $(LINUX_HOSTED)
compilers: export WOLFSSL_PORT_FLAGS := $(WOLFSSL_PORT_FLAGS)
compilers: export M32_FLAGS := $(M32)
compilers: compilers-packages $(WOLFSSL_DIR)/wolfssl/ssl.h $(addprefix $(B)/unit/uchar/,$(UNIT_TESTS))
	@$(PYTHON) tests/run.py compilers $(B)/results "$(PYTHON) tests/variants/compilers.py $(B)"
	@$(PYTHON) tests/run.py unit-uchar $(B)/results $(addprefix $(B)/unit/uchar/,$(UNIT_TESTS))

# Minutes in an emulator.
SLOW_EXH := exh_http exh_mailer exh_message exh_policy exh_queue exh_smtp

# $(1) machine, $(2) tests, $(3) what runs one
define machine
.PHONY: $(1) $(1)-slow
$(1): $(addprefix $(B)/unit/$(1)/,$(filter-out $(if $(3),$(SLOW_EXH)),$(2)))
$(1)-slow: $(addprefix $(B)/unit/$(1)/,$(filter $(SLOW_EXH),$(2)))
$(1) $(1)-slow:
	@$(PYTHON) tests/run.py $$@ $(B)/results $$(addprefix "$(3) ,$$(addsuffix ",$$^))
endef
$(eval $(call machine,i686,$(UNIT_TESTS) $(UNIT_EXH)))
$(eval $(call machine,powerpc,$(UNIT_TESTS) $(UNIT_EXH),qemu-ppc))
$(eval $(call machine,cortex-m3,$(BARE_TESTS),$(CORTEX_M)/run))

CHECKS += machines
## machines: the unit tests on a Cortex-M3 (QEMU), on 32-bit x86, on big-endian PowerPC (QEMU)
.PHONY: machines
machines: cortex-m3 i686 powerpc

## machines-all: and the exhaustive ones that take minutes there
.PHONY: machines-all
machines-all: machines cortex-m3-slow powerpc-slow
