# SPDX-License-Identifier: MIT
#
# The port for lwIP: what it refers to, and the program on it against servers that lie.

LWIP_TEST_INC := -Itests/lwip/device -Iinclude -isystem $(LWIP_DIR)/src/include
LWIP_GATE := $(B)/lwip/sockets-4.o $(B)/lwip/sockets-6.o
LWIP_LAB := $(PYTHON) tests/lwip/over_tap.py tests/interop

.PHONY: lwip-packages
lwip-packages:
	@$(NEED) python3 python3-cryptography iproute2 util-linux

$(LWIP_GATE): $(B)/lwip/sockets-%.o: port/lwip/sockets.c include/stsmail/lwip.h $(wildcard tests/lwip/device/*.h) \
        | $(LWIP_DIR)/src/include/lwip/tcp.h arm-packages
	@mkdir -p $(@D)
	$(ARM)gcc -std=c11 $(WARN) -Os -mcpu=cortex-m3 -mthumb -ffunction-sections $(LWIP_TEST_INC) \
	    -DLWIP_IPV6=$(if $(filter 6,$*),1,0) -c $< -o $@

CHECKS += lwip
## lwip: the program on lwIP over a TAP device, against good and malicious servers
.PHONY: lwip
lwip: $(B)/linux-lwip/stsmail $(LWIP_GATE) lwip-packages
	@STSMAIL=$(abspath $<) $(PYTHON) tests/run.py lwip $(B)/results --timeout 600 \
	    "$(PYTHON) tests/lwip/gate.py nm $(B)/linux-lwip/port/lwip/sockets.o" \
	    "$(PYTHON) tests/lwip/gate.py $(ARM)nm $(addsuffix :1300,$(LWIP_GATE))" \
	    "$(PYTHON) tests/lwip/test_lwip.py"

## lwip-all: the malicious servers of tests/interop, all of them, against the program on lwIP; takes its time
.PHONY: lwip-all
lwip-all: $(B)/linux-lwip/stsmail lwip-packages
	@STSMAIL=$(abspath $<) $(PYTHON) tests/run.py lwip-all $(B)/results --timeout 7200 \
	    "$(LWIP_LAB)/test_starttls.py" "$(LWIP_LAB)/test_replies.py" "$(LWIP_LAB)/test_dns.py"
