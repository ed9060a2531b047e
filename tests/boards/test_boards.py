#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A board's image in QEMU against servers that behave, and that do not: the scenarios of the program, on a device.

    test_boards.py BOARD [WORD...]          only scenarios whose name has all words
    test_boards.py BOARD --used FILE        one cold alert for each kind of chain, and what the images said of their memory
"""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "interop"))
sys.path.insert(0, HERE)

import lab

lab.enter()

import device
import evil
import stage

BOARD, WORDS = sys.argv[1], sys.argv[2:]
USED = WORDS.pop() if WORDS[:1] == ["--used"] else None
lab.scratch = lambda name, own=lab.scratch: own(os.path.join(BOARD, name))  # both boards may run at once
ELF = os.path.join(lab.scratch("images"), "test.elf")
SECRET = "X-Secret-Mark line"


ROOTS = {}


def build():
    """The image with the test's own roots instead of the public ones."""
    folder = lab.scratch("roots")
    ROOTS.update({kind: lab.CA(folder, "root " + kind, kind) for kind in ("ec", "rsa2048", "p384", "rsa4096")})
    with open(os.path.join(folder, "all.pem"), "wb") as out:
        for ca in (stage.pki()["ca"], *ROOTS.values()):
            with open(ca.file, "rb") as f:
                out.write(f.read())
    device.link(BOARD, out.name, ELF)


class Stage(stage.Stage):
    """The device in the place of the program."""

    def send(self, *args, to=("ops@" + stage.DOMAIN,), timeout=60, dns="10.53.0.1", body=SECRET):
        self.result = device.run(BOARD, ELF, "--dns", dns, "--from", "a@example.com", "--hostname", "device.example.com",
                                 "--subject", "UPS 7, \"A\"", "--body", body, "--json", *args, *to, timeout=timeout)
        return self.result


# ---- scenarios: each gives what is wrong, or nothing ---------------------------------------------

def delivered(version, kind="ec"):
    def scenario():
        with Stage(tls=version) as s:
            wrong = stage.judge(s, s.send(), True, result="delivered", reason=None, source="fetched", mode="enforce", tls=version,
                                verified=True, match=True, error=None, replies=["250 2.0.0 taken"])
            text = s.taken[0][2].decode() if s.taken else ""
            for part in ("Subject: UPS 7, \"A\"\r\n", "\r\n\r\n" + SECRET + "\r\n", "To: ops@example.org"):
                if part not in text:
                    wrong.append(f"{part!r} is not in the message: {text!r}")
            if s.result.notes.get("TLS pool, requests refused") != 0:
                wrong.append("the pool was too small")
            if s.dns.questions[:1] != [(stage.DOMAIN, evil.MX)]:  # lost while the gateway's address was asked for
                wrong.append(f"the first question came late: {s.dns.questions}")
            return wrong
    return scenario


def told(want, protected=True, args=(), **knobs):
    """One delivery on a stage with these knobs, and what the JSON has to say of it."""
    def scenario():
        more = {k: v() if callable(v) else v for k, v in knobs.items()}
        with Stage(**more) as s:
            return stage.judge(s, s.send(*args), protected, **want)
    return scenario


def smtp(**more):
    return lambda: evil.SMTP(stage.context(), **more)


def wrong_certificate():
    return evil.SMTP(stage.context("other.example.org"))


def expired():
    return evil.SMTP(evil.tls_context(*stage.pki()["ca"].issue(stage.MX, days=(-90, -1), file="expired")))


def stranger():
    other = lab.CA(lab.scratch("stranger"), "some other root")
    return evil.SMTP(evil.tls_context(*other.issue(stage.MX)))


def issued(kind):
    """A leaf of another kind under the first root."""
    return lambda: evil.SMTP(evil.tls_context(*stage.pki()["ca"].issue(stage.MX, kind=kind, file="mx-" + kind)))


def chain(leaf, ca, version, names=()):
    """leaf <- intermediate <- root, both of the kind `ca`, at the MX and at the policy host: as public chains are."""
    def scenario():
        middle = device.Intermediate(ROOTS[ca], "middle " + ca, ca)
        mx, host = (evil.tls_context(*middle.issue(n, *names, kind=leaf), version=stage.VERSIONS[version])
                    for n in (stage.MX, stage.HOST))
        web = evil.https(host, evil.ok(evil.policy("enforce", [stage.MX])))
        with Stage(mx=evil.SMTP(mx), web=web) as s:
            return stage.judge(s, s.send(), True, result="delivered", source="fetched", mode="enforce", tls=version, verified=True)
    return scenario


def chain_too_large():
    """The pool ends in the middle of a handshake: a reason of its own, and the next delivery is as good as ever."""
    middle = device.Intermediate(ROOTS["rsa4096"], "middle", "rsa4096")
    names = [n.replace("host-0", "host-with-a-rather-long-name-" + c) for c in "abc" for n in MANY]
    fat = evil.SMTP(evil.tls_context(*middle.issue(stage.MX, *names, kind="rsa2048", file="fat")))
    zone = {("example.net", "MX"): [(10, "mx2.example.org")], ("mx2.example.org", "A"): ["127.0.0.11"]}
    with Stage(zone=zone, mx=fat) as s:
        second = evil.Server(evil.SMTP(stage.context("mx2.example.org")), "127.0.0.11", 25)
        r = s.send("--floor", "verified", to=("ops@example.org", "ops@example.net"))
        second.close()
        got = [(o["domain"], o["result"], o["reason"]) for o in r.json]
        want = [("example.org", "deferred", "memory"), ("example.net", "delivered", None)]
        return [] if got == want and r.status == 75 and r.notes["TLS pool, requests refused"] > 0 else [repr(r)]


def large_body():
    text = "".join(f"line {n}, and some more of it\n" for n in range(20))
    with Stage() as s:
        wrong = stage.judge(s, s.send(body=text), True, result="delivered")
        if s.taken and text.replace("\n", "\r\n").encode() not in s.taken[0][2]:
            wrong.append("the body is another one")
        return wrong


def no_dns_at_all():
    with Stage() as s:
        return stage.judge(s, s.send("--timeout", "3", dns="10.53.0.77"), True, result="deferred", reason="dns", took=15)


def twice_in_a_row():
    """Two domains in one run: the pool and lwIP's pools are as empty as before."""
    zone = {("example.net", "MX"): [(10, "mx2.example.org")], ("mx2.example.org", "A"): ["127.0.0.11"]}
    with Stage(zone=zone) as s:
        second = evil.Server(evil.SMTP(stage.context("mx2.example.org")), "127.0.0.11", 25)
        r = s.send("--floor", "verified", to=("ops@example.org", "ops@example.net"))
        second.close()
        return [f"{o['domain']}: {o['result']} {o['reason']}" for o in r.json if o["result"] != "delivered"] + \
            (["not two"] if len(r.json) != 2 else []) + (["status"] if r.status != 0 else [])


def clock_unset():
    with Stage() as s:
        return stage.judge(s, s.send("--now", "1000"), True, result="deferred", reason="clock")


def clock_late():
    """All certificates have expired by then: without a policy, and with a floor that wants one that is valid."""
    with Stage() as s:
        return stage.judge(s, s.send("--now", "1900000000", "--floor", "verified"), True, result="deferred",
                           reason="certificate-expired", trouble="sts-webpki-invalid")


def bad_arguments():
    r = device.run(BOARD, ELF, "--from", "a@example.com", "--nonsense", "x", "ops@example.org")
    return [] if r.status == 64 and "--nonsense" in r.stdout else [repr(r)]


def no_trust():
    empty = os.path.join(lab.scratch("empty"), "none.pem")
    open(empty, "w").close()
    elf = ELF.replace("test.elf", "empty.elf")
    device.link(BOARD, empty, elf)
    r = device.run(BOARD, elf, "--dns", "10.53.0.1", "--from", "a@example.com", "--hostname", "d.example.com", "ops@example.org")
    return [] if r.status == 78 and "trust anchor" in r.stdout else [repr(r)]


# What chains are made of: leaf, and what is above it.
CHAINS = (("ec", "ec", ()), ("ec", "p384", ()), ("rsa2048", "rsa2048", ()), ("rsa2048", "rsa4096", ()), ("rsa2048", "rsa4096", "many"))
NAMES = {"ec": "P-256", "p384": "P-384", "rsa2048": "RSA-2048", "rsa4096": "RSA-4096"}


def used():
    """{chain: what a run used}"""
    out = {}
    for version in ("TLSv1.3", "TLSv1.2"):
        for leaf, ca, names in CHAINS:
            wrong = chain(leaf, ca, version, MANY if names else ())()
            if wrong:
                sys.exit(f"{leaf} under {ca}: {wrong}")
            name = f"{version}, {NAMES[leaf]} under {NAMES[ca]}" + (f", {len(MANY)} more names" if names else "")
            out[name] = dict(device.notes)
    with open(USED, "w") as f:
        json.dump(out, f, indent=1)


MANY = [f"another-name-of-this-host-{n:03}.mail.example.net" for n in range(40)]
DEFERRED = {"result": "deferred"}
SCENARIOS = {
    "delivered, TLS 1.3": delivered("TLSv1.3"),
    "delivered, TLS 1.2": delivered("TLSv1.2"),
    "delivered, RSA-2048 leaf": told({"result": "delivered", "verified": True}, mx=issued("rsa2048")),
    "delivered, P-384 leaf": told({"result": "delivered", "verified": True}, mx=issued("p384")),
    "delivered, RSA-4096 leaf": told({"result": "delivered", "verified": True}, mx=issued("rsa4096")),
    **{f"delivered, chain of {a} under {b}, {len(n)} more names, {v}": chain(a, b, v, n)
       for v in stage.VERSIONS for a, b, n in (("ec", "p384", ()), ("p384", "p384", ()), ("rsa2048", "rsa4096", ()),
                                               ("rsa2048", "rsa4096", MANY))},
    "delivered, a longer body": large_body,
    "delivered, octet by octet": told({"result": "delivered", "verified": True}, drip=0.001, chunk=7),
    "delivered, no policy": told({"result": "delivered", "source": "none"}, protected=False, mode=None),
    "delivered, testing mode, wrong certificate": told({"result": "delivered", "mode": "testing",
                                                        "errors": ["certificate-host-mismatch"]},
                                                       protected=False, mode="testing", mx=wrong_certificate),
    "two domains in one run": twice_in_a_row,
    "a chain too large for the pool": chain_too_large,
    "STARTTLS stripped": told({**DEFERRED, "reason": "starttls-not-supported"}, mx=smtp(starttls=False)),
    "wrong certificate": told({**DEFERRED, "reason": "certificate-host-mismatch"}, mx=wrong_certificate),
    "expired certificate": told({**DEFERRED, "reason": "certificate-expired"}, mx=expired),
    "unknown root": told({**DEFERRED, "reason": "certificate-not-trusted"}, mx=stranger),
    "the MX is not in the policy": told({**DEFERRED, "reason": "mx-mismatch"}, patterns=("mx9.example.org",)),
    "floor without a policy": told({**DEFERRED, "reason": "policy-required"}, mode=None, args=("--floor", "policy")),
    "the recipient is refused": told({"result": "failed", "reason": "smtp", "replies": ["550 5.1.1 nobody"]},
                                     mx=smtp(replies={"RCPT": "550 5.1.1 nobody"})),
    "try later": told({**DEFERRED, "reason": "smtp"}, mx=smtp(replies={"RCPT": "451 4.2.0 later"})),
    "reset at the greeting": told({**DEFERRED, "reason": "closed"}, mx=smtp(replies={"GREET": lambda c, _: evil.reset(c)})),
    "octets behind the 220": told({**DEFERRED}, mx=smtp(behind_220=b"250 injected\r\n")),
    "nobody listens": told({**DEFERRED, "reason": "connect"}, mx=False),
    "the DNS says SERVFAIL": told({**DEFERRED, "reason": "dns"}, zone={(stage.DOMAIN, "MX"): 2}),
    "no DNS answers": no_dns_at_all,
    "no clock": clock_unset,
    "a clock in 2030": clock_late,
    "bad arguments": bad_arguments,
    "an image without roots": no_trust,
}


def main():
    tally = lab.Tally(f"boards {BOARD}")
    device.network()
    device.at_a_distance()
    build()
    if USED:
        return used()
    highest = {}
    for name, scenario in SCENARIOS.items():
        if all(w in name for w in WORDS):
            device.notes.clear()
            wrong = scenario()
            refused = device.notes.get("TLS pool, requests refused")
            for what, n in device.notes.items():
                if what in ("TLS pool, most in use", "TLS pool, highest address", "stack") and not refused and n >= highest.get(what, (0, ""))[0]:
                    highest[what] = n, name
            tally.check(name, not wrong, "; ".join(wrong))
    for what, (most, where) in sorted(highest.items()):
        print(f"{BOARD}: {what}: at most {most} bytes ({where})")
    tally.end()


main()
