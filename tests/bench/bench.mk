# SPDX-License-Identifier: MIT

## bench: instructions of one delivery, cold and warm, with one trust anchor and with all of Debian's
.PHONY: bench
bench: $(B)/linux/stsmail interop-packages
	@$(NEED) valgrind ca-certificates
	@STSMAIL=$(INTEROP_PROGRAM) $(PYTHON) tests/bench/bench.py
