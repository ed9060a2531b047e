#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Composes random messages with the library and reads them with Python's email package (M09).

usage: check_message.py COMPOSE_TOOL [MESSAGES [SEED]]

The last line is "messages: N passed, N failed"; the exit status is 1 if any failed.
"""
import datetime
import email
import email.header
import email.policy
import email.utils
import io
import random
import re
import subprocess
import sys

SEEDS = ["x", "word ", " ", "é", "ß", "€", "日本", "🔥", '"', "\\", "=", "?", "=?", "?=", "_", "<", ">",
         ",", ";", ":", "(", ")", "@", ".", "50 % ", "%s", "${HOME}", "0123456789",
         "=?utf-8?q?x?=", "=20", "e\u0301", "\u200d"]
ATOMS = "abcXYZ059!#$%&'*+-/=?^_`{|}~"


def text(rng, most):
    return "".join(rng.choice(SEEDS) for _ in range(rng.randrange(most)))


def mailbox(rng):
    atoms = ["".join(rng.choice(ATOMS) for _ in range(rng.randint(1, 12)))
             for _ in range(rng.randint(1, 3))]
    labels = ["".join(rng.choice("abcxyz09") for _ in range(rng.randint(1, 12)))
              for _ in range(rng.randint(1, 4))]
    return ".".join(atoms) + "@" + ".".join(labels)


def body(rng):
    kind = rng.randrange(4)
    lines = []
    for _ in range(rng.randrange(8)):
        if kind == 0:  # ASCII
            lines.append("".join(rng.choice(" .=xyz\t,From ") for _ in range(rng.randrange(100))))
        elif kind == 1:  # any text
            lines.append(text(rng, 40))
        elif kind == 2:  # long lines
            lines.append(rng.choice(["x", "é", " ", "=", ". "]) * rng.randrange(1500))
        else:  # the octets around the limits of quoted-printable
            lines.append("x" * rng.randint(70, 78) + rng.choice(["", " ", "\t", "=", "é", "."]))
    return rng.choice(["\n", "\r\n", "\r"]).join(lines + [""] * rng.randrange(2))


def a_message(rng):
    return {
        "from": mailbox(rng),
        "name": text(rng, 20),
        "subject": text(rng, 40),
        "id": "%x.%x@%s" % (rng.getrandbits(64), rng.getrandbits(32), mailbox(rng).split("@")[1]),
        "date": rng.choice([rng.randint(1, 253402300799), rng.randint(1, 4102444800)]),
        "body": body(rng),
        "to": [mailbox(rng) for _ in range(rng.randrange(5))],
    }


def values_of(m):
    values = [m["from"], m["name"], m["subject"], m["id"], str(m["date"]), m["body"],
              str(len(m["to"])), *m["to"]]
    for value in values:
        octets = value.encode()
        yield b"%d\n%s" % (len(octets), octets)


def compose(tool, messages):
    """Result and octets of each message."""
    done = subprocess.run([tool], input=b"".join(v for m in messages for v in values_of(m)),
                          stdout=subprocess.PIPE, check=True)
    output = io.BytesIO(done.stdout)
    for _ in messages:
        result, length = map(int, output.readline().split())
        yield result, output.read(length)


def lines_of(value):
    """The text as mail has it: LF for each line end, one at the end."""
    value = re.sub("\r\n|\r", "\n", value)
    return value if value == "" or value.endswith("\n") else value + "\n"


def same(what, got, wanted):
    if got != wanted:
        raise ValueError("%s: got %r, wanted %r" % (what, got, wanted))


def name_of(octets):
    """The From field's name. Python 3.11's new parser shows a space between two encoded words of a
    phrase, where RFC 2047 6.2 wants none (its subjects are right); its older functions know better."""
    field = email.message_from_bytes(octets, policy=email.policy.compat32)["From"]
    name, _ = email.utils.parseaddr(field)
    return str(email.header.make_header(email.header.decode_header(name)))


def check(m, result, octets):
    same("result", result, 0)
    same("ASCII without NUL", octets.isascii() and b"\0" not in octets, True)
    same("bare CR or LF", re.search(b"[\r\n]", octets.replace(b"\r\n", b"")), None)
    header, _, content = octets.partition(b"\r\n\r\n")
    allowed = max(76, 2 + max(map(len, [m["from"] + ">", m["id"] + ">", *m["to"]])))  # these stay whole
    same("long header lines", [v for v in header.split(b"\r\n") if len(v) > allowed], [])
    got = email.message_from_bytes(octets, policy=email.policy.default)
    fields = dict(got.items())  # each look into `got` parses anew
    same("fields", len(set(map(str.lower, fields))), len(got))
    same("defects", got.defects + [d for v in fields.values() for d in v.defects], [])
    same("subject", fields["Subject"], m["subject"])
    same("from", [a.addr_spec for a in fields["From"].addresses], [m["from"]])
    same("name", name_of(octets), m["name"])
    same("to", [a.addr_spec for a in fields["To"].addresses], m["to"])
    same("date", fields["Date"].datetime,
         datetime.datetime.fromtimestamp(m["date"], datetime.timezone.utc))
    same("id", fields["Message-ID"].strip(), "<" + m["id"] + ">")
    same("type", fields["Content-Type"].content_type, "text/plain")
    same("auto", fields["Auto-Submitted"], "auto-generated")
    encoded = fields["Content-Transfer-Encoding"] == "quoted-printable"
    same("charset", fields["Content-Type"].params["charset"], "utf-8" if encoded else "us-ascii")
    same("body", got.get_payload(decode=True).decode().replace("\r\n", "\n"), lines_of(m["body"]))
    if encoded:
        same("encoded lines", [v for v in content.split(b"\r\n") if len(v) > 76], [])


def main():
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 10000
    rng = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    failed = 0
    messages = [a_message(rng) for _ in range(count)]
    for n, (result, octets) in enumerate(compose(sys.argv[1], messages)):
        try:
            check(messages[n], result, octets)
        except Exception as why:  # whatever the parser raises is a failure, too
            failed += 1
            if failed <= 10:
                print(("message %d: %s" % (n, why))[:1000])
    print("messages: %d passed, %d failed" % (count - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
