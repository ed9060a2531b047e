# SPDX-License-Identifier: MIT

CHECKS += rfc-check
## rfc: each rule of RFC 8461 with its tests, and where each section of an RFC is obeyed; fails on gaps
.PHONY: rfc rfc-check
rfc:
	@$(PYTHON) tests/rfc/rfc.py
rfc-check:
	@$(PYTHON) tests/run.py rfc $(B)/results "$(PYTHON) tests/rfc/rfc.py --check"
