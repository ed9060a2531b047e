#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs a test of tests/interop or tests/lwip with a board in QEMU in the place of the program, over a TAP device.

    on_board.py BOARD TEST [ARGUMENT...]

What a board has not, it is not asked for: files of state over two runs, IPv6, the words that the program says to a person,
its other commands. Those scenarios are left out and counted; ABSENT says why.
"""
import collections
import os
import re
import runpy
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ["STSMAIL"] = os.path.join(HERE, "program")  # for a test that asks it something else
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "lwip"), HERE]

import tap  # noqa: E402

import device  # noqa: E402
import evil  # noqa: E402
import lab  # noqa: E402
import stage  # noqa: E402

BOARD = sys.argv[1]
SMALL = BOARD == "lm3s6965evb"
# Scenarios by name: (pattern, why a board has nothing to show for it).
ABSENT = [
    (r"^help names", "the program's own command"),
    (r"^(no TAP device|no address|an address without bits|bits that are none|a gateway that is none|IPv6 with other|a TAP device"
     r"|a device that is no TAP)", "the program's own options"),
    (r"^S29 |^D35 ", "what is said of bad arguments"),
    (r"^D20 a reply of 4 KB|^D17 4000 octets|^D29 1000 MX, the best", "an answer larger than a device's buffer for it"),
    (r"^D28 MX hosts at 0|^D02, D03", "more MX hosts than a device keeps"),
    (r"^D33 three dead", "more DNS servers than a device has"),
    (r"^H20 http/1.1 is what", "ALPN, which the boards' wolfSSL is built without"),
    (r"^X11 name-1000", "a certificate larger than a device takes: deferred as well"),
    (r"^D01 65535", "more datagrams at once than the emulated controllers take"),
    *([(r"^IPv6: (MX|policy host|a second)|^D28 IPv6|^D03 every question", "needs IPv6"),
       (r"^D: truncated, then TCP|^D19 TC without|^D06 no case echoed for", "more questions at once over TCP than it has connections"),
       (r"^S01 (a line of 100000|an endless line).* TLS$|^H03 interim without|^H05 (an )?endless|^H06 slow TLS|^H07 |^H10 (endless|trailers)",
        "a record of TLS larger than the pool: deferred as well, for want of memory")]
      if SMALL else []),
]
BOOT = 2.0  # seconds of a run that are QEMU's: start, and the end of the connections


class Nobody:
    """The connection of a peer that never came."""
    clear = secret = buffer = b""
    sni, tls = None, False

    def close(self):
        pass


servers = []


def keep_servers():
    """All that listen, so that a test which looks at the first connection finds one."""
    start, end = evil.Server.__init__, evil.Server.close

    def init(self, *args, **more):
        start(self, *args, **more)
        servers.append(self)

    def close(self):
        end(self)
        if self in servers:
            servers.remove(self)

    evil.Server.__init__, evil.Server.close = init, close


class Absent(lab.Result):
    """What is said in the place of a run that does not take place."""

    def __init__(self, why):
        self.status, self.stdout, self.stderr, self.took, self.json, self.notes = 70, "", "", 0, [], {}
        self.why = why


class Tally(lab.Tally):
    """Counts; what was not run is not a check."""

    def __init__(self, suite):
        super().__init__(f"{BOARD}: {suite}")
        self.left_out = collections.Counter()

    def check(self, what, ok, detail=""):
        why = absent.pop() if absent else next((w for pattern, w in ABSENT if re.search(pattern, what)), None)
        absent.clear()
        if why:
            self.left_out[why] += 1
            return ok
        return super().check(what, ok, detail)

    def end(self):
        for why, n in sorted(self.left_out.items()):
            print(f"{self.suite}: {n} left out: {why}")
        super().end()


absent = []  # why the run that the next check looks at did not take place


def why_not(command, words, env):
    """Why a board cannot do this; None if it can."""
    state = words[words.index("--state") + 1] if "--state" in words else None
    if command != "send" or "--json" not in words:
        return "the words and commands of the program"
    if env:
        return "another clock from outside"
    if "--config" in words or ("--policy" in words and SMALL):
        return "a policy or a configuration in a file"
    if state and os.path.isdir(state) and os.listdir(state):
        return "a policy held since an earlier run"
    return None


def leave_out(why):
    absent.append(why)
    for server in servers:
        server.connections = server.connections or [Nobody()]
    return Absent(why)


def stsmail(command, *args, stdin=b"", timeout=120, env=None):
    words = list(map(str, args))
    why = why_not(command, words, env)
    if why:
        return leave_out(why)
    if "--state" in words:
        state = words[words.index("--state") + 1]
        os.makedirs(state, exist_ok=True)
        open(os.path.join(state, "a-board-was-here"), "w").close()
    try:
        r = device.send(BOARD, words, stdin, timeout)
    except subprocess.CalledProcessError:
        return leave_out("roots of which no image can be made")
    r.took = max(0, r.took - BOOT)
    return r


def main():
    lab.stsmail = stsmail
    tap.enter()
    tap.enter = lambda: None  # a test that does this itself finds itself there
    lab.Tally = Tally
    keep_servers()
    sys.argv = sys.argv[2:]
    own = lab.scratch
    lab.scratch = lambda name: own(os.path.join(BOARD, name))
    sys.path.insert(0, os.path.dirname(os.path.abspath(sys.argv[0])))
    runpy.run_path(sys.argv[0], run_name="__main__")


main()
