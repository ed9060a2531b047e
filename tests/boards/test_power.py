#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A board with flash: what it accepted outlives a reset, and a power cut at any moment (QEMU killed; a file stands for the
flash, written in pieces of 16 octets). The seed of the cuts is printed.

    test_power.py BOARD [CUTS]"""
import os
import random
import re
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "interop"))
sys.path.insert(0, HERE)

import lab

lab.enter()

import device
import evil
import stage

BOARD, CUTS = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 25
ARGS = ("--ip", device.DEVICE + "/24", "--gateway", device.HOST, "--hostname", "device.example.com", "--dns", "10.53.0.1",
        "--timeout", "10")
FULL = {"RCPT": "450 4.2.2 mailbox full"}
t = lab.Tally(f"power {BOARD}")
device.network()
device.at_a_distance()
FLASH = lab.scratch("flash") + "/flash"
ELF = os.path.join(lab.BUILD, BOARD, "power.elf")
device.link(BOARD, stage.pki()["ca"].file, ELF)


def forget():
    if os.path.exists(FLASH):
        os.unlink(FLASH)


def words(token):
    return ["send", "--queue", "--flash", FLASH, "--from", "a@example.com", "--subject", token, "--body", "X-Secret-Mark", *ARGS,
            "ops@example.org"]


def send(token, **more):
    return device.run_as_is(BOARD, ELF, *words(token), **more)


def run(**more):
    return device.run_as_is(BOARD, ELF, "queue", "run", "--flash", FLASH, *ARGS, **more)


def tokens(s):
    return [re.search(rb"Subject: (\S+)", m[2]).group(1).decode() for m in s.taken]


def accepted(text):
    return re.search(r"# accepted: ([0-9a-f]{16})", text)


mx = evil.SMTP(stage.context(), FULL)
with stage.Stage(mx=mx) as s:
    forget()
    r = send("first")
    t.check("put off and kept: 0", r.status == 0 and accepted(r.stdout) and r.json and r.json[0]["result"] == "deferred" and
            r.json[0]["queued"] == accepted(r.stdout).group(1), r)
    r = run()
    t.check("after a reset, put off again: 75; the policy is held", r.status == 75 and r.json[0]["queued"] and
            r.json[0]["policy"]["source"] == "cached", r)
with stage.Stage(mx=evil.SMTP(stage.context(), starttls=False)) as s:
    r = run()
    t.check("under attack, after a reset: kept, nothing in clear", r.status == 75 and not s.wire() and not s.taken, r)
with stage.Stage() as s:
    r = run()
    t.check("delivered after the third reset: 0", r.status == 0 and tokens(s) == ["first"] and s.taken[0][3], f"{r} {s.taken}")
    r = run()
    t.check("and only once", r.status == 0 and not r.json and len(s.taken) == 1, r)
    forget()
    r = device.run_as_is(BOARD, ELF, *words("early"), clock=False)
    t.check("C01: the time is not known: kept", r.status == 0 and accepted(r.stdout) and not s.taken[1:], r)
    r = run()
    t.check("C11: and sent with a Date of now when it is", r.status == 0 and tokens(s)[1:] == ["early"] and
            b"Date: " in s.taken[-1][2] and b" 1970 " not in s.taken[-1][2], f"{r} {s.taken}")
    r = device.run_as_is(BOARD, ELF, *[w if w != FLASH else "/nowhere/at/all" for w in words("ram")])
    t.check("flash that cannot be used is said; the alert goes from RAM", r.status == 0 and tokens(s)[2:] == ["ram"] and
            "flash cannot be used" in r.stdout, r)
    with open(FLASH, "r+b") as f:
        f.write(os.urandom(65536))
    r = send("random")
    t.check("F15: flash full of rubbish is empty flash", r.status == 0 and tokens(s)[3:] == ["random"], r)

# ---- power cuts ------------------------------------------------------------------------------------------------------

seed = int(time.time())
rng = random.Random(seed)
forget()
given, safe, resets = [], [], 0
with stage.Stage() as s:
    whole = send("whole").took
    for n in range(CUTS):
        queue_run = rng.random() < 0.3
        token = f"t{n}"
        command = device.command_line(BOARD, ELF, [*(["queue", "run", "--flash", FLASH, *ARGS] if queue_run else words(token)),
                                                   "--now", int(time.time())])
        out = os.path.join(os.path.dirname(FLASH), "uart")
        with open(out, "wb") as f:
            p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=f, stderr=subprocess.DEVNULL)
            try:
                p.wait(rng.random() * whole * 1.1)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
                resets += 1
        if not queue_run:
            given.append(token)
            if accepted(open(out, errors="replace").read()):
                safe.append(token)
    for _ in range(5):
        r = run()
        if r.status == 0:
            break
    got = tokens(s)
    t.check("nothing is left in the queue", r.status == 0, r)
    for token in safe:
        t.check(f"Q03: {token} was accepted, and arrives", token in got, f"seed {seed}: {got}")
    double = len(got) - len(set(got))
    t.check("Q02: at most one duplicate a cut", double <= resets, got)
    t.check("nothing arrives that was not given", set(got) <= {"whole", *given}, got)
print(f"seed {seed}: {resets} power cuts, {len(given)} alerts, {len(safe)} accepted, "
      f"{len(set(safe) - set(got))} lost, {double} duplicates", flush=True)
t.end()
