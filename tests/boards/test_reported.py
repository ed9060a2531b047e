#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""An image that reports (make BOARD=... TLSRPT=1), against real servers: what it delivers on a day to come is counted in flash, a
reset behind each alert; the day after, its reports go to https receivers that are silent, that are not who they should be, and that
take them.

    test_reported.py BOARD"""
import base64
import calendar
import datetime
import json
import os
import subprocess
import sys
import time

import jsonschema
from cryptography.hazmat.primitives import serialization as forms
from cryptography.hazmat.primitives.asymmetric import ed25519

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), name) for name in ("interop", "tlsrpt")] + [HERE]

import lab

lab.enter()

import device
import evil
import real
import receiver
import world

BOARD = sys.argv[1]
FLASH = os.path.join(lab.scratch("flash"), "flash")
IMAGE = os.path.join(lab.BUILD, BOARD + "-tlsrpt", "reported.elf")
SIGNS = os.path.join(lab.BUILD, BOARD + "-dkim-tlsrpt", "reported.elf")
ORG, CONTACT = "Pumps & Co", "tls@example.com"
WHO = ("--report-org", ORG, "--report-contact", CONTACT)
LAN = (*WHO, "--report-lan")
SECOND = device.NET + "11"  # an MX
POLICIES = {zone: world.policy(mx=["mx1." + zone]) for zone in ("example.org", "plain.example")}  # the latter's MX has no TLS
POLICIES["invalid.example"] = "version: STSv1\r\nmode: enforce\r\nmx: mx1.invalid.example\r\nmax_age: soon\r\n"
# Certificates hold from yesterday on, so this day is one to come.
DAY = datetime.datetime.now(datetime.timezone.utc).date() + datetime.timedelta(days=2)
with open(os.path.join(os.path.dirname(HERE), "tlsrpt", "report.schema.json"), encoding="ascii") as schema_file:
    SCHEMA = json.load(schema_file)
OTHER, SILENT = "the certificate is for another name", "the other side was too slow"
t = lab.Tally("boards-reported " + BOARD)


def at(days, clock):
    """Seconds since 1970 at this time, so many days after DAY."""
    return calendar.timegm(time.strptime(f"{DAY + datetime.timedelta(days=days)} {clock}", "%Y-%m-%d %H:%M"))


def run(when, *args, command=("send",), who=WHO, flash=("--flash", FLASH), image=None):
    """One start of the device, at a time that its clock is given."""
    return device.run_as_is(BOARD, image or IMAGE, *command, "--ip", device.DEVICE + "/24", "--gateway", device.HOST, "--dns", real.RESOLVER,
                            "--hostname", "ups7.example.com", "--now", when, *flash, *who, *args, clock=False, timeout=120)


def alert(when, to, status, *args, **more):
    r = run(when, "--from", "ups7@example.com", "--subject", "UPS 7", "--body", "on battery", *args, to, **more)
    t.check(f"{to}: {status}", r.status == status and len(r.json) == 1 and "report" not in r.stdout, r)


def queue(when, **more):
    return run(when, command=("queue", "run"), **more)


def said(r):
    return [line[len("stsmail: the report of "):] for line in r.stdout.splitlines() if line.startswith("stsmail: ")]


def of(days, zone, words):
    """How a report is spoken of."""
    return (DAY + datetime.timedelta(days=days)).strftime("%a, %d %b %Y") + f" about {zone} {words}"


def counts(report):
    """{policy type: (successes, failures, {(result type, MX): sessions})}, held against the schema."""
    try:
        jsonschema.validate(report, SCHEMA, cls=jsonschema.Draft7Validator)
    except jsonschema.ValidationError as wrong:
        return {"not of RFC 8460's form": wrong}
    return {p["policy"]["policy-type"]: (p["summary"]["total-successful-session-count"], p["summary"]["total-failure-session-count"],
                                         {(d["result-type"], d.get("receiving-mx-hostname")): d["failed-session-count"]
                                          for d in p.get("failure-details", [])}) for p in report["policies"]}


def addresses(report):
    return {(d.get("sending-mta-ip"), d.get("receiving-ip")) for p in report["policies"] for d in p.get("failure-details", [])}


def arrived(box, path, days, zone, want, told=frozenset()):
    """The last POST is the report of this day and domain. told: which addresses are in it, ours and theirs."""
    posts = box.at(path)
    if not t.check(f"{zone}: there is a POST", bool(posts), box.posts):
        return
    wrong, report = receiver.by_https(posts[-1])
    t.check(f"{zone}: R-191: the request", not wrong, f"{wrong} {posts[-1]}")
    if not report:
        return
    t.check(f"{zone}: gzip", dict(posts[-1].fields)["content-type"] == "application/tlsrpt+gzip", posts[-1].fields)
    right(report, days, zone, want)
    t.check(f"{zone}: R-171: addresses", addresses(report) == set(told), report)


def right(report, days, zone, want):
    day = DAY + datetime.timedelta(days=days)
    t.check(f"{zone}: R-161: who reports, and of when", (report["organization-name"], report["contact-info"], report["date-range"]) == (
        ORG, CONTACT, {"start-datetime": f"{day}T00:00:00Z", "end-datetime": f"{day}T23:59:59Z"}), report)
    policies = [p["policy"] for p in report["policies"]]
    t.check(f"{zone}: of this domain, with its policy", all(p["policy-domain"] == zone and (
        p.get("policy-string") == (POLICIES[zone].splitlines() if p["policy-type"] == "sts" else [])) for p in policies), report)
    t.check(f"{zone}: the counts", counts(report) == want, f"{counts(report)} {want}")


def servers(ca):
    w = real.World()
    for zone, address in (("example.org", real.MX), ("plain.example", SECOND), ("invalid.example", real.MX)):
        w.domain(zone, [address], POLICIES[zone], web=real.WEB)
    w.records("invalid.example", '_smtp._tls TXT "v=TLSRPTv1; rua=https://in.reports.example/invalid"')
    w.records("example.org", '_smtp._tls TXT "v=TLSRPTv1; rua=https://in.reports.example/org"')
    w.records("plain.example", '_smtp._tls TXT "v=TLSRPTv1; rua=https://in.reports.example/plain"')
    w.domain("mailed.example", [real.MX])
    w.records("mailed.example", '_smtp._tls TXT "v=TLSRPTv1; rua=mailto:tls@example.org"')
    w.records("reports.example", f"in A {device.NET}30")
    w.knot()
    w.unbound()
    w.nginx({zone: ca.issue("mta-sts." + zone) for zone in POLICIES}, {real.WEB: "TLSv1.2 TLSv1.3"})
    w.postfix([world.Mx(real.MX, *ca.issue("mx1.example.org")), world.Mx(SECOND)], [
        "ops@example.org", "tls@example.org", "ops@plain.example", "ops@mailed.example", "ops@invalid.example"])
    return w


def the_day(w):
    """Six starts, with nothing between them but the flash."""
    for when in ("08:00", "13:00", "23:00"):
        alert(at(0, when), "ops@example.org", 0)
    for when in ("09:00", "21:00"):
        alert(at(0, when), "ops@plain.example", 75)
    alert(at(0, "10:00"), "ops@example.org", 0, who=())  # nobody says who reports: not counted
    t.check("what was sent is there", len(w.mail("ops@example.org", 4)) == 4)


def the_day_after(w, box, good):
    org, plain = "https://in.reports.example/org", "https://in.reports.example/plain"
    r = queue(at(0, "23:59"))
    t.check("R-159: not on the day itself", r.status == 0 and not said(r) and not box.posts, r)
    r = queue(at(1, "04:30"))
    t.check("not who it should be: both wait", r.status == 0 and sorted(said(r)) == [
        of(0, "example.org", f"was not taken by {org}: {OTHER}"), of(0, "plain.example", f"was not taken by {plain}: {OTHER}")], r)
    t.check("and nothing is sent there", not box.posts and len(box.connections) == 2, box.posts)
    r = queue(at(1, "04:40"))
    t.check("not before its time", r.status == 0 and not said(r) and len(box.connections) == 2, r)

    box.context = good
    box.answers["/org"] = lambda: time.sleep(45)
    r = queue(at(1, "04:50"))
    t.check("one is silent and waits, the other takes it", r.status == 0 and sorted(said(r)) == [
        of(0, "example.org", f"was not taken by {org}: {SILENT}"), of(0, "plain.example", f"was accepted by {plain}")], r)
    arrived(box, "/plain", 0, "plain.example", {"sts": (0, 2, {("starttls-not-supported", "mx1.plain.example"): 2})},
            {(device.DEVICE, None)})

    seen = []  # alerts that had arrived when a report came
    box.answers["/org"] = lambda: (seen.append(len(w.mail("ops@example.org", 0, 0))), 201)[1]
    r = run(at(1, "05:30"), "--queue", "--from", "ups7@example.com", "--subject", "UPS 7", "--body", "on battery", "ops@example.org")
    t.check("an alert, and the report is accepted", r.status == 0 and len(r.json) == 1 and r.json[0]["result"] == "delivered" and
            said(r) == [of(0, "example.org", f"was accepted by {org}")], r)
    t.check("the alert came first", seen == [5], seen)
    print(f"{BOARD}: stack {r.notes.get('stack')}, pool {r.notes.get('TLS pool, most in use')}", flush=True)
    arrived(box, "/org", 0, "example.org", {"sts": (3, 0, {})})
    t.check("the same octets on each try", len({p.body for p in box.at("/org")}) == 1 and len(box.at("/org")) == 2, box.posts)
    r = queue(at(1, "12:00"))
    t.check("what was accepted is gone", r.status == 0 and not said(r) and len(box.posts) == 3, r)
    alert(at(1, "13:00"), "ops@plain.example", 75, who=LAN)
    r = queue(at(2, "04:30"), who=LAN)
    t.check("R-190: of the next day, the two alerts, and no report's session", r.status == 0 and sorted(said(r)) == [
        of(1, "example.org", f"was accepted by {org}"), of(1, "plain.example", f"was accepted by {plain}")], r)
    arrived(box, "/org", 1, "example.org", {"sts": (1, 0, {})})
    arrived(box, "/plain", 1, "plain.example", {"sts": (0, 1, {("starttls-not-supported", "mx1.plain.example"): 1})},
            {(device.DEVICE, SECOND)})


def by_mail(w):
    """An address that wants mail: this takes a key (DKIM=1), and is said where there is none."""
    alert(at(4, "08:00"), "ops@mailed.example", 0)
    r = queue(at(5, "04:30"))
    t.check("R-185: without a key no mail", [line.split(": ")[0] for line in said(r)] == [
        of(4, "mailed.example", "is not sent to mailto:tls@example.org"), of(4, "mailed.example", "is dropped")], r)
    key = ed25519.Ed25519PrivateKey.generate()
    file = os.path.join(lab.scratch("key"), "key.pem")
    with open(file, "wb") as f:
        f.write(key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption()))
    signing = (*WHO, "--dkim-key", file, "--dkim-domain", "example.com", "--dkim-selector", "s1")
    alert(at(6, "08:00"), "ops@mailed.example", 0, who=signing, image=SIGNS)
    r = queue(at(7, "04:30"), who=signing, image=SIGNS)
    t.check("with a key the report is mail", r.status == 0 and not r.json and said(r) == [
        of(6, "mailed.example", "was accepted by the host of tls@example.org")], r)
    print(f"{BOARD}, DKIM=1: stack {r.notes.get('stack')}, pool {r.notes.get('TLS pool, most in use')}", flush=True)
    mails = w.mail("tls@example.org")
    if t.check("one mail", len(mails) == 1, mails):
        public = base64.b64encode(key.public_key().public_bytes(forms.Encoding.Raw, forms.PublicFormat.Raw)).decode()
        good, tags = receiver.signed(mails[0], ("s1._domainkey.example.com", f"v=DKIM1; k=ed25519; p={public}"))
        t.check("R-185: signed", good and tags.get("d") == "example.com", f"{tags} {mails[0]}")
        right(receiver.by_mail(mails[0])[2], 6, "mailed.example", {"no-policy-found": (1, 0, {})})
    r = queue(at(8, "04:30"), who=signing, image=SIGNS)
    t.check("R-190: nobody reports on the report", r.status == 0 and not said(r), r)


def invalid(box):
    """R-165: a policy that is none is told as it stands there."""
    alert(at(9, "08:00"), "ops@invalid.example", 0)
    r = queue(at(10, "04:30"))
    t.check("the report of an invalid policy", said(r) == [of(9, "invalid.example", "was accepted by https://in.reports.example/invalid")], r)
    arrived(box, "/invalid", 9, "invalid.example", {"sts": (0, 1, {("sts-policy-invalid", None): 1}), "no-policy-found": (1, 0, {})},
            {(None, None)})


def what_is_wrong(w):
    for what, words, who, flash in (
            ("no contact", "they need both --report-org NAME and --report-contact ADDR", WHO[:2], ("--flash", FLASH)),
            ("no mailbox", "--report-contact is not an address in ASCII", (*WHO[:3], "tls"), ("--flash", FLASH)),
            ("no flash", "they need --flash FILE", WHO, ())):
        count = len(w.mail("ops@example.org", 0, 0))
        r = run(at(3, "08:00"), "--from", "ups7@example.com", "--subject", "UPS 7", "--body", "on battery", "ops@example.org",
                who=who, flash=flash)
        t.check(f"{what}: said, and put off", r.status == 78 and f"stsmail: no reports: {words}" in r.stdout.splitlines() and
                r.json and r.json[0]["result"] == "deferred" and len(w.mail("ops@example.org", 0, 0)) == count, r)


def elsewhere():
    """The other board cannot, and says why."""
    done = subprocess.run(["make", "-s", "-C", lab.ROOT, "BOARD=lm3s6965evb", "TLSRPT=1", "firmware"], capture_output=True, text=True)
    t.check("a board without flash is refused at its build", done.returncode and
            "TLSRPT=1: lm3s6965evb has no flash store to count in; mps2-an385 has" in done.stderr, done)


def main():
    device.network()
    elsewhere()
    ca = lab.CA(lab.scratch("ca"))
    device.link(BOARD, ca.file, IMAGE, "TLSRPT=1")
    device.link(BOARD, ca.file, SIGNS, "TLSRPT=1", "DKIM=1")
    w = servers(ca)
    box = receiver.Receiver(device.NET + "30", evil.tls_context(*ca.issue("elsewhere.example")), {"/plain": 200, "/invalid": 200})
    the_day(w)
    the_day_after(w, box, evil.tls_context(*ca.issue("in.reports.example")))
    what_is_wrong(w)
    by_mail(w)
    invalid(box)
    t.end()


main()
