# SPDX-License-Identifier: MIT
#
# A libFuzzer target for each parser, with ASan and UBSan. `make check` runs each for FUZZ_SECONDS; `make fuzz
# FUZZ_SECONDS=3600` for an hour. Corpora are kept in tests/fuzz/corpus.

FUZZ_SECONDS ?= 30
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_FLAGS := -std=gnu11 -g -O1 -Iinclude -Itests/unit -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -MMD -MP

# What the targets may link beside the core: none of it needs wolfSSL.
FUZZ_SRC := $(CORE) $(wildcard port/ram/*.c port/flash/*.c) $(addprefix port/posix/,random.c store.c) \
    $(addprefix port/wolfssl/,build.c der.c gate.c identity.c pem.c root.c sign_key.c table.c) $(addprefix boards/linux/,config.c resolv.c)

$(B)/fuzz/obj/%.o: %.c | fuzz-packages
	@mkdir -p $(@D)
	$(CLANG) $(FUZZ_FLAGS) -c $< -o $@

# What an input does to the flash store shows in the ways that are taken; telling the fuzzer of each comparison of each octet
# of each sum that is made over the log is four fifths of the time.
$(patsubst %.c,$(B)/fuzz/obj/%.o,$(wildcard core/flash_*.c) core/crc.c port/flash/sim.c tests/fuzz/fuzz_flash.c): FUZZ_FLAGS += -fno-sanitize-coverage=trace-cmp

$(B)/fuzz/libcore.a: $(patsubst %.c,$(B)/fuzz/obj/%.o,$(FUZZ_SRC))
	@rm -f $@
	ar rcs $@ $^

$(B)/fuzz/fuzz_%: $(B)/fuzz/obj/tests/fuzz/fuzz_%.o $(B)/fuzz/libcore.a
	$(CLANG) -fsanitize=fuzzer,address,undefined $^ -o $@

-include $(wildcard $(B)/fuzz/obj/*/*.d $(B)/fuzz/obj/*/*/*.d)

.PHONY: fuzz-packages
fuzz-packages:
	@$(NEED) clang libclang-rt-14-dev python3

CHECKS += fuzz
## fuzz: every fuzz target for FUZZ_SECONDS (30)
.PHONY: fuzz
fuzz: $(addprefix $(B)/fuzz/,$(FUZZ_TARGETS))
	@$(PYTHON) tests/run.py fuzz $(B)/results --timeout $$(( $(FUZZ_SECONDS) * 3 + 120 )) \
	    $(foreach t,$(FUZZ_TARGETS),"tests/fuzz/one $(B)/fuzz/$(t) tests/fuzz/corpus/$(t:fuzz_%=%) $(FUZZ_SECONDS)")
