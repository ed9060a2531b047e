# SPDX-License-Identifier: MIT
"""Where TLS reports arrive (RFC 8460 5.3, 5.4): an https server, and a reader of mail. Nothing here is the program's code."""
import collections
import email
import email.policy
import gzip
import json
import time
import unittest.mock

import dkim

import evil

# A request as it came. `clock` is when the connection was made, by time.monotonic().
Post = collections.namedtuple("Post", "clock method target version fields body")


class Receiver(evil.Server):
    """`answers`: path -> status, or a function without arguments that gives one, or None for no answer at all."""

    def __init__(self, address, context, answers):
        self.context, self.answers, self.posts = context, answers, []
        super().__init__(self._talk, address, 443)

    def _talk(self, c):
        clock = time.monotonic()
        c.start_tls(self.context)
        head = c.until(b"\r\n\r\n")
        if head is None:
            return
        line, *fields = head.decode("latin-1").split("\r\n")
        fields = [(name.lower(), value.strip()) for name, value in (f.split(":", 1) for f in fields)]
        size = int(dict(fields).get("content-length", 0))
        while len(c.buffer) < size and c._more():
            pass
        self.posts.append(Post(clock, *line.split(" "), fields, c.buffer))
        status = self.answers.get(line.split(" ")[1], 404)
        status = status() if callable(status) else status
        if status is None:
            return
        more = "Location: https://in.reports.example/elsewhere\r\n" if status in (301, 302, 307, 308) else ""
        c.say(f"HTTP/1.1 {status} Status\r\n{more}Content-Length: 0\r\nConnection: close\r\n\r\n")

    def at(self, path):
        """The requests for a path."""
        return [p for p in self.posts if p.target == path]


def pairs(items):
    """RFC 7493 2.3: no key twice."""
    assert len(items) == len(dict(items)), items
    return dict(items)


def read(kind, octets):
    """The report in a file of this media type."""
    text = {"application/tlsrpt+gzip": gzip.decompress, "application/tlsrpt+json": bytes}[kind](octets)
    return json.loads(text.decode("utf-8"), object_pairs_hook=pairs)


def by_https(post):
    """What is wrong with a request, or nothing; and the report."""
    fields = dict(post.fields)
    wrong = [what for what, ok in (
        ("POST", post.method == "POST" and post.version == "HTTP/1.1"),
        ("no field twice", len(fields) == len(post.fields)),
        ("media type", fields.get("content-type") in ("application/tlsrpt+json", "application/tlsrpt+gzip")),
        ("no Content-Encoding", "content-encoding" not in fields),
        ("its host", fields.get("host") == "in.reports.example"),
        ("the whole body and no more", len(post.body) == int(fields.get("content-length", -1)))) if not ok]
    return wrong, None if wrong else read(fields["content-type"], post.body)


def signed(mail, record):
    """(whether DKIM holds at the time that it was signed, its tags). `record`: (owner, value) of the key. dkimpy takes no
    list of services in s=, so it does not get that tag: RFC 6376 3.6.1, R-188."""
    owner, value = record
    tags = [v for v in value.replace(" ", "").split(";") if v and not v.startswith("s=")]

    def dns(name, timeout=5):
        return ";".join(tags).encode() if name.decode().rstrip(".") == owner.rstrip(".") else None
    parsed = email.message_from_bytes(mail)
    field = parsed.get_all("DKIM-Signature") or [""]
    found = dict(v.split("=", 1) for v in "".join(field[0].split()).split(";") if "=" in v)
    signed_at = int(found.get("t", time.time()))
    try:
        with unittest.mock.patch("time.time", lambda: signed_at):  # the test's day is to come
            return len(field) == 1 and dkim.verify(mail, dnsfunc=dns), found
    except dkim.DKIMException:
        return False, found


def by_mail(mail):
    """(the message, its parts, the report)"""
    message = email.message_from_bytes(mail, policy=email.policy.default)
    parts = list(message.iter_parts())
    return message, parts, read(parts[1].get_content_type(), parts[1].get_payload(decode=True))
