#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The size table.

    size.py FOLDER README            prints it, and writes it between the marks in README
    size.py FOLDER --check README    whether README has it as it is now
"""
import glob
import os
import subprocess
import sys

sys.path.insert(0, sys.path[0])
import callgraph

BEGIN, END = "<!-- make size: begin -->", "<!-- make size: end -->"


def tool(*args):
    return subprocess.run(args, capture_output=True, text=True, check=True).stdout


def table(folder):
    rows, total = [], 0
    for path in sorted(glob.glob(f"{folder}/*.o")):
        name = os.path.basename(path)[:-2]
        if name == "structs":
            continue
        text, data, bss = map(int, tool("arm-none-eabi-size", path).splitlines()[1].split()[:3])
        total += text
        rows.append(f"| `core/{name}.c` | {text} | {data} | {bss} |")
    linked = {kind: int(tool("arm-none-eabi-size", f"{folder}/{kind}.elf").splitlines()[1].split()[0])
              for kind in ("log", "nolog", "queue")}
    out = [f"`{tool('arm-none-eabi-gcc', '--version').splitlines()[0]}`, `-mcpu=cortex-m3 -mthumb -Os`,",
           "device defaults of `config.h`. Bytes.", "", "| file | text | data | bss |", "|---|---:|---:|---:|", *rows,
           f"| **all of the core** | **{total}** | 0 | 0 |",
           f"| linked into a program that sends (`--gc-sections`) | {linked['log']} | 0 | `struct sts_mailer` |",
           f"| the same with `STS_LOG=0`: no sentences for people | {linked['nolog']} | 0 | `struct sts_mailer` |",
           f"| and with queue, flash store and clock | {linked['queue']} | 0 | and theirs |",
           "", "| struct | bytes |", "|---|---:|"]
    for line in sorted(tool("arm-none-eabi-nm", "-S", f"{folder}/structs.o").splitlines(), key=lambda l: -int(l.split()[1], 16)):
        out.append(f"| `struct {line.split()[3][8:]}` | {int(line.split()[1], 16)} |")
    stack, calls = callgraph.read(folder)
    deepest, path = callgraph.deepest(stack, calls, "sts_mailer_poll")
    out += ["", f"Deepest stack of `sts_mailer_poll()`, the ports' own functions and callbacks not counted: {deepest} bytes",
            f"({' > '.join(p.split(':')[-1] for p in path)})."]
    return "\n".join(out)


def main():
    check = sys.argv[2] == "--check"
    readme = sys.argv[-1]
    text = open(readme).read()
    before, rest = text.split(BEGIN, 1)
    old, after = rest.split(END, 1)
    new = "\n" + table(sys.argv[1]) + "\n"
    if check:
        same = old == new
        print(new if not same else "", "" if same else "the table in README.md is not what `make size` prints: run it", sep="\n")
        print(f"size: {int(same)} passed, {int(not same)} failed")
        return int(not same)
    print(new)
    open(readme, "w").write(before + BEGIN + new + END + after)
    return 0


sys.exit(main())
