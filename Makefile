# SPDX-License-Identifier: MIT
#
# `make help` lists what there is to make. Everything goes under build/, but for the size table, which
# `make size` writes into README.md.

.DEFAULT_GOAL := all
SHELL := /bin/bash
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:

B := build
CC := gcc
CLANG := clang
AR := gcc-ar
PYTHON := /usr/bin/python3
export PYTHONDONTWRITEBYTECODE := 1
PREFIX ?= /usr/local
VERSION := 0.1.0

WARN := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wvla -Wformat=2 -Wstrict-prototypes \
        -Wmissing-prototypes -Wcast-qual -Wundef
# The core is freestanding: what it needs of a C library is <string.h>'s mem functions.
CORE_FLAGS := -std=c11 -ffreestanding $(WARN) -Iinclude
LINUX_LIMITS := -DSTS_CONFIG_FILE='"boards/linux/limits.h"' -I.
CORE := $(wildcard core/*.c)
NEED := tests/need
CHECKS := check-start

include $(sort $(wildcard port/*/*.mk boards/*/*.mk tests/*/*.mk))

## help: this list
.PHONY: help
help:
	@cat $(MAKEFILE_LIST) | sed -n 's/^## \([a-zA-Z-]*\): */\1\t/p' | sort -u | expand -t 16

## check: install what is needed, then run every test that gates a change
.PHONY: check
check: $(CHECKS)
	@$(PYTHON) tests/tally.py $(B)/results

# Each suite writes its counts to build/results: first of all it is emptied, also under -j.
$(filter-out check-start,$(CHECKS)): | check-start
.PHONY: check-start
check-start:
	@rm -rf $(B)/results && mkdir -p $(B)/results

## clean: remove build/, but for the sources that `make deps` fetched
.PHONY: clean
clean:
	@find $(B) -mindepth 1 -maxdepth 1 ! -name deps ! -name apt -exec rm -rf {} + 2>/dev/null || true
