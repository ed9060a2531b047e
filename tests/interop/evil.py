# SPDX-License-Identifier: MIT
"""Servers that do what they are told: DNS, HTTPS and SMTP, each a few threads on loopback. They keep what was said to
them, in clear and under TLS apart, for the two oracles that every test ends with: WIRE and DELIV.

A server takes a `script`: a function that gets the connection and says whatever it likes; the ones here behave well
and have knobs.
"""
import socket
import ssl
import struct
import threading
import time

A, NS, CNAME, SOA, MX, TXT, AAAA, OPT = 1, 2, 5, 6, 15, 16, 28, 41
TYPES = {"A": A, "CNAME": CNAME, "MX": MX, "TXT": TXT, "AAAA": AAAA}


# ---- DNS -----------------------------------------------------------------------------------------

def dns_name(name):
    out = b""
    for label in name.strip(".").split("."):
        if label:
            out += bytes([len(label)]) + label.encode("latin-1")
    return out + b"\0"


def dns_rdata(kind, value):
    if kind == A:
        return socket.inet_pton(socket.AF_INET, value)
    if kind == AAAA:
        return socket.inet_pton(socket.AF_INET6, value)
    if kind == MX:
        preference, host = value
        return struct.pack(">H", preference) + dns_name(host)
    if kind == CNAME:
        return dns_name(value)
    if isinstance(value, str):
        value = [value]
    out = b""
    for text in value:  # TXT: a list of strings, each cut at 255
        text = text.encode("latin-1")
        for i in range(0, max(len(text), 1), 255):
            out += bytes([len(text[i:i + 255])]) + text[i:i + 255]
    return out


class Question:
    """A parsed question; `reply` builds a good answer to it."""

    def __init__(self, wire):
        self.wire, self.id = wire, wire[:2]
        at, labels = 12, []
        while wire[at]:
            labels.append(wire[at + 1:at + 1 + wire[at]].decode("latin-1"))
            at += 1 + wire[at]
        self.end = at + 5
        self.case = ".".join(labels)  # as asked, 0x20
        self.name = self.case.lower()
        self.type = struct.unpack(">H", wire[at + 1:at + 3])[0]
        self.edns = wire[10:12] != b"\0\0"

    def reply(self, answers=(), rcode=0, flags=0, id=None, question=None, additional=(), count=None):
        """answers: (owner or None for the name asked for, type, value or raw RDATA bytes[, ttl])"""
        body = b""
        for owner, kind, value, *ttl in [*answers, *additional]:
            rdata = value if isinstance(value, bytes) else dns_rdata(kind, value)
            body += ((b"\xc0\x0c" if owner is None else dns_name(owner)) +
                     struct.pack(">HHIH", kind, 1, ttl[0] if ttl else 60, len(rdata)) + rdata)
        head = (id or self.id) + struct.pack(">HHHHH", 0x8180 | flags | rcode, 1,
                                             len(answers) if count is None else count, 0, len(additional))
        return head + (self.wire[12:self.end] if question is None else question) + body


class DNS:
    """zone: {(name, "MX"): [values] | rcode | None (no answer) | function(question, tcp) -> bytes, [bytes] or None}.
    A name without any entry is NXDOMAIN; with entries of other types only, NODATA.
    trick: function(question, tcp, the true answer) -> what is sent instead. Over TCP a part of it may be a function of the
    socket; over UDP, of the question, which knows the `server` and its `peer`."""

    def __init__(self, zone, address="127.0.0.1", port=53):
        self.restart(zone)
        self.address = address
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.udp = socket.socket(family, socket.SOCK_DGRAM)
        self.udp.bind((address, port))
        self.tcp = socket.socket(family, socket.SOCK_STREAM)
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.bind((address, port))
        self.tcp.listen(16)
        self.open = True
        threading.Thread(target=self._udp, daemon=True).start()
        threading.Thread(target=self._tcp, daemon=True).start()

    def answer(self, q, tcp):
        good = self.truth(q, tcp)
        return self.trick(q, tcp, good) if self.trick else good

    def truth(self, q, tcp):
        found = self.zone.get((q.name, {v: k for k, v in TYPES.items()}.get(q.type, q.type)), "missing")
        if found == "missing":
            alias = self.zone.get((q.name, "CNAME"))
            if alias:
                return q.reply([(None, CNAME, alias[0])] +
                               [(alias[0], q.type, v) for v in self.zone.get((alias[0], q_type(q)), [])])
            return q.reply(rcode=0 if any(n == q.name for n, _ in self.zone) else 3)
        if callable(found):
            return found(q, tcp)
        if found is None:
            return None
        if isinstance(found, int):
            return q.reply(rcode=found)
        return q.reply([(None, q.type, v) for v in found])

    def _udp(self):
        while self.open:
            try:
                wire, peer = self.udp.recvfrom(4096)
                q = Question(wire)
            except (OSError, IndexError):
                continue
            self.questions.append((q.name, q.type))
            self.wires.append((wire, peer))
            q.peer, q.server = peer, self
            threading.Thread(target=self._one, args=(q, peer), daemon=True).start()

    def _one(self, q, peer):
        out = self.answer(q, False)
        for packet in out if isinstance(out, list) else [out]:
            if callable(packet):
                packet(q)
            elif packet is not None:
                try:
                    self.udp.sendto(packet, peer)
                except OSError:
                    pass

    def _tcp(self):
        while self.open:
            try:
                c, _ = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self._tcp_one, args=(c,), daemon=True).start()

    def _tcp_one(self, c):
        try:
            c.settimeout(30)
            f = c.makefile("rb")
            while True:
                head = f.read(2)
                if len(head) < 2:
                    break
                q = Question(f.read(struct.unpack(">H", head)[0]))
                self.tcp_questions.append((q.name, q.type))
                out = self.answer(q, True)
                for packet in out if isinstance(out, list) else [out]:
                    if callable(packet):
                        packet(c)
                    elif packet is not None:
                        c.sendall(struct.pack(">H", len(packet)) + packet)
        except (OSError, IndexError, struct.error):
            pass
        finally:
            c.close()

    def restart(self, zone, trick=None):
        """Another zone, and nothing asked yet. One server lasts for a whole test: a port that is bound again and again may
        still be held by a thread that waits on it."""
        self.zone, self.trick = dict(zone), trick
        self.questions, self.tcp_questions, self.wires = [], [], []  # wires: (datagram, peer)


def q_type(q):
    return {v: k for k, v in TYPES.items()}.get(q.type, q.type)


# ---- TCP, with TLS when the script wants it ---------------------------------------------------------

def tls_context(key, chain, version=None, alpn=None, ciphers=None, curve=None):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(chain, key)
    if version:
        c.minimum_version = c.maximum_version = version
    if alpn:
        c.set_alpn_protocols(alpn)
    if ciphers:
        c.set_ciphers(ciphers)
    if curve:
        c.set_ecdh_curve(curve)
    return c


class Connection:
    """A peer: say, hear a line, start TLS. Keeps what it heard."""

    def __init__(self, server, sock):
        self.server, self.sock, self.buffer, self.tls = server, sock, b"", False
        self.clear, self.secret, self.sni = b"", b"", None
        self.step = None
        sock.settimeout(server.timeout)

    def say(self, data, step=None):
        """Sends; octet by octet if the server drips."""
        data = data.encode("latin-1") if isinstance(data, str) else data
        if self.server.drip:
            for i in range(0, len(data), self.server.chunk):
                self.sock.sendall(data[i:i + self.server.chunk])
                time.sleep(self.server.drip)
        else:
            self.sock.sendall(data)

    def _more(self):
        try:
            data = self.sock.recv(65536)
        except (OSError, ssl.SSLError):
            data = b""
        if self.tls:
            self.secret += data
        else:
            self.clear += data
        self.buffer += data
        return bool(data)

    def line(self):
        """A line without CRLF, or None at the end."""
        while b"\r\n" not in self.buffer:
            if not self._more():
                return None
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def until(self, mark):
        while mark not in self.buffer:
            if not self._more():
                return None
        text, self.buffer = self.buffer.split(mark, 1)
        return text

    def start_tls(self, context):
        def sni(sock, name, _):
            self.sni = name
        context.sni_callback = sni
        self.sock = context.wrap_socket(self.sock, server_side=True, do_handshake_on_connect=False,
                                        suppress_ragged_eofs=True)
        self.sock.do_handshake()
        self.tls = True
        self.server.sni.append(self.sni)

    def close(self):
        try:
            self.sock.close()
        except OSError:
            pass


class Server:
    """Listens and runs `script(connection)` for each peer."""

    def __init__(self, script, address, port, timeout=20, drip=0, chunk=1):
        self.script, self.timeout, self.drip, self.chunk = script, timeout, drip, chunk
        self.connections, self.sni, self.errors, self.mail = [], [], [], []
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        self.socket.bind((address, port))
        self.socket.listen(64)
        self.open = True
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while self.open:
            try:
                sock, _ = self.socket.accept()
            except OSError:
                return
            c = Connection(self, sock)
            self.connections.append(c)
            threading.Thread(target=self._run, args=(c,), daemon=True).start()

    def _run(self, c):
        try:
            self.script(c)
        except (OSError, ssl.SSLError, ValueError) as e:
            self.errors.append(e)
        finally:
            c.close()

    @property
    def clear(self):
        """All that came in clear."""
        return b"".join(c.clear for c in self.connections)

    def close(self):
        self.open = False
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
        for c in self.connections:
            c.close()


class BlackHole:
    """An address that swallows connections: a backlog that is full, so that a SYN gets no answer at all."""

    def __init__(self, address, port):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.sockets = [socket.socket(family, socket.SOCK_STREAM)]
        self.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sockets[0].bind((address, port))
        self.sockets[0].listen(0)
        for _ in range(3):
            c = socket.socket(family, socket.SOCK_STREAM)
            c.setblocking(False)
            c.connect_ex((address, port))
            self.sockets.append(c)

    def close(self):
        for s in self.sockets:
            s.close()


def reset(c):
    """Ends a connection with RST."""
    c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    c.sock.close()
    return Ellipsis


# ---- scripts ----------------------------------------------------------------------------------------

def https(context, response):
    """A policy host. response: bytes, or function(request, connection) -> bytes or None."""
    def script(c):
        c.start_tls(context)
        request = c.until(b"\r\n\r\n")
        if request is None:
            return
        out = response(request, c) if callable(response) else response
        if out is not None:
            c.say(out)
            try:
                c.sock = c.sock.unwrap()  # close_notify
            except (OSError, ssl.SSLError):
                pass
    return script


def policy(mode="enforce", mx=("mx1.example.org",), max_age=604800, eol="\r\n"):
    return eol.join(["version: STSv1", f"mode: {mode}", *[f"mx: {m}" for m in mx], f"max_age: {max_age}", ""])


def ok(body, kind="text/plain", extra=""):
    body = body.encode("latin-1") if isinstance(body, str) else body
    return (f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{extra}\r\n").encode() + body


class SMTP:
    """The script of an MX. `replies` overrides by verb: {"RCPT": "550 no", "GREET": ..., "DOT": ..., "EHLO2": (after TLS)};
    a reply may be bytes or text (CRLF is added if missing), None (say nothing), or a function(connection, line) -> reply
    or Ellipsis (hang up)."""

    def __init__(self, context=None, replies=None, offers=("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 10000000"),
                 starttls=True, behind_220=b""):
        self.context, self.replies, self.offers = context, dict(replies or {}), list(offers)
        self.starttls, self.behind_220 = starttls and context is not None, behind_220
        self.mail = []  # (sender line, [rcpt lines], content, tls) of each message taken

    def _reply(self, c, verb, line, default):
        out = self.replies.get(verb + ("2" if c.tls else ""), self.replies.get(verb, default))
        if callable(out):
            out = out(c, line)
        if out is Ellipsis:
            raise ValueError("hung up")
        if out is None:
            return None
        out = out.encode("latin-1") if isinstance(out, str) else out
        if not out.endswith(b"\n"):
            out += b"\r\n"
        c.say(out)
        return out[:1]

    def ehlo(self, c):
        lines = ["mx.example.org", *self.offers] + (["STARTTLS"] if self.starttls and not c.tls else [])
        return "".join(f"250{'-' if i + 1 < len(lines) else ' '}{t}\r\n" for i, t in enumerate(lines))

    def __call__(self, c):
        sender, rcpts = None, []
        self._reply(c, "GREET", b"", "220 mx.example.org ESMTP")
        while True:
            line = c.line()
            if line is None:
                return
            verb = line.split(b" ")[0].split(b":")[0].upper().decode("latin-1")
            if verb == "EHLO":
                self._reply(c, "EHLO", line, self.ehlo(c))
            elif verb == "STARTTLS":
                if self._reply(c, "STARTTLS", line, b"220 go ahead\r\n" + self.behind_220) == b"2":
                    c.start_tls(self.context)
                    c.buffer = b""
                    sender, rcpts = None, []
            elif verb == "MAIL":
                if self._reply(c, "MAIL", line, "250 2.1.0 Ok") == b"2":
                    sender, rcpts = line, []
            elif verb == "RCPT":
                if self._reply(c, "RCPT", line, "250 2.1.5 Ok") == b"2":
                    rcpts.append(line)
            elif verb == "DATA":
                if self._reply(c, "DATA", line, "354 go on") == b"3":
                    c.buffer = b"\r\n" + c.buffer
                    content = c.until(b"\r\n.\r\n")
                    if content is None:
                        return
                    if self._reply(c, "DOT", b".", "250 2.0.0 taken") == b"2":
                        self.mail.append((sender, rcpts, content[2:] + b"\r\n", c.tls))
                    sender, rcpts = None, []
            elif verb == "QUIT":
                self._reply(c, "QUIT", line, "221 2.0.0 bye")
                return
            else:
                self._reply(c, verb, line, "250 2.0.0 Ok")


# ---- oracles ----------------------------------------------------------------------------------------

SECRET_VERBS = (b"MAIL FROM", b"RCPT TO", b"DATA\r\n", b"AUTH ")


def wire(servers, marks=(b"X-Secret-Mark",)):
    """Octets of the mail that went out in clear: empty, or what was seen."""
    seen = b"".join(s.clear for s in servers)
    return [m for m in (*SECRET_VERBS, *marks) if m in seen]
