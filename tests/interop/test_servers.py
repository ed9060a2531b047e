#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The program against real servers: knot, nsd and unbound; nginx; Postfix, Exim, OpenSMTPD and aiosmtpd. What was
delivered is read from their mailboxes, what was on the wire from the loopback's packets."""
import itertools
import os
import socket
import threading
import time

import lab

lab.enter()

import world  # noqa: E402: what it mounts belongs into the namespace

t = lab.Tally("servers")
w = world.World()
os.chdir(world.HERE)
MESSAGE = b"From: Ups 7 <ups7@example.com>\r\nTo: ops@example.org\r\nSubject: UPS 7\r\n\r\nOn battery.\r\n"
WEB12, WEB13 = "127.0.0.21", "127.0.0.22"  # policy hosts with one version of TLS
NOBODY = "127.0.0.250"  # nothing listens there
KINDS = ("rsa2048", "rsa4096", "ec", "p384")
VERSIONS = {"TLSv1.2": ">=TLSv1.2,<=TLSv1.2", "TLSv1.3": ">=TLSv1.3"}  # as Postfix says it


# ---- the stage -------------------------------------------------------------------------------------

class Chains:
    """A root, an intermediate and leaves, all of one kind."""

    def __init__(self, kind):
        folder = lab.scratch("ca-" + kind)
        self.root = lab.CA(folder, f"{kind} root", kind)
        self.issuer = world.Intermediate(self.root, f"{kind} intermediate", kind)
        self.kind = kind

    def issue(self, *names):
        return self.issuer.issue(*names, kind=self.kind)


chains = {kind: Chains(kind) for kind in KINDS}
with open("roots.pem", "w") as f:
    f.write("".join(open(c.root.file).read() for c in chains.values()))

mxs, users, certificates = [], [], {}
_addresses = itertools.count(100)


def mx_host(*names, kind="ec", protocols=">=TLSv1.2", tls=True, address=None):
    """Has Postfix listen for an MX; its address."""
    address = address or f"127.0.0.{next(_addresses)}"
    mxs.append(world.Mx(address, *(chains[kind].issue(*names) if tls else (None, None)), protocols))
    return address


def domain(name, addresses, policy="enforce", patterns=None, kind="ec", **more):
    """A domain below example.org with its policy and two mailboxes; its name."""
    zone = name + ".example.org"
    text = policy and world.policy(policy, () if policy == "none" else patterns or [f"mx1.{zone}", f"mx2.{zone}"])
    w.domain(zone, addresses, text, **more)
    if policy:
        certificates[zone] = chains[kind].issue("mta-sts." + zone)
    users.extend(["ops@" + zone, "second@" + zone])
    return zone


def simple(name, policy="enforce", **more):
    return domain(name, [mx_host(f"mx1.{name}.example.org")], policy, **more)


_states = itertools.count()


def send(*to, state=None, message=MESSAGE, sender="ups7@example.com", more=(), timeout=60):
    """One run; a first contact unless a state is given."""
    state = state or f"state-{next(_states)}"
    r = lab.stsmail("send", "--json", "--ca", "roots.pem", "--state", state, "--from", sender, "--hostname",
                    "ups7.example.com", *more, *[a if "@" in a else "ops@" + a for a in to], stdin=message, timeout=timeout)
    r.one = r.json[0] if len(r.json) == 1 else {"result": None, "reason": None, "attempts": [], "policy": {}, "recipients": []}
    r.last = r.one["attempts"][-1] if r.one["attempts"] else {}
    return r


def check(what, r, *conditions):
    """All conditions hold; what was printed is shown if not."""
    failed = [n for n, ok in enumerate(conditions, 1) if not ok]
    return t.check(what, not failed, f"conditions {failed}\n{r!r}")


def arrived(zone, count=1, user="ops", seconds=8):
    return w.mail(f"{user}@{zone}", count, seconds)


def delivered(r, source="fetched", mode="enforce"):
    one, last = r.one, r.last
    return (r.status == 0 and one["result"] == "delivered" and one["reason"] is None and one["policy"]["source"] == source
            and one["policy"]["mode"] == mode and (mode != "enforce" or (last["verified"] and last["policy_match"]
                                                                        and last["tls"] in VERSIONS)))


def deferred(r, error):
    return r.status == 75 and r.one["result"] == "deferred" and error in (r.one["reason"], r.last.get("error"))


class Wire:
    """Every packet on the loopback."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        self.socket.bind(("lo", 0))
        self.socket.settimeout(0.1)
        self.packets, self.open = [], True
        self.thread = threading.Thread(target=self._read)

    def _read(self):
        while True:
            try:
                packet, at = self.socket.recvfrom(1 << 17)
                if at[2] != socket.PACKET_OUTGOING:
                    self.packets.append(packet)
            except TimeoutError:
                if not self.open:
                    return

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.open = False
        self.thread.join()
        self.socket.close()

    def has(self, text):
        return any(text in p for p in self.packets)


# ---- the tests: each a function that sets its domains up, and gives what is to be done when the servers run ------------

tests = []


def test(function):
    tests.append(function)
    return function


@test
def chains_and_versions():
    zones = []
    for kind, version in itertools.product(KINDS, VERSIONS):
        name = f"{kind}-{version[-1]}"
        address = mx_host(f"mx1.{name}.example.org", kind=kind, protocols=VERSIONS[version])
        zones.append((domain(name, [address], kind=kind, web=WEB12 if version == "TLSv1.2" else WEB13), version))
    yield
    for zone, version in zones:
        r = send(zone)
        check(f"{zone}: delivered with {version}", r, delivered(r), r.last.get("tls") == version, arrived(zone))
        t.check(f"{zone}: policy with {version}", f"mta-sts.{zone} /.well-known/mta-sts.txt 200 {version}" in w.log("https"))


@test
def ipv6():
    v6, dual, both = "fd00::20", "fd00::21", "127.0.0.61"
    mx_host("mx1.six.example.org", address=v6)
    mx_host("mx1.dual.example.org", address=dual)
    mx_host("mx1.dual.example.org", "mx1.refuse.example.org", "mx1.hole.example.org", address=both)
    six, two = domain("six", [v6]), domain("dual", [[dual, both]])
    refuse, hole = domain("refuse", [["fd00::22", both]]), domain("hole", [["fd00::23", both]])
    # A full queue of connections nobody takes: further ones are met with silence.
    silent = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    silent.bind(("fd00::23", 25))
    silent.listen(0)
    full = [socket.socket(socket.AF_INET6, socket.SOCK_STREAM) for _ in range(4)]
    for s in full:
        s.setblocking(False)
        s.connect_ex(("fd00::23", 25))
    yield
    r = send(six)
    check("IPv6 only", r, delivered(r), r.last.get("address") == v6, arrived(six))
    r = send(two)
    check("both families", r, delivered(r), r.last.get("address") in (dual, both), len(r.one["attempts"]) == 1, arrived(two))
    r = send(refuse)
    check("IPv6 refuses", r, delivered(r), r.last.get("address") == both, arrived(refuse), r.took < 5)
    r = send(hole)
    check("D37: IPv6 leads nowhere", r, delivered(r), r.last.get("address") == both, arrived(hole), r.took < 10)
    for s in [silent, *full]:
        s.close()


@test
def modes():
    plain = mx_host(tls=False)
    good = {mode: simple(f"good-{mode or 'without'}", mode) for mode in ("enforce", "testing", "none", None)}
    bare = {mode: domain(f"bare-{mode or 'without'}", [plain], mode) for mode in ("enforce", "testing", "none", None)}
    wrong = {}
    for mode in ("enforce", "testing"):
        name = f"wrong-{mode}"
        wrong[mode] = domain(name, [mx_host(f"mx1.{name}.example.org")], mode, ["mx1.elsewhere.example.org"])
    other = domain("other", [mx_host("mx1.else.example.org")])
    yield
    for mode, zone in good.items():
        r = send(zone)
        check(f"{zone}: delivered", r, delivered(r, "fetched" if mode else "none", mode), r.last.get("tls"), arrived(zone))
    for mode, zone in bare.items():
        r = send(zone)
        if mode == "enforce":
            check(f"{zone}: deferred", r, deferred(r, "starttls-not-supported"))
        else:
            check(f"{zone}: delivered in clear", r, delivered(r, "fetched" if mode else "none", mode), r.last.get("tls") is None,
                  (r.last.get("error") == "starttls-not-supported") == (mode == "testing"), arrived(zone))
    r = send(bare[None], more=("--floor", "encrypted"))
    check("no policy, but a floor: deferred", r, deferred(r, "starttls-not-supported"), len(arrived(bare[None])) == 1)
    r = send(wrong["enforce"])
    check("an MX that the policy does not name: deferred", r, deferred(r, "mx-mismatch"), r.last.get("address") is None)
    r = send(wrong["testing"])
    check("the same in testing: delivered", r, delivered(r, mode="testing"), r.last.get("error") == "mx-mismatch",
          r.last.get("policy_match") is False, arrived(wrong["testing"]))
    r = send(other)
    check("a certificate for another name: deferred", r, deferred(r, "certificate-host-mismatch"))
    for zone in (bare["enforce"], wrong["enforce"], other):
        t.check(f"{zone}: nothing arrived", not arrived(zone, seconds=0))


@test
def cache():
    zone = simple("cached")
    yield
    r = send(zone, state="kept")
    check("the first: fetched", r, delivered(r), w.fetches(zone) == 1)
    r = send(zone, state="kept")
    check("the second: from the cache, no HTTPS", r, delivered(r, "cached"), w.fetches(zone) == 1)
    w.publish(zone, [line.replace("id=1;", "id=2b;") for line in w.zones[zone]])
    w.web(zone, world.policy("testing", ["mx1." + zone], 86400))
    r = send(zone, state="kept")
    check("another id: fetched again", r, delivered(r, mode="testing"), w.fetches(zone) == 2,
          r.one["policy"].get("id") == "2b", r.one["policy"].get("max_age") == 86400)
    r = send(zone, state="kept")
    check("and kept", r, delivered(r, "cached", "testing"), w.fetches(zone) == 2, len(arrived(zone, 4)) == 4)


@test
def recipients():
    zone, more = simple("several"), simple("another")
    yield
    r = send("ops@" + zone, "nobody@" + zone, "second@" + zone)
    replies = {p["address"].split("@")[0]: p for p in r.one["recipients"]}
    check("one of three refused", r, r.status == 69, r.one["result"] == "failed", len(replies) == 3,
          [replies[n]["result"] for n in ("ops", "nobody", "second")] == ["delivered", "failed", "delivered"],
          (replies["nobody"]["reply"] or "").startswith("550 5.1.1"), len(arrived(zone)) == 1,
          len(arrived(zone, user="second")) == 1)
    r = send("ops@" + zone, "ops@" + more)
    check("two domains in one call", r, r.status == 0, {o["domain"] for o in r.json} == {zone, more},
          all(o["result"] == "delivered" for o in r.json), len(arrived(zone, 2)) == 2, len(arrived(more)) == 1)
    before = len(arrived(more))
    r = send("ops@" + zone, "nobody@" + more)
    check("two domains, one refused", r, r.status == 69, {o["domain"]: o["result"] for o in r.json}
          == {zone: "delivered", more: "failed"}, len(arrived(zone, 3)) == 3, len(arrived(more)) == before)


@test
def dns():
    provider = "provider.example.net"
    w.records(provider, '_mta-sts TXT "v=STSv1; id=c1;"', f"web A {world.WEB}")
    alias, split = simple("alias"), simple("split")
    w.zones[alias] = [line for line in w.zones[alias] if "mta-sts" not in line]
    w.records(alias, f"_mta-sts CNAME _mta-sts.{provider}.", f"mta-sts CNAME web.{provider}.")
    w.zones[split] = [line for line in w.zones[split] if "_mta-sts" not in line]
    w.records(split, '_mta-sts TXT "v=ST" "Sv1; i" "" "d=spl" "it;"')
    large = simple("large")
    w.records(large, *[f'_mta-sts TXT "{n:02} {"x" * 200}"' for n in range(40)])
    many = simple("many")
    w.records(many, *[f"@ MX {100 + n} " + f"mx-{n}-".ljust(50, "x") for n in range(30)])
    down = domain("down", [NOBODY, mx_host("mx2.down.example.org")])
    yield
    for zone, id, what in ((alias, "c1", "P28: names that are aliases at a provider"),
                           (split, "split", "a TXT record in several strings"), (large, "1", "a TXT answer that needs TCP"),
                           (many, "1", "an MX answer that needs TCP")):
        r = send(zone)
        check(what, r, delivered(r), r.one["policy"].get("id") == id, arrived(zone))
    r = send(down)
    check("the first MX is down", r, delivered(r), len(r.one["attempts"]) == 2, r.one["attempts"][0]["error"] == "connect",
          r.last["mx"] == "mx2." + down, arrived(down))
    r = send("nothing-here.alias.example.org")
    check("a domain that does not exist", r, r.status == 69, r.one["reason"] == "dns")


@test
def null_sender():
    zone = simple("null")
    yield
    r = send(zone, sender="<>")
    box = arrived(zone)
    check("the null sender", r, delivered(r), box and box[0].startswith(b"Return-Path: <>\n"))


@test
def wire():
    zone = simple("wire")
    mark = b"x-mark-8d1f27"
    yield
    for protected in (True, False):
        to = zone if protected else "bare-without.example.org"
        with Wire() as seen:
            r = send(to, message=MESSAGE + mark + b"\r\n", sender="marked-sender@example.com")
            arrived(to)
            time.sleep(0.2)
        if protected:
            check("WIRE: none of the mail in clear", r, delivered(r), seen.has(b"STARTTLS"), seen.has(b"EHLO ups7"),
                  not any(seen.has(m) for m in (mark, b"MAIL FROM", b"RCPT TO", b"marked-sender", b"ops@", b"battery")))
        else:  # the same eyes do see what is there
            check("WIRE: a mail in clear is seen", r, seen.has(mark), seen.has(b"MAIL FROM"), seen.has(b"marked-sender"))


SMUGGLING = [b"\n.\n", b"\n.\r\n", b"\r.\r\n", b"\r\n.\r", b"\r\n.\n", b"\n.\r", b"\r.\r", b"\r.\n"]


def lines_of(message):
    """What a message passed through is to be, with LF: lone CR and LF are line ends; long body lines are folded."""
    text = message.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    text += b"" if text.endswith(b"\n") else b"\n"
    head, body = text.split(b"\n\n", 1)
    out = []
    for line in body.split(b"\n"):
        while len(line) > 998:
            out.append(line[:998])
            line = b" " + line[998:]
        out.append(line)
    return head + b"\n\n" + b"\n".join(out)


def messages(zone):
    """{what: message}; the body of each begins with a line of its own."""
    head = "From: ups7@example.com\nTo: ops@example.org\nSubject: {}\n\n{}\n"

    def make(what, body, subject="UPS 7"):
        return head.format(subject, what).replace("\n", "\r\n").encode() + body
    evil = f"MAIL FROM:<evil@example.com>\r\nRCPT TO:<ops@{zone}>\r\nDATA\r\nSubject: smuggled\r\n\r\nboo\r\n.\r\n".encode()
    out = {
        "8-bit": make("8-bit", "Grüße, Überspannung\r\n".encode() * 3 + b"latin \xe9\xff\r\n"),
        "UTF-8 header": make("UTF-8 header", b"x\r\n", subject="Überspannung ⚡"),
        "long lines": make("long lines", b"".join(bytes([97 + n]) * size + b"\r\n" for n, size in
                                                  enumerate((997, 998, 999, 1000, 1995, 1996, 5000)))),
        "dots": make("dots", b".\r\n..\r\n...\r\n.x\r\n\r\n.\r\n\r\n.. \r\n."),
        "large": make("large", b"".join(b"%07d %s\r\n" % (n, b"." * (n % 70)) for n in range(120000))[:5 << 20]),
        "mixed line ends": make("mixed line ends", b"a\rb\nc\r\nd\r\re\n\nf\r\n\r\ng\n\rh\r\n\ri\n\r\nj\r"),
        "no line end": make("no line end", b"the end"),
    }
    for n, sequence in enumerate(SMUGGLING):
        out[f"M02 smuggling {n} {sequence!r}"] = make(f"M02 {n}", b"first" + sequence + evil)
    return out


def takes_all(server, zone, mode, utf8=True):
    count = 0
    for what, message in messages(zone).items():
        r = send(zone, message=message, state="messages", timeout=120)
        if what == "UTF-8 header" and not utf8:
            check(f"{server}: {what}: not offered", r, r.status == 69, r.one["reason"] == "smtputf8")
            continue
        count += 1
        box = arrived(zone, count)
        mine = [m for m in box if m.endswith(lines_of(message))]
        check(f"{server}: {what}", r, delivered(r, r.one["policy"].get("source"), mode), len(box) == count, len(mine) == 1)
    r = send(zone, message=b"Subject: x\r\n\r\nfirst\r\n\0.\r\nMAIL FROM:<evil@example.com>\r\n", state="messages")
    check(f"{server}: M02 smuggling with NUL is refused here", r, r.status == 65)
    # Whatever could have been smuggled was in before the next message.
    r = send(zone, state="messages")
    check(f"{server}: M02: as many messages as were sent", r, r.status == 0, len(arrived(zone, count + 1)) == count + 1)


@test
def postfix_takes_all():
    zone = simple("postfix")
    yield
    takes_all("Postfix", zone, "enforce")


@test
def exim_takes_all():
    zones = [domain(f"exim{n}", [f"127.0.0.{n}"]) for n in (31, 32)]
    yield
    w.exim([world.Mx("127.0.0.31", *chains["ec"].issue("mx1." + zones[0]), "NORMAL"),
            world.Mx("127.0.0.32", *chains["rsa2048"].issue("mx1." + zones[1]), "NORMAL:-VERS-ALL:+VERS-TLS1.2")],
           ["ops@" + zone for zone in zones])
    takes_all("Exim", zones[0], "enforce")
    r = send(zones[1], "nobody@" + zones[1])
    check("Exim: TLS 1.2 with RSA, and one of two refused", r, r.status == 69, r.last["tls"] == "TLSv1.2", r.last["verified"],
          r.one["recipients"][1]["reply"].startswith("550"), len(arrived(zones[1])) == 1)


@test
def aiosmtpd_takes_all():
    zone = domain("aio", ["127.0.0.51"])
    yield
    w.aiosmtpd(world.Mx("127.0.0.51", *chains["p384"].issue("mx1." + zone)), ["ops@" + zone])
    takes_all("aiosmtpd", zone, "enforce")


@test
def opensmtpd_takes_all():
    zone = domain("smtpd", ["127.0.0.41"], "none")
    yield
    w.opensmtpd([world.Mx("127.0.0.41")], ["ops@" + zone])
    takes_all("OpenSMTPD", zone, "none", utf8=False)


@test
def nsd():
    zones = [z + ".example.org" for z in ("alias", "split", "large", "many", "six", "good-none")]
    yield
    w.stop("knot")
    w.nsd()
    for zone in zones:
        r = send(zone)
        check(f"nsd: {zone}", r, delivered(r, mode="none" if "none" in zone else "enforce"))


@test
def policy_host_down():
    """Near the end: it stops nginx."""
    zone, bad = simple("web-down"), domain("web-down-bad", [mx_host("mx1.else.example.org")])
    never = simple("web-never")
    yield
    for z in (zone, bad):
        send(z, state="down")
    before = len(arrived(zone))
    w.stop("nginx")
    r = send(zone, state="down")
    check("policy host down: the cached policy holds", r, delivered(r, "cached"), len(arrived(zone, before + 1)) == before + 1)
    for z in (zone, bad):
        w.publish(z, [line.replace("id=1;", "id=2;") for line in w.zones[z]])
    r = send(zone, state="down")
    check("... and with another id announced", r, delivered(r, "cached"), r.one["policy"]["error"] == "sts-policy-fetch-error",
          r.one["policy"]["id"] == "1", len(arrived(zone, before + 2)) == before + 2)
    r = send(bad, state="down")
    check("... and it still defers", r, deferred(r, "certificate-host-mismatch"), not arrived(bad, seconds=0))
    r = send(never)
    check("C-6: nothing cached, policy not to be had: as without", r, delivered(r, "none", None), arrived(never),
          r.one["policy"]["error"] == "sts-policy-fetch-error")
    r = send(never, more=("--require-tls",))
    check("... unless the floor asks for more", r, deferred(r, "policy-required"))


@test
def dns_down():
    """The last: it stops the resolver."""
    zone = simple("dns-down")
    yield
    r = send(zone, state="deaf")
    check("the resolver is there", r, delivered(r, "none", None))
    w.stop("nsd")
    r = send(zone, state="deaf", more=("--timeout", "3"))
    check("no authority answers: deferred", r, deferred(r, "dns"))
    w.stop("unbound")
    r = send(zone, state="deaf", more=("--timeout", "3"))
    check("no resolver: deferred", r, deferred(r, "dns"), r.took < 10)
    t.check("nothing arrived meanwhile", len(arrived(zone)) == 1)


def main():
    plays = [(f.__name__, f()) for f in tests]
    for _, play in plays:
        next(play)
    w.knot()
    w.unbound()
    w.nginx(certificates, {world.WEB: "TLSv1.2 TLSv1.3", WEB12: "TLSv1.2", WEB13: "TLSv1.3"})
    w.postfix(mxs, users)
    for name, play in plays:
        start = time.monotonic()
        try:
            next(play, None)
        except Exception as why:  # one that breaks is told, and the rest goes on
            t.check(name, False, f"{type(why).__name__}: {why}")
        if os.environ.get("VERBOSE"):
            print(f"{name}: {time.monotonic() - start:.1f} s", flush=True)
    t.end()


main()
