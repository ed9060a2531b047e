#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Q03: kill -9 at random moments, of senders and of the service, on one state directory, against a real Postfix behind a
relay that refuses and cuts connections. Every message that was accepted (exit 0) arrives; duplicates are counted. The
seed is printed; `test_kill.py SEED` repeats its choices (not the machine's timing).

KILLS=N: how often, 200 without it."""
import collections
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

import lab

lab.enter()

import world  # noqa: E402: what it mounts belongs into the namespace

KILLS = int(os.environ.get("KILLS", "200"))
seed = int(sys.argv[1]) if len(sys.argv) > 1 else int(time.time())
rng = random.Random(seed)
t = lab.Tally("kill")
w = world.World("kill")
os.chdir(world.HERE)
ca = lab.CA(lab.scratch("kill-ca"))
shutil.copyfile(ca.file, "root.pem")
w.domain("example.org", mx=["127.0.0.10"], policy=world.policy(mx=["mx1.example.org"]))
w.knot()
w.unbound()
w.nginx({"example.org": ca.issue("mta-sts.example.org")})
w.postfix([world.Mx("127.0.0.50", *ca.issue("mx1.example.org"))], ["ops@example.org"])


class Relay:
    """127.0.0.10:25 in front of Postfix. `mood`: how likely a connection is refused, or cut after some octets."""
    refused, cut = 0.0, 0.0

    def __init__(self):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.10", 25))
        self.socket.listen(64)
        self.rng = random.Random(seed + 1)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            peer, _ = self.socket.accept()
            if self.rng.random() < self.refused:
                peer.close()
                continue
            left = self.rng.randrange(1, 9000) if self.rng.random() < self.cut else None
            server = socket.create_connection(("127.0.0.50", 25))
            budget = [left]
            for a, b in ((peer, server), (server, peer)):
                threading.Thread(target=self.pump, args=(a, b, budget), daemon=True).start()

    @staticmethod
    def pump(a, b, budget):
        try:
            while data := a.recv(65536):
                if budget[0] is not None:
                    data = data[:max(budget[0], 0)]
                    budget[0] -= len(data)
                    if not data:
                        break
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


relay = Relay()
COMMON = ["--dns", world.RESOLVER, "--ca", "root.pem", "--state", "/mnt/state", "--hostname", "device.example.com"]
fast = shutil.which("faketime")
out = subprocess.run([fast, "-f", "+0 x20", "env"], capture_output=True, text=True).stdout
FAST = dict(os.environ, **dict(line.split("=", 1) for line in out.splitlines() if line.startswith(("LD_PRELOAD=", "FAKETIME="))))
accepted, kills = [], collections.Counter()
number = 0


def service():
    return subprocess.Popen([lab.PROGRAM, "queue", "run", "--every", "2", *COMMON], stdout=subprocess.DEVNULL,
                            stderr=open("/mnt/log/service", "a"), env=FAST)


def sender():
    global number
    number += 1
    size = rng.choice((10, 1000, 40000))
    text = f"From: a@example.com\r\nTo: ops@example.org\r\nSubject: token-{number:06d}\r\n\r\n" + "line\r\n" * (size // 6)
    p = subprocess.Popen([lab.PROGRAM, "send", "--queue", "--from", "a@example.com", *COMMON, "ops@example.org"],
                         stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=open("/mnt/log/senders", "a"))
    p.stdin.write(text.encode())
    p.stdin.close()
    p.token = f"token-{number:06d}"
    return p


running, senders = service(), []
began = time.monotonic()
while sum(kills.values()) < KILLS:
    relay.refused, relay.cut = rng.choice(((0, 0), (0.3, 0.3), (1, 0), (0, 0.8)))
    while len(senders) < 4:
        senders.append(sender())
    time.sleep(rng.random() * 0.12)
    if rng.random() < 0.3:
        running.kill()
        running.wait()
        kills["service"] += 1
        running = service()
    else:
        victim = rng.choice(senders)
        if victim.poll() is None:
            victim.kill()
            kills["sender"] += 1
    for p in [p for p in senders if p.poll() is not None]:
        senders.remove(p)
        if p.returncode == 0:
            accepted.append(p.token)
for p in senders:
    p.wait()
    if p.returncode == 0:
        accepted.append(p.token)
running.kill()
running.wait()
relay.refused = relay.cut = 0


def left():
    return lab.stsmail("queue", "list", "--json", "--state", "/mnt/state").json


for _ in range(20):
    r = lab.stsmail("queue", "run", *COMMON, timeout=300)
    if r.status != 75:
        break
t.check("nothing is left in the queue", r.status == 0 and left() == [], f"{r} {left()[:3]}")


def tokens():
    return collections.Counter(re.search(rb"Subject: (token-\d+)", m).group(1).decode() for m in w.mail("ops@example.org", 1))


world.until("postfix to deliver", lambda: not os.listdir("/mnt/postfix/queue/active") and
            not os.listdir("/mnt/postfix/queue/incoming") and set(accepted) <= set(tokens()) or time.monotonic() - began > 500, 60)
got = tokens()
lost = sorted(set(accepted) - set(got))
double = {k: n for k, n in got.items() if n > 1}
for token in accepted:
    t.check(f"{token} was accepted, and arrives", token in got)
t.check("some were accepted after a deferral, some at once", len(accepted) > KILLS // 4, len(accepted))
t.check("Q02: not more duplicates than kills and cut connections", sum(n - 1 for n in double.values()) <= KILLS, double)
extra = [n for n in os.listdir("/mnt/state/message") if not n.startswith(".")] if os.path.isdir("/mnt/state/message") else []
orphans = [n for n in extra if n not in {e["id"] for e in left()}]
print(f"seed {seed}: {sum(kills.values())} kills ({dict(kills)}), {number} messages given, {len(accepted)} accepted, "
      f"{len(lost)} lost, {sum(got.values())} arrived, {sum(n - 1 for n in double.values())} duplicates, {len(orphans)} orphans",
      flush=True)
t.end()
