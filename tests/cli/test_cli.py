#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The command's contract, as far as it needs no privileges and no TLS: options, exit statuses, JSON, bad
input, the configuration file, and results with a name server and MX hosts on loopback. Black box:
STSMAIL names the program, build/linux/stsmail by default.

Nothing here may reach a network: every send names a DNS server on loopback."""
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.abspath(os.environ.get("STSMAIL", os.path.join(TOP, "build/linux/stsmail")))

OK, NO_MATCH, USAGE, DATA, UNAVAILABLE, IO, DEFERRED, CONFIG = 0, 1, 64, 65, 69, 74, 75, 78

POLICY = b"version: STSv1\r\nmode: enforce\r\nmx: mx1.example.org\r\nmx: *.example.net\r\nmax_age: 604800\r\n"
MESSAGE = b"From: a@example.org\r\nSubject: x\r\n\r\nbody\r\n"

# A root whose key nobody has.
ROOT = b"""-----BEGIN CERTIFICATE-----
MIIBdjCCAR2gAwIBAgIUa7eXq1EE8to35OWQgnkpGQBhzqkwCgYIKoZIzj0EAwIw
EDEOMAwGA1UEAwwFdGVzdHMwIBcNMjYxMTIzMTYxOTA1WhgPMjEyNjEwMzAxNjE5
MDVaMBAxDjAMBgNVBAMMBXRlc3RzMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE
Gj1G0DmxKyOSbEgMND4zIenDR56bI0mmrxnWkpppfUCKCF2frXo6I5giEjTyAIJM
xKLzejx8tgzJO0z+Mxm4eKNTMFEwHQYDVR0OBBYEFKn14K1UtIMFdrcCfp7uYaeh
1wYMMB8GA1UdIwQYMBaAFKn14K1UtIMFdrcCfp7uYaeh1wYMMA8GA1UdEwEB/wQF
MAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgBPGqMY4IDME7rKXAPhIVFOsANgvF6dXg
KC0+hHXa8zoCIE1OwZaScxMSrIDt9tUJqO4OvEzxM7qjxt0BTYHc2TVl
-----END CERTIFICATE-----
"""


class Result:
    def __init__(self, done):
        self.status = done.returncode
        self.out = done.stdout.decode("utf-8", "surrogateescape")
        self.err = done.stderr.decode("utf-8", "surrogateescape")

    @property
    def json(self):
        lines = self.out.splitlines()
        assert len(lines) == 1, self.out
        return json.loads(lines[0])


class Case(unittest.TestCase):
    def setUp(self):
        self.place = tempfile.TemporaryDirectory(prefix="stsmail-cli-")
        self.dir = self.place.name
        self.addCleanup(self.place.cleanup)
        self.environment = {"PATH": os.environ["PATH"], "HOME": self.dir,
                            "STSMAIL_STATE": os.path.join(self.dir, "state")}

    def file(self, name, content):
        path = os.path.join(self.dir, name)
        with open(path, "wb") as f:
            f.write(content)
        return path

    def run_it(self, *args, input=b"", env=None, **more):
        environment = dict(self.environment, **(env or {}))
        if "stdin" not in more:
            more["input"] = input
        more.setdefault("stdout", subprocess.PIPE)
        return Result(subprocess.run([PROGRAM, *args], stderr=subprocess.PIPE, timeout=30,
                                     env=environment, **{k: v for k, v in more.items() if v is not None})
                      if more["stdout"] is subprocess.PIPE else self.raw(args, environment, more))

    @staticmethod
    def raw(args, environment, more):
        done = subprocess.run([PROGRAM, *args], stderr=subprocess.PIPE, timeout=30, env=environment, **more)
        done.stdout = b""
        return done

    def send(self, *args, **more):
        """A send whose DNS server refuses at once: what gets past every check is deferred."""
        ca = self.file("ca.pem", ROOT)
        return self.run_it("send", "--dns", "127.0.0.1:9", "--ca", ca, "--timeout", "2",
                           "--hostname", "host.example.org", "--config", "/dev/null", *args, **more)

    def refused(self, result, status, *words):
        """Ended with this status, said why on standard error, printed no result."""
        self.assertEqual(result.status, status, result.err)
        self.assertEqual(result.out, "")
        self.assertTrue(result.err.startswith("stsmail: "), result.err)
        for word in words:
            self.assertIn(word, result.err)


class Commands(Case):
    def test_help_is_printed_and_succeeds(self):
        for args in (["help"], ["--help"], ["-h"], ["send", "--help"], ["policy", "-h"], ["cache", "--help"]):
            r = self.run_it(*args)
            self.assertEqual((r.status, r.err), (OK, ""), args)
            self.assertIn("usage: stsmail", r.out)

    def test_no_command_is_a_usage_error(self):
        r = self.run_it()
        self.assertEqual((r.status, r.out), (USAGE, ""))
        self.assertIn("usage: stsmail", r.err)

    def test_unknown_command_is_a_usage_error(self):
        self.refused(self.run_it("sned"), USAGE, "sned")

    def test_the_name_sendmail_takes_its_options(self):
        link = os.path.join(self.dir, "sendmail")
        os.symlink(PROGRAM, link)
        for args, words in ((["-t", "-i"], b"no recipient in To, Cc or Bcc"), (["-bs"], b"-bs"), (["-f"], b"-f needs a value")):
            done = subprocess.run([link, *args], input=MESSAGE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, timeout=30)
            self.assertEqual((done.returncode, done.stdout), (USAGE, b""))
            self.assertIn(words, done.stderr)

    def test_a_queue_that_holds_nothing(self):
        for args in ((), ("list",), ("list", "--json")):
            r = self.run_it("queue", *args)
            self.assertEqual((r.status, r.out, r.err), (OK, "", ""))
        self.refused(self.run_it("queue", "example.org"), USAGE, "no such queue command")
        self.assertEqual(self.run_it("queue", "drop", "0123456789abcdef").status, DATA)

    def test_version_says_what_is_built_in(self):
        for args in (["version"], ["--version"]):
            r = self.run_it(*args)
            self.assertEqual((r.status, r.err), (OK, ""))
            self.assertRegex(r.out, r"stsmail \d+\.\d+\.\d+")
            self.assertIn("wolfSSL", r.out)
        r = self.run_it("version", "--json")
        self.assertEqual(r.json["tls"], ["TLSv1.2", "TLSv1.3"])
        self.assertIn("wolfssl", r.json)
        self.refused(self.run_it("version", "x"), USAGE)


class Options(Case):
    def test_unknown_options_are_refused_with_a_hint(self):
        self.refused(self.send("--subjct", "x", "a@example.org"), USAGE, "--subjct", "did you mean --subject")
        self.refused(self.send("--zzzzzz", "a@example.org"), USAGE, "--zzzzzz", "help")
        self.refused(self.send("-x", "a@example.org"), USAGE, "-x")
        self.refused(self.send("--fro", "x", "a@example.org"), USAGE, "--from")
        self.refused(self.send("--" + "a" * 5000, "a@example.org"), USAGE)

    def test_options_of_later_versions_are_refused_and_nothing_is_sent(self):
        for option in ("--relay", "--relay-tls", "--auth", "--auth-user", "--auth-secret-file",
                       "--attach"):
            self.refused(self.send(option, "x", "a@example.org"), USAGE, option, "not in this version")
            self.refused(self.send(option + "=x", "a@example.org"), USAGE, option, "not in this version")

    def test_an_option_of_another_command_is_refused(self):
        self.refused(self.run_it("policy", "--dns", "127.0.0.1"), USAGE, "--dns")
        self.refused(self.run_it("cache", "list", "--mx", "a.b"), USAGE, "--mx")
        self.refused(self.send("--mx", "a.b", "a@example.org"), USAGE, "--mx")

    def test_a_value_is_needed_where_one_is_taken(self):
        self.refused(self.run_it("send", "a@example.org", "--from"), USAGE, "--from", "value")
        self.refused(self.send("--json=yes", "a@example.org"), USAGE, "--json")
        self.refused(self.send("--require-tls=no", "a@example.org"), USAGE, "--require-tls")

    def test_values_are_checked(self):
        bad = [("--timeout", "0"), ("--timeout", "-1"), ("--timeout", "1.5"), ("--timeout", "10s"),
               ("--timeout", ""), ("--timeout", "86401"), ("--timeout", "99999999999999999999999"),
               ("--smtp-port", "0"), ("--smtp-port", "65536"), ("--https-port", "http"),
               ("--dns", "localhost"), ("--dns", "127.0.0.1:0"), ("--dns", "127.0.0.1:65536"),
               ("--dns", "[127.0.0.1]:53"), ("--dns", "::1]"), ("--dns", "[::1"), ("--dns", "[::1]x"),
               ("--dns", "127.0.0.1:"), ("--dns", ""), ("--dns", "1.2.3"),
               ("--floor", "none"), ("--floor", "Policy"), ("--floor", ""), ("--floor", "policy@"),
               ("--floor", "policy@a b"), ("--floor", "@example.org"),
               ("--policy", "example.org"), ("--policy", "=x"), ("--policy", "example.org="),
               ("--policy", "a_b=x"), ("--hostname", "a b"), ("--hostname", ""),
               ("--hostname", "a\r\nb"), ("--hostname", "[1.2.3]")]
        for option, value in bad:
            with self.subTest(option=option, value=value):
                self.refused(self.send(option, value, "a@example.org", input=MESSAGE), USAGE,
                             option.lstrip("-"))

    def test_values_that_are_good_get_past_the_checks(self):
        good = [("--dns", "127.0.0.1"), ("--dns", "[::1]:9"), ("--dns", "::1"), ("--dns", "[::1]"),
                ("--floor", "opportunistic"), ("--floor", "encrypted@example.org"), ("--floor", "verified"),
                ("--floor", "policy@B\u00fccher.example"), ("--hostname", "[192.0.2.1]"),
                ("--hostname", "host"), ("--timeout", "1"), ("--timeout", "86400"), ("--from", "<>"),
                ("--from", "a@[192.0.2.1]")]
        for option, value in good:
            with self.subTest(option=option, value=value):
                r = self.send("--timeout", "1", "--json", option, value, "a@example.org", input=MESSAGE)
                if option == "--dns" or value == "86400":
                    self.assertIn(r.status, (DEFERRED,), r.err)
                self.assertEqual(r.json["domain"], "example.org")

    def test_options_and_recipients_may_be_mixed_up_to_two_dashes(self):
        r = self.run_it("match", "a.example.org", "--json", "--mx=*.example.org")
        self.assertEqual((r.status, r.json), (OK, {"match": True}))
        r = self.run_it("match", "--mx", "a.b", "--", "--json")
        self.refused(r, DATA, "--json")
        r = self.run_it("record", "--json", "--", "--v=STSv1; id=1;")
        self.assertEqual((r.status, r.json["policy"]), (DATA, False))

    def test_of_an_option_given_twice_the_last_counts(self):
        r = self.send("--from", "not an address", "--from", "a@example.org", "--json", "b@example.com",
                      input=MESSAGE)
        self.assertEqual((r.status, r.json["domain"]), (DEFERRED, "example.com"))
        self.refused(self.send("--from", "a@example.org", "--from", "no", "b@example.com", input=MESSAGE),
                     DATA, "--from")

    def test_more_dns_servers_than_fit_are_refused(self):
        many = ["--dns=127.0.0.%d" % i for i in range(1, 10)]
        self.refused(self.send(*many, "a@example.org"), USAGE, "dns")


class Policy(Case):
    def test_a_valid_policy_says_what_it_means(self):
        r = self.run_it("policy", "--json", input=POLICY)
        self.assertEqual((r.status, r.err), (OK, ""))
        self.assertEqual(r.json, {"valid": True, "version": "STSv1", "mode": "enforce",
                                  "mx": ["mx1.example.org", "*.example.net"], "max_age": 604800})
        r = self.run_it("policy", self.file("p", POLICY))
        self.assertEqual((r.status, r.err), (OK, ""))
        for word in ("enforce", "mx1.example.org", "*.example.net", "7 days"):
            self.assertIn(word, r.out)
        self.assertEqual(self.run_it("policy", "-", input=POLICY).status, OK)

    def test_an_invalid_policy_says_line_and_reason(self):
        bad = POLICY.replace(b"mode: enforce", b"mode: Enforce")
        r = self.run_it("policy", "--json", input=bad)
        self.assertEqual(r.status, DATA)
        self.assertEqual((r.json["valid"], r.json["line"]), (False, 2))
        self.assertTrue(r.json["reason"])
        self.assertEqual(set(r.json), {"valid", "line", "reason"})
        self.assertIn("line 2", r.err)
        self.refused(self.run_it("policy", self.file("p", bad)), DATA, "p", "line 2")
        self.refused(self.run_it("policy", input=b""), DATA, "line")
        self.refused(self.run_it("policy", input=b"\0" * 70000), DATA, "line")

    def test_a_policy_of_64_kib_is_kept_whole(self):
        patterns = ["mx%04d.example.org" % i for i in range(2500)]
        text = "version: STSv1\nmode: enforce\nmax_age: 1\n" + "".join("mx: %s\n" % p for p in patterns)
        self.assertLess(len(text), 65536)
        self.assertEqual(self.run_it("policy", "--json", input=text.encode()).json["mx"], patterns)

    def test_a_file_that_cannot_be_read_is_an_input_error(self):
        self.refused(self.run_it("policy", os.path.join(self.dir, "none")), IO, "none")
        self.refused(self.run_it("policy", self.dir), IO)
        self.refused(self.run_it("policy", "a", "b"), USAGE)


class Record(Case):
    def test_a_valid_record_says_its_id(self):
        r = self.run_it("record", "--json", "v=STSv1; id=20260528;")
        self.assertEqual((r.status, r.json, r.err), (OK, {"policy": True, "id": "20260528"}, ""))
        r = self.run_it("record", "foreign text", "v=STSv1; id=1", "v=spf1 -all")
        self.assertEqual(r.status, OK)
        self.assertIn("id 1", r.out)

    def test_no_valid_record_is_65_with_the_reason(self):
        for texts in ([], ["v=STSv1"], ["v=STSv1; id=1;", "v=STSv1; id=2;"], ["v=STSv1; id=a-b;"],
                      ["v=STSv10; id=1;"], ["\xff"], [""]):
            with self.subTest(texts=texts):
                r = self.run_it("record", "--json", "--", *texts)
                self.assertEqual((r.status, r.json["policy"]), (DATA, False))
                self.assertEqual(set(r.json), {"policy", "reason"})
                self.assertTrue(r.json["reason"])
                self.refused(self.run_it("record", "--", *texts), DATA, r.json["reason"])


class Match(Case):
    def test_match_says_whether(self):
        for args, match in ((["--mx", "mx.example.org", "MX.Example.ORG"], True),
                            (["--mx", "mx.example.org", "mx.example.org."], True),
                            (["--mx", "*.example.org", "a.example.org"], True),
                            (["--mx", "*.example.org", "a.b.example.org"], False),
                            (["--mx", "*.example.org", "example.org"], False),
                            (["--mx", "a.b", "--mx", "c.d", "c.d"], True),
                            (["mx.example.org"], False)):
            with self.subTest(args=args):
                r = self.run_it("match", "--json", *args)
                self.assertEqual((r.status, r.json), (OK if match else NO_MATCH, {"match": match}))
                r = self.run_it("match", *args)
                self.assertEqual(r.status, OK if match else NO_MATCH)
                self.assertIn("is allowed" if match else "is not allowed", r.out)

    def test_invalid_patterns_and_hosts_are_65(self):
        for pattern in ("*", "*.", "a.*.b", "*a.b", "", "mx.example.org.", "-a.b", "\u00fc.example"):
            self.refused(self.run_it("match", "--json", "--mx", pattern, "a.b"), DATA)
        for host in ("", "a..b", "*.a", "a b", "a_b.c", "x" * 64 + ".org"):
            self.refused(self.run_it("match", "--json", "--mx", "a.b", host), DATA)
        self.refused(self.run_it("match", "--mx", "a.b"), USAGE)
        self.refused(self.run_it("match", "a.b", "c.d"), USAGE)


class Addresses(Case):
    def test_invalid_recipients_are_65_and_nothing_is_sent(self):
        for address in ("a", "a@", "@b", "a@b@c", "a b@example.org", "a@example..org", "a@-x.org",
                        "a@[192.0.2.1]", "a@192.0.2.1", "a@exam_ple.org", "<a@example.org>",
                        "a@example.org\r\nRCPT TO:<b@c>", "a\n@example.org", "a@b> NOTIFY=NEVER",
                        "x" * 65 + "@example.org", "a@" + "x." * 130 + "org", ".a@example.org",
                        "a..b@example.org", '"a\r\nb"@example.org', "a@\u2603\u2603.\u202e.example", "", "\x1b[31m@b.c"):
            with self.subTest(address=address):
                r = self.send(address, "b@example.org", input=MESSAGE)
                self.refused(r, DATA, "nothing was sent")
                self.assertNotIn("\x1b", r.err)

    def test_all_recipients_are_checked_before_anything_is_sent(self):
        r = self.send("a@example.org", "bad", "worse@", "b@example.com", input=MESSAGE)
        self.refused(r, DATA, '"bad"', '"worse@"')

    def test_no_recipient_is_a_usage_error(self):
        self.refused(self.send(input=MESSAGE), USAGE, "recipient")
        self.refused(self.send("--to", "a@example.org", "--body", "x"), USAGE, "recipient")

    def test_an_invalid_sender_or_to_is_65(self):
        for value in ("a", "a@b@c", "a@b\r\nX: y", "Name <a@example.org>", "<a@example.org>"):
            self.refused(self.send("--from", value, "b@example.org", input=MESSAGE), DATA, "--from")
            self.refused(self.send("--body", "x", "--to", value, "b@example.org"), DATA, "--to")

    def test_r006_domains_are_brought_into_one_form_and_grouped(self):
        r = self.send("--json", "a@B\u00fccher.Example", "x@other.example", "b@xn--bcher-kva.example",
                      "c@XN--BCHER-KVA.example.", "a@b\u00fccher.example", input=MESSAGE)
        self.assertEqual(r.status, DEFERRED)
        lines = [json.loads(line) for line in r.out.splitlines()]
        self.assertEqual([l["domain"] for l in lines], ["xn--bcher-kva.example", "other.example"])
        self.assertEqual([x["address"] for x in lines[0]["recipients"]],
                         [x + "@xn--bcher-kva.example" for x in "abc"])

    def test_sharp_s_is_not_two_s(self):
        r = self.send("--json", "a@stra\u00dfe.example", input=MESSAGE)
        self.assertEqual(r.json["domain"], "xn--strae-oqa.example")


class Messages(Case):
    def test_messages_that_cannot_be_sent_are_65(self):
        for message in (b"", b"Subject: x\0\n\nbody\n", b"Subject: x\n\nbo\0dy\n", b"no header\n\nbody\n",
                        MESSAGE * 2000 + b"\0"):
            with self.subTest(message=message[:30]):
                self.refused(self.send("a@example.org", input=message), DATA, "message", "nothing was sent")

    def test_header_injection_is_65(self):
        for value in ("x\r\nBcc: b@example.com", "x\ny", "x\ry"):
            self.refused(self.send("--subject", value, "--body", "x", "a@example.org"), DATA, "nothing was sent")

    def test_a_composed_message_does_not_read_standard_input(self):
        for option in ("--subject", "--body"):
            r = self.send(option, "text \u00fc", "--json", "a@example.org", input=None, stdin=None,
                          preexec_fn=lambda: os.close(0))
            self.assertEqual(r.json["result"], "deferred")

    def test_a_message_that_cannot_be_read_is_74(self):
        where = os.open(self.dir, os.O_RDONLY)
        self.addCleanup(os.close, where)
        self.refused(self.send("a@example.org", stdin=where), IO, "message")
        self.refused(self.send("a@example.org", stdin=None, preexec_fn=lambda: os.close(0)), IO, "message")

    def test_folded_lines_are_said(self):
        r = self.send("--json", "a@example.org", input=b"Subject: x\n\n" + b"y" * 3000 + b"\n")
        self.assertIn("998", r.err)
        self.assertEqual(r.status, DEFERRED)

    def test_no_place_for_temporary_files_stops_no_message(self):
        for place in (os.path.join(self.dir, "none"), "/proc"):
            r = self.send("--json", "a@example.org", input=MESSAGE * 1, env={"TMPDIR": place})
            self.assertEqual((r.status, r.json["result"]), (DEFERRED, "deferred"))

    def test_no_temporary_file_is_left(self):
        place = os.path.join(self.dir, "tmp")
        os.mkdir(place)
        self.send("a@example.org", input=MESSAGE, env={"TMPDIR": place})
        self.assertEqual(os.listdir(place), [])


class Configuration(Case):
    def test_a_ca_file_that_cannot_work_is_78(self):
        empty, text = self.file("empty", b""), self.file("text", b"hello\n")
        key = self.file("key", ROOT.replace(b"CERTIFICATE", b"PRIVATE KEY"))
        fifo = os.path.join(self.dir, "fifo")
        os.mkfifo(fifo)
        for path in (empty, text, key, fifo, self.dir, os.path.join(self.dir, "none"), "/dev/null", ""):
            with self.subTest(path=path):
                self.refused(self.send("--ca", path, "a@example.org", input=MESSAGE), CONFIG, "CA file")

    def test_a_provisioned_policy_is_checked(self):
        bad = self.file("bad", POLICY.replace(b"STSv1", b"STSv2"))
        self.refused(self.send("--policy", "example.org=" + bad, "a@example.org", input=MESSAGE), DATA,
                     bad, "line 1")
        self.refused(self.send("--policy", "example.org=" + bad + "x", "a@example.org", input=MESSAGE), CONFIG)
        self.refused(self.send("--policy", "example.org=" + self.dir, "a@example.org", input=MESSAGE), CONFIG)
        good = self.file("good", POLICY)
        r = self.send("--policy", "Example.ORG.=" + good, "--json", "a@example.org", input=MESSAGE)
        self.assertEqual((r.status, r.json["policy"]["source"], r.json["policy"]["mode"]),
                         (DEFERRED, "provisioned", "enforce"))

    def test_the_file_is_read_and_the_command_line_wins(self):
        conf = self.file("conf", b"# a comment\n\n  from  not an address  \njson\nhostname\tx.example\n")
        r = self.send("--config", conf, "a@example.org", input=MESSAGE)
        self.refused(r, DATA, "not an address")
        r = self.send("--config", conf, "--from", "b@example.org", "a@example.org", input=MESSAGE)
        self.assertEqual((r.status, r.json["domain"]), (DEFERRED, "example.org"))

    def test_errors_in_the_file_name_file_and_line(self):
        for line in (b"nonsense 1", b"timeout x", b"timeout", b"--timeout 5", b"floor high", b"json maybe",
                     b"config x", b"help", b"dns localhost", b"policy example.org", b"a\0b"):
            with self.subTest(line=line):
                conf = self.file("conf", b"# first\ntimeout 3\n" + line + b"\n")
                self.refused(self.send("--config", conf, "a@example.org", input=MESSAGE), CONFIG, conf + ":3: ")

    def test_later_options_in_the_file_are_refused_too(self):
        conf = self.file("conf", b"relay mail.example.org\n")
        self.refused(self.send("--config", conf, "a@example.org", input=MESSAGE), USAGE, conf + ":1: ",
                     "not in this version")

    def test_a_missing_file_is_78(self):
        self.refused(self.send("--config", os.path.join(self.dir, "none"), "a@example.org"), CONFIG, "none")
        self.refused(self.send("--config", self.dir, "a@example.org"), CONFIG)

    def test_what_is_for_other_commands_is_skipped(self):
        conf = self.file("conf", b"dns 127.0.0.1\njson yes\nfloor policy\n")
        r = self.run_it("match", "--config", conf, "--mx", "a.b", "a.b")
        self.assertEqual((r.status, r.json), (OK, {"match": True}))
        conf = self.file("conf", b"json no\n")
        self.assertIn("allowed", self.run_it("match", "--config", conf, "--mx", "a.b", "a.b").out)


class Send(Case):
    KEYS = ["domain", "result", "reason", "recipients", "policy", "attempts", "queued"]

    def test_the_json_of_a_deferral_is_as_the_contract_has_it(self):
        r = self.send("--json", '"a\\"b"@example.org', "b@example.com", input=MESSAGE)
        self.assertEqual(r.status, DEFERRED)
        first, second = [json.loads(line) for line in r.out.splitlines()]
        self.assertEqual(list(first), self.KEYS)
        self.assertEqual(first, {
            "domain": "example.org", "result": "deferred", "reason": "dns",
            "recipients": [{"address": '"a\\"b"@example.org', "result": "deferred", "reply": None}],
            "policy": {"source": "none", "mode": None, "id": None, "max_age": None, "error": None},
            "attempts": [], "queued": None})
        self.assertEqual(second["domain"], "example.com")

    def test_words_say_what_happened_and_what_to_do(self):
        r = self.send("a@example.org", input=MESSAGE)
        self.assertEqual(r.status, DEFERRED)
        for word in ("example.org", "deferred", "DNS", "what to do"):
            self.assertIn(word, r.out)

    def test_v_shows_the_steps(self):
        self.assertEqual(self.send("a@example.org", input=MESSAGE).err, "")
        self.assertIn("* ", self.send("-v", "a@example.org", input=MESSAGE).err)
        self.assertRegex(self.send("-vv", "a@example.org", input=MESSAGE).err, r"(?m)^ +\d+\.\d{3} \* ")

    @unittest.skipUnless(os.path.exists("/usr/bin/faketime"), "faketime is not installed")
    def test_c01_an_unset_clock_defers(self):
        ca = self.file("ca.pem", ROOT)
        done = subprocess.run(["faketime", "2001-01-01 00:00:00", PROGRAM, "send", "--json", "--ca", ca, "--dns",
                               "127.0.0.1:9", "--hostname", "x.example", "a@example.org"], input=MESSAGE,
                              stdout=subprocess.PIPE, env=self.environment, timeout=30)
        self.assertEqual(done.returncode, DEFERRED)
        self.assertEqual(json.loads(done.stdout)["reason"], "clock")

    def test_a_result_that_cannot_be_written_is_74(self):
        for args in (["version"], ["match", "--mx", "a.b", "a.b"], ["help"]):
            with open("/dev/full", "wb") as full:
                r = self.run_it(*args, stdout=full)
            self.assertEqual(r.status, IO)
            self.assertIn("cannot be written", r.err)
            r = self.run_it(*args, stdin=None, preexec_fn=lambda: os.close(1))
            self.assertEqual(r.status, IO)
        read, write = os.pipe()
        os.close(read)
        r = self.run_it("send", "--help", stdout=write)
        os.close(write)
        self.assertEqual(r.status, IO)


class Cache(Case):
    def test_an_empty_cache_lists_nothing(self):
        for args in (["cache"], ["cache", "list"], ["cache", "list", "--json"]):
            r = self.run_it(*args)
            self.assertEqual((r.status, r.out, r.err), (OK, "", ""))

    def test_drop_of_what_is_not_there_is_65(self):
        self.refused(self.run_it("cache", "drop", "example.org"), DATA, "example.org")
        self.refused(self.run_it("cache", "drop", "a..b"), DATA)

    def test_wrong_calls_are_usage_errors(self):
        for args in (["drop"], ["drop", "a.b", "c.d"], ["list", "a.b"], ["clear"], ["refresh", "a.b", "c.d"]):
            self.refused(self.run_it("cache", *args), USAGE, "cache")

    def test_refresh_that_cannot_fetch_is_75(self):
        ca = self.file("ca.pem", ROOT)
        r = self.run_it("cache", "refresh", "example.org", "--dns", "127.0.0.1:9", "--ca", ca, "--json",
                        "--timeout", "2")
        self.assertEqual((r.status, r.json["domain"], r.json["refreshed"]), (DEFERRED, "example.org", False))
        self.assertEqual(self.run_it("cache", "refresh", "--ca", ca).status, OK)

    def test_a_state_directory_that_is_none_is_74(self):
        self.assertEqual(self.run_it("cache", "list", "--state", self.file("f", b"")).status, IO)

    def test_state_comes_from_option_variable_or_home(self):
        none = {"STSMAIL_STATE": "", "XDG_STATE_HOME": self.file("f", b"")}
        if os.access("/var/lib/stsmail", os.W_OK):
            self.skipTest("/var/lib/stsmail is there")
        self.assertEqual(self.run_it("cache", "list", env=none).status, IO)
        # One that is relative is ignored, as its standard says: "f" would be the file.
        r = self.run_it("cache", "list", env=dict(none, XDG_STATE_HOME="f"), cwd=self.dir)
        self.assertEqual(r.status, OK)
        self.assertEqual(self.run_it("cache", "list", "--state", self.dir, env=none).status, OK)
        self.assertEqual(self.run_it("cache", "list", env=dict(none, STSMAIL_STATE=self.dir)).status, OK)


class Dns(threading.Thread):
    """Answers from a table {(name, type): [rdata]}; a name that is in no row does not exist."""

    def __init__(self, zone):
        super().__init__(daemon=True)
        self.zone, self.names = zone, {name for name, _ in zone}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.asked = []

    def run(self):
        while True:
            query, peer = self.socket.recvfrom(4096)
            if len(query) < 12:
                return
            self.socket.sendto(self.answer(query), peer)

    def answer(self, query):
        at, labels = 12, []
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        name, kind = ".".join(labels).lower(), struct.unpack(">H", query[at + 1:at + 3])[0]
        self.asked.append(name)
        rows = self.zone.get((name, kind), [])
        known = any(n == name or n.endswith("." + name) for n in self.names)
        out = query[:2] + struct.pack(">5H", 0x8180 | (0 if known else 3), 1, len(rows), 0, 0) + query[12:at + 5]
        for row in rows:
            out += b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(row)) + row
        return out

    def stop(self):
        self.socket.sendto(b"", self.socket.getsockname())
        self.join()
        self.socket.close()


class Mx(threading.Thread):
    """An SMTP server without TLS. Refuses "bad" for good, "later" for now; keeps what it got."""

    def __init__(self, ip, port=0):
        super().__init__(daemon=True)
        self.socket = socket.create_server((ip, port))
        self.port = self.socket.getsockname()[1]
        self.commands, self.messages = [], []
        self.dot = b"250 2.1.5 Ok"

    def run(self):
        while True:
            connection, _ = self.socket.accept()
            with connection, connection.makefile("rb") as lines:
                if not self.talk(connection, lines):
                    return

    def talk(self, connection, lines):
        connection.sendall(b"220 mx.example.org\r\n")
        for line in lines:
            if line == b"STOP\r\n":
                return False
            self.commands.append(line)
            if line.startswith(b"EHLO"):
                connection.sendall(b"250-mx.example.org\r\n250 8BITMIME\r\n")
            elif line.startswith(b"RCPT TO:<bad"):
                connection.sendall(b"550 5.1.1 \"no\" \\ \x1b[31m\xff\r\n")
            elif line.startswith(b"RCPT TO:<later"):
                connection.sendall(b"450 later\r\n")
            elif line == b"DATA\r\n":
                connection.sendall(b"354 go\r\n")
                message = b""
                while not message.endswith(b"\r\n.\r\n"):
                    message += lines.readline()
                self.messages.append(message)
                connection.sendall(self.dot + b"\r\n")
            elif line == b"QUIT\r\n":
                connection.sendall(b"221 bye\r\n")
                return True
            else:
                connection.sendall(b"250 ok\r\n")
        return True

    def stop(self):
        with socket.create_connection(self.socket.getsockname()[:2]) as c:
            c.sendall(b"STOP\r\n")
            self.join()
        self.socket.close()


def mx(preference, name):
    return struct.pack(">H", preference) + b"".join(bytes([len(x)]) + x.encode() for x in name.split(".")) + b"\0"


class Delivery(Case):
    """With a name server and MX hosts on loopback, without privileges."""

    def setUp(self):
        super().setUp()
        self.first = Mx("127.0.0.2")
        self.second = Mx("127.0.0.3", self.first.port)
        self.dns = Dns({("example.org", 15): [mx(10, "mx1.example.org"), mx(20, "mx2.example.org")],
                        ("other.example", 15): [mx(10, "mx2.example.org")],
                        ("null.example", 15): [b"\0\0\0"],
                        ("mx1.example.org", 1): [bytes([127, 0, 0, 2])],
                        ("mx2.example.org", 1): [bytes([127, 0, 0, 3])]})
        for server in (self.first, self.second, self.dns):
            server.start()
            self.addCleanup(server.stop)

    def deliver(self, *args, dns=True, **more):
        ca = self.file("ca.pem", ROOT)
        more.setdefault("input", MESSAGE)
        return self.run_it("send", *(["--dns", self.dns.address] if dns else []), "--ca", ca, "--hostname",
                           "host.example.org", "--smtp-port", str(self.first.port), *args, **more)

    def test_a_delivery_is_told_as_the_contract_has_it(self):
        r = self.deliver("--json", "--from", "<>", "ops@example.org", "x@example.org")
        self.assertEqual((r.status, r.err), (OK, ""))
        self.assertEqual(r.json, {
            "domain": "example.org", "result": "delivered", "reason": None,
            "recipients": [{"address": a, "result": "delivered", "reply": "250 2.1.5 Ok"}
                           for a in ("ops@example.org", "x@example.org")],
            "policy": {"source": "none", "mode": None, "id": None, "max_age": None, "error": None},
            "attempts": [{"mx": "mx1.example.org", "address": "127.0.0.2", "policy_match": None, "tls": None,
                          "verified": False, "error": None}],
            "queued": None})
        self.assertEqual(self.first.messages, [MESSAGE + b".\r\n"])
        self.assertIn(b"EHLO host.example.org\r\n", self.first.commands)
        self.assertTrue(any(c.startswith(b"MAIL FROM:<>") for c in self.first.commands))

    def test_a_message_without_its_own_fields_passes_as_it_is(self):
        body = b"Subject: x\r\n\r\n.dot\r\n" + b"line\r\n" * 20000
        self.assertEqual(self.deliver("a@example.org", input=body).status, OK)
        self.assertEqual(self.first.messages, [body.replace(b"\r\n.", b"\r\n..") + b".\r\n"])

    def test_the_next_mx_gets_the_same_message(self):
        self.first.dot = b"451 later"
        r = self.deliver("--subject", "Gr\u00fc\u00dfe", "--body", "text", "--json", "a@example.org")
        self.assertEqual((r.status, r.json["result"]), (OK, "delivered"))
        self.assertEqual(r.json["attempts"][0]["error"], "smtp")
        self.assertEqual(r.json["attempts"][0]["reply"], "451 later")
        self.assertNotIn("reply", r.json["attempts"][1])
        self.assertEqual(self.first.messages, self.second.messages)
        self.assertRegex(self.first.messages[0], rb"\r\nMessage-ID: <[^>]+@host\.example\.org>\r\n")
        self.assertIn(b"\r\nTo: a@example.org\r\n", self.first.messages[0])

    def test_message_ids_differ(self):
        for _ in range(3):
            self.deliver("--body", "x", "a@example.org")
        ids = {line for m in self.first.messages for line in m.split(b"\r\n") if line.startswith(b"Message-ID:")}
        self.assertEqual(len(ids), 3)

    def test_to_is_for_the_header_alone(self):
        self.deliver("--body", "x", "--to", "team@B\u00fccher.example", "a@example.org")
        self.assertIn(b"\r\nTo: team@xn--bcher-kva.example\r\n", self.first.messages[0])
        self.assertEqual([c for c in self.first.commands if b"RCPT" in c], [b"RCPT TO:<a@example.org>\r\n"])

    def test_a_hostile_reply_is_valid_json_and_harmless_on_a_terminal(self):
        r = self.deliver("--json", "bad@example.org", "a@example.org")
        self.assertEqual((r.status, r.json["result"], r.json["reason"]), (UNAVAILABLE, "failed", "smtp"))
        self.assertEqual([x["result"] for x in r.json["recipients"]], ["failed", "delivered"])
        self.assertTrue(r.json["recipients"][0]["reply"].startswith("550 5.1.1 "))
        r = self.deliver("-vv", "bad@example.org", "a@example.org")
        self.assertNotIn("\x1b", r.out + r.err)
        self.assertIn("delivered to 1 of 2", r.out)

    def test_of_several_domains_deferred_counts_before_failed_before_delivered(self):
        self.assertEqual(self.deliver("a@other.example", "a@null.example").status, UNAVAILABLE)
        self.assertEqual(self.deliver("a@null.example", "later@other.example", "a@example.org").status, DEFERRED)
        r = self.deliver("--json", "later@other.example", "bad@other.example")
        self.assertEqual((r.status, r.json["result"]), (DEFERRED, "deferred"))

    def test_what_the_dns_says_for_good_is_final(self):
        r = self.deliver("--json", "a@null.example", "b@nx.example")
        self.assertEqual(r.status, UNAVAILABLE)
        self.assertEqual([json.loads(x)["reason"] for x in r.out.splitlines()], ["null-mx", "dns"])

    def test_of_the_floors_of_one_place_the_strictest_counts(self):
        for floors in (["--floor", "policy", "--floor", "opportunistic"], ["--require-tls"],
                       ["--require-tls", "--floor", "opportunistic"], ["--floor", "policy@example.org"],
                       ["--floor", "policy@Example.org.", "--floor", "opportunistic"],
                       ["--floor", "policy", "--floor", "opportunistic@example.org"]):
            r = self.deliver("--json", *floors, "a@example.org")
            self.assertEqual((r.status, r.json["reason"]), (DEFERRED, "policy-required"), floors)
        r = self.deliver("--json", "--floor", "encrypted", "a@example.org")
        self.assertEqual((r.status, r.json["reason"]), (DEFERRED, "starttls-not-supported"))
        self.assertEqual(self.deliver("--floor", "policy@other.example", "a@example.org").status, OK)
        self.assertEqual(len(self.first.messages), 1)

    def test_the_command_line_wins_over_the_file(self):
        conf = self.file("conf", b"dns 127.0.0.1:9\nfloor policy\nfloor policy@other.example\ntimeout 2\n")
        self.assertEqual(self.deliver("--config", conf, "a@example.org").status, DEFERRED)
        loose = ["--config", conf, "--floor", "opportunistic"]
        self.assertEqual(self.deliver(*loose, "a@example.org").status, OK)
        self.assertEqual(self.deliver(*loose, "a@other.example").status, DEFERRED)
        self.assertEqual(self.deliver(*loose, "--floor", "opportunistic@other.example", "a@other.example").status, OK)
        self.assertEqual(self.deliver(*loose, "a@example.org", dns=False).status, DEFERRED)
        conf = self.file("conf", b"dns " + self.dns.address.encode() + b"\n")
        self.assertEqual(self.deliver("--config", conf, "a@example.org", dns=False).status, OK)
        r = self.deliver("--config", conf, "--dns", "127.0.0.1:9", "--timeout", "2", "a@example.org", dns=False)
        self.assertEqual(r.status, DEFERRED)
        conf = self.file("conf", b"require-tls yes\n")
        self.assertEqual(self.deliver("--config", conf, "a@example.org").status, DEFERRED)

    def test_of_two_policies_for_a_domain_the_last_counts(self):
        first = self.file("first", POLICY)
        second = self.file("second", POLICY.replace(b"enforce", b"testing"))
        r = self.deliver("--policy", "example.org=" + first, "--policy", "example.org=" + second, "--json",
                         "a@example.org")
        self.assertEqual((r.status, r.json["policy"]["mode"]), (OK, "testing"))

    def test_a_provisioned_policy_holds_and_is_not_looked_up(self):
        policy = self.file("p", POLICY.replace(b"mx1.example.org", b"mx3.example.org"))
        r = self.deliver("--policy", "example.org=" + policy, "--json", "a@example.org")
        self.assertEqual((r.status, r.json["reason"]), (DEFERRED, "mx-mismatch"))
        self.assertEqual(r.json["policy"], {"source": "provisioned", "mode": "enforce", "id": None,
                                            "max_age": 604800, "error": None})
        for attempt in r.json["attempts"]:
            self.assertEqual((attempt["address"], attempt["policy_match"]), (None, False))
        self.assertEqual([n for n in self.dns.asked if "mta-sts" in n], [])
        self.assertEqual(self.first.commands + self.second.commands, [])

    def test_state_that_cannot_be_written_stops_no_delivery(self):
        r = self.deliver("--state", "/proc/none", "--json", "a@example.org")
        self.assertEqual((r.status, r.json["result"]), (OK, "delivered"))

    def test_nothing_printed_reaches_a_peer_where_standard_output_is_closed(self):
        for fds in ((1,), (0, 1), (0, 1, 2)):
            r = self.deliver("--body", "x", "a@example.org", input=None, stdin=subprocess.DEVNULL,
                             preexec_fn=lambda: [os.close(fd) for fd in fds])
            self.assertEqual(r.status, IO)
        self.assertEqual(len(self.first.messages), 3)
        for command in self.first.commands:
            self.assertIn(command.split()[0], (b"EHLO", b"MAIL", b"RCPT", b"DATA", b"QUIT"))


if __name__ == "__main__":
    result = unittest.main(exit=False).result
    bad = len({str(test).split(" (")[0] for test, _ in result.failures + result.errors})
    print("cli: %d passed, %d failed" % (result.testsRun - bad - len(result.skipped), bad))
    sys.exit(not result.wasSuccessful())
