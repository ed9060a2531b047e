# SPDX-License-Identifier: MIT
"""The laboratory of tests/interop with the program behind a TAP device, on an IP stack of its own. Import it before
`stage`:

    import tap
    tap.enter()

Servers keep the names that the tests give them, 127.0.0.N, which are mapped to addresses that a device can reach: on its own
network, or behind the gateway. Results are mapped back. So one scenario runs on every port.
"""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "interop"))

import evil  # noqa: E402
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


def _mapped(function, at):
    """`function` with the argument number `at`, or named address, mapped."""
    def call(*args, **named):
        if "address" in named:
            named["address"] = there(named["address"])
        elif at < len(args):
            args = (*args[:at], there(args[at]), *args[at + 1:])
        return function(*args, **named)
    return call


def _rdata(original):
    def rdata(kind, value):
        return original(kind, there(value) if kind == evil.A else value)
    return rdata


def _argument(text):
    text = str(text)
    host, colon, port = text.partition(":")
    return there(host) + colon + port


def enter():
    """Into the namespaces, with the device there and every server on its network."""
    lab.enter()
    lab.enter = lambda: None  # a test that runs as it is finds itself there
    for line in (f"tuntap add {TAP} mode tap", f"addr add {GATEWAY}/16 dev {TAP}", f"link set {TAP} up",
                 f"-6 addr add {GATEWAY6}/64 dev {TAP} nodad",
                 f"route add local {LINK}0/24 dev lo", f"route add local {BEYOND}0/24 dev lo"):
        subprocess.run(["ip", *line.split()], check=True)
    evil.dns_rdata = _rdata(evil.dns_rdata)
    evil.DNS.__init__.__defaults__ = tuple(there(d) if isinstance(d, str) else d for d in evil.DNS.__init__.__defaults__)
    for name, at in (("Server", 1), ("BlackHole", 0), ("DNS", 1)):
        setattr(evil, name, _mapped(getattr(evil, name), at))
    lab.PROGRAM = os.environ.get("STSMAIL", os.path.join(lab.BUILD, "linux-lwip", "stsmail"))
    lab.stsmail = _run(lab.stsmail)


def _run(original):
    def stsmail(command, *args, **more):
        result = original(command, *OPTIONS, *map(_argument, args), **more)
        result.stdout = back(result.stdout.encode()).decode()
        for one in result.json:
            for attempt in one.get("attempts", []):
                if attempt.get("address"):
                    attempt["address"] = back(attempt["address"].encode()).decode()
        return result
    return stsmail
