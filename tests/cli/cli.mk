# SPDX-License-Identifier: MIT
#
# The command's contract, as far as it needs no network.

.PHONY: cli-packages
cli-packages:
	@$(NEED) python3 faketime

CHECKS += cli
## cli: options, exit statuses and results of the program, black box
.PHONY: cli
cli: $(B)/linux/stsmail cli-packages
	@STSMAIL=$< $(PYTHON) tests/run.py cli $(B)/results --timeout 300 \
	    "$(PYTHON) tests/cli/test_cli.py"
