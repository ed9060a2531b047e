#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Instructions of the Linux program for one delivery, cold (DNS, policy fetch, two verified handshakes) and with the policy
in the cache, with one trust anchor and with all of Debian's. Counted by callgrind, so that a busy machine does not
matter; the handshakes' random numbers make a few per cent of difference between runs.
"""
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import lab
import stage

lab.enter()
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
p = stage.pki()
state = p["state"] + "/bench"
both = lab.scratch("bench") + "/all.pem"
with open(both, "w") as f:
    f.write(open(BUNDLE).read() + open(p["ca"].file).read())
roots = open(both).read().count("BEGIN CERTIFICATE")


def count(*args):
    done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", lab.PROGRAM, *args],
                          input=stage.MESSAGE, capture_output=True, timeout=300)
    found = re.search(rb"Collected : (\d+)", done.stderr)
    if not found or (args[0] == "send" and done.returncode != 0):
        sys.exit(done.stderr.decode())
    return int(found.group(1)) / 1e6


def send(s, ca):
    return count("send", "--dns", "127.0.0.1", "--ca", ca, "--state", state, "--from", "a@example.com",
                 "--hostname", "device.example.com", "ops@example.org")


print(f"{'million instructions':34} {'1 root':>9} {str(roots) + ' roots':>11} {'ratio':>7}")
for name, fresh in (("cold: policy fetched", True), ("warm: policy cached", False)):
    row = []
    for ca in (p["ca"].file, both):
        with stage.Stage() as s:
            if fresh:
                shutil.rmtree(state, ignore_errors=True)
            row.append(send(s, ca))
    print(f"{name:34} {row[0]:9.1f} {row[1]:11.1f} {row[1] / row[0]:7.2f}")
print(f"{'stsmail version (start alone)':34} {count('version'):9.1f}")
