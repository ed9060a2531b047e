#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Reports against a schema written from RFC 8460 4.4, read by Python's JSON (R-160 to R-170, R06): those of random days with hostile
texts, the example of RFC 8460 Appendix B, and some that the schema must refuse. argv[1] is the program that prints reports."""
import copy
import datetime
import ipaddress
import json
import os
import subprocess
import sys
import unittest

import jsonschema

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = sys.argv.pop(1) if len(sys.argv) > 1 else "build/tlsrpt/reports"
with open(os.path.join(HERE, "report.schema.json"), encoding="ascii") as f:
    SCHEMA = json.load(f)
VALIDATOR = jsonschema.Draft7Validator(SCHEMA, format_checker=jsonschema.FormatChecker(["ipv4", "ipv6"]))


def unique(pairs):
    keys = [k for k, _ in pairs]
    assert len(set(keys)) == len(keys), "R-160: a key stands twice: %s" % keys
    return dict(pairs)


def read(octets):
    text = octets.decode("utf-8", "strict")
    for c in text:
        assert not 0xd800 <= ord(c) <= 0xdfff and ord(c) & 0xfffe != 0xfffe and not 0xfdd0 <= ord(c) <= 0xfdef, hex(ord(c))
    return json.loads(text, object_pairs_hook=unique, parse_constant=lambda c: 1 / 0)


class Schema(unittest.TestCase):
    def example(self):
        with open(os.path.join(HERE, "appendix_b.json"), "rb") as f:
            return read(f.read())

    def test_the_schema_is_one(self):
        jsonschema.Draft7Validator.check_schema(SCHEMA)

    def test_r167_appendix_b_of_the_rfc_is_valid(self):
        VALIDATOR.validate(self.example())

    def test_what_is_not_a_report_is_refused(self):
        def change(edit):
            report = copy.deepcopy(self.example())
            edit(report)
            self.assertFalse(VALIDATOR.is_valid(report), report)

        for key in self.example():
            change(lambda r: r.pop(key))
        change(lambda r: r.update(policies=r["policies"][0]))  # not an array
        change(lambda r: r["policies"][0]["policy"].update({"policy-type": "dane"}))
        change(lambda r: r["policies"][0]["policy"].update({"policy-string": "version: STSv1"}))
        change(lambda r: r["policies"][0]["policy"].update({"policy-domain": "b\u00fccher.example"}))
        change(lambda r: r["policies"][0]["summary"].update({"total-failure-session-count": "3"}))
        change(lambda r: r["policies"][0]["failure-details"][0].update({"result-type": "mx-mismatch"}))
        change(lambda r: r["policies"][0]["failure-details"][0].update({"sending-mta-ip": "192.0.2.256"}))
        change(lambda r: r["date-range"].update({"start-datetime": "yesterday"}))


class Ours(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        lines = subprocess.run([PROGRAM, "400"], check=True, stdout=subprocess.PIPE, timeout=300).stdout.split(b"\n")
        cls.reports = [(tuple(map(int, lines[i].split())), read(lines[i + 1])) for i in range(0, len(lines) - 1, 2)]

    def test_r160_r161_r163_every_report_is_valid(self):
        self.assertEqual(len(self.reports), 400)
        for _, report in self.reports:
            VALIDATOR.validate(report)

    def test_r150_r151_r152_every_session_is_counted_once(self):
        for (good, bad), report in self.reports:
            sums = [p["summary"] for p in report["policies"]]
            self.assertEqual(good, sum(s["total-successful-session-count"] for s in sums))
            self.assertEqual(bad, sum(s["total-failure-session-count"] for s in sums))
            for p in report["policies"]:
                self.assertEqual(p["summary"]["total-failure-session-count"],
                                 sum(d["failed-session-count"] for d in p["failure-details"]))

    def test_r159_a_report_is_of_one_utc_day(self):
        for _, report in self.reports:
            start, end = (datetime.datetime.strptime(report["date-range"][k], "%Y-%m-%dT%H:%M:%SZ")
                          for k in ("start-datetime", "end-datetime"))
            self.assertEqual((start.time(), end - start), (datetime.time(0), datetime.timedelta(seconds=86399)))
            self.assertEqual((start - datetime.datetime(1970, 1, 1)).days, int(report["report-id"].split(".")[0]))

    def test_r156_general_types_come_with_a_code(self):
        seen = set()
        for _, report in self.reports:
            for p in report["policies"]:
                for d in p["failure-details"]:
                    seen.add(d["result-type"])
                    if d["result-type"] in ("certificate-not-trusted", "validation-failure"):
                        self.assertTrue(d["failure-reason-code"])
        self.assertEqual(len(seen), 8)

    def test_r163_r167_our_mx_host_is_an_array_and_only_of_sts(self):
        for _, report in self.reports:
            for p in report["policies"]:
                self.assertEqual("mx-host" in p["policy"], p["policy"]["policy-type"] == "sts")
                self.assertIsInstance(p["policy"].get("mx-host", []), list)
                self.assertIsInstance(p["policy"]["policy-string"], list)

    def test_r169_addresses_are_written_as_python_writes_them(self):
        count = 0
        for _, report in self.reports:
            for p in report["policies"]:
                for d in p["failure-details"]:
                    for ip in (d[k] for k in ("sending-mta-ip", "receiving-ip") if k in d):
                        count += 1
                        if "." not in ip or ":" not in ip:  # RFC 5952 5: mapped addresses have dots
                            self.assertEqual(str(ipaddress.ip_address(ip)), ip)
        self.assertGreater(count, 400)


if __name__ == "__main__":
    done = unittest.main(exit=False, verbosity=0).result
    failed = len(done.failures) + len(done.errors)
    print("schema: %d passed, %d failed" % (done.testsRun - failed, failed))
    sys.exit(failed > 0)
