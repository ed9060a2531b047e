# SPDX-License-Identifier: MIT
#
# `make help` lists what there is to make. Everything goes under build/.

.DEFAULT_GOAL := all
SHELL := /bin/bash
.DELETE_ON_ERROR:
.SUFFIXES:

B := build
CC ?= gcc
CLANG ?= clang
AR ?= ar
PYTHON := /usr/bin/python3
PREFIX ?= /usr/local
VERSION := 0.1.0

WARN := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wvla -Wformat=2 -Wstrict-prototypes \
        -Wmissing-prototypes -Wcast-qual -Wundef
CORE_FLAGS := -std=c11 -ffreestanding $(WARN) -Iinclude
LINUX_LIMITS := -DSTS_CONFIG_FILE='"$(CURDIR)/boards/linux/limits.h"'
CORE := $(wildcard core/*.c)

include $(sort $(wildcard port/*/*.mk boards/*/*.mk tests/*/*.mk))
