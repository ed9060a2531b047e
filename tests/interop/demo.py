#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`make demo`: the main job on real servers, then two attacks on it. Exit status 0 only if everything was as it should."""
import os
import shlex
import socket
import ssl
import sys
import textwrap
import threading

import lab

lab.enter()

import world  # noqa: E402: what it mounts belongs into the namespace

MX, BEHIND = "127.0.0.10", "127.0.0.11"
BODY = "On battery since 03:12, 11 minutes left."
# Any of these in clear would be some of the mail.
MAIL = (b"ups7@", b"ops@example.org", b"MAIL", b"RCPT", b"DATA", b"Subject", b"On battery")


class OnTheWay:
    """Sits where the packets to the MX pass, and keeps every octet that the device sends. It can just listen, delete
    STARTTLS from what the MX offers, or play the MX with a certificate of its own."""

    def __init__(self, certificate):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate[1], certificate[0])
        self.behave("listen")
        self.socket = socket.create_server((MX, 25))
        threading.Thread(target=self._accept, daemon=True).start()

    def behave(self, how):
        self.how, self.seen, self.opened, self.idle = how, b"", b"", threading.Event()

    def _accept(self):
        while True:
            device, _ = self.socket.accept()
            threading.Thread(target=self._relay, args=(device,), daemon=True).start()

    def _relay(self, device):
        done = self.idle
        server = socket.create_connection((BEHIND, 25))
        threading.Thread(target=self._answers, args=(server, device, self.how), daemon=True).start()
        try:
            while data := device.recv(65536):
                self.seen += data
                if self.how == "other certificate" and b"STARTTLS" in data:
                    return self._pretend(device)
                server.sendall(data)
        except OSError:
            pass
        finally:
            server.close()
            device.close()
            done.set()

    @staticmethod
    def _answers(server, device, how):
        try:
            while data := server.recv(65536):
                if how == "strip":
                    data = data.replace(b"250-STARTTLS\r\n", b"")
                device.sendall(data)
            device.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def _pretend(self, device):
        device.sendall(b"220 2.0.0 Ready to start TLS\r\n")
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.context.wrap_bio(incoming, outgoing, server_side=True)
        step = tls.do_handshake
        while True:
            try:
                got = step()
                if step == tls.read:
                    self.opened = got  # a device that says anything here was deceived
                    return
                step = tls.read
            except ssl.SSLWantReadError:
                device.sendall(outgoing.read())
                data = device.recv(65536)
                self.seen += data
                incoming.write(data) if data else incoming.write_eof()
            except ssl.SSLError:
                return  # the device hung up on us

    def clear(self):
        """(what the device said in clear, how many octets of TLS followed)"""
        self.idle.wait(10)
        lines = []
        rest = self.seen
        while b"\r\n" in rest and (not lines or lines[-1] != "STARTTLS"):
            line, rest = rest.split(b"\r\n", 1)
            lines.append(line.decode("latin-1"))
        return lines, len(rest)


results = []


def heading(text):
    print(f"\n=== {text} {'=' * (74 - len(text))}\n")


def show(text, prefix="    "):
    print(textwrap.indent(text.rstrip("\n"), prefix))


def check(what, ok):
    results.append((what, bool(ok)))


def send(*more):
    options = [*more, "--ca", "root.pem", "--state", "state", "--from", "ups7@example.com", "--hostname", "ups7.example.com"]
    mail = ["--subject", "UPS 7", "--body", BODY, "ops@example.org"]
    print(f"    $ stsmail send {' '.join(options)} \\\n          {shlex.join(mail)}\n")
    return lab.stsmail("send", *options, *mail)


def on_the_wire(way):
    lines, secret = way.clear()
    print("\n  What the one on the way saw of the device, to the last octet:\n")
    show("\n".join(lines), "    > ")
    if secret:
        print(f"    > ({secret} octets of TLS)")
    check("none of the mail was on the wire in clear", not [m for m in MAIL if m in way.seen])
    return [line.partition(" ")[0] for line in lines], secret


def main():
    ca = lab.CA(lab.scratch("ca"))
    w = world.World()
    os.chdir(world.HERE)
    policy = world.policy(mx=["mx1.example.org"])
    w.domain("example.org", mx=[MX], policy=policy, id="20260528")
    w.write("root.pem", open(ca.file).read())
    w.knot()
    w.unbound()
    w.nginx({"example.org": ca.issue("mta-sts.example.org")})
    w.postfix([world.Mx(BEHIND, *ca.issue("mx1.example.org"))], ["ops@example.org"],
              ["myhostname = mx1.example.org"])
    way = OnTheWay(ca.issue("other.example.org"))

    heading("What example.org has published")
    print("  in the DNS (knot; the device asks unbound):\n")
    show('example.org.           MX   10 mx1.example.org.\n_mta-sts.example.org.  TXT  "v=STSv1; id=20260528;"')
    print("\n  at https://mta-sts.example.org/.well-known/mta-sts.txt (nginx):\n")
    show(policy.replace("\r\n", "\n"))

    heading("1. An alert, and somebody on the way who listens")
    r = send("-v")
    show(r.stderr)
    print("\n  The decision:\n")
    show(r.stdout)
    check("the alert is delivered: exit 0", r.status == 0)
    said, secret = on_the_wire(way)
    check("... after EHLO and STARTTLS all of it was TLS", said == ["EHLO", "STARTTLS"] and secret)
    box = w.mail("ops@example.org")
    print("\n  The mail, as it lies in the mailbox that Postfix keeps:\n")
    show(box[0].decode() if box else "(nothing)")
    check("it lies in the mailbox, once", len(box) == 1 and BODY.encode() in box[0])

    heading("2. Whoever is on the way deletes STARTTLS from what the MX offers")
    way.behave("strip")
    r = send()
    show(r.stdout)
    check("STARTTLS stripped: deferred, exit 75", r.status == 75)
    check("... after EHLO and QUIT and nothing else", on_the_wire(way) == (["EHLO", "QUIT"], 0))

    heading("3. They play the MX, with a valid certificate for other.example.org")
    way.behave("other certificate")
    r = send()
    show(r.stdout)
    check("another name's certificate: deferred, exit 75", r.status == 75)
    said, _ = on_the_wire(way)
    check("... after EHLO, STARTTLS and a handshake", said == ["EHLO", "STARTTLS"])
    check("... and inside TLS not one octet was said", way.opened == b"")
    print(f"    > and in that TLS, to which they have the key: {len(way.opened)} octets")

    heading("Summary")
    check("Postfix took one message in all", w.log("maillog").count(": client=") == 1 == len(w.mail("ops@example.org")))
    for what, ok in results:
        print(f"    {'ok    ' if ok else 'FAILED'} {what}")
    bad = sum(not ok for _, ok in results)
    print(f"\ndemo: {len(results) - bad} of {len(results)} as they should be")
    return bad != 0


if __name__ == "__main__":
    sys.exit(main())
