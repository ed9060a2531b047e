#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a review of the whole found: each of these went wrong once, or was feared to. The last line counts."""
import resource
import shutil
import subprocess
import time

import lab

lab.enter()

import evil  # noqa: E402: servers start inside the namespace
import stage  # noqa: E402
from stage import DOMAIN, MX, Stage, judge, pki  # noqa: E402

t = lab.Tally("review")


def check(what, s, r, protected=False, **want):
    wrong = judge(s, r, protected, **want)
    t.check(what, not wrong, f"{wrong}\n{r}")


def cache(*args):
    return lab.stsmail("cache", *args, "--dns", "127.0.0.1", "--ca", pki()["ca"].file)


# ---- waiting costs no processor time ---------------------------------------------------------------

def used():
    r = resource.getrusage(resource.RUSAGE_CHILDREN)
    return r.ru_utime + r.ru_stime


def silent(c):
    time.sleep(10)


def silent_tls(c):
    c.say("220 mx\r\n")
    c.line()
    c.say("250-mx\r\n250 STARTTLS\r\n")
    c.line()
    c.say("220 go\r\n")
    time.sleep(10)


def half_a_handshake(c):
    c.say("220 mx\r\n")
    c.line()
    c.say("250-mx\r\n250 STARTTLS\r\n")
    c.line()
    c.say("220 go\r\n")
    c.sock.recv(4096)
    c.sock.sendall(b"\x16\x03\x03\x10\x00\x02")
    time.sleep(10)


def truncated(q, tcp, good):
    return None if tcp else q.reply(flags=0x0200)


for what, stage_of, reason in (
        ("a silent DNS server", dict(mode=None, zone={(DOMAIN, "MX"): None}), "dns"),
        ("a DNS server that is silent over TCP", dict(mode=None, trick=truncated), "dns"),
        ("a silent MX", dict(mode=None, mx=silent), "timeout"),
        ("a silent handshake", dict(mx=silent_tls), "timeout"),
        ("half a handshake", dict(mx=half_a_handshake), "timeout"),
        ("a silent policy host", dict(web=silent), None)):
    with Stage(**stage_of) as s:
        before = used()
        r = s.send("--timeout", "3")
        check(f"waiting for {what}: 3 s", s, r, reason=reason, took=4)
        t.check(f"waiting for {what}: no processor time", used() - before < 0.3, used() - before)

# ---- domains and hosts -----------------------------------------------------------------------------

with Stage(mode=None, zone={(DOMAIN, "MX"): "gone", (DOMAIN, "CNAME"): [MX]}) as s:
    check("RFC 5321 5.1: a domain that is an alias of a host", s, s.send(), result="delivered", mxs=[DOMAIN])

with Stage(mode=None, mx=evil.SMTP(stage.context(), {
        "RCPT": lambda c, line: "550 5.1.1 gone" if b"gone" in line else "450 4.2.2 full"})) as s:
    for to in (("gone@" + DOMAIN, "full@" + DOMAIN), ("full@" + DOMAIN, "gone@" + DOMAIN)):
        r = s.send(to=to)
        check("S12: who is put off is not failed by the refusal of another", s, r, result="deferred",
              verdicts=["failed" if "gone" in a else "deferred" for a in to])

with Stage(mode=None) as s:
    r = s.send(to=("a@" + ".".join(["abc"] * 61) + ".org",))
    t.check("D34: a domain too long for any policy is invalid input", r.status == 65 and not s.taken, r)

for spelling in ("example.org", "EXAMPLE.org", "Example.Org."):
    with Stage(mode=None) as s:
        r = s.send("--floor", "policy@" + spelling, to=("ops@eXample.org.",))
        check(f"C-7: a floor for {spelling}", s, r, True, result="deferred", reason="policy-required")
    with Stage(mode=None) as s:
        file = lab.scratch("policy") + "/p"
        with open(file, "w") as f:
            f.write(evil.policy("enforce", ("other.example.net",)))
        r = s.send("--policy", f"{spelling}={file}", to=("ops@eXample.org.",))
        check(f"a policy provisioned for {spelling}", s, r, True, reason="mx-mismatch", source="provisioned", match=False)

with Stage(mode=None) as s:
    for own in (MX, MX.upper(), MX.title() + "."):
        r = s.send("--hostname", own)
        check(f"S26: {own} is ourselves", s, r, result="failed", reason="loop")

# ---- the state directory ---------------------------------------------------------------------------

full = lab.scratch("full")
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "full", full], check=True)
with open(full + "/rest", "wb") as f:
    f.write(b"x" * 4096)
with Stage(state=full) as s:
    r = cache("refresh", DOMAIN, "--json", "--state", full)
    t.check("cache refresh that cannot be kept is 74", r.status == 74 and not r.json[0]["refreshed"], r)
    r = s.send()
    check("a full state directory stops no mail", s, r, True, result="delivered", source="fetched")
    t.check("and is said", "not kept" in r.stderr or "nothing is kept" in r.stderr, r)

foreign = lab.scratch("foreign") + "/state"
with Stage(state=foreign) as s:
    check("a first delivery", s, s.send(), True, result="delivered", source="fetched")
    for name in ("FOO", "a_b", "README.txt", "x%2Fy", ".hidden", "a..b", "-a"):
        with open(f"{foreign}/policy/{name}", "w") as f:
            f.write("not ours")
    r = cache("list", "--json", "--state", foreign)
    t.check("cache list with files of others", r.status == 0 and [o["domain"] for o in r.json] == [DOMAIN], r)
    r = cache("refresh", "--json", "--state", foreign)
    t.check("cache refresh with files of others", r.status == 0 and [o["domain"] for o in r.json] == [DOMAIN], r)

# only the record is suppressed.
aged = lab.scratch("aged")
shutil.rmtree(aged)
with Stage(state=aged, web=evil.ok(evil.policy(max_age=4))) as s:
    check("a policy for 4 seconds", s, s.send(), True, result="delivered", source="fetched")
    s.dns.zone[("_mta-sts." + DOMAIN, "TXT")] = 2
    time.sleep(2.5)
    check("R-106: refreshed although the record is suppressed", s, s.send(), True, result="delivered", source="fetched")

# What is dropped leaves nothing behind that would keep it from being fetched again (R-043's five minutes).
dropped = lab.scratch("dropped")
shutil.rmtree(dropped)
with Stage(state=dropped) as s:
    check("a first delivery", s, s.send(), True, result="delivered", source="fetched")
with Stage(state=dropped, id="2", web=b"HTTP/1.1 500 no\r\nContent-Length: 0\r\n\r\n") as s:
    check("a new id cannot be fetched", s, s.send(), True, result="delivered", source="cached")
t.check("cache drop", lab.stsmail("cache", "drop", DOMAIN, "--state", dropped).status == 0)
with Stage(state=dropped, id="2") as s:
    check("fetched again at once", s, s.send(), True, result="delivered", source="fetched")

t.end()
