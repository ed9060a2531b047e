# SPDX-License-Identifier: MIT

## mutation: one change at a time in the files that decide; every change that no test notices has its reason
.PHONY: mutation
mutation: unit-packages
	@$(PYTHON) tests/mutation/mutate.py
