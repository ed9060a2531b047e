# SPDX-License-Identifier: MIT
"""The faults that a domain's set-up can have, a row each: how to break it, and the one finding that then appears.

A row is Fault(name, what, level, text, breaks): `text` is a part of the finding's text; `breaks` takes a Domain (see
test_check.py) and breaks one thing about it.
"""
import collections
import os

Fault = collections.namedtuple("Fault", "name what level text breaks mx args", defaults=((), ()))
FAULTS = []


def fault(name, what, level, text, breaks, mx=(), args=()):
    FAULTS.append(Fault(name, what, level, text, breaks, mx, args))


# ---- the record -------------------------------------------------------------------------------------------------------

def record(*values):
    """In place of the _mta-sts record: these, as they stand in a zone file."""
    return lambda d: d.replace_records("_mta-sts", [f"TXT {v}" for v in values])


def error(name, text, *values):
    fault("record: " + name, "record", "error", text, record(*values))


error("none", "there is no TXT record")
error("two", "2 TXT records begin", '"v=STSv1; id=1;"', '"v=STSv1; id=2;"')
error("without the version", "no TXT record begins", '"id=20260101000000;"')
error("id first", "v has to come first", '"id=1; v=STSv1;"')
error("small letters", "upper and lower case", '"v=stsv1; id=1;"')
error("version 2", "no TXT record begins", '"v=STSv2; id=1;"')
error("quotes within", "quotes are part of it", r'"\"v=STSv1; id=1;\""')
error("a blank before it", "begins with a blank", '" v=STSv1; id=1;"')
error("no semicolon", "behind the version comes a semicolon", '"v=STSv1 id=1"')
error("no id", "id is missing", '"v=STSv1;"')
error("an empty id", "id is not 1 to 32", '"v=STSv1; id=;"')
error("id with hyphens", "id is not 1 to 32", '"v=STSv1; id=2026-01-01;"')
error("id of 33 characters", "id is not 1 to 32", f'"v=STSv1; id={"1" * 33};"')
error("two semicolons", "malformed", '"v=STSv1;; id=1;"')
error("a field without a value", "malformed", '"v=STSv1; id=1; note=;"')
error("a blank at the end", "malformed", '"v=STSv1; id=1 "')
error("no ASCII", "malformed", r'"v=STSv1; id=1; n=\195\188;"')
fault("record: another TXT record beside it", "record", "warning", "1 other TXT record",
      lambda d: d.add_record("_mta-sts", 'TXT "v=spf1 -all"'))
fault("record: id twice", "record", "warning", "id stands twice", record('"v=STSv1; id=1; id=2;"'))
fault("record: a blank before the semicolon", "record", "warning", "a blank before", record('"v=STSv1 ; id=1;"'))
fault("record: SERVFAIL", "record", "error", "gives no answer about _mta-sts", lambda d: d.servfail("_mta-sts"))
fault("record: CNAME to nowhere", "record", "error", "there is no TXT record",
      lambda d: d.replace_records("_mta-sts", ["CNAME nowhere.example."]))


# ---- the policy host ----------------------------------------------------------------------------------------------------

def host(name, what, text, breaks):
    fault("policy host: " + name, what, "error", text, breaks)


def address(value):
    return lambda d: d.replace_records("mta-sts", [value] if value else [])


def serves(directive):
    """In place of the file: what nginx does."""
    return lambda d: d.edit_vhost(f"root {d.folder};", directive)


host("no address", "policy-host", "has no address", address(None))
host("CNAME to nowhere", "policy-host", "has no address", address("CNAME nowhere.example."))
host("TXT only", "policy-host", "has no address", address('TXT "hello"'))
host("nobody there", "policy-host", "takes no connection", address("A 10.99.99.99"))
fault("policy host: one address of two is dead", "policy-host", "warning", "10.99.99.96 was not reached",
      lambda d: d.add_record("mta-sts", "A 10.99.99.96"))
host("SERVFAIL", "policy-host", "could not be looked up", lambda d: d.servfail("mta-sts"))
host("HTTP in clear", "policy-tls", "TLS does not come about", address("A 127.0.0.22"))
host("TLS 1.1 alone", "policy-tls", "needs TLS 1.2", address("A 127.0.0.21"))
host("404", "http", "answered 404", serves("return 404;"))
host("500", "http", "answered 500", serves("return 500;"))
host("204", "http", "answered 204", serves("return 204;"))
host("301 to www", "http", "it sends to https://www.example.net/mta-sts.txt",
     serves("return 301 https://www.example.net/mta-sts.txt;"))
host("302", "http", "answered 302", serves("return 302 https://elsewhere.example/;"))
host("HTML", "media-type", '"text/html"', lambda d: d.edit_vhost("default_type text/plain", "default_type text/html"))
host("octets", "media-type", '"application/octet-stream"',
     lambda d: d.edit_vhost("default_type text/plain", "default_type application/octet-stream"))
host("no media type", "media-type", "no media type", lambda d: d.edit_vhost("default_type text/plain", 'default_type ""'))
host("a file elsewhere", "http", "answered 404", lambda d: os.remove(d.file))
host("compressed always", "http", "Content-Encoding",
     lambda d: d.edit_vhost(f"root {d.folder};", f"root {d.folder}; add_header Content-Encoding gzip;"))
host("more than 64 KiB", "http", "more than a policy may have", lambda d: d.write(d.read() + b"x: y\r\n" * 12000))


def certificate(name, text, *names, level="error", **more):
    fault("policy host: certificate " + name, "policy-certificate", level, text,
          lambda d: d.certify(*(n.replace("D", d.name) for n in names), **more))


certificate("of the domain alone", "is not for mta-sts.D: it names D", "D")
certificate("of another name", "it names www.example.net", "www.example.net")
certificate("with the star too high", "is not for", "*.example")
certificate("with a common name alone", "it has no DNS name", "mta-sts.D", ca="bare")
certificate("expired", "expired on", "mta-sts.D", days=(-90, -2))
certificate("not valid yet", "valid from", "mta-sts.D", days=(3, 90))
certificate("of an unknown CA", "no trusted root", "mta-sts.D", ca="stranger")
certificate("self-signed", "self-signed", "mta-sts.D", ca="itself")
certificate("without its intermediate", "intermediate certificate is not sent", "mta-sts.D", ca="cut")
certificate("that ends in 13 days and a half", "in 13 days", "mta-sts.D", days=(-80, 13.5), level="warning")
certificate("that ends in 5 days", "expires on", "mta-sts.D", days=(-80, 5), level="warning")


# ---- the policy -----------------------------------------------------------------------------------------------------------

def policy(name, text, breaks, what="policy", level="error"):
    fault("policy: " + name, what, level, text, lambda d: d.write(breaks(d.read())))


def swap(a, b):
    def change(text):
        assert a in text, (a, text)
        return text.replace(a, b)
    return change


policy("empty", "line 1", lambda t: b"")
policy("a web page", "line 1", lambda t: b"<!DOCTYPE html>\n<html></html>\n")
policy("BOM", "line 1", lambda t: b"\xef\xbb\xbf" + t)
policy("no version", "version", swap(b"version: STSv1\r\n", b""))
policy("version 2", "line 1", swap(b"STSv1", b"STSv2"))
policy("no mode", "mode", swap(b"mode: testing\r\n", b""))
policy("an unknown mode", "line 2", swap(b"testing", b"strict"))
policy("a mode in capitals", "line 2", swap(b"testing", b"Testing"))
policy("no max_age", "max_age", swap(b"max_age: 86400\r\n", b""))
policy("a negative max_age", "line 3", swap(b"86400", b"-1"))
policy("max_age with a unit", "line 3", swap(b"86400", b"1d"))
policy("max_age of 11 digits", "line 3", swap(b"86400", b"86400000000"))
policy("no mx", "mx", lambda t: b"".join(v for v in t.splitlines(True) if not v.startswith(b"mx:")))
policy("mx with a port", "line 4", swap(b"mx1.mail.example", b"mx1.mail.example:25"))
policy("several mx on a line", "line 4", swap(b"mx1.mail.example", b"mx1.mail.example, mx3.mail.example"))
policy("mx with a root dot", "line 4", swap(b"mx1.mail.example", b"mx1.mail.example."))
policy("mx that is no ASCII", "line 4", swap(b"mx1.mail.example", "mx1.mäil.example".encode()))
policy("an e-mail address", "line 4", swap(b"mx1.mail.example", b"postmaster@mail.example"))
policy("NUL", "line 2", swap(b"testing", b"testing\0"))
policy("max_age of an hour", "protects next to nothing", swap(b"86400", b"3600"), "max-age", "warning")
policy("max_age of a second less than a day", "max_age 86399", swap(b"86400", b"86399"), "max-age", "warning")
policy("max_age 0", "protects next to nothing", swap(b"86400", b"0"), "max-age", "warning")
policy("an MX is missing", 'add "mx: mx2.mail.example"', swap(b"mx: mx2.mail.example\r\n", b""), "mx")
policy("a star for two labels", "stands for one label only", swap(b"mx2.mail.example", b"*.example"), "mx")
policy("a host that is no MX", 'old.mail.example" matches no MX', lambda t: t + b"mx: old.mail.example\r\n", "policy-mx", "warning")
fault("policy: changed, and the id was not", "id", "warning", "was changed and the id", lambda d: d.hold_then_change())


# ---- the MX ---------------------------------------------------------------------------------------------------------------

def mx(name, what, text, host_, level="error", args=()):
    fault("MX: " + name, what, level, text, lambda d: None, (host_,), args)


mx("does not exist", "address", "it has no address", "nowhere.mail.example")
mx("has no address", "address", "it has no address", "txt.mail.example")
mx("SERVFAIL", "address", "could not be looked up", "servfail.mail.example")
mx("is a CNAME", "address", "it is a CNAME", "alias.mail.example", "warning")
mx("nobody there", "reach", "no connection", "down.mail.example")
mx("one address of two is dead", "reach", "10.99.99.98 was not reached", "half.mail.example", "warning")
mx("no STARTTLS", "starttls", "does not offer STARTTLS", "plain.mail.example")
mx("STARTTLS without a certificate", "starttls", "454", "refuses.mail.example")
mx("hangs up at the handshake", "tls", "within the TLS handshake", "hangs-up.mail.example")
mx("TLS 1.1 alone", "tls", "needs TLS 1.2", "old.mail.example")
mx("a block list", "smtp", "554", "blocks.mail.example")
mx("too busy", "smtp", "421", "busy.mail.example")
mx("no mail server", "smtp", "does not speak SMTP as it should", "http.mail.example")
mx("silent", "smtp", "too slow", "silent.mail.example", args=("--timeout", "3"))
mx("certificate of another name", "certificate", "it names other.mail.example", "name.mail.example")
mx("certificate with the star too high", "certificate", "is not for", "star.mail.example")
mx("certificate with a common name alone", "certificate", "no DNS name", "bare.mail.example")
mx("certificate expired", "certificate", "expired on", "expired.mail.example")
mx("certificate not valid yet", "certificate", "valid from", "early.mail.example")
mx("certificate of an unknown CA", "certificate", "no trusted root", "stranger.mail.example")
mx("certificate self-signed", "certificate", "self-signed", "itself.mail.example")
mx("certificate without its intermediate", "certificate", "intermediate certificate is not sent", "cut.mail.example")
mx("certificate that ends in 5 days", "certificate", "expires on", "soon.mail.example", "warning")
fault("MX: an address in the record", "mx", "error", "no name of a host", lambda d: d.add_record("@", "MX 30 127.0.0.10."))
fault("MX: localhost", "mx", "error", "no name of a host", lambda d: d.add_record("@", "MX 30 localhost."))
fault("MX: an underscore", "mx", "error", "no name of a host", lambda d: d.add_record("@", "MX 30 mail_3.mail.example."))
fault("MX: a null MX beside others", "mx", "error", "a null MX", lambda d: d.add_record("@", "MX 0 ."))

# One record more than are looked at. All of these hosts are well.
MANY = tuple(f"m{n}.many.mail.example" for n in range(32))
fault("MX: 33 records", "mx", "warning", "there are more than 32 MX records", lambda d: None, MANY)


def forgotten(host_, text):
    """An MX of a large host that the policy does not list: what to list is said."""
    fault(f"MX: {host_} is not in the policy", "mx", "error", text,
          lambda d: d.write(d.read().replace(f"mx: {host_}\r\n".encode(), b"")), (host_,))


forgotten("acme.mail.protection.outlook.com", 'Microsoft 365 list "mx: *.mail.protection.outlook.com"')
forgotten("alt1.aspmx.l.google.com", '"mx: *.aspmx.l.google.com"')
forgotten("smtp.google.com", 'Google list "mx: smtp.google.com"')


# ---- TLSRPT, and advice ----------------------------------------------------------------------------------------------------

def reports(name, level, text, *values):
    fault("TLSRPT: " + name, "tlsrpt", level, text, lambda d: d.replace_records("_smtp._tls", [f"TXT {v}" for v in values]))


reports("none", "warning", "there is no TXT record")
reports("two", "error", "2 TXT records begin", '"v=TLSRPTv1; rua=mailto:a@d.example"', '"v=TLSRPTv1; rua=mailto:b@d.example"')
reports("small letters", "error", "upper and lower case", '"v=tlsrptv1; rua=mailto:a@d.example"')
reports("no semicolon", "error", "semicolon", '"v=TLSRPTv1 rua=mailto:a@d.example"')
reports("no rua", "error", "asks for no reports", '"v=TLSRPTv1;"')
reports("an empty rua", "error", "asks for no reports", '"v=TLSRPTv1; rua="')
reports("http", "error", "names no address", '"v=TLSRPTv1; rua=http://reports.example/in"')
reports("another TXT record beside it", "warning", "1 other TXT record", '"v=TLSRPTv1; rua=mailto:tls-reports@d.example"',
        '"hello"')
fault("TLSRPT: SERVFAIL", "tlsrpt", "error", "gives no answer", lambda d: d.servfail("_smtp._tls"))
fault("SPF: two records", "spf", "warning", "2 SPF records", lambda d: d.replace_spf('"v=spf1 -all"', '"v=spf1 mx -all"'))
fault("SPF: everybody", "spf", "warning", "allows everybody", lambda d: d.replace_spf('"v=spf1 +all"'))
fault("DMARC: two records", "dmarc", "warning", "2 DMARC records",
      lambda d: d.add_record("_dmarc", 'TXT "v=DMARC1; p=reject"'))
fault("DMARC: no policy", "dmarc", "warning", "has no policy", lambda d: d.replace_records("_dmarc", ['TXT "v=DMARC1; rua=mailto:a@d.example"']))
fault("DKIM: revoked", "dkim", "warning", "is revoked", lambda d: d.replace_records("s1._domainkey", ['TXT "v=DKIM1; p="']))
fault("DKIM: two keys", "dkim", "warning", "several TXT records", lambda d: d.add_record("s1._domainkey", 'TXT "p=BBBB"'))
fault("DKIM: SERVFAIL", "dkim", "warning", "gives no answer", lambda d: d.servfail("s1._domainkey"))
fault("DMARC: SERVFAIL", "dmarc", "warning", "gives no answer", lambda d: d.servfail("_dmarc"))
fault("DKIM: no key", "dkim", "warning", "has no key", lambda d: d.replace_records("s1._domainkey", ['TXT "v=DKIM1"']))
