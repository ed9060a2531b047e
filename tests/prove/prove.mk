# SPDX-License-Identifier: MIT

## prove: Frama-C's proofs that no input makes a run-time error in the functions that tests/prove/prove.py lists
.PHONY: prove
prove:
	@$(NEED) frama-c-base why3 z3 cvc4 python3
	@$(PYTHON) tests/prove/prove.py
