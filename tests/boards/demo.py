#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`make BOARD=... run-demo`: an alert from a board in QEMU to real servers (knot, unbound, nginx, Postfix), which learn
nothing of it being a device. Exit status 0 only if it lies in the mailbox, and came inside TLS.

    demo.py BOARD
"""
import os
import shlex
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "interop"))
sys.path.insert(0, HERE)

import lab

lab.enter()

import device
import real
import world

BOARD = sys.argv[1]
ELF = os.path.join(lab.BUILD, BOARD, "demo.elf")
BODY = "On battery since 03:12, 11 minutes left."


def main():
    device.network()
    ca = lab.CA(lab.scratch("ca"))
    device.link(BOARD, ca.file, ELF)
    w = real.World()
    w.domain("example.org", mx=[real.MX], policy=world.policy(mx=["mx1.example.org"]), id="20260528", web=real.WEB)
    w.knot()
    w.unbound()
    w.nginx({"example.org": ca.issue("mta-sts.example.org")})
    w.postfix([world.Mx(real.MX, *ca.issue("mx1.example.org"))], ["ops@example.org"], ["myhostname = mx1.example.org"])

    args = ["--dns", real.RESOLVER, "--from", "ups7@example.com", "--hostname", "ups7.example.com", "--floor", "policy",
            "--subject", "UPS 7", "--body", BODY, "--json", "-v", "ops@example.org"]
    print(f"--- {BOARD} in QEMU, with the arguments\n\n    send {shlex.join(args)}\n", flush=True)
    r = device.run(BOARD, ELF, *args)
    if r.stderr:
        print(f"--- the debugger's console\n\n{r.stderr}")
    print(f"--- the UART\n\n{r.stdout}")
    box = w.mail("ops@example.org", seconds=20 if r.status == 0 else 0)
    print("--- the mailbox that Postfix keeps\n")
    print(box[0].decode() if box else "(nothing)")
    checks = {
        "exit 0": r.status == 0,
        "delivered under an enforced policy": r.json and r.json[0]["result"] == "delivered" and
        r.json[0]["policy"]["mode"] == "enforce" and r.json[0]["attempts"][-1]["verified"],
        "it lies in the mailbox, once": len(box) == 1 and BODY.encode() in box[0],
        "Postfix had it inside TLS": len(box) == 1 and b"with ESMTPS id" in box[0],
    }
    for what, ok in checks.items():
        print(f"    {'ok    ' if ok else 'FAILED'} {what}")
    bad = sum(not ok for ok in checks.values())
    print(f"\ndemo: {len(checks) - bad} of {len(checks)} as they should be")
    return bad != 0


sys.exit(main())
