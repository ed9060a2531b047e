# SPDX-License-Identifier: MIT

BOARD_RUNTIME = $(foreach b,$(BOARDS),"$(PYTHON) tests/boards/test_runtime.py $(b)")

CHECKS += boards-runtime
## boards-runtime: the boards at their start, and with too little: SNTP, DHCP, IPv6, no resolver, pools of all sizes
.PHONY: boards-runtime
boards-runtime: $(BOARD_READY) $(foreach b,$(BOARDS),$(B)/$(b)/stsmail.elf)
	@$(PYTHON) tests/run.py boards-runtime $(B)/results --timeout 900 $(BOARD_RUNTIME)

check-boards: boards-runtime

CHECKS += boards-power
## boards-power: what mps2-an385 accepted outlives resets and power cuts, on its flash
.PHONY: boards-power
boards-power: $(BOARD_READY) $(B)/mps2-an385/stsmail.elf
	@$(PYTHON) tests/run.py boards-power $(B)/results --timeout 900 "$(PYTHON) tests/boards/test_power.py mps2-an385"

check-boards: boards-power

CHECKS += boards-signed
## boards-signed: alerts that the boards sign (DKIM=1), from real servers' mailbox, verified by dkimpy; keys that cannot be used
.PHONY: boards-signed
boards-signed: $(BOARD_READY) interop-packages dkim-packages
	@tests/interop/unpack $(B)/servers $(DEMO_SERVERS)
	@$(PYTHON) tests/run.py boards-signed $(B)/results --timeout 300 $(foreach b,$(BOARDS),"$(PYTHON) tests/boards/test_signed.py $(b)")

check-boards: boards-signed

CHECKS += boards-reported
## boards-reported: what mps2-an385 saw of TLS (TLSRPT=1), counted over resets, and its reports at receivers of all kinds
.PHONY: boards-reported
boards-reported: $(BOARD_READY) interop-packages tlsrpt-packages dkim-packages
	@tests/interop/unpack $(B)/servers $(DEMO_SERVERS)
	@$(PYTHON) tests/run.py boards-reported $(B)/results --timeout 300 "$(PYTHON) tests/boards/test_reported.py mps2-an385"

check-boards: boards-reported
