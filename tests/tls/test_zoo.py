#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The TLS port against the zoo (zoo.py) and against servers that misbehave, on 127.0.0.1.

    test_zoo.py CLIENT DIR [NAME...]    CLIENT: tests/tls/client.c, DIR: the zoo's folder

With TRUST=table in the environment the client makes a table of each CA file and trusts that.

Every certificate is shown with TLS 1.2 and 1.3, to a client that requires a verified peer and to one that
does not. The last line is "zoo: N passed, N failed".
"""
import concurrent.futures
import json
import os
import random
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import warnings

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import zoo  # noqa: E402

warnings.simplefilter("ignore", DeprecationWarning)  # TLS 1.0 and 1.1 are here to be refused
ERRORS = {0: "ok", -29: "end", -21: "closed", -26: "memory", -27: "random", -25: "clock", -8: "config",
          -31: "host", -32: "expired", -33: "trust", -34: "tls", 99: "stalled"}
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
FOLDER, CLIENT = sys.argv[2], os.path.abspath(sys.argv[1])
HOST = zoo.HOST


class Client:
    """One process of tests/tls/client.c, which makes a connection a line."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([CLIENT, *arguments], cwd=FOLDER, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def ask(self, port, ca="ca.pem", host=HOST, require=True, alpn="-", at=0):
        self.process.stdin.write(f"{ca} {host} {port} {int(require)} {alpn} {at}\n")
        self.process.stdin.flush()

    def answer(self):
        line = self.process.stdout.readline().split()
        if len(line) != 10:
            raise RuntimeError(f"the client died, status {self.process.wait()}")
        return Result(line)

    def close(self):
        self.process.stdin.close()
        return self.process.wait()


class Result:
    def __init__(self, f):
        self.open, self.handshake = ERRORS.get(int(f[0]), f[0]), ERRORS.get(int(f[1]), f[1])
        self.version, self.verified, self.error = f[2], f[3] == "1", ERRORS.get(int(f[4]), f[4])
        self.received, self.end = int(f[5]), ERRORS.get(int(f[6]), f[6])
        self.used, self.peak, self.failed = int(f[7]), int(f[8]), int(f[9])

    def __repr__(self):
        return " ".join(f"{k}={v}" for k, v in vars(self).items())


class Server:
    """Accepts one connection and gives it to `serve`, which may do as it likes."""

    def __init__(self, serve):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(10)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.run, args=(serve,), daemon=True)
        self.thread.start()

    def run(self, serve):
        try:
            connection, _ = self.listener.accept()
            connection.settimeout(6)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection:
                serve(connection)
        except (OSError, ssl.SSLError):
            pass
        finally:
            self.listener.close()

    def finish(self):
        self.thread.join(10)


clients = threading.local()
all_clients = []


def client():
    if not hasattr(clients, "one"):
        clients.one = Client()
        all_clients.append(clients.one)
    return clients.one


def meet(serve, **ask):
    """One connection of this thread's client to a server of that behaviour."""
    server = Server(serve)
    client().ask(server.port, **ask)
    result = client().answer()
    server.finish()
    return result


# ---- servers --------------------------------------------------------------------------------------

contexts = {}
contexts_lock = threading.Lock()


def context(chain=None, key=None, version=None, ciphers="ALL:@SECLEVEL=0", groups=None, alpn=None):
    which = (chain, key, version, ciphers, groups, alpn)
    with contexts_lock:
        if which not in contexts:
            c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            c.set_ciphers(ciphers)
            if version:
                c.minimum_version = c.maximum_version = version
            if groups:
                c.set_ecdh_curve(groups)
            if alpn:
                c.set_alpn_protocols([alpn])
            if chain:
                c.load_cert_chain(os.path.join(FOLDER, chain), os.path.join(FOLDER, key))
            contexts[which] = c
        return contexts[which]


def good_context(version=None, **more):
    return context("good.pem", "leaf-p256.key", version, **more)


def honest(ctx, say=b"pong", farewell=True):
    """TLS as it should be: hears "ping", says something, ends properly (or not)."""
    def serve(sock):
        with ctx.wrap_socket(sock, server_side=True, suppress_ragged_eofs=True) as tls:
            tls.recv(5)
            tls.sendall(say)
            if farewell:
                tls.unwrap()
    return serve


def pump(sock, tls, incoming, outgoing, step, mangle=lambda data: data):
    """A step of an SSLObject over a socket; what it sends goes through mangle."""
    while True:
        try:
            out = step(tls)
            again = False
        except ssl.SSLWantReadError:
            again = True
        data = outgoing.read()
        if data:
            sock.sendall(mangle(data))
        if not again:
            return out
        data = sock.recv(65536)
        if not data:
            raise OSError("gone")
        incoming.write(data)


def mangling(ctx, mangle, payload=b"A" * 200):
    """TLS whose records are changed once the handshake is over: one payload, through `mangle`."""
    def serve(sock):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = ctx.wrap_bio(incoming, outgoing, server_side=True)
        pump(sock, tls, incoming, outgoing, lambda t: t.do_handshake())
        pump(sock, tls, incoming, outgoing, lambda t: t.read(5))
        pump(sock, tls, incoming, outgoing, lambda t: t.write(payload), mangle)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(4096):
            pass
    return serve


def in_the_middle(ctx, change):
    """A TLS 1.2 handshake of which the server's cleartext is changed."""
    def serve(sock):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = ctx.wrap_bio(incoming, outgoing, server_side=True)
        pump(sock, tls, incoming, outgoing, lambda t: t.do_handshake(), change)
        pump(sock, tls, incoming, outgoing, lambda t: t.write(b"pong"))
        sock.shutdown(socket.SHUT_WR)
        sock.recv(4096)
    return serve


def raw(*data, hello=True):
    """Bytes that are no answer to anything."""
    def serve(sock):
        if hello:
            sock.recv(4096)
        for piece in data:
            sock.sendall(piece)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(4096):
            pass
    return serve


def record(kind, body, version=0x0303):
    return struct.pack("!BHH", kind, version, len(body)) + body


def message(kind, body):
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def server_hello(suite, extensions=b"", version=0x0303, chance=b"\x11" * 32):
    return message(2, struct.pack("!H", version) + chance + b"\0" + struct.pack("!HB", suite, 0) +
                   struct.pack("!H", len(extensions)) + extensions)


def extension(kind, body):
    return struct.pack("!HH", kind, len(body)) + body


HRR = bytes.fromhex("CF21AD74E59A6111BE1D8C021E65B891C2A211167ABB8C5E079E09E2C8A8339C")
RETRY = server_hello(0x1303, extension(43, b"\3\4") + extension(51, b"\0\x18"), chance=HRR)
EMS = extension(23, b"")


# ---- the tests ------------------------------------------------------------------------------------

results = []


def check(label, ok, detail=""):
    results.append((label, ok))
    if not ok:
        print(f"FAILED {label}: {detail}", flush=True)


def run_case(case, version, require):
    """One certificate, one version: verdict as the zoo says, leak-free."""
    label = f"{case['row']} {case['name']} {version.name} {'require' if require else 'look'}"
    try:
        ctx = context(case["chain"], case["key"], version)
    except ssl.SSLError as error:
        return check(label, case["expect"] == "tls", f"the server cannot use it: {error}")
    r = meet(honest(ctx), ca=case["ca"], host=case["host"], require=require, at=case.get("at", 0))
    if case.get("unfit") and "TRUST" in os.environ:  # no table holds such a root
        return check(label, r.open == "config" and not r.verified, repr(r))
    expect = case.get("also") if r.error == case.get("also") else case["expect"]
    if expect == "verified":
        ok = r.handshake == "ok" and r.verified and r.error == "ok" and r.received == 4 and r.end == "end"
    elif require:
        ok = not r.verified and r.received == 0 and \
            (r.handshake == r.error == expect or (expect == "tls" and r.handshake in ("tls", "closed")))
    elif r.handshake == "ok":
        ok = not r.verified and r.error == expect and r.received == 4
    else:
        ok = not r.verified and expect in ("tls", "trust") and r.handshake in ("tls", "closed", "trust")
    return check(label, ok and r.open == "ok" and r.used == 0 and r.failed == 0, repr(r))


def suites():
    """X01, X04: what is offered and taken."""
    for label, ctx in (
            ("X01 anonymous", context(version=V12, ciphers="aNULL:@SECLEVEL=0")),
            ("X04 null cipher", good_context(V12, ciphers="eNULL:@SECLEVEL=0")),
            ("X04 cbc only", good_context(V12, ciphers="ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384:@SECLEVEL=0")),
            ("X04 psk only", context(version=V12, ciphers="PSK:@SECLEVEL=0")),
            ("X04 tls 1.1", good_context(ssl.TLSVersion.TLSv1_1)),
            ("X04 tls 1.0", good_context(ssl.TLSVersion.TLSv1)),
            ("X04 rsa key exchange", context("good-rsa2048.pem", "leaf-rsa2048.key", V12,
                                             ciphers="AES128-GCM-SHA256:AES256-SHA:@SECLEVEL=0")),
            ("X04 dhe only", context("good-rsa2048.pem", "leaf-rsa2048.key", V12, ciphers="DHE:@SECLEVEL=0"))):
        for require in (True, False):
            r = meet(honest(ctx), require=require)
            check(f"{label} {require}", r.handshake in ("tls", "closed") and not r.verified, repr(r))
    for name in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
                 "ECDHE-ECDSA-CHACHA20-POLY1305"):
        r = meet(honest(good_context(V12, ciphers=name)))
        check(f"suite {name}", r.verified and r.end == "end", repr(r))
    for name in ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305"):
        r = meet(honest(context("good-rsa2048.pem", "leaf-rsa2048.key", V12, ciphers=name)))
        check(f"suite {name}", r.verified and r.end == "end", repr(r))
    for group in ("prime256v1", "secp384r1"):  # X25519 is what the others use
        for version in (V12, V13):
            r = meet(honest(good_context(version, groups=group)))
            check(f"X28 group {group} {version.name}", r.verified and r.end == "end", repr(r))
    r = meet(honest(good_context(V12, groups="secp521r1")))
    check("X21 group not offered", r.handshake in ("tls", "closed"), repr(r))


def ends():
    """close_notify is told from a connection that just ended; silence is neither."""
    for version in (V12, V13):
        r = meet(honest(good_context(version)))
        check(f"end by close_notify {version.name}", r.end == "end" and r.received == 4, repr(r))
        r = meet(honest(good_context(version), farewell=False))
        check(f"end without close_notify {version.name}", r.end == "closed" and r.received == 4, repr(r))
        r = meet(honest(good_context(version), say=bytes(200000)))
        check(f"much data {version.name}", r.end == "end" and r.received == 200000, repr(r))
    r = meet(raw(hello=False))
    check("peer gone at once", r.handshake == "closed", repr(r))
    r = meet(raw())
    check("peer gone after our hello", r.handshake == "closed", repr(r))


def alpn():
    r = meet(honest(good_context(alpn="http/1.1")), alpn="http/1.1")
    check("H20 alpn agreed", r.verified and r.end == "end", repr(r))
    r = meet(honest(good_context()), alpn="http/1.1")
    check("H20 alpn not spoken", r.verified, repr(r))
    r = meet(honest(good_context(alpn="h2")), alpn="http/1.1")
    check("H20 alpn h2 only", r.verified or r.handshake == "tls", repr(r))
    for kind, choice in (("h2", b"\0\3\2h2"), ("two", b"\0\x0c\2h2\x08http/1.1"), ("empty", b"\0\1\0")):
        hello = server_hello(0xC02B, EMS + extension(16, choice))
        r = meet(raw(record(22, hello)), alpn="http/1.1")
        check(f"H20 alpn forced {kind}", r.handshake in ("tls", "closed") and not r.verified, repr(r))


def scripts():
    """X02, X24..X28: bytes that anybody on the way can send before encryption starts."""
    done = message(14, b"")
    adh = message(12, struct.pack("!H", 2) + b"\0\x17" + struct.pack("!H", 1) + b"\2" + struct.pack("!H", 2) + b"\0\x08")
    good = context("good.pem", "leaf-p256.key", V12)
    cases = {
        "X02 anonymous not offered": [record(22, server_hello(0x00A7, EMS)), record(22, adh), record(22, done)],
        "X02 anonymous in one record": [record(22, server_hello(0x00A7, EMS) + adh + done)],
        "X02 null suite": [record(22, server_hello(0xC006, EMS) + done)],
        "X04 version 1.1 chosen": [record(22, server_hello(0xC02B, EMS, version=0x0302))],
        "X04 version 1.4 chosen": [record(22, server_hello(0x1301, extension(43, b"\3\5")))],
        "X25 ccs first": [record(20, b"\1")],
        "X25 ccs after hello": [record(22, server_hello(0xC02B, EMS)), record(20, b"\1"), record(22, bytes(40))],
        "X25 finished first": [record(22, message(20, bytes(12)))],
        "X25 done at once": [record(22, server_hello(0xC02B, EMS)), record(22, done)],
        "X25 certificate first": [record(22, message(11, b"\0\0\0"))],
        "X25 two hellos": [record(22, server_hello(0xC02B, EMS))] * 2,
        "X25 two hellos in one record": [record(22, server_hello(0xC02B, EMS) * 2)],
        "X25 empty certificate": [record(22, server_hello(0xC02B, EMS)), record(22, message(11, b"\0\0\0")),
                                  record(22, done)],
        "X25 data in clear": [record(23, b"250 ok\r\n")],
        "X25 data after hello": [record(22, server_hello(0xC02B, EMS)), record(23, b"250 ok\r\n")],
        "X26 hello requests": [record(22, message(0, b""))] * 200,
        "X26 empty handshake": [record(22, b"")] * 200,
        "X26 empty data": [record(23, b"")] * 200,
        "X26 too long": [record(22, b"")[:3] + b"\x48\x01" + bytes(0x4801)],
        "X26 one byte a record": [record(22, bytes([b])) for b in server_hello(0x00A7, EMS)],
        "X26 warnings": [record(21, b"\1\x64")] * 5000,
        "X26 fatal alert": [record(21, b"\2\x28")],
        "X26 close_notify": [record(21, b"\1\0")],
        "X26 alert inside a message": [record(22, server_hello(0xC02B, EMS)[:20]), record(21, b"\1\x64")],
        "X26 ssl 2": [b"\x80\x2e\x04\0\0\0\2" + bytes(40)],
        "X26 smtp": [b"220 mta-sts.victim.example ESMTP\r\n" * 10],
        "X26 http": [b"HTTP/1.1 400 Bad Request\r\n\r\n"],
        "X26 nothing but zeros": [bytes(100000)],
        "X24 certificate of 16 MiB": [record(22, server_hello(0xC02B, EMS)),
                                      record(22, b"\x0b\xff\xff\xff" + bytes(16380))] + [record(22, bytes(16384))] * 1023,
        "X24 hello of 16 MiB": [record(22, b"\2\xff\xff\xff" + bytes(16000))],
        "X24 certificate of 64 KiB": [record(22, server_hello(0xC02B, EMS)),
                                      record(22, b"\x0b\x00\xff\x00" + bytes(16380))] + [record(22, bytes(16384))] * 3,
        "X28 retry twice": [record(22, RETRY), record(22, RETRY)],
        "X28 retry, group not offered": [record(22, server_hello(0x1303, extension(43, b"\3\4") +
                                                                 extension(51, b"\0\x19"), chance=HRR))],
        "X28 retry, cookie 60 KB": [record(22, (RETRY[:1] + b"\0\xea\x60" + RETRY[4:] + bytes(60000))[i:i + 16000])
                                    for i in range(0, 60000, 16000)],
        "X28 no key share": [record(22, server_hello(0x1303, extension(43, b"\3\4")))],
        "X27 clear text after hello": [record(22, server_hello(0x1301, extension(43, b"\3\4") + extension(
            51, b"\0\x1d\0\x20" + b"\x09" + bytes(31)))), record(22, message(8, b"\0\0"))],
    }
    for kind in [*range(0, 20), *range(24, 256, 7)]:
        cases[f"X26 type {kind}"] = [record(kind, b"\1")]
    for version in (0, 0x0200, 0x0305, 0x0400, 0xFFFF):
        cases[f"X26 version {version:04x}"] = [record(22, server_hello(0xC02B, EMS), version)]
    for label, data in cases.items():
        for require in (True, False):
            start = time.time()
            r = meet(raw(*data), require=require)
            slow = time.time() - start
            check(f"{label} {require}", r.handshake in ("tls", "closed") and not r.verified and r.used == 0 and
                  r.version == "0000" and r.failed == 0 and slow < 3, f"{r} {slow:.1f}s")
    chance = random.Random(1)
    for i in range(150):
        r = meet(raw(chance.randbytes(chance.randrange(1, 3000))), require=bool(i & 1))
        check(f"X26 junk {i}", r.handshake in ("tls", "closed") and r.used == 0, repr(r))
    hello = server_hello(0xC02B, EMS)
    for i in range(0, len(hello)):
        bent = bytearray(record(22, hello) + record(22, done))
        bent[5 + i] ^= chance.randrange(1, 256)
        r = meet(raw(bytes(bent)))
        check(f"X25 bent hello {i}", r.handshake in ("tls", "closed") and r.used == 0, repr(r))
    _ = good


def renegotiation():
    """X29: a server that asks for a new handshake gets none, and the connection tells no lies."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    listener.close()
    server = subprocess.Popen(
        ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", "good.pem", "-cert_chain", "good.pem",
         "-key", "leaf-p256.key", "-tls1_2", "-naccept", "1", "-legacy_renegotiation"], cwd=FOLDER,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    for _ in range(50):
        if b"ACCEPT" in server.stdout.readline():
            break
    client().ask(port)
    time.sleep(0.5)
    try:
        server.stdin.write(b"R\n")
        server.stdin.flush()
        time.sleep(0.5)
        server.stdin.close()
    except OSError:
        pass
    r = client().answer()
    server.terminate()
    server.wait()
    check("X29 renegotiation", r.verified and r.end in ("end", "closed", "tls") and r.received == 0, repr(r))


def flipped_records():
    """X38, X26: a record of data with any byte changed gives an error and no data."""
    for version in (V12, V13):
        length = 5 + 200 + 16 + (8 if version == V12 else 1)
        for at in [*range(0, 14), *range(14, length, 13), *range(length - 18, length)]:
            def mangle(data, at=at):
                if len(data) <= at:
                    return data
                return data[:at] + bytes([data[at] ^ 0x41]) + data[at + 1:]
            r = meet(mangling(good_context(version), mangle))
            check(f"X38 flip {at} {version.name}", r.verified and r.received == 0 and r.end in ("tls", "closed"),
                  repr(r))
        for label, mangle in (("cut", lambda d: d[:-1]), ("twice", lambda d: d + d), ("lost", lambda d: b""),
                              ("junk before", lambda d: b"250 ok\r\n" + d),
                              ("empty before", lambda d: record(23, b"") + d),
                              ("clear alert", lambda d: record(21, b"\1\0")),
                              ("clear data", lambda d: record(23, b"250 ok\r\n"))):
            r = meet(mangling(good_context(version), mangle))
            check(f"X38 record {label} {version.name}", r.end in ("tls", "closed") and r.received in (0, 200) and
                  (label == "twice" or r.received == 0), repr(r))


def flipped_leaf():
    """X23: a leaf with any bit changed on the way is not verified."""
    ctx = context("good.pem", "leaf-p256.key", V12)
    leaf = zoo.base64.b64decode("".join(open(os.path.join(FOLDER, "good.pem"), encoding="ascii").read()
                                        .split("-----")[2].split()))
    chance = random.Random(2)
    bits = sorted(chance.sample(range(len(leaf) * 8), 600))

    def one(bit):
        def change(data):
            at = data.find(leaf)
            if at < 0:
                return data
            at += bit // 8
            return data[:at] + bytes([data[at] ^ 1 << bit % 8]) + data[at + 1:]
        r = meet(in_the_middle(ctx, change), require=bool(bit & 1))
        check(f"X23 bit {bit}", not r.verified and r.handshake != "ok" and r.received == 0 and r.used == 0, repr(r))
    return one, bits


def surroundings():
    """What is missing on our side: time, anchors, random numbers, memory."""
    ctx = good_context()
    r = meet(honest(ctx), at=-1)
    check("X15 clock unset", r.open == "clock", repr(r))
    for ca in ("-", "/dev/null", "leaf-p256.key", "no-such-file"):
        r = meet(honest(ctx), ca=ca, require=False)
        check(f"X32 anchors {ca}", r.open == "config" and not r.verified, repr(r))
    r = meet(honest(ctx), at=1)
    check("X15 in 1970", r.handshake == "expired", repr(r))
    r = meet(honest(ctx), at=4102444800)
    check("X15 in 2100", r.handshake == "expired", repr(r))
    for require in (1, 0):
        dumb = Client("0", "0", "norandom")
        server = Server(raw(hello=False))
        dumb.ask(server.port, require=require)
        r = dumb.answer()
        check("X34 no random numbers", r.open == "random", repr(r))
        dumb.close()
        server.finish()


def small_pools():
    """X35: memory that runs out anywhere is said to be that, and nothing is taken for verified."""
    enough = None
    for size in range(4096, 24576, 192):
        tight = Client(str(size))
        for ca, host, label in (("ca.pem", HOST, "good"), ("ca.pem", "mx.other.example", "bad"), ("rsa.pem", HOST, "unknown")):
            server = Server(honest(good_context(V12 if size & 64 else V13)))
            tight.ask(server.port, ca=ca, host=host, require=bool(size & 128))
            r = tight.answer()
            server.finish()
            short = "memory" in (r.open, r.handshake, r.end)
            ok = short or (r.failed == 0 and r.verified == (label == "good"))
            check(f"X35 pool {size} {label}", ok and r.used == 0 and not (label != "good" and r.verified), repr(r))
            if label == "good" and not short and enough is None:
                enough = size
        check(f"X35 pool {size} survives", tight.close() == 0)
    print(f"pool: {enough} bytes are enough for a P-256 chain with an intermediate")


def failing_memory(sign):
    """X35: the n-th allocation fails, alone or with all that follow it: never verified, and said to be memory."""
    def ask(faulty, version, host, require):
        server = Server(honest(good_context(version)))
        faulty.ask(server.port, ca="bundle.pem", host=host, require=require)
        server.finish()
        return faulty.answer()

    def run():
        n, reached = 0, True
        while reached:
            n += 1
            faulty, reached = Client("0", str(sign * n)), False
            for version in (V12, V13):
                for host in (HOST, "mx.other.example"):
                    for require in (True, False):
                        r = ask(faulty, version, host, require)
                        said = "memory" in (r.open, r.handshake, r.end) or (r.verified and r.end == "end")
                        check(f"X35 allocation {sign * n} {version.name} {host} {require}", r.used == 0 and
                              (r.failed == 0 or said) and not (r.verified and host != HOST), repr(r))
                        reached |= r.failed > 0
            check(f"X35 allocation {sign * n} survives", faulty.close() == 0)
    return run


def main():
    chosen = sys.argv[3:]
    cases = [c for c in zoo.cases(FOLDER) if not chosen or c["name"] in chosen]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(run_case, c, v, q) for c in cases for v in (V12, V13) for q in (True, False)
                ]
        if not chosen:
            jobs += [pool.submit(f) for f in (suites, ends, alpn, scripts, flipped_records, renegotiation,
                                              surroundings, small_pools, failing_memory(1), failing_memory(-1))]
            one, bits = flipped_leaf()
            jobs += [pool.submit(one, bit) for bit in bits]
        for job in jobs:
            job.result()
    for c in all_clients:
        check("client ends well", c.close() == 0)
    failed = sum(not ok for _, ok in results)
    print(f"zoo: {len(results) - failed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
