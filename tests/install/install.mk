# SPDX-License-Identifier: MIT

.PHONY: install-packages
install-packages:
	@$(NEED) pkg-config man-db

CHECKS += install-check
## install-check: install, build a program against it as a user would, take it away again
.PHONY: install-check
install-check: $(B)/linux/stsmail $(B)/linux/libstsmail.a $(B)/linux/libwolfssl.a install-packages
	@$(PYTHON) tests/run.py install $(B)/results --timeout 300 "$(PYTHON) tests/install/test_install.py $(B) $(VERSION) WOLFSSL_DIR=$(WOLFSSL_DIR)"
