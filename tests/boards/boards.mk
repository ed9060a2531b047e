# SPDX-License-Identifier: MIT
#
# The boards in QEMU: scenarios, figures.

BOARD_READY := qemu-packages arm-packages $(WOLFSSL_DIR)/wolfssl/ssl.h $(LWIP_DIR)/src/include/lwip/tcp.h

.PHONY: qemu-packages
qemu-packages:
	@$(NEED) qemu-system-arm python3 python3-cryptography iproute2 util-linux

CHECKS += boards
## boards: a choice of the scenarios, on each board in QEMU
.PHONY: boards
boards: $(BOARD_READY) $(foreach b,$(BOARDS),$(B)/$(b)/stsmail.elf)
	@$(PYTHON) tests/run.py boards $(B)/results --timeout 900 \
	    $(foreach b,$(BOARDS),"$(PYTHON) tests/boards/on_board.py $(b) tests/lwip/test_lwip.py") \
	    $(foreach b,$(BOARDS),"$(PYTHON) tests/boards/test_boards.py $(b)") \
	    "$(PYTHON) tests/boards/bench.py --check" "$(PYTHON) boards/common-arm/size.py --check README.md $(BOARD_MAPS)"

## check-boards: every scenario of tests/interop that makes sense on a board, on each board; takes its time
.PHONY: check-boards
check-boards: boards-interop boards
	@$(PYTHON) tests/tally.py $(B)/results boards boards-interop boards-power boards-reported boards-runtime boards-signed

BOARD_LAB := test_replies.py test_starttls.py test_dns.py test_policy_host.py
.PHONY: boards-interop
# check-start empties build/results: not behind this one's back, since `boards` asks for it.
boards-interop: $(BOARD_READY) $(foreach b,$(BOARDS),$(B)/$(b)/stsmail.elf) zoo-files | check-start
	@$(PYTHON) tests/run.py boards-interop $(B)/results --timeout 14400 \
	    $(foreach b,$(BOARDS),"$(PYTHON) tests/boards/on_board.py $(b) tests/interop/test_certificates.py $(B)/zoo") \
	    $(foreach t,$(BOARD_LAB),$(foreach b,$(BOARDS),"$(PYTHON) tests/boards/on_board.py $(b) tests/interop/$(t)"))

## bench-board: instructions of an alert, and of the longest poll, on BOARD
.PHONY: bench-board
bench-board: $(BOARD_READY) interop-packages
	@tests/interop/unpack $(B)/servers $(DEMO_SERVERS)
	@$(PYTHON) tests/boards/bench.py $(if $(RUNS),--runs $(RUNS)) $(BOARD)

## bench-boards: the same on both boards; rewrites the table in README.md
.PHONY: bench-boards
bench-boards: $(BOARD_READY) interop-packages
	@tests/interop/unpack $(B)/servers $(DEMO_SERVERS)
	@$(PYTHON) tests/boards/bench.py --write README.md $(BOARDS)

# What real servers said once: anew, where what we say is no longer what we said then.
.PHONY: bench-again
bench-again: $(BOARD_READY) interop-packages
	@tests/interop/unpack $(B)/servers $(DEMO_SERVERS)
	@for k in ec p384 rsa2048 rsa4096; do $(PYTHON) tests/boards/bench.py --again $$k mps2-an385 || exit 1; done

BOARD_MAPS := $(foreach b,$(BOARDS),$(B)/$(b)/stsmail.map)

.PHONY: size-boards size-board
size-boards: $(BOARD_READY) $(foreach b,$(BOARDS),$(B)/$(b)/stsmail.elf) $(foreach b,$(BOARDS),board-used-$(b))
	@$(PYTHON) boards/common-arm/size.py --used $(B)/used --write README.md $(BOARD_MAPS)

# With an option or a VARIANT: what the image takes, and no runs.
size-board: firmware $(if $(BOARD_VARIANT),,board-used-$(BOARD))
	@$(PYTHON) boards/common-arm/size.py $(if $(BOARD_VARIANT),,--used $(B)/used) $($(BOARD)_ELF:.elf=.map)

# What the images say at their end, for each kind of chain.
.PHONY: $(foreach b,$(BOARDS),board-used-$(b))
$(foreach b,$(BOARDS),board-used-$(b)): board-used-%: $(BOARD_READY) $(foreach b,$(BOARDS),$(B)/$(b)/stsmail.elf)
	@mkdir -p $(B)/used
	@$(PYTHON) tests/boards/test_boards.py $* --used $(abspath $(B))/used/$*.json
