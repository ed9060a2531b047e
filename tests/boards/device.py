# SPDX-License-Identifier: MIT
"""A board in QEMU, on a TAP device in the laboratory's namespace, with the arguments of `stsmail send`.

The servers of the other suites listen on 127.0.0.x; a device takes nothing from loopback, so here the same servers have
the same last octet under 10.53.0.
"""
import os
import re
import subprocess
import time

import lab

NET, HOST, DEVICE = "10.53.0.", "192.0.2.1", "192.0.2.2"
QEMU = {
    "mps2-an385": ["-M", "mps2-an385", "-net", "nic,netdev=n", "-netdev"],
    "lm3s6965evb": ["-M", "lm3s6965evb", "-net", "nic,netdev=n", "-netdev"],
}


notes = {}  # what the last run said of its memory


def far(address):
    """The address under which the device sees a server of 127.0.0.x."""
    return NET + address[8:] if address.startswith("127.0.0.") else address


def network():
    """The TAP device, and an address for each server."""
    for command in ("tuntap add dev tap0 mode tap", f"addr add {HOST}/24 dev tap0", "link set tap0 up",
                    *[f"addr add {NET}{n}/32 dev lo" for n in range(1, 64)]):
        subprocess.run(["ip", *command.split()], check=True)


def quoted(word):
    """An argument as the image reads it, and as QEMU's option wants it."""
    if not re.fullmatch(r"[^ \"\\\n]+", word):
        word = '"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    return word.replace(",", ",,")


def run(board, elf, *args, timeout=60, more=()):
    """Runs the image to its end: lab.Result; `notes`, the lines about memory, are in it too."""
    words = ["stsmail", "send", "--ip", DEVICE + "/24", "--gateway", HOST, *map(str, args)]
    config = ",".join(["enable=on", "target=native", *["arg=" + quoted(w) for w in words]])
    command = ["qemu-system-arm", "-display", "none", "-monitor", "none", "-serial", "stdio", *QEMU[board],
               "tap,id=n,ifname=tap0,script=no,downscript=no", "-semihosting-config", config, "-kernel", elf, *more]
    start = time.monotonic()
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout)
    except subprocess.TimeoutExpired as late:
        done = subprocess.CompletedProcess(command, -1, late.stdout or b"", (late.stderr or b"") + b"\nno end")
    result = lab.Result(done, time.monotonic() - start)
    result.notes = {m[1]: int(m[2]) for m in re.finditer(r"^# (.*): (\d+)", result.stdout, re.M)}
    notes.update(result.notes)
    return result
