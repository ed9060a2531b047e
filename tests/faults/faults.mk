# SPDX-License-Identifier: MIT
#
# What happens when something fails: power at any byte of the flash (flash.mk), each call of each port (tort), everything
# at random for years (sim), and power for a whole fleet (fleet).

# gcc 12 takes two strings of one struct for overlapping ones.
FAULTS_FLAGS := -std=gnu11 $(WARN) -Wno-restrict -Wno-format-truncation -g -Iinclude -Itests/faults
FAULTS_SRC := $(CORE) $(wildcard port/ram/*.c port/flash/*.c)
FAULTS_HEADERS := $(wildcard tests/faults/*.h tests/unit/dns_wire.h tests/tls/faulty_pool.h include/stsmail/*.h include/stsmail/engine/*.h)
FAULTS_ASAN := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
FAULTS_CAMPAIGNS := flash tort sim fleet

$(addprefix $(B)/faults/,$(FAULTS_CAMPAIGNS)): $(B)/faults/%: tests/faults/%.c $(FAULTS_SRC) $(FAULTS_HEADERS) | faults-packages
	@mkdir -p $(@D)
	$(CC) $(FAULTS_FLAGS) -O2 $(filter %.c,$^) -o $@

$(addsuffix -asan,$(addprefix $(B)/faults/,$(FAULTS_CAMPAIGNS))): $(B)/faults/%-asan: tests/faults/%.c $(FAULTS_SRC) $(FAULTS_HEADERS) | faults-packages
	@mkdir -p $(@D)
	$(CC) $(FAULTS_FLAGS) $(FAULTS_ASAN) $(filter %.c,$^) -o $@

.PHONY: faults-packages
faults-packages:
	@$(NEED) gcc libc6-dev python3

## faults: power cut at any byte of the flash, every call that fails, and years of all of it at random
.PHONY: faults
faults: flash tort sim fleet
	@tail -q -n 1 $(B)/faults/flash.txt $(B)/faults/tort.txt $(B)/faults/sim.txt

# What a campaign printed is kept in build/faults: its last line is the count of its points, the one before it that of its
# tests. A failure is shown at once, with the words that repeat it: build/faults/tort SCENARIO ..., build/faults/sim --seed N -v.
TORT_TLS := tests/faults/tort_tls.c port/posix/net.c port/posix/random.c core/crc.c core/match.c core/text.c
TORT_TLS_WRAP := -Wl,--wrap=sts_pool_take,--wrap=sts_wolfssl_malloc,--wrap=sts_wolfssl_realloc

$(B)/faults/tort_tls: $(TORT_TLS) $(LINUX_WOLFSSL) $(FAULTS_HEADERS) | faults-packages
	@mkdir -p $(@D)
	$(CC) $(FAULTS_FLAGS) -D_GNU_SOURCE -O2 $(TORT_TLS_WRAP) $(filter %.c %.o %.a,$^) -o $@

CHECKS += tort
## tort: every fallible call of every port fails, once and for good, alone and in pairs
.PHONY: tort
tort: $(B)/faults/tort-asan $(B)/faults/tort_tls
	@$(NEED) openssl
	@tests/faults/tort_tls.sh $(B)/faults/tort_tls >$(B)/faults/tort_tls.txt || cat $(B)/faults/tort_tls.txt
	@$< >$(B)/faults/tort.txt || grep FAILED $(B)/faults/tort.txt
	@$(PYTHON) tests/run.py tort $(B)/results "tail -n 2 $(B)/faults/tort.txt" "tail -n 2 $(B)/faults/tort_tls.txt" >/dev/null
	@tail -n 1 $(B)/faults/tort_tls.txt
	@tail -n 2 $(B)/faults/tort.txt

# A longer campaign takes other seeds than `make check`: make sim SIM_SESSIONS=100000000 SIM_FROM=5000000.
SIM_SESSIONS ?= 1000000
SIM_FROM ?= 1

CHECKS += sim
## sim: devices live for years in a world of faults and attackers; a million sessions, and some more under ASan
.PHONY: sim
sim: $(B)/faults/sim $(B)/faults/sim-asan
	@$(B)/faults/sim-asan --from 1000001 --sessions 20000 --jobs 2 >$(B)/faults/sim-asan.txt || grep VIOLATION $(B)/faults/sim-asan.txt
	@$(B)/faults/sim --from $(SIM_FROM) --sessions $(SIM_SESSIONS) --jobs 2 >$(B)/faults/sim.txt || grep VIOLATION $(B)/faults/sim.txt
	@$(PYTHON) tests/run.py sim $(B)/results "tail -n 2 $(B)/faults/sim-asan.txt" "tail -n 2 $(B)/faults/sim.txt" >/dev/null
	@tail -n 5 $(B)/faults/sim.txt

CHECKS += fleet
## fleet: 10,000 devices get their power back in the same millisecond
.PHONY: fleet
fleet: $(B)/faults/fleet
	@$< >$(B)/faults/fleet.txt || cat $(B)/faults/fleet.txt
	@$(PYTHON) tests/run.py fleet $(B)/results "tail -n 1 $(B)/faults/fleet.txt" >/dev/null
	@cat $(B)/faults/fleet.txt
