#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`stsmail keygen`, and what --dkim-key takes and refuses; mail that went out signed, from send, from the queue and from
sendmail, is verified by dkimpy as it arrived.

    test_command.py      STSMAIL names the program, build/linux/stsmail by default"""
import base64
import os
import re
import stat
import sys
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests/cli"))

import dkim
import test_cli as cli
from cryptography.hazmat.primitives import serialization as forms
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

PEM, DER = forms.Encoding.PEM, forms.Encoding.DER
PKCS8, OLD = forms.PrivateFormat.PKCS8, forms.PrivateFormat.TraditionalOpenSSL
OPEN = forms.NoEncryption()
MESSAGE = b"From: ups7@example.org\nTo: a@example.org\nSubject: on  battery\n\n.dot\nbody  \n\n\n"


class Case(cli.Case):
    def path(self, name):
        return os.path.join(self.dir, name)

    def key_file(self, name, content, mode=0o600):
        path = self.file(name, content)
        os.chmod(path, mode)
        return path

    def keygen(self, *args):
        return self.run_it("keygen", "--config", "/dev/null", *args)


class Keygen(Case):
    def test_the_record_belongs_to_the_key_in_the_file(self):
        for kind in ("rsa", "ed25519"):
            path = self.path(kind)
            r = self.keygen("--type", kind, "--selector", "s1", "--domain", "Example.ORG", "--out", path, "--json")
            self.assertEqual((r.status, r.err), (cli.OK, ""))
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
            key = forms.load_pem_private_key(open(path, "rb").read(), None)
            record = r.json["record"]
            self.assertEqual((r.json["type"], r.json["selector"], r.json["file"]), (kind, "s1", path))
            self.assertEqual((record["name"], record["type"]), ("s1._domainkey.example.org", "TXT"))
            tags = dict(t.strip().split("=", 1) for t in record["value"].split(";"))
            self.assertEqual((tags["v"], tags["k"], tags["s"]), ("DKIM1", kind, "email:tlsrpt"))
            public = key.public_key().public_bytes(*((DER, forms.PublicFormat.SubjectPublicKeyInfo) if kind == "rsa" else
                                                     (forms.Encoding.Raw, forms.PublicFormat.Raw)))
            self.assertEqual(base64.b64decode(tags["p"]), public)
            self.assertEqual("".join(re.findall(r'"([^"]*)"', r.json["zone"])), record["value"])
            self.assertTrue(all(len(s) <= 255 for s in re.findall(r'"([^"]*)"', r.json["zone"])))

    def test_for_people_the_record_is_a_line_of_a_zone_file(self):
        r = self.keygen("--out", self.path("k"))
        self.assertEqual((r.status, r.err), (cli.OK, ""))
        self.assertIn('\nstsmail._domainkey IN TXT ( "v=DKIM1; k=rsa; s=email:tlsrpt; p=MII', r.out)
        r = self.keygen("--type", "ed25519", "--domain", "example.org", "--out", self.path("e"))
        self.assertIn("\nstsmail._domainkey.example.org. IN TXT (", r.out)
        self.assertIn("--type rsa", r.out)

    def test_two_keys_differ(self):
        values = set()
        for n in range(3):
            values.add(self.keygen("--type", "ed25519", "--out", self.path(str(n)), "--json").json["record"]["value"])
        self.assertEqual(len(values), 3)

    def test_no_file_is_overwritten_and_no_link_followed(self):
        path = self.key_file("k", b"mine")
        os.symlink(self.path("elsewhere"), self.path("link"))
        for p in (path, self.path("link"), self.dir, self.path("none/k")):
            self.refused(self.keygen("--type", "ed25519", "--out", p), cli.IO, p)
        self.assertEqual(open(path, "rb").read(), b"mine")
        self.assertFalse(os.path.exists(self.path("elsewhere")))

    def test_the_private_key_is_never_printed(self):
        for kind in ("rsa", "ed25519"):
            path = self.path(kind)
            r = self.keygen("--type", kind, "--out", path, "-vv", "--json")
            body = "".join(open(path).read().splitlines()[1:-1])
            key = forms.load_pem_private_key(open(path, "rb").read(), None)
            secret = key.private_bytes(DER, PKCS8, OPEN)[-32:]
            for text in (r.out, r.err):
                if kind == "ed25519":  # of RSA's file, a part is public
                    self.assertFalse(any(body[i:i + 20] in text for i in range(len(body) - 20)))
                self.assertNotIn(base64.b64encode(secret).decode(), text)
                self.assertNotIn(secret.hex(), text.lower())
                self.assertNotIn("PRIVATE", text)

    def test_a_wrong_command_line(self):
        out = ["--out", self.path("k")]
        self.refused(self.keygen(), cli.USAGE, "--out")
        self.refused(self.keygen("--type", "dsa", *out), cli.USAGE, "ed25519 or rsa")
        self.refused(self.keygen("x", *out), cli.USAGE)
        self.refused(self.keygen("--selector", "a_b", *out), cli.USAGE, "--selector")
        self.refused(self.keygen("--domain", "..", *out), cli.USAGE, "--domain")
        self.refused(self.keygen("--selector", "s" * 60 + "." + "s" * 60, "--domain", ".".join(["d" * 60] * 4), *out), cli.USAGE)
        self.assertFalse(os.path.exists(self.path("k")))


class Refused(Case):
    """Exit 78, a sentence, nothing sent."""

    def no(self, path, *words, options=("--dkim-selector", "s1", "--dkim-domain", "example.org")):
        r = self.send("--dkim-key", path, *options, "a@example.org", input=MESSAGE)
        self.refused(r, cli.CONFIG, *words)
        return r

    def test_a_file_that_cannot_be_read(self):
        self.no(self.path("none"), "No such file")
        self.no(self.dir, "regular file")
        os.mkfifo(self.path("fifo"), 0o600)
        self.no(self.path("fifo"), "regular file")
        self.no(self.key_file("long", b"x" * 20000), "too long")
        if os.geteuid() != 0:
            self.no(self.key_file("closed", b"x", 0), "Permission denied")

    def test_a_file_that_others_may_use(self):
        key = ed25519.Ed25519PrivateKey.generate().private_bytes(PEM, PKCS8, OPEN)
        for mode in (0o604, 0o640, 0o620, 0o602, 0o644, 0o660):
            self.no(self.key_file("k", key, mode), "chmod 600")

    def test_what_is_no_private_key(self):
        for name, content in (("empty", b""), ("text", b"hello\n"), ("der", b"\x30\x03\x02\x01\x00"), ("zeros", bytes(100)),
                              ("cert", cli.ROOT)):
            self.no(self.key_file(name, content), self.path(name))
        public = rsa.generate_private_key(65537, 2048).public_key()
        for how in (forms.PublicFormat.SubjectPublicKeyInfo, forms.PublicFormat.PKCS1):
            self.no(self.key_file("public", public.public_bytes(PEM, how)), "public key")
        self.no(self.key_file("cert", cli.ROOT), "certificate")

    def test_a_key_of_another_kind(self):
        key = ec.generate_private_key(ec.SECP256R1())
        for encoding in (PEM, DER):
            for how in (PKCS8, OLD):
                self.no(self.key_file("ec", key.private_bytes(encoding, how, OPEN)), "neither Ed25519 nor RSA")

    def test_an_encrypted_key(self):
        password = forms.BestAvailableEncryption(b"secret")
        for key in (rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()):
            for encoding in (PEM, DER):
                self.no(self.key_file("k", key.private_bytes(encoding, PKCS8, password)), "encrypted")
        self.no(self.key_file("k", rsa.generate_private_key(65537, 2048).private_bytes(PEM, OLD, password)), "encrypted")

    def test_rsa_keys_that_are_too_short_or_too_long(self):
        """RFC 8301 3.2: signers must use at least 1024 bits and should 2048; here it is a must."""
        for bits in (1024, 2047, 4098):
            key = rsa.generate_private_key(65537, bits)
            self.no(self.key_file("k", key.private_bytes(PEM, PKCS8, OPEN)), "2048 to 4096")

    def test_a_damaged_key(self):
        for key in (ed25519.Ed25519PrivateKey.generate(), rsa.generate_private_key(65537, 2048)):
            pem, der = key.private_bytes(PEM, PKCS8, OPEN), key.private_bytes(DER, PKCS8, OPEN)
            for cut in (1, len(der) // 2, len(der) - 1):
                self.no(self.key_file("k", der[:cut]))
            self.no(self.key_file("k", der + b"\0"), "damaged")
            self.no(self.key_file("k", pem.replace(b"-----END", b"----END")), "damaged")
            self.no(self.key_file("k", pem[:60] + b"*" + pem[61:]), "damaged")
        # an octet of one of RSA's numbers
        for place in (200, 700, 900, 1100):
            self.no(self.key_file("k", der[:place] + bytes([der[place] ^ 4]) + der[place + 1:]), "belong together")

    def test_selector_and_domain_have_to_be_there_and_to_be_names(self):
        key = self.key_file("k", ed25519.Ed25519PrivateKey.generate().private_bytes(PEM, PKCS8, OPEN))
        self.no(key, "--dkim-selector", options=())
        self.no(key, "--dkim-domain", options=("--dkim-selector", "s1"))
        self.no(key, "s_1", options=("--dkim-selector", "s_1", "--dkim-domain", "example.org"))
        self.no(key, "a..b", options=("--dkim-selector", "s1", "--dkim-domain", "a..b"))

    def test_the_configuration_file_may_name_it(self):
        conf = self.file("conf", b"dkim-key " + self.path("none").encode() + b"\ndkim-selector s1\ndkim-domain example.org\n")
        self.refused(self.send("--config", conf, "a@example.org", input=MESSAGE), cli.CONFIG, "No such file")


class Signed(Case):
    def setUp(self):
        super().setUp()
        self.mx, self.next = cli.Mx("127.0.0.2"), None
        self.next = cli.Mx("127.0.0.3", self.mx.port)
        self.dns = cli.Dns({("example.org", 15): [cli.mx(10, "mx1.example.org"), cli.mx(20, "mx2.example.org")],
                            ("mx1.example.org", 1): [bytes([127, 0, 0, 2])], ("mx2.example.org", 1): [bytes([127, 0, 0, 3])]})
        for server in (self.mx, self.next, self.dns):
            server.start()
            self.addCleanup(server.stop)
        self.key = self.path("key.pem")
        self.make("ed25519")

    def make(self, kind):
        if os.path.exists(self.key):
            os.remove(self.key)
        r = self.keygen("--type", kind, "--selector", "s1", "--domain", "example.org", "--out", self.key, "--json")
        self.record = r.json["record"]

    def settings(self):
        return ["--dns", self.dns.address, "--ca", self.file("ca.pem", cli.ROOT), "--hostname", "host.example.org", "--smtp-port",
                str(self.mx.port), "--config", "/dev/null", "--dkim-key", self.key, "--dkim-selector", "s1", "--dkim-domain",
                "example.org"]

    def arrived(self, wire):
        """What a receiver makes of the octets of DATA."""
        self.assertTrue(wire.endswith(b"\r\n.\r\n"))
        m = wire[:-3].replace(b"\r\n..", b"\r\n.")
        self.assertTrue(m.startswith(b"DKIM-Signature: v=1;"), m[:80])
        value = self.record["value"].replace("; s=email:tlsrpt", "").encode()

        def dns(name, timeout=5):
            return value if name == (self.record["name"] + ".").encode() else b""

        self.assertTrue(dkim.verify(m, dnsfunc=dns), m)
        return m

    def test_a_message_is_signed_with_each_algorithm(self):
        for kind in ("ed25519", "rsa"):
            self.make(kind)
            r = self.run_it("send", *self.settings(), "--json", "a@example.org", input=MESSAGE)
            self.assertEqual((r.status, r.json["result"], r.err), (cli.OK, "delivered", ""))
            m = self.arrived(self.mx.messages[-1])
            self.assertIn(kind.encode() + b"-sha256", m)
            self.assertTrue(m.endswith(MESSAGE.replace(b"\n", b"\r\n")))

    def test_a_composed_message_is_signed(self):
        r = self.run_it("send", *self.settings(), "--subject", "Gr\u00fc\u00dfe", "--body", "x " * 1000, "a@example.org")
        self.assertEqual(r.status, cli.OK, r.err)
        self.arrived(self.mx.messages[0])

    def test_keys_in_every_form(self):
        for key in (ed25519.Ed25519PrivateKey.generate(), rsa.generate_private_key(65537, 2048),
                    rsa.generate_private_key(3, 3072), rsa.generate_private_key(65537, 4096)):
            forms_of = [(PEM, PKCS8), (DER, PKCS8)] + ([(PEM, OLD), (DER, OLD)] if key.__class__.__name__.find("RSA") >= 0 else [])
            public = key.public_key()
            spki = public.public_bytes(DER, forms.PublicFormat.SubjectPublicKeyInfo)
            rsa_key = len(forms_of) == 4
            self.record["value"] = ("v=DKIM1; k=rsa; p=" if rsa_key else "v=DKIM1; k=ed25519; p=") + \
                base64.b64encode(spki if rsa_key else spki[-32:]).decode()
            for encoding, how in forms_of:
                self.key = self.key_file("other", key.private_bytes(encoding, how, OPEN))
                r = self.run_it("send", *self.settings(), "a@example.org", input=MESSAGE)
                self.assertEqual(r.status, cli.OK, r.err)
                self.arrived(self.mx.messages[-1])

    def test_the_next_mx_gets_the_same_signature(self):
        self.mx.dot = b"451 later"
        r = self.run_it("send", *self.settings(), "a@example.org", input=MESSAGE)
        self.assertEqual(r.status, cli.OK, r.err)
        self.assertEqual(self.mx.messages, self.next.messages)
        self.arrived(self.next.messages[0])

    def test_without_a_key_nothing_is_added(self):
        settings = self.settings()
        r = self.run_it("send", *settings[:settings.index("--dkim-key")], "a@example.org", input=MESSAGE)
        self.assertEqual(r.status, cli.OK, r.err)
        self.assertNotIn(b"DKIM", self.mx.messages[0])

    def test_the_queue_signs_when_it_sends(self):
        self.mx.dot = self.next.dot = b"451 later"
        r = self.run_it("send", *self.settings(), "--queue", "a@example.org", input=MESSAGE)
        self.assertEqual(r.status, cli.OK, r.err)
        self.mx.dot = b"250 ok"
        self.make("rsa")  # another key by then: it is the one that counts
        r = self.run_it("queue", "run", *self.settings())
        self.assertEqual(r.status, cli.OK, r.err)
        self.assertEqual(self.arrived(self.mx.messages[-1]).count(b"DKIM-Signature:"), 1)

    def test_sendmail_signs_by_the_configuration_file(self):
        names = iter(self.settings())
        lines = [f"{n[2:]} {v}" for n, v in zip(names, names) if n != "--config"]
        conf = self.file("conf", ("\n".join(lines) + "\n").encode())
        r = self.run_it("send", "--config", conf, "a@example.org", input=MESSAGE)
        self.assertEqual(r.status, cli.OK, r.err)
        self.arrived(self.mx.messages[0])

    def test_nothing_secret_is_shown(self):
        for kind in ("ed25519", "rsa"):
            self.make(kind)
            r = self.run_it("send", *self.settings(), "-vv", "a@example.org", input=MESSAGE)
            body = "".join(open(self.key).read().splitlines()[1:-1])
            self.assertFalse(any(body[i:i + 20] in r.out + r.err for i in range(len(body) - 20)))


if __name__ == "__main__":
    result = unittest.main(exit=False, verbosity=0, warnings="ignore").result
    bad = len(result.failures) + len(result.errors)
    print(f"dkim command: {result.testsRun - bad} passed, {bad} failed")
    sys.exit(bad != 0)
