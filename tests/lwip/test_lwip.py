#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The program on lwIP over a TAP device: the main job, and what is done to it, in one scenario of each kind. WIRE and DELIV
hold in each. `make lwip-all` runs the whole suites of tests/interop this way."""
import itertools
import struct
import subprocess
import time

import tap

tap.enter()

import evil  # noqa: E402
import lab  # noqa: E402
import stage  # noqa: E402
from stage import DOMAIN, HOST, MX, Stage, context, judge, pki  # noqa: E402

t = lab.Tally("lwip")
MX2 = "mx2.example.org"
BIG = b"Subject: big\r\n\r\n" + b"".join(b"line %05d %s\r\n" % (i, b"x" * 60) for i in range(4150))  # 300 KB
GOOD = {"result": "delivered", "errors": [None]}
SAFE = GOOD | {"verified": True, "match": True}
QUICK = ("--timeout", "3")


def run(name, want, args=(), protected=True, check=None, message=stage.MESSAGE, to=("ops@" + DOMAIN,), **stage_named):
    """One delivery; protected: nothing of the mail may go out in clear."""
    with Stage(**stage_named) as s:
        r = s.send(*args, message=message, to=to)
        wrong = judge(s, r, protected, **want)
        if check and not wrong and not check(s, r):
            wrong = ["its own check"]
        t.check(name, not wrong, f"{wrong}\n{r}")


def mx(_version=None, **replies):
    more = {k: replies.pop(k) for k in ("starttls", "behind_220", "offers") if k in replies}
    return evil.SMTP(context(MX, version=_version), replies, **more)


def plain(**replies):
    return evil.SMTP(None, replies)


# ---- the main job ---------------------------------------------------------------------------------------

for version in stage.VERSIONS:
    run(f"enforce, {version}", SAFE | {"tls": version, "source": "fetched", "mode": "enforce"}, tls=version)
run("testing", SAFE | {"mode": "testing"}, mode="testing", protected=False)
run("testing, and no STARTTLS", GOOD | {"mode": "testing", "tls": None, "errors": ["starttls-not-supported"]}, mode="testing",
    mx=plain(), protected=False)
run("mode none", GOOD | {"mode": "none", "match": None}, mode="none", protected=False)
run("no policy", GOOD | {"source": "none", "match": None}, mode=None, protected=False)
run("no policy, in clear", GOOD | {"tls": None}, mode=None, mx=plain(), protected=False)
run("a message of 300 KB", SAFE, message=BIG, check=lambda s, r: s.taken[0][2] == BIG)
run("300 KB in clear", GOOD, message=BIG, mode=None, mx=plain(), protected=False, check=lambda s, r: s.taken[0][2] == BIG)
run("a line of 998 octets and dots", SAFE, message=b"Subject: x\r\n\r\n" + b"x" * 998 + b"\r\n.\r\n..a\r\n",
    check=lambda s, r: s.taken[0][2].endswith(b"x\r\n..\r\n...a\r\n"))
run("three recipients", SAFE | {"verdicts": ["delivered"] * 3}, to=[f"{n}@{DOMAIN}" for n in "abc"],
    check=lambda s, r: len(s.taken) == 1 and len(s.taken[0][1]) == 3)

# The cache: the second time nothing is fetched; a policy host that is gone does not matter.
kept = pki()["state"] + "/kept"
for what, want in (("first contact", "fetched"), ("from the cache", "cached")):
    with Stage(state=kept, web=None if want == "fetched" else False) as s:
        r = s.send()
        t.check(f"enforce, {what}", not judge(s, r, True, **SAFE, source=want), r)

# ---- IPv6 -------------------------------------------------------------------------------------------------

SIX = {(MX, "A"): "gone", (MX, "AAAA"): ["fd00::a"]}
run("IPv6: MX", SAFE, address="fd00::a", zone=SIX, check=lambda s, r: stage.one(r)["attempts"][0]["address"] == "fd00::a")
six_host = evil.Server(evil.https(context(HOST), evil.ok(evil.policy())), "fd00::14", 443)
run("IPv6: policy host and MX", SAFE, web=False, address="fd00::a",
    zone=SIX | {(HOST, "A"): "gone", (HOST, "AAAA"): ["fd00::14"]}, check=lambda s, r: six_host.connections)
six_host.close()
run("IPv6 that is not there, then IPv4", {"result": "delivered", "verified": True}, QUICK,
    zone={(MX, "AAAA"): ["fd00::3f"]})
with Stage(trick=lambda q, tcp, good: None) as s:  # the first server is silent
    second = evil.DNS(s.zone, "fd00::1")
    r = s.send("--dns", "[fd00::1]:53")
    t.check("IPv6: a second DNS server", not judge(s, r, True, **SAFE) and second.questions, r)
    ports = [peer[1] for _, peer in s.dns.wires + second.wires]
    t.check("D03 every question leaves from a port of its own", len(set(ports)) == len(ports) >= 6 and min(ports) >= 1024 and
            all(abs(a - b) > 1 for a, b in itertools.pairwise(ports)), ports)

# ---- around STARTTLS --------------------------------------------------------------------------------------

for what, script, errors in (
        ("T01 stripped", mx(starttls=False), {"starttls-not-supported"}),
        ("T03 454", mx(STARTTLS="454 4.7.0 not now"), {"starttls-not-supported"}),
        ("T06 a reply behind the 220", mx(behind_220=b"250 injected\r\n"), {"validation-failure"}),
        ("T06 many replies behind the 220", mx(behind_220=b"250 ok\r\n" * 3 + b"354 go\r\n250 taken\r\n"), {"validation-failure"}),
        ("T08 a TLS record behind the 220", mx(behind_220=b"\x16\x03\x03\x00\x01\n"), {"validation-failure"}),
        ("T16 no handshake: FIN", mx(STARTTLS=lambda c, _: Ellipsis), {"closed"}),
        ("T16 no handshake: RST", mx(STARTTLS=lambda c, _: evil.reset(c)), {"closed"})):
    run(what, {"result": "deferred", "error": errors}, mx=script)
run("T01 stripped, floor encrypted", {"result": "deferred", "error": "starttls-not-supported"}, ("--floor", "encrypted"),
    mode=None, mx=plain())
run("T01 stripped, floor policy", {"result": "deferred", "error": "starttls-not-supported"}, ("--floor", "policy"),
    mode="testing", mx=plain())


def swallowed(c, _):
    c.say("220 go\r\n")
    time.sleep(5)
    return Ellipsis


run("T05 the handshake is swallowed", {"result": "deferred", "error": "timeout", "took": 5}, QUICK, mx=mx(STARTTLS=swallowed))

# ---- certificates -----------------------------------------------------------------------------------------

ca = pki()["ca"]
wrong_ca = lab.CA(lab.scratch("wrong"), "nobody knows this root")
CERTIFICATES = {
    "for another name": (pki()["other.example.org"], "certificate-host-mismatch"),
    "expired": (ca.issue(MX, HOST, days=(-30, -1), file="expired"), "certificate-expired"),
    "of an unknown root": (wrong_ca.issue(MX, HOST), "certificate-not-trusted"),
}
for what, (files, error) in CERTIFICATES.items():
    shown = evil.tls_context(*files)
    run(f"MX: a certificate {what}", {"result": "deferred", "error": error, "verified": False}, mx=evil.SMTP(shown))
    run(f"policy host: a certificate {what}", {"trouble": "sts-webpki-invalid", "source": "none", "result": "deferred"},
        ("--floor", "policy"), web=evil.https(shown, evil.ok(evil.policy())))
for kind in ("rsa2048", "p384"):
    run(f"MX: a key of {kind}", SAFE, mx=evil.SMTP(evil.tls_context(*ca.issue(MX, kind=kind, file=kind))))

# ---- the policy host --------------------------------------------------------------------------------------

for what, answer, trouble in (
        ("H02 301", b"HTTP/1.1 301 x\r\nLocation: https://elsewhere.example/\r\nContent-Length: 0\r\n\r\n", "sts-policy-fetch-error"),
        ("404", b"HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n", "sts-policy-fetch-error"),
        ("text/html", evil.ok(evil.policy(), "text/html"), "sts-policy-fetch-error"),
        ("no policy in it", evil.ok("version: STSv2\r\n"), "sts-policy-invalid"),
        ("nothing, and gone", evil.https(context(HOST), lambda request, c: None), "sts-policy-fetch-error")):
    run(f"policy host: {what}", {"result": "deferred", "trouble": trouble}, ("--floor", "policy"), web=answer)
run("policy host: chunked, in octets", SAFE, web=evil.https(context(HOST), lambda request, c: (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n" +
    b"".join(b"1\r\n%c\r\n" % o for o in evil.policy().encode()) + b"0\r\n\r\n")))
run("policy host: does not listen", {"result": "deferred", "trouble": "sts-policy-fetch-error"}, ("--floor", "policy"), web=False)
hole = evil.BlackHole("127.0.0.20", 443)
run("policy host: a black hole", {"result": "deferred", "trouble": "sts-policy-fetch-error", "took": 6},
    (*QUICK, "--floor", "policy"), web=False)
hole.close()

# ---- DNS --------------------------------------------------------------------------------------------------

run("D: SERVFAIL", {"result": "deferred", "reason": "dns", "mxs": []}, zone={(DOMAIN, "MX"): 2})
run("D: no such domain", {"result": "failed", "reason": "dns"}, mode=None, zone={(DOMAIN, "MX"): "gone"}, protected=False)
run("D: no answer", {"result": "deferred", "reason": "dns", "took": 6}, QUICK, trick=lambda q, tcp, good: None)


def truncated(q, tcp, good):
    return good if tcp else q.reply(flags=0x200)


run("D: truncated, then TCP", SAFE, trick=truncated, check=lambda s, r: len(s.dns.tcp_questions) >= 4)


def wrong_ids(q, tcp, good):
    """What a blind attacker sends, then the truth."""
    fake = q.reply([(None, evil.A, "127.0.0.66")] if q.type == evil.A else [])
    ids = [struct.pack(">H", (struct.unpack(">H", q.id)[0] + i) & 0xffff) for i in range(1, 6)]
    return [i + fake[2:] for i in ids] + [good]


run("D: answers with other ids, then the true one", {"result": {"delivered", "deferred"}}, QUICK, trick=wrong_ids,
    check=lambda s, r: b"127.0.0.66" not in r.stdout.encode())


def empty_first(q, tcp, good):
    return good if tcp else [b"", good]


run("D: an empty datagram, then the true answer", SAFE, trick=empty_first)
run("D: a datagram that is too long, then TCP or not at all", {"result": {"delivered", "deferred"}}, QUICK,
    trick=lambda q, tcp, good: good if tcp else good + b"\0" * 1400)

# ---- connections ------------------------------------------------------------------------------------------

TWO = (MX, MX2)


def second():
    return evil.SMTP(context(MX2))


run("the first MX refuses the connection", {"result": "delivered", "mxs": list(TWO), "errors": ["connect", None]}, mx=False,
    second=second(), patterns=TWO)
hole = evil.BlackHole("127.0.0.10", 25)
run("the first MX is a black hole", {"result": "delivered", "errors": ["connect", None], "took": 6}, QUICK, mx=False,
    second=second(), patterns=TWO)
run("the only MX is a black hole", {"result": "deferred", "error": "connect", "took": 5}, QUICK, mx=False)
hole.close()
run("an address that nobody has", {"result": "deferred", "error": "connect", "took": 5}, QUICK, mx=False,
    zone={(MX, "A"): ["10.9.1.77"]})
run("the first MX is not in the policy", {"result": "delivered", "errors": ["mx-mismatch", None]}, second=second(), patterns=(MX2,),
    check=lambda s, r: not s.servers[0].connections)
run("the first MX says 421", {"result": "delivered", "errors": ["smtp", None]}, mx=mx(GREET="421 x"), second=second(), patterns=TWO)
run("RST at once", {"result": "deferred", "error": {"closed", "connect"}}, mx=mx(GREET=lambda c, _: evil.reset(c)))
run("FIN at once", {"result": "deferred", "error": "closed"}, mx=mx(GREET=lambda c, _: Ellipsis))

# ---- replies ----------------------------------------------------------------------------------------------

for step in ("RCPT", "DOT"):
    run(f"450 to {step}", {"result": "deferred", "reason": "smtp", "answer": "450 4.2.0 later"}, mx=mx(**{step: "450 4.2.0 later"}))
    run(f"550 to {step}", {"result": "failed", "reason": "smtp", "answer": "550 5.1.1 no"}, mx=mx(**{step: "550 5.1.1 no"}))
for what, end in {"FIN": lambda c, _: Ellipsis, "RST": lambda c, _: evil.reset(c)}.items():
    run(f"S14 {what} after the dot", {"result": "deferred", "error": "closed", "mxs": [MX]}, mx=mx(DOT=end), second=second(),
        patterns=TWO, check=lambda s, r: not s.taken)


def gone_at(octets):
    def data(c, _):
        c.say("354 go\r\n")
        have = 0
        while have < octets:
            got = c.sock.recv(4096)
            if not got:
                break
            have += len(got)
        return evil.reset(c)
    return data


run("S15 RST within the message", {"result": "deferred", "error": {"closed", "validation-failure"}}, mx=mx(DATA=gone_at(50000)),
    message=BIG)
for chunk in (1, 7):
    run(f"S06 replies of {chunk} octets at a time", SAFE, drip=0.001, chunk=chunk)


def dripping(c, _):
    try:
        for octet in b"250 2.0.0 this takes its time":
            c.sock.sendall(bytes([octet]))
            time.sleep(0.4)
    except OSError:
        pass
    return Ellipsis


run("S24 a reply that drips", {"result": "deferred", "error": "timeout", "took": 4}, ("--timeout", "2"), mx=mx(MAIL=dripping))


def stops_reading(c, _):
    c.say("354 go\r\n")
    time.sleep(6)
    return Ellipsis


run("S16 a window that stays shut", {"result": "deferred", "error": "timeout", "took": 6}, ("--timeout", "2"),
    mx=mx(DATA=stops_reading), message=BIG + BIG)


def reads_slowly(c, _):
    """A window that shuts and opens again."""
    c.say("354 go\r\n")
    have = b"\r\n" + c.buffer
    c.sock.setsockopt(1, 8, 4096)  # SO_RCVBUF
    while not have.endswith(b"\r\n.\r\n"):
        time.sleep(0.01)
        have += c.sock.recv(8192)
    reads_slowly.got = have[2:-3]
    c.buffer = b""
    return "250 2.0.0 taken"


slow = plain(DATA=reads_slowly)
slow.unchecked = True
run("a window that shuts and opens", GOOD, mode=None, mx=slow, message=BIG, protected=False,
    check=lambda s, r: reads_slowly.got == BIG)
run("the farewell is a reset", SAFE, mx=mx(QUIT=lambda c, _: evil.reset(c)))

# ---- options ----------------------------------------------------------------------------------------------

for what, args, status, words in (
        ("no TAP device", ("--ip", "10.9.1.2/16"), 78, "--tap NAME"),
        ("no address", ("--tap", "tap0"), 78, "--ip ADDR/BITS"),
        ("an address without bits", ("--tap", "tap0", "--ip", "10.9.1.2"), 64, "ip"),
        ("bits that are none", ("--tap", "tap0", "--ip", "10.9.1.2/33"), 64, "ip"),
        ("a gateway that is none", ("--tap", "tap0", "--gateway", "here"), 64, "gateway"),
        ("IPv6 with other bits", ("--tap", "tap0", "--ip6", "fd01::2/48"), 64, "ip6"),
        ("a TAP device of no name", ("--tap", "x" * 40, "--ip", "10.9.1.2/16"), 78, "TAP device"),
        ("a device that is no TAP", ("--tap", "lo", "--ip", "10.9.1.2/16"), 78, "TAP device lo")):
    tap_options, tap.OPTIONS = tap.OPTIONS, []
    r = lab.stsmail("send", *args, "--dns", "127.0.0.1", "--ca", ca.file, "--from", "a@example.com", "ops@" + DOMAIN,
                    stdin=stage.MESSAGE)
    tap.OPTIONS = tap_options
    t.check(f"{what}: {status}", r.status == status and words in r.stderr and r.stderr.count("\n") == 1, r)

r = lab.Result(subprocess.run([lab.PROGRAM, "help"], capture_output=True), 0)
t.check("help names the options of this program alone", all(o in r.stdout for o in ("--tap", "--ip6", "--gateway", "--dns")), r)

t.end()
