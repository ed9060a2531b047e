# SPDX-License-Identifier: MIT
"""A board in QEMU, on a TAP device in the laboratory's namespace, with the arguments of `stsmail send`.

The servers of the other suites listen on 127.0.0.x; a device takes nothing from loopback, so here the same servers have
the same last octet under 10.53.0.
"""
import hashlib
import os
import re
import subprocess
import tempfile
import time

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

import evil
import lab

NET, HOST, DEVICE = "10.53.0.", "192.0.2.1", "192.0.2.2"
QEMU = {
    "mps2-an385": ["-M", "mps2-an385", "-net", "nic,netdev=n", "-netdev"],
    "lm3s6965evb": ["-M", "lm3s6965evb", "-net", "nic,netdev=n", "-netdev"],
}


notes = {}  # what the last run said of its memory


def far(address):
    """The address under which the device sees a server of 127.0.0.x."""
    return NET + address[8:] if address.startswith("127.0.0.") else address


def at_a_distance():
    """Every server of the other suites, at the address that the device sees."""
    server, dns, rdata = evil.Server.__init__, evil.DNS.__init__, evil.dns_rdata

    def server_init(self, script, address, *args, **more):
        server(self, script, far(address), *args, **more)

    def dns_init(self, zone, address="127.0.0.1", *args, **more):
        dns(self, zone, far(address), *args, **more)

    evil.Server.__init__, evil.DNS.__init__ = server_init, dns_init
    evil.dns_rdata = lambda kind, value: rdata(kind, far(value) if kind == evil.A else value)


def link(board, roots, elf, *settings):
    """The image with a test's own trust anchors. Tests run side by side: one makes objects, the next finds them made."""
    subprocess.run(["flock", os.path.join(lab.BUILD, f"{board}.lock"), "make", "-s", "-C", lab.ROOT, f"BOARD={board}",
                    f"CA={roots}", f"ELF={elf}", *settings, "firmware"], check=True, stdout=subprocess.DEVNULL)


def network():
    """The TAP device, and an address for each server."""
    for command in ("tuntap add dev tap0 mode tap", f"addr add {HOST}/24 dev tap0", "link set tap0 up",
                    *[f"addr add {NET}{n}/32 dev lo" for n in range(1, 64)]):
        subprocess.run(["ip", *command.split()], check=True)


class Intermediate(lab.CA):
    """A CA under a root; its chains carry it."""

    def __init__(self, root, name, kind):
        self.folder, self.kind, self.key = root.folder, kind, self._key(kind)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.cert = root._sign(subject, self.key.public_key(), root.cert.subject, True, [], (-1, 1000))

    def issue(self, *names, **more):
        key, chain = super().issue(*names, **more)
        with open(chain, "ab") as f:
            f.write(self.cert.public_bytes(serialization.Encoding.PEM))
        return key, chain


def quoted(word):
    """An argument as the image reads it, and as QEMU's option wants it."""
    if not re.fullmatch(r"[^ \"\\\n]+", word):
        word = '"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    return word.replace(",", ",,")


def run(board, elf, *args, **more):
    """Runs the image to its end, with an address of its own: lab.Result; `notes`, the lines about memory, are in it too."""
    return run_as_is(board, elf, "send", "--ip", DEVICE + "/24", "--gateway", HOST, *args, **more)


def command_line(board, elf, args, tap="tap0", more=()):
    words = ["stsmail", *map(str, args)]
    config = ",".join(["enable=on", "target=native", *["arg=" + quoted(w) for w in words]])
    network = [f"tap,id=n,ifname={tap},script=no,downscript=no"] if tap else ["user,id=n,restrict=on"]
    return ["qemu-system-arm", "-display", "none", "-monitor", "none", "-serial", "stdio", *QEMU[board], *network,
            "-semihosting-config", config, "-kernel", elf, *more]


def run_as_is(board, elf, *args, timeout=60, more=(), tap="tap0", clock=True):
    """clock: the device has one that runs on a battery."""
    args = [*args[:1], *(["--now", int(time.time())] if clock else []), *args[1:]]
    command = command_line(board, elf, args, tap, more)
    start = time.monotonic()
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout)
    except subprocess.TimeoutExpired as late:
        done = subprocess.CompletedProcess(command, -1, late.stdout or b"", (late.stderr or b"") + b"\nno end")
    result = lab.Result(done, time.monotonic() - start)
    result.notes = {m[1]: int(m[2]) for m in re.finditer(r"^# (.*): (\d+)", result.stdout, re.M)}
    notes.update(result.notes)
    return result


# ---- in the place of the program -------------------------------------------------------------------

HERE_ALONE = {"--tap", "--state", "--config"}  # options that mean nothing on a board
SIX = {"mps2-an385"}  # boards with IPv6
FLAGS = {"--json", "-v", "-vv", "--require-tls"}
# Where the image has no room for an option, what a test's image is made with to take it: (board, option) -> make's words.
ROOM = {("lm3s6965evb", "--policy"): ("VARIANT=-policies", "DEFS=-DBOARD_POLICIES=2")}
_images = {}


def image(board, roots, words=()):
    """The image with these roots, and with room for the options among the words: linked once."""
    settings = [s for (b, option), more in ROOM.items() if b == board and option in words for s in more]
    with open(roots, "rb") as f:
        name = hashlib.sha256(f.read() + " ".join(settings).encode()).hexdigest()[:16]
    if name not in _images:
        elf = os.path.join(lab.scratch("image-" + name), "stsmail.elf")
        link(board, roots, elf, *settings)
        _images[name] = elf
    return _images[name]


def translate(board, words):
    """The command line of `stsmail send` for an image: (its arguments, the file of roots, whether the message is composed
    there)."""
    words, out, roots = list(map(str, words)), [], None
    composed = bool({"--subject", "--body"} & set(words))
    while words:
        word = words.pop(0)
        if word == "--":
            out += words
            break
        if word.startswith("--") and "=" in word:
            word, value = word.split("=", 1)
            words.insert(0, value)
        if word == "--require-tls":
            out += ["--floor", "policy"]
        elif word in FLAGS or not word.startswith("--"):
            out.append("-v" if word == "-vv" else word)
        elif word == "--ca":
            roots = words.pop(0)
        elif word in HERE_ALONE or (word in ("--ip6", "--gateway") and ":" in words[0] and board not in SIX):
            words.pop(0)
        else:
            out += [word, words.pop(0)]
    return out, roots, composed


def send(board, words, stdin, timeout=None):
    """`stsmail send`, on a board. The lines about memory are not part of what the program says."""
    args, roots, composed = translate(board, words)
    with tempfile.NamedTemporaryFile(prefix="stsmail-board-", suffix=".eml") as message:
        if not composed:
            message.write(stdin)
            message.flush()
            args = ["--message", message.name, *args]
        r = run_as_is(board, image(board, roots, args), "send", *args, timeout=timeout)
    r.stdout = "".join(line for line in r.stdout.splitlines(True) if not line.startswith("# "))
    return r
