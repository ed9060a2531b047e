#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs a test of tests/interop with the program on lwIP, over a TAP device.

    over_tap.py TEST [ARGUMENT...]
"""
import os
import runpy
import sys

import tap

lab = tap.lab

tap.enter()
sys.argv = sys.argv[1:]
own = lab.scratch
lab.scratch = lambda name: own(os.path.join("over-tap", name))  # beside the same test's on the system's sockets
runpy.run_path(sys.argv[0], run_name="__main__")
