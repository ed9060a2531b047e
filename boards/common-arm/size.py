#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Flash and RAM of the boards' images by component, from the linker's maps, and what runs of them used.

    size.py MAP...                                  prints the table; a map lies in a folder of its board's name
    size.py --used FOLDER --write README MAP...     and writes it between the marks; FOLDER/BOARD.json is from test_boards.py --used
    size.py --check README MAP...                   whether README's bytes are still about that (2 %, and no more than there are)
"""
import argparse
import collections
import json
import os
import re
import sys

BEGIN, END = "<!-- make size-boards: begin -->", "<!-- make size-boards: end -->"
WHERE = (("/port/lwip/", "stsmail: ports"), ("/port/", "stsmail: ports"), ("/lwip/", "lwIP"), ("/wolfssl/", "wolfSSL"),
         ("/core/", "stsmail: core"), (".roots.o", "trust anchors"), ("/boards/", "board and demo"), (".memory.o", "board and demo"),
         ("libgcc", "C library"), ("libc", "C library"), ("libg", "C library"))
FLASH, RAM = {".text", ".ARM.exidx", ".data"}, {".data", ".bss", ".stack"}
# What lies in the board's objects, and is somebody's all the same.
OWNERS = {".bss.tls_pool": "TLS pool", ".bss.pool": "TLS pool", ".bss.mailer": "`struct sts_mailer`"}
ORDER = ("stsmail: core", "stsmail: ports", "wolfSSL", "lwIP", "C library", "trust anchors", "board and demo", "`struct sts_mailer`",
         "TLS pool", "stack", "gaps")
FITS = {"lm3s6965evb": (256 * 1024, 64 * 1024), "mps2-an385": (4 << 20, 4 << 20)}


def component(path, section):
    return OWNERS.get(section) or next((name for mark, name in WHERE if mark in path), path)


def read(text):
    """{component: [flash, RAM]}"""
    sizes = collections.defaultdict(lambda: [0, 0])
    text = text[text.index("Linker script and memory map"):]
    text = re.sub(r"\n (\S+)\n +(0x)", r"\n \1 \2", text)  # a long name has a line of its own
    out = None
    for line in text.splitlines():
        head = re.match(r"(\.\S+)", line)
        if head:
            out = head[1]
        if out == ".stack" and re.match(r"\.stack\s+0x\w+\s+0x(\w+)", line):
            sizes["stack"][1] += int(line.split()[2], 16)
        piece = re.match(r" (\S+)\s+0x\w+\s+(0x\w+)(?:\s+(.*))?$", line)
        if not piece or out not in FLASH | RAM or out == ".stack":
            continue
        name = "gaps" if piece[1] == "*fill*" else component(piece[3] or "", piece[1])
        sizes[name][0] += int(piece[2], 16) * (out in FLASH)
        sizes[name][1] += int(piece[2], 16) * (out in RAM)
    sizes["**all**"] = [sum(x[i] for x in sizes.values()) for i in (0, 1)]
    return sizes


def sizes_table(boards):
    out = ["| bytes | " + " | ".join(f"{b}: flash | RAM" for b in boards) + " |", "|---|" + "---:|---:|" * len(boards)]
    names = [n for n in ORDER if any(n in s for s in boards.values())]
    names += sorted({n for s in boards.values() for n in s} - set(ORDER) - {"**all**"})
    for name in [*names, "**all**"]:
        cells = [cell for s in boards.values() for cell in s.get(name, (0, 0))]
        if any(cells):
            out.append(f"| {name} | " + " | ".join(f"{c:,}" for c in cells) + " |")
    return out


def used_table(folder, boards):
    """What the images said at the end of their runs."""
    runs = {b: json.load(open(os.path.join(folder, b + ".json"))) for b in boards}
    columns = ("TLS pool, most in use", "TLS pool, highest address", "largest record", "stack")
    present = [c for c in columns if any(c in notes for r in runs.values() for notes in r.values())]
    short = {"TLS pool, most in use": "pool in use", "TLS pool, highest address": "pool up to"}
    out = ["| one cold alert, at most | " + " | ".join(f"{b}: {short.get(c, c)}" for b in boards for c in present) + " |",
           "|---|" + "---:|" * (len(boards) * len(present))]
    for name in next(iter(runs.values())):
        out.append(f"| {name} | " + " | ".join(f"{runs[b].get(name, {}).get(c, 0):,}" for b in boards for c in present) + " |")
    return out


def figures(text):
    """{row: [numbers]} of a table."""
    rows = (line.strip("|").split("|") for line in text.splitlines() if line.startswith("|"))
    return {r[0].strip(): [int(c.replace(",", "")) for c in r[1:]] for r in rows if all(re.fullmatch(r"[ \d,]+", c) for c in r[1:])}


def check(boards, old):
    good = bad = 0
    was, now = figures(old), figures("\n".join(sizes_table(boards)))
    for name, cells in now.items():
        near = name in was and len(was[name]) == len(cells) and all(abs(a - b) <= max(256, b // 50) for a, b in zip(was[name], cells))
        good, bad = good + near, bad + (not near)
        if not near:
            print(f"size: {name}: README says {was.get(name)}, it is {cells}: run `make size-boards`")
    for board, sizes in boards.items():
        fits = all(is_ <= most for is_, most in zip(sizes["**all**"], FITS[board]))
        good, bad = good + fits, bad + (not fits)
    print(f"size: {good} passed, {bad} failed")
    return bad != 0


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--used")
    p.add_argument("--write")
    p.add_argument("--check")
    p.add_argument("maps", nargs="+")
    a = p.parse_args()
    boards = {os.path.basename(os.path.dirname(m)): read(open(m).read()) for m in a.maps}
    readme = a.write or a.check
    if readme:
        before, rest = open(readme).read().split(BEGIN, 1)
        old, after = rest.split(END, 1)
    if a.check:
        return check(boards, old)
    text = "\n".join(sizes_table(boards) + ([""] + used_table(a.used, boards) if a.used else []))
    print(text)
    if a.write:
        open(readme, "w").write(f"{before}{BEGIN}\n{text}\n{END}{after}")
    return 0


sys.exit(main())
