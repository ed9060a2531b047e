# SPDX-License-Identifier: MIT
#
# TLS reports: the JSON against a schema written from RFC 8460, and what the program counts and prints.

.PHONY: tlsrpt-packages
tlsrpt-packages:
	@$(NEED) gcc libc6-dev python3 python3-jsonschema faketime

TLSRPT_SRC := tests/tlsrpt/reports.c $(CORE) port/ram/store.c

$(B)/tlsrpt/reports: $(TLSRPT_SRC) $(wildcard include/stsmail/*.h include/stsmail/engine/*.h) | tlsrpt-packages
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(WARN) -Iinclude -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all $(TLSRPT_SRC) -o $@

$(B)/tlsrpt/carry: tests/tlsrpt/carry.c $(B)/linux/libstsmail.a $(B)/linux/libwolfssl.a
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(WARN) $(LINUX_LIMITS) -Wl,--gc-sections -O2 -g -Iinclude $^ -o $@

CHECKS += tlsrpt
## tlsrpt: reports (RFC 8460) against a JSON schema, `stsmail report`, a day of deliveries to real servers, and how its reports arrive
.PHONY: tlsrpt
tlsrpt: $(B)/linux/stsmail $(B)/tlsrpt/reports $(B)/tlsrpt/carry interop-packages dkim-packages
	@tests/interop/unpack $(B)/servers $(DEMO_SERVERS)
	@STSMAIL=$(abspath $<) $(PYTHON) tests/run.py tlsrpt $(B)/results --timeout 300 \
	    "$(PYTHON) tests/tlsrpt/test_schema.py $(B)/tlsrpt/reports" "$(PYTHON) tests/tlsrpt/test_report.py" \
	    "$(PYTHON) tests/tlsrpt/test_delivery.py $(B)/tlsrpt/carry"
