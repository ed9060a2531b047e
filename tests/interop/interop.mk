# SPDX-License-Identifier: MIT
#
# The program against real servers, and against some that lie, in network namespaces of their own.

INTEROP_SERVERS := postfix nginx knot unbound

.PHONY: interop-packages
interop-packages:
	@$(NEED) python3 python3-cryptography iproute2 util-linux

## demo: the main job on real servers, and two attacks on it
.PHONY: demo
demo: $(B)/linux/stsmail interop-packages
	@tests/interop/unpack $(B)/servers $(INTEROP_SERVERS)
	@STSMAIL=$(abspath $<) PYTHONDONTWRITEBYTECODE=1 $(PYTHON) tests/interop/demo.py
