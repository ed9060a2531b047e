#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Malicious and broken MX hosts, rows S of the fault list: whatever is answered, at whatever step, a mail is called delivered
only where the final dot got a 2yz, and every other end is told apart: refused, put off, or unknown.

Each dialogue runs in clear without a policy, and inside verified TLS under an enforced one.
"""
import re
import socket
import time

import evil
import lab
import stage
from stage import MARK, MX, Stage, context, judge, pki

lab.enter()
t = lab.Tally("replies")
CLEAR, TLS = "clear", "TLS"
BIG = b"Subject: big\r\n\r\n" + b"".join(b"line %06d %s\r\n" % (i, b"x" * 60) for i in range(13000))
AFTER_TLS = ("MAIL", "RCPT", "DATA", "DOT")
STEPS = ("GREET", "EHLO", *AFTER_TLS)
BAD = {"result": "deferred", "reason": "smtp", "error": "smtp"}  # no SMTP reply at all
GOOD = {"result": "delivered", "errors": [None]}


def refused(reply):
    return {"result": "failed", "reason": "smtp", "error": "smtp", "answer": reply, "replies": [reply]}


def put_off(reply):
    return {"result": "deferred", "reason": "smtp", "error": "smtp", "answer": reply, "replies": [reply]}


def broken(reason, *more):
    return {"result": "deferred", "reason": {reason, *more}, "error": {reason, *more}, "answer": None, "replies": [None]}


def mx(replies, kind, **more):
    if kind == TLS:  # what is said to EHLO is said inside TLS
        replies = {"EHLO2" if k == "EHLO" else k: v for k, v in replies.items()}
    return evil.SMTP(context() if kind == TLS else None, replies, **more)


def run(name, script, want, args=(), kind=None, check=None, stage_kw=None, **send):
    """One delivery against a script: a dict of replies, which runs both ways, or a script of its own."""
    for how in (kind,) if kind else (CLEAR, TLS):
        s_mx = mx(script, how) if isinstance(script, dict) else script(how)
        with Stage(mode="enforce" if how == TLS else None, mx=s_mx, **(stage_kw or {})) as s:
            r = s.send("--timeout", "3", *args, **send)
            wrong = judge(s, r, how == TLS, **(want(how) if callable(want) else want))
            if check and not wrong:
                wrong += [] if check(s, r) else [check.__name__]
            if re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", r.stderr + r.stdout) or "\ufffd" in r.stderr + r.stdout:
                wrong.append("a control octet, or no UTF-8, in the output")
            t.check(f"{name}, {how}", not wrong, f"{wrong}\n{r}")


def text(c):
    """What was said to the server, in order."""
    return c.clear + c.secret


def nothing_of_the_mail(s, r):
    return MARK not in b"".join(text(c) for c in s.servers[0].connections)


def silent(c, _):
    """Says nothing until the other side has gone: however slowly its clock runs, it is that one that gives up."""
    while c.line() is not None:
        pass
    return Ellipsis


# ---- S01, S02, S30: too long ---------------------------------------------------------------------

for n, want in {512: GOOD, 513: GOOD, 1000: GOOD, 1001: BAD, 2000: BAD, 100000: BAD}.items():
    for step in ("GREET", "EHLO", "MAIL", "DOT"):
        code = "220" if step == "GREET" else "250"
        run(f"S01 a line of {n} octets to {step}", {step: f"{code} " + "x" * (n - 6)}, want)


def endless(unit, total=4 << 20):
    def say(c, _):
        try:
            for _ in range(total // len(unit) // 100):
                c.sock.sendall(unit * 100)
        except OSError:
            pass
        return Ellipsis
    return say


for step in STEPS:
    code = {"GREET": "220", "DATA": "354"}.get(step, "250")
    run(f"S01 an endless line to {step}", {step: endless(b"x" * 1000)}, dict(BAD, took=2.5))
    run(f"S02 endless {code}- to {step}" if step != "GREET" else "S30 an endless banner",
        {step: endless(f"{code}-more\r\n".encode())}, dict(BAD, took=2.5))
for n, want in {128: GOOD, 129: BAD}.items():
    lines = "250-mx\r\n" + "".join(f"250-X{i}\r\n" for i in range(n - 2))
    run(f"S02 {n} lines to EHLO", {"EHLO": lines + "250 END"}, want)
    run(f"S02 {n} lines to the dot", {"DOT": lines + "250 END"}, want)
run("S02 8 KiB in one reply", {"EHLO": "250-mx\r\n" + ("250-" + "x" * 800 + "\r\n") * 11 + "250 END"}, BAD)

# ---- S03, S04, S05, S31: what is no reply --------------------------------------------------------

for first, second in (("250", "251"), ("250", "550"), ("550", "250"), ("250", "450"), ("250", "354")):
    for step in ("EHLO", *AFTER_TLS):
        run(f"S03 {first}- then {second} to {step}", {step: f"{first}-a\r\n{second} b"}, BAD, kind=TLS)
run("S03 220- then 554 as greeting", {"GREET": "220-a\r\n554 b"}, BAD)

SHAPES = {"25": BAD, "2": BAD, "": BAD, "2500 ok": BAD, "2 50 ok": BAD, "250x": BAD, "250_ok": BAD, "000 ok": BAD,
    "199 ok": BAD,
          "600 ok": BAD, "999 ok": BAD, " 250 ok": BAD, "-250 ok": BAD, "+250 ok": BAD, "0250 ok": BAD, "25O ok": BAD,
          "250\tok": BAD, "100 ok": BAD, "\xef\xbc\x92\xef\xbc\x95\xef\xbc\x90 ok": BAD, "\xb2\xb5\xb0 ok": BAD,
          "+ADIANQ 250": BAD,
          "HTTP/1.1 200 OK": BAD, "* OK": BAD, "ok": BAD,
          "250": GOOD, "250 ": GOOD, "250 ok": GOOD, "250-a\r\n250": GOOD, "250-\r\n250 b": GOOD, "250 9.99.9999 ok": GOOD,
          "250 5.0.0 the code counts": GOOD, "250 \xc3\xa4\xf6": GOOD, "251 forwards": GOOD, "299 fine": GOOD}
for shape, want in SHAPES.items():
    row = "S31" if not shape.isascii() or shape.startswith("+A") else "S23" if "." in shape[:8] else "S04"
    for step in ("MAIL", "DOT"):
        run(f"{row} {shape!r} to {step}", {step: shape}, want)
for shape in ("220", "220 "):
    run(f"S04 greeting {shape!r}", {"GREET": shape}, GOOD)


def whole_or_not(how):
    return {"result": {"delivered", "deferred"}, "error": {None, "smtp"}}


for what, raw in {"NUL": b"250 o\0k\r\n", "a bare CR": b"250 o\rk\r\n", "8-bit": b"250 \xff\xfe\r\n",
    "ESC": b"250 \x1b[2J\r\n"}.items():
    run(f"S05 {what} in a reply", {"DOT": raw}, whole_or_not, ("-vv",))
for what, raw in {"LF alone": b"250 ok\n", "CR alone": b"250 ok\r", "LF CR": b"250 ok\n\r",
    "NUL before CRLF's LF": b"250 ok\r\0\n"}.items():
    def bare(c, _, raw=raw):
        c.say(raw)
        return silent(c, _)
    run(f"S05 {what} ends no reply", {"DOT": bare}, {"result": "deferred", "reason": {"smtp", "timeout"}, "took": 4.5})
run("S05 LF between two lines", {"EHLO": b"250-mx\n250 SIZE 1\r\n"}, BAD)
run("S05 a reply hidden behind LF", {"MAIL": b"550 no\n250 ok\r\n"}, BAD)

# ---- S06, S07: how replies come ------------------------------------------------------------------

for chunk, drip in ((1, 0.0005), (2, 0.001), (3, 0.001), (7, 0.002)):
    run(f"S06 {chunk} octets at a time", {}, GOOD, stage_kw={"drip": drip, "chunk": chunk})
EXTRA = {"250 more": "250 more\r\n", "550 more": "550 more\r\n", "half a reply": "250", "an empty line": "\r\n", "LF": "\n"}
for what, more in EXTRA.items():
    for step in ("GREET", "EHLO"):
        run(f"S07 {what} behind the reply to {step}", {step: ("220 mx\r\n" if step == "GREET" else "250 mx\r\n") + more
            if step == "GREET" else ("250 mx\r\n" + more).encode() + (b"" if more.endswith("\n") else b"\r\n")},
            {"result": "deferred", "reason": {"smtp", "validation-failure", "starttls-not-supported"}})
    for offers in (("PIPELINING",), ()):
        run(f"S07 {what} behind the reply to RCPT, {offers}",
            lambda how, o=offers, more=more: mx({"RCPT": ("250 ok\r\n" + more)}, how, offers=o),
            # pipelined, it is the reply to DATA: a refusal like any other
            {"result": {"deferred", "failed"} if offers and more.startswith("550") else "deferred", "reason": "smtp"},
            check=nothing_of_the_mail)

# ---- S08, S09, S10: greeting and EHLO ------------------------------------------------------------

for code in (200, 221, 235, 250, 354):
    run(f"S08 greeting {code}", {"GREET": f"{code} mx"}, BAD)
for code in (421, 450, 454):
    run(f"S08 greeting {code}", {"GREET": f"{code} later"}, put_off(f"{code} later"))
for code in (500, 501, 521, 530, 550, 554):
    run(f"S08 greeting {code}", {"GREET": f"{code} no"},
        lambda how, code=code: refused(f"{code} no") if how == CLEAR else put_off(f"{code} no"))
run("S08 no greeting", {"GREET": None}, broken("timeout") | {"took": 4.5})


def late(c, _):
    time.sleep(1)
    return "220 at last"


run("S08 a late greeting", {"GREET": late}, GOOD)

for code in (354, 199, 600):
    run(f"S09 EHLO {code}", {"EHLO": f"{code} x"}, BAD)
for code in (421, 450, 451):
    run(f"S09 EHLO {code}", {"EHLO": f"{code} x"}, put_off(f"{code} x"))
for code in (550, 554, 521):
    run(f"S09 EHLO {code}", {"EHLO": f"{code} x"}, refused(f"{code} x"))  # in TLS it is verified: it can be believed
for code in (500, 502, 504):
    run(f"S09 EHLO {code}: HELO where nothing forbids it", {"EHLO": f"{code} x"}, GOOD, kind=CLEAR,
        check=lambda s, r: b"HELO device.example.com\r\n" in s.servers[0].clear and b"SIZE=" not in s.servers[0].clear)
    run(f"S09 EHLO {code} in clear under enforce: no HELO", lambda how, code=code: evil.SMTP(context(), {"EHLO": f"{code} x"}),
        {"result": "deferred", "error": {"starttls-not-supported", "smtp"}}, kind=TLS,
        check=lambda s, r: b"HELO " not in s.servers[0].clear.replace(b"EHLO ", b""))
for code, want in {"550": refused("550 x"), "450": put_off("450 x"), "354": BAD}.items():
    run(f"S09 HELO {code}", {"EHLO": "500 what", "HELO": f"{code} x"}, want, kind=CLEAR)

run("S10 100 capabilities", lambda how: mx({}, how, offers=[f"X-CAP{i} {'y' * 20}" for i in range(100)] + ["SIZE 99999"]), GOOD,
    check=lambda s, r: b"SIZE=" in s.taken[0][0])
run("S10 500 capabilities", lambda how: mx({"EHLO": "250-mx\r\n" + "".join(f"250-X{i}\r\n" for i in range(498)) + "250 Z"},
    how), BAD)
run("S10 the first line offers nothing", {"EHLO": "250-SIZE 1\r\n250 8BITMIME"}, GOOD)
run("S10 garbled capabilities", {"EHLO": "250-mx\r\n250-\r\n250- \r\n250-=\r\n250-SIZE=5\r\n250-SIZ\r\n250-SIZE5\r\n250 \x01\x02"},
    whole_or_not)

# ---- S11, S12, S13: every code at every step -----------------------------------------------------

for step in STEPS:
    run(f"S11 421 to {step}", {step: "421 4.3.2 closing"}, put_off("421 4.3.2 closing"))

    def closing(c, _):
        c.say("421 4.3.2 closing\r\n")
        return Ellipsis
    run(f"S11 421 to {step} and gone", {step: closing}, put_off("421 4.3.2 closing"))
for step in AFTER_TLS:
    for reply in ("450 4.2.0 later", "451 4.3.0 trouble", "452 4.2.2 full", "471 odd"):
        run(f"S12 {reply[:3]} to {step}", {step: reply}, put_off(reply))
    for reply in ("500 what", "550 5.1.1 no such user", "552 5.3.4 too big", "553 no", "554 5.7.1 no", "571 odd"):
        run(f"S12 {reply[:3]} to {step}", {step: reply}, refused(reply),
            check=None if step == "DOT" else nothing_of_the_mail)
    run(f"S12 many lines to {step}", {step: "550-5.1.1 first\r\n550-5.1.1 second\r\n550 5.1.1 third"},
        refused("550 5.1.1 first") | {"answer": lambda a: "first" in str(a), "replies": lambda a: "first" in str(a[0])})
for offers in (("PIPELINING",), ()):
    for step, code in (("MAIL", "354"), ("RCPT", "354"), ("DOT", "354"), ("DATA", "250"), ("DATA", "220"), ("MAIL", "199")):
        run(f"S13 {code} to {step}, {offers}", lambda how, step=step, code=code, o=offers: mx({step: f"{code} x"}, how,
            offers=o), BAD,
            check=None if step == "DOT" else nothing_of_the_mail)


def by_address(answers):
    def rcpt(c, line):
        return next(v for k, v in answers.items() if k.encode() in line)
    return rcpt


MIXED = {"good@": "250 2.1.5 Ok", "never@": "550 5.1.1 no such user", "later@": "450 4.2.0 later"}
for offers in (("PIPELINING",), ()):
    for to, verdicts, result in (
            (["good", "never", "later"], ["delivered", "failed", "deferred"], "deferred"),
            (["good", "never"], ["delivered", "failed"], "failed"),
            (["never", "good"], ["failed", "delivered"], "failed"),
            (["later", "good"], ["deferred", "delivered"], "deferred"),
            (["never", "later"], ["failed", "deferred"], "deferred")):
        replies = [MIXED[a + "@"] if v != "delivered" else "250 2.0.0 taken" for a, v in zip(to, verdicts)]
        run(f"S12 {to}, {offers}", lambda how, o=offers: mx({"RCPT": by_address(MIXED)}, how, offers=o),
            {"result": result, "reason": "smtp", "verdicts": verdicts, "replies": replies, "error": "smtp",
             "answer": lambda a: a and a[0] in "45"},
            to=[a + "@example.org" for a in to],
            check=lambda s, r, to=to: ("good" in to and len(s.taken) == 1 and len(s.taken[0][1]) == 1) or
            ("good" not in to and nothing_of_the_mail(s, r)))
run("S12 the dot is refused for those that were taken", {"RCPT": by_address(MIXED), "DOT": "554 5.7.1 virus"},
    {"result": "deferred", "verdicts": ["failed", "failed", "deferred"],
     "replies": ["554 5.7.1 virus", "550 5.1.1 no such user", "450 4.2.0 later"]},
    to=["good@example.org", "never@example.org", "later@example.org"])

# ---- S14, S15, S24: the peer goes away, or is slow -----------------------------------------------

ENDS = {"FIN": lambda c, _: Ellipsis, "RST": lambda c, _: evil.reset(c)}
HALF = {"FIN": lambda c: None, "RST": evil.reset}
for step in STEPS:
    for how_ends, end in ENDS.items():
        run(f"S15 {how_ends} at {step}", {step: end},
            broken("closed", "validation-failure", *(["connect"] if step == "GREET" else [])))  # RST may end the connecting
    for how_ends, end in HALF.items():
        def half(c, _, end=end):
            c.say(b"2")
            time.sleep(0.03)
            c.say(b"50 2.0.0 ok\r")
            time.sleep(0.03)
            end(c)
            return Ellipsis
        run(f"S15 {how_ends} within the reply to {step}", {step: half}, broken("closed", "validation-failure"))


def half_close(c, _):
    c.sock.shutdown(socket.SHUT_WR)
    time.sleep(0.5)
    return Ellipsis


for step in STEPS:
    run(f"S15 half-closed at {step}", {step: half_close}, broken("closed"), kind=CLEAR)


def gone_at(octets):
    def data(c, _):
        c.say("354 go\r\n")
        have = len(c.buffer)
        while have < octets:
            got = c.sock.recv(min(octets - have, 65536))
            if not got:
                break
            have += len(got)
        return evil.reset(c)
    return data


for octets in (0, 1, 2, 1000, 16384, 100000, 900000):
    run(f"S15 RST after {octets} octets of the message", {"DATA": gone_at(octets)}, broken("closed", "validation-failure"),
        message=BIG)


for what, end in {"FIN": lambda c, _: Ellipsis, "RST": lambda c, _: evil.reset(c), "silence": silent}.items():
    for how in (CLEAR, TLS):
        other = evil.SMTP(context("mx2.example.org") if how == TLS else None)
        with Stage(mode="enforce" if how == TLS else None, mx=mx({"DOT": end}, how), second=other,
                   patterns=(MX, "mx2.example.org")) as s:
            r = s.send("--timeout", "2")
            wrong = judge(s, r, how == TLS, **broken("timeout" if what == "silence" else "closed", "closed"), mxs=[MX])
            t.check(f"S14 {what} after the dot: put off, and not tried elsewhere, {how}", not wrong and not other.mail,
                f"{wrong}\n{r}")


def dripping(data):
    def say(c, _):
        try:
            for b in data:
                c.sock.sendall(bytes([b]))
                time.sleep(0.5)
        except OSError:
            pass
        return Ellipsis
    return say


for i, step in enumerate(("GREET", "EHLO", "MAIL", "RCPT", "DATA", "DOT")):
    data = b"220 mx.example.org ESMTP ready\r\n" if step == "GREET" else b"250 2.0.0 this takes its time\r\n"
    run(f"S24 the reply to {step} comes an octet each half second", {step: dripping(data)},
        broken("timeout") | {"took": 4}, ("--timeout", "2"), kind=(CLEAR, TLS)[i % 2])
run("S24 the 220 to STARTTLS drips", lambda how: evil.SMTP(context(), {"STARTTLS": dripping(b"220 go ahead, in a while\r\n")}),
    broken("timeout") | {"took": 4}, ("--timeout", "2"), kind=TLS)


def endless_lines(c, _):
    try:
        while True:
            c.sock.sendall(b"250-still busy\r\n")
            time.sleep(0.5)
    except OSError:
        return Ellipsis


run("S24 whole lines do not extend the time either", {"MAIL": endless_lines}, broken("timeout") | {"took": 4}, ("--timeout",
    "2"))

# ---- S16, S17: both talk, or nobody reads --------------------------------------------------------

def stops_reading(c, _):
    c.say("354 go\r\n")
    time.sleep(9)
    return Ellipsis


run("S16 a window that stays shut", {"DATA": stops_reading}, broken("timeout") | {"took": 8}, ("--timeout", "2"), message=BIG)


def reads_slowly(c, _):
    c.say("354 go\r\n")
    try:
        for _ in range(40):
            c.sock.recv(512)
            time.sleep(0.2)
    except OSError:
        pass
    return Ellipsis


run("S16 a window of a few octets a second", {"DATA": reads_slowly}, broken("timeout") | {"took": 7.5}, ("--timeout", "2"),
    message=BIG)


def talks_on(c, _):
    c.say("354 go\r\n")
    c.sock.settimeout(4)
    try:
        for _ in range(4000):
            c.sock.sendall(b"250 2.0.0 taken\r\n" * 50)
    except OSError:
        pass
    return Ellipsis


run("S17 replies without end while the message goes out", {"DATA": talks_on}, BAD | {"took": 5}, message=BIG)

# ---- S18, S19, S20: what is offered --------------------------------------------------------------

for offers in (("PIPELINING",), (), ("pipelining", "size 100000"), ("CHUNKING", "BINARYMIME", "DSN", "ETRN", "VRFY")):
    run(f"S18 offers {offers}", lambda how, o=offers: mx({}, how, offers=o), GOOD,
        check=lambda s, r: b"BDAT" not in text(s.servers[0].connections[0]))


def deaf(c, line):
    c.buffer = b""  # what was pipelined is lost
    return "250 ok"


run("S18 PIPELINING is a lie", {"MAIL": deaf}, broken("timeout") | {"took": 5}, ("--timeout", "2"), kind=TLS)

for size, fits in {"": True, "0": True, "10": False, "50": False, "100000": True, "18446744073709551615": True,
                   "18446744073709551616": True, "99999999999999999999999": True, "abc": True, "-1": True, "1x": True,
                   "00": True,
                   "0x10": True, "10000000000": True}.items():
    run(f"S19 SIZE {size}", lambda how, size=size: mx({}, how, offers=(f"SIZE {size}".strip(),)),
        GOOD if fits else {"result": "failed", "reason": "size", "error": "size"},
        check=lambda s, r, fits=fits: fits or b"MAIL" not in text(s.servers[0].connections[0]))

EIGHT = b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xc3\xa4\r\n"
NO_8BIT = {"result": "failed", "reason": "smtputf8", "error": "smtputf8"}
run("S20 8-bit without 8BITMIME", lambda how: mx({}, how, offers=("PIPELINING",)), NO_8BIT, message=EIGHT,
    check=lambda s, r: b"MAIL" not in text(s.servers[0].connections[0]))
run("S20 8-bit with 8BITMIME", lambda how: mx({}, how, offers=("8BITMIME",)), GOOD, message=EIGHT,
    check=lambda s, r: b"BODY=8BITMIME" in s.taken[0][0])
run("S20 an address beyond ASCII without SMTPUTF8", lambda how: mx({}, how, offers=("8BITMIME",)), NO_8BIT,
    to=("j\u00f6rg@example.org",))
run("S20 an address beyond ASCII with SMTPUTF8", lambda how: mx({}, how, offers=("8BITMIME", "SMTPUTF8")), GOOD,
    to=("j\u00f6rg@example.org",), check=lambda s, r: b"SMTPUTF8" in s.taken[0][0] and "j\u00f6rg".encode() in s.taken[0][1][0])
for what, first, second, message in (("SIZE", ("SIZE 10",), ("SIZE 99999",), stage.MESSAGE), ("8BITMIME", (), ("8BITMIME",),
    EIGHT)):
    for how in (CLEAR, TLS):
        with Stage(mode="enforce" if how == TLS else None, mx=mx({}, how, offers=first), patterns=("*.example.org",),
                   second=evil.SMTP(context("mx2.example.org") if how == TLS else None, offers=second)) as s:
            r = s.send(message=message)
            wrong = judge(s, r, how == TLS, result="delivered", mxs=[MX, "mx2.example.org"])
            t.check(f"S19, S20 {what} that the second MX has, {how}", not wrong, f"{wrong}\n{r}")

# ---- S22: hostile text ---------------------------------------------------------------------------

HOSTILE = {"ESC": b"\x1b[31mred\x1b]0;title\x07", "quotes": b'"},{"result":"delivered"}\\', "formats": b"%n%s%99999d%p",
    "C1": b"\x9b31m\xc2\x9b",
           "8-bit": b"\xff\xfe\xc3", "DEL and tabs": b"a\tb\x7f\x08c", "long": b"long " * 180,
           "bidi": "\u202egpj.exe\u2066".encode(),
           "UTF-8": "gr\u00fc\u00df gott".encode(), "html": b"<script>&amp;</script>"}
for what, hostile in HOSTILE.items():
    for step in ("GREET", "RCPT", "DOT"):
        want = {"result": {"failed", "deferred"}, "reason": "smtp", "error": "smtp"}
        run(f"S22 {what} in the reply to {step}", {step: b"550 5.0.0 " + hostile}, want, ("-vv",),
            kind=(TLS, CLEAR)[step == "GREET"],
            check=lambda s, r: len(r.json) == 1)
    with Stage(mode=None, mx=evil.SMTP(None, {"EHLO": b"250-mx\r\n250-" + hostile + b"\r\n250 END",
        "RCPT": b"550 " + hostile})) as s:
        r = lab.stsmail("send", "-vv", "--dns", "127.0.0.1", "--ca", pki()["ca"].file, "--state", pki()["state"] + "/human",
                        "--hostname", "device.example.com", "ops@example.org", stdin=stage.MESSAGE)
        t.check(f"S22 {what}, in words", r.status in (69, 75) and not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ufffd]",
            r.stdout + r.stderr),
                repr(r.stdout + r.stderr))

# ---- S25, S26: more than one MX ------------------------------------------------------------------

TWO = (MX, "mx2.example.org")
FIRST = {
    "refused": (lambda how: False, "connect"),
    "GREET 421": (lambda how: mx({"GREET": "421 x"}, how), "smtp"),
    "GREET 554": (lambda how: mx({"GREET": "554 x"}, how), "smtp"),
    "EHLO 550": (lambda how: mx({"EHLO": "550 x"}, how), "smtp"),
    "MAIL 450": (lambda how: mx({"MAIL": "450 x"}, how), "smtp"),
    "RCPT 450": (lambda how: mx({"RCPT": "450 x"}, how), "smtp"),
    "DATA 451": (lambda how: mx({"DATA": "451 x"}, how), "smtp"),
    "closed at once": (lambda how: mx({"GREET": lambda c, _: Ellipsis}, how), "closed"),
    "closed at DATA": (lambda how: mx({"DATA": lambda c, _: Ellipsis}, how), "closed"),
    "garbage": (lambda how: mx({"GREET": "SSH-2.0-x"}, how), "smtp"),
    "no STARTTLS": (lambda how: evil.SMTP(None), "starttls-not-supported"),
    "a certificate for another name": (lambda how: evil.SMTP(context("other.example.org")), "certificate-host-mismatch"),
}
for what, (first, error) in FIRST.items():
    for how in (CLEAR, TLS):
        if how == CLEAR and ("TLS" in what or "certificate" in what):
            continue
        second = evil.SMTP(context("mx2.example.org") if how == TLS else None)
        with Stage(mode="enforce" if how == TLS else None, mx=first(how), second=second, patterns=TWO) as s:
            r = s.send("--timeout", "3")
            wrong = judge(s, r, how == TLS, result="delivered", mxs=list(TWO), errors=[error, None])
            t.check(f"S25 {what}, then a good one, {how}", not wrong, f"{wrong}\n{r}")
for step in ("RCPT", "DATA", "DOT"):
    second = evil.SMTP(context("mx2.example.org"))
    with Stage(mx=mx({step: "550 no"}, TLS), second=second, patterns=TWO) as s:
        r = s.send()
        wrong = judge(s, r, True, **refused("550 no"), mxs=[MX])
        t.check(f"S25 550 to {step} is final: nobody else is asked", not wrong and not s.servers[1].connections,
            f"{wrong}\n{r}")
for what, first, second, want in (
        ("554 from both", "554 x", "554 y", {"result": "failed", "reason": "smtp"}),
        ("554, then 421", "554 x", "421 y", {"result": "deferred", "reason": "smtp"}),
        ("421, then 554", "421 x", "554 y", {"result": "deferred", "reason": "smtp"})):
    with Stage(mode=None, mx=evil.SMTP(None, {"GREET": first}), second=evil.SMTP(None, {"GREET": second})) as s:
        r = s.send()
        wrong = judge(s, r, **want, errors=["smtp", "smtp"])
        t.check(f"S25 greetings {what}", not wrong, f"{wrong}\n{r}")
with Stage(mode=None, mx=evil.SMTP(None, {"GREET": "554 x"}), zone={(stage.DOMAIN, "MX"): [(10, MX), (20, "mx2.example.org")],
           ("mx2.example.org", "A"): ["127.0.0.11"]}) as s:
    r = s.send()
    wrong = judge(s, r, result="deferred", errors=["smtp", "connect"])
    t.check("S25 a greeting 554, and one that cannot be reached", not wrong, f"{wrong}\n{r}")
hole = evil.BlackHole("127.0.0.10", 25)
for mode in ("enforce", None):
    with Stage(mode=mode, mx=False, second=evil.SMTP(context("mx2.example.org")), patterns=TWO) as s:
        r = s.send("--timeout", "2")
        wrong = judge(s, r, mode == "enforce", result="delivered", errors=["connect", None], took=5)
        t.check(f"S25 a black hole, then a good one, {mode}", not wrong, f"{wrong}\n{r}")
hole.close()

LOOPS = {
    "ourselves alone": ([(10, "device.example.com")], {"result": "failed", "reason": "loop", "mxs": []}),
    "ourselves best": ([(5, "device.example.com"), (10, MX)], {"result": "failed", "reason": "loop", "mxs": []}),
    "ourselves equal": ([(10, "device.example.com"), (10, MX)], {"result": "failed", "reason": "loop", "mxs": []}),
    "another case": ([(5, "DEVICE.Example.COM"), (10, MX)], {"result": "failed", "reason": "loop", "mxs": []}),
    "ourselves last": ([(10, MX), (20, "device.example.com")], {"result": "delivered", "mxs": [MX]}),
    "ourselves between": ([(10, MX), (20, "device.example.com"), (30, "mx2.example.org")], {"result": "delivered",
    "mxs": [MX]}),
}
for what, (list_, want) in LOOPS.items():
    for mode in (None, "enforce"):
        with Stage(mode=mode, zone={(stage.DOMAIN, "MX"): list_, ("device.example.com", "A"): ["127.0.0.10"],
                   ("mx2.example.org", "A"): ["127.0.0.10"]}) as s:
            r = s.send()
            wanted = dict(want, result="deferred") if mode and want["result"] == "failed" else want
            wrong = judge(s, r, bool(mode), **wanted)
            t.check(f"S26 {what}, {mode}", not wrong and (want["result"] == "delivered" or not s.servers[0].connections),
                f"{wrong}\n{r}")
with Stage(mode=None, mx=evil.SMTP(None, {"GREET": "421 x"}), zone={(stage.DOMAIN, "MX"): LOOPS["ourselves between"][0],
           ("device.example.com", "A"): ["127.0.0.10"], ("mx2.example.org", "A"): ["127.0.0.10"]}) as s:
    r = s.send()
    wrong = judge(s, r, result="deferred", mxs=[MX])
    t.check("S26 nobody behind ourselves is tried", not wrong, f"{wrong}\n{r}")

# ---- S27: no connection serves two domains -------------------------------------------------------

with Stage(mode=None, mx=evil.SMTP(context()), zone={("example.net", "MX"): [(10, MX)]}) as s:
    r = s.send(to=("a@example.org", "b@example.net"))
    t.check("S27, P30 two domains with one MX: two connections", r.status == 0 and len(r.json) == 2 and
            len(s.servers[0].connections) == 2 and all(len(m[1]) == 1 for m in s.taken), r)

# ---- S28, S32: the farewell does not matter ------------------------------------------------------

FAREWELLS = {"nothing": None, "421": "421 x", "500": "500 what", "554": "554 5.0.0 taken back", "250": "250 x",
    "354": "354 go", "garbage": "\0\1\2",
             "FIN": lambda c, _: Ellipsis, "RST": lambda c, _: evil.reset(c), "an endless line": endless(b"y" * 1000),
             "endless lines": endless(b"221-bye\r\n"), "half a reply": b"22\r\n", "two replies": "554 a\r\n554 b"}
for what, reply in FAREWELLS.items():
    run(f"S28 {what} to QUIT" if what not in ("554", "500") else f"S32 {what} to QUIT", {"QUIT": reply}, GOOD | {"took": 5})
for what, more in {"554": b"554 5.0.0 taken back\r\n", "421": b"421 x\r\n", "250": b"250 x\r\n"}.items():
    run(f"S28 {what} behind the 250 to the dot", {"DOT": b"250 2.0.0 taken\r\n" + more}, GOOD,
        check=lambda s, r: len(s.taken) == 1)

# ---- S29: our own name ---------------------------------------------------------------------------

for name in ("", " ", "a b", "a\r\nMAIL", "a\nb", "a\tb", "[", "[127.0.0.1", "-a", "a..b", "a" * 64, "x." * 127 + "x",
    "\x1b[0m", "a_b\x7f"):
    with Stage(mode=None, mx=evil.SMTP(None)) as s:
        r = s.send("--hostname", name)
        t.check(f"S29 the name {name[:20]!r}", r.status in (64, 65) and r.stderr and not s.servers[0].connections and not s.dns.questions, r)
for name in ("device.example.com", "[192.0.2.1]", "[IPv6:2001:db8::1]", "localhost"):
    with Stage(mode=None, mx=evil.SMTP(None)) as s:
        r = s.send("--hostname", name)
        t.check(f"S29 the name {name!r}", r.status == 0 and b"EHLO " + name.encode() + b"\r\n" in s.servers[0].clear, r)

t.end()
