#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs a test of tests/interop or tests/lwip with a board in QEMU in the place of the program, over a TAP device.

    on_board.py BOARD TEST [ARGUMENT...]

What a board has not, it is not asked for: those scenarios are left out and counted, ABSENT says why. Where it only is smaller,
OTHERWISE says how the scenario ends on it.
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
# What is not run, and why a board has nothing to show for it. By its arguments (why_not() says which):
WORDS = "the words that the program says to a person, and its other commands: a board has the JSON of `send` alone"
CLOCK = "a clock that is set from outside the program: a board's is its own, tests/boards/test_boards.py has it"
FILE = "a configuration in a file"
HELD = "a policy held since an earlier run: a reset empties the RAM that holds it, tests/boards/test_power.py has the flash"
# By the scenario's name:
ABSENT = [
    (r"^help names", "the program's own command"),
    (r"^(no TAP device|no address|an address without bits|bits that are none|a gateway that is none|IPv6 with other|a TAP device"
     r"|a device that is no TAP)", "the program's own options for the TAP device"),
    (r"^S29 |^D35 ", "what is said of bad arguments, whose words are the board's own: tests/boards/test_boards.py has them"),
    (r"^D02, D03", "20 questions of one run: a device keeps 4 MX hosts and asks for no more"),
    *([(r"^IPv6: (MX|policy host|a second)|^D28 IPv6|^D03 every question", "IPv6, which lm3s6965evb is built without")]
      if SMALL else []),
]
# Where a device is smaller than the program, what it has to end with instead: (pattern, ends, why). An end is the result,
# its reason and the policy's source; where nothing was tried, the exit status.
NO_IMAGE = "no image"
UNKNOWN = {("deferred", "dns", "none")}
OTHERWISE = [
    (r"^D20 a reply of 4 KB|^D17 4000 octets|^D29 1000 MX, the best", UNKNOWN, "an answer larger than a device's buffer for it"),
    (r"^D28 MX hosts at 0", UNKNOWN, "the MX host that is good is the 13th: a device keeps 4"),
    (r"^D33 three dead", {64}, "a fourth DNS server is refused"),
    (r"^H20 http/1.1 is what", {("delivered", None, "fetched")}, "no ALPN in the boards' wolfSSL"),
    (r"^X11 name-1000-.* at the MX", {("deferred", "memory" if SMALL else "validation-failure", "provisioned")},
     "a certificate larger than a device takes, or than the pool"),
    (r"^X11 name-1000-.* at the policy host", {("deferred", "memory" if SMALL else "connect", "none")},
     "a certificate larger than a device takes, or than the pool"),
    (r" alone: no anchors, 78$", {NO_IMAGE}, "the roots are judged where the image is made"),
    (r"^X31 ca-file-messy ", {NO_IMAGE}, "a file of roots with a mistake in it makes no image"),
    *([(r"^S01 (a line of 100000|an endless line) .*(?<!GREET), TLS$|^H03 interim without|^H05 (an )?endless|^H06 slow TLS"
        r"|^H07 (\d+ octets|an endless)|^H10 (endless|trailers)",
        {("deferred", "memory", "none"), ("deferred", "memory", "fetched")}, "a record of TLS larger than the pool"),
       (r"^X24 (name-20000|chain-of-100) at the MX", {("deferred", "memory", "provisioned")}, "a chain larger than the pool")]
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


def end(r):
    """What a run came to, as OTHERWISE has it."""
    return (r.json[0]["result"], r.json[0]["reason"], r.json[0]["policy"]["source"]) if len(r.json) == 1 else r.status


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
        for pattern, ends, why in OTHERWISE:
            if re.search(pattern, what):
                ok, detail = end(runs[-1]) in ends, f"{why}: {ends}\n{runs[-1]}"
        return super().check(what, ok, detail)

    def end(self):
        for why, n in sorted(self.left_out.items()):
            print(f"{self.suite}: {n} left out: {why}")
        print(f"{self.suite}: {sum(self.left_out.values())} left out in all")
        super().end()


runs = collections.deque(maxlen=1)  # the last that took place
absent = []  # why the run that the next check looks at did not take place


def why_not(command, words, env):
    """Why a board cannot do this; None if it can."""
    state = words[words.index("--state") + 1] if "--state" in words else None
    if command != "send" or "--json" not in words:
        return WORDS
    if env:
        return CLOCK
    if "--config" in words:
        return FILE
    if state and os.path.isdir(state) and os.listdir(state):
        return HELD
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
        r = Absent(None)
        r.status = NO_IMAGE
    r.took = max(0, r.took - BOOT)
    runs.append(r)
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
