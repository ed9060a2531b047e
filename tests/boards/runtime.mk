# SPDX-License-Identifier: MIT

BOARD_RUNTIME = $(foreach b,$(BOARDS),"$(PYTHON) tests/boards/test_runtime.py $(b)")

CHECKS += boards-runtime
## boards-runtime: the boards at their start, and with too little: SNTP, DHCP, IPv6, no resolver, pools of all sizes
.PHONY: boards-runtime
boards-runtime: $(BOARD_READY) $(foreach b,$(BOARDS),$(B)/$(b)/stsmail.elf)
	@$(PYTHON) tests/run.py boards-runtime $(B)/results --timeout 900 $(BOARD_RUNTIME)

check-boards: boards-runtime
