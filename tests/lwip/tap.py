# SPDX-License-Identifier: MIT
"""The laboratory of tests/interop with the program behind a TAP device, on an IP stack of its own. Import it first:

    import tap
    tap.enter()

Servers keep the names that the tests give them, 127.0.0.N, which are mapped to addresses that a device can reach: on its own
network, or behind the gateway. Results are mapped back. So one scenario runs on every port.
"""
import os
import re
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "interop"))

import lab  # noqa: E402

TAP, GATEWAY, GATEWAY6 = "tap0", "10.9.0.1", "fd01::1"
DEVICE, DEVICE6 = "10.9.1.2", "fd01::2"
OPTIONS = ["--tap", TAP, "--ip", DEVICE + "/16", "--ip6", DEVICE6 + "/64", "--gateway", GATEWAY, "--gateway", GATEWAY6]
LINK, BEYOND = "10.9.0.", "198.51.100."
BEHIND = range(20, 30)  # of 127.0.0.N: behind the gateway


def there(address):
    """127.0.0.N as a device reaches it."""
    found = re.fullmatch(r"127\.0\.0\.(\d+)", address)
    if not found:
        return address
    return (BEYOND if int(found[1]) in BEHIND else LINK) + found[1]


def back(text):
    return re.sub(rb"(10\.9\.0\.|198\.51\.100\.)(?=\d)", b"127.0.0.", text)


class Socket(socket.socket):
    """A socket of a test's own, where the device can reach it."""

    def bind(self, address):
        super().bind(_socket_address(address))

    def connect(self, address):
        super().connect(_socket_address(address))

    def connect_ex(self, address):
        return super().connect_ex(_socket_address(address))


def _socket_address(address):
    known = isinstance(address, tuple) and isinstance(address[0], str)
    return (there(address[0]), *address[1:]) if known else address


def _map_sockets():
    """For everything that the tests do from here on: the sockets they bind, and the addresses that their DNS gives."""
    pton, aton = socket.inet_pton, socket.inet_aton
    socket.inet_pton = lambda family, text: pton(family, there(text))
    socket.inet_aton = lambda text: aton(there(text))
    socket.socket = Socket


def _argument(text):
    text = str(text)
    host, colon, port = text.partition(":")
    return there(host) + colon + port


def enter():
    """Into the namespaces, with the device there and every server on its network."""
    lab.enter()
    lab.enter = lambda: None  # a test that runs as it is finds itself there
    for line in (f"tuntap add {TAP} mode tap", f"addr add {GATEWAY}/16 dev {TAP}", f"link set {TAP} up txqueuelen 100000",
                 f"-6 addr add {GATEWAY6}/64 dev {TAP} nodad",
                 f"route add local {LINK}0/24 dev lo", f"route add local {BEYOND}0/24 dev lo"):
        subprocess.run(["ip", *line.split()], check=True)
    _map_sockets()
    lab.PROGRAM = os.environ.get("STSMAIL", os.path.join(lab.BUILD, "linux-lwip", "stsmail"))
    lab.stsmail = _run(lab.stsmail)


def _run(original):
    def stsmail(command, *args, **more):
        result = original(command, *OPTIONS, *map(_argument, args), **more)
        result.stdout, result.stderr = (back(t.encode()).decode() for t in (result.stdout, result.stderr))
        for one in result.json:
            for attempt in one.get("attempts", []):
                if attempt.get("address"):
                    attempt["address"] = back(attempt["address"].encode()).decode()
        return result
    return stsmail
