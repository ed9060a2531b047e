#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""An image that signs (make BOARD=... DKIM=1), against real servers: its alert, as it lies in the mailbox that Postfix keeps, is
verified by dkimpy with the record that knot and unbound give; and keys that cannot be used.

    test_signed.py BOARD"""
import base64
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "interop"))
sys.path.insert(0, HERE)

import lab

lab.enter()

import dkim
from cryptography.hazmat.primitives import serialization as forms
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

import device
import real
import world

BOARD = sys.argv[1]
lab.scratch = lambda name, own=lab.scratch: own(os.path.join(BOARD, name))  # both boards may run at once
SMALL = BOARD == "lm3s6965evb"  # signs with Ed25519 alone, and has no queue
PEM, DER = forms.Encoding.PEM, forms.Encoding.DER
KEYS, IMAGE = lab.scratch("keys"), os.path.join(lab.BUILD, BOARD + "-dkim", "signed.elf")
ARGS = ("--dns", real.RESOLVER, "--from", "ups7@example.com", "--hostname", "ups7.example.com", "--floor", "verified", "--json", "-v")
t = lab.Tally("boards-signed " + BOARD)


def key_file(name, key, encoding=PEM, how=forms.PrivateFormat.PKCS8, password=None):
    secret = forms.BestAvailableEncryption(password) if password else forms.NoEncryption()
    return written(name, key.private_bytes(encoding, how, secret))


def written(name, content):
    path = os.path.join(KEYS, name)
    with open(path, "wb") as f:
        f.write(content)
    return path


def record(selector, key):
    """The line of the zone under which receivers find the key."""
    public = key.public_key()
    if isinstance(key, ed25519.Ed25519PrivateKey):
        kind, public = "ed25519", public.public_bytes(forms.Encoding.Raw, forms.PublicFormat.Raw)
    else:
        kind, public = "rsa", public.public_bytes(DER, forms.PublicFormat.SubjectPublicKeyInfo)
    value = f"v=DKIM1; k={kind}; p={base64.b64encode(public).decode()}"
    return f"{selector}._domainkey TXT " + " ".join(f'"{value[i:i + 255]}"' for i in range(0, len(value), 255))


def signing(selector, key):
    return ("--dkim-domain", "example.com", "--dkim-selector", selector, "--dkim-key", key)


def send(*args, command=("send",), **more):
    return device.run_as_is(BOARD, IMAGE, *command, "--ip", device.DEVICE + "/24", "--gateway", device.HOST, *ARGS, *args, **more)


def said(r):
    return [line for line in r.stdout.splitlines() if line.startswith("stsmail: ")]


class Mailbox:
    """What Postfix has put there, one after the other."""

    def __init__(self, servers):
        self.servers, self.seen = servers, 0

    def next(self):
        mails = self.servers.mail("ops@example.org", self.seen + 1)[self.seen:]
        self.seen += len(mails)
        return mails[0] if len(mails) == 1 else b""

    def nothing_new(self):
        return len(self.servers.mail("ops@example.org", 0, 0)) == self.seen


def verified(mail, algorithm, selector):
    """What a receiver makes of it: the key comes from the DNS. A changed octet shows that it was looked at."""
    try:
        good = dkim.verify(mail)
        changed = dkim.verify(mail.replace(b"battery", b"buttery"))
    except dkim.DKIMException as wrong:
        return [str(wrong)]
    field = mail[mail.find(b"DKIM-Signature:"):].split(b"\n\n")[0]
    return ([] if good else ["the signature is not good"]) + (["a changed body is good too"] if changed else []) + \
        [w for w in (f"a={algorithm}-sha256", "d=example.com", f"s={selector};", "c=relaxed/relaxed") if w.encode() not in field] + \
        ([] if b"with ESMTPS id" in mail else ["not inside TLS"])


def delivers(box, selector, key, algorithm, *args, why=""):
    r = send(*signing(selector, key), *args, "ops@example.org")
    mail = box.next()
    wrong = verified(mail, algorithm, selector)
    t.check(f"{selector}{why}: delivered, and the signature is good", r.status == 0 and not wrong and not said(r) and
            r.notes["TLS pool, requests refused"] == 0, f"{wrong} {r} {mail}")
    print(f"{BOARD}: {selector}{why}: longest poll {r.notes.get('longest poll')} us, stack {r.notes.get('stack')}, "
          f"pool {r.notes.get('TLS pool, most in use')}", flush=True)
    return r


def refused(box, what, words, *options):
    """One sentence, nothing sent, and the alert is the caller's still."""
    r = send(*options, "--subject", "no", "--body", "on battery", "ops@example.org")
    right = len(said(r)) == 1 and said(r)[0].startswith("stsmail: DKIM key ") and words in said(r)[0]
    t.check(f"{what}: said, and put off", r.status == 78 and right and len(r.json) == 1 and not r.json[0]["attempts"] and
            (r.json[0]["result"], r.json[0]["reason"]) == ("deferred", "configuration"), r)
    t.check(f"{what}: nothing was sent", box.nothing_new())


def keys_that_are_none(box, good):
    curve = ec.generate_private_key(ec.SECP256R1())
    pem = good.private_bytes(PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption())
    own = rsa.generate_private_key(65537, 2048)
    refused(box, "a file that is not there", "it cannot be read", *signing("s1", os.path.join(KEYS, "none")))
    refused(box, "an empty file", "no private key", *signing("s1", written("empty", b"")))
    refused(box, "a file of a megabyte", "too long", *signing("s1", written("long", b"x" * 1000000)))
    refused(box, "a key of another kind", "neither Ed25519 nor RSA", *signing("s1", key_file("ec", curve)))
    refused(box, "an encrypted key", "encrypted", *signing("s1", key_file("shut", good, password=b"secret")))
    refused(box, "a key that is damaged", "damaged", *signing("s1", written("damaged", pem[:60] + b"*" + pem[61:])))
    refused(box, "no selector", "--dkim-selector", "--dkim-key", os.path.join(KEYS, "ed25519"), "--dkim-domain", "example.com")
    refused(box, "a selector that is no name", "no names", *signing("s_1", os.path.join(KEYS, "ed25519")))
    if SMALL:
        refused(box, "an RSA key", "Ed25519 alone", *signing("rsa", key_file("rsa", own)))
        return
    refused(box, "a short RSA key", "2048 to 4096", *signing("rsa", key_file("short", rsa.generate_private_key(65537, 1024))))
    refused(box, "an odd RSA key", "2048, 3072 or 4096", *signing("rsa", key_file("odd", rsa.generate_private_key(65537, 2304))))
    der = bytearray(own.private_bytes(DER, forms.PrivateFormat.PKCS8, forms.NoEncryption()))
    der[700] ^= 4
    refused(box, "an RSA key whose parts differ", "belong together", *signing("rsa", written("parts", der)))


def queue(box, key):
    """What is kept is signed when it goes out; a key that cannot be used keeps no alert from being kept."""
    flash = ("--flash", os.path.join(lab.scratch("flash"), "flash"))
    r = send(*flash, "--queue", *signing("s1", os.path.join(KEYS, "none")), "--subject", "kept", "--body", "on battery", "ops@example.org")
    t.check("the queue takes an alert without its key", r.status == 0 and "# accepted: " in r.stdout and "cannot be read" in r.stdout and
            box.nothing_new(), r)
    r = send(*flash, *signing("s1", key), command=("queue", "run"))
    mail = box.next()
    wrong = verified(mail, "ed25519", "s1")
    t.check("and signs it when it goes out", r.status == 0 and not wrong and b"Subject: kept" in mail, f"{wrong} {r} {mail}")


def public_anchors():
    """The image for all of them fits into the flash too."""
    try:
        device.link(BOARD, "/etc/ssl/certs/ca-certificates.crt", IMAGE.replace("signed.elf", "public.elf"), "DKIM=1")
    except subprocess.CalledProcessError as wrong:
        return str(wrong)


def main():
    device.network()
    wrong = public_anchors()
    t.check("there is room beside all public trust anchors", not wrong, wrong)
    ca = lab.CA(lab.scratch("ca"))
    device.link(BOARD, ca.file, IMAGE, "DKIM=1")
    small = ed25519.Ed25519PrivateKey.generate()
    keys = {"s1": small} if SMALL else {"s1": small, "r2048": rsa.generate_private_key(65537, 2048),
                                        "r4096": rsa.generate_private_key(65537, 4096)}
    w = real.World()
    w.domain("example.org", mx=[real.MX])
    w.records("example.com", *[record(s, key) for s, key in keys.items()])
    w.knot()
    w.unbound()
    w.postfix([world.Mx(real.MX, *ca.issue("mx1.example.org"))], ["ops@example.org"], ["myhostname = mx1.example.org"])
    box = Mailbox(w)
    key = key_file("ed25519", small)
    r = delivers(box, "s1", key, "ed25519", "--subject", "UPS 7", "--body", "on battery\n" + "and some more of it\n" * 10)
    secret = small.private_bytes(forms.Encoding.Raw, forms.PrivateFormat.Raw, forms.NoEncryption())
    t.check("the key is not shown", base64.b64encode(secret).decode()[:40] not in r.stdout + r.stderr)
    raw = written("mail", b"From: UPS 7 <ups7@example.com>\r\nSubject: on\r\n  battery\r\n\r\n.dot, on battery \r\n\r\n\r\n")
    delivers(box, "s1", key_file("ed25519.der", small, DER), "ed25519", "--message", raw, why=", DER, a whole message")
    for selector in [s for s in keys if s != "s1"]:
        file = key_file(selector, keys[selector], how=forms.PrivateFormat.TraditionalOpenSSL)
        delivers(box, selector, file, "rsa", "--subject", "UPS 7", "--body", "on battery")
    r = send("--subject", "UPS 7", "--body", "plain", "ops@example.org")
    t.check("without a key nothing is added", r.status == 0 and b"DKIM" not in box.next(), r)
    keys_that_are_none(box, small)
    if not SMALL:
        queue(box, key)
    t.end()


main()
