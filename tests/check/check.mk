# SPDX-License-Identifier: MIT
#
# `stsmail publish` and `stsmail check`: what the one prints, put on real servers as printed, contents the other; each
# fault makes its own finding appear.

CHECKS += owner
## owner: publish and check, against knot, unbound, nginx and Postfix; one fault after another
.PHONY: owner
owner: $(B)/linux/stsmail interop-packages
	@tests/interop/unpack $(B)/servers $(DEMO_SERVERS)
	@STSMAIL=$(INTEROP_PROGRAM) $(PYTHON) tests/run.py owner $(B)/results --timeout 600 \
	    "$(PYTHON) tests/check/test_publish.py" "$(PYTHON) tests/check/test_check.py"
