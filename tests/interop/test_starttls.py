#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Malicious MX hosts, rows T of the fault list: whatever is done around STARTTLS, not one octet of the mail goes out in
clear where policy or floor say TLS, and nothing is called delivered that was not.

Each attack runs against every kind of protection, with TLS 1.2 and 1.3, whole and in single octets.
"""
import sys
import time

import evil
import lab
import stage
from stage import MX, Stage, context, one, sound

lab.enter()
t = lab.Tally("starttls")
QUICK = ("--timeout", "3")

# Kinds of protection: policy mode, options, whether the mail must stay inside TLS, whether that TLS must be verified.
PROTECTION = {
    "enforce": ("enforce", (), True, True),
    "testing": ("testing", (), False, False),
    "mode none": ("none", (), False, False),
    "nothing": (None, (), False, False),
    "floor encrypted": (None, ("--floor", "encrypted"), True, False),
    "floor verified": (None, ("--floor", "verified"), True, True),
    "floor policy": ("testing", ("--floor", "policy"), True, True),
    "require-tls": ("enforce", ("--require-tls",), True, True),
}


def mx(**replies):
    more = {k: replies.pop(k) for k in ("starttls", "behind_220", "offers") if k in replies}
    return lambda version: evil.SMTP(context(MX, version=stage.VERSIONS[version]), replies, **more)


def raw(function):
    """A script of its own, with the good one's mail list so that the oracles work."""
    def make(version):
        script = evil.SMTP(context(MX, version=stage.VERSIONS[version]))
        def run(c):
            return function(c, script)
        run.mail = script.mail
        return run
    return make


def hello(c):
    c.say("220 mx ESMTP\r\n")
    c.line()
    c.say("250-mx\r\n250 STARTTLS\r\n")
    return c.line()


def t05_swallowed(c, script):
    hello(c)
    time.sleep(6)


def t07_injected_later(c, script):
    hello(c)
    c.say("220 go\r\n")
    time.sleep(0.05)
    c.say("250 injected\r\n")
    c.sock.recv(4096)
    time.sleep(0.2)


def t16_reset(c, script):
    hello(c)
    c.say("220 go\r\n")
    c.sock.recv(1)


def t16_garbage(c, script):
    hello(c)
    c.say("220 go\r\n")
    c.sock.recv(4096)
    c.say(b"\x15\x03\x01\x00\x02\x02\x28")


def t17_plaintext_after_close_notify(c, script):
    hello(c)
    c.say("220 go\r\n")
    c.start_tls(script.context)
    c.line()
    c.say("250 mx\r\n")
    c.line()
    try:
        c.sock = c.sock.unwrap()
    except OSError:
        return
    c.tls = False
    c.buffer = b""
    c.say("250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n")
    while c.line() is not None:
        pass


def t22_slow_handshake(c, script):
    hello(c)
    c.say("220 go\r\n")
    time.sleep(6)


# name: (script, what the attempt's error may be where TLS is demanded)
STRIPPED = {"starttls-not-supported"}
BROKEN = {"validation-failure"}
ATTACKS = {
    "T01 stripped": (mx(starttls=False), STRIPPED),
    "T02 502": (mx(STARTTLS="502 5.5.1 no"), STRIPPED),
    "T03 454": (mx(STARTTLS="454 4.7.0 not now"), STRIPPED),
    **{f"T04 {code}": (mx(STARTTLS=f"{code} x"), STRIPPED) for code in (200, 221, 235, 250, 354, 421, 500, 501, 503, 530, 554)},
    "T05 swallowed": (raw(t05_swallowed), {"timeout"}),
    "T06 reply behind the 220": (mx(behind_220=b"250 injected\r\n"), BROKEN),
    "T06 many replies": (mx(behind_220=b"250-mx\r\n250 AUTH PLAIN\r\n250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n"), BROKEN),
    "T07 a segment later": (raw(t07_injected_later), BROKEN | {"closed"}),
    "T08 LF": (mx(behind_220=b"\n"), BROKEN),
    "T08 CRLF": (mx(behind_220=b"\r\n"), BROKEN),
    "T08 NUL": (mx(behind_220=b"\0" + b"\r\n"), BROKEN),
    "T08 a TLS record": (mx(behind_220=b"\x16\x03\x03\x00\x01\n"), BROKEN),
    "T08 half a line": (mx(behind_220=b"250 hal\n"), BROKEN),
    "T09 two replies to EHLO": (mx(EHLO="250-mx\r\n250 STARTTLS\r\n220 go\r\n"), {"smtp", "validation-failure", "starttls-not-supported"}),
    "T09 two greetings": (mx(GREET="220 mx\r\n250 STARTTLS\r\n"), {"smtp", "validation-failure", "starttls-not-supported"}),
    "T10 454 and fakes": (mx(STARTTLS="454 no\r\n235 ok\r\n250 ok\r\n354 go\r\n250 taken"), {"smtp", "starttls-not-supported"}),
    "T11 two codes in one": (mx(STARTTLS="220-go\r\n250 on"), {"smtp", "starttls-not-supported"}),
    "T13 greeting 235": (mx(GREET="235 authenticated"), {"smtp"}),
    "T13 greeting 250": (mx(GREET="250 STARTTLS"), {"smtp"}),
    "T15 STARTTLSX": (mx(starttls=False, offers=("STARTTLSX",)), STRIPPED),
    "T15 XSTARTTLS": (mx(starttls=False, offers=("XSTARTTLS",)), STRIPPED),
    "T15 STARTTLS=1": (mx(starttls=False, offers=("STARTTLS=1",)), STRIPPED),
    "T16 reset at ClientHello": (raw(t16_reset), {"closed", "validation-failure", "connect"}),
    "T16 alert": (raw(t16_garbage), BROKEN),
    "T17 clear text after close_notify": (raw(t17_plaintext_after_close_notify), {"closed", "validation-failure"}),
    "T22 slow handshake": (raw(t22_slow_handshake), {"timeout"}),
}

SLOW = ("T05", "T22")  # 3 s each: one chunking, one version
for name, (make, errors) in ATTACKS.items():
    for kind, (mode, options, tls, verified) in PROTECTION.items():
        for version in stage.VERSIONS:
            for drip in (0, 0.0003):
                if (drip or version == "TLSv1.2") and name.startswith(SLOW):
                    continue
                if name.startswith(SLOW) and kind not in ("enforce", "nothing", "floor encrypted"):
                    continue
                if drip and kind not in ("enforce", "nothing", "floor encrypted"):
                    continue
                with Stage(mode=mode, mx=make(version), drip=drip) as s:
                    r = s.send(*options, *QUICK)
                    o = one(r)
                    wrong = sound(s, r, tls)
                    if tls and (o["result"] != "deferred" or not o["attempts"] or o["attempts"][-1]["error"] not in errors):
                        wrong.append(f"{o['result']}, {[a['error'] for a in o['attempts']]}")
                    t.check(f"{name}, {kind}, {version}, {'octets' if drip else 'whole'}", not wrong, f"{wrong}\n{r}")

# T12, S18: what was offered in clear is forgotten.
for version in stage.VERSIONS:
    script = evil.SMTP(context(MX, version=stage.VERSIONS[version]),
                       {"EHLO2": "250-mx\r\n250 HELP"}, offers=("PIPELINING", "SIZE 1", "8BITMIME", "AUTH PLAIN", "SMTPUTF8"))
    with Stage(mx=script) as s:
        r = s.send()
        t.check(f"T12 offers from before TLS are forgotten, {version}",
                one(r)["result"] == "delivered" and b"SIZE=" not in s.taken[0][0] and not sound(s, r, True), r)
        text = s.servers[0].connections[0].secret
        t.check(f"T12 one at a time without PIPELINING, {version}", b"DATA" in text, r)

# T11: a well-formed multi-line 220 is one reply.
with Stage(mx=mx(STARTTLS="220-go\r\n220 on")("TLSv1.3")) as s:
    r = s.send()
    t.check("T11 a multi-line 220", one(r)["result"] == "delivered" and not sound(s, r, True), r)

# T14: STARTTLS inside TLS means nothing.
with Stage(mx=mx(EHLO2="250-mx\r\n250 STARTTLS")("TLSv1.3")) as s:
    r = s.send()
    t.check("T14 STARTTLS offered inside TLS", one(r)["result"] == "delivered" and not sound(s, r, True), r)

# T15: the keyword's case does not matter; S10: the first line is no capability.
with Stage(mx=mx(EHLO="250-mx\r\n250 starttls")("TLSv1.3")) as s:
    r = s.send()
    t.check("T15 starttls in lower case", one(r)["result"] == "delivered" and not sound(s, r, True), r)
with Stage(mx=mx(EHLO="250 STARTTLS")("TLSv1.3")) as s:
    r = s.send()
    t.check("S10 STARTTLS in the first line", one(r)["attempts"][0]["error"] == "starttls-not-supported", r)

# T18: the end without close_notify behind the 250 changes nothing; before it, it is no delivery.
def t18(c, line):
    c.say("250 2.0.0 taken\r\n")
    c.server.script.mail.append((b"", [], b"", True))
    return Ellipsis
with Stage(mx=mx(DOT=t18)("TLSv1.3")) as s:
    r = s.send()
    t.check("T18 FIN behind the 250", one(r)["result"] == "delivered" and not sound(s, r, True), r)
with Stage(mx=mx(DOT=lambda c, line: Ellipsis)("TLSv1.3")) as s:
    r = s.send()
    t.check("T18 FIN before the 250", one(r)["reason"] == "closed" and not sound(s, r, True), r)

# T20, C-11: refusals in clear are not final where they may be forged.
for what, replies in {"greeting 554": {"GREET": "554 go away"}, "EHLO 550": {"EHLO": "550 go away"},
                      "greeting 521": {"GREET": "521 no mail here"}}.items():
    for kind, (mode, options, tls, verified) in PROTECTION.items():
        with Stage(mode=mode, mx=evil.SMTP(context(), replies)) as s:
            r = s.send(*options)
            t.check(f"T20 {what}, {kind}", one(r)["result"] == ("deferred" if tls else "failed") and not sound(s, r, tls), r)

# The certificate is for another name: the two columns of cli's table.
for kind, (mode, options, tls, verified) in PROTECTION.items():
    for version, v in stage.VERSIONS.items():
        with Stage(mode=mode, mx=evil.SMTP(context("other.example.org", version=v))) as s:
            r = s.send(*options)
            a = one(r)["attempts"][0] if one(r)["attempts"] else {}
            good = (one(r)["result"] == ("deferred" if verified else "delivered") and not a.get("verified") and
                    a.get("error") == ("certificate-host-mismatch" if verified or mode == "testing" else None))
            t.check(f"R-081 certificate for another name, {kind}, {version}", good and not sound(s, r, tls), r)

t.end()
