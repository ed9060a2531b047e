# SPDX-License-Identifier: MIT
#
# The program `stsmail` for Linux, and the library that it is linked with.

LINUX_CFLAGS ?= -O2 -g
LINUX_HARDEN := -fstack-protector-strong -fPIE -ffunction-sections -fdata-sections
LINUX_FLAGS := $(LINUX_LIMITS) $(LINUX_CFLAGS) $(LINUX_HARDEN) -MMD -MP
LINUX_LDFLAGS := -pie -Wl,-z,relro,-z,now,-z,noexecstack,--gc-sections,--as-needed
# The ports and the program see a whole libc; the core sees what it sees on a device.
LINUX_HOSTED := -std=c11 $(WARN) -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -D_FORTIFY_SOURCE=2 -Iinclude

LINUX_OBJ := $(B)/linux/obj
LINUX_LIB := $(patsubst %.c,$(LINUX_OBJ)/%.o,$(CORE) $(wildcard port/posix/*.c port/ram/*.c)) \
        $(patsubst %.c,$(B)/linux/%.o,$(wildcard port/wolfssl/*.c))
LINUX_MAIN := $(patsubst %.c,$(LINUX_OBJ)/%.o,$(wildcard boards/linux/*.c boards/common/*.c))

## all: the program for this machine, build/linux/stsmail
.PHONY: all
all: $(B)/linux/stsmail

.PHONY: linux-packages
linux-packages:
	@echo '#include <idn2.h>' | $(CC) -E - >/dev/null 2>&1 || $(NEED) gcc libc6-dev libidn2-dev

$(LINUX_OBJ)/core/%.o: core/%.c | linux-packages
	@mkdir -p $(@D)
	$(CC) $(CORE_FLAGS) $(LINUX_FLAGS) -c $< -o $@

$(LINUX_OBJ)/port/%.o: port/%.c | linux-packages
	@mkdir -p $(@D)
	$(CC) $(LINUX_HOSTED) $(LINUX_FLAGS) -c $< -o $@

# SOURCE_DATE_EPOCH raises the date before which a clock counts as unset.
$(LINUX_OBJ)/boards/%.o: boards/%.c Makefile | linux-packages
	@mkdir -p $(@D)
	$(CC) $(LINUX_HOSTED) $(LINUX_FLAGS) -DSTS_VERSION='"$(VERSION)"' \
	    $(if $(SOURCE_DATE_EPOCH),-DSTS_BUILD_EPOCH=$(SOURCE_DATE_EPOCH)) -c $< -o $@

$(B)/linux/libstsmail.a: $(LINUX_LIB)
	@rm -f $@
	$(AR) rcsD $@ $^

$(B)/linux/stsmail: $(LINUX_MAIN) $(B)/linux/libstsmail.a $(B)/linux/libwolfssl.a
	$(CC) $(LINUX_CFLAGS) $(LINUX_LDFLAGS) $^ -lidn2 -o $@

-include $(wildcard $(LINUX_OBJ)/*/*.d $(LINUX_OBJ)/*/*/*.d)
