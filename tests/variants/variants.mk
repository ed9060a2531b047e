# SPDX-License-Identifier: MIT
#
# Every compiler, optimisation and limit that matters, without a warning; and the unit tests once more where char is
# unsigned, and where size_t has 32 bits and there is no cmocka.

.PHONY: compilers-packages
compilers-packages: arm-packages unit-packages
	@$(NEED) clang $(M32_PACKAGES)

$(eval $(call unit_variant,uchar,-O1 -funsigned-char,$(UNIT_TESTS)))

# Their own runner: there is no 32-bit cmocka.
SMALL_FLAGS := -O1 -DSTS_TEST_SMALL
ifeq ($(shell uname -m),x86_64)
# The headers of another architecture are those of this one, but for what libc6-dev-i386 has.
M32 := -m32 -idirafter /usr/include/x86_64-linux-gnu
M32_PACKAGES := lib32gcc-12-dev libc6-dev-i386
endif
$(B)/unit/small/%.o: %.c | compilers-packages
	@mkdir -p $(@D)
	$(CC) $(UNIT_FLAGS) $(M32) $(SMALL_FLAGS) -c $< -o $@

$(B)/unit/small/libtest.a: $(patsubst %.c,$(B)/unit/small/%.o,$(UNIT_SRC))
	@rm -f $@
	$(AR) rcs $@ $^

$(addprefix $(B)/unit/small/,$(UNIT_TESTS)): $(B)/unit/small/%: $(B)/unit/small/tests/unit/%.o $(B)/unit/small/libtest.a
	$(CC) $(M32) $(SMALL_FLAGS) $^ -o $@

-include $(wildcard $(B)/unit/small/*/*.d $(B)/unit/small/*/*/*.d)

CHECKS += compilers
## compilers: no warning from any compiler; unit tests with unsigned char, and with 32 bits without cmocka
.PHONY: compilers
compilers: export CORE_FLAGS := $(CORE_FLAGS)
compilers: export HOSTED_FLAGS := $(LINUX_HOSTED)
compilers: export WOLFSSL_PORT_FLAGS := $(WOLFSSL_PORT_FLAGS)
compilers: export M32_FLAGS := $(M32)
compilers: compilers-packages $(WOLFSSL_DIR)/wolfssl/ssl.h $(foreach v,uchar small,$(addprefix $(B)/unit/$(v)/,$(UNIT_TESTS)))
	@$(PYTHON) tests/run.py compilers $(B)/results "$(PYTHON) tests/variants/compilers.py $(B)"
	@$(PYTHON) tests/run.py unit-uchar $(B)/results $(addprefix $(B)/unit/uchar/,$(UNIT_TESTS))
	@$(PYTHON) tests/run.py unit-small $(B)/results $(addprefix $(B)/unit/small/,$(UNIT_TESTS))
