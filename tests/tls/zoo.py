#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The certificate zoo: certificates as a man in the middle, a careless administrator or an honest CA
would show them, each with the verdict that stsmail owes.

    zoo.py DIR          writes DIR/cases.json and the files that it names; nothing if they are there and fresh

A case: {"name", "row", "chain", "key", "ca", "host", "expect", "also"?, "at"?, "unfit"?}. chain and key are what the
server presents, ca is the file of trust anchors, host the reference identifier, expect one of "verified",
"host", "expired", "trust", "tls"; also: another that will do, where two things are wrong. at: seconds since
1970 that the client believes. unfit: the file of anchors has none that could serve.
Certificates are put together octet by octet here, since most of them are what no tool would make.
"""
import base64
import hashlib
import json
import os
import sys
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

HOST = "mta-sts.victim.example"  # a name that is good for an MX and for the policy host of victim.example
DAY = 86400
VERSION = 4  # of this file: raise it to have everything made anew


# ---- DER ------------------------------------------------------------------------------------------

def der(tag, *parts):
    body = b"".join(parts)
    n = len(body)
    if n < 128:
        return bytes([tag, n]) + body
    size = n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + body


def seq(*parts):
    return der(0x30, *parts)


def pieces(element):
    """The elements inside a constructed one, whole."""
    def whole(at):
        n, head = element[at + 1], 2
        if n & 128:
            head += n & 127
            n = int.from_bytes(element[at + 2:at + head], "big")
        return at + head, at + head + n
    at, end = whole(0)
    out = []
    while at < end:
        stop = whole(at)[1]
        out.append(element[at:stop])
        at = stop
    return out


def oid(text):
    first, second, *rest = (int(x) for x in text.split("."))
    out = b""
    for n in [first * 40 + second, *rest]:
        part = bytes([n & 127])
        while n > 127:
            n >>= 7
            part = bytes([n & 127 | 128]) + part
        out += part
    return der(6, out)


def integer(n):
    return der(2, n.to_bytes(n.bit_length() // 8 + 1, "big", signed=True))


def when(seconds):
    t = time.gmtime(seconds)
    if 1950 <= t.tm_year < 2050:
        return der(0x17, time.strftime("%y%m%d%H%M%SZ", t).encode())
    return der(0x18, time.strftime("%Y%m%d%H%M%SZ", t).encode())


def name(cn, tag=0x0C):
    return seq(der(0x31, seq(oid("2.5.4.3"), der(tag, cn.encode()))))


# ---- extensions -----------------------------------------------------------------------------------

def ext(number, value, critical=False):
    return seq(oid(number), der(1, b"\xff") if critical else b"", der(4, value))


def san(*names, critical=False):
    """Each a str (dNSName) or (tag, bytes)."""
    parts = [der(0x82, n.encode("latin-1")) if isinstance(n, str) else der(*n) for n in names]
    return ext("2.5.29.17", seq(*parts), critical)


def bc(ca, path=None, critical=True):
    return ext("2.5.29.19", seq(der(1, b"\xff") if ca else b"",
                                integer(path) if path is not None else b""), critical)


SIGN, ENCIPHER, CERT_SIGN = 0x80, 0x20, 0x04


def ku(bits, critical=True):
    return ext("2.5.29.15", der(3, bytes([0, bits])), critical)


SERVER, CLIENT, CODE, EMAIL = (f"1.3.6.1.5.5.7.3.{i}" for i in range(1, 5))
ANY = "2.5.29.37.0"


def eku(*uses, critical=False):
    return ext("2.5.29.37", seq(*(oid(u) for u in uses)), critical)


def spki(key):
    return key.public_key().public_bytes(serialization.Encoding.DER,
                                         serialization.PublicFormat.SubjectPublicKeyInfo)


def key_id(key):
    return hashlib.sha1(spki(key)).digest()


def skid(key):
    return ext("2.5.29.14", der(4, key_id(key)))


def akid(key):
    return ext("2.5.29.35", seq(der(0x80, key_id(key))))


def constraints(permitted=(), excluded=(), critical=True):
    def subtrees(tag, names):
        return der(tag, *(seq(der(*n) if isinstance(n, tuple) else der(0x82, n.encode())) for n in names)) \
            if names else b""
    return ext("2.5.29.30", seq(subtrees(0xA0, permitted), subtrees(0xA1, excluded)), critical)


# ---- keys -----------------------------------------------------------------------------------------

class Keys:
    """Private keys by name, made once and kept: the RSA ones are slow."""

    def __init__(self, folder):
        self.folder = folder

    def make(self, kind):
        if kind.startswith("rsa"):
            return rsa.generate_private_key(65537, int(kind[3:]))
        if kind == "ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        curve = {"p192": ec.SECP192R1, "p224": ec.SECP224R1, "p256": ec.SECP256R1, "p384": ec.SECP384R1,
                 "p521": ec.SECP521R1, "k256": ec.SECP256K1}[kind]
        return ec.generate_private_key(curve())

    def path(self, label):
        return os.path.join(self.folder, label + ".key")

    def get(self, label, kind="p256"):
        path = self.path(label)
        if os.path.exists(path):
            with open(path, "rb") as f:
                return serialization.load_pem_private_key(f.read(), None)
        key = self.make(kind)
        with open(path, "wb") as f:
            f.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                      serialization.NoEncryption()))
        return key


# ---- certificates ---------------------------------------------------------------------------------

NULL = der(5)
ALGORITHMS = {
    ("ec", "sha256"): seq(oid("1.2.840.10045.4.3.2")),
    ("ec", "sha384"): seq(oid("1.2.840.10045.4.3.3")),
    ("ec", "sha1"): seq(oid("1.2.840.10045.4.1")),
    ("rsa", "sha256"): seq(oid("1.2.840.113549.1.1.11"), NULL),
    ("rsa", "sha384"): seq(oid("1.2.840.113549.1.1.12"), NULL),
    ("rsa", "sha1"): seq(oid("1.2.840.113549.1.1.5"), NULL),
    ("rsa", "md5"): seq(oid("1.2.840.113549.1.1.4"), NULL),
    ("ed", ""): seq(oid("1.3.101.112")),
}
HASHES = {"sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha1": hashes.SHA1, "md5": hashes.MD5}


def sign(key, digest, tbs):
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(tbs)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(tbs, padding.PKCS1v15(), HASHES[digest]())
    return key.sign(tbs, ec.ECDSA(HASHES[digest]()))


NOW = int(time.time())
serial_numbers = iter(range(1000, 10 ** 9))


def certificate(subject, key, issuer, issuer_key, extensions, start=NOW - 2 * DAY, end=NOW + 60 * DAY,
                digest="sha256", version=2, serial=None, said=None, outer=None, public=None):
    """subject and issuer: DER names. said, outer: another algorithm in the TBS, or after it."""
    kind = "ed" if isinstance(issuer_key, ed25519.Ed25519PrivateKey) else \
        "rsa" if isinstance(issuer_key, rsa.RSAPrivateKey) else "ec"
    alg = ALGORITHMS[kind, "" if kind == "ed" else digest]
    tbs = seq(der(0xA0, integer(version)) if version else b"",
              integer(next(serial_numbers) if serial is None else serial),
              said or alg, issuer, seq(when(start), when(end)), subject, public or spki(key),
              der(0xA3, seq(*extensions)) if extensions else b"")
    return seq(tbs, outer or said or alg, der(3, b"\0", sign(issuer_key, digest, tbs)))


def pem(*ders):
    out = ""
    for d in ders:
        text = base64.b64encode(d).decode()
        lines = "\n".join(text[i:i + 64] for i in range(0, len(text), 64))
        out += f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"
    return out


class Ca:
    """A CA of the zoo; issue() makes what is below it."""

    def __init__(self, zoo, label, parent=None, kind="p256", extensions=None, usage=CERT_SIGN | 2, path=None,
                 cn=None, **more):
        self.zoo, self.key = zoo, zoo.keys.get(label, kind)
        self.name = name(cn or "Zoo " + label)
        if extensions is None:
            extensions = [bc(True, path), ku(usage), skid(self.key)]
            if parent:
                extensions.append(akid(parent.key))
        self.parent = parent
        above = parent or self
        self.der = certificate(self.name, self.key, above.name, above.key, extensions,
                               **{"end": NOW + 300 * DAY, **more})

    def chain(self):
        """This CA and those above it, without the root."""
        out, at = [], self
        while at.parent:
            out.append(at.der)
            at = at.parent
        return out


class Zoo:
    def __init__(self, folder):
        self.folder = folder
        self.keys = Keys(folder)
        self.cases = []
        self.written = set()

    def write(self, label, text):
        assert label not in self.written, label
        self.written.add(label)
        with open(os.path.join(self.folder, label), "w", encoding="ascii") as f:
            f.write(text)
        return label

    def leaf(self, issuer, names=(HOST,), kind="p256", extensions=None, usage=SIGN, uses=(SERVER,), extra=(),
             cn="leaf", **more):
        key = self.keys.get("leaf-" + kind, kind)
        if extensions is None:
            extensions = [bc(False), skid(key), akid(issuer.key)]
            extensions += [ku(usage)] if usage is not None else []
            extensions += [eku(*uses)] if uses else []
            extensions += [san(*names)] if names else []
        return certificate(name(cn), key, issuer.name, issuer.key, extensions + list(extra), **more)

    def case(self, label, row, expect, leaf, chain=(), kind="p256", ca="ca.pem", host=HOST, **more):
        """chain: a Ca (its chain is sent), or the DER certificates themselves."""
        ders = chain.chain() if isinstance(chain, Ca) else list(chain)
        self.cases.append({"name": label, "row": row, "expect": expect, "host": host, "ca": ca,
                           "chain": self.write(label + ".pem", pem(leaf, *ders)),
                           "key": f"leaf-{kind}.key", **more})


# ---- the animals ----------------------------------------------------------------------------------

def honest(z, root, inter):
    add = z.case
    add("good", "X09", "verified", z.leaf(inter), inter)
    add("good-root-sent", "X16", "verified", z.leaf(inter), inter.chain() + [root.der])
    add("good-under-root", "X16", "verified", z.leaf(root))
    add("good-no-eku", "X19", "verified", z.leaf(inter, uses=()), inter)
    add("good-no-ku", "X19", "verified", z.leaf(inter, usage=None), inter)
    add("good-any-eku", "X19", "verified", z.leaf(inter, uses=(ANY,)), inter)
    add("good-two-uses", "X19", "verified", z.leaf(inter, uses=(CLIENT, SERVER)), inter)
    add("good-ku-both", "X19", "verified", z.leaf(inter, usage=SIGN | ENCIPHER), inter)
    add("good-critical-san", "X11", "verified", z.leaf(inter, (), extra=[san(HOST, critical=True)]), inter)
    add("good-no-akid", "X16", "verified",
        z.leaf(inter, extensions=[bc(False), ku(SIGN), san(HOST)]), inter)
    for kind in ("rsa2048", "rsa3072", "rsa4096", "p384"):
        add("good-" + kind, "X21", "verified", z.leaf(inter, kind=kind), inter, kind=kind)
    rsa_root = Ca(z, "root-rsa", kind="rsa2048", digest="sha256")
    rsa_inter = Ca(z, "inter-rsa", rsa_root, kind="rsa4096", digest="sha384")
    z.write("rsa.pem", pem(rsa_root.der))
    add("good-rsa-chain", "X21", "verified", z.leaf(rsa_inter, kind="rsa2048"), rsa_inter, kind="rsa2048",
        ca="rsa.pem")
    p384_root = Ca(z, "root-384", kind="p384", digest="sha384")
    p384_inter = Ca(z, "inter-384", p384_root, kind="p384", digest="sha384")
    z.write("p384.pem", pem(p384_root.der))
    add("good-384-chain", "X21", "verified", z.leaf(p384_inter, digest="sha384"), p384_inter, ca="p384.pem")
    deep = inter
    for i in range(4):
        deep = Ca(z, f"deep-{i}", deep)
    add("good-deep", "X24", "verified", z.leaf(deep), deep)
    add("good-until-2060", "X15", "verified", z.leaf(inter, end=NOW + 34 * 365 * DAY), inter)


def identities(z, inter):
    def add(label, row, expect, names, host=HOST, **more):
        z.case(label, row, expect, z.leaf(inter, names, **more), inter, host=host)

    def raw(label, row, expect, value):
        key = z.keys.get("leaf-p256")
        z.case(label, row, expect, z.leaf(inter, extensions=[
            bc(False), ku(SIGN), skid(key), akid(inter.key), ext("2.5.29.17", value)]), inter)

    add("name-other", "X07", "host", ("mx.other.example",))
    add("name-cn-only", "X05", "host", (), cn=HOST)
    add("name-cn-and-email", "X06", "host", ((0x81, b"root@victim.example"),), cn=HOST)
    add("name-cn-and-other", "X07", "host", ("www.victim.example",), cn=HOST)
    add("name-ip-only", "X07", "host", ((0x87, bytes([127, 0, 0, 1])),), cn=HOST)
    add("name-uri-only", "X07", "host", ((0x86, b"https://mta-sts.victim.example/"),), cn=HOST)
    add("name-email-of-host", "X07", "host", ((0x81, b"mta-sts.victim.example"),))
    for i, pattern in enumerate(("m*.victim.example", "*s.victim.example", "mta-sts.*.example", "*.*.example",
                                 "mta-sts.victim.*", "*.*", "*", "*.", "**.victim.example", "*.example",
                                 "x*.victim.example", "mta-sts.v*m.example", "*mta-sts.victim.example", "*.com")):
        add(f"wild-{i}", "X08 X10", "host", (pattern,))
    add("wild-whole", "X09", "verified", ("*.victim.example",))
    add("wild-upper", "X13", "verified", ("*.VICTIM.example",))
    add("wild-two-labels", "X10", "host", ("*.victim.example",), host="a.mta-sts.victim.example")
    add("wild-itself", "X10", "host", ("*.victim.example",), host="victim.example")
    add("wild-top", "X10", "host", ("*.example",), host="victim.example")
    add("name-upper", "X13", "verified", ("MTA-STS.Victim.EXAMPLE",))
    add("name-parent", "X10", "host", ("victim.example",))
    add("name-child", "X10", "host", ("a.mta-sts.victim.example",))
    add("name-suffix", "X10", "host", ("evilmta-sts.victim.example",))
    add("name-alabel", "X13", "verified", ("xn--bcher-kva.example",), host="xn--bcher-kva.example")
    add("name-ulabel", "X13", "host", ((0x82, "b\u00fccher.example".encode()),), host="xn--bcher-kva.example")
    add("name-root-dot", "X14", "host", ("mta-sts.victim.example.",))
    add("name-lead-dot", "X14", "host", (".victim.example",))
    add("name-nul", "X11", "host", ("mta-sts.victim.example\0.evil.example",))
    add("name-nul-end", "X11", "host", ("mta-sts.victim.example\0",))
    add("name-nul-wild", "X11", "host", ("*\0.victim.example",))
    add("name-space", "X11", "host", ("mta-sts.victim.example ",))
    add("name-space-lead", "X11", "host", (" mta-sts.victim.example",))
    add("name-cr", "X11", "host", ("mta-sts.victim.example\r\n",))
    add("name-empty", "X11", "host", ("",))
    add("name-ip-text", "X12", "host", ("192.0.2.1",), host="192.0.2.1")
    add("name-ip-address", "X12", "host", ((0x87, bytes([192, 0, 2, 1])),), host="192.0.2.1")
    add("name-ip-wild", "X12", "host", ("*.0.2.1",), host="192.0.2.1")
    add("name-list-last", "X11", "verified", [f"n{i}.other.example" for i in range(60)] + [HOST])
    add("name-1000-last", "X11", "verified", [f"n{i}.other.example" for i in range(999)] + [HOST])
    add("name-1000-none", "X11", "host", [f"n{i}.other.example" for i in range(1000)])
    add("name-20000", "X24", "tls", [f"n{i}.other.example" for i in range(19999)] + [HOST])
    add("name-directory", "X11", "host", ((0xA4, name(HOST)),))
    raw("san-empty-list", "X11", "tls", seq())
    raw("san-garbage", "X11", "tls", b"\x30\x82\x7f\xff\x82\x16mta-sts.victim.example")
    raw("san-not-a-list", "X11", "tls", der(4, b"x"))


def dates(z, root, inter):
    def leaf(**more):
        return z.leaf(inter, **more)

    z.case("late-leaf", "X15", "expired", leaf(start=NOW - 9 * DAY, end=NOW - DAY), inter)
    z.case("early-leaf", "X15", "expired", leaf(start=NOW + 2 * DAY, end=NOW + 9 * DAY), inter)
    edge = leaf(start=NOW - DAY, end=NOW + DAY)
    z.case("edge-last", "X15", "verified", edge, inter, at=NOW + DAY - 1)
    z.case("edge-late", "X15", "expired", edge, inter, at=NOW + DAY + 1)
    z.case("edge-first", "X15", "verified", edge, inter, at=NOW - DAY + 1)
    z.case("edge-early", "X15", "expired", edge, inter, at=NOW - DAY - 1)
    late = Ca(z, "inter-late", root, start=NOW - 90 * DAY, end=NOW - DAY)
    z.case("late-inter", "X15", "expired", z.leaf(late), late)
    early = Ca(z, "inter-early", root, start=NOW + DAY)
    z.case("early-inter", "X15", "expired", z.leaf(early), early)
    old_root = Ca(z, "root-late", start=NOW - 900 * DAY, end=NOW - DAY)
    z.write("late.pem", pem(old_root.der))
    below = Ca(z, "inter-of-late", old_root)
    z.case("late-root", "X15", "expired", z.leaf(below), below, ca="late.pem")
    # an expired cross-signed copy that nobody needs any more is not in the way
    cross = certificate(inter.name, inter.key, old_root.name, old_root.key,
                        [bc(True), ku(CERT_SIGN), skid(inter.key), akid(old_root.key)],
                        start=NOW - 90 * DAY, end=NOW - DAY)
    z.case("cross-late-extra", "X16", "verified", z.leaf(inter), [inter.der, cross])
    # one root renewed with the same name and key: the file has both
    again = certificate(root.name, root.key, root.name, root.key,
                        [bc(True), ku(CERT_SIGN), skid(root.key)], start=NOW - 900 * DAY, end=NOW - DAY)
    z.write("renewed.pem", pem(again, root.der))
    z.case("root-renewed", "X31", "verified", z.leaf(inter), inter, ca="renewed.pem")


def chains(z, root, inter):
    add = z.case
    alone = Ca(z, "alone")
    add("unknown-root", "X16", "trust", z.leaf(alone))
    add("unknown-root-sent", "X16", "trust", z.leaf(alone), [alone.der])
    add("missing-inter", "X16", "trust", z.leaf(inter))
    me = Ca(z, "leaf-p256", cn="self", extensions=[bc(False), ku(SIGN), san(HOST), eku(SERVER)])
    add("self-signed", "X16", "trust", me.der)
    ca_me = Ca(z, "leaf-p256", cn="self ca", extensions=[bc(True), san(HOST), skid(me.key)])
    add("self-signed-ca", "X16", "trust", ca_me.der)
    z.write("self.pem", pem(ca_me.der))
    add("self-signed-trusted", "X16", "verified", ca_me.der, ca="self.pem")
    fake = Ca(z, "fake-root", cn="Zoo root", extensions=[bc(True), ku(CERT_SIGN), skid(root.key)])
    add("fake-root", "X16", "trust", z.leaf(fake, extensions=[bc(False), ku(SIGN), san(HOST), akid(root.key)]))
    add("fake-root-sent", "X16", "trust",
        z.leaf(fake, extensions=[bc(False), ku(SIGN), san(HOST), akid(root.key)]), [fake.der])
    add("fake-root-no-akid", "X16", "trust", z.leaf(fake, extensions=[bc(False), ku(SIGN), san(HOST)]),
        [fake.der])
    fake_late = Ca(z, "fake-root", cn="Zoo root", extensions=[bc(True), ku(CERT_SIGN), skid(z.keys.get("fake-root"))],
                   start=NOW - 9 * DAY, end=NOW - DAY)
    add("fake-root-late", "X16", "trust", z.leaf(fake_late, extensions=[bc(False), ku(SIGN), san(HOST)]),
        [fake_late.der], also="expired")
    # CVE-2026-93302: all that identifies the root, signature included, with another key and our name
    clone_key = z.keys.get("leaf-p256")
    clone = root.der.replace(spki(root.key), spki(clone_key))
    add("clone-of-root", "X03", "trust", clone, also="tls")
    tbs_clone = certificate(root.name, clone_key, root.name, root.key, [bc(True), san(HOST), skid(root.key)])
    add("clone-with-name", "X03", "trust", seq(pieces(tbs_clone)[0], *pieces(root.der)[1:]))
    other_root = Ca(z, "other-root")
    cross = certificate(root.name, root.key, other_root.name, other_root.key,
                        [bc(True), ku(CERT_SIGN), skid(root.key), akid(other_root.key)])
    add("cross-signed-extra", "X16", "verified", z.leaf(inter), [inter.der, cross])
    cross_inter = certificate(inter.name, inter.key, other_root.name, other_root.key,
                              [bc(True), ku(CERT_SIGN), skid(inter.key), akid(other_root.key)])
    add("cross-signed-twin", "X16", "verified", z.leaf(inter), [inter.der, cross_inter])
    add("cross-signed-twin-first", "X16", "verified", z.leaf(inter), [cross_inter, inter.der])
    add("unrelated-extra", "X16", "verified", z.leaf(inter), [inter.der, alone.der])
    add("inter-twice", "X24", "verified", z.leaf(inter), [inter.der, inter.der])
    add("leaf-twice", "X24", "verified", z.leaf(root), [z.leaf(root, ("a.example",))])
    not_ca = z.leaf(inter)
    holder = Ca(z, "leaf-p256", cn="leaf")
    under = certificate(name("below"), holder.key, name("leaf"), holder.key,
                        [bc(False), ku(SIGN), san(HOST), akid(holder.key)])
    add("leaf-as-issuer", "X17", "trust", under, [not_ca, inter.der])
    no_bc = Ca(z, "inter-no-bc", root, extensions=[ku(CERT_SIGN), skid(z.keys.get("inter-no-bc")), akid(root.key)])
    add("inter-no-bc", "X17", "trust", z.leaf(no_bc), no_bc)
    false_bc = Ca(z, "inter-not-ca", root, extensions=[bc(False), ku(SIGN), skid(z.keys.get("inter-not-ca"))])
    add("inter-not-ca", "X17", "trust", z.leaf(false_bc), false_bc)
    no_sign = Ca(z, "inter-no-sign", root, usage=SIGN)
    add("inter-no-cert-sign", "X17", "trust", z.leaf(no_sign), no_sign)
    v1 = Ca(z, "inter-v1", root, extensions=[], version=0)
    add("inter-v1", "X20", "trust", z.leaf(v1), v1)
    short = Ca(z, "inter-path0", root, path=0)
    add("path-fits", "X17", "verified", z.leaf(short), short)
    longer = Ca(z, "below-path0", short)
    add("path-exceeded", "X17", "trust", z.leaf(longer), longer)
    no_ku = Ca(z, "below-path0-no-ku", short, extensions=[bc(True), skid(z.keys.get("below-path0-no-ku")),
                                                          akid(short.key)])
    add("path-exceeded-no-ku", "X17", "trust", z.leaf(no_ku), no_ku)
    self_issued = Ca(z, "path0-rekeyed", short, cn="Zoo inter-path0")
    dodge = Ca(z, "below-rekeyed", self_issued)
    add("path-dodged", "X17", "trust", z.leaf(dodge), dodge)
    # one CA's key identifier and signature, another one's name: neither of them issued it
    posed = certificate(name("Zoo posed"), z.keys.get("posed"), inter.name, short.key,
                        [bc(True), ku(CERT_SIGN), skid(inter.key), akid(short.key)])
    under_posed = certificate(name("leaf"), z.keys.get("leaf-p256"), name("Zoo posed"), z.keys.get("posed"),
                              [bc(False), ku(SIGN), san(HOST), eku(SERVER)])
    add("path-posed", "X17", "trust", under_posed, [posed, short.der, inter.der])
    add("path-posed-2", "X17", "trust", under_posed, [posed, inter.der, short.der])
    posed_leaf = certificate(name("leaf"), z.keys.get("leaf-p256"), inter.name, short.key,
                             [bc(False), ku(SIGN), san(HOST), eku(SERVER), skid(inter.key), akid(short.key)])
    add("name-posed", "X17", "trust", posed_leaf, [short.der, inter.der])
    for i in range(2):  # which of two CAs of one name is found first is a matter of their keys
        same_name = Ca(z, f"path0-of-that-name-{i}", root, path=0, cn="Zoo inter")
        posed = certificate(name("Zoo posed"), z.keys.get("posed"), inter.name, same_name.key,
                            [bc(True), ku(CERT_SIGN), skid(inter.key)])
        add(f"path-posed-{3 + i}", "X17", "trust", under_posed, [posed, inter.der, same_name.der])
    add("chain-of-100", "X24", "tls", z.leaf(inter), [inter.der] * 99)
    critical = Ca(z, "inter-critical", root, extensions=[
        bc(True), ku(CERT_SIGN), skid(z.keys.get("inter-critical")), ext("1.2.3.4", der(5), True)])
    add("inter-critical-unknown", "X20", "trust", z.leaf(critical), critical)
    weak = Ca(z, "inter-1024", root, kind="rsa1024")
    add("inter-rsa1024", "X21", "trust", z.leaf(weak), weak)
    old = Ca(z, "inter-sha1", root, digest="sha1")
    add("inter-sha1", "X21", "trust", z.leaf(old), old)
    z.write("root-and-inter.pem", pem(root.der, inter.der))
    add("inter-in-ca-file", "X31", "verified", z.leaf(inter), ca="root-and-inter.pem")
    z.write("inter-only.pem", pem(inter.der))
    add("inter-without-root", "X31", "trust", z.leaf(inter), inter, ca="inter-only.pem")
    z.write("inter-late-in-file.pem", pem(root.der, Ca(z, "inter-late-file", root, start=NOW - 9 * DAY,
                                                       end=NOW - DAY).der))
    late = Ca(z, "inter-late-file", root)
    add("inter-late-in-ca-file", "X31", "expired", z.leaf(late), ca="inter-late-in-file.pem")
    for label, extensions in (("root-not-ca", [bc(False), ku(SIGN)]), ("root-no-bc", []),
                              ("root-no-cert-sign", [bc(True), ku(SIGN)])):
        top = Ca(z, label, extensions=extensions)
        z.write(f"only-{label}.pem", pem(top.der))
        add(label, "X17", "trust", z.leaf(top, extensions=[bc(False), ku(SIGN), san(HOST)]),
            ca=f"only-{label}.pem", unfit=True)
    plain = Ca(z, "root-plain", extensions=[bc(True)])
    z.write("root-plain.pem", pem(plain.der))
    long_id = hashlib.sha256(spki(z.keys.get("root-id32"))).digest()  # as long as wolfSSL's own hash of one
    id32 = Ca(z, "root-id32", extensions=[bc(True), ku(CERT_SIGN), ext("2.5.29.14", der(4, long_id))])
    z.write("root-id32-ca.pem", pem(id32.der))
    add("root-id32", "X16", "verified", z.leaf(id32, extensions=[
        bc(False), ku(SIGN), san(HOST), ext("2.5.29.35", seq(der(0x80, long_id)))]), ca="root-id32-ca.pem")
    add("root-no-id", "X16", "verified", z.leaf(plain), ca="root-plain.pem")
    add("root-by-name", "X16", "verified", z.leaf(plain, extensions=[bc(False), ku(SIGN), san(HOST)]),
        ca="root-plain.pem")
    limit = Ca(z, "inter-path1", root, path=1)
    rekeyed = Ca(z, "path1-rekeyed", limit, cn="Zoo inter-path1")
    below = Ca(z, "below-path1", rekeyed)
    add("path-dodged-1", "X17", "trust", z.leaf(Ca(z, "lowest", below)), [
        *Ca(z, "lowest", below).chain()])
    disorder(z, root, inter, short, longer)
    forged_rsa(z, root, [])
    forged_rsa(z, inter, [inter.der])
    lines = pem(root.der).split("\n")
    z.write("messy.pem", "# our root\r\n" + "garbage ---- -----BEGIN\r\n" + "\r\n".join(
        [lines[0], "!!!" + lines[1][3:], *lines[2:]]) + pem(alone.der) + "\r\n".join(lines) +
        "-----BEGIN CERTIFICATE-----\nMIIB\n")
    add("ca-file-messy", "X31", "verified", z.leaf(inter), inter, ca="messy.pem")
    body = "".join(lines[1:-2])
    by_50 = [body[i:i + 50] for i in range(0, len(body), 50)]
    z.write("odd.pem", "\n".join([lines[0], *by_50, lines[-2], ""]))
    add("ca-file-lines-of-50", "X31", "verified", z.leaf(inter), inter, ca="odd.pem")
    z.write("one-line.pem", f"{lines[0]}\n{body}\n{lines[-2]}\n")
    add("ca-file-one-line", "X31", "verified", z.leaf(inter), inter, ca="one-line.pem")
    ragged = [body[i:i + n] for i, n in ((0, 7), (7, 100), (107, 1), (108, 10 ** 6))]
    z.write("ragged.pem", "\n".join([lines[0], *ragged, lines[-2], ""]))
    add("ca-file-ragged", "X31", "verified", z.leaf(inter), inter, ca="ragged.pem")
    z.write("twice.pem", pem(root.der, root.der, alone.der))
    add("ca-file-duplicate", "X31", "verified", z.leaf(inter), inter, ca="twice.pem")


def disorder(z, root, inter, short, longer):
    """Chains whose certificates do not stand in the order of issue."""
    add = z.case
    a = Ca(z, "deep-0", inter)
    b = Ca(z, "deep-1", a)
    c = Ca(z, "deep-2", b)
    for i, order in enumerate(((a, b, c, inter), (inter, a, b, c), (b, inter, c, a), (c, a, inter, b))):
        add(f"disorder-{i}", "X24", "verified", z.leaf(c), [x.der for x in order])
    key = z.keys.get("id32")
    wide = Ca(z, "id32", inter, extensions=[
        bc(True), ku(CERT_SIGN), ext("2.5.29.14", der(4, hashlib.sha256(spki(key)).digest())), akid(inter.key)])
    add("disorder-id32", "X24", "verified", z.leaf(wide, extensions=[
        bc(False), ku(SIGN), san(HOST), ext("2.5.29.35", seq(der(0x80, hashlib.sha256(spki(key)).digest())))]),
        [inter.der, wide.der])
    add("disorder-gap", "X24", "trust", z.leaf(c), [a.der, c.der, inter.der])
    add("disorder-path", "X17", "trust", z.leaf(longer), [short.der, longer.der])
    stale = Ca(z, "stale", root, start=NOW - 9 * DAY, end=NOW - DAY)
    under = Ca(z, "under-late", stale)
    add("disorder-late", "X15", "expired", z.leaf(under), [stale.der, under.der])
    late = Ca(z, "late-below", inter, start=NOW - 9 * DAY, end=NOW - DAY)
    add("disorder-late-2", "X15", "expired", z.leaf(late), [inter.der, late.der])
    loop_a, loop_b = Ca(z, "loop-a"), Ca(z, "loop-b")
    over_a = certificate(loop_a.name, loop_a.key, loop_b.name, loop_b.key, [bc(True), ku(CERT_SIGN)])
    over_b = certificate(loop_b.name, loop_b.key, loop_a.name, loop_a.key, [bc(True), ku(CERT_SIGN)])
    add("loop", "X24", "trust", z.leaf(loop_a), [over_a, over_b] * 4)
    add("loop-no-akid", "X24", "trust", z.leaf(loop_a, extensions=[bc(False), ku(SIGN), san(HOST)]),
        [over_a, over_b] * 4)


def forged_rsa(z, root, before):
    """A CA with the RSA exponent 1: a signature of its is the padded digest itself."""
    key = z.keys.get("e1", "rsa2048")
    numbers = der(3, b"\0", seq(integer(key.public_key().public_numbers().n), integer(1)))
    e1 = Ca(z, "inter-e1", root, extensions=[bc(True), ku(CERT_SIGN)],
            public=seq(seq(oid("1.2.840.113549.1.1.1"), NULL), numbers))
    forged = pieces(certificate(name("leaf"), z.keys.get("leaf-p256"), e1.name, key,
                                [bc(False), ku(SIGN), san(HOST)]))
    digest = seq(seq(oid("2.16.840.1.101.3.4.2.1"), NULL), der(4, hashlib.sha256(forged[0]).digest()))
    padded = b"\0\1" + b"\xff" * (256 - 3 - len(digest)) + b"\0" + digest
    z.case("disorder-rsa-e1" if before else "inter-rsa-e1", "X21", "trust",
           seq(*forged[:2], der(3, b"\0", padded)), [*before, e1.der])


def name_constraints(z, root):
    def below(label, expect, names=(HOST,), row="X18", leaf_more=None, **limits):
        ca = Ca(z, "nc-" + label, root, extensions=[
            bc(True), ku(CERT_SIGN), skid(z.keys.get("nc-" + label)), akid(root.key), constraints(**limits)])
        z.case("nc-" + label, row, expect, z.leaf(ca, names, **(leaf_more or {})), ca)
        return ca

    below("permitted", "verified", permitted=["victim.example"])
    below("permitted-other", "trust", permitted=["other.example"])
    below("excluded", "trust", excluded=["victim.example"])
    below("excluded-other", "verified", excluded=["other.example"])
    below("permitted-other-cn", "trust", names=(), leaf_more={"cn": HOST}, permitted=["other.example"])
    below("excluded-wildcard", "trust", names=("*.victim.example",), excluded=["mta-sts.victim.example"])
    below("permitted-two", "verified", permitted=["other.example", "victim.example"])
    below("suffix-no-dot", "trust", permitted=["ictim.example"])
    below("second-name-outside", "trust", names=(HOST, "mx.other.example"), permitted=["victim.example"])
    top = below("above", "trust", permitted=["other.example"])
    lower = Ca(z, "nc-lower", top)
    z.case("nc-inherited", "X18", "trust", z.leaf(lower), lower)
    upper = Ca(z, "nc-exclude-above", root, extensions=[
        bc(True), ku(CERT_SIGN), skid(z.keys.get("nc-exclude-above")), constraints(excluded=["victim.example"])])
    lower = Ca(z, "nc-lower-2", upper)
    z.case("nc-inherited-exclusion", "X18", "trust", z.leaf(lower), lower)


def usages(z, inter, root):
    add = z.case
    add("eku-client", "X19", "tls", z.leaf(inter, uses=(CLIENT,)), inter)
    add("eku-code", "X19", "tls", z.leaf(inter, uses=(CODE,)), inter)
    add("eku-client-critical", "X19", "tls", z.leaf(inter, uses=(), extra=[eku(CLIENT, critical=True)]), inter)
    add("ku-cert-sign-only", "X19", "tls", z.leaf(inter, usage=CERT_SIGN), inter)
    add("ku-encipher-only", "X19", "tls", z.leaf(inter, usage=ENCIPHER), inter)
    key = z.keys.get("leaf-p256")
    add("leaf-is-ca", "X19", "tls", z.leaf(inter, extensions=[
        bc(True), ku(SIGN | CERT_SIGN), san(HOST), skid(key), akid(inter.key)]), inter)
    add("leaf-is-ca-no-ku", "X19", "tls", z.leaf(inter, extensions=[
        bc(True), san(HOST), skid(key), akid(inter.key)]), inter)
    add("critical-unknown", "X20", "tls", z.leaf(inter, extra=[ext("1.2.3.4.5", der(5), True)]), inter)
    add("unknown-not-critical", "X20", "verified", z.leaf(inter, extra=[ext("1.2.3.4.5", der(5))]), inter)
    add("leaf-v1", "X20", "tls", z.leaf(inter, extensions=[], version=0, cn=HOST), inter, also="trust")
    add("duplicate-san", "X20", "tls", z.leaf(inter, ("a.example",), extra=[san(HOST)]), inter)
    add("duplicate-eku", "X20", "tls", z.leaf(inter, uses=(CLIENT,), extra=[eku(SERVER)]), inter)
    for kind, expect in (("rsa1024", "tls"), ("p192", "tls"), ("p224", "tls"), ("k256", "tls"),
                         ("ed25519", "tls")):
        add("weak-" + kind, "X21", expect, z.leaf(inter, kind=kind), inter, kind=kind)
    add("serial-negative", "X20", "verified", z.leaf(inter, serial=-5), inter, also="tls")
    add("leaf-sha1", "X21", "trust", z.leaf(inter, digest="sha1"), inter)
    weak_rsa = Ca(z, "root-rsa", kind="rsa2048")
    add("leaf-rsa-md5", "X21", "trust", z.leaf(weak_rsa, digest="md5"), ca="rsa.pem")
    add("leaf-rsa-sha1", "X21", "trust", z.leaf(weak_rsa, digest="sha1"), ca="rsa.pem")
    add("alg-says-sha384", "X22", "trust", z.leaf(inter, said=ALGORITHMS["ec", "sha384"]), inter)
    add("alg-outer-differs", "X22", "tls", z.leaf(inter, outer=ALGORITHMS["ec", "sha384"]), inter)
    add("alg-says-rsa", "X22", "trust", z.leaf(inter, said=ALGORITHMS["rsa", "sha256"]), inter)
    good = z.leaf(inter)
    add("signature-flipped", "X23", "trust", good[:-1] + bytes([good[-1] ^ 1]), inter)
    at = good.index(HOST.encode())
    add("name-changed", "X23", "trust", good[:at] + b"mY" + good[at + 2:], inter, host="mya-sts.victim.example")
    zero = der(3, b"\0", seq(integer(0), integer(0)))
    add("signature-zero", "X22", "trust", seq(*pieces(good)[:2], zero), inter)
    add("signature-empty", "X22", "tls", seq(*pieces(good)[:2], der(3, b"\0")), inter)


def usages_of_cas(z, inter, root):
    """An extended key usage in a CA holds for what it issues, at once or further down."""
    def ca(label, parent, uses):
        key = z.keys.get(label)
        return Ca(z, label, parent, extensions=[bc(True), ku(CERT_SIGN), skid(key), eku(*uses),
                                                *([akid(parent.key)] if parent else [])])

    for label, uses, expect in (("email", (EMAIL,), "trust"), ("client", (CLIENT, CODE), "trust"),
                                ("any", (ANY,), "verified"), ("server", (CLIENT, SERVER), "verified")):
        top = ca("for-" + label, root, uses)
        z.case("inter-eku-" + label, "X19", expect, z.leaf(top), top)
        lower = Ca(z, "below-for-" + label, top)
        z.case("inter-eku-above-" + label, "X19", expect, z.leaf(lower), lower)
        z.write(f"for-{label}-ca.pem", pem(root.der, top.der))
        z.case("file-eku-" + label, "X19", expect, z.leaf(top), ca=f"for-{label}-ca.pem")
        first = Ca(z, "above-for-" + label, inter)
        low = ca("low-for-" + label, first, uses)
        z.case("disorder-eku-" + label, "X19", expect, z.leaf(low), [low.der, first.der, inter.der][::-1])
        own = ca("root-for-" + label, None, uses)
        z.write(f"root-for-{label}-ca.pem", pem(own.der))
        z.case("root-eku-" + label, "X19", expect, z.leaf(own), ca=f"root-for-{label}-ca.pem",
               unfit=expect != "verified")


def anchors(z, root, inter):
    """What a file of trust anchors may hold, and which of it serves."""
    def bare(issuer, **more):
        return z.leaf(issuer, extensions=[bc(False), ku(SIGN), san(HOST)], **more)

    def trusted(label, *cas):
        z.write(f"of-{label}.pem", pem(*(c.der for c in cas)))
        return {"ca": f"of-{label}.pem"}

    # one name, several keys: a leaf that does not say which was signed with any of them
    twins = [Ca(z, f"twin-{i}", cn="Zoo twin", kind=kind) for i, kind in enumerate(("p256", "rsa2048", "p384"))]
    stranger = Ca(z, "twin-of-nobody", cn="Zoo twin")
    for i, twin in enumerate(twins):
        z.case(f"root-twin-{i}", "X31", "verified", z.leaf(twin), **trusted(f"twins-{i}", *twins))
        z.case(f"root-twin-bare-{i}", "X31", "verified", bare(twin), **trusted(f"twins-bare-{i}", *twins))
        below = Ca(z, f"below-twin-{i}", twin, extensions=[bc(True), ku(CERT_SIGN), skid(z.keys.get(f"below-twin-{i}"))])
        z.case(f"root-twin-inter-{i}", "X31", "verified", bare(below), below, **trusted(f"twins-inter-{i}", *twins))
    z.case("root-twin-none", "X31", "trust", bare(stranger), **trusted("twins-none", *twins))
    z.case("root-twin-none-sent", "X31", "trust", bare(stranger), [stranger.der], **trusted("twins-sent", *twins))
    # one key, two names
    alias = [Ca(z, "root-alias", cn=cn) for cn in ("Zoo alias a", "Zoo alias b")]
    for i in (0, 1):
        z.case(f"root-alias-{i}", "X31", "verified", z.leaf(alias[i]), **trusted(f"alias-{i}", *alias))
    short, shorter = Ca(z, "root-path0", path=0), Ca(z, "root-path1", path=1)
    z.case("root-path0", "X17", "verified", z.leaf(short), **trusted("path0", short))
    over = Ca(z, "over-root-path0", short)
    z.case("root-path0-exceeded", "X17", "trust", z.leaf(over), over, **trusted("path0-exceeded", short))
    one = Ca(z, "under-root-path1", shorter)
    z.case("root-path1", "X17", "verified", z.leaf(one), one, **trusted("path1", shorter))
    two = Ca(z, "over-root-path1", one)
    z.case("root-path1-exceeded", "X17", "trust", z.leaf(two), two, **trusted("path1-exceeded", shorter))
    for label, limits, expect in (("permitted", {"permitted": ["victim.example"]}, "verified"),
                                  ("other", {"permitted": ["other.example"]}, "trust"),
                                  ("excluded", {"excluded": ["victim.example"]}, "trust")):
        key = z.keys.get("root-nc-" + label)
        top = Ca(z, "root-nc-" + label, extensions=[bc(True), ku(CERT_SIGN), skid(key), constraints(**limits)])
        z.case("root-nc-" + label, "X18", expect, z.leaf(top), **trusted("nc-" + label, top))
        low = Ca(z, "below-root-nc-" + label, top)
        # wolfSSL holds the common name of a CA against its issuer's constraints too: nothing that anybody is owed
        z.case("root-nc-above-" + label, "X18", "trust", z.leaf(low), low, **trusted("nc-above-" + label, top))
    strange = Ca(z, "root-critical", extensions=[bc(True), ku(CERT_SIGN), ext("1.2.3.4", der(5), True)])
    z.case("root-critical", "X20", "trust", z.leaf(strange), **trusted("critical", strange))
    early = Ca(z, "root-early", start=NOW + DAY)
    z.case("root-early", "X15", "expired", z.leaf(early), **trusted("early", early))
    stale = Ca(z, "root-stale", start=NOW - 9 * DAY, end=NOW - DAY)
    z.case("root-stale-among", "X15", "expired", z.leaf(stale), **trusted("stale", root, stale))
    forever = Ca(z, "root-forever", start=-19 * 365 * DAY, end=253402300799)
    z.case("root-forever", "X15", "verified", z.leaf(forever), **trusted("forever", forever))
    # a CA of a chain that is limited to other names, and of no use here, is not in the way
    aside = Ca(z, "nc-aside", root, extensions=[bc(True), ku(CERT_SIGN), skid(z.keys.get("nc-aside")), akid(root.key),
                                                constraints(permitted=["other.example"])])
    below = Ca(z, "nc-aside-below", aside)
    z.case("nc-unrelated-extra", "X18", "verified", z.leaf(inter), [inter.der, aside.der])
    z.case("nc-unrelated-chain", "X18", "verified", z.leaf(inter), [inter.der, below.der, aside.der])


def bundle(z, root, inter):
    """Our root behind all those of the system: looked up on demand."""
    system = "/etc/ssl/certs/ca-certificates.crt"
    if os.path.exists(system):
        with open(system, encoding="ascii") as f:
            text = f.read()
        z.write("bundle.pem", text + pem(root.der))
        z.case("bundle-last", "X31", "verified", z.leaf(inter), inter, ca="bundle.pem")
        z.write("public.pem", text)
        z.case("bundle-without", "X31", "trust", z.leaf(inter), inter, ca="public.pem")


def build(folder):
    os.makedirs(folder, exist_ok=True)
    z = Zoo(folder)
    root = Ca(z, "root")
    inter = Ca(z, "inter", root)
    z.write("ca.pem", pem(root.der))
    honest(z, root, inter)
    identities(z, inter)
    dates(z, root, inter)
    chains(z, root, inter)
    name_constraints(z, root)
    usages(z, inter, root)
    usages_of_cas(z, inter, root)
    anchors(z, root, inter)
    bundle(z, root, inter)
    labels = [c["name"] for c in z.cases]
    assert len(set(labels)) == len(labels), [x for x in labels if labels.count(x) > 1]
    with open(os.path.join(folder, "cases.json"), "w", encoding="ascii") as f:
        json.dump({"version": VERSION, "made": NOW, "cases": z.cases}, f, indent=1)
    return z.cases


def fresh(folder):
    """The cases of a folder made by this very file not long ago, else None."""
    try:
        path = os.path.join(folder, "cases.json")
        with open(path, encoding="ascii") as f:
            zoo = json.load(f)
        new = os.path.getmtime(path) > os.path.getmtime(__file__)
        return zoo["cases"] if new and zoo["version"] == VERSION and NOW - zoo["made"] < 20 * 3600 else None
    except (OSError, ValueError, KeyError):
        return None


def cases(folder):
    return fresh(folder) or build(folder)


if __name__ == "__main__":
    start = time.time()
    print(f"{len(cases(sys.argv[1]))} certificates in {sys.argv[1]}, {time.time() - start:.1f} s")
