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

# $(FAULTS_SEEDS) shifts the seeds: a longer campaign takes others than `make check`.
SIM_SESSIONS ?= 1000000
FAULTS_SEEDS ?= 1

# What a campaign printed is kept: its last line is the count of its points, the one before it that of its tests.
CHECKS += tort
## tort: every fallible call of every port fails, once and for good, alone and in pairs
.PHONY: tort
tort: $(B)/faults/tort-asan
	@$< >$(B)/faults/tort.txt || grep FAILED $(B)/faults/tort.txt
	@$(PYTHON) tests/run.py tort $(B)/results "tail -n 2 $(B)/faults/tort.txt"
	@tail -n 1 $(B)/faults/tort.txt

CHECKS += sim
## sim: devices live for years in a world of faults and attackers; a million sessions, a part of them under ASan
.PHONY: sim
sim: $(B)/faults/sim $(B)/faults/sim-asan
	@$(B)/faults/sim-asan --from 1000001 --sessions 20000 --jobs 2 >$(B)/faults/sim-asan.txt || grep VIOLATION $(B)/faults/sim-asan.txt
	@$(B)/faults/sim --from $(FAULTS_SEEDS) --sessions $(SIM_SESSIONS) --jobs 2 >$(B)/faults/sim.txt || grep VIOLATION $(B)/faults/sim.txt
	@$(PYTHON) tests/run.py sim $(B)/results "tail -n 2 $(B)/faults/sim-asan.txt" "tail -n 5 $(B)/faults/sim.txt"
	@tail -n 5 $(B)/faults/sim.txt
