#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Flash and RAM of an image by component, from the linker's map.

    size.py IMAGE.map
"""
import collections
import re
import sys

WHERE = (("/port/lwip/", "stsmail port: lwip"), ("/port/wolfssl/", "stsmail port: wolfssl"), ("/lwip/", "lwIP"),
         ("/wolfssl/", "wolfSSL"), ("/core/", "stsmail core"), (".roots.o", "trust anchors"), (".memory.o", "board and demo"), ("/boards/", "board and demo"),
         ("libgcc", "libgcc"), ("libc", "libc"), ("libg", "libc"))
FLASH, RAM = {".text", ".ARM.exidx", ".data"}, {".data", ".bss", ".stack"}
# What lies in the board's objects, and is somebody's all the same.
OWNERS = {".bss.tls_pool": "TLS pool", ".bss.mailer": "struct sts_mailer"}


def component(path, section):
    if section in OWNERS:
        return OWNERS[section]
    return next((name for mark, name in WHERE if mark in path), path)


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
    return sizes


def main():
    sizes = read(open(sys.argv[1]).read())
    print(f"{'component':24}{'flash':>9}{'RAM':>9}")
    for name, (flash, ram) in sorted(sizes.items(), key=lambda x: -sum(x[1])):
        if flash or ram:
            print(f"{name:24}{flash:9,}{ram:9,}")
    print(f"{'all':24}{sum(x[0] for x in sizes.values()):9,}{sum(x[1] for x in sizes.values()):9,}")


main()
