#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Looks at firmware that was linked for a chip: all parts are in it, and nothing of it wants a heap or stdio.

    chips.py TOOLS:FILE.elf...

TOOLS is the prefix of nm. Prints the size of each part, from the objects that the linker's map names: octets of code and constants, and of data.
"""
import collections
import os
import re
import subprocess
import sys

NONE_OF = re.compile(r"^_?(malloc|calloc|realloc|free|sbrk|printf|fprintf|vfprintf|snprintf|puts|fopen|open|write)(_r)?$")
WANTED = ("sts_mailer_poll", "sts_lwip_raw_init", "wolfSSL_connect", "tcp_input", "firmware")
# The first that an object's path holds; what has none is the C library's.
PARTS = (("/tests/", "test"), ("/port/", "ports"), ("/wolfssl/", "wolfSSL"), ("/lwip/", "lwIP"), ("/core/", "core"), ("", "libc"))
DATA = ("data", "sdata", "bss", "sbss", "COMMON")


def sizes(map_file):
    total = collections.defaultdict(lambda: [0, 0])
    text = open(map_file).read().split("Linker script and memory map")[1]
    for name, at, size, origin in re.findall(r"^ \.?(\S+?)\s+(0x[0-9a-f]+)\s+(0x[0-9a-f]+) (\S.*)$", text, re.M):
        kind = name.split(".")[0]
        if kind in DATA + ("text", "rodata", "srodata") and int(at, 16) != 0:
            part = next(p for key, p in PARTS if key in origin)
            total[part][kind in DATA] += int(size, 16)
    return total


def look(tools, elf):
    chip = os.path.basename(elf)[:-4]
    lines = subprocess.run([f"{tools}nm", elf], capture_output=True, text=True, check=True).stdout.splitlines()
    have = {line.split()[-1] for line in lines}
    faults = [f"uses {n}" for n in sorted(have) if NONE_OF.match(n)] + [f"lacks {n}" for n in WANTED if n not in have]
    for fault in faults:
        print(f"{chip}: {fault}")
    total = sizes(f"{elf[:-4]}.map")
    print(f"{chip:14}" + "".join(f"{p} {total[p][0]} + {total[p][1]}  " for _, p in PARTS[1:]))
    return not faults


results = [look(*word.split(":")) for word in sys.argv[1:]]
print(f"chips: {results.count(True)} passed, {results.count(False)} failed")
sys.exit(not all(results))
