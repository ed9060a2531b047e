#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Malicious and broken name servers, rows D of the fault list. A forged answer is never believed where it can be told
apart, a broken one is "unknown" and never "absent", and what is known of a domain is used as it stands.
"""
import socket
import struct
import time

import evil
import lab
import stage
from evil import A, AAAA, CNAME, MX as MX_TYPE, TXT
from stage import DOMAIN, HOST, MX, Stage, context, judge

lab.enter()
t = lab.Tally("dns")
QUICK = ("--timeout", "2")
TRAP = "127.0.0.66"  # where a forger wants the mail
STS = "_mta-sts." + DOMAIN
DNS_FAILS = {"result": "deferred", "reason": "dns"}
GOOD = {"result": "delivered", "errors": [None], "mxs": [MX]}
PLAIN = {"mode": None}  # no policy: the mail may go in clear

trap_mail = evil.SMTP(None)
trap = evil.Server(trap_mail, TRAP, 25)
FORGED = {A: [(None, A, TRAP)], MX_TYPE: [(None, MX_TYPE, (0, "trap.example.net"))],
          TXT: [(None, TXT, "v=STSv1; id=forged;")], AAAA: []}
TRAPS = {("trap.example.net", "A"): [TRAP]}


def run(name, want, *args, check=None, trapped=False, protected=False, **kw):
    """One delivery. `want` and `check` as for judge(); and nobody came to the trap."""
    kw["zone"] = {**TRAPS, **kw.get("zone", {})}
    send = {k: kw.pop(k) for k in ("to", "message") if k in kw}
    before = len(trap.connections)
    with Stage(**kw) as s:
        r = s.send(*(args or QUICK), **send)
        wrong = judge(s, r, protected, **want)
        if len(trap.connections) != before and not trapped:
            wrong.append("it went into the trap")
        if check and not wrong and not check(s, r):
            wrong.append(f"questions {s.dns.questions}, over TCP {s.dns.tcp_questions}")
        t.check(name, not wrong, f"{wrong}\n{r}")


def by_udp(forge, type_=MX_TYPE):
    """A trick: over UDP `forge(q, good)` for questions of this type, the truth over TCP and for the others."""
    return lambda q, tcp, good: good if tcp or q.type != type_ else forge(q, good)


def always(forge, type_=MX_TYPE):
    return lambda q, tcp, good: forge(q, good) if q.type == type_ else good


def over_tcp(type_=MX_TYPE):
    return lambda s, r: any(q[1] == type_ for q in s.dns.tcp_questions)


# The test of the test: where a forgery cannot be told from the truth, the trap is reached.
with Stage(mode=None, zone=TRAPS, trick=lambda q, tcp, good: q.reply(FORGED[q.type]) if q.type == MX_TYPE else good) as s:
    r = s.send(*QUICK)
    t.check("a perfect forgery goes into the trap", len(trap_mail.mail) == 1, r)
with Stage(zone=TRAPS, trick=lambda q, tcp, good: q.reply(FORGED[q.type]) if q.type == MX_TYPE else good) as s:
    r = s.send(*QUICK)
    t.check("P12 but not under an enforced policy", len(trap_mail.mail) == 1 and stage.one(r)["reason"] == "mx-mismatch" and
            not stage.sound(s, r, True), r)

# ---- D01, D04, D05, D06: forged replies ----------------------------------------------------------

def flood(ids, then_right):
    def forge(q, good):
        right = struct.unpack(">H", q.id)[0]
        forged = q.reply(FORGED[q.type])[2:]
        out = [struct.pack(">H", (right + i) & 0xffff) + forged for i in range(1, ids + 1)]
        return out + ([q.id + forged] if then_right else [good])
    return forge


for type_, name in ((MX_TYPE, "MX"), (TXT, "TXT"), (A, "A")):
    for ids in (1, 100, 65535) if type_ == MX_TYPE else (1, 100):
        for then in (True, False):
            # A small controller loses other answers to the flood, which are asked for again 2 and 6 s later.
            run(f"D01 {ids} wrong ids for {name}, then {'a right one, forged' if then else 'the truth'}: TCP", GOOD,
                "--timeout", "10", trick=by_udp(flood(ids, then), type_), check=over_tcp(type_), **({} if type_ == TXT else PLAIN))


def from_elsewhere(address, port):
    def send(q):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # two questions may be forged at once
        s.bind((address, port))
        for _ in range(3):
            s.sendto(q.reply(FORGED[q.type]), q.peer)
        s.close()
        time.sleep(0.05)
        q.server.udp.sendto(q.server.truth(q, False), q.peer)
    return send


for what, address, port in (("another port", "127.0.0.1", 5353), ("another address", "127.0.0.99", 53), ("both", "127.0.0.99",
    0)):
    for type_ in (MX_TYPE, A):
        run(f"D04 a forged {type_} from {what}", GOOD, trick=by_udp(lambda q, good, a=address, p=port: from_elsewhere(a, p),
            type_), **PLAIN)


def question(change):
    """A forged answer whose question is not the one asked."""
    return lambda q, good: q.reply(FORGED[q.type], question=change(bytearray(q.wire[12:q.end])))


def other_count(n):
    def forge(q, good):
        wire = bytearray(q.reply(FORGED[q.type]))
        wire[4:6] = struct.pack(">H", n)
        return bytes(wire)
    return forge


def edit(at, byte):
    def change(question):
        question[at] ^= byte
        return bytes(question)
    return change


EDITS = {
    "one letter": edit(2, 1),
    "the type": edit(-3, 1),
    "the type's high byte": edit(-4, 1),
    "the class": edit(-1, 2),
    "a label's length": edit(0, 1),
    "another name": lambda question: evil.dns_name("example.net") + bytes(question[-4:]),
    "none": lambda question: b"",
    "cut": lambda question: bytes(question[:-2]),
}
for what, change in EDITS.items():
    run(f"D05 the question differs: {what}", GOOD, trick=by_udp(question(change)), check=over_tcp(), **PLAIN)
for n in (0, 2, 65535):
    run(f"D05 {n} questions", GOOD, trick=by_udp(other_count(n)), check=over_tcp(), **PLAIN)
run("D06 the case is not echoed: TCP", GOOD, check=over_tcp(), **PLAIN,
    trick=by_udp(lambda q, good: q.reply(FORGED[MX_TYPE], question=evil.dns_name(q.name) + q.wire[q.end - 4:q.end])))
run("D06 no case echoed for anything", GOOD, check=lambda s, r: len(s.dns.tcp_questions) >= 4,
    trick=lambda q, tcp, good: good if tcp else good[:12] + evil.dns_name(q.name) + good[q.end - 4:])


def header(flip):
    return lambda q, good: bytes([good[0], good[1], good[2] ^ flip[0], good[3] ^ flip[1]]) + good[4:]


run("D05 a query instead of a reply", GOOD, trick=by_udp(lambda q, good: q.reply(FORGED[MX_TYPE])[:2] + b"\1\0" + q.reply(FORGED[MX_TYPE])[4:]), **PLAIN)
run("D05 another opcode", {"result": {"delivered", "deferred"}}, trick=by_udp(header((0x10, 0))), **PLAIN)
run("D36 AD set, and not trusted", {"result": "delivered"}, "--floor", "policy@example.net", trick=always(header((0, 0x20))),
    **PLAIN)
for what, packet in {"nothing": b"", "an octet": b"\0", "11 octets": b"\0" * 11, "noise": bytes(range(256)) * 4}.items():
    run(f"D13 {what}, then the truth", {"result": "delivered"}, trick=by_udp(lambda q, good, p=packet: [p, good]), **PLAIN)


# D02, D03: ids, ports and case are all different.
with Stage(mode=None, zone={(DOMAIN, "MX"): [(i, f"m{i}.example.org") for i in range(12)] + [(99, MX)],
           **{(f"m{i}.example.org", "A"): ["0.0.0.0"] for i in range(12)}}) as s:
    r = s.send(*QUICK)
    ids, ports = {w[:2] for w, _ in s.dns.wires}, {p for _, p in s.dns.wires}
    n = len(s.dns.wires)
    t.check("D02, D03 a new id and a new port for each question", n > 20 and len(ids) >= n - 1 and len(ports) >= n - 2,
        (n, ids, ports))
    upper = sum(c.isupper() for w, _ in s.dns.wires for c in evil.Question(w).case)
    lower = sum(c.islower() for w, _ in s.dns.wires for c in evil.Question(w).case)
    t.check("D01 0x20: about half of the letters are upper case", 0.3 < upper / (upper + lower) < 0.7, (upper, lower))
    t.check("D20 EDNS of at most 1232", all(e.edns and w[-8:-6] <= struct.pack(">H", 1232) for w, e in
            ((w, evil.Question(w)) for w, _ in s.dns.wires)), s.dns.wires[:2])
    t.check("D28 MX hosts at 0.0.0.0 are passed over", stage.one(r)["result"] == "delivered" and not stage.sound(s, r, False),
        r)

# ---- D07, D08, D09: what stands beside the answer ------------------------------------------------

STRANGERS = [("evil.example.net", MX_TYPE, (0, "trap.example.net")), ("evil.example.net", A, TRAP), ("example.net", TXT,
    "v=STSv1; id=9;")]


def beside(first, type_, good_answers):
    def trick(q, tcp, good):
        if q.type != type_:
            return good
        strange = [x for x in STRANGERS if x[1] == type_]
        return q.reply(strange + good_answers if first else good_answers + strange)
    return trick


for first in (True, False):
    where = "first" if first else "last"
    run(f"D07 an MX of another name stands {where}", GOOD, trick=beside(first, MX_TYPE, [(None, MX_TYPE, (10, MX))]), **PLAIN)
    run(f"D07 an A of another name stands {where}", GOOD, trick=beside(first, A, [(None, A, "127.0.0.10")]), **PLAIN)
run("D07 a TXT of another name", GOOD | {"source": "none"}, trick=beside(True, TXT, []), **PLAIN)
run("D07 only an MX of another name: NODATA", {"result": "failed", "reason": "dns"}, trick=beside(True, MX_TYPE, []), **PLAIN)
run("D07 an A in the answer to MX", GOOD, **PLAIN, trick=always(lambda q, good: q.reply([(None, A, TRAP), (None, MX_TYPE,
    (10, MX))])))
run("D08 the additional section is not used", GOOD, **PLAIN, check=lambda s, r: (MX, A) in s.dns.questions,
    trick=always(lambda q, good: q.reply([(None, MX_TYPE, (10, MX))], additional=[(MX, A, TRAP)])))

CHAIN = [(DOMAIN, CNAME, "c1.example.net")] + [(f"c{i}.example.net", CNAME, f"c{i + 1}.example.net") for i in range(1, 100)]


def chain(n, end):
    return always(lambda q, good: q.reply([(None, CNAME, "c1.example.net"), *CHAIN[1:n], (f"c{n}.example.net", *end)]))


END = (MX_TYPE, (10, MX))
run("D09 a chain of 3", GOOD, trick=chain(3, END), **PLAIN)
run("D09 a chain of 8", GOOD, trick=chain(8, END), **PLAIN)
for n in (20, 90):
    run(f"D09 a chain of {n}", DNS_FAILS | {"took": 4}, trick=chain(n, END), **PLAIN)
LOOPS = {
    "itself": [(None, CNAME, DOMAIN)],
    "two": [(None, CNAME, "a.example.net"), ("a.example.net", CNAME, DOMAIN)],
    "two elsewhere": [(None, CNAME, "a.example.net"), ("a.example.net", CNAME, "b.example.net"),
                      ("b.example.net", CNAME, "a.example.net")],
}
for what, answers in LOOPS.items():
    run(f"D09 a loop: {what}", DNS_FAILS | {"took": 4}, trick=always(lambda q, good, a=answers: q.reply(a)), **PLAIN)
run("D09 CNAMEs one at a time, without end", {"result": {"deferred", "failed"}, "reason": "dns", "took": 5}, **PLAIN,
    trick=lambda q, tcp, good: q.reply([(None, CNAME, "x" + q.name[-200:].lstrip("."))]) if q.type == MX_TYPE else good)
run("D09 a CNAME and other data", {"result": {"delivered", "deferred"}}, **PLAIN,
    trick=always(lambda q, good: q.reply([(None, CNAME, "c1.example.net"), (None, MX_TYPE, (10, MX))])))
run("R-022, P28 TXT and policy host are aliases", GOOD | {"source": "fetched", "mode": "enforce"}, protected=True,
    zone={(STS, "TXT"): "gone", (STS, "CNAME"): ["r.provider.example"], ("r.provider.example", "TXT"): ["v=STSv1; id=1;"],
          (HOST, "A"): "gone", (HOST, "CNAME"): ["h.provider.example"], ("h.provider.example", "A"): ["127.0.0.20"]})

# ---- D10..D16: packets that are not what they say ------------------------------------------------

def raw(owner, kind, rdata, count=1, length=None, class_=1):
    """A reply with one record made of octets."""
    def forge(q, good):
        rr = owner + struct.pack(">HHIH", kind, class_, 60, len(rdata) if length is None else length) + rdata
        return q.reply()[:6] + struct.pack(">H", count) + b"\0" * 4 + q.wire[12:q.end] + rr
    return forge


def pointer(at):
    return struct.pack(">H", 0xc000 | at)


OWN = pointer(12)
HERE = 12 + len(evil.dns_name(DOMAIN)) + 4  # where the first record stands
RD = HERE + 12  # its RDATA, behind an owner of two octets
TO = evil.dns_name("trap.example.net")
PACKETS = {
    "D10 a pointer to itself": raw(OWN, MX_TYPE, b"\0\0" + pointer(RD + 2)),
    "D10 a pointer forward": raw(OWN, MX_TYPE, b"\0\0" + pointer(RD + 40)),
    "D10 two pointers at each other": raw(OWN, MX_TYPE, b"\0\0" + pointer(RD + 4) + pointer(RD + 2)),
    "D10 a pointer into the header": raw(OWN, MX_TYPE, b"\0\0" + pointer(0)),
    "D10 an owner that points to itself": raw(pointer(HERE), MX_TYPE, b"\0\0" + TO),
    "D11 a pointer far beyond": raw(OWN, MX_TYPE, b"\0\0" + pointer(0x3fff)),
    "D12 a label of type 0x40": raw(OWN, MX_TYPE, b"\0\0\x41a\0"),
    "D12 a label of type 0x80": raw(OWN, MX_TYPE, b"\0\0\x81a\0"),
    "D12 a name of 300 octets": raw(OWN, MX_TYPE, b"\0\0" + b"\x3ftrap".ljust(64, b"a") * 4 + b"\x2c" + b"b" * 44 + b"\0"),
    "D12 200 labels": raw(OWN, MX_TYPE, b"\0\0" + b"\1a" * 200 + b"\0"),
    "D13 a name without its root": raw(OWN, MX_TYPE, b"\0\0\4trap"),
    "D13 the record is cut": raw(OWN, MX_TYPE, b"\0", length=30),
    "D13 only an owner": lambda q, good: q.reply()[:6] + b"\0\1" + b"\0" * 4 + q.wire[12:q.end] + OWN,
    "D14 RDLENGTH beyond the packet": raw(OWN, MX_TYPE, b"\0\0" + TO, length=65535),
    "D14 RDLENGTH 0": raw(OWN, MX_TYPE, b"\0\0" + TO, length=0),
    "D14 RDLENGTH 2": raw(OWN, MX_TYPE, b"\0\0" + TO, length=2),
    "D14 a name that ends behind RDLENGTH": raw(OWN, MX_TYPE, b"\0\0" + TO, length=6),
    "D14 octets behind the name": raw(OWN, MX_TYPE, b"\0\0" + TO + b"junk"),
    "D15 65535 records, one there": raw(OWN, MX_TYPE, b"\0\0" + TO, count=65535),
    "D15 2 records, one there": raw(OWN, MX_TYPE, b"\0\0" + TO, count=2),
}
for what, forge in PACKETS.items():
    run(f"{what}: nothing of it is believed", {"result": "deferred", "reason": "dns"}, "--timeout", "1", trick=always(forge),
        **PLAIN)
for what in ("D10 a pointer to itself", "D13 a name without its root", "D14 RDLENGTH 2", "D15 2 records, one there"):
    run(f"{what}, TCP has the truth", {"result": {"delivered", "deferred"}}, trick=by_udp(PACKETS[what]), **PLAIN)
run("D14 class CH", {"result": {"failed", "deferred"}}, trick=always(raw(OWN, MX_TYPE, b"\0\0" + TO, class_=3)), **PLAIN)
for n in (0, 3, 5, 16):
    run(f"D14 an A of {n} octets", {"result": "deferred", "reason": "dns"}, "--timeout", "1",
        trick=always(lambda q, good, n=n: q.reply([(None, A, b"\x7f" * n)]), A), **PLAIN)
for n in (0, 4, 15, 17):
    run(f"D14 an AAAA of {n} octets beside a good A", {"result": {"delivered", "deferred"}}, "--timeout", "1",
        trick=always(lambda q, good, n=n: q.reply([(None, AAAA, b"\x20" * n)]), AAAA), **PLAIN)

# ---- D16, D17, D18: TXT --------------------------------------------------------------------------

def announced(name, texts, yes):
    """Whether these TXT records announce a policy. texts: a record each, text or list of strings."""
    answers = [(None, TXT, x) for x in texts]
    run(f"{name}: {'a policy' if yes else 'none'}", GOOD | {"source": "fetched" if yes else "none", "trouble": None},
        trick=lambda q, tcp, good: q.reply(answers) if q.type == TXT else good)


RECORD = "v=STSv1; id=20260528;"
for i in range(0, len(RECORD) + 1, 3):
    announced(f"D16 the record in two strings, cut at {i}", [[RECORD[:i], RECORD[i:]]], True)
FOREIGN = "google-site-verification=abc"
ANSWERS = [
    ("D16 a string an octet", [list(RECORD)], True),
    ("D16 an empty string first", [["", RECORD]], True),
    ("D16 a long record in strings of 255", [RECORD + " x=" + "y" * 700], True),
    ("D16 a blank too many where strings meet", [["v=STSv1; i ", "d=1;"]], False),
    ("D18 one", [RECORD], True),
    ("D18 none", [], False),
    ("D18 foreign alone", [FOREIGN], False),
    ("D18 one and foreign", [RECORD, FOREIGN], True),
    ("D18 foreign and one", [FOREIGN, RECORD], True),
    ("D18 one among many", [FOREIGN] * 9 + [RECORD] + [FOREIGN] * 9, True),
    ("D18 two", [RECORD, "v=STSv1; id=2;"], False),
    ("D18 the same twice", [RECORD, RECORD], False),
    ("D18 two and foreign", [RECORD, FOREIGN, RECORD], False),
    ("D18 one good, one malformed candidate", [RECORD, "v=STSv1; id=a-b;"], False),
    ("D18 one good, one without an id", [RECORD, "v=STSv1;"], False),
    ("D18 another version beside it", [RECORD, "v=STSv2; id=1;"], True),
    ("D18 v=STSv10 beside it", [RECORD, "v=STSv10; id=1;"], True),
    ("D18 an empty one beside it", [RECORD, ""], True),
    ("D18 SPF beside it", [RECORD, "v=spf1 -all"], True),
    ("D18 TLSRPT beside it", [RECORD, "v=TLSRPTv1; rua=mailto:a@b.c"], True),
    ("D18 v=stsv1", ["v=stsv1; id=1;"], False),
    ("D18 a blank first", [" " + RECORD], False),
    ("D18 V=STSv1", ["V=STSv1; id=1;"], False),
    ("P11 id first", ["id=1; v=STSv1;"], False),
    ("P11 no id", ["v=STSv1;"], False),
    ("P11 an empty id", ["v=STSv1; id=;"], False),
    ("P11 an id of 32", ["v=STSv1; id=" + "a" * 32], True),
    ("P11 an id of 33", ["v=STSv1; id=" + "a" * 33], False),
    ("P11 id with -", ["v=STSv1; id=a-b"], False),
    ("P11 no last semicolon", ["v=STSv1; id=1"], True),
    ("P11 two ids: the first counts", ["v=STSv1; id=1; id=2;"], True),
    ("P11 no blanks", ["v=STSv1;id=1"], True),
    ("P11 an unknown field", ["v=STSv1; x=1; id=1;"], True),
    ("P11 missing ;", ["v=STSv1 id=1"], False),
    ("P11 ;;", ["v=STSv1;; id=1;"], False),
    ("P11 trailing blank without ;", ["v=STSv1; id=1 "], False),
    ("P11 v=STSv10", ["v=STSv10; id=1;"], False),
    ("C-3 a blank before ;", ["v=STSv1 ; id=1;"], True),
    ("C-3 a blank before ; counts as a second one", [RECORD, "v=STSv1 ; id=1;"], False),
    ("D17 NUL", ["v=STSv1; id=1;\0"], False),
    ("D17 a control octet", ["v=STSv1; id=1\x07;"], False),
    ("D17 8-bit", ["v=STSv1; id=1\xe4;"], False),
    ("D17 8-bit in another field", ["v=STSv1; id=1; x=\xe4;"], False),
    ("D17 CR LF", ["v=STSv1;\r\n id=1;"], False),
    ("D17 4000 octets", ["v=STSv1; id=1; x=" + "y" * 4000], True),
]
for what, texts, yes in ANSWERS:
    announced(what, texts, yes)
STRINGS = {
    "a string past RDATA": b"\x40v=STSv1; id=1;",
    "no string": b"",
    "a good string, then one past RDATA": b"\x0ev=STSv1; id=1;\x05x",
}
for what, rdata in STRINGS.items():
    run(f"D16 {what}", {"result": {"delivered", "deferred"}, "source": "none"}, "--timeout", "1",
        trick=always(lambda q, good, d=rdata: q.reply([(None, TXT, d)]), TXT))

# ---- D19, D20, D21: TCP, sizes, EDNS -------------------------------------------------------------

def truncated(q, good):
    return q.reply(FORGED[q.type], flags=0x200)


def tcp(play, type_=MX_TYPE):
    """TC over UDP, and play(socket, the truth) over TCP."""
    def trick(q, over, good):
        if q.type != type_:
            return good
        return (lambda c: play(c, struct.pack(">H", len(good)) + good)) if over else truncated(q, good)
    return trick


def drip(c, data):
    for b in data:
        c.sendall(bytes([b]))
        time.sleep(0.005)


run("D19 TC: TCP", GOOD, trick=by_udp(truncated), check=over_tcp(), **PLAIN)
run("D19 TC without any answer", GOOD, trick=lambda q, over, good: good if over else q.reply(flags=0x200),
    check=lambda s, r: len(s.dns.tcp_questions) >= 4)
run("D19 an octet at a time", GOOD, trick=tcp(drip), **PLAIN)
TCP_FAILS = {
    "length 0": lambda c, data: c.sendall(b"\0\0"),
    "length 65535, and the end": lambda c, data: c.sendall(b"\xff\xff" + data[2:]),
    "half a length": lambda c, data: c.sendall(data[:1]),
    "an early end": lambda c, data: c.sendall(data[:-3]),
    "closed at once": lambda c, data: c.shutdown(socket.SHUT_RDWR),
    "length 5": lambda c, data: c.sendall(b"\0\5" + data[2:7]),
    "a wrong id": lambda c, data: c.sendall(data[:2] + bytes([data[2] ^ 1]) + data[3:]),
    "TC again": lambda c, data: c.sendall(data[:4] + bytes([data[4] | 2]) + data[5:]),
    "silence": lambda c, data: time.sleep(2.5),
}
for what, play in TCP_FAILS.items():
    def ends(c, data, play=play):
        play(c, data)
        c.close()
    run(f"D19 {what}", DNS_FAILS | {"took": 5}, "--timeout", "1", trick=tcp(ends), **PLAIN)


def slow(c, data):
    try:
        for b in data:
            c.sendall(bytes([b]))
            time.sleep(0.4)
    except OSError:
        pass


run("D19 an octet each 0.4 s: one deadline for all", DNS_FAILS | {"took": 5}, trick=tcp(slow), **PLAIN)
MANY = [(None, MX_TYPE, (100 + i, f"a-host-with-a-long-name-number-{i}.elsewhere.example.net")) for i in range(60)]
run("D20 a reply of 4 KB", GOOD, **PLAIN, trick=always(lambda q, good: q.reply(MANY + [(None, MX_TYPE, (1, MX))])))
for rcode, name in ((1, "FORMERR"), (4, "NOTIMP"), (5, "REFUSED"), (2, "SERVFAIL")):
    want = GOOD if rcode in (1, 4) else {"result": {"delivered", "deferred"}}
    run(f"D21 {name} to EDNS", want, trick=lambda q, over, good, c=rcode: q.reply(rcode=c) if q.edns else good,
        check=(lambda s, r: any(not evil.Question(w).edns for w, _ in s.dns.wires)) if rcode in (1, 4) else None, **PLAIN)
run("D21 FORMERR without a question", GOOD, **PLAIN,
    trick=lambda q, over, good: q.id + b"\x81\x81" + b"\0" * 8 if q.edns else good)

# ---- D22, D23, D24, D25, D26: what a code means --------------------------------------------------

def rcode(code, type_):
    """An RCODE of 4 or, with EDNS (RFC 6891 6.1.3), of 12 bits."""
    def trick(q, over, good):
        if q.type != type_ or (type_ == TXT and not q.name.startswith("_mta-sts")):
            return good
        reply = bytearray(q.reply(rcode=code & 15))
        if code > 15:
            reply[10:12] = b"\0\1"
            reply += b"\0" + struct.pack(">HHBBHH", 41, 1232, code >> 4, 0, 0, 0)
        return bytes(reply)
    return trick


APEX = {(DOMAIN, "A"): [TRAP]}
for code in range(24):
    for mode in (None, "enforce"):
        if code == 0:
            continue
        want = ({"result": "deferred" if mode else "failed", "reason": "dns"} if code == 3 else DNS_FAILS) | {"mxs": []}
        run(f"D22, D24 RCODE {code} to MX, {mode}: never 'no MX'", want, "--timeout", "1", trick=rcode(code, MX_TYPE),
            zone=APEX, mode=mode,
            check=lambda s, r: (DOMAIN, A) not in s.dns.questions)
    want = GOOD | {"source": "none"} if code in (0, 3) else DNS_FAILS | {"source": "none", "mxs": []}
    run(f"D23, C-4 RCODE {code} to TXT, nothing held", want, "--timeout", "1", trick=rcode(code, TXT))

held = lab.scratch("held")
with Stage(state=held) as s:
    r = s.send()
    t.check("D23 a policy is held", stage.one(r)["policy"].get("source") == "fetched", r)
for code in range(24):
    run(f"D23, R-102 RCODE {code} to TXT, a policy held", GOOD | {"source": "cached", "mode": "enforce", "trouble": None},
        "--timeout", "1",
        trick=rcode(code, TXT), state=held, web=False, protected=True)
run("D23 no answer to TXT, nothing held", DNS_FAILS, "--timeout", "1", zone={(STS, "TXT"): None})
run("D23 no answer to TXT, a policy held", GOOD | {"source": "cached"}, "--timeout", "1", zone={(STS, "TXT"): None},
    state=held, protected=True)
run("D22 no answer to MX", DNS_FAILS, "--timeout", "1", zone={(DOMAIN, "MX"): None, **APEX}, **PLAIN)
provisioned = lab.scratch("provisioned") + "/policy"
with open(provisioned, "w") as f:
    f.write(evil.policy())
run("D23 no answer to TXT, a provisioned policy: it is not asked for", GOOD | {"source": "provisioned"}, *QUICK, "--policy",
    f"{DOMAIN}={provisioned}", zone={(STS, "TXT"): None}, protected=True, check=lambda s, r: (STS, TXT) not in s.dns.questions)

run("D24 NODATA: the domain stands for itself", {"result": "delivered", "mxs": [DOMAIN]}, **PLAIN,
    zone={(DOMAIN, "MX"): [], (DOMAIN, "A"): ["127.0.0.10"]})
run("D24 NXDOMAIN for the domain", {"result": "failed", "reason": "dns", "mxs": []}, to=("a@nowhere.example",), **PLAIN)
run("D24 NXDOMAIN under a floor", DNS_FAILS, "--floor", "encrypted", to=("a@nowhere.example",), **PLAIN)
NOTHING = {(DOMAIN, "MX"): [], (DOMAIN, "TXT"): ["x"]}
run("D24 neither MX nor address", {"result": "failed", "reason": "dns"}, zone=NOTHING, **PLAIN)
run("D24 neither MX nor address, enforce", DNS_FAILS, zone=NOTHING, patterns=(DOMAIN,))
run("D24 NODATA, and the address unknown", DNS_FAILS, zone={(DOMAIN, "MX"): [], (DOMAIN, "A"): 2, (DOMAIN, "AAAA"): 2}, **PLAIN)
run("D25 the implicit MX does not match", {"result": "deferred", "reason": "mx-mismatch", "mxs": [DOMAIN],
    "error": "mx-mismatch"}, protected=True,
    zone={(DOMAIN, "MX"): [], (DOMAIN, "A"): ["127.0.0.10"]}, check=lambda s, r: not s.servers[0].connections)
stage.pki()[DOMAIN] = stage.pki()["ca"].issue(DOMAIN)
run("D25, R-073 the implicit MX matches", {"result": "delivered", "mxs": [DOMAIN], "match": True, "verified": True},
    protected=True, patterns=(DOMAIN,),
    mx=evil.SMTP(context(DOMAIN)), zone={(DOMAIN, "MX"): [], (DOMAIN, "A"): ["127.0.0.10"]})
NULL = {(DOMAIN, "MX"): [(0, ".")], (DOMAIN, "A"): [TRAP]}
run("D26 a null MX", {"result": "failed", "reason": "null-mx", "mxs": []}, zone=NULL,
    check=lambda s, r: (DOMAIN, A) not in s.dns.questions, **PLAIN)
run("D26 a null MX of preference 10", {"result": "failed", "reason": "null-mx", "mxs": []}, zone={**NULL,
    (DOMAIN, "MX"): [(10, ".")]}, **PLAIN)
run("D26, C-11 a null MX under enforce", {"result": "deferred", "reason": "null-mx"}, zone=NULL)
run("D26, C-11 a null MX under a floor", {"result": "deferred", "reason": "null-mx"}, "--floor", "verified", zone=NULL, **PLAIN)
run("D26 a null MX among others", GOOD, zone={(DOMAIN, "MX"): [(0, "."), (10, MX)]}, **PLAIN)

# ---- D27, D28, D29, D30: which hosts -------------------------------------------------------------

TARGETS = {
    "an address": "127.0.0.66", "localhost": "localhost", "an underscore": "a_b.example.org", "a blank": "a b.example.org",
    "a control octet": "a\x01b.example.org", "a NUL": "a\0b.example.org", "8-bit": "\xe4.example.org",
    "a slash": "a/b.example.org", "CR LF": "a\r\nb.example.org", "-a": "-a.example.org",
    "253 and more": ".".join(["a" * 62] * 4) + ".b", "one label": "trap", "brackets": "[127.0.0.66]",
}
for what, target in TARGETS.items():
    usable = what in ("one label", "253 and more")  # names that may be hosts
    zone = {(target.lower(), "A"): [TRAP]} if not usable else {}
    run(f"D27 the target is {what}, alone", {"result": "deferred", "reason": "dns"}, **PLAIN,
        zone={(DOMAIN, "MX"): [(1, target)], **zone})
    run(f"D27 the target is {what}, then a good one", {"result": "delivered", "error": None}, **PLAIN,
        zone={(DOMAIN, "MX"): [(1, target), (10, MX)], **zone})
ALIAS = {("alias.example.org", "CNAME"): ["trap.example.net"], ("trap.example.net", "A"): [TRAP]}
run("D27 the target is an alias, alone", {"result": "deferred", "reason": "dns"}, **PLAIN,
    zone={(DOMAIN, "MX"): [(1, "alias.example.org")], **ALIAS})
run("D27 the target is an alias, then a good one", {"result": "delivered", "error": None}, **PLAIN,
    zone={(DOMAIN, "MX"): [(1, "alias.example.org"), (10, MX)], **ALIAS})
for address in ("0.0.0.0", "0.0.0.1", "224.0.0.1", "239.1.2.3", "240.0.0.1", "255.255.255.255"):
    run(f"D28 {address} is nobody's", {"result": "deferred", "reason": {"dns", "connect"}}, zone={(MX, "A"): [address]},
        mx=False, **PLAIN)
for address in ("::", "ff02::1", "::ffff:0.0.0.0", "::ffff:224.0.0.1"):
    run(f"D28 {address} is nobody's", {"result": "deferred", "reason": {"dns", "connect"}}, zone={(MX, "A"): "gone",
        (MX, "AAAA"): [address]}, mx=False, **PLAIN)
run("D28 nobody's address beside a good one", GOOD, zone={(MX, "A"): ["0.0.0.0", "255.255.255.255", "127.0.0.10"]}, **PLAIN)
run("D28 IPv6", GOOD, zone={(MX, "A"): "gone", (MX, "AAAA"): ["fd00::10"]}, address="fd00::10", mx=evil.SMTP(None), **PLAIN)

THOUSAND = [(None, MX_TYPE, (20 + i % 7, f"m{i}.example.net")) for i in range(1000)]


def thousand(extra):
    return lambda q, over, good: (q.reply(THOUSAND + extra) if over else truncated(q, good)) if q.type == MX_TYPE else good


run("D29 1000 MX, the best is found", GOOD, trick=thousand([(None, MX_TYPE, (5, MX))]), **PLAIN)
run("D29 1000 MX that do not exist: bounded", DNS_FAILS | {"took": 15}, trick=thousand([]),
    check=lambda s, r: len(s.dns.questions) < 200, **PLAIN)
run("D29 duplicates count once", {"result": "deferred", "mxs": [MX]}, zone={(DOMAIN, "MX"): [(10, MX)] * 30 + [(20, MX)] * 5},
    mx=evil.SMTP(None, {"GREET": "421 x"}), **PLAIN)
run("D29 preferences 0 and 65535", {"result": "delivered", "mxs": [MX, "mx2.example.org"]},
    zone={(DOMAIN, "MX"): [(65535, "mx2.example.org"), (0, MX)], ("mx2.example.org", "A"): ["127.0.0.11"]},
    mx=evil.SMTP(None, {"GREET": "421 x"}), second=evil.SMTP(None), **PLAIN)
first = []
for _ in range(12):
    with Stage(mode=None, zone={(DOMAIN, "MX"): [(10, f"e{i}.example.org") for i in range(4)], **{(f"e{i}.example.org",
        "A"): ["127.0.0.10"] for i in range(4)}}) as s:
        first.append(stage.one(s.send())["attempts"][0]["mx"])
t.check("D29 equal preferences: in random order", len(set(first)) > 1, first)
for ttl in (0, 1, 0x7fffffff, 0x80000000, 0xffffffff):
    run(f"D30 TTL {ttl}", GOOD, trick=lambda q, over, good, ttl=ttl: q.reply([(None, q.type, v,
        ttl) for v in q.server.zone.get((q.name, {MX_TYPE: "MX", A: "A", TXT: "TXT"}.get(q.type)), [])])
        if not over and not isinstance(q.server.zone.get((q.name, {MX_TYPE: "MX", A: "A", TXT: "TXT"}.get(q.type)), []),
            int) else good)

# ---- D33: servers that are dead ------------------------------------------------------------------

hole = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # takes questions and never answers
hole.bind(("127.0.0.40", 53))
refuser = evil.DNS({}, "127.0.0.41")
refuser.restart({}, trick=lambda q, over, good: q.reply(rcode=5))
servfail = evil.DNS({}, "127.0.0.42")
servfail.restart({}, trick=lambda q, over, good: q.reply(rcode=2))


def servers(name, dns, want, *more, took=None):
    with Stage(mode=None) as s:
        start = time.monotonic()
        r = lab.stsmail("send", "--json", *[x for d in dns for x in ("--dns", d)], "--ca", stage.pki()["ca"].file, "--state",
            lab.scratch("d33"),
                        "--from", "a@example.com", "--hostname", "device.example.com", *more, "ops@example.org",
                            stdin=stage.MESSAGE)
        wrong = judge(s, r, False, **want)
        took = took or 12
        t.check(f"D33 {name}", not wrong and time.monotonic() - start < took, f"{wrong}\n{r.took} s\n{r}")


servers("a closed port, then a good one", ("127.0.0.39", "127.0.0.1"), GOOD)
servers("a black hole, then a good one", ("127.0.0.40", "127.0.0.1"), GOOD)
servers("REFUSED, then a good one", ("127.0.0.41", "127.0.0.1"), GOOD)
servers("SERVFAIL, then a good one", ("127.0.0.42", "127.0.0.1"), GOOD)
servers("a good one, then a black hole", ("127.0.0.1", "127.0.0.40"), GOOD, took=3)
servers("three dead ones, then a good one", ("127.0.0.39", "127.0.0.40", "127.0.0.41", "127.0.0.1"), GOOD)
servers("black holes only", ("127.0.0.40", "127.0.0.40"), DNS_FAILS, "--timeout", "3", took=5)
servers("a server at IPv6", ("[::1]:5353", "127.0.0.1"), GOOD)
servers("a server at another port", ("127.0.0.1:53",), GOOD)

# ---- D34, D35: names that cannot be asked for ----------------------------------------------------

def long_name(n):
    """A domain of n characters."""
    tail = ".example.org"
    out = ""
    while len(out) + len(tail) < n:
        out = "a" * min(60, n - len(out) - len(tail) - (1 if out else 0)) + ("." + out if out else "")
        if out.startswith("."):
            out = "b" + out
    return (out + tail)[-n:] if len(out + tail) > n else out + tail


for n in (230, 240, 243, 244):
    name = long_name(n)
    run(f"D34 a domain of {n} characters", {"result": "delivered"}, to=("a@" + name,), zone={(name, "MX"): [(10, MX)]}, **PLAIN)
for n in (245, 246, 247, 250, 252):
    name = long_name(n)
    with Stage(mode=None, zone={(name, "MX"): [(10, MX)]}) as s:
        r = s.send(*QUICK, to=("a@" + name,))
        whole = all(q == name or q.startswith(("_mta-sts.", "mta-sts.")) and q.endswith("." + name) for q, _ in s.dns.questions)
        t.check(f"D34 a domain of {n} characters leaves no room for the prefix: refused, never cut",
                len(name) == n and r.status in (65, 75) and whole and not s.taken and not s.servers[0].connections,
                    f"{len(name)} {s.dns.questions}\n{r}")

BAD_DOMAINS = ["", " ", "a b.example", "a\r.example", "a\n.example", "a\tb.example", "a/b.example", "a@b.example",
    "a:b.example", "-a.example", "a-.example", "a..example", ".example",
               "a_b.example", "a" * 64 + ".example", "x." * 130 + "example", "a.example\r\nRCPT TO:<x@y.example>",
                   "a,b.example", "a;b.example", "a*b.example", "a\\b.example", "a\"b.example", "a<b.example",
               "a>b.example", "a'b.example", "a%b.example", "127.0.0.1", "\x1b[0m.example", "a\x7f.example", "[127.0.0.1",
                   "[]", "[1.2.3]", "[nonsense]"]
for bad in BAD_DOMAINS:
    with Stage(mode=None) as s:
        r = s.send(to=("ops@" + bad,))
        t.check(f"D35 the domain {bad[:40]!r}", r.status == 65 and r.stderr and not s.dns.questions and not s.dns.tcp_questions and
                not s.servers[0].connections, r)
for code in [*range(1, 0x2d), 0x2f, *range(0x3a, 0x41), *range(0x5b, 0x61), *range(0x7b, 0x80)]:
    r = lab.stsmail("send", "--dns", "127.0.0.1", "--ca", stage.pki()["ca"].file, "--state", stage.pki()["state"],
        "--hostname", "d.example.com", f"ops@ex{chr(code)}mple.org", stdin=stage.MESSAGE)
    t.check(f"D35 octet {code} in a domain", r.status == 65, r)
with Stage(mode=None) as s:
    r = s.send(to=("ops@example.org", "ops@a b.example"))
    t.check("D35 one bad address, and nothing is sent to anyone", r.status == 65 and not s.dns.questions and not s.taken, r)

# ---- D37: IPv6 that leads nowhere ----------------------------------------------------------------

v6 = evil.BlackHole("fd00::10", 25)
run("D37 an IPv6 black hole", {"result": "delivered"}, "--floor", "opportunistic", zone={(MX, "AAAA"): ["fd00::10"]},
    check=lambda s, r: r.took < 10, **PLAIN)
v6.close()
web6 = evil.BlackHole("fd00::20", 443)
run("D37 an IPv6 black hole at the policy host", GOOD | {"source": "fetched"}, "--floor", "opportunistic",
    zone={(HOST, "AAAA"): ["fd00::20"]},
    check=lambda s, r: r.took < 12, protected=True)
web6.close()

t.end()
