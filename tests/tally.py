#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Adds up what the suites wrote: a line each, then `N passed, N failed`. Exit status 1 if any failed.

    tests/tally.py RESULTS_DIR [SUITE...]       all that are there, or these
"""
import os
import sys

good = bad = 0
for suite in sys.argv[2:] or sorted(os.listdir(sys.argv[1])):
    g, b = map(int, open(os.path.join(sys.argv[1], suite)).read().split())
    print(f"{suite:12} {g:8} passed {b:6} failed")
    good += g
    bad += b
print(f"{good} passed, {bad} failed")
sys.exit(bad != 0 or good == 0)
