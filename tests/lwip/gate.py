#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What port/lwip/sockets.c may refer to: lwIP's socket calls, errno, memory, and nothing of any system; and how large it is.

    gate.py NM OBJECT[:MOST_BYTES]...
"""
import re
import subprocess
import sys

# memcpy and memset by the names of compilers and C libraries too; errno as glibc, newlib and lwIP itself have it.
ALLOWED = re.compile(r"^(lwip_(bind|close|connect|fcntl|getsockname|getsockopt|htons|recv|recvmsg|select|send|setsockopt|shutdown|socket)"
                     r"|mem(cpy|set)|__aeabi_mem(cpy|set|clr)[48]?|errno|__errno|__errno_location|__stack_chk_(fail|guard))$")
good = bad = 0


def check(ok, what):
    global good, bad
    good, bad = good + bool(ok), bad + (not ok)
    if not ok:
        print(f"gate: {what}")


nm = sys.argv[1]
for argument in sys.argv[2:]:
    path, _, most = argument.partition(":")
    sockets = 0
    for line in subprocess.run([nm, path], capture_output=True, text=True, check=True).stdout.splitlines():
        kind, name = line.split()[-2:]
        if kind == "U":
            check(ALLOWED.match(name), f"{path}: refers to {name}")
            sockets += name.startswith("lwip_")
        else:
            check(kind not in "DdBbCcGgSs", f"{path}: keeps data: {name}")
            check(kind != "T" or name.startswith("sts_lwip_"), f"{path}: exports {name}")
    check(sockets >= 10, f"{path}: only {sockets} socket calls: is this the object?")
    if most:
        line = subprocess.run([nm.replace("nm", "size"), path], capture_output=True, text=True, check=True).stdout.splitlines()[1]
        text = int(line.split()[0])
        print(f"{path}: {text} bytes of code")
        check(text <= int(most), f"{path}: {text} bytes of code, more than {most}")
print(f"gate: {good} passed, {bad} failed")
sys.exit(bad != 0)
