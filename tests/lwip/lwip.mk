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

$(B)/lwip/test_sockets: tests/lwip/test_sockets.c port/lwip/sockets.c include/stsmail/lwip.h $(wildcard tests/lwip/device/*.h) \
        | $(LWIP_DIR)/src/include/lwip/tcp.h unit-packages
	@mkdir -p $(@D)
	$(CC) -std=c11 $(WARN) $(ASAN) -DLWIP_IPV6=1 -Itests/unit $(LWIP_TEST_INC) $(filter %.c,$^) -lcmocka -o $@

$(B)/lwip/torture: tests/lwip/torture.c $(B)/linux-lwip/stsmail
	@mkdir -p $(@D)
	$(CC) -std=c11 $(LINUX_CFLAGS) $(LINUX_LDFLAGS) -Wl,--wrap=memp_malloc_fn,--wrap=mem_malloc $(LINUX_LWIP_INC) $(LINUX_LWIP_LINK) $< \
	    -lidn2 -lpthread -o $@

CHECKS += lwip
## lwip: the program on lwIP over a TAP device, against good and malicious servers
.PHONY: lwip
lwip: $(B)/linux-lwip/stsmail $(LWIP_GATE) $(B)/lwip/test_sockets lwip-packages
	@STSMAIL=$(abspath $<) $(PYTHON) tests/run.py lwip $(B)/results --timeout 600 \
	    "$(PYTHON) tests/lwip/gate.py nm $(B)/linux-lwip/port/lwip/sockets.o" \
	    "$(PYTHON) tests/lwip/gate.py $(ARM)nm $(addsuffix :1300,$(LWIP_GATE))" \
	    $(B)/lwip/test_sockets "$(PYTHON) tests/lwip/test_lwip.py"

## lwip-all: the malicious servers of tests/interop, all of them, against the program on lwIP; takes its time
.PHONY: lwip-all
lwip-all: $(B)/linux-lwip/stsmail lwip-packages
	@STSMAIL=$(abspath $<) $(PYTHON) tests/run.py lwip-all $(B)/results --timeout 7200 \
	    "$(LWIP_LAB)/test_starttls.py" "$(LWIP_LAB)/test_replies.py" "$(LWIP_LAB)/test_dns.py"

## lwip-torture: lwIP's pools run out at every allocation of a delivery; takes its time
.PHONY: lwip-torture
lwip-torture: $(B)/lwip/torture lwip-packages
	@STSMAIL=$(abspath $<) $(PYTHON) tests/run.py lwip-torture $(B)/results --timeout 7200 "$(PYTHON) tests/lwip/test_torture.py"
