# SPDX-License-Identifier: MIT
#
# What the core costs on a Cortex-M3, and that it touches nothing of the outside world.

ARM := arm-none-eabi-
SIZE_FLAGS := $(CORE_FLAGS) -Os -mcpu=cortex-m3 -mthumb -ffunction-sections -fdata-sections
SIZE_OBJ := $(patsubst core/%.c,$(B)/size/%.o,$(CORE))

.PHONY: arm-packages
arm-packages:
	@$(NEED) gcc-arm-none-eabi libnewlib-arm-none-eabi python3

$(B)/size/%.o: core/%.c | arm-packages
	@mkdir -p $(@D)
	$(ARM)gcc $(SIZE_FLAGS) -MMD -MP -fstack-usage -fcallgraph-info=su -c $< -o $@

$(B)/size/structs.o: tests/size/structs.c $(wildcard include/stsmail/*.h include/stsmail/engine/*.h) | arm-packages
	@mkdir -p $(@D)
	$(ARM)gcc $(SIZE_FLAGS) -c $< -o $@

# What a program that sends really links, with the log's sentences and without.
define size_link
$(B)/size/$(1)/%.o: core/%.c | arm-packages
	@mkdir -p $$(@D)
	$(ARM)gcc $(SIZE_FLAGS) $(2) -MMD -MP -c $$< -o $$@

$(B)/size/$(1)/link.o: tests/size/$(or $(3),link).c | arm-packages
	@mkdir -p $$(@D)
	$(ARM)gcc $(SIZE_FLAGS) $(2) -MMD -MP -c $$< -o $$@

$(B)/size/$(1).elf: $(patsubst core/%.c,$(B)/size/$(1)/%.o,$(CORE)) $(B)/size/$(1)/link.o
	$(ARM)gcc -mcpu=cortex-m3 -mthumb -nostdlib -Wl,--gc-sections,-e,firmware,--unresolved-symbols=ignore-all $$^ -o $$@

-include $$(wildcard $(B)/size/$(1)/*.d)
endef
$(eval $(call size_link,log,-DSTS_LOG=1))
$(eval $(call size_link,nolog,-DSTS_LOG=0))
$(eval $(call size_link,queue,-DSTS_LOG=0,link_queue))
SIZE_ALL := $(SIZE_OBJ) $(B)/size/structs.o $(B)/size/log.elf $(B)/size/nolog.elf $(B)/size/queue.elf

-include $(wildcard $(B)/size/*.d)

## size: code per file, structs, stack, and the boards' flash and RAM; rewrites the tables in README.md (BOARD=...: of one, printed)
.PHONY: size size-core
size: $(if $(filter command environment,$(firstword $(origin BOARD))),size-board,size-core size-boards)
size-core: $(SIZE_ALL)
	@$(PYTHON) tests/size/size.py $(B)/size README.md

CHECKS += gate
## gate: the core refers to no malloc, stdio, socket or clock, keeps no data, does not recurse
.PHONY: gate
gate: $(SIZE_ALL)
	@$(PYTHON) tests/run.py gate $(B)/results "$(PYTHON) tests/size/gate.py $(B)/size" \
	    "$(PYTHON) tests/size/size.py $(B)/size --check README.md"
