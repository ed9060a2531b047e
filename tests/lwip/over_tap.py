#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs a test of tests/interop with the program on lwIP, over a TAP device.

    over_tap.py TEST [ARGUMENT...]
"""
import runpy
import sys

import tap

tap.enter()
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
