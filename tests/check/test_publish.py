#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`stsmail publish`: its forms, and what it does with bad input. No server is needed."""
import datetime
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "interop"))

import lab  # noqa: E402

T = lab.Tally("publish")
HOST = ("--mx", "mx1.example.org")
NOBODY = ("--dns", "127.0.0.1:9")  # discard: nobody answers there


def publish(*args):
    return lab.stsmail("publish", *args)


def refused(what, status, words, *args):
    r = publish(*args)
    T.check(what, r.status == status and words in r.stderr and r.stdout == "" and r.stderr.count("\n") == 1, repr(r))


# ---- what is printed ----

def test_json():
    r = publish("--json", *HOST, "--mx", "*.example.net", "--rua", "mailto:a@example.org", "--rua", "https://r.example/x",
                "Example.ORG.")
    o = r.json[0]
    T.check("json: policy", o["policy"] == "version: STSv1\r\nmode: testing\r\nmax_age: 86400\r\nmx: mx1.example.org\r\n"
            "mx: *.example.net\r\n", repr(r))
    T.check("json: url", o["policy_url"] == "https://mta-sts.example.org/.well-known/mta-sts.txt")
    sts, tls = o["records"]
    T.check("json: _mta-sts", sts["name"] == "_mta-sts.example.org" and sts["type"] == "TXT" and
            re.fullmatch(r"v=STSv1; id=\d{14};", sts["value"]), sts)
    T.check("json: _smtp._tls", tls == {"name": "_smtp._tls.example.org", "type": "TXT",
                                        "value": "v=TLSRPTv1; rua=mailto:a@example.org,https://r.example/x"}, tls)
    made = datetime.datetime.strptime(sts["value"][12:26], "%Y%m%d%H%M%S")
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    T.check("json: the id is the time", abs((now - made).total_seconds()) < 60, sts)
    r = lab.stsmail("record", "--json", sts["value"])
    T.check("the record announces a policy", r.json[0]["policy"] is True, repr(r))
    r = lab.stsmail("policy", "--json", stdin=o["policy"].encode())
    T.check("the policy is valid", r.json[0]["valid"] is True, repr(r))


def test_modes():
    for mode, age in (("testing", 86400), ("enforce", 604800), ("none", 86400)):
        o = publish("--json", *HOST, "--mode", mode, "example.org").json[0]
        T.check(f"{mode}: max_age", f"mode: {mode}\r\nmax_age: {age}\r\n" in o["policy"], o)
    o = publish("--json", "--mode", "none", *NOBODY, "example.org")
    T.check("none: no host is needed", o.status == 0 and "mx:" not in o.json[0]["policy"], repr(o))
    text = publish(*HOST, "example.org").stdout
    order = [text.find(v) for v in ("mode: testing", "_mta-sts.example.org", "stsmail check", "--mode enforce --max-age 604800",
                                    "--mode none")]
    T.check("the steps are in order", -1 not in order and order == sorted(order), text)
    text = publish(*HOST, "--mode", "none", "example.org").stdout
    T.check("how to withdraw", "until the longest max_age" in text and "Then remove" in text, text)
    r = publish("--json", *HOST, "--mode", "enforce", "--max-age", "3600", "example.org")
    T.check("a short max_age is said", r.status == 0 and "less than a day" in r.stderr, repr(r))


def test_zone():
    rua = [v for n in range(12) for v in ("--rua", f"https://reports-{n}.example.org/{'x' * 30}")]
    r = publish("--zone", *HOST, *rua, "example.org")
    lines = [v for v in r.stdout.splitlines() if not v.startswith(";")]
    T.check("zone: a line for each record", [v.split()[0] for v in lines] == ["_mta-sts.example.org.", "_smtp._tls.example.org."],
            repr(r))
    strings = re.findall(r'"([^"]*)"', lines[1])
    T.check("zone: strings of 255 octets", len(strings) > 2 and all(len(v) == 255 for v in strings[:-1]), lines[1])
    value = publish("--json", *HOST, *rua, "example.org").json[0]["records"][1]["value"]
    T.check("zone: joined, they are the value", "".join(strings) == value, lines[1])


def test_web():
    folder = lab.scratch("web")
    r = publish("--web", folder, "--json", *HOST, "example.org")
    file = folder + "/.well-known/mta-sts.txt"
    T.check("web: the file is the policy", open(file, newline="").read() == r.json[0]["policy"], repr(r))
    T.check("web: anybody may read it", os.stat(file).st_mode & 0o777 == 0o644)
    before = os.stat(file).st_ino
    publish("--web", folder, *HOST, "--mode", "enforce", "example.org")
    T.check("web: another file takes its place", os.stat(file).st_ino != before and "enforce" in open(file).read())
    T.check("web: nothing else is left", os.listdir(folder + "/.well-known") == ["mta-sts.txt"])
    T.check("nginx: reads that file", f"root {folder};" in publish("--web", folder, "--nginx", *HOST, "example.org").stdout)
    refused("web: no such folder", 74, "No such file", "--web", folder + "/none", *HOST, "example.org")
    open(folder + "/plain", "w").close()
    refused("web: no folder", 74, "Not a directory", "--web", folder + "/plain", *HOST, "example.org")
    os.mkdir(folder + "/a b")
    refused("web: a path that servers would misread", 65, "without blanks", "--web", folder + "/a b", *HOST, "example.org")


def test_servers():
    text = publish("--nginx", *HOST, "example.org").stdout
    T.check("nginx: exactly the policy, as text/plain", 'return 200 "version: STSv1\\r\\nmode: testing\\r\\n'
            'max_age: 86400\\r\\nmx: mx1.example.org\\r\\n";' in text and "default_type text/plain;" in text, text)
    text = publish("--caddy", *HOST, "example.org").stdout
    T.check("caddy: the policy", text.startswith("mta-sts.example.org {\n") and
            "respond `version: STSv1\nmode: testing\nmax_age: 86400\nmx: mx1.example.org\n`" in text and
            "Content-Type text/plain" in text, text)
    many = [v for n in range(300) for v in ("--mx", f"mx{n}.some-long-name.example.org")]
    refused("nginx: too long for its configuration", 64, "--web DIR", "--nginx", *many, "example.org")


# ---- bad input ----

def test_refusals():
    refused("no domain", 64, "publish needs one domain")
    refused("two domains", 64, "publish needs one domain", *HOST, "a.example", "b.example")
    refused("no domain name", 65, "is not a domain name", *HOST, "exa mple.org")
    refused("too long", 65, "is too long", *HOST, ".".join(["a" * 60] * 4) + ".org")
    refused("an unknown mode", 64, "is not testing, enforce or none", *HOST, "--mode", "strict", "example.org")
    refused("max-age over a year", 64, "max-age", *HOST, "--max-age", "31557601", "example.org")
    refused("max-age no number", 64, "max-age", *HOST, "--max-age", "1d", "example.org")
    refused("an option of another command", 64, "does not take --floor", *HOST, "--floor", "policy", "example.org")
    for pattern in ("mx_1.example.org", "*.*.example.org", "mx1.example.org:25", "*", "a@b.example", "", "mail.*.org"):
        refused(f"--mx {pattern!r}", 65, "cannot stand in a policy", "--mx", pattern, "example.org")
    for uri, words in (("ftp://x.example/", "mailto:ADDRESS"), ("a@example.org", "mailto:ADDRESS"),
                       ("mailto:nobody", "a mail address"), ("mailto:a@example.org,mailto:b@example.org", "%2C"),
                       ("mailto:a@example.org!10m", "%21"), ("https://", "a host name"), ("mailto:a b@example.org", "blanks"),
                       ("mailto:ä@example.org", "ASCII"), ("", "mailto:ADDRESS")):
        refused(f"--rua {uri!r}", 65, words, *HOST, "--rua", uri, "example.org")
    refused("the DNS does not answer", 75, "gives no answer", *NOBODY, "--timeout", "2", "example.org")
    r = lab.stsmail("publish", *HOST, "example.org", env={})
    T.check("without any DNS where hosts are given", r.status == 0, repr(r))


def test_check_refusals():
    for args, status, words in ((["check"], 64, "check needs one domain"), (["check", "a.b", "c.d"], 64, "check needs one domain"),
                                (["check", "a b"], 65, "is not a domain name"),
                                (["check", ".".join(["a" * 60] * 4) + ".org"], 65, "is too long"),
                                (["check", "--ca", "/none", "example.org"], 78, "/none"),
                                (["check", "--dkim-selector", "a b", "example.org"], 65, "is no selector")):
        r = lab.stsmail(*args)
        T.check(" ".join(args)[:40], r.status == status and words in r.stderr, repr(r))
    r = lab.stsmail("check", *NOBODY, "--timeout", "2", "--state", lab.scratch("state"), "--json", "example.org")
    T.check("check: the DNS does not answer", r.status == 75 and r.json[0]["ok"] is False and
            r.json[0]["findings"][0]["what"] == "domain", repr(r))


def test_config():
    """A setting may stand in a file more often than the command line has words."""
    path = os.path.join(lab.scratch("config"), "conf")
    with open(path, "w") as f:
        f.write("".join(f"mx mx{n}.example.org\n" for n in range(200)))
    r = publish("--config", path, "--json", "example.org")
    T.check("200 hosts of a file", r.status == 0 and r.json[0]["policy"].count("mx: ") == 200, repr(r)[:500])
    T.check("the policy is valid", json.loads(lab.stsmail("policy", "--json", stdin=r.json[0]["policy"].encode()).stdout)["valid"])


for name, test in list(globals().items()):
    if name.startswith("test_"):
        test()
T.end()
