#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The certificate zoo (tests/tls/zoo.py) against the whole program: each certificate is shown once by an MX under an
enforced policy, and once by the policy host of the domain; rows X of the fault list. WIRE and DELIV hold in each.

    test_certificates.py ZOO [TLSv1.2|TLSv1.3 ...]
"""
import json
import os
import shutil
import ssl
import sys

import evil
import lab
import stage

zoo, versions = sys.argv[1], sys.argv[2:] or list(stage.VERSIONS)
lab.enter()
t = lab.Tally("certificates " + " ".join(versions))
cases = json.load(open(f"{zoo}/cases.json"))["cases"]
HOST = "mta-sts.victim.example"
ERRORS = {"verified": None, "host": "certificate-host-mismatch", "expired": "certificate-expired",
          "trust": "certificate-not-trusted", "tls": "validation-failure"}
folder = lab.scratch("zoo" + versions[0])
dns = evil.DNS({})


def shown(case, version):
    """A context that shows the case's chain, or None where Python's OpenSSL itself will not."""
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.set_ciphers("DEFAULT@SECLEVEL=0")
    c.minimum_version = c.maximum_version = stage.VERSIONS[version]
    try:
        c.load_cert_chain(os.path.join(zoo, case["chain"]), os.path.join(zoo, case["key"]))
    except (ssl.SSLError, ValueError):
        return None
    return c


def anchors(case):
    """The file of trust anchors. One that has none which could serve is refused before anything is sent (nothing_to_trust()):
    here it gets another root beside it, so that the chain is what is judged."""
    if not case.get("unfit"):
        return os.path.join(zoo, case["ca"])
    with open(folder + "/anchors.pem", "w") as f:
        f.write(open(os.path.join(zoo, case["ca"])).read() + open(os.path.join(zoo, "ca.pem")).read())
    return f.name


def send(case, domain, ca, *args):
    shutil.rmtree(folder + "/state", ignore_errors=True)  # each is a first contact
    return lab.stsmail("send", "--json", "--dns", "127.0.0.1", "--ca", ca,
                       "--state", folder + "/state", "--from", "a@example.com", "--hostname", "device.example.com",
                       "--timeout", "20", *args, "ops@" + domain, stdin=stage.MESSAGE)


def wanted(case):
    return {ERRORS[e] for e in (case["expect"], *([case["also"]] if isinstance(case.get("also"), str) else case.get("also", ())))}


def as_mx(case, context, version):
    host, script = case["host"], evil.SMTP(context)
    domain = "victim.test"
    policy = f"{folder}/policy"
    with open(policy, "w") as f:
        f.write(evil.policy("enforce", (host,)))
    dns.restart({(domain, "MX"): [(1, host)], (host, "A"): ["127.0.0.10"]})
    server = evil.Server(script, "127.0.0.10", 25)
    r = send(case, domain, anchors(case), "--policy", f"{domain}={policy}")
    o, good = stage.one(r), case["expect"] == "verified"
    error = o["attempts"][0]["error"] if o["attempts"] else "none"
    ok = (o["result"] == ("delivered" if good else "deferred") and error in wanted(case) and
          o["attempts"][0]["verified"] == good and bool(script.mail) == good and not evil.wire([server], (stage.MARK,)) and
          r.status == (0 if good else 75) and (good or not any(b"MAIL" in c.secret for c in server.connections)))
    server.close()
    t.check(f"{case['row']} {case['name']} at the MX, {version}: {case['expect']}", ok, r)


def as_policy_host(case, context, version):
    domain = HOST[len("mta-sts."):]
    web = evil.Server(evil.https(context, evil.ok(evil.policy("enforce", ("mx." + domain,)))), "127.0.0.20", 443)
    # No MX answers, so that what the policy comes to can be read off, and nothing is sent in any case.
    dns.restart({(domain, "MX"): [(1, "mx." + domain)], ("mx." + domain, "A"): ["127.0.0.10"], (HOST, "A"): ["127.0.0.20"],
                 ("_mta-sts." + domain, "TXT"): ["v=STSv1; id=1;"]})
    r = send(case, domain, anchors(case))
    p, good = stage.one(r)["policy"], case["expect"] == "verified"
    expect = None if good else "sts-policy-fetch-error" if wanted(case) == {"validation-failure"} else "sts-webpki-invalid"
    allowed = {expect} | ({"sts-policy-fetch-error", "sts-webpki-invalid"} if len(wanted(case)) > 1 and not good else set())
    t.check(f"{case['row']} {case['name']} at the policy host, {version}: {case['expect']}",
            p.get("error") in allowed and p.get("source") == ("fetched" if good else "none"), r)
    web.close()


def nothing_to_trust(case):
    r = send(case, "victim.test", os.path.join(zoo, case["ca"]))
    t.check(f"{case['row']} {case['name']} alone: no anchors, 78", r.status == 78 and "no certificate of a CA" in r.stderr, r)


for case in cases:
    if case.get("unfit"):
        nothing_to_trust(case)
left_out = 0
for version in versions:
    for case in cases:
        context = shown(case, version)
        if context is None or "at" in case:  # `at`: a clock to the second, which the port's own run of the zoo sets
            left_out += 1
            continue
        if case["host"].replace(".", "").isdigit():
            left_out += 1  # an MX whose name is an address is skipped before TLS (D27)
        else:
            as_mx(case, context, version)
        if case["host"] == HOST:
            as_policy_host(case, context, version)
print(f"left out here, run against the port by tests/tls: {left_out}")
t.end()
