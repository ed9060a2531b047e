# SPDX-License-Identifier: MIT
"""What a network gives a device at its start: the time (SNTP), a lease (DHCP), a prefix (router advertisements). Each in a thread,
each with knobs to lie."""
import socket
import struct
import threading
import time

NTP_1970 = 2208988800  # the second of 1970 in NTP's count from 1900


class Service:
    """A UDP server in a thread: answer(packet, peer) -> bytes or None."""

    def __init__(self, address, port, device=None):
        self.socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if device:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self.socket.bind((address, port))
        self.socket.settimeout(0.2)
        self.asked, self.open = [], True
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while self.open:
            try:
                packet, peer = self.socket.recvfrom(2048)
            except socket.timeout:
                continue
            except OSError:
                return
            self.asked.append(packet)
            for out, to in self.answers(packet, peer):
                self.socket.sendto(out, to)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.open = False
        self.thread.join()
        self.socket.close()


class SNTP(Service):
    """Says `now` (a function; the time of this machine; None: only forges). drop: questions that get no answer. forge: answers before the true one,
    each (seconds since 1970, originate timestamp or None for the one that was sent)."""

    def __init__(self, address, now=time.time, drop=0, forge=(), stratum=2):
        self.now, self.drop, self.forge, self.stratum = now, drop, forge, stratum
        super().__init__(address, 123)

    def message(self, originate, seconds):
        stamp = struct.pack(">II", int(seconds + NTP_1970) & 0xffffffff, 0)
        return struct.pack(">BBBbIII", 0x24, self.stratum, 4, -20, 0, 0, 0x7f000001) + stamp + originate + stamp + stamp

    def answers(self, packet, peer):
        if len(packet) != 48 or packet[0] & 7 != 3:
            return []
        if self.drop > 0:
            self.drop -= 1
            return []
        sent = packet[40:48]
        good = [(self.now(), None)] if self.now else []
        return [(self.message(sent if o is None else o, t), peer) for t, o in (*self.forge, *good)]


class DHCP(Service):
    """One lease, of these addresses; `late`: seconds before each answer."""

    def __init__(self, device, lease, router, dns=(), ntp=(), silent=False, server=None):
        self.lease, self.router, self.dns, self.ntp, self.silent = lease, router, dns, ntp, silent
        self.server = server or router
        self.requested = None  # of the last message: its parameter request list
        super().__init__("0.0.0.0", 67, device)

    @staticmethod
    def options(packet):
        at, found = 240, {}
        while at < len(packet) and packet[at] != 255:
            if packet[at]:
                found[packet[at]] = packet[at + 2:at + 2 + packet[at + 1]]
                at += 1 + packet[at + 1]
            at += 1
        return found

    def answers(self, packet, peer):
        asked = self.options(packet)
        kind = asked[53][0]
        self.requested = asked.get(55, b"")
        if self.silent or kind not in (1, 3):
            return []
        ip = lambda *all: b"".join(socket.inet_aton(a) for a in all)
        given = [(53, bytes([2 if kind == 1 else 5])), (54, ip(self.server)), (51, struct.pack(">I", 3600)),
                 (1, ip("255.255.255.0")), (3, ip(self.router))]
        # As servers do: what was not asked for is not said.
        given += [(n, ip(*v)) for n, v in ((6, self.dns), (42, self.ntp)) if v and n in self.requested]
        out = bytearray(240)
        out[0:4] = 2, 1, 6, 0
        out[4:8] = packet[4:8]
        out[16:20] = ip(self.lease)
        out[28:34] = packet[28:34]
        out[236:240] = bytes((99, 130, 83, 99))
        out += b"".join(bytes((n, len(v))) + v for n, v in given) + b"\xff"
        return [(bytes(out), ("255.255.255.255", 68))]


class Router:
    """Announces a /64 prefix on a device, and name servers."""

    def __init__(self, device, prefix, dns=()):
        self.open = True
        out = struct.pack(">BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)
        out += struct.pack(">BBBBIII", 3, 4, 64, 0xc0, 86400, 14400, 0) + socket.inet_pton(socket.AF_INET6, prefix)
        if dns:
            out += struct.pack(">BBHI", 25, 1 + 2 * len(dns), 0, 1200) + b"".join(socket.inet_pton(socket.AF_INET6, d) for d in dns)
        self.thread = threading.Thread(target=self._run, args=(device, out), daemon=True)
        self.thread.start()

    def _run(self, device, out):
        with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as s:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
            while self.open:
                try:
                    s.sendto(out, ("ff02::1", 0, 0, socket.if_nametoindex(device)))
                except OSError:  # no link, no address yet
                    pass
                time.sleep(0.3)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.open = False
        self.thread.join()
