# SPDX-License-Identifier: MIT
#
# Modified condition/decision coverage of core/ by the unit tests: each condition of a decision shown to decide by itself.
# It is printed and gates nothing: what is not reached has its reason in tests/unit/coverage.md, as for branches.

MCDC_FLAGS := -O0 -g -w -fprofile-instr-generate -fcoverage-mapping -fcoverage-mcdc
MCDC_TESTS := $(UNIT_TESTS)

$(B)/unit/mcdc/%.o: %.c | mcdc-packages
	@mkdir -p $(@D)
	clang-19 $(UNIT_FLAGS) $(MCDC_FLAGS) -c $< -o $@

$(B)/unit/mcdc/libtest.a: $(patsubst %.c,$(B)/unit/mcdc/%.o,$(UNIT_SRC))
	@rm -f $@
	$(AR) rcs $@ $^

$(addprefix $(B)/unit/mcdc/,$(MCDC_TESTS)): $(B)/unit/mcdc/%: $(B)/unit/mcdc/tests/unit/%.o $(B)/unit/mcdc/libtest.a
	clang-19 $(MCDC_FLAGS) $(filter %.o %.a,$^) -lcmocka -lm -o $@

.PHONY: mcdc-packages
mcdc-packages: unit-packages
	@$(NEED) clang-19 llvm-19 libclang-rt-19-dev

## mcdc: modified condition/decision coverage of core/ by the unit tests (clang 19)
.PHONY: mcdc
mcdc: $(addprefix $(B)/unit/mcdc/,$(MCDC_TESTS))
	@rm -f $(B)/unit/mcdc/*.profraw
	@for t in $(MCDC_TESTS); do LLVM_PROFILE_FILE=$(B)/unit/mcdc/$$t.profraw $(B)/unit/mcdc/$$t >/dev/null 2>&1 || echo "mcdc: $$t fails"; done
	@llvm-profdata-19 merge -sparse $(B)/unit/mcdc/*.profraw -o $(B)/unit/mcdc/all.profdata
	@$(PYTHON) tests/unit/mcdc.py $(B)/unit/mcdc/all.profdata $(addprefix $(B)/unit/mcdc/,$(MCDC_TESTS))
