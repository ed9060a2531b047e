#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Policies over their life, rows P of the fault list and rules R-043, R-044, R-050..R-062, R-100..R-106: what is fetched, held,
expired, replaced, missing; floors; provisioned policies; the cache's commands; and a state directory that is shared, damaged,
full or not there.
"""
import itertools
import os
import re
import shutil
import subprocess
import threading

import evil
import lab
import stage
from stage import DOMAIN, HOST, MX, Stage, context, judge, one, pki

lab.enter()
t = lab.Tally("policy")
FETCH, INVALID = "sts-policy-fetch-error", "sts-policy-invalid"
STS = "_mta-sts." + DOMAIN
WEEK = 604800
GOOD = {"result": "delivered", "errors": [None]}


def state(name):
    return lab.scratch("state-" + re.sub(r"\W+", "-", name)) + "/state"


def at(seconds):
    """The program's clock, so many seconds from now."""
    return {"LD_PRELOAD": FAKE, "FAKETIME": f"{seconds:+d}", "FAKETIME_DONT_FAKE_MONOTONIC": "1"} if seconds else {}


FAKE = subprocess.run("ls /usr/lib/*/faketime/libfaketime.so.1", shell=True, capture_output=True, text=True).stdout.strip()
t.check("faketime is there", FAKE)


def story(name, *steps):
    """Deliveries with one state directory. A step: (seconds from now, what the stage is, what is wanted, options)."""
    where = state(name)
    for n, (seconds, scene, want, *options) in enumerate(steps):
        want = dict(want)
        fetches = want.pop("fetches", None)
        protected = want.pop("protected", want.get("mode") == "enforce")
        with Stage(state=where, **scene) as s:
            r = s.send("--timeout", "3", *options, env=at(seconds))
            wrong = judge(s, r, protected, **want)
            got = sum(c.secret.count(b"GET ") for c in s.web.connections) if s.web else 0
            if fetches is not None and got != fetches:
                wrong.append(f"{got} fetches, not {fetches}")
            t.check(f"{name}, step {n + 1}", not wrong, f"{wrong}\n{r}")
    return where


def serves(mode="enforce", max_age=WEEK, patterns=(MX,), **more):
    """A scene with this policy; mode is what the file says."""
    return {"web": evil.ok(evil.policy(mode, () if mode == "none" else patterns, max_age)), **more}


FETCHED = GOOD | {"source": "fetched", "mode": "enforce", "fetches": 1, "trouble": None}
CACHED = GOOD | {"source": "cached", "mode": "enforce", "fetches": 0, "trouble": None}
NONE = GOOD | {"source": "none", "mode": None}
GONE = {"zone": {(STS, "TXT"): "gone"}}
NO_TXT = {"zone": {(STS, "TXT"): []}}
BLOCKED = {"web": False}
STRIPPED = {"mx": evil.SMTP(None)}

# ---- R-100..R-104: held, the same id, another id -------------------------------------------------

story("R-104 the same id is not fetched again", (0, serves(), FETCHED), (60, serves(), CACHED), (7200, serves(), CACHED))
story("R-104 another id is fetched", (0, serves(), FETCHED | {"id": "1"}), (60, serves(id="2"), FETCHED | {"id": "2"}),
    (90, serves(id="2"), CACHED | {"id": "2"}),
      (99, serves(id="1"), FETCHED | {"id": "1"}))
story("R-100 the same id does not lengthen a life", (0, serves(max_age=1000), FETCHED), (300, serves(max_age=1000), CACHED),
      (1001, {**BLOCKED, "zone": {(STS, "TXT"): []}}, NONE))
story("R-101 a life ends with max_age", (0, serves(max_age=3000), FETCHED),
      (2990, GONE | BLOCKED, CACHED | {"trouble": {None, FETCH}}), (3001, GONE | BLOCKED, NONE))
story("R-101 an expired policy protects no more, and a live one is fetched", (0, serves(max_age=100), FETCHED),
    (101, serves(), FETCHED))
story("R-055 max_age 0: for this delivery alone", (0, serves(max_age=0), FETCHED), (1, GONE | BLOCKED, NONE))
story("P03, C-2 max_age over the maximum is clamped", (0, serves(max_age=9999999999), FETCHED),
      # the MX's certificate has ended by then: the policy is what makes that matter
      (31557500, NO_TXT | BLOCKED, {"result": "deferred", "error": "certificate-expired", "source": "cached",
          "mode": "enforce"}),
      (31557601, NO_TXT | BLOCKED, {"result": "delivered", "source": "none"}))
story("R-102 a live one cannot be had: id changed, host out of reach", (0, serves(), FETCHED), (60, {**BLOCKED, "id": "2"},
    CACHED | {"trouble": FETCH, "id": "1"}))
for what, zone in {"NXDOMAIN": {(STS, "TXT"): "gone"}, "NODATA": {(STS, "TXT"): []}, "SERVFAIL": {(STS, "TXT"): 2},
    "no answer": {(STS, "TXT"): None},
                   "malformed": {(STS, "TXT"): ["v=STSv1; id=;"]}, "two": {(STS, "TXT"): ["v=STSv1; id=1;",
                   "v=STSv1; id=2;"]}}.items():
    story(f"R-103, P21 TXT {what}: what is held applies", (0, serves(), FETCHED), (60, {"zone": zone, **BLOCKED}, CACHED),
          (61, {"zone": zone, **BLOCKED, **STRIPPED}, {"result": "deferred", "error": "starttls-not-supported",
          "source": "cached", "protected": True}))
for what, rcode in {"NXDOMAIN": 3, "SERVFAIL": 2}.items():
    story(f"P21, C-11 all of DNS says {what}", (0, serves(), FETCHED), (60, {"zone": {(DOMAIN, "MX"): rcode,
        (STS, "TXT"): rcode, (HOST, "A"): rcode}, **BLOCKED},
          {"result": "deferred", "reason": "dns", "source": "cached", "mode": "enforce"}))
story("P12, P16 MX spoofed: not contacted, and the id was looked at afresh", (0, serves(), FETCHED),
      (60, {"zone": {(DOMAIN, "MX"): [(10, "other.example.org")], ("other.example.org", "A"): ["127.0.0.10"]},
      "mx": evil.SMTP(context("other.example.org"))},
       {"result": "deferred", "reason": "mx-mismatch", "mxs": ["other.example.org"], "source": "cached", "mode": "enforce"}))
story("R-091 the owner moved: the new id brings the new list", (0, serves(), FETCHED),
      (60, serves(patterns=("mx2.example.org",), id="2", mx=False, second=evil.SMTP(context("mx2.example.org")),
      zone={(DOMAIN, "MX"): [(20, "mx2.example.org")]}),
       FETCHED | {"mxs": ["mx2.example.org"]}))

# ---- P24: fetches that fail --------------------------------------------------------

NOT_FOUND = {"web": evil.ok("no").replace(b"200", b"404")}
story("R-043, H24 a failed fetch waits 5 minutes", (0, NOT_FOUND, NONE | {"trouble": FETCH, "fetches": 1}), (200, serves(),
    NONE | {"trouble": FETCH, "fetches": 0}),
      (310, serves(), FETCHED))
story("R-043 a new id is tried at once", (0, NOT_FOUND, NONE | {"trouble": FETCH}), (60, serves(id="2"), FETCHED))
story("R-043 with one held", (0, serves(), FETCHED), (60, NOT_FOUND | {"id": "2"}, CACHED | {"trouble": FETCH, "fetches": 1}),
    (120, serves(id="2"), CACHED | {"trouble": FETCH}),
      (370, serves(id="2"), FETCHED))
story("R-043 an invalid policy too", (0, {"web": evil.ok("nonsense")}, NONE | {"trouble": INVALID, "fetches": 1}),
    (60, serves(), NONE | {"fetches": 0, "trouble": {INVALID, FETCH}}))
story("P23 id changed, the fetch fails: the old one is kept", (0, serves(), FETCHED), (60, NOT_FOUND | {"id": "2"},
    CACHED | {"trouble": FETCH, "fetches": 1}),
      (61, GONE | BLOCKED, CACHED))
where = state("P24")
fetches = 0
for i in range(12):
    with Stage(state=where, id=f"flip{i}", **NOT_FOUND) as s:
        r = s.send()
        fetches += len(s.web.connections)
t.check("P24 an id that flips with each question: at most 4 fetches in 5 minutes", fetches <= 4, fetches)
story("R-044, C-6, P20 announced, not to be had", (0, BLOCKED, NONE | {"trouble": FETCH}))
story("R-044, P20 under the floor policy", (0, BLOCKED, {"result": "deferred", "reason": "policy-required", "trouble": FETCH,
    "protected": True}, "--floor", "policy"))

# ---- refreshing, mode none --------------------------------------------------

story("R-105, P22 the same id is fetched again after a day", (0, serves(), FETCHED),
    (90000, serves(patterns=(MX, "mx2.example.org")), FETCHED), (90060, serves(), CACHED))
story("R-106 also when TXT is gone", (0, serves(), FETCHED), (90000, serves(zone={(STS, "TXT"): []}), FETCHED | {"id": None}))
story("R-106, R-100 and that begins a new life", (0, serves(max_age=200000), FETCHED), (150000, serves(max_age=200000),
    FETCHED), (300000, GONE | BLOCKED, CACHED | {"trouble": {None, FETCH}}))
story("R-106 a refresh that fails leaves what is held", (0, serves(), FETCHED), (90000, NOT_FOUND, CACHED | {"fetches": 1,
    "trouble": {None, FETCH}}), (90060, NOT_FOUND, CACHED | {"trouble": {None, FETCH}}))
story("P25 a short life is refreshed at half of it", (0, serves(max_age=4000), FETCHED), (500, serves(max_age=4000), CACHED),
    (2100, serves(max_age=4000), FETCHED))
story("R-108 none replaces at once, and lives its own life", (0, serves(), FETCHED), (60, serves("none", id="2", max_age=1000,
    mx=evil.SMTP(None)), GOOD | {"source": "fetched", "mode": "none", "id": "2"}),
      (120, GONE | BLOCKED | STRIPPED, GOOD | {"source": "cached", "mode": "none"}), (1100, GONE | BLOCKED | STRIPPED, NONE))
story("P04 a floor outlives a policy that was weakened", (0, serves(), FETCHED, "--floor", "verified"),
      (60, serves("none", id="2", max_age=0, mx=evil.SMTP(None)), {"result": "deferred", "error": "starttls-not-supported",
      "mode": "none", "protected": True}, "--floor", "verified"))
story("P26 a policy lapses while all is blocked: the floor holds", (0, serves(max_age=100), FETCHED), (200, GONE | BLOCKED,
    {"result": "deferred", "reason": "policy-required", "protected": True}, "--floor", "policy"))
story("P27 a planted policy goes when the id changes", (0, serves(max_age=31557600, patterns=("evil.example",)),
    {"result": "deferred", "reason": "mx-mismatch", "source": "fetched"}),
      (60, serves(id="2"), FETCHED))
story("R-110 a failed fetch shortens nothing", (0, serves(max_age=5000), FETCHED), (1000, NOT_FOUND | {"id": "2"},
    CACHED | {"trouble": FETCH, "fetches": 1}),
      (4900, GONE | BLOCKED, CACHED | {"trouble": {None, FETCH}}))
story("R-112 a clock that goes back: it stays in force", (0, serves(), FETCHED),
      (-3000, GONE | BLOCKED, CACHED | {"trouble": {None, FETCH}}))
story("C01 a clock that is unset: nothing is sent", (0, serves(), FETCHED), (-40 * 365 * 86400, serves(),
    {"result": "deferred", "reason": "clock", "protected": True}))
with Stage(zone={("sub." + DOMAIN, "MX"): [(10, MX)]}, mx=evil.SMTP(None)) as s:
    r = s.send(to=("a@sub." + DOMAIN,))
    wrong = judge(s, r, False, result="delivered", source="none")
    t.check("P29 a subdomain has no policy of its parent's", not wrong and ("_mta-sts.sub." + DOMAIN, 16) in s.dns.questions,
        f"{wrong}\n{r}")

# ---- P01..P10, R-050..R-062, C-1, C-5: files -----------------------------------------------------

LINES = ["version: STSv1", "mode: enforce", f"mx: {MX}", "max_age: 604800"]


def changed(n, line):
    return "\n".join([*LINES[:n], *([line] if isinstance(line, str) else line), *LINES[n + 1:]]) + "\n"


TAKEN, REFUSED = True, False
FILES = {
    "R-050 CRLF": ("\r\n".join(LINES) + "\r\n", TAKEN),
    "R-050 LF": (changed(0, LINES[0]), TAKEN),
    "P09 mixed": (LINES[0] + "\r\n" + "\n".join(LINES[1:]), TAKEN),
    "P09 no end of the last line": ("\n".join(LINES), TAKEN),
    "C-1 blank lines": ("\n\n".join(LINES) + "\n\n", TAKEN),
    "C-1 blanks at the ends": (" \t\n".join(LINES), TAKEN),
    "P09 a bare CR": ("\r".join(LINES), REFUSED),
    "P09 blanks first": (" " + "\n ".join(LINES), REFUSED),
    "P09 no blank behind the colon": ("\n".join(LINES).replace(": ", ":"), TAKEN),
    "P09 tabs": ("\n".join(LINES).replace(": ", ":\t \t"), TAKEN),
    "R-051 any order": ("\n".join(LINES[::-1]), TAKEN),
    "P01 no version": (changed(0, []), REFUSED),
    "P01 STSv2": (changed(0, "version: STSv2"), REFUSED),
    "P01 stsv1": (changed(0, "version: stsv1"), REFUSED),
    "P01 STSv1 and more": (changed(0, "version: STSv1 x"), REFUSED),
    "P01 twice, the first counts": (changed(0, [LINES[0], "version: STSv2"]), TAKEN),
    "P02 no mode": (changed(1, []), REFUSED),
    "P02 Enforce": (changed(1, "mode: Enforce"), REFUSED),
    "P02 enforced": (changed(1, "mode: enforced"), REFUSED),
    "P02 NUL": (changed(1, "mode: enforce\0"), REFUSED),
    "P02 empty": (changed(1, "mode:"), REFUSED),
    "P02, R-059 twice, the first counts": (changed(1, [LINES[1], "mode: none"]), TAKEN),
    "R-059 twice, the second malformed": (changed(1, [LINES[1], "mode: nonsense"]), TAKEN),
    "P03 no max_age": (changed(3, []), REFUSED),
    **{f"P03 max_age {v}": (changed(3, f"max_age: {v}"), REFUSED) for v in ("-1", "+1", "1e9", "0x10", "12345678901", "",
    "1 2", "1.0", "1d")},
    **{f"P03 max_age {v}": (changed(3, f"max_age: {v}"), TAKEN) for v in ("0", "1", "31557600", "31557601", "4294967296",
    "9999999999", "0000000005")},
    "P05 enforce without mx": (changed(2, []), REFUSED),
    "P05 testing without mx": ("version: STSv1\nmode: testing\nmax_age: 100\n", REFUSED),
    **{f"P06 mx {v[:20]}": (changed(2, [LINES[2], f"mx: {v}"]), REFUSED) for v in ("*", "*.", "*.*.x", "a.*.x", "**.x",
    ".x.y", "x.y.", "m\xfcx.example", "a_b.example", "a..b", "-a.example", "a.example:25", "a.example, b.example",
    "a" * 64 + ".example", ".".join(["a" * 60] * 5), "")},
    **{f"P06 mx {v}": (changed(2, [LINES[2], f"mx: {v}"]), TAKEN) for v in ("*.example.net", "MX1.Example.ORG",
    "xn--mx-1.example", "localhost", "a-b.example")},
    "P09 unknown keys": (changed(0, [LINES[0], "x: y", "x-y_z.1: a:b:c"]), TAKEN),
    "P09 an unknown key without a value": (changed(0, [LINES[0], "x:"]), REFUSED),
    "P09 no colon": (changed(0, [LINES[0], "nonsense"]), REFUSED),
    "P09 a line of 10 KB": (changed(0, [LINES[0], "x: " + "y" * 10000]), TAKEN),
    "P09 a control octet": (changed(0, [LINES[0], "x: a\x01"]), REFUSED),
    "R-060 UTF-8": (changed(0, [LINES[0], "x: gr\xc3\xbc\xc3\x9f"]), TAKEN),
    "R-061 no UTF-8": (changed(0, [LINES[0], "x: \xff"]), REFUSED),
    **{f"P10 {v}": (changed(2, v), REFUSED) for v in (f"mxx: {MX}", f"mx : {MX}", f" mx: {MX}", f"MX: {MX}")},
    "P10 Version": (changed(0, "Version: STSv1"), REFUSED),
    "R-062 a policy of 64 KiB": (changed(2, [f"mx: m{i}.example.net" for i in range(2900)] + [LINES[2]]), TAKEN),
}
for what, (text, taken) in FILES.items():
    with Stage(web=evil.https(context(HOST), evil.ok(text))) as s:
        r = s.send()
        want = {"source": "fetched", "mode": "enforce", "trouble": None} if taken else {"source": "none", "trouble": INVALID}
        wrong = judge(s, r, taken, result="delivered", **want)
        t.check(what, not wrong, f"{wrong}\n{r}")
for taken, what in ((False, "P05 enforce without mx"), (False, "P02 Enforce")):
    story(f"{what}: the old one is kept", (0, serves(), FETCHED), (60, {"web": evil.ok(FILES[what][0]), "id": "2"},
        CACHED | {"trouble": INVALID, "fetches": 1, "id": "1"}))

# P07, R-070, R-071: which names match, seen from outside.
for pattern, host, yes in (("*.example.org", MX, True), ("*.example.org", "a.b.example.org", False), ("*.example.org",
    "example.org", False), ("*.example.org", "xexample.org", False),
                           ("MX1.EXAMPLE.ORG", MX, True), (MX, "mx1.example.org.evil.example", False), ("example.org", MX,
                           False), ("*.b.example.org", "a.b.example.org", True)):
    if host not in pki():
        pki()[host] = pki()["ca"].issue(host)
    with Stage(patterns=(pattern,), mx=evil.SMTP(context(host)), zone={(DOMAIN, "MX"): [(10, host)],
        (host, "A"): ["127.0.0.10"]}) as s:
        r = s.send()
        wrong = judge(s, r, True, match=yes, **({"result": "delivered"} if yes else {"result": "deferred",
            "reason": "mx-mismatch", "error": "mx-mismatch"}))
        t.check(f"P07 {pattern} and {host}", not wrong and (yes or not s.servers[0].connections), f"{wrong}\n{r}")
pki()["wild"] = pki()["ca"].issue("*.example.org", file="wild-org")
pki()["a.b"] = pki()["ca"].issue("*.b.example.org", file="wild-b")
for what, host, certificate, patterns, want in (
        ("P13 a certificate for another MX of the policy", MX, "mx2.example.org", (MX, "mx2.example.org"),
        "certificate-host-mismatch"),
        ("P14 *.x in policy and certificate, MX two labels down", "a.b.example.org", "wild", ("*.example.org",
        "*.b.example.org"), "certificate-host-mismatch"),
        ("R-081 a wildcard certificate for the MX", MX, "wild", ("*.example.org",), None)):
    with Stage(patterns=patterns, mx=evil.SMTP(context(certificate)), zone={(DOMAIN, "MX"): [(10, host)],
        (host, "A"): ["127.0.0.10"]}) as s:
        r = s.send()
        wrong = judge(s, r, True, result="deferred" if want else "delivered", error=want)
        t.check(what, not wrong, f"{wrong}\n{r}")
with Stage(patterns=("mx2.example.org",), second=evil.SMTP(context("mx2.example.org"))) as s:
    r = s.send()
    wrong = judge(s, r, True, result="delivered", errors=["mx-mismatch", None], mxs=[MX, "mx2.example.org"])
    t.check("P15, R-074 the one that does not match is passed over",
        not wrong and not s.servers[0].connections and one(r)["attempts"][0]["address"] is None, f"{wrong}\n{r}")
with Stage(mode="enforce", zone={("example.net", "MX"): [(10, MX)]}) as s:
    r = s.send(to=("a@example.org", "b@example.net"))
    t.check("P30 two domains, one MX, each its policy",
        r.status == 0 and [o["policy"]["source"] for o in r.json] == ["fetched", "none"] and
            [o["attempts"][0]["policy_match"] for o in r.json] == [True, None], r)
with Stage(mode=None) as s:
    r = s.send(to=("a@[127.0.0.10]",))
    t.check("P31 an address literal is refused", r.status == 65 and not s.dns.questions and not s.taken, r)

# ---- P32, C-7: floor x mode x what the MX offers -------------------------------------------------

pki()["expired"] = pki()["ca"].issue(MX, days=(-90, -1), file="mx-expired")
pki()["foreign"] = lab.CA(lab.scratch("foreign"), "foreign").issue(MX)
SERVERS = {"verified": None, "another name": "certificate-host-mismatch", "expired": "certificate-expired",
    "untrusted": "certificate-not-trusted", "no TLS": "starttls-not-supported"}
CERTIFICATE = {"verified": MX, "another name": "other.example.org", "expired": "expired", "untrusted": "foreign"}
FLOORS = ("opportunistic", "encrypted", "verified", "policy")


def expected(floor, mode, server, matches):
    """cli.md in a few lines: is it delivered, and what ends the attempt."""
    demanded = max({"enforce": 2}.get(mode, 0), {"opportunistic": 0, "encrypted": 1, "verified": 2, "policy": 2}[floor])
    if floor == "policy" and mode not in ("enforce", "testing"):
        return {"result": "deferred", "reason": "policy-required", "mxs": []}
    if not matches and (mode == "enforce" or (mode == "testing" and floor == "policy")):
        return {"result": "deferred", "reason": "mx-mismatch", "error": "mx-mismatch", "match": False}
    level = {"verified": 2, "no TLS": 0}.get(server, 1)
    match = matches if mode in ("enforce", "testing") else None
    if level < demanded:
        return {"result": "deferred", "reason": SERVERS[server], "error": SERVERS[server], "match": match}
    told = None
    if mode == "testing":
        told = "mx-mismatch" if not matches else SERVERS[server]
    return {"result": "delivered", "reason": None, "error": told, "match": match, "verified": level == 2,
        "tls": "TLSv1.3" if level else None}


for floor, mode, server, matches in itertools.product(FLOORS, ("enforce", "testing", "none", None), SERVERS, (True, False)):
    if not matches and mode not in ("enforce", "testing"):
        continue
    script = evil.SMTP(context(CERTIFICATE[server])) if server in CERTIFICATE else evil.SMTP(None)
    for options in (("--floor", floor), ("--floor", f"{floor}@{DOMAIN}"), ("--require-tls",)):
        if options[0] == "--require-tls" and floor != "policy" or "@" in options[-1] and (floor, server) not in (("verified",
            "expired"), ("policy", "verified"), ("encrypted", "no TLS")):
            continue
        with Stage(mode=mode, mx=script, patterns=(MX if matches else "elsewhere.example",)) as s:
            r = s.send(*options)
            protected = mode == "enforce" or floor != "opportunistic"
            wrong = judge(s, r, protected, mode=mode, **expected(floor, mode, server, matches))
            t.check(f"P32 {' '.join(options)}, {mode}, {server}, {'match' if matches else 'no match'}", not wrong,
                f"{wrong}\n{r}")
for options, deferred in ((("--floor", "verified", "--floor", "opportunistic@example.org"), True), (("--floor",
    "opportunistic", "--floor", "encrypted@EXAMPLE.org"), True),
                          (("--floor", "encrypted@example.net"), False), (("--floor", "verified@example.org", "--floor",
                          "encrypted@example.org"), True)):
    with Stage(mode=None, mx=evil.SMTP(None)) as s:
        r = s.send(*options)
        wrong = judge(s, r, deferred, result="deferred" if deferred else "delivered")
        t.check(f"C-7 the stricter one: {options}", not wrong, f"{wrong}\n{r}")

# ---- provisioned policies ------------------------------------------------------------------------

files = lab.scratch("files")


def provision(name, text):
    path = f"{files}/{name}"
    with open(path, "w", encoding="latin-1", newline="") as f:
        f.write(text)
    return path


P_GOOD = provision("good", evil.policy())
P_OTHER = provision("other", evil.policy(mx=("other.example.org",)))
P_TEST = provision("testing", evil.policy("testing"))
for what, options, scene, want in (
        ("holds on first contact", (f"{DOMAIN}={P_GOOD}",), STRIPPED, {"result": "deferred",
        "error": "starttls-not-supported"}),
        ("and delivers", (f"{DOMAIN}={P_GOOD}",), {}, GOOD),
        ("of another list", (f"{DOMAIN}={P_OTHER}",), {}, {"result": "deferred", "reason": "mx-mismatch"}),
        ("in another case", (f"EXAMPLE.org={P_GOOD}",), STRIPPED, {"result": "deferred"}),
        ("the last for a domain counts", (f"{DOMAIN}={P_OTHER}", f"{DOMAIN}={P_GOOD}"), {}, GOOD)):
    with Stage(mode="testing", **scene) as s:
        r = s.send(*[x for o in options for x in ("--policy", o)])
        wrong = judge(s, r, True, source="provisioned", mode="enforce", **want)
        t.check(f"a provisioned policy {what}", not wrong and not s.web.connections and (STS, 16) not in s.dns.questions,
            f"{wrong}\n{r}")
with Stage(mode=None) as s:
    r = s.send("--policy", f"example.net={P_OTHER}")
    t.check("a provisioned policy is for its domain alone", not judge(s, r, False, **NONE), r)
for what, value, statuses in (("that is invalid", f"{DOMAIN}={provision('bad', 'mode: enforce')}", {65, 78}),
    ("that is missing", f"{DOMAIN}={files}/none", {65, 66, 78}),
                              ("of no domain", P_GOOD, {64, 65}), ("of a bad domain", f"a b={P_GOOD}", {64, 65}),
                              ("that is a folder", f"{DOMAIN}={files}", {65, 66, 78})):
    with Stage() as s:
        r = s.send("--policy", value)
        t.check(f"a provisioned policy {what}: said, nothing sent",
            r.status in statuses and r.stderr and not s.taken and not s.dns.questions, r)

# ---- the cache's commands ------------------------------------------------------------------------

def cache(where, *args):
    return lab.stsmail("cache", *args, "--state", where)


where = story("for the cache", (0, serves(patterns=(MX, "*.example.net")), FETCHED))
r = cache(where, "list", "--json")
e = r.json[0] if r.json else {}
t.check("cache list --json", r.status == 0 and len(r.json) == 1 and set(e) == {"domain", "mode", "id", "mx", "max_age",
    "fetched_at", "expires_at", "source"} and
        (e["domain"], e["mode"], e["id"], e["mx"], e["max_age"]) == (DOMAIN, "enforce", "1", [MX, "*.example.net"], WEEK) and
        e["expires_at"] - e["fetched_at"] == WEEK, r)
r = cache(where, "list")
t.check("cache list, in words", r.status == 0 and DOMAIN in r.stdout and "enforce" in r.stdout, r)
t.check("cache alone lists", cache(where).stdout == r.stdout, r)


def refresh(where, scene, *args):
    with Stage(state=where, **scene) as s:
        r = lab.stsmail("cache", "refresh", *args, "--json", "--state", where, "--dns", "127.0.0.1", "--ca", pki()["ca"].file,
            "--timeout", "3")
        return r, len(s.web.connections) if s.web else 0


r, n = refresh(where, serves(max_age=1234))
t.check("cache refresh fetches, whatever the id", r.status == 0 and n == 1 and cache(where, "list",
    "--json").json[0]["max_age"] == 1234, r)
r, n = refresh(where, serves(max_age=4321), DOMAIN)
t.check("cache refresh DOMAIN", r.status == 0 and n == 1 and cache(where, "list", "--json").json[0]["max_age"] == 4321, r)
r, n = refresh(where, BLOCKED)
t.check("cache refresh that fails keeps what is held", r.status not in (0, 64) and cache(where, "list",
    "--json").json[0]["max_age"] == 4321, r)
r, n = refresh(where, serves(max_age=4321))  # and it forgets the wait
t.check("cache drop of what is not there: 65", cache(where, "drop", "example.net").status == 65, r)
t.check("cache drop of no domain: 65", cache(where, "drop", "a b").status == 65, r)
t.check("cache drop", cache(where, "drop", "Example.ORG").status == 0 and cache(where, "list", "--json").json == [], r)
t.check("cache drop again: 65", cache(where, "drop", DOMAIN).status == 65, r)
t.check("cache list of nothing", cache(where, "list").status == 0, r)
for args in (("drop",), ("nonsense",), ("list", "x"), ("drop", "a", "b")):
    t.check(f"cache {args}: 64", cache(where, *args).status == 64, r)
t.check("cache list without a directory", cache(where + "-none", "list").status in (0, 74), r)
with Stage(state=where) as s:
    r = s.send()
    t.check("what was dropped is fetched again", one(r)["policy"]["source"] == "fetched", r)

# ---- many processes, one state -------------------------------------------------------------------

where = state("many")
names = [f"d{i}.example.org" for i in range(6)]
zone = {}
for name in names:
    pki()["mta-sts." + name] = pki()["ca"].issue("mta-sts." + name)
    zone |= {(name, "MX"): [(10, MX)], ("_mta-sts." + name, "TXT"): ["v=STSv1; id=1;"], ("mta-sts." + name,
        "A"): ["127.0.0.20"]}
many = evil.tls_context(*pki()["ca"].issue(HOST, *["mta-sts." + n for n in names], file="many-hosts"))
for round_, source in ((1, {"fetched", "cached"}), (2, {"cached"})):
    with Stage(web=evil.https(many, evil.ok(evil.policy())), zone=zone, state=where) as s:
        results = []
        jobs = [threading.Thread(target=lambda n=n: results.append(s.send(to=("ops@" + n,)))) for n in names * 3]
        for j in jobs:
            j.start()
        for j in jobs:
            j.join()
        bad = [r for r in results if r.status or one(r)["policy"]["source"] not in source or "aside" in r.stderr or "damaged" in r.stderr]
        t.check(f"{len(jobs)} processes share one state, round {round_}",
            len(results) == len(jobs) and not bad and len(s.taken) == len(jobs) and not s.wire(), bad[:2])
t.check("and all is held, whole", sorted(e["domain"] for e in cache(where, "list", "--json").json) == names,
    cache(where, "list"))
jobs = [subprocess.Popen([lab.PROGRAM, "cache", "drop", names[0], "--state", where],
    stderr=subprocess.DEVNULL) for _ in range(8)]
t.check("of many drops one succeeds", sorted(j.wait() for j in jobs) == [0] + [65] * 7)

# ---- state that is damaged, or can't be written --------------------------------------------------

def policy_files(where):
    return [os.path.join(d, f) for d, _, names in os.walk(where) for f in names
            if DOMAIN.encode() in open(os.path.join(d, f), "rb").read() + f.encode() or b"STSv1" in open(os.path.join(d, f),
                "rb").read() or b"mx1" in open(os.path.join(d, f), "rb").read()]


healthy = story("to be damaged", (0, serves(), FETCHED))
t.check("a policy is a file", policy_files(healthy), os.listdir(healthy))
DAMAGE = {
    "empty": lambda d: b"",
    "cut by one octet": lambda d: d[:-1],
    "cut in half": lambda d: d[:len(d) // 2],
    "NULs": lambda d: b"\0" * len(d),
    "noise": lambda d: bytes((i * 37) & 255 for i in range(len(d))),
    "one bit, at the start": lambda d: bytes([d[0] ^ 1]) + d[1:],
    "one bit, in the middle": lambda d: d[:len(d) // 2] + bytes([d[len(d) // 2] ^ 4]) + d[len(d) // 2 + 1:],
    "one bit, at the end": lambda d: d[:-1] + bytes([d[-1] ^ 128]),
    "longer": lambda d: d + b"mx: evil.example\n",
    "twice": lambda d: d + d,
    "10 MB": lambda d: d + b"x" * 10_000_000,
    "enforce is none": lambda d: d.replace(b"enforce", b"none   "),
}
for what, damage in DAMAGE.items():
    where = state("damage")
    shutil.copytree(healthy, where)
    for path in policy_files(where):
        with open(path, "rb") as f:
            old = f.read()
        with open(path, "wb") as f:
            f.write(damage(old))
        changed_ = damage(old) != old
    if what == "enforce is none" and not changed_:
        continue  # it is not kept as text
    for n, (scene, want) in enumerate(((serves(), {"source": "fetched", "mode": "enforce"}), (serves(), {"source": "cached",
        "mode": "enforce"}))):
        with Stage(state=where, **scene) as s:
            r = s.send()
            wrong = judge(s, r, True, result="delivered", **want)
            if (n == 0) != bool(r.stderr.strip()):
                wrong.append("not said, or said again")
            t.check(f"state that is damaged: {what}; said, set aside, absent ({n + 1})", not wrong, f"{wrong}\n{r}")


def no_state(name, prepare, want=None, args=()):
    """A state directory that is of no use: the message goes, it is said."""
    where = state("odd") + name.replace(" ", "-")
    prepare(where)
    with Stage(state=where) as s:
        r = s.send(*args)
        wrong = judge(s, r, True, **(want or {"result": "delivered", "source": "fetched", "mode": "enforce"}))
        t.check(f"state: {name}: the message still goes, and it is said", not wrong and r.stderr.strip(), f"{wrong}\n{r}")
    subprocess.run(["umount", "-q", where], check=False)
    return where


def mount(*options):
    def prepare(where):
        os.makedirs(where)
        subprocess.run(["mount", "-t", "tmpfs", *options, "none", where], check=True)
    return prepare


def full(where):
    mount("-o", "size=8k")(where)
    try:
        with open(where + "/filler", "wb") as f:
            f.write(b"x" * 1_000_000)
    except OSError:
        pass


def read_only_with_policy(where):
    os.makedirs(where)
    subprocess.run(["mount", "-t", "tmpfs", "none", where], check=True)
    shutil.copytree(healthy, where, dirs_exist_ok=True)
    subprocess.run(["mount", "-o", "remount,ro", where], check=True)


no_state("a file", lambda w: open(w, "w").close())
no_state("full", full)
no_state("no inodes", lambda w: mount("-o", "nr_inodes=1")(w))
no_state("read-only", lambda w: mount("-o", "ro")(w))
no_state("a dangling link", lambda w: os.symlink("/nonexistent/x", w))
where = state("odd2")
read_only_with_policy(where)
for scene, want in ((serves(), {"result": "delivered", "source": "cached"}), (GONE | BLOCKED | STRIPPED,
    {"result": "deferred", "source": "cached", "error": "starttls-not-supported"}),
                    (serves(id="2"), {"result": "delivered", "source": "fetched"})):
    with Stage(state=where, **scene) as s:
        r = s.send()
        wrong = judge(s, r, True, mode="enforce", **want)
        t.check(f"state: read-only, what can be read counts: {want}",
            not wrong and (want["source"] == "cached" or r.stderr.strip()), f"{wrong}\n{r}")
t.check("cache list of a read-only state", len(cache(where, "list", "--json").json) == 1, cache(where, "list"))
t.check("cache drop of a read-only state: 74", cache(where, "drop", DOMAIN).status == 74, cache(where, "drop", DOMAIN))
subprocess.run(["umount", where], check=True)
for what, prepare in {"a file": lambda w: open(w, "w").close()}.items():
    where = state("odd3")
    prepare(where)
    t.check(f"cache list where state is {what}: 74", cache(where, "list").status == 74, cache(where, "list"))
where = state("odd4")
full(where)
with Stage(state=where, **STRIPPED) as s:
    r = s.send()
    wrong = judge(s, r, True, result="deferred", error="starttls-not-supported", source="fetched")
    t.check("state: full: the policy just fetched protects this delivery", not wrong, f"{wrong}\n{r}")
subprocess.run(["umount", where], check=True)

t.end()
