#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`stsmail report`: what send and queue run counted, black box, with a name server and MX hosts on loopback. STSMAIL names the
program."""
import datetime
import json
import os
import subprocess
import sys
import threading
import unittest

import jsonschema

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "cli"))
import test_cli  # noqa: E402

with open(os.path.join(HERE, "report.schema.json"), encoding="ascii") as f:
    SCHEMA = json.load(f)
WHO = ["--report-org", "Sender & \u201cSons\u201d", "--report-contact", "tls@sender.example"]


class Report(test_cli.Delivery):
    def report(self, *args, **more):
        r = self.run_it("report", "--json", "--hostname", "host.example.org", *WHO, *args, **more)
        self.assertEqual((r.status, r.err), (test_cli.OK, ""))
        reports = [json.loads(line) for line in r.out.splitlines()]
        for one in reports:
            jsonschema.validate(one, SCHEMA, cls=jsonschema.Draft7Validator)
        return reports

    def mode_testing(self):
        return self.file("p", b"version: STSv1\nmode: testing\nmx: mx1.example.org\nmax_age: 86400\n")

    def test_nothing_is_counted_unless_the_owner_says_who_reports(self):
        self.deliver("a@example.org")
        self.assertEqual(self.report(), [])

    def test_r151_what_send_saw_is_reported(self):
        for _ in range(3):
            self.assertEqual(self.deliver(*WHO, "--json", "a@example.org").status, test_cli.OK)
        self.deliver(*WHO, "--policy", "other.example=" + self.mode_testing(), "a@other.example")
        first, second = self.report("--report-lan")
        today = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")
        self.assertEqual(first["date-range"], {"start-datetime": today + "T00:00:00Z", "end-datetime": today + "T23:59:59Z"})
        self.assertEqual((first["organization-name"], first["contact-info"]), (WHO[1], WHO[3]))
        self.assertTrue(first["report-id"].endswith("@sender.example"))
        self.assertEqual(first["policies"], [{
            "policy": {"policy-type": "no-policy-found", "policy-string": [], "policy-domain": "example.org"},
            "summary": {"total-successful-session-count": 0, "total-failure-session-count": 3},
            "failure-details": [{"result-type": "starttls-not-supported", "sending-mta-ip": "127.0.0.1",
                                 "receiving-mx-hostname": "mx1.example.org", "receiving-ip": "127.0.0.2",
                                 "failed-session-count": 3}]}])
        entry, = second["policies"]
        self.assertEqual(entry["policy"], {
            "policy-type": "sts", "policy-domain": "other.example", "mx-host": ["mx1.example.org"],
            "policy-string": ["version: STSv1", "mode: testing", "max_age: 86400", "mx: mx1.example.org"]})
        self.assertEqual([(d["result-type"], d.get("failure-reason-code")) for d in entry["failure-details"]],
                         [("validation-failure", "mx-mismatch"), ("starttls-not-supported", None)])
        self.assertEqual(entry["summary"]["total-failure-session-count"], 1)

    def test_r171_private_addresses_are_left_out(self):
        self.deliver(*WHO, "a@example.org")
        detail, = self.report()[0]["policies"][0]["failure-details"]
        self.assertEqual(sorted(detail), ["failed-session-count", "receiving-mx-hostname", "result-type"])

    def test_what_queue_run_saw_is_reported(self):
        ca = self.file("ca.pem", test_cli.ROOT)
        self.first.dot = self.second.dot = b"451 later"
        self.assertEqual(self.deliver("--queue", "a@other.example").status, test_cli.OK)
        self.second.dot = b"250 ok"
        r = self.run_it("queue", "run", *WHO, "--dns", self.dns.address, "--ca", ca, "--hostname", "host.example.org",
                        "--smtp-port", str(self.first.port))
        self.assertEqual(r.status, test_cli.OK)
        self.assertEqual(self.report()[0]["policies"][0]["summary"]["total-failure-session-count"], 1)

    def test_domains_are_chosen_and_a_table_is_for_people(self):
        for domain in ("example.org", "other.example"):
            self.deliver(*WHO, "a@" + domain)
        one, = self.report("--domain", "Other.Example")
        self.assertEqual(one["policies"][0]["policy"]["policy-domain"], "other.example")
        r = self.run_it("report", "--hostname", "host.example.org")
        for word in ("example.org", "other.example", "no-policy-found", "starttls-not-supported at mx1.example.org"):
            self.assertIn(word, r.out)
        self.assertEqual(self.report("--domain", "none.example"), [])

    @unittest.skipUnless(os.path.exists("/usr/bin/faketime"), "faketime is not installed")
    def test_r159_r08_days_are_apart_and_come_in_order(self):
        ca = self.file("ca.pem", test_cli.ROOT)
        for day in ("2026-12-02 23:59:00", "2026-12-01 00:00:30", "2026-12-02 00:00:30"):
            subprocess.run(["faketime", day, test_cli.PROGRAM, "send", *WHO, "--dns", self.dns.address, "--ca", ca, "--hostname",
                            "host.example.org", "--smtp-port", str(self.first.port), "a@example.org"], input=test_cli.MESSAGE,
                           stdout=subprocess.PIPE, env=dict(self.environment, TZ="UTC"), timeout=30, check=True)
        self.assertEqual([(r["date-range"]["start-datetime"][:10], r["policies"][0]["summary"]["total-failure-session-count"])
                          for r in self.report()], [("2026-12-01", 1), ("2026-12-02", 2)])

    def test_processes_at_the_same_time_lose_no_count(self):
        ca, status = self.file("ca.pem", test_cli.ROOT), []

        def send():
            status.append(self.run_it("send", *WHO, "--dns", self.dns.address, "--ca", ca, "--hostname", "host.example.org",
                                      "--smtp-port", str(self.first.port), "a@example.org", input=test_cli.MESSAGE).status)

        threads = [threading.Thread(target=send) for _ in range(12)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(status, [test_cli.OK] * 12)
        self.assertEqual(self.report()[0]["policies"][0]["summary"]["total-failure-session-count"], 12)

    def test_what_is_wrong_is_said_and_nothing_is_sent(self):
        for args, word in ((["--report-org", "x"], "--report-contact"), (["--report-contact", "a@b.example"], "--report-org"),
                           (["--report-org", "x", "--report-contact", "nobody"], "nobody"),
                           (["--report-org", "", "--report-contact", "a@b.example"], "--report-org")):
            self.refused(self.deliver(*args, "a@example.org"), test_cli.CONFIG, word)
        self.assertEqual(self.first.messages, [])
        self.refused(self.run_it("report", "example.org"), test_cli.USAGE, "--domain")
        self.refused(self.run_it("report", "--domain", "a..b"), test_cli.DATA, "a..b")
        self.refused(self.run_it("report", "--hostname", "a..b"), test_cli.USAGE, "a..b")
        self.assertEqual(self.run_it("report", "--state", self.file("f", b"")).status, test_cli.IO)

    def test_alerts_never_wait_for_reports(self):
        state = os.path.join(self.dir, "full")
        os.mkdir(state)
        with open(os.path.join(state, "report"), "wb"):
            pass  # where the folder should be
        r = self.deliver(*WHO, "--state", state, "a@example.org")
        self.assertEqual(r.status, test_cli.OK)
        self.assertEqual(len(self.first.messages), 1)
        self.assertIn("could not be counted", r.err)


# What is tested of deliveries themselves is tests/cli's.
for name in dir(test_cli.Delivery):
    if name.startswith("test_"):
        setattr(Report, name, None)

if __name__ == "__main__":
    done = unittest.main(exit=False, verbosity=0, argv=sys.argv[:1], defaultTest="Report").result
    failed = len(done.failures) + len(done.errors)
    print("report: %d passed, %d failed" % (done.testsRun - failed, failed))
    sys.exit(failed > 0)
