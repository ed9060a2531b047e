# SPDX-License-Identifier: MIT
#
# The program against real servers, and against some that lie, in network namespaces of their own.

DEMO_SERVERS := postfix nginx knot unbound
INTEROP_SERVERS := $(DEMO_SERVERS) nsd exim4-daemon-light opensmtpd python3-aiosmtpd
INTEROP_TESTS := test_servers.py
# With STSMAIL=... another build of the program is tested.
INTEROP_PROGRAM := $(or $(STSMAIL),$(abspath $(B)/linux/stsmail))

.PHONY: interop-packages
interop-packages:
	@$(NEED) python3 python3-cryptography iproute2 util-linux

## demo: the main job on real servers, and two attacks on it
.PHONY: demo
demo: $(B)/linux/stsmail interop-packages
	@tests/interop/unpack $(B)/servers $(DEMO_SERVERS)
	@STSMAIL=$(INTEROP_PROGRAM) $(PYTHON) tests/interop/demo.py

$(B)/interop/compose_tool: tests/interop/compose_tool.c $(CORE) $(wildcard include/stsmail/*.h include/stsmail/engine/*.h)
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(WARN) -Iinclude $(ASAN) tests/interop/compose_tool.c $(CORE) -o $@

CHECKS += interop
## interop: the program against real servers; composed messages against Python's parser
.PHONY: interop
interop: $(B)/linux/stsmail $(B)/interop/compose_tool interop-packages
	@tests/interop/unpack $(B)/servers $(INTEROP_SERVERS)
	@STSMAIL=$(INTEROP_PROGRAM) $(PYTHON) tests/run.py interop $(B)/results --timeout 600 \
	    "$(PYTHON) tests/interop/check_message.py $(B)/interop/compose_tool" \
	    $(foreach t,$(INTEROP_TESTS),"$(PYTHON) tests/interop/$(t)")

EVIL_TESTS := test_queue.py test_starttls.py test_replies.py test_dns.py test_policy_host.py test_policy.py test_review.py

CHECKS += kill
## kill: kill -9 of senders and service, 200 times, on one queue, against Postfix (KILLS=N)
.PHONY: kill
kill: $(B)/linux/stsmail interop-packages
	@$(NEED) faketime
	@tests/interop/unpack $(B)/servers $(DEMO_SERVERS)
	@STSMAIL=$(INTEROP_PROGRAM) $(PYTHON) tests/run.py kill $(B)/results --timeout 900 "$(PYTHON) tests/interop/test_kill.py"

CHECKS += evil
## evil: the program against servers that lie: STARTTLS, replies, DNS, policy hosts, certificates
.PHONY: evil
evil: $(B)/linux/stsmail interop-packages zoo-files
	@$(NEED) faketime
	@STSMAIL=$(INTEROP_PROGRAM) $(PYTHON) tests/run.py evil $(B)/results --timeout 900 \
	    $(foreach t,$(wildcard $(addprefix tests/interop/,$(EVIL_TESTS))),"$(PYTHON) $(t)") \
	    "$(PYTHON) tests/interop/test_certificates.py $(B)/zoo"
