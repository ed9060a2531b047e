# SPDX-License-Identifier: MIT
#
# The flash campaign: how flash.c says, in two processes.

$(B)/faults/flash $(B)/faults/flash-asan: FAULTS_FLAGS += -Wl,--wrap=sts_crc32

CHECKS += flash
## flash: power cut at every byte and erase of the flash store's workload and of its recoveries; bad sectors, flipped bits, wear
.PHONY: flash
flash: $(B)/faults/flash
	@$< >$(B)/faults/flash.txt || grep FAILED $(B)/faults/flash.txt
	@$(PYTHON) tests/run.py flash $(B)/results "tail -n 2 $(B)/faults/flash.txt"
	@grep -E '^(wear:|cuts:|[a-z]+-[a-z]+:)' $(B)/faults/flash.txt
	@tail -n 1 $(B)/faults/flash.txt
