#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The queue of the program, black box: what `send --queue` and sendmail take is delivered later, protected as it was to
be, or fails and says so. Times are moved by faketime. The last line counts."""
import email
import email.utils
import os
import re
import shutil
import signal
import subprocess
import time

import lab

lab.enter()

import evil  # noqa: E402: servers start inside the namespace
import stage  # noqa: E402
from stage import DOMAIN, MARK, MX, Stage, pki  # noqa: E402

t = lab.Tally("queue")
STATE = lab.scratch("state")
FULL = {"RCPT": "450 4.2.2 mailbox full"}
GONE = {"RCPT": "550 5.1.1 no such user"}
FAKETIME = shutil.which("faketime")


def fresh():
    shutil.rmtree(STATE, ignore_errors=True)
    return STATE


def later(offset):
    """The environment in which it is later, or another time altogether."""
    out = subprocess.run([FAKETIME, "-f", offset, "env"], capture_output=True, text=True).stdout
    return dict(line.split("=", 1) for line in out.splitlines() if line.startswith(("LD_PRELOAD=", "FAKETIME=")))


def queue(*args, env=None, timeout=60):
    more = []
    if args and args[0] == "run":
        more = ["--dns", "127.0.0.1", "--ca", pki()["ca"].file, "--hostname", "device.example.com"]
    return lab.stsmail("queue", *args, "--json", "--state", STATE, *more, env=env, timeout=timeout)


def listed():
    return queue("list").json


def mx(replies=None, **more):
    return evil.SMTP(stage.context(), replies, **more)


def soon(test, seconds=5):
    """A server's thread, or a program, may be a moment behind."""
    end = time.monotonic() + seconds
    while not test() and time.monotonic() < end:
        time.sleep(0.02)
    return test()


def put_off(s, *args, **more):
    """A message that is put off and kept; its entry."""
    r = s.send("--queue", *args, **more)
    entries = listed()
    ok = t.check("send --queue: kept, exit 0", r.status == 0 and r.json and r.json[0]["result"] == "deferred" and
                 r.json[0]["queued"] == (entries and entries[-1]["id"]), f"{r}\n{entries}")
    return entries[-1] if ok and entries else {"id": "0"}


# ---- kept, listed, delivered -----------------------------------------------------------------------

with Stage(state=fresh(), mx=mx(FULL)) as s:
    start = time.time()
    e = put_off(s)
    t.check("list: the entry", e["from"] == "a@example.com" and e["recipients"] == ["ops@" + DOMAIN] and
            e["state"] == "waiting" and e["tries"] == 1 and e["reason"] == "smtp" and abs(e["queued_at"] - start) < 10 and
            e["reply"].startswith("450") and re.fullmatch("[0-9a-f]{16}", e["id"]) and e["size"] > 50, e)
    t.check("list: the first retry after 48 to 72 s", 45 <= e["next_try_at"] - start <= 75, e["next_try_at"] - start)
    r = lab.stsmail("queue", "--state", STATE)
    t.check("list in words", r.status == 0 and e["id"] in r.stdout and "ops@" + DOMAIN in r.stdout and "450" in r.stdout, r)
    r = queue("run", "--due")
    t.check("run --due leaves what is not due: 75", r.status == 75 and not r.json and listed()[0]["tries"] == 1, r)
    r = queue("run")
    t.check("run tries it at once: put off again, 75", r.status == 75 and r.json[0]["result"] == "deferred" and
            r.json[0]["queued"] == e["id"] and listed()[0]["tries"] == 2, f"{r} {listed()}")
    t.check("list: the second retry after 4 to 6 minutes", 235 <= listed()[0]["next_try_at"] - time.time() <= 365, listed())
with Stage(state=STATE) as s:
    r = queue("run", "--due", env=later("+7m"))
    t.check("run --due when it is due: delivered, 0", r.status == 0 and r.json[0]["result"] == "delivered" and
            len(s.taken) == 1 and s.taken[0][3] and MARK in s.taken[0][2] and r.json[0]["queued"] is None, r)
    t.check("list: empty", listed() == [] and queue("run").status == 0)
    t.check("no file is left", not os.listdir(STATE + "/message") or
            all(n.startswith(".") for n in os.listdir(STATE + "/message")), os.listdir(STATE + "/message"))

with Stage(state=fresh(), mx=mx({"GREET": "421 4.3.2 not now"})) as s:
    put_off(s, "--subject", "UPS 7", "--body", "On battery.\n.\nStill.", message=b"")
with Stage(state=STATE) as s:
    queue("run", env=later("+2m"))
    first = email.message_from_bytes(s.taken[0][2]) if s.taken else {}
    t.check("a composed message: its fields, dot stuffed", first and first["Subject"] == "UPS 7" and b"\r\n..\r\n" in
            s.taken[0][2], s.taken)

# M12: the same Message-ID and Date on every try.
dates, ids = set(), set()


def forget(c, line):
    return "451 4.3.0 try again"


script = mx({"DOT": forget})
seen = []
script.replies["DOT"] = lambda c, line: (seen.append(1), "451 4.3.0 again")[1]
with Stage(state=fresh(), mx=script) as s:
    put_off(s, "--subject", "x", "--body", "y", message=b"")
    queue("run", env=later("+1h"))
    queue("run", env=later("+2h"))
    for c in s.servers[0].connections:
        for key, value in re.findall(rb"\r\n(Message-ID|Date): ([^\r]*)", c.secret):
            (ids if key == b"Message-ID" else dates).add(value)
    t.check("M12: one Message-ID and one Date on three tries", len(seen) == 3 and len(ids) == len(dates) == 1,
            f"{seen} {ids} {dates}")

# ---- what is kept with it ----------------------------------------------------------------------------

with Stage(state=fresh(), mode=None, mx=mx(FULL)) as s:
    put_off(s, "--floor", "verified")
with Stage(state=STATE, mode=None, mx=evil.SMTP(None)) as s:
    r = queue("run", "--floor", "opportunistic")
    t.check("the floor is kept, and not lowered: nothing in clear", r.status == 75 and not s.taken and not s.wire() and
            r.json[0]["reason"] == "starttls-not-supported", f"{r} {s.wire()}")
with Stage(state=STATE, mode=None) as s:
    r = queue("run", "--floor", "policy")
    t.check("the floor can be raised", r.status == 75 and r.json[0]["reason"] == "policy-required" and not s.taken, r)
    r = queue("run")
    t.check("at its own floor it goes", r.status == 0 and len(s.taken) == 1 and s.taken[0][3], r)

with Stage(state=fresh(), mode=None, mx=mx(FULL)) as s:
    put_off(s, "--floor", "verified@" + DOMAIN)
with Stage(state=STATE, mode=None, mx=evil.SMTP(None)) as s:
    r = queue("run")
    t.check("a floor for the domain is kept", r.status == 75 and not s.taken and not s.wire(), r)

policy_file = lab.scratch("policy") + "/p"
with open(policy_file, "w") as f:
    f.write(evil.policy("enforce", (MX,)))
with Stage(state=fresh(), mode=None, mx=mx(FULL)) as s:
    put_off(s, "--policy", f"{DOMAIN}={policy_file}")
os.unlink(policy_file)
with Stage(state=STATE, mode=None, zone={(DOMAIN, "MX"): [(10, "mx9.example.org")],
                                         ("mx9.example.org", "A"): ["127.0.0.10"]}, mx=evil.SMTP(None)) as s:
    r = queue("run")
    t.check("a provisioned policy is kept with the message", r.status == 75 and r.json[0]["reason"] == "mx-mismatch" and
            r.json[0]["policy"]["source"] == "provisioned" and not s.wire(), r)
with Stage(state=STATE, mode=None) as s:
    r = queue("run")
    t.check("and lets it go to the right MX", r.status == 0 and len(s.taken) == 1 and s.taken[0][3], r)

# Put off under attack, delivered after it: an enforced policy holds over the whole wait.
with Stage(state=fresh(), mx=mx(starttls=False)) as s:
    e = put_off(s)
    t.check("T01: stripped STARTTLS: kept", e.get("reason") == "starttls-not-supported" and not s.wire(), e)
    for _ in range(2):
        r = queue("run")
        t.check("stripped again: still kept", r.status == 75 and not s.wire() and not s.taken, r)
with Stage(state=STATE) as s:
    r = queue("run")
    t.check("after the attack: delivered", r.status == 0 and len(s.taken) == 1 and s.taken[0][3], r)

# C-11, Q10: a 5yz that may be forged removes nothing.
with Stage(state=fresh(), mx=mx({"EHLO": "554 5.7.1 go away"})) as s:
    put_off(s)
    for _ in range(3):
        r = queue("run")
        t.check("Q10: a forged 5yz before TLS keeps the message", r.status == 75 and listed()[0]["state"] == "waiting", r)
with Stage(state=STATE, zone={(DOMAIN, "MX"): "gone"}) as s:
    s.dns.zone[(DOMAIN, "MX")] = 3
    r = queue("run")
    t.check("Q10: a forged NXDOMAIN too", r.status == 75 and listed()[0]["state"] == "waiting", f"{r} {listed()}")

# ---- failed for good ---------------------------------------------------------------------------------

with Stage(state=fresh(), mx=mx(FULL)) as s:
    e = put_off(s)
with Stage(state=STATE, mx=mx(GONE)) as s:
    r = queue("run")
    t.check("Q07: refused over verified TLS: failed, 69", r.status == 69 and r.json[0]["result"] == "failed" and
            r.json[0]["queued"] is None, r)
    t.check("list: failed, with the reply", [(x["state"], x["reply"][:3], x["next_try_at"]) for x in listed()] ==
            [("failed", "550", None)], listed())
    before = len(s.servers[0].connections)
    r = queue("run")
    t.check("it is not tried again: 0", r.status == 0 and len(s.servers[0].connections) == before, r)
    t.check("drop", queue("drop", e["id"]).status == 0 and listed() == [])
    t.check("drop of what is not there: 65", queue("drop", e["id"]).status == 65)
    t.check("drop of no id: 65", queue("drop", "x").status == 65)

with Stage(state=fresh(), mx=mx(FULL)) as s:
    put_off(s)
    r = queue("run", env=later("+6d"))
    t.check("RFC 5321 4.5.4.1: after 5 days it has failed", r.status == 69 and listed()[0]["state"] == "failed", f"{r} {listed()}")

# ---- several recipients and domains --------------------------------------------------------------------

half = {"RCPT": lambda c, line: "450 4.2.2 full" if b"full@" in line else "550 5.1.1 gone" if b"gone@" in line else "250 Ok"}
with Stage(state=fresh(), mx=mx(half)) as s:
    r = s.send("--queue", to=("a@" + DOMAIN, "full@" + DOMAIN, "gone@" + DOMAIN))
    e = listed()
    t.check("one delivered, one refused, one kept: 69", r.status == 69 and len(e) == 1 and e[0]["recipients"] ==
            ["full@" + DOMAIN] and len(s.taken) == 1, f"{r} {e}")
with Stage(state=STATE) as s:
    r = queue("run")
    t.check("only the one that was kept is tried", r.status == 0 and len(s.taken) == 1 and len(s.taken[0][1]) == 1 and
            b"full@" in s.taken[0][1][0], s.taken)

two = {("example.net", "MX"): [(10, "mx2.example.org")], ("mx2.example.org", "A"): ["127.0.0.11"]}
with Stage(state=fresh(), mx=mx(FULL), second=evil.SMTP(stage.context("mx2.example.org"))) as s:
    s.dns.zone.update(two)
    s.dns.zone[(DOMAIN, "MX")] = [(10, MX)]
    r = s.send("--queue", to=("a@" + DOMAIN, "b@example.net"))
    t.check("two domains: one delivered, one kept: 0", r.status == 0 and len(listed()) == 1 and soon(lambda: len(s.second.mail) == 1), f"{r} {listed()} {s.taken}")
with Stage(state=fresh(), mx=mx(FULL), second=evil.SMTP(stage.context("mx2.example.org"), FULL)) as s:
    s.dns.zone.update(two)
    s.dns.zone[(DOMAIN, "MX")] = [(10, MX)]
    s.send("--queue", to=("a@" + DOMAIN, "b@example.net"))
    t.check("two domains: two entries", sorted(x["recipients"][0] for x in listed()) == ["a@" + DOMAIN, "b@example.net"], listed())
with Stage(state=STATE, mx=mx({"GREET": None}), second=evil.SMTP(stage.context("mx2.example.org"))) as s:
    s.dns.zone.update(two)
    s.dns.zone[(DOMAIN, "MX")] = [(10, MX)]
    r = queue("run", "--timeout", "2")
    t.check("Q08: a domain that hangs does not hold up another", r.status == 75 and len(s.taken) == 1 and
            [x["recipients"] for x in listed()] == [["a@" + DOMAIN]], f"{r} {listed()}")

# ---- several processes ---------------------------------------------------------------------------------

slow = mx({"MAIL": lambda c, line: (time.sleep(1.5), "250 Ok")[1]})
with Stage(state=fresh(), mx=mx(FULL)) as s:
    e = put_off(s)
with Stage(state=STATE, mx=slow) as s:
    runs = [subprocess.Popen([lab.PROGRAM, "queue", "run", "--state", STATE, "--dns", "127.0.0.1", "--ca", pki()["ca"].file],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(3)]
    time.sleep(0.9)
    t.check("a message that is being sent is not dropped: 75", queue("drop", e["id"]).status == 75)
    outs = [p.communicate(timeout=30)[0] for p in runs]
    t.check("three runs at once deliver it once", len(s.taken) == 1 and sorted(p.returncode for p in runs)[0] == 0 and
            all(p.returncode in (0, 75) for p in runs), f"{len(s.taken)} {[p.returncode for p in runs]} {outs}")

with Stage(state=fresh(), mx=mx(FULL)) as s:
    put_off(s)
with Stage(state=STATE, mx=slow) as s:
    p = subprocess.Popen([lab.PROGRAM, "queue", "run", "--state", STATE, "--dns", "127.0.0.1", "--ca", pki()["ca"].file],
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.9)
    p.kill()
    p.wait()
    r = queue("run")
    t.check("the claim of a killed process lapses", r.status == 0 and len(s.taken) == 1, r)

# A service, and a message that another process adds while it runs.
env = dict(os.environ, **later("+0 x30"))
with Stage(state=fresh(), mx=mx({"RCPT": lambda c, line: "250 Ok" if opened else "450 4.2.0 wait"})) as s:
    opened = False
    p = subprocess.Popen([lab.PROGRAM, "queue", "run", "--every", "10", "--json", "--state", STATE, "--dns", "127.0.0.1", "--ca",
                          pki()["ca"].file], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
    time.sleep(0.5)
    put_off(s)
    opened = True
    for _ in range(200):
        if s.taken:
            break
        time.sleep(0.05)
    t.check("run --every sends what others add, when it is due", len(s.taken) == 1, s.taken)
    t.check("and marks it", soon(lambda: listed() == []), listed())
    t.check("and stays", p.poll() is None)
    p.send_signal(signal.SIGTERM)
    out, err = p.communicate(timeout=10)
    t.check("SIGTERM ends it: 0 with nothing left", p.returncode == 0, f"{p.returncode} {out} {err}")

# nobody sends, and the policy stays fresh all the same. Of this name a hash says that it may begin in the
# first minute after a start; others wait up to an hour, so that a fleet spreads.
with Stage(state=fresh(), web=evil.ok(evil.policy(max_age=1000))) as s:
    s.send()
    p = subprocess.Popen([lab.PROGRAM, "queue", "run", "--every", "1", "--hostname", "device65.example.com", "--state", STATE,
                          "--dns", "127.0.0.1", "--ca", pki()["ca"].file], stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL, env=dict(os.environ, **later("+0 x60")))
    t.check("R-106: the service refreshes a policy ahead of its end", soon(lambda: len(s.web.connections) >= 2, 30),
            len(s.web.connections))
    p.terminate()
    p.wait()

# ---- the clock --------------------------------------------------------------------------------------------

with Stage(state=fresh()) as s:
    r = s.send("--queue", "--subject", "early", "--body", "b", message=b"", env=later("@1970-01-02 00:00:00"))
    t.check("C01: an unset clock: kept, nothing sent", r.status == 0 and r.json[0]["reason"] == "clock" and not s.taken, r)
    r = queue("run", env=later("@1970-01-02 01:00:00"))
    t.check("C01: and not tried", r.status == 75 and not s.taken and listed()[0]["state"] == "waiting", r)
    r = queue("run")
    got = email.message_from_bytes(s.taken[0][2]) if s.taken else {}
    year = email.utils.parsedate_to_datetime(got["Date"]).year if got and got["Date"] else 0
    t.check("C11: sent with a Date of now when the time is known", r.status == 0 and year >= 2026, f"{r} {s.taken}")

with Stage(state=fresh(), mx=mx(FULL)) as s:
    put_off(s)
    queue("run", env=later("+300d"))
    ok = listed()
    r = queue("run", env=later("-2d"))
    t.check("C03: a clock that goes back loses nothing", len(listed()) == 1, f"{ok} {listed()}")

# ---- a state directory that is full, read-only, damaged -----------------------------------------------------

with Stage(state=fresh(), mx=mx(FULL)) as s:
    os.makedirs(STATE)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "full", STATE], check=True)
    with open(STATE + "/rest", "wb") as f:
        try:
            f.write(b"x" * 65536)
        except OSError:
            pass
    r = s.send("--queue")
    t.check("--queue on a full disk: 75, and said", r.status == 75 and r.json[0]["queued"] is None and "queue" in r.stderr, r)
    os.unlink(STATE + "/rest")
    put_off(s)
    subprocess.run(["mount", "-o", "remount,ro", STATE], check=True)
    r = s.send("--queue")
    t.check("--queue on a read-only state: 75, and said", r.status == 75 and r.json[0]["queued"] is None and r.stderr, r)
    t.check("list on a read-only state", len(listed()) == 1)
    subprocess.run(["mount", "-o", "remount,rw", STATE], check=True)
    subprocess.run(["umount", STATE], check=True)

with Stage(state=fresh(), mx=mx(FULL)) as s:
    put_off(s)
    put_off(s)
    put_off(s)
    names = sorted(n for n in os.listdir(STATE + "/queue") if not n.startswith("."))
    with open(f"{STATE}/queue/{names[1]}", "r+b") as f:
        f.seek(40)
        f.write(b"\xff")
with Stage(state=STATE) as s:
    r = queue("run")
    t.check("Q04: a damaged entry is said, the others go", len(s.taken) == 2 and "damaged" in r.stderr, r)
    t.check("Q04: and is set aside", any("damaged" in n for n in os.listdir(STATE + "/queue")), os.listdir(STATE + "/queue"))

# Q12: after a downgrade: what a newer version keeps is left alone, both of its files, and said.
for which in (("queue",), ("message",), ("queue", "message")):
    with Stage(state=fresh(), mx=mx(FULL)) as s:
        e = put_off(s)
    for folder in which:
        with open(f"{STATE}/{folder}/{e['id']}", "r+b") as f:
            f.seek(4)
            f.write(b"\x02\xfd")
    files = [open(f"{STATE}/{folder}/{e['id']}", "rb").read() for folder in ("message", "queue")]
    with Stage(state=STATE) as s:
        r = queue("run")
        t.check(f"Q12: a newer {which}: not sent, not gone: 75, and said", r.status == 75 and "newer version" in r.stderr and
                not s.taken, r)
        t.check(f"Q12: a newer {which}: the message is as it was", files[0] ==
                open(f"{STATE}/message/{e['id']}", "rb").read(), os.listdir(STATE + "/message"))
        t.check(f"Q12: a newer {which}: a newer entry is too, an older one waits", files[1] == open(
            f"{STATE}/queue/{e['id']}", "rb").read() if "queue" in which else listed()[0]["state"] == "waiting", listed())
        t.check(f"Q12: a newer {which}: list says so", "queue" not in which or "newer" in queue("list").stderr)

# M10: the message's file is gone, its entry is not: failed, whoever it was for, and nothing of the try before is told again.
with Stage(state=fresh(), mx=mx(FULL)) as s:
    first = put_off(s)
    second = put_off(s)
    os.unlink(f"{STATE}/message/{second['id']}")
    r = queue("run")
    t.check("a message without its content has failed", r.status == 75 and len(r.json) == 2 and
            [(x["result"], x["reason"], x["attempts"], x["queued"]) for x in r.json if x["result"] != "deferred"] ==
            [("failed", "state", [], None)], r)
    os.unlink(f"{STATE}/message/{first['id']}")
    r = queue("run")
    t.check("the first one of a run, too", r.status == 69 and r.json[0]["result"] == "failed" and
            r.json[0]["recipients"][0]["address"] == "ops@" + DOMAIN, r)

# ---- sendmail -------------------------------------------------------------------------------------------------

SENDMAIL = lab.scratch("bin") + "/sendmail"
os.symlink(lab.PROGRAM, SENDMAIL)


def sendmail(*args, message):
    done = subprocess.run([SENDMAIL, "--dns", "127.0.0.1", "--ca", pki()["ca"].file, "--state", STATE, "--hostname",
                           "device.example.com", *args], input=message, capture_output=True, timeout=60)
    return lab.Result(done, 0)


LETTER = (b"From: cron <root@example.com>\r\nTo: Ops <ops@example.org>, \"Night, shift\" <night@example.org> (on call)\r\n"
          b"Cc: group: a@example.org,\r\n  b@example.org;\r\nBcc: hidden@example.org\r\nSubject: x\r\n\r\nbody\r\n")
with Stage(state=fresh()) as s:
    r = sendmail("-t", "-i", message=LETTER)
    rcpts = sorted(re.search(rb"<(.*)>", x).group(1).decode() for x in s.taken[0][1]) if s.taken else []
    t.check("sendmail -t: To, Cc, Bcc", r.status == 0 and rcpts == sorted(
        n + "@example.org" for n in ("ops", "night", "a", "b", "hidden")), f"{r} {rcpts}")
    t.check("sendmail -t: Bcc is taken out, the rest stays", s.taken and b"hidden" not in s.taken[0][2] and
            b"Night, shift" in s.taken[0][2] and b"Date: " in s.taken[0][2] and b"Message-ID: " in s.taken[0][2], s.taken)
    t.check("sendmail says nothing when all is well", r.stdout == "" and r.stderr == "", r)

with Stage(state=fresh()) as s:
    r = sendmail("-f", "boss@example.com", "-oi", "--", "ops@example.org", message=b"Subject: dot\r\n\r\none\r\n.\r\ntwo\r\n")
    t.check("sendmail -f, -oi", r.status == 0 and s.taken and b"<boss@example.com>" in s.taken[0][0] and b"two" in s.taken[0][2] and
            b"From: boss@example.com" in s.taken[0][2], f"{r} {s.taken}")
with Stage(state=fresh()) as s:
    r = sendmail("ops@example.org", message=b"Subject: dot\n\none\n.\ntwo\n")
    t.check("sendmail without -i: a dot ends it", r.status == 0 and s.taken and b"one" in s.taken[0][2] and
            b"two" not in s.taken[0][2] and b"\n." not in s.taken[0][2], f"{r} {s.taken}")
with Stage(state=fresh()) as s:
    r = sendmail("-i", "-FCron", "ops@example.org", message=b"just text, no header\n")
    t.check("sendmail: a message without a header", r.status == 0 and s.taken and b"\r\n\r\njust text" in s.taken[0][2] and
            b'From: "Cron" <' in s.taken[0][2], f"{r} {s.taken}")
with Stage(state=fresh(), mx=mx(FULL)) as s:
    r = sendmail("-i", "-f", "boss@example.net", "ops@example.org", message=b"Subject: later\n\nx\n")
    t.check("sendmail queues what it can't deliver", r.status == 0 and r.stdout == r.stderr == "" and len(listed()) == 1, r)
    r = sendmail("-bp", message=b"")
    t.check("sendmail -bp lists", r.status == 0 and "ops@example.org" in r.stdout, r)
with Stage(state=STATE, mx=mx(GONE), second=evil.SMTP(stage.context("mx2.example.org"))) as s:
    s.dns.zone.update(two)
    s.dns.zone[(DOMAIN, "MX")] = [(10, MX)]
    r = queue("run")
    r = queue("run") if not s.second.mail else r
    notice = s.second.mail[0] if s.second.mail else (b"", [], b"", False)
    t.check("a notice from the null sender goes to the envelope sender", b"FROM:<>" in notice[0].upper() and
            b"boss@example.net" in notice[1][0] if notice[1] else False, f"{r} {notice}")
    t.check("and says who, and the reply", b"ops@example.org" in notice[2] and b"550 5.1.1" in notice[2], notice)
with Stage(state=fresh(), mx=mx(GONE)) as s:
    r = sendmail("-i", "ops@example.org", message=b"Subject: x\n\nx\n")
    t.check("sendmail: refused at once is 69, and said", r.status == 69 and "550 5.1.1" in r.stderr, r)
with Stage(state=fresh()) as s:
    r = sendmail("-ti", message=b"To: ops@example.org\nSubject: dot\n\none\n.\ntwo\n")
    t.check("sendmail -ti is -t -i: a dot does not end it", r.status == 0 and s.taken and b"two" in s.taken[0][2], f"{r} {s.taken}")
with Stage(state=fresh()) as s:
    r = sendmail("-t", "-i", message=b"To: old@example.org\nResent-To: new@example.org\nResent-Bcc: hidden@example.org\n"
                 b"Bcc: older@example.org\nSubject: x\n\nx\n")
    t.check("sendmail -t: a message sent again goes to those of Resent- alone", r.status == 0 and s.taken and
            [x.split(b"<")[1].split(b">")[0] for x in s.taken[0][1]] == [b"new@example.org", b"hidden@example.org"] and
            b"hidden" not in s.taken[0][2] and b"older" not in s.taken[0][2], f"{r} {s.taken}")
with Stage(state=fresh()) as s:
    r = sendmail("-t", "-i", message=b"To: ops@example.org\rSubject: x\rBcc: hidden@example.org\r\rbody\r")
    t.check("sendmail -t: a lone CR ends a line: Bcc is found behind it", r.status == 0 and s.taken and len(s.taken[0][1]) == 2
            and b"hidden" not in s.taken[0][2], f"{r} {s.taken}")
for cut in range(1, 6):  # where the buffer of 1 MiB ends within "Bcc:" and at its ends
    head = b"To: ops@example.org\n" + b"".join(b"X: " + b"x" * 900 + b"\n" for _ in range(1159))
    head += b"X: " + b"x" * (1048576 - cut - len(head) - 4) + b"\n"
    with Stage(state=fresh(), mx=mx(offers=())) as s:
        r = sendmail("-t", "-i", message=head + b"Bcc: hidden@example.org\n\nbody\n")
        t.check("sendmail -t: a Bcc at the largest header's end: 65, not shown to all", len(head) == 1048576 - cut and
                r.status == 65 and not s.taken, f"{len(head)} {r.status} {r.stderr}")
t.check("sendmail without recipients: 64", sendmail("-i", message=b"x\n").status == 64)
t.check("sendmail -t without any: 64", sendmail("-t", message=b"Subject: x\n\nx\n").status == 64)
t.check("sendmail -bs: 64", sendmail("-bs", message=b"").status == 64)

# ---- what nobody may lose ---------------------------------------------------------------------------------------

# Killed between the mark that a message failed and the notice: the next run tells.
with open(lab.scratch("cut") + "/cut.c", "w") as f:
    f.write("""#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <string.h>
int renameat(int a, const char *from, int b, const char *to)
{
    static int entries;
    int r = ((int (*)(int, const char *, int, const char *))dlsym(RTLD_NEXT, "renameat"))(a, from, b, to);
    entries += strlen(to) == 16 && strspn(to, "0123456789abcdef") == 16;
    if (entries == 2) raise(SIGKILL);
    return r;
}
""")
    CUT = f.name
subprocess.run(["gcc", "-shared", "-fPIC", "-o", CUT[:-1] + "so", CUT], check=True)
with Stage(state=fresh(), mx=mx(FULL)) as s:
    sendmail("-i", "-f", "boss@example.net", "ops@example.org", message=b"Subject: later\n\nx\n")
with Stage(state=STATE, mx=mx(GONE), second=evil.SMTP(stage.context("mx2.example.org"))) as s:
    s.dns.zone.update(two)
    s.dns.zone[(DOMAIN, "MX")] = [(10, MX)]
    r = queue("run", env=dict(LD_PRELOAD=CUT[:-1] + "so"))
    t.check("killed when it is marked as failed", r.status == -9 and [x["state"] for x in listed()] == ["failed"], f"{r} {listed()}")
    r = queue("run", "--due")
    r = queue("run") if not s.second.mail else r
    notice = s.second.mail[0] if s.second.mail else (b"", [], b"", False)
    t.check("the notice goes out all the same", b"FROM:<>" in notice[0].upper() and len(s.second.mail) == 1 and
            b"550 5.1.1" in notice[2], f"{r} {s.second.mail}")
    r = queue("run")
    t.check("once", len(s.second.mail) == 1 and not r.json, r)

# RFC 5322 3.6: a letter without a Date that came before the time was known.
with Stage(state=fresh()) as s:
    done = subprocess.run([SENDMAIL, "--dns", "127.0.0.1", "--ca", pki()["ca"].file, "--state", STATE, "--hostname", "device.example.com",
                           "-i", "ops@example.org"], input=b"Subject: early\n\nx\n", capture_output=True,
                          env=dict(os.environ, **later("@1970-01-02 00:00:00")))
    t.check("a letter without the time: kept", done.returncode == 0 and len(listed()) == 1, done)
    r = queue("run")
    t.check("and sent with a Date", r.status == 0 and len(s.taken) == 1 and
            abs(email.utils.parsedate_to_datetime(email.message_from_bytes(s.taken[0][2])["Date"] or
                                                  "Thu, 01 Jan 1970 00:00:00 +0000").timestamp() - time.time()) < 60, s.taken)

# A damaged entry: its message is for a person to look at. A file that is none of ours is nobody's.
with Stage(state=fresh(), mx=mx(FULL)) as s:
    e = put_off(s)
with open(f"{STATE}/queue/{e['id']}", "r+b") as f:
    f.seek(40)
    octet = f.read(1)
    f.seek(40)
    f.write(bytes([octet[0] ^ 1]))
for stray in ("README", e["id"] + ".bak", ".swp", "x~"):
    with open(f"{STATE}/queue/{stray}", "w") as f:
        f.write("x")
os.mkdir(STATE + "/queue/lost+found")
r = queue("list")
t.check("list: a damaged entry is said", r.status == 0 and not r.json and "damaged" in r.stderr and "message/damaged~0" in r.stderr, r)
r = queue("run")
kept = [open(f"{STATE}/message/damaged~0", "rb").read()] if os.path.exists(STATE + "/message/damaged~0") else []
t.check("a stranger's files are no mail that waits; what was damaged is kept", r.status == 0 and kept and MARK in kept[0] and
        "newer" not in r.stderr, f"{r} {kept}")

# ---- the configuration file, signals, the place ---------------------------------------------------------------

CONF = lab.scratch("conf") + "/stsmail.conf"
with open(CONF, "w") as f:
    f.write("every 3600\n")
with Stage(state=fresh(), mx=mx(FULL)) as s:
    e = put_off(s)
    t.check("every in the file is none of list's business", len(queue("list", "--config", CONF).json) == 1)
    r = queue("run", "--due", "--config", CONF)
    t.check("--due of the command line wins over every of the file", r.status == 75 and not r.json, r)
    r = sendmail("-q", "--config", CONF, message=b"")
    t.check("sendmail -q is one run whatever the file says", r.status == 75, r)
    r = sendmail("-bp", "--config", CONF, message=b"")
    t.check("sendmail -bp lists whatever the file says", r.status == 0 and e["id"] in r.stdout, r)
    r = queue("drop", e["id"], "--config", CONF)
    t.check("nor of drop's", r.status == 0 and listed() == [], r)
r = sendmail("--help", message=b"")
t.check("sendmail --help: the usage, 0", r.status == 0 and "usage: stsmail" in r.stdout, r)

# A signal at the worst moment, just before the wait begins.
SHIM = lab.scratch("shim")
with open(SHIM + "/shim.c", "w") as f:
    f.write("""#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
#include <sys/syscall.h>
int nanosleep(const struct timespec *t, struct timespec *left) { raise(SIGTERM); return (int)syscall(SYS_nanosleep, t, left); }
int ppoll(struct pollfd *p, nfds_t n, const struct timespec *t, const sigset_t *m)
{
    struct timespec copy = *t;
    if (n == 0) raise(SIGTERM);
    return (int)syscall(SYS_ppoll, p, n, &copy, m, 8);
}
int __ppoll_chk(struct pollfd *p, nfds_t n, const struct timespec *t, const sigset_t *m, size_t s)
{
    (void)s;
    return ppoll(p, n, t, m);
}
""")
subprocess.run(["gcc", "-shared", "-fPIC", "-o", SHIM + "/shim.so", SHIM + "/shim.c"], check=True)
start = time.monotonic()
try:
    r = queue("run", "--every", "60", env=dict(LD_PRELOAD=SHIM + "/shim.so"), timeout=20)
except subprocess.TimeoutExpired as late:
    r = late
t.check("SIGTERM just before the wait ends it", time.monotonic() - start < 10 and r.status == 0, r)

# A user who may not write where the service looks: the message waits, and that is said.
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/var/lib"], check=True)
os.mkdir("/var/lib/stsmail", 0o700)
os.mkdir("/var/lib/home")
os.chown("/var/lib/home", 65534, 65534)
shutil.copy(lab.PROGRAM, "/var/lib/sendmail")
shutil.copy(pki()["ca"].file, "/var/lib/ca.pem")


def as_nobody(*args, home="/var/lib/home", **more):
    done = subprocess.run(["/var/lib/sendmail", "--dns", "127.0.0.1", "--ca", "/var/lib/ca.pem", "--hostname", "device.example.com",
                           *args], capture_output=True, timeout=60, user=65534, cwd="/",
                          env={"PATH": os.environ["PATH"], "HOME": home}, **more)
    return lab.Result(done, 0)


with Stage(state=fresh(), mx=mx(FULL)) as s:
    r = as_nobody("-i", "ops@example.org", input=b"Subject: x\n\nx\n")
    t.check("a queue of one's own: kept, and said where and what to do", r.status == 0 and
            "/var/lib/home/.local/state/stsmail" in r.stderr and "group stsmail" in r.stderr, r)
    t.check("and there it is", "ops@example.org" in as_nobody("-bp", input=b"").stdout)
    r = as_nobody("-i", "--state", "/var/lib/home/other", "ops@example.org", input=b"Subject: x\n\nx\n")
    t.check("who says where is told nothing", r.status == 0 and r.stderr == "", r)
    os.chmod("/var/lib/stsmail", 0o777)
    r = as_nobody("-i", "ops@example.org", input=b"Subject: x\n\nx\n")
    t.check("where the service looks nothing is said", r.status == 0 and r.stderr == "", r)
subprocess.run(["umount", "/var/lib"], check=True)

# ---- the command line ----------------------------------------------------------------------------------------------

for args in (("frob",), ("run", "x"), ("drop",), ("drop", "a", "b"), ("list", "--due"), ("run", "--due", "--every", "5"),
             ("run", "--every", "0")):
    t.check(f"queue {' '.join(args)}: 64", queue(*args).status == 64)

t.end()
