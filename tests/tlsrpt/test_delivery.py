#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A day of mixed deliveries to real servers, counted over two reboots and a kill in mid-session; the day after, the reports of
it arrive by https and by signed mail. Every delivery is a process of its own, at a time that faketime gives it. STSMAIL names
the program, the first argument what carries one report (carry.c)."""
import calendar
import collections
import datetime
import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import jsonschema

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "interop"))

import lab  # noqa: E402

lab.enter()

import evil  # noqa: E402: servers start inside the namespace
import receiver  # noqa: E402
import world  # noqa: E402

CARRY = os.path.abspath(sys.argv[1])
t = lab.Tally("delivery of reports")
w = world.World()
os.chdir(world.HERE)
with open(os.path.join(HERE, "report.schema.json"), encoding="ascii") as schema_file:
    SCHEMA = json.load(schema_file)

ORG, CONTACT, HOST = "Pumps & S\u00f6hne", "tls@sender.example", "device7.sender.example"
MESSAGE = b"From: Pump 7 <pump7@sender.example>\r\nSubject: alert\r\n\r\nPressure is low.\r\n"
STATE = lab.scratch("state")
# Certificates hold from yesterday on, so this day is one to come.
DAY = datetime.datetime.now(datetime.timezone.utc).date() + datetime.timedelta(days=2)
PRELOAD = next(line.split("=", 1)[1] for line in
               subprocess.run(["faketime", "-f", "+0", "env"], capture_output=True, text=True, check=True).stdout.splitlines()
               if line.startswith("LD_PRELOAD="))


def at(clock, day=DAY):
    """The environment in which it is this time of that day, in UTC."""
    return {"LD_PRELOAD": PRELOAD, "FAKETIME": f"@{day} {clock}", "TZ": "UTC"}


UNSET = at("00:00:03", "1970-01-01")  # a device without a battery, after a start


# ---- the recipients ------------------------------------------------------------------------------------------------

ca = lab.CA(lab.scratch("ca"))
stranger = lab.CA(lab.scratch("stranger"), "nobody knows this root")
mxs, users, certificates = [], [], {}
addresses = itertools.count(100)


def mx(*names, issuer=ca, listens=True, **more):
    """An address at which Postfix is an MX with a certificate for these names; without names, one without TLS."""
    address = f"127.0.0.{next(addresses)}"
    key, chain = issuer.issue(*names, file=address, **more) if names else (None, None)
    if listens:
        mxs.append(world.Mx(address, key, chain))
    return address


def domain(name, *hosts, policy="enforce", patterns=None, text=None, host=None):
    """A domain of the owner that these counts are for, its MX hosts at these addresses."""
    zone = name + ".example"
    policy = policy and (text or world.policy(policy, [] if policy == "none" else patterns or [f"mx1.{zone}", f"mx2.{zone}"]))
    w.domain(zone, list(hosts), policy)
    certificates[zone] = ca.issue(host or f"mta-sts.{zone}", file=f"web-{zone}")
    users.append(f"ops@{zone}")
    return zone


domain("good", mx("mx1.good.example"))
domain("plain", mx())
domain("name", mx("mx1.elsewhere.example"))
domain("expired", mx("mx1.expired.example", days=(-90, -2)))
domain("stranger", mx("mx1.stranger.example", issuer=stranger))
domain("unfetched", mx("mx1.unfetched.example"))
os.unlink("/mnt/web/unfetched.example/.well-known/mta-sts.txt")
domain("invalid", mx("mx1.invalid.example"), text="version: STSv1\r\nmode: enforce\r\nmax_age: soon\r\n")
domain("webpki", mx("mx1.webpki.example"), host="www.webpki.example")
domain("astray", mx("mx1.astray.example"), patterns=["mx.other.example"])
domain("testing", mx("mx1.elsewhere.example"), policy="testing", patterns=["mx9.testing.example"])
domain("both", mx("mx1.elsewhere.example"), mx("mx2.both.example"))
domain("unprotected", mx("mx1.unprotected.example"), policy=None)
domain("none", mx(), policy="none")
hang = mx("mx1.hang.example", listens=False)
domain("hang", hang)
domain("owner", mx("mx1.owner.example"), policy=None)  # who gets reports by mail
REPORTS = "tls@owner.example"
users.append(REPORTS)
domain("strict", mx("mx1.elsewhere.example"))  # no mail to it but reports
STRICT = "tls@strict.example"
users.append(STRICT)
w.records("reports.example", "in A 127.0.0.30", "other A 127.0.0.31")
for name, rua in {"plain": "https://in.reports.example/moved,ftp://in.reports.example/,https://in.reports.example/night",
                  "name": f"mailto:{STRICT}", "expired": "https://in.reports.example/twice",
                  "unfetched": "https://other.reports.example/ok", "invalid": "https://in.reports.example/never",
                  "webpki": "https://in.reports.example/never,https://in.reports.example/webpki", "astray": f"mailto:{REPORTS}",
                  "both": "HTTPS://in.reports.example/both", "unprotected": "mailto:nobody", "hang": "ftp://in.reports.example/"}.items():
    w.records(f"{name}.example", f'_smtp._tls TXT "v=TLSRPTv1; rua={rua}"')
w.records("stranger.example", '_smtp._tls TXT "v=TLSRPTv1; rua mailto:tls@stranger.example"')
w.knot()
w.unbound()
w.nginx(certificates)
w.postfix(mxs, users)
inbox = receiver.Receiver("127.0.0.30", evil.tls_context(*ca.issue("in.reports.example")),
                          {"/ok": 200, "/created?by=device": 201, "/moved": 302, "/gone": 410, "/later": 503, "/elsewhere": 200,
                           "/night": 200, "/both": 200, "/webpki": 200, "/never": 410, "/twice": itertools.chain([503], itertools.repeat(200)).__next__})
other_inbox = receiver.Receiver("127.0.0.31", evil.tls_context(*ca.issue("elsewhere.example")), {"/ok": 200})


# ---- the day --------------------------------------------------------------------------------------------------------

COMMON = ["--state", STATE, "--hostname", HOST, "--config", "/dev/null"]
OPTIONS = [*COMMON, "--ca", ca.file, "--report-org", ORG, "--report-contact", CONTACT, "--json"]
SEND = ["send", *OPTIONS, "--from", "pump7@sender.example"]

# What is to be reported: domain -> policy type -> [successes, failures, {(result type, reason, MX): sessions}]
Entry = collections.namedtuple("Entry", "good bad details")
STRANGER = "no-chain-to-a-trust-anchor"


def deliver(name, clock, result, *more, env=None):
    """One delivery, in a process of its own."""
    r = lab.stsmail(*SEND, *more, f"ops@{name}.example", stdin=MESSAGE, env=env or at(clock))
    t.check(f"{name} at {clock}: {result}", len(r.json) == 1 and r.json[0]["result"] == result and "counted" not in r.stderr, r)
    return r


def reboot():
    """Between two processes nothing is left but the state: even the clock has to be set again."""
    before = reported()
    r = deliver("good", "1970", "deferred", env=UNSET)
    t.check("after a reboot the clock is unset: nothing is sent", r.json[0]["reason"] == "clock" and not r.json[0]["attempts"], r)
    t.check("and nothing is counted", reported() == before, reported())


def reported(env=None, **more):
    """What `report` says of the day: {domain: {policy type: Entry}}."""
    r = lab.stsmail("report", *COMMON, "--report-org", ORG, "--report-contact", CONTACT, "--json", env=env or at("23:59:50"))
    t.check("report", r.status == 0 and r.stderr == "", r)
    return {one["policies"][0]["policy"]["policy-domain"]: entries(one) for one in r.json
            if one["date-range"]["start-datetime"].startswith(str(DAY))}


def entries(report):
    """The counts of a report, which is first held against the schema."""
    try:
        jsonschema.validate(report, SCHEMA, cls=jsonschema.Draft7Validator)
    except jsonschema.ValidationError as wrong:
        t.check("the report is of RFC 8460's form", False, wrong)
    out = {}
    for policy in report["policies"]:
        kind = policy["policy"]["policy-type"]
        assert kind not in out, report
        summary = policy["summary"]
        out[kind] = Entry(summary["total-successful-session-count"], summary["total-failure-session-count"],
                          {(d["result-type"], d.get("failure-reason-code"), d.get("receiving-mx-hostname", "")):
                           d["failed-session-count"] for d in policy.get("failure-details", [])})
    return out


def morning():
    for clock in ("00:00:05", "03:30:00", "07:59:59"):
        deliver("good", clock, "delivered")
    deliver("plain", "00:10:00", "deferred")
    deliver("name", "01:00:00", "deferred")
    deliver("expired", "01:30:00", "deferred")
    deliver("stranger", "02:00:00", "deferred")
    deliver("unfetched", "02:30:00", "delivered")
    deliver("invalid", "03:00:00", "delivered")
    deliver("webpki", "04:00:00", "delivered")
    deliver("astray", "04:30:00", "deferred")
    deliver("testing", "05:00:00", "delivered")
    deliver("both", "05:30:00", "delivered")
    deliver("unprotected", "06:00:00", "delivered")
    deliver("none", "06:30:00", "delivered")


def noon():
    for clock in ("09:00:00", "12:00:00"):
        deliver("good", clock, "delivered")
        deliver("plain", clock, "deferred")
        deliver("testing", clock, "delivered")
    deliver("name", "10:00:00", "deferred", "--queue")  # tried again by another process in the evening
    deliver("unfetched", "11:00:00", "delivered")
    deliver("invalid", "11:10:00", "delivered")
    deliver("both", "11:30:00", "delivered")


def killed():
    """kill -9 in a session's middle: what was counted before stays, and the session was not over."""
    script = evil.SMTP(evil.tls_context(*ca.issue("mx1.hang.example", file="hang")))
    server = evil.Server(script, hang, 25)
    deliver("hang", "13:00:00", "delivered")
    waits = []
    script.replies["DOT"] = lambda c, line: (waits.append(1), time.sleep(20), Ellipsis)[-1]
    p = subprocess.Popen([lab.PROGRAM, *SEND, "ops@hang.example"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL, env=dict(os.environ, **at("13:30:00")))
    p.stdin.write(MESSAGE)
    p.stdin.close()
    world.until("the session's middle", lambda: waits)
    p.send_signal(signal.SIGKILL)
    t.check("killed in mid-session", p.wait() == -signal.SIGKILL)
    server.close()


def evening():
    for clock in ("15:00:00", "18:00:00", "21:00:00", "23:59:40"):
        deliver("good", clock, "delivered")
    deliver("unprotected", "20:00:00", "delivered")
    deliver("webpki", "20:30:00", "delivered")
    r = lab.stsmail("queue", "run", *OPTIONS, env=at("22:00:00"))
    t.check("queue run tries again, and is counted too", r.status == 75 and len(r.json) == 1, r)


EXPECTED = {
    "good": {"sts": Entry(9, 0, {})},
    "plain": {"sts": Entry(0, 3, {("starttls-not-supported", None, "mx1.plain.example"): 3})},
    "name": {"sts": Entry(0, 3, {("certificate-host-mismatch", None, "mx1.name.example"): 3})},
    "expired": {"sts": Entry(0, 1, {("certificate-expired", None, "mx1.expired.example"): 1})},
    "stranger": {"sts": Entry(0, 1, {("certificate-not-trusted", STRANGER, "mx1.stranger.example"): 1})},
    "unfetched": {"no-policy-found": Entry(2, 2, {("sts-policy-fetch-error", None, ""): 2})},
    # a policy that is none is shown as it is; mail goes as without one
    "invalid": {"sts": Entry(0, 2, {("sts-policy-invalid", None, ""): 2}), "no-policy-found": Entry(2, 0, {})},
    "webpki": {"no-policy-found": Entry(2, 2, {("sts-webpki-invalid", None, ""): 2})},
    "astray": {"sts": Entry(0, 1, {("validation-failure", "mx-mismatch", "mx1.astray.example"): 1})},
    # one session, and both were wrong
    "testing": {"sts": Entry(0, 3, {("validation-failure", "mx-mismatch", "mx1.testing.example"): 3,
                                    ("certificate-host-mismatch", None, "mx1.testing.example"): 3})},
    "both": {"sts": Entry(2, 2, {("certificate-host-mismatch", None, "mx1.both.example"): 2})},
    "unprotected": {"no-policy-found": Entry(2, 0, {})},
    "hang": {"sts": Entry(1, 0, {})},
}


def day():
    morning()
    reboot()
    noon()
    killed()
    reboot()
    evening()
    found = reported()
    t.check("a day of every domain that was counted", sorted(found) == sorted(n + ".example" for n in EXPECTED), sorted(found))
    for name, wanted in EXPECTED.items():
        t.check(f"the counts of {name}", found.get(name + ".example") == wanted, f"{found.get(name + '.example')}\n{wanted}")


# ---- the day after ---------------------------------------------------------------------------------------------------

KEY = lab.scratch("key") + "/dkim.pem"
INBOX = "https://in.reports.example"


def printed():
    """The reports of the day as `report --json` has them: {domain: report}."""
    r = lab.stsmail("report", *COMMON, "--report-org", ORG, "--report-contact", CONTACT, "--json", env=at("04:30:00", tomorrow()))
    return {one["policies"][0]["policy"]["policy-domain"].removesuffix(".example"): one for one in r.json
            if one["date-range"]["start-datetime"].startswith(str(DAY))}


def tomorrow():
    return DAY + datetime.timedelta(days=1)


def carry(name, form, uri):
    """One report goes to a server; what it came to, or the mail."""
    done = subprocess.run([CARRY, STATE, str(calendar.timegm(DAY.timetuple())), f"{name}.example", form, uri, ca.file,
                           world.RESOLVER], capture_output=True, timeout=30, env=dict(os.environ, **at("04:30:00", tomorrow())))
    t.check(f"{name}: carry", done.returncode == 0 and not done.stderr, done)
    return done.stdout


def accepted(name, form, path, kept):
    """A POST with the report that was printed; it is gone from the state then."""
    t.check(f"{name}: accepted", carry(name, form, INBOX + path) == b"accepted\n")
    posts = inbox.at(path)
    if not t.check(f"{name}: one POST", len(posts) == 1, inbox.posts):
        return
    wrong, got = receiver.by_https(posts[0])
    t.check(f"{name}: R-191: the request", not wrong, f"{wrong} {posts[0]}")
    t.check(f"{name}: R-191: the media type", dict(posts[0].fields)["content-type"] == f"application/tlsrpt+{form}", posts[0])
    t.check(f"{name}: the report arrives as it is printed", got == kept[name], f"{got}\n{kept[name]}")
    t.check(f"{name}: the counts arrive", got and entries(got) == EXPECTED[name], got)
    t.check(f"{name}: R-161: who reports, and of when", got and (got["organization-name"], got["contact-info"],
                                                                 got["date-range"]) == (
        ORG, CONTACT, {"start-datetime": f"{DAY}T00:00:00Z", "end-datetime": f"{DAY}T23:59:59Z"}), got)
    t.check(f"{name}: R-171: no address of a private network", b"127.0.0" not in json.dumps(got).encode(), got)
    t.check(f"{name}: it is not kept", name not in printed())


def not_accepted(name, uri, outcome):
    t.check(f"{uri}: {outcome}", (said := carry(name, "json", uri)) == outcome.encode() + b"\n", said)
    t.check(f"{uri}: the report is kept", name in printed())


def by_mail(name, form, kept, record):
    """The report as a mail that the program signs and delivers."""
    mail = carry(name, form, f"mailto:{REPORTS}")
    count = len(w.mail(REPORTS, 0, 0))
    r = lab.stsmail("send", *OPTIONS, "--from", CONTACT, "--dkim-key", KEY, "--dkim-selector", "r1", "--dkim-domain", "sender.example",
                    REPORTS, stdin=mail, env=at("04:31:00", tomorrow()))
    t.check(f"{name}: delivered", r.status == 0, r)
    got = w.mail(REPORTS, count + 1)
    if t.check(f"{name}: one mail", len(got) == count + 1, got):
        mail_is_right(name, form, got[-1], kept, record)


def mail_is_right(name, form, mail, kept, record, to=REPORTS):
    message, parts, got = receiver.by_mail(mail)
    t.check(f"{name}: the report arrives as it is printed", got == kept[name], got)
    t.check(f"{name}: the counts arrive", entries(got) == EXPECTED[name], got)
    t.check(f"{name}: R-182: multipart/report; report-type=tlsrpt", message.get_content_type() == "multipart/report" and
            message["Content-Type"].params.get("report-type") == "tlsrpt" and
            [p.get_content_type() for p in parts] == ["text/plain", f"application/tlsrpt+{form}"], mail)
    t.check(f"{name}: R-183: its headers", (message.get_all("TLS-Report-Domain"), message.get_all("TLS-Report-Submitter")) ==
            ([f"{name}.example"], ["sender.example"]), mail)
    t.check(f"{name}: R-184: its subject", " ".join(message["Subject"].split()) == f"Report Domain: {name}.example Submitter: "
            f"sender.example Report-ID: <{got['report-id']}>", message["Subject"])
    begin, extension = calendar.timegm(DAY.timetuple()), {"json": "json", "gzip": "json.gz"}[form]
    t.check(f"{name}: R-180, R-194: the file's name", re.fullmatch(
        rf"sender\.example!{name}\.example!{begin}!{begin + 86399}(![0-9A-Za-z]+)?\.{re.escape(extension)}",
        parts[1].get_filename() or ""), parts[1].get_filename())
    t.check(f"{name}: R-189: TLS-Required: No", message["TLS-Required"] == "No" and message["To"] == to and
            message["From"] == CONTACT, mail)
    good, tags = receiver.signed(mail, record)
    t.check(f"{name}: R-185: signed by the domain that reports", good and (tags["d"], tags["s"]) == ("sender.example", record[0].split(".")[0]),
            f"{tags} {mail}")
    t.check(f"{name}: R-186: all of it is signed", "l" not in tags, tags)
    t.check(f"{name}: R-187: the headers too", {"from", "subject", "tls-report-domain", "tls-report-submitter"} <=
            set(tags.get("h", "").lower().split(":")), tags)
    changed = mail.replace(b"TLS-Report-Domain: ", b"TLS-Report-Domain: x", 1)
    t.check(f"{name}: R-187: a change of them shows", changed != mail and not receiver.signed(changed, record)[0])


def day_after():
    kept = printed()
    for uri in (f"{INBOX}/moved", f"{INBOX}/gone"):
        not_accepted("plain", uri, "refused for good")
    not_accepted("plain", f"{INBOX}/later", "refused for now")
    t.check("no redirect is followed", len(inbox.at("/moved")) == 1 and not inbox.at("/elsewhere"), inbox.posts)
    not_accepted("plain", "https://other.reports.example/ok", "certificate-host-mismatch")
    t.check("R-192: a server with another's certificate gets nothing", not other_inbox.posts, other_inbox.posts)
    accepted("good", "json", "/ok", kept)
    accepted("testing", "gzip", "/created?by=device", kept)
    for kind, forms in (("ed25519", ("json", "gzip")), ("rsa", ("json",))):
        if os.path.exists(KEY):
            os.unlink(KEY)
        made = lab.stsmail("keygen", "--type", kind, "--selector", "r1", "--domain", "sender.example", "--out", KEY, "--json")
        record = (made.json[0]["record"]["name"], made.json[0]["record"]["value"])
        t.check("R-188: the key is for reports too", "; s=email:tlsrpt;" in record[1], record)
        for form in forms:
            by_mail("both", form, kept, record)


# ---- the night after: the program sends by itself ---------------------------------------------------------------------

def night():
    """`queue run` sends what is due, and says what became of it."""
    kept, count = printed(), len(w.mail(REPORTS, 0, 0))
    os.unlink(KEY)
    made = lab.stsmail("keygen", "--type", "ed25519", "--selector", "r2", "--domain", "sender.example", "--out", KEY, "--json")
    record = (made.json[0]["record"]["name"], made.json[0]["record"]["value"])

    def run(clock, day, *more):
        return lab.stsmail("queue", "run", "--due", *OPTIONS, "--dkim-key", KEY, "--dkim-selector", "r2", "--dkim-domain",
                           "sender.example", "--floor", "verified@owner.example", *more, env=at(clock, day))

    before = {path: len(inbox.at(path)) for path in ("/moved", "/night", "/never")}
    r = run("00:00:00", tomorrow())
    t.check("R-159: none goes out at midnight", not r.stderr and sorted(printed()) == sorted(kept), r)
    deliver("good", "00:00:30", "delivered", env=at("04:59:00", tomorrow()))
    r = run("05:00:00", tomorrow())
    t.check("reports do not change what the queue says", r.status == 75 and [j["domain"] for j in r.json] == ["name.example"], r)
    t.check("R-147, R-143: the second address takes what the first refuses, and ftp is none",
            len(inbox.at("/moved")) == before["/moved"] + 1 and len(inbox.at("/night")) == 1, inbox.posts)
    for name, path in (("plain", "/night"), ("both", "/both"), ("webpki", "/webpki")):
        wrong, got = receiver.by_https(inbox.at(path)[0])
        t.check(f"{name}: the report arrives as it was printed", not wrong and got == kept[name], f"{wrong} {got}")
    mails = w.mail(STRICT, 1)
    if t.check("R-189: a report is mailed whatever the policy of its receiver", len(mails) == 1, r):
        mail_is_right("name", "gzip", mails[0], kept, record, STRICT)
    t.check("C-10: none by mail where the floor forbids it", len(w.mail(REPORTS, 0, 0)) == count and "floor" in r.stderr, r)
    t.check("a record that is malformed, or names no address of ours: said, and dropped",
            re.search(r"stranger\.example is dropped: \S", r.stderr) and "hang.example is dropped: the domain names no" in r.stderr, r)
    t.check("R-195: who refused one is not asked for another one", len(inbox.at("/never")) == before["/never"] + 1, inbox.posts)
    t.check("R-193: what may be taken later waits, the rest is gone", sorted(printed()) == ["expired", "unfetched"], r)
    t.check("R-192: nothing goes to a server with another's certificate", not other_inbox.posts, other_inbox.posts)
    r = lab.stsmail("report", *COMMON, "--report-org", ORG, "--report-contact", CONTACT, "--json", env=at("05:01:00", tomorrow()))
    about = [one["policies"][0]["policy"]["policy-domain"] for one in r.json]
    t.check("R-190: no report is about reports", "good.example" in about and "strict.example" not in about, about)
    posts = len(inbox.posts)
    r = run("05:10:00", tomorrow())
    t.check("R-193: nobody is asked before it is time", len(inbox.posts) == posts and not r.stderr, r)
    r = run("05:25:00", tomorrow())
    t.check("R-193: a second try", len(inbox.at("/twice")) == 2 and sorted(printed()) == ["unfetched"], r)
    later = tomorrow() + datetime.timedelta(days=1)
    r = run("05:30:00", later)
    t.check("R-193: given up after a day, which is said", "unfetched.example is given up" in r.stderr and not printed(), r)
    t.check("the day of the night's own delivery is reported in its turn", "about good.example" not in r.stderr, r)


# ---- other nights, each of the same day ---------------------------------------------------------------------------------

def copy(name):
    """The state at the end of the day, without the alert that waits; the program's options."""
    state = os.path.join(lab.scratch("copy-" + name), "state")
    shutil.copytree(STATE, state)
    shutil.rmtree(state + "/queue")
    return state, ["--state", state, *OPTIONS[2:]]


def kept_in(state, clock, day):
    r = lab.stsmail("report", *COMMON, "--state", state, "--json", env=at(clock, day))
    return {one["policies"][0]["policy"]["policy-domain"].removesuffix(".example") for one in r.json}


def ever_more_slowly(state, options):
    """R-193: a server that nobody can trust is tried again with growing pauses, for a day."""
    start, times = datetime.datetime.combine(tomorrow(), datetime.time(4, 30)), []
    for minute in range(0, 25 * 60, 10):
        moment = start + datetime.timedelta(minutes=minute)
        r = lab.stsmail("queue", "run", *options, env=at(f"{moment:%H:%M:%S}", moment.date()))
        times += [minute] * ("not taken by https://other.reports.example/ok" in r.stderr)
    gaps = [b - a for a, b in zip(times, times[1:])]
    t.check("R-193: the pauses grow", len(times) >= 4 and gaps == sorted(gaps) and gaps[-1] >= 4 * gaps[0], times)
    t.check("R-193: it ends within 24 hours, and then the report is gone", times[-1] <= 24 * 60 and
            "unfetched" not in kept_in(state, f"{moment:%H:%M:%S}", moment.date()), times)


def silent_dns(state, options):
    """A name server that says nothing: nobody knows who wants reports, so all of them wait."""
    before, count = kept_in(state, "04:29:00", tomorrow()), len(inbox.posts)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.249", 53))
        r = lab.stsmail("queue", "run", *options, "--timeout", "1", "--dns", "127.0.0.249", env=at("04:30:00", tomorrow()))
    t.check("DNS is silent: every report waits, and this is said", len(inbox.posts) == count and
            kept_in(state, "04:31:00", tomorrow()) == before and r.stderr.count(" waits") == len(before), r)


def without_a_key(state, options):
    """R-185: nothing goes out unsigned. R-195: an address that was never asked has refused nothing, unlike /moved and /never."""
    count = len(w.mail(STRICT, 0, 0))
    r = lab.stsmail("queue", "run", *options, env=at("05:00:00", tomorrow()))
    t.check("R-185: without a key no report is mailed, which is said", "is not sent to mailto:tls@strict.example" in r.stderr and
            len(w.mail(STRICT, 0, 0)) == count, r)
    t.check("R-195: only who refused is left alone", len([n for n in os.listdir(f"{state}/refused") if n[0] != "."]) == 2, os.listdir(f"{state}/refused"))


def alerts_never_wait(options):
    """The server that takes reports hangs, while an alert is in the queue."""
    r = lab.stsmail("send", *options, "--queue", "--from", "pump7@sender.example", "ops@good.example", stdin=MESSAGE, env=UNSET)
    t.check("an alert waits for the time of day", r.status == 0 and r.json[0]["queued"], r)
    before, count, hold = len(w.mail("ops@good.example", 0, 0)), len(inbox.at("/both")), threading.Event()
    inbox.answers["/both"] = lambda: hold.wait(30) and None
    p = subprocess.Popen([lab.PROGRAM, "queue", "run", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                         env=dict(os.environ, **at("04:30:00", tomorrow())))
    world.until("the report's connection", lambda: len(inbox.at("/both")) > count)
    t.check("alerts never wait for reports", len(w.mail("ops@good.example", before + 1, 2)) == before + 1 and p.poll() is None)
    p.kill()
    p.wait()
    hold.set()


day()
stories = [copy(name) for name in ("slowly", "silent", "alert", "unsigned")]
day_after()
night()
ever_more_slowly(*stories[0])
silent_dns(*stories[1])
alerts_never_wait(stories[2][1])
without_a_key(*stories[3])
t.end()
