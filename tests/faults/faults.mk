# SPDX-License-Identifier: MIT
#
# What happens when something fails: power at any byte of the flash (flash.mk), each call of each port (tort), and
# everything at random for years (sim).

FAULTS_FLAGS := -std=gnu11 $(WARN) -g -Iinclude -Itests/faults
FAULTS_SRC := $(CORE) $(wildcard port/ram/*.c port/flash/*.c)
FAULTS_HEADERS := $(wildcard tests/faults/*.h include/stsmail/*.h include/stsmail/engine/*.h)
FAULTS_ASAN := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all

$(B)/faults/%: tests/faults/%.c $(FAULTS_SRC) $(FAULTS_HEADERS) | faults-packages
	@mkdir -p $(@D)
	$(CC) $(FAULTS_FLAGS) -O2 $(filter %.c,$^) -o $@

$(B)/faults/%-asan: tests/faults/%.c $(FAULTS_SRC) $(FAULTS_HEADERS) | faults-packages
	@mkdir -p $(@D)
	$(CC) $(FAULTS_FLAGS) $(FAULTS_ASAN) $(filter %.c,$^) -o $@

.PHONY: faults-packages
faults-packages:
	@$(NEED) gcc libc6-dev python3

# What a campaign printed is kept: its last line is the count of its points, the one before it that of its tests.
CHECKS += tort
## tort: every fallible call of every port fails, once and for good, alone and in pairs
.PHONY: tort
tort: $(B)/faults/tort-asan
	@$< >$(B)/faults/tort.txt || grep FAILED $(B)/faults/tort.txt
	@$(PYTHON) tests/run.py tort $(B)/results "tail -n 2 $(B)/faults/tort.txt"
	@tail -n 1 $(B)/faults/tort.txt
