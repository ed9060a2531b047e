# SPDX-License-Identifier: MIT
"""A laboratory for tests with real connections: a network namespace of its own, a private CA, and the program.

    import lab
    lab.enter()                    # from here on in a namespace: loopback only, nothing left behind
    ca = lab.CA(lab.scratch("ca"))
    key, chain = ca.issue("mx1.example.org")
    result = lab.stsmail("send", "--dns", "127.0.0.1", ..., "ops@example.org", stdin=b"...")
"""
import datetime
import ipaddress
import json
import os
import shutil
import subprocess
import sys
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build")
PROGRAM = os.environ.get("STSMAIL", os.path.join(BUILD, "linux", "stsmail"))
MARK = "STSMAIL_LAB"


def enter():
    """Goes on in namespaces of its own for network, mounts and processes. What the test starts ends with it."""
    if os.environ.get(MARK) == "1":
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        # faketime names its memory after process ids, which other namespaces have too.
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/dev/shm"], check=True)
        for n in range(1, 64):
            subprocess.run(["ip", "-6", "addr", "add", f"fd00::{n:x}/128", "dev", "lo", "nodad"], check=True)
        return
    sudo = [] if os.geteuid() == 0 else ["sudo", "--preserve-env=STSMAIL," + MARK]
    env = dict(os.environ, **{MARK: "1"})
    os.execvpe((sudo + ["unshare"])[0],
               sudo + ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
                       sys.executable, *sys.argv], env)


def scratch(name):
    """An empty folder under build/lab."""
    path = os.path.join(BUILD, "lab", os.path.basename(sys.argv[0]).replace(".py", ""), name)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


class CA:
    """A root, and certificates under it. Times are days from now."""

    def __init__(self, folder, name="stsmail test root", kind="ec"):
        self.folder, self.kind = folder, kind
        self.key = self._key(kind)
        self.cert = self._sign(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), self.key.public_key(),
                               issuer=None, ca=True, names=[], days=(-1, 3650))
        self.file = os.path.join(folder, name.replace(" ", "-") + ".pem")
        with open(self.file, "wb") as f:
            f.write(self.cert.public_bytes(serialization.Encoding.PEM))

    @staticmethod
    def _key(kind):
        if kind == "ec":
            return ec.generate_private_key(ec.SECP256R1())
        if kind == "p384":
            return ec.generate_private_key(ec.SECP384R1())
        return rsa.generate_private_key(65537, int(kind[3:]))  # "rsa2048"

    def _sign(self, subject, public, issuer, ca, names, days):
        now = datetime.datetime.now(datetime.timezone.utc)
        b = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer or subject).public_key(public)
             .serial_number(x509.random_serial_number())
             .not_valid_before(now + datetime.timedelta(days=days[0])).not_valid_after(now + datetime.timedelta(days=days[1]))
             .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
             .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
             .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False))
        if ca:
            b = b.add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True)
        if names:
            b = b.add_extension(x509.SubjectAlternativeName([self._name(n) for n in names]), critical=False)
        return b.sign(self.key, hashes.SHA256())

    @staticmethod
    def _name(n):
        try:
            return x509.IPAddress(ipaddress.ip_address(n))
        except ValueError:
            return x509.DNSName(n)

    def issue(self, *names, kind="ec", days=(-1, 90), file=None):
        """(key file, chain file) of a certificate for these names, the first also as its CN."""
        key = self._key(kind)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
        cert = self._sign(subject, key.public_key(), self.cert.subject, False, names, days)
        base = os.path.join(self.folder, file or names[0].replace("*", "_"))
        with open(base + ".key", "wb") as f:
            f.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                      serialization.NoEncryption()))
        with open(base + ".crt", "wb") as f:
            f.write(cert.public_bytes(serialization.Encoding.PEM))
        return base + ".key", base + ".crt"


class Result:
    """What one run of the program gave."""

    def __init__(self, done, took):
        self.status = done.returncode
        self.stdout = done.stdout.decode(errors="replace")
        self.stderr = done.stderr.decode(errors="replace")
        self.took = took
        self.json = []
        for line in self.stdout.splitlines():
            try:
                self.json.append(json.loads(line))
            except ValueError:
                pass

    def __repr__(self):
        return f"status {self.status}\n{self.stdout}{self.stderr}"


def stsmail(*args, stdin=b"", timeout=120, env=None):
    """Runs the program."""
    start = time.monotonic()
    done = subprocess.run([PROGRAM, *map(str, args)], input=stdin, capture_output=True, timeout=timeout,
                          env=dict(os.environ, **(env or {})))
    return Result(done, time.monotonic() - start)


class Tally:
    """Counts checks; a test that fails is told and the rest goes on."""

    def __init__(self, suite):
        self.suite, self.good, self.bad = suite, 0, 0

    def check(self, what, ok, detail=""):
        self.good, self.bad = self.good + bool(ok), self.bad + (not ok)
        if not ok:
            print(f"FAILED {self.suite}: {what}\n{detail}", flush=True)
        return ok

    def end(self):
        print(f"{self.suite}: {self.good} passed, {self.bad} failed", flush=True)
        sys.exit(self.bad != 0)
