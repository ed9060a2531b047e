# SPDX-License-Identifier: MIT
#
# build/linux-lwip/stsmail: the program of boards/linux on lwIP's sockets, over a TAP device. All but the network is
# the same objects.

# Your own tree of lwIP 2.2.1, if you have one.
LWIP_DIR ?= $(B)/deps/lwip
LWIP_CONTRIB := $(LWIP_DIR)/contrib/ports/unix/port
# Our arch/cc.h is found before that of the unix port, and shows lwIP nothing of the operating system.
LINUX_LWIP_INC := -I. -Iboards/linux-lwip -Iinclude -isystem $(LWIP_DIR)/src/include -isystem $(LWIP_CONTRIB)/include
LINUX_LWIP_FLAGS := $(LINUX_LIMITS) $(LINUX_CFLAGS) $(LINUX_HARDEN) -MMD -MP $(LINUX_LWIP_INC)
LINUX_LWIP_OBJ := $(B)/linux-lwip
LINUX_LWIP_C := api/api_lib.c api/api_msg.c api/err.c api/if_api.c api/netbuf.c api/sockets.c api/tcpip.c \
    $(addprefix core/,def.c inet_chksum.c init.c ip.c mem.c memp.c netif.c pbuf.c raw.c stats.c sys.c tcp.c tcp_in.c \
        tcp_out.c timeouts.c udp.c) \
    $(addprefix core/ipv4/,etharp.c icmp.c ip4.c ip4_addr.c ip4_frag.c) \
    $(addprefix core/ipv6/,ethip6.c icmp6.c inet6.c ip6.c ip6_addr.c ip6_frag.c mld6.c nd6.c) netif/ethernet.c
LINUX_LWIP_CONFIG := boards/linux-lwip/lwipopts.h boards/linux-lwip/hooks.h boards/linux-lwip/arch/cc.h

## linux-lwip: the program on lwIP's sockets over a TAP device, build/linux-lwip/stsmail
.PHONY: linux-lwip
linux-lwip: $(B)/linux-lwip/stsmail

$(LINUX_LWIP_OBJ)/src/%.o: $(LWIP_DIR)/src/include/lwip/tcp.h $(LINUX_LWIP_CONFIG)
	@mkdir -p $(@D)
	$(CC) -std=c11 -w $(LINUX_LWIP_FLAGS) -c $(LWIP_DIR)/src/$*.c -o $@

# For the threads lwIP's own port; its semaphores and mailboxes are the C library's memory.
$(LINUX_LWIP_OBJ)/sys_arch.o: $(LWIP_DIR)/src/include/lwip/tcp.h $(LINUX_LWIP_CONFIG)
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -w $(LINUX_LWIP_FLAGS) -c $(LWIP_CONTRIB)/sys_arch.c -o $@

$(LINUX_LWIP_OBJ)/port/lwip/%.o: port/lwip/%.c $(LINUX_LWIP_CONFIG) | $(LWIP_DIR)/src/include/lwip/tcp.h
	@mkdir -p $(@D)
	$(CC) -std=c11 $(WARN) $(LINUX_LWIP_FLAGS) -c $< -o $@

$(LINUX_LWIP_OBJ)/board/tap.o: boards/linux-lwip/tap.c boards/linux-lwip/arch/cc.h
	@mkdir -p $(@D)
	$(CC) $(LINUX_HOSTED) $(LINUX_LWIP_FLAGS) -c $< -o $@

$(LINUX_LWIP_OBJ)/board/net.o: boards/linux-lwip/net.c $(LINUX_LWIP_CONFIG) | $(LWIP_DIR)/src/include/lwip/tcp.h
	@mkdir -p $(@D)
	$(CC) -std=c11 $(WARN) $(LINUX_LWIP_FLAGS) -c $< -o $@

$(LINUX_LWIP_OBJ)/liblwip.a: $(patsubst %.c,$(LINUX_LWIP_OBJ)/src/%.o,$(LINUX_LWIP_C)) $(LINUX_LWIP_OBJ)/sys_arch.o
	@rm -f $@
	$(AR) rcsD $@ $^

LINUX_LWIP_LINK := $(filter-out %/boards/linux/net.o,$(LINUX_MAIN)) \
    $(addprefix $(LINUX_LWIP_OBJ)/,board/net.o board/tap.o port/lwip/sockets.o liblwip.a) \
    $(B)/linux/libstsmail.a $(B)/linux/libwolfssl.a

$(B)/linux-lwip/stsmail: $(LINUX_LWIP_LINK)
	$(CC) $(LINUX_CFLAGS) $(LINUX_LDFLAGS) $^ -lidn2 -lpthread -o $@

-include $(wildcard $(LINUX_LWIP_OBJ)/*/*.d $(LINUX_LWIP_OBJ)/*/*/*.d $(LINUX_LWIP_OBJ)/*/*/*/*.d)
