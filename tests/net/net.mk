# SPDX-License-Identifier: MIT
#
# NET: the mailer on port/lwip/raw.c against servers on a second lwIP, over a link that does what a seed says.

NET_SEEDS := 10000
NET_DIR := tests/net
NET_FLAGS := -std=gnu11 -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all -MMD -MP -Iinclude \
    -isystem $(LWIP_DIR)/src/include
NET_LWIP_C := $(addprefix src/core/,def.c inet_chksum.c init.c ip.c mem.c memp.c netif.c pbuf.c sys.c tcp.c tcp_in.c tcp_out.c \
    timeouts.c udp.c $(addprefix ipv4/,etharp.c icmp.c ip4.c ip4_addr.c)) src/netif/ethernet.c
NET_LWIP6_C := $(addprefix src/core/ipv6/,ethip6.c icmp6.c inet6.c ip6.c ip6_addr.c mld6.c nd6.c)
NET_WRAP := -Wl,--wrap=memp_malloc,--wrap=memp_free,--wrap=mem_malloc,--wrap=mem_free
NET_GLOBAL := server_start server_frame server_turn server_stop server_delivered server_window

# $(1): whose lwIP
define net_lwip
$(B)/net/$(1)/src/%.o: $(LWIP_DIR)/src/include/lwip/tcp.h | unit-packages
	@mkdir -p $$(@D)
	$(CC) -w $(NET_FLAGS) -I$(NET_DIR)/$(1) -I$(NET_DIR) -c $(LWIP_DIR)/src/$$*.c -o $$@

$(B)/net/$(1)/%.o: %.c | unit-packages $(LWIP_DIR)/src/include/lwip/tcp.h
	@mkdir -p $$(@D)
	$(CC) $(WARN) -D_GNU_SOURCE $(NET_FLAGS) -I$(NET_DIR)/$(1) -I$(NET_DIR) -c $$< -o $$@
endef
$(eval $(call net_lwip,client))
$(eval $(call net_lwip,server))
-include $(wildcard $(B)/net/*/*.d $(B)/net/*/*/*.d $(B)/net/*/*/*/*.d $(B)/net/*/*/*/*/*.d)

# The servers and their lwIP become one object, of which nothing is seen from outside but its own functions.
$(B)/net/server.o: $(B)/net/server/$(NET_DIR)/server.o $(NET_LWIP_C:%.c=$(B)/net/server/%.o)
	ld -r -o $@ $^
	objcopy $(addprefix --keep-global-symbol=,$(NET_GLOBAL)) $@

$(B)/net/net: $(patsubst %,$(B)/net/client/%.o,$(addprefix $(NET_DIR)/,device link memory run toy_tls) port/lwip/raw $(CORE:.c=)) \
        $(patsubst %.c,$(B)/net/client/%.o,$(NET_LWIP_C) $(NET_LWIP6_C)) $(B)/net/server.o
	$(CC) $(NET_FLAGS) $(NET_WRAP) $^ -o $@

CHECKS += net
## net: two lwIPs and a bad link between them, 10,000 seeds; each allocation fails (NET_SEEDS=N)
.PHONY: net
net: $(B)/net/net $(B)/boards/test_raw
	@$(PYTHON) tests/run.py net $(B)/results --timeout 3000 "$(B)/net/net 0 $$(($(NET_SEEDS)/2))" \
	    "$(B)/net/net $$(($(NET_SEEDS)/2)) $$(($(NET_SEEDS)-$(NET_SEEDS)/2))" "$(B)/net/net exhaust" $(B)/boards/test_raw
