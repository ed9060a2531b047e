#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How much a board has to compute for one alert: instructions, as QEMU counts them (-icount shift=0: one a nanosecond).

    bench.py BOARD [RUNS]

Cold: three DNS answers, the policy over TLS 1.3, STARTTLS with TLS 1.3, both chains leaf <- intermediate <- root, one kind of key
throughout. The emulated time may run far behind the clock on the wall.
"""
import os
import statistics
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "interop"))
sys.path.insert(0, HERE)

import lab

lab.enter()

import device
import evil
import stage

BOARD, RUNS = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
ELF = os.path.join(lab.BUILD, BOARD, "bench.elf")


def main():
    device.network()
    device.at_a_distance()
    for kind in ("ec", "rsa2048", "p384"):
        measure(kind)


def measure(kind):
    root = lab.CA(lab.scratch(kind), kind=kind)
    middle = device.Intermediate(root, "middle", kind)
    device.link(BOARD, root.file, ELF)
    mx, host = (evil.tls_context(*middle.issue(n, kind=kind), version=stage.VERSIONS["TLSv1.3"]) for n in (stage.MX, stage.HOST))
    web = evil.https(host, evil.ok(evil.policy("enforce", [stage.MX])))
    notes = {}
    for n in range(RUNS):
        with stage.Stage(mx=evil.SMTP(mx), web=web) as s:
            for server in (*s.servers, s.web):
                server.timeout = 600
            r = device.run(BOARD, ELF, "--dns", "10.53.0.1", "--from", "a@example.com", "--hostname", "device.example.com",
                           "--floor", "policy", "--subject", "UPS 7", "--body", "On battery.", "ops@example.org", timeout=900,
                           more=("-icount", "shift=0"))
        if r.status != 0:
            sys.exit(repr(r))
        for what, value in r.notes.items():
            notes.setdefault(what, []).append(value)
    for what in ("all polls", "longest poll"):
        middle, least, most = (f(notes[what]) / 1000 for f in (statistics.median, min, max))
        print(f"{BOARD}: {kind}: {what}: median {middle:.2f}, {least:.2f} to {most:.2f} million instructions", flush=True)


main()
