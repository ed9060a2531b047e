#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How much a board has to compute for one alert: instructions, as QEMU counts them (-icount).

    bench.py [--write README] [--runs N] [BOARD...]     the figures, as README has them
    bench.py --again KIND BOARD                         writes tests/boards/recorded/KIND.txt anew, against real servers
    bench.py --check                                    whether the recordings are still what we say

Cold: DNS, the policy over HTTPS, STARTTLS; both chains leaf <- intermediate <- root, one kind of key throughout. Warm: the same
alert again, the policy is in a store. Over the network, where the servers' random numbers and the packets differ, and against
what real servers said once, where the count is the same to the last digit.
"""
import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "interop"))
sys.path.insert(0, HERE)

import lab

lab.enter()

import device
import real
import world

BEGIN, END = "<!-- make bench-boards: begin -->", "<!-- make bench-boards: end -->"
KINDS = {"ec": "P-256", "p384": "P-384", "rsa2048": "RSA-2048", "rsa4096": "RSA-4096"}
MHZ = {"mps2-an385": 25, "lm3s6965evb": 12.5}
RECORDED = os.path.join(HERE, "recorded")


def servers(kind):
    """Real ones, with chains of this kind. Returns the file of the root."""
    root = lab.CA(lab.scratch("ca-" + kind), kind=kind)
    middle = device.Intermediate(root, "middle", kind)
    w = real.World()
    w.domain("example.org", mx=[real.MX], policy=world.policy(mx=["mx1.example.org"]), id="20260528", web=real.WEB)
    w.knot()
    w.unbound()
    w.nginx({"example.org": middle.issue("mta-sts.example.org", kind=kind)})
    w.postfix([world.Mx(real.MX, *middle.issue("mx1.example.org", kind=kind))], ["ops@example.org"], ["myhostname = mx1.example.org"])
    return root.file


def link(board, root, text, assembly=True):
    """The bench's image, with this recording in it."""
    folder = lab.scratch("image-" + board)
    data = b""
    for kind, number, octets in re.findall(r"^@(\w) (\d+) (\w*)$", text, re.M):
        data += kind.encode() + bytes([int(number)]) + (len(octets) // 2).to_bytes(2, "little") + bytes.fromhex(octets)
    with open(os.path.join(folder, "recording.bin"), "wb") as f:
        f.write(data + bytes(4))
    recording = os.path.join(folder, "recording.o")
    subprocess.run(["arm-none-eabi-objcopy", "-I", "binary", "-O", "elf32-littlearm", "-B", "arm", "--rename-section",
                    ".data=.rodata.recording,alloc,load,readonly,data,contents", "--redefine-sym",
                    "_binary_recording_bin_start=recording", "recording.bin", recording], cwd=folder, check=True)
    elf = os.path.join(folder, "bench.elf")
    more = [] if assembly else ["B=build/plain-c", "WOLFSSL_DIR=build/deps/wolfssl", "LWIP_DIR=build/deps/lwip",
                                "DEFS=-DBOARD_PLAIN_C"]
    subprocess.run(["make", "-s", "-C", lab.ROOT, f"BOARD={board}", f"CA={root}", f"ELF={elf}", f"BOARD_MORE={recording}",
                    "BOARD_MAIN=recorded_main.c recorded.c network.c policy.c", *more, "firmware"], check=True, stdout=subprocess.DEVNULL)
    return elf


def run(board, elf, word, shift, tap="tap0"):
    """One run; instructions. A tick of SysTick is as long as so many instructions."""
    network = [] if word == "play" else ["--ip", device.DEVICE + "/24", "--gateway", device.HOST, "--dns", real.RESOLVER]
    r = device.run_as_is(board, elf, word, *network, timeout=900, more=("-icount", f"shift={shift}") if shift is not None else (), tap=tap)
    if r.status != 0 or r.notes.get("as it was recorded") != 1:
        sys.exit(f"{board}: {word}: is the recording still ours? bench.py --again makes a new one\n{r!r}")
    for what in r.notes:
        if "tick" in what or "longest" in what:
            r.notes[what] = round(r.notes[what] * 1000 / MHZ[board] / 2 ** (shift or 0))
    return r


def again(board, kind):
    root = servers(kind)
    r = run(board, link(board, root, ""), "record", None)
    os.makedirs(RECORDED, exist_ok=True)
    shutil.copy(root, os.path.join(RECORDED, kind + ".pem"))
    with open(os.path.join(RECORDED, kind + ".txt"), "w") as f:
        f.writelines(line + "\n" for line in r.stdout.splitlines() if line.startswith("@"))
    print(r.stdout[-400:])


def recorded(board, kind, assembly):
    """Three runs against a recording, which have to be one and the same."""
    with open(os.path.join(RECORDED, kind + ".txt")) as f:
        elf = link(board, os.path.join(RECORDED, kind + ".pem"), f.read(), assembly)
    runs = [run(board, elf, "play", 7, tap=None).notes for _ in range(3)]
    if runs[0] != runs[1] or runs[0] != runs[2]:
        sys.exit(f"{board}, {kind}: three runs, and not three times the same: {runs}")
    return runs[0]


def recorded_table(boards):
    out = ["| chains | wolfSSL | " + " | ".join(f"{b}: cold | warm | longest poll" for b in boards) + " |",
           "|---|---|" + "---:|---:|---:|" * len(boards)]
    for kind, name in KINDS.items():
        for assembly in (True, False):
            cells = []
            for board in boards:
                n = recorded(board, kind, assembly)
                cells += [n["cold, ticks"], n["warm, ticks"], max(n["cold, longest poll"], n["warm, longest poll"])]
            out.append(f"| {name} | {'assembly' if assembly else 'plain C'} | " + " | ".join(f"{c:,}" for c in cells) + " |")
            print(out[-1], flush=True)
    return out


def network_table(boards, runs):
    out = [f"| millions, {runs} runs | median | least | most |", "|---|---:|---:|---:|"]
    root = servers("ec")
    for board in boards:
        elf = link(board, root, "")
        notes = [run(board, elf, "live", 0).notes for _ in range(runs)]
        for what, name in (("cold, ticks", "cold"), ("warm, ticks", "warm"), ("cold, longest poll", "longest poll")):
            values = [n[what] / 1e6 for n in notes]
            out.append(f"| {board}, {name} | {statistics.median(values):.2f} | {min(values):.2f} | {max(values):.2f} |")
            print(out[-1], flush=True)
    return out


def check():
    """Whether the recording is still what we say, and the count of one image the same each time."""
    good = 0
    for board in MHZ:
        recorded(board, "ec", True)
        good += 1
    print(f"bench: {good} passed, 0 failed")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--again", metavar="KIND")
    p.add_argument("--check", action="store_true")
    p.add_argument("--write", metavar="README")
    p.add_argument("--runs", type=int, default=5)
    p.add_argument("boards", nargs="*", default=list(MHZ))
    a = p.parse_args()
    if a.check:
        return check()
    device.network()
    if a.again:
        return again(a.boards[0], a.again)
    text = "\n".join([*recorded_table(a.boards), "", *network_table(a.boards, a.runs)])
    if a.write:
        before, rest = open(a.write).read().split(BEGIN, 1)
        open(a.write, "w").write(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END, 1)[1]}")
    return None


main()
