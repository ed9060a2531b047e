#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Random messages, signed by the library and verified by dkimpy, which shares nothing with it.

    test_dkim.py ed25519|rsa BUILD [--messages N]

The key is made by `stsmail keygen`, and the DNS record is the one that it prints. The messages are what a device may
send and what it should not: blank lines at the end, no body, folded and repeated fields, tabs, 8-bit text, long lines, dots.
Of every tenth that was signed one octet is changed, and the signature must fail. A part is signed once more under
ASan and UBSan, and on a Cortex-M3 in QEMU. Each message counts as a test."""
import argparse
import base64
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import time

import dkim

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SIGNED = ("From To Cc Subject Reply-To Date Sender Message-ID In-Reply-To References MIME-Version Content-Type "
          "Content-Transfer-Encoding Auto-Submitted Resent-From Resent-Date Resent-To List-Id List-Unsubscribe "
          "TLS-Report-Domain TLS-Report-Submitter").split()
UNSIGNED = ["Received", "X-Odd", "DKIM-Signature-Not", "Comments", "A" * 70]
WORDS = [b"alert", b"ups", b".", b"..", b"...x", b"=", b"a;b", b"b=", b"h=from", b"\xc3\xa4", b"\xe2\x82\xac", b"From ", b":", b"\\"]
BLANKS = [b" ", b"  ", b"\t", b" \t ", b""]


def text(r, words, extra=()):
    return b"".join(r.choice(WORDS + list(extra)) + r.choice(BLANKS) for _ in range(r.randrange(words)))


def field(r, name):
    """A header field in any case, with odd white space, folded anywhere it may be."""
    name = "".join(r.choice((c.lower(), c.upper(), c)) for c in name).encode()
    value = r.choice(BLANKS) + text(r, 8)
    for _ in range(r.choice((0, 0, 0, 1, 2))):
        value += b"\r\n" + r.choice((b" ", b"\t", b"  \t")) + text(r, 5)
    return name + b":" + value + b"\r\n"


def header(r):
    names = ["From"] + r.sample(SIGNED[1:], r.randrange(len(SIGNED))) + r.choices(UNSIGNED, k=r.randrange(4))
    if r.random() < 0.2:
        names += [r.choice(SIGNED[1:])] * r.randrange(1, 7) + r.choices(SIGNED[1:], k=r.randrange(12))
    r.shuffle(names)
    return b"".join(field(r, n) for n in names)


def line(r):
    kind = r.random()
    if kind < 0.2:
        return r.choice(BLANKS) * r.randrange(3)
    if kind < 0.25:
        return b"x" * r.choice((997, 998, 999, 2500)) + r.choice(BLANKS)
    if kind < 0.35:
        return bytes(r.choice((0x80, 0xff, 0xe4, 0x20, 0x09, 0x41, 1, 0x7f)) for _ in range(r.randrange(40)))
    return r.choice((b"", b".", b" ", b"\t")) + text(r, 9)


def body(r):
    if r.random() < 0.1:
        return b"" if r.random() < 0.5 else b"\r\n" * r.randrange(5)
    lines = [line(r) for _ in range(r.randrange(1, 12))] + [r.choice(BLANKS)] * r.choice((0, 0, 1, 4))
    return b"\r\n".join(lines) + r.choice((b"", b"\r\n", b"\r\n\r\n"))


def message(r):
    whole = header(r)
    if r.random() < 0.97:
        whole += b"\r\n" + body(r)
    return whole if r.random() < 0.5 else whole.replace(b"\r\n", b"\n")


def sign(command, key, messages):
    with tempfile.TemporaryDirectory(prefix="stsmail-dkim-") as place:
        with open(os.path.join(place, "dkim.in"), "wb") as f:
            f.write(struct.pack("<QI", int(time.time()), len(key)) + key)
            for m in messages:
                f.write(struct.pack("<I", len(m)) + m)
        done = subprocess.run(command, cwd=place, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=800)
        assert done.returncode == 0, done.stdout.decode(errors="replace")
        print(command[0], done.stdout.decode(errors="replace").strip().splitlines()[-1])
        with open(os.path.join(place, "dkim.out"), "rb") as f:
            out = f.read()
    signed, at = [], 0
    while at < len(out):
        size, = struct.unpack_from("<I", out, at)
        signed.append(out[at + 4:at + 4 + size])
        at += 4 + size
    assert len(signed) == len(messages), (len(signed), len(messages))
    return signed


class Judge:
    def __init__(self, name, value):
        self.record = {name + ".": value}
        self.good = self.bad = self.asked = 0

    def dns(self, name, timeout=5):
        self.asked += 1
        return self.record[name.decode() if isinstance(name, bytes) else name].encode()

    def verifies(self, m):
        try:
            return dkim.verify(m, dnsfunc=self.dns)
        except (dkim.DKIMException, KeyError):
            return False

    def must(self, truth, what, m):
        self.good, self.bad = self.good + bool(truth), self.bad + (not truth)
        if not truth and self.bad < 6:
            print(f"{what}: {m[:3000]!r}\n")


def changed(r, m):
    """The same with one octet of another letter, in the signed part that a receiver shows."""
    end = m.index(b"\r\nFrom:".lower(), 0) if b"\r\nfrom:" in m else m.lower().index(b"\r\nfrom:")
    start = m.index(b"\r\n b=")
    places = [i for i in range(len(m)) if m[i:i + 1].isalnum() and
              (start + 5 < i < start + 60 or i > m.find(b"\r\n\r\n") > 0)]
    assert end > 0
    i = r.choice(places)
    return m[:i] + bytes([m[i] ^ 1 if chr(m[i] ^ 1).isalnum() else m[i] ^ 3]) + m[i + 1:]


def tags(m):
    head = m[:m.index(b"\r\n b=")].replace(b"\r\n", b"").split(b":", 1)[1]
    return {k.strip(): v.strip() for k, v in (t.split(b"=", 1) for t in head.split(b";") if b"=" in t)}


def check_form(judge, m, algorithm):
    """RFC 6376 3.5, RFC 8301 3.1: what every signature has to have, and has not (R-186)."""
    t = tags(m)
    names = [n.strip() for n in t[b"h"].split(b":")]
    there = [f.split(b":")[0].strip().lower() for f in m[m.index(b"==\r\n") + 4 if b"==\r\n" in m else 0:].split(b"\r\n\r\n")[0].split(b"\r\n")
             if f[:1] not in (b" ", b"\t")]
    judge.must(m.startswith(b"DKIM-Signature: v=1;"), "the signature is not the first field", m)
    judge.must(t[b"a"] == (b"rsa-sha256" if algorithm == "rsa" else b"ed25519-sha256") and t[b"c"] == b"relaxed/relaxed", "a=, c=", m)
    judge.must(b"l" not in t and b"z" not in t and t[b"d"] == b"example.org" and t[b"s"] == b"s1", "l=, d=, s=", m)
    judge.must(names.count(b"from") == 2, "From is not signed and closed", m)
    judge.must(all(n.decode() in [s.lower() for s in SIGNED + ["resent-cc"]] for n in names), "h= names more than it should", m)
    for report in (b"tls-report-domain", b"tls-report-submitter"):
        judge.must(report not in there or report in names, "R-187: " + report.decode(), m)
    judge.must(all(len(s) <= 78 or b"d=" in s for s in m.split(b"\r\nFROM", 1)[0].split(b";")[0].split(b"\r\n")), "a long line", m)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("algorithm", choices=("ed25519", "rsa"))
    p.add_argument("build")
    p.add_argument("--messages", type=int, default=10000)
    a = p.parse_args()
    build = os.path.abspath(a.build)
    r = random.Random(a.algorithm)
    with tempfile.TemporaryDirectory(prefix="stsmail-dkim-") as place:
        path = os.path.join(place, "key.pem")
        made = subprocess.run([f"{build}/linux/stsmail", "keygen", "--type", a.algorithm, "--selector", "s1", "--domain",
                               "example.org", "--out", path, "--json"], capture_output=True, check=True)
        record = json.loads(made.stdout)["record"]
        key = open(path, "rb").read()
    # dkimpy takes one service type; RFC 6376 3.6.1 has a list of them, and RFC 8460 3 needs two.
    both = "; s=email:tlsrpt; "
    judge = Judge(record["name"], record["value"].replace(both, "; "))
    judge.must(both in record["value"] and record["value"].startswith("v=DKIM1; k="), "the record", record["value"])
    messages = [message(r) for _ in range(a.messages)]
    signed = sign([f"{build}/dkim/sign"], key, messages)
    for n, m in enumerate(signed):
        judge.must(m and judge.verifies(m), "does not verify", m or messages[n])
        if m and n % 10 == 0:
            other = changed(r, m)
            judge.must(not judge.verifies(other), "verifies although it was changed", other)
            check_form(judge, m, a.algorithm)
    judge.must(judge.asked >= a.messages, "the record was not asked for", b"")
    few = messages[:1000 if a.algorithm == "ed25519" else 200]
    judge.must(a.algorithm == "ed25519" or len(base64.b64decode(record["value"].split("p=")[1])) > 270, "a short key", b"")
    for n, m in enumerate(sign([f"{build}/dkim/sign-asan"], key, few)):
        judge.must(m and judge.verifies(m), "under ASan: does not verify", m or few[n])
    few = messages[:40 if a.algorithm == "ed25519" else 4]
    for n, m in enumerate(sign([os.path.join(TOP, "tests/variants/cortex-m/run"), f"{build}/dkim/sign-arm"], key, few)):
        judge.must(m and judge.verifies(m), "on the Cortex-M3: does not verify", m or few[n])
    print(f"dkim {a.algorithm}: {judge.good} passed, {judge.bad} failed")
    return judge.bad != 0


sys.exit(main())
