#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Malicious and broken policy hosts, rows H of the fault list. Whatever is answered, a policy is taken only whole, from a
host that proved its name, as RFC 8461 3.3 has it; every other answer leaves a held policy in force, and without one the
mail goes as without MTA-STS.

Each answer meets a sender that holds nothing, and one that holds an enforced policy with an older id.
"""
import shutil
import time

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

import evil
import lab
import stage
from stage import HOST, MX, Stage, context, judge, pki

lab.enter()
t = lab.Tally("policy_host")
QUICK = ("--timeout", "2")
POLICY = evil.policy()
FETCH, INVALID, WEBPKI = "sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid"
TAKEN = None
GET = b"GET /.well-known/mta-sts.txt HTTP/1.1\r\n"

held = lab.scratch("held")
with Stage(state=held, id="0") as s:
    r = s.send()
    t.check("a policy is held", not judge(s, r, True, source="fetched", id="0"), r)


def run(name, web, trouble, *args, both=True, check=None, **kw):
    """One answer. trouble: what policy.error says, or a set of them; TAKEN: the policy is taken."""
    for holding in (False, True) if both else (False,):
        state = lab.scratch("copy") + "/state"
        if holding:
            shutil.copytree(held, state)
        with Stage(web=web, state=state, id="2", **kw) as s:
            r = s.send(*(args or QUICK))
            source = "fetched" if trouble is TAKEN else "cached" if holding else "none"
            wrong = judge(s, r, source != "none", result="delivered", source=source, trouble=trouble,
                          id={"fetched": "2", "cached": "0", "none": None}[source])
            if check and not wrong and not check(s, r):
                wrong.append("check")
            t.check(f"{name}, {'one is held' if holding else 'nothing held'}", not wrong, f"{wrong}\n{r}")


def raw(play):
    """A policy host: `play(connection)` once TLS is up and the request has come."""
    def script(c):
        c.start_tls(context(HOST))
        if c.until(b"\r\n\r\n") is not None:
            play(c)
    return script


def bare(play):
    """A policy host without TLS."""
    return lambda c: play(c)


def says(data, notify=True):
    """Says this and ends, with close_notify or without."""
    data = data.encode("latin-1") if isinstance(data, str) else data

    def play(c):
        c.say(data)
        if notify:
            c.sock = c.sock.unwrap()
    return raw(play)


def head(*lines, status="HTTP/1.1 200 OK", body=POLICY):
    return (status + "\r\n" + "".join(line + "\r\n" for line in lines) + "\r\n" + body).encode("latin-1")


PLAIN, LENGTH = "Content-Type: text/plain", f"Content-Length: {len(POLICY)}"


def chunked(*chunks, end="0\r\n\r\n", extra=()):
    body = "".join(f"{len(c):x}\r\n{c}\r\n" for c in chunks) + end
    return head(PLAIN, "Transfer-Encoding: chunked", *extra, body=body)


# ---- H01, H02, H03, H04: status ------------------------------------------------------------------

for code in range(300, 309):
    run(f"H01 {code}", head(PLAIN, LENGTH, f"Location: https://{HOST}/other", status=f"HTTP/1.1 {code} Go"), FETCH,
        both=code == 301,
        check=lambda s, r: len(s.web.connections) == 1 and s.web.connections[0].secret.count(b"GET ") == 1)
run("H01 Refresh is not followed", head(PLAIN, LENGTH, "Refresh: 0; url=https://evil.example/"), TAKEN,
    check=lambda s, r: len(s.web.connections) == 1)
for code in (201, 202, 203, 204, 205, 206, 299, 400, 401, 403, 404, 407, 410, 418, 429, 451, 499, 500, 502, 503, 504, 599,
    600, 999, 0, 99):
    run(f"H02 {code}", head(PLAIN, LENGTH, status=f"HTTP/1.1 {code:03d} x"), FETCH, both=code == 404)
INTERIM = "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", "HTTP/1.1 102 Processing\r\n\r\n"
GOOD = head(PLAIN, LENGTH)
for what, before, trouble in (("100", INTERIM[0], TAKEN), ("103", INTERIM[1], TAKEN), ("4 of them", INTERIM[0] * 4, TAKEN),
    ("5 of them", INTERIM[0] * 5, FETCH),
                              ("without end", INTERIM[2] * 5000, FETCH), ("101", "HTTP/1.1 101 Switching\r\n\r\n", FETCH)):
    run(f"H03 interim {what}", says(before.encode() + GOOD), trouble, both=False)
STATUS = {"HTTP/1.1 2000 OK": FETCH, "HTTP/2 200 OK": FETCH, "ICY 200 OK": FETCH, "HTTP/1.1200 OK": FETCH,
    "HTTP/1.1 20 OK": FETCH,
          "HTTP/1.1  200 OK": FETCH, "http/1.1 200 OK": FETCH, " HTTP/1.1 200 OK": FETCH, "HTTP/1.1\t200 OK": FETCH,
          "HTTP/1.1 200OK": FETCH,
          "HTTP/1.1 -20 OK": FETCH, "HTTP/1.1 0200 OK": FETCH, "HTTP/11 200 OK": FETCH, "200 OK": FETCH, "": FETCH, "\0": FETCH,
          "\r\nHTTP/1.1 200 OK": FETCH, "HTTP/1.1 2\xb200 OK": FETCH,
          "HTTP/1.1 200 ": TAKEN, "HTTP/1.0 200 OK": TAKEN, "HTTP/1.1 200 No, but yes": TAKEN}
for status, trouble in STATUS.items():
    run(f"H04 {status!r}", says(head(PLAIN, LENGTH, status=status)), trouble, both=False)
run("H04 LF alone ends the lines", says(GOOD.replace(b"\r\n", b"\n")), FETCH)
run("H04 a bare CR in the head", says(head(PLAIN, LENGTH, "X: a\rb")), FETCH, both=False)
run("H04 NUL in the head", says(head(PLAIN, LENGTH, "X: a\0b")), FETCH, both=False)
run("H04 a line without a colon", says(head(PLAIN, LENGTH, "nonsense")), FETCH, both=False)
run("H04 a blank before the colon", says(head(PLAIN, f"Content-Length : {len(POLICY)}")), FETCH, both=False)
run("H04 a folded line that does not matter (RFC 9112 5.2)", says(head(PLAIN, LENGTH, "X: a", " b")), TAKEN, both=False)
run("H04 a folded length", says(head(PLAIN, LENGTH[:-1], " " + LENGTH[-1])), FETCH, both=False)
run("H04 a folded type", says(head(PLAIN, " /html", LENGTH)), {FETCH, INVALID}, both=False)

# ---- H05, H06, H07: too much, too slow -----------------------------------------------------------

run("H05 a line of 1 KiB and more", says(head(PLAIN, LENGTH, "X: " + "y" * 1100)), FETCH)
run("H05 8 KiB and more", says(head(PLAIN, LENGTH, *["X: " + "y" * 900] * 10)), FETCH)
run("H05 65 fields", says(head(PLAIN, LENGTH, *["X: y"] * 65)), FETCH)
run("H05 40 fields", says(head(PLAIN, LENGTH, *["X: y"] * 40)), TAKEN)


def endless(first, unit):
    def play(c):
        c.say(first)
        for _ in range(4096):
            c.sock.sendall(unit * (16384 // len(unit)))
    return raw(play)


HEAD = head(PLAIN, body="")
run("H05 an endless field", endless(b"HTTP/1.1 200 OK\r\nX: ", b"y"), FETCH, check=lambda s, r: r.took < 2)
run("H05 endless fields", endless(b"HTTP/1.1 200 OK\r\n", b"X: yyyyyyyyyyy\r\n"), FETCH, check=lambda s, r: r.took < 2)
run("H05 an endless status line", endless(b"HTTP/1.1 200 ", b"y"), FETCH, both=False, check=lambda s, r: r.took < 2)
run("H07 an endless body", endless(HEAD, b"x: yyyyyyyyyyyy\n"), {FETCH, INVALID}, check=lambda s, r: r.took < 2)
run("H10 endless chunks", endless(head(PLAIN, "Transfer-Encoding: chunked", body=""), b"0004\r\nx: y\r\n0001\r\n\n\r\n"),
    {FETCH, INVALID}, both=False,
    check=lambda s, r: r.took < 2)


def slow(data, start=0, step=0.1):
    """All up to `start` at once, then an octet each `step` seconds."""
    def play(c):
        c.say(data[:start])
        for b in data[start:]:
            c.sock.sendall(bytes([b]))
            time.sleep(step)
    return raw(play)


def slow_handshake(c):
    """Hears ClientHello, and says a record octet by octet."""
    c.sock.recv(4096)
    for b in b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03" + b"x" * 100:
        c.sock.sendall(bytes([b]))
        time.sleep(0.1)


for i, (what, script) in enumerate({"status": slow(GOOD), "head": slow(GOOD, 20), "body": slow(GOOD, len(GOOD) - 40),
    "TLS records": bare(slow_handshake)}.items()):
    run(f"H06 slow {what}: one deadline", script, FETCH, check=lambda s, r: r.took < 4, both=i == 2)
run("H06 slow, but in time", slow(GOOD, len(GOOD) - 10, 0.05), TAKEN, "--timeout", "3", both=False)
for what, script in {"after the handshake": raw(lambda c: time.sleep(4)), "before it": bare(lambda c: time.sleep(4)),
                     "in the body": raw(lambda c: (c.say(GOOD[:-5]), time.sleep(4)))}.items():
    run(f"H06 silence {what}", script, FETCH, check=lambda s, r: r.took < 4, both=False)


def sized(n, eol="\r\n"):
    """A valid policy of n octets."""
    body = evil.policy(eol=eol)
    while len(body) < n:
        left = n - len(body)
        line = min(left, 200) if left - min(left, 200) > 20 or left <= 200 else left - 30
        body += "x: " + "y" * (line - 3 - len(eol)) + eol
    return body


for n, trouble in ((65535, TAKEN), (65536, TAKEN), (65537, {FETCH, INVALID}), (70000, {FETCH, INVALID}), (1 << 20, {FETCH,
    INVALID})):
    body = sized(n)
    assert len(body) == n
    run(f"H07 {n} octets", says(evil.ok(body)), trouble, both=n in (65536, 65537))
    run(f"H07 {n} octets in chunks", says(chunked(*[body[i:i + 4000] for i in range(0, n, 4000)])), trouble, both=False)
    run(f"H07 {n} octets to the end", says(head(PLAIN, body=body)), trouble, both=False)
run("H07 Content-Length 10^10", says(head(PLAIN, "Content-Length: 10000000000")), FETCH)

# ---- H08, H09, H10: framing ----------------------------------------------------------------------

N = len(POLICY)
for value in ("-1", f"+{N}", f"{N},{N}", f"{N}, {N}", f"0x{N:x}", str((1 << 32) + N), str((1 << 64) + N), "", "abc", f"{N}x",
    f"{N} x", f"{N}.0", f"{N} 1", "1e2",
              "0" * 17 + str(N), "0" * 900 + str(N), "\xb2"):
    run(f"H08 Content-Length {value[:24]!r}", says(head(PLAIN, f"Content-Length: {value}")), FETCH, both=value == "-1")
run("H08 two different lengths", says(head(PLAIN, LENGTH, f"Content-Length: {N - 1}")), FETCH)
run("H08 blanks around it", says(head(PLAIN, f"Content-Length:  \t{N}  ")), TAKEN, both=False)
run("H08 nothing between", says(head(PLAIN, f"CONTENT-LENGTH:{N}")), TAKEN, both=False)
run("H09 a length and chunks", says(chunked(POLICY, extra=(LENGTH,))), FETCH)
run("H09 chunks and a length, the other way round", says(head("Transfer-Encoding: chunked", LENGTH, PLAIN,
    body=f"{N:x}\r\n{POLICY}\r\n0\r\n\r\n")), FETCH, both=False)
for value in ("gzip, chunked", "chunked, chunked", "identity", "chunkedx", "x", "chunked;q=1", ""):
    run(f"H09 Transfer-Encoding {value!r}", says(head(PLAIN, f"Transfer-Encoding: {value}",
        body=f"{N:x}\r\n{POLICY}\r\n0\r\n\r\n")), FETCH, both=False)
for size in ("FFFFFFFFFFFFFFFF", "100000000", "1" * 17, "-1", "", " ", f"0x{N:x}", f"+{N:x}", f"{N:x}g", "G",
    f"{N:x};" + "e" * 2000, "0" * 17 + f"{N:x}"):
    run(f"H10 chunk size {size[:24]!r}", says(head(PLAIN, "Transfer-Encoding: chunked",
        body=f"{size}\r\n{POLICY}\r\n0\r\n\r\n")), FETCH, both=size == "-1")
run("H10 no CRLF behind a chunk", says(head(PLAIN, "Transfer-Encoding: chunked", body=f"{N:x}\r\n{POLICY}0\r\n\r\n")), FETCH,
    both=False)
run("H10 trailers of 64 KiB", says(chunked(POLICY, end="0\r\n" + "X: yyyyyyyyyyyyy\r\n" * 4000 + "\r\n")), FETCH, both=False)
run("H10 chunks, an extension, a trailer", says(head(PLAIN, "Transfer-Encoding: Chunked",
    body=f"5;a=b\r\n{POLICY[:5]}\r\n{N - 5:X}\r\n{POLICY[5:]}\r\n000\r\nX: y\r\n\r\n")), TAKEN)
run("H10 an octet a chunk", says(chunked(*POLICY)), TAKEN, both=False)

# ---- H11, H12: cut short -------------------------------------------------------------------------

for what, whole in (("under a length", GOOD), ("in chunks", chunked(POLICY[:20], POLICY[20:]))):
    points = [0, 1, 9, 17, len(whole) - len(POLICY) - 1, len(whole) - 60, len(whole) - 20, len(whole) - 2, len(whole) - 1]
    for at in points:
        for notify in (True, False):
            run(f"H11 cut {what} at {at} of {len(whole)}, close_notify {notify}", says(whole[:at], notify), FETCH,
                both=at == len(whole) - 20)
run("H12 to the end, with close_notify", says(head(PLAIN)), TAKEN)
run("H12 to the end, without close_notify", says(head(PLAIN), notify=False), FETCH)
run("H12 to the end, a prefix that is a policy", says(head(PLAIN, body=evil.policy(mx=(MX, "mx2.example.org"))[:-30]),
    notify=False), FETCH, both=False)
run("H12 a length, without close_notify", says(GOOD, notify=False), TAKEN)


def reset(c):
    c.say(head(PLAIN))
    evil.reset(c)


run("H12 to the end, RST", raw(reset), FETCH)

# ---- H13, H14, H15, H18, H21, H22, H23: head and body --------------------------------------------

for coding in ("gzip", "deflate", "br", "x"):
    run(f"H13 Content-Encoding {coding}", says(head(PLAIN, LENGTH, f"Content-Encoding: {coding}")), FETCH,
        both=coding == "gzip")
for kind, good in {"text/plain": True, "TEXT/PLAIN": True, "text/plain; charset=utf-8": True, "text/plain;charset=x": True,
    "Text/Plain ; a=b": True,
                   "text/html": False, "text/plainx": False, "text": False, "": False, "application/octet-stream": False,
                   "text/ plain": False, "text/plain, text/html": False,
                   "xtext/plain": False, "text/plain/x": False}.items():
    run(f"H14 Content-Type {kind!r}", says(head(f"Content-Type: {kind}", LENGTH)), TAKEN if good else {FETCH, INVALID},
        both=kind in ("text/html", "TEXT/PLAIN"))
run("H14 no Content-Type", says(head(LENGTH)), {FETCH, INVALID})
run("H14 two types", says(head(PLAIN, "Content-Type: text/html", LENGTH)), {FETCH, INVALID}, both=False)
run("H14 two types, the other way round", says(head("Content-Type: text/html", PLAIN, LENGTH)), {FETCH, INVALID}, both=False)
PORTAL = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Welcome to the hotel</body></html>"
run("H15 a captive portal", says(evil.ok(PORTAL, "text/html")), {FETCH, INVALID})
run("H15 a captive portal that says text/plain", says(evil.ok(PORTAL)), INVALID)
run("H18 octets behind the body", says(GOOD + b"mx: evil.example\r\n"), TAKEN)
run("H18 a second answer", says(GOOD + head(PLAIN, "Content-Length: 5", body="x: y\n")), TAKEN)


for what, body in {"nothing": "", "a BOM": "\xef\xbb\xbf", "a BOM and a policy": "\xef\xbb\xbf" + POLICY, "CRLF": "\r\n",
    "NUL": "\0" * 50, "a policy and NUL": POLICY + "\0",
                   "Latin-1": POLICY + "x: \xe4\r\n"}.items():
    run(f"H21 the body is {what}", says(evil.ok(body)), INVALID, both=what == "nothing")
run("H22 caching is ignored", says(head(PLAIN, LENGTH, "Age: 999999999", "Cache-Control: no-store, max-age=0", "Expires: 0",
    'ETag: "x"', "Set-Cookie: a=b", "Vary: *")), TAKEN,
    check=lambda s, r: stage.one(r)["policy"]["max_age"] == 604800)
requests = []
for hostname in ("device.example.com", "other-device.example.net"):
    with Stage() as s:
        s.send("--hostname", hostname)
        requests.append(s.web.connections[0].secret)
t.check("H22, H23 the request: minimal, the same from every device",
    requests[0] == requests[1] and requests[0].startswith(GET) and
        sorted(line.split(b":")[0].lower() for line in requests[0].split(b"\r\n")[1:-2]) in
        ([b"connection", b"host"], [b"accept", b"connection", b"host"], [b"accept", b"connection", b"host", b"user-agent"]) and
        f"Host: {HOST}\r\n".encode() in requests[0], requests)
shutil.rmtree(pki()["state"] + "/again", ignore_errors=True)
with Stage(state=pki()["state"] + "/again", id="7") as s:
    s.send()
with Stage(state=pki()["state"] + "/again", id="8", web=evil.https(context(HOST),
    evil.ok(POLICY, extra='ETag: "x"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n'))) as s:
    s.send()
    t.check("H22 no conditional request later", s.web.connections[0].secret == requests[0], s.web.connections[0].secret)

# ---- H16, H17: who it is -------------------------------------------------------------------------

folder = lab.scratch("zoo")
ca = pki()["ca"]
other = lab.CA(folder, "another root")


def certificate(base, key, cert):
    with open(base + ".key", "wb") as f:
        f.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    with open(base + ".crt", "wb") as f:
        f.write(cert.public_bytes(serialization.Encoding.PEM))
    return base + ".key", base + ".crt"


def cn_only(name):
    key = ca._key("ec")
    return certificate(f"{folder}/cn", key, ca._sign(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
        key.public_key(), ca.cert.subject, False, [], (-1, 90)))


def self_signed(name):
    alone = lab.CA(lab.scratch("self"), "self")
    return certificate(f"{folder}/self", alone.key, alone._sign(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
        alone.key.public_key(), None, False, [name], (-1, 90)))


CERTIFICATES = {
    "the parent domain": ca.issue("example.org", file="parent"),
    "another host": ca.issue("www.example.org", file="www"),
    "the MX": ca.issue(MX, file="mx"),
    "a wildcard of the wrong level": ca.issue("*.mta-sts.example.org", file="wild1"),
    "a partial wildcard": ca.issue("mta-*.example.org", file="wild2"),
    "a wildcard for the parent's parent": ca.issue("*.org", file="wild3"),
    "CN only": cn_only(HOST),
    "expired": ca.issue(HOST, days=(-90, -1), file="old"),
    "not valid yet": ca.issue(HOST, days=(2, 90), file="young"),
    "self-signed": self_signed(HOST),
    "an unknown CA": other.issue(HOST, file="unknown"),
    "an address": ca.issue("127.0.0.20", file="ip"),
}
for version in stage.VERSIONS:
    for what, (key, chain) in CERTIFICATES.items():
        run(f"H16 {what}, {version}", evil.https(evil.tls_context(key, chain, version=stage.VERSIONS[version]), GOOD), WEBPKI,
            both=version == "TLSv1.3",
            check=lambda s, r: not any(b"GET" in c.secret for c in s.web.connections))
    run(f"H16 a wildcard for the domain, {version}", evil.https(evil.tls_context(*ca.issue("*.example.org", file="wild"),
        version=stage.VERSIONS[version]), GOOD), TAKEN, both=False)
    run(f"H16 several names, {version}", evil.https(evil.tls_context(*ca.issue("a.example", HOST, "b.example", file="many"),
        version=stage.VERSIONS[version]), GOOD), TAKEN, both=False)
    run(f"H17 SNI is the policy host, {version}", evil.https(context(HOST, version=stage.VERSIONS[version]), GOOD), TAKEN,
        both=False, check=lambda s, r: s.web.sni == [HOST])
for what, web in {"a bad certificate": evil.https(context(MX), GOOD), "404": head(PLAIN, LENGTH,
    status="HTTP/1.1 404 no")}.items():
    with Stage(web=web) as s:
        r = s.send("--floor", "policy")
        wrong = judge(s, r, True, result="deferred", reason="policy-required", source="none", trouble={WEBPKI, FETCH})
        t.check(f"P20 {what} under the floor policy: deferred", not wrong and not s.servers[0].clear, f"{wrong}\n{r}")
with Stage(zone={(HOST, "CNAME"): ["h.provider.example"], (HOST, "A"): "gone", ("h.provider.example", "A"): ["127.0.0.20"]},
           web=evil.https(evil.tls_context(*ca.issue("h.provider.example", file="provider")), GOOD)) as s:
    r = s.send()
    wrong = judge(s, r, False, result="delivered", trouble=WEBPKI)
    t.check("R-036 the certificate of whom the policy host is an alias of", not wrong, f"{wrong}\n{r}")

# ---- H19, H20: no HTTPS --------------------------------------------------------------------------

def clear_http(c):
    c.sock.recv(4096)
    c.say(GOOD)


NO_TLS = {
    "plain HTTP": clear_http,
    "plain HTTP at once": lambda c: c.say(GOOD),
    "an SMTP banner": lambda c: (c.say("220 mx ESMTP\r\n"), c.sock.recv(4096)),
    "a fatal alert": lambda c: (c.sock.recv(4096), c.say(b"\x15\x03\x03\0\2\2\x28")),
    "unrecognized_name": lambda c: (c.sock.recv(4096), c.say(b"\x15\x03\x03\0\2\2\x70")),
    "close_notify": lambda c: (c.sock.recv(4096), c.say(b"\x15\x03\x03\0\2\1\0")),
    "FIN at once": lambda c: None,
    "FIN behind ClientHello": lambda c: c.sock.recv(4096),
    "RST at once": evil.reset,
    "RST behind ClientHello": lambda c: (c.sock.recv(4096), evil.reset(c)),
    "noise": lambda c: (c.sock.recv(4096), c.say(bytes(range(256)) * 64)),
    "NULs": lambda c: (c.sock.recv(4096), c.say(b"\0" * 4096)),
}
for what, play in NO_TLS.items():
    run(f"H19 {what}", bare(play), {FETCH, WEBPKI}, both=what in ("plain HTTP", "a fatal alert"))
for what, play in {"RST behind the request": evil.reset, "FIN behind the request": lambda c: None,
    "RST in the head": lambda c: (c.say(GOOD[:30]), evil.reset(c)),
                   "RST in the body": lambda c: (c.say(GOOD[:-9]), evil.reset(c)),
                   "close_notify at once": lambda c: c.sock.unwrap()}.items():
    run(f"H19 {what}", raw(play), FETCH, both=what == "RST in the body")
run("H19 nothing listens", False, FETCH)
run("H19 no address", False, FETCH, zone={(HOST, "A"): "gone"})
run("H19 SERVFAIL for the address", False, FETCH, zone={(HOST, "A"): 2, (HOST, "AAAA"): 2})


def h2(c):
    c.start_tls(context(HOST, alpn=["h2"]))
    c.say(b"\0\0\x12\4\0\0\0\0\0\0\3\0\0\0\x64\0\4\0\0\xff\xff\0\5\0\0\x40\0")
    c.sock.recv(4096)


chosen = []


def http11(c):
    tls = context(HOST, alpn=["h2", "http/1.1"])
    c.start_tls(tls)
    chosen.append(c.sock.selected_alpn_protocol())
    c.until(b"\r\n\r\n")
    c.say(GOOD)


run("H20 HTTP/2 and nothing else", h2, FETCH)
run("H20 http/1.1 is what is offered", http11, TAKEN, both=False, check=lambda s, r: chosen == ["http/1.1"])

# ---- H25: one budget for all addresses -----------------------------------------------------------

addresses = [f"127.0.0.{n}" for n in range(200, 206)]
holes = [evil.BlackHole(a, 443) for a in addresses]
run("H25 many addresses that stall", False, FETCH, "--timeout", "3", zone={(HOST, "A"): addresses},
    check=lambda s, r: r.took < 6)
for h in holes:
    h.close()
run("H25 a refused address, then a good one", evil.https(context(HOST), GOOD), TAKEN, "--timeout", "6", both=False,
    zone={(HOST, "A"): ["127.0.0.211", "127.0.0.20"]})

t.end()
