# SPDX-License-Identifier: MIT
#
# Unit tests of every engine: with a device's limits and with Linux's, under ASan and UBSan; the exhaustive ones
# optimised; and once more for coverage.

UNIT_TESTS := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
UNIT_EXH := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/exh_*.c))
# What the tests may link beside the core: archives, so that each takes only what it names.
UNIT_SRC := $(CORE) $(wildcard port/posix/*.c port/ram/*.c port/flash/*.c) $(addprefix port/wolfssl/,build.c der.c gate.c identity.c pem.c root.c table.c) \
    boards/linux/resolv.c
UNIT_FLAGS := -std=gnu11 $(WARN) -Iinclude -Itests/unit -MMD -MP
ASAN := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
# A few messages in a look of the queue, so that their order is covered too: a device takes one. And mail that is signed.
COV := -O0 -g --coverage -fprofile-abs-path -DSTS_QUEUE_NEXT=4 -DSTS_DKIM=1

# $(1) variant, $(2) flags, $(3) tests. A variant for another machine sets before: $(1)_TOOLS, the prefix of its compiler;
# $(1)_LIBS, what it links in the place of cmocka; $(1)_SRC, where there is no operating system; $(1)_PACKAGES.
define unit_variant
$(B)/unit/$(1)/%.o: %.c | $(or $($(1)_PACKAGES),unit-packages)
	@mkdir -p $$(@D)
	$(or $($(1)_TOOLS:=gcc),$(CC)) $(UNIT_FLAGS) $(2) -c $$< -o $$@

$(B)/unit/$(1)/libtest.a: $(patsubst %.c,$(B)/unit/$(1)/%.o,$(or $($(1)_SRC),$(UNIT_SRC)))
	@rm -f $$@
	$(or $($(1)_TOOLS:=gcc-ar),$(AR)) rcs $$@ $$^

$(addprefix $(B)/unit/$(1)/,$(3)): $(B)/unit/$(1)/%: $(B)/unit/$(1)/tests/unit/%.o $(B)/unit/$(1)/libtest.a
	$(or $($(1)_TOOLS:=gcc),$(CC)) $(2) $$(filter %.o %.a,$$^) $(or $($(1)_LIBS),-lcmocka -lm) -o $$@

-include $$(wildcard $(B)/unit/$(1)/*/*.d $(B)/unit/$(1)/*/*/*.d)
endef

$(eval $(call unit_variant,device,$(ASAN),$(UNIT_TESTS)))
$(eval $(call unit_variant,linux,$(ASAN) $(LINUX_LIMITS),$(UNIT_TESTS)))
$(eval $(call unit_variant,exh,-O2,$(UNIT_EXH)))
$(eval $(call unit_variant,cov,$(COV),$(UNIT_TESTS)))

.PHONY: unit-packages
unit-packages:
	@$(NEED) gcc libc6-dev libcmocka-dev python3

CHECKS += unit
## unit: the engines' tests, two sets of limits, under ASan and UBSan; and the exhaustive ones
.PHONY: unit
unit: $(foreach v,device linux,$(addprefix $(B)/unit/$(v)/,$(UNIT_TESTS))) $(addprefix $(B)/unit/exh/,$(UNIT_EXH))
	@$(PYTHON) tests/run.py unit-device $(B)/results $(addprefix $(B)/unit/device/,$(UNIT_TESTS))
	@$(PYTHON) tests/run.py unit-linux $(B)/results $(addprefix $(B)/unit/linux/,$(UNIT_TESTS))
	@$(PYTHON) tests/run.py exhaustive $(B)/results $(addprefix $(B)/unit/exh/,$(UNIT_EXH))

CHECKS += coverage
## coverage: line and branch coverage of core/ by the unit tests; gaps that tests/unit/coverage.md does not know fail
.PHONY: coverage
coverage: $(addprefix $(B)/unit/cov/,$(UNIT_TESTS))
	@$(NEED) gcovr
	@find $(B)/unit/cov -name '*.gcda' -delete
	@printf '%s\n' $^ | xargs -P 2 -n 1 sh -c '$$0 >/dev/null 2>&1 || echo "coverage: $$0 fails"'
	@$(PYTHON) tests/unit/coverage.py $(B)/unit/cov tests/unit/coverage.md >$(B)/coverage.txt || true
	@cat $(B)/coverage.txt
	@$(PYTHON) tests/run.py coverage $(B)/results "tail -n 1 $(B)/coverage.txt" >/dev/null
