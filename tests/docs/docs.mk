# SPDX-License-Identifier: MIT

CHECKS += docs
## docs: compile the examples of the documents, follow their links
.PHONY: docs
docs:
	@$(PYTHON) tests/run.py docs $(B)/results "$(PYTHON) tests/docs/docs.py $(B)/docs README.md DESIGN.md CHANGELOG.md"
