#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What the core may refer to, and what it may not keep (L01, L02).

    gate.py FOLDER      of the core's objects
"""
import glob
import re
import subprocess
import sys

sys.path.insert(0, sys.path[0])
import callgraph

# <string.h>'s mem functions, and what gcc itself calls for 64-bit arithmetic and big switches on ARM.
ALLOWED = re.compile(r"^(sts_\w+|mem(cpy|move|set|cmp|chr)|strlen|__aeabi_\w+|__gnu_thumb1_case_\w+)$")
good = bad = 0


def check(ok, what):
    global good, bad
    good, bad = good + bool(ok), bad + (not ok)
    if not ok:
        print(f"gate: {what}")


folder = sys.argv[1]
for path in sorted(glob.glob(f"{folder}/*.o")):
    if path.endswith("structs.o"):
        continue
    for line in subprocess.run(["arm-none-eabi-nm", path], capture_output=True, text=True, check=True).stdout.splitlines():
        kind, name = line.split()[-2:]
        if kind == "U":
            check(ALLOWED.match(name), f"{path}: refers to {name}")
        else:
            check(kind not in "DdBbCcGgSs", f"{path}: keeps data: {name}")
    sizes = subprocess.run(["arm-none-eabi-size", path], capture_output=True, text=True, check=True).stdout.splitlines()[1]
    text, data, bss = map(int, sizes.split()[:3])
    check(data == 0 and bss == 0, f"{path}: {data} bytes of data, {bss} of bss")

stack, calls = callgraph.read(folder)
check(len(stack) > 100, "no call graph")
for function in sorted(stack):
    try:
        callgraph.deepest(stack, calls, function)
        check(True, "")
    except RecursionError as e:
        check(False, f"recursion: {e}")
for path in sorted(glob.glob(f"{folder}/*.su")):
    for line in open(path):
        check(line.split()[-1] == "static", f"stack that is not known: {line.strip()}")
print(f"gate: {good} passed, {bad} failed")
sys.exit(bad != 0)
