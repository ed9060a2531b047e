# SPDX-License-Identifier: MIT
"""The stage for one delivery to example.org: DNS on 127.0.0.1, a policy host on 127.0.0.20, an MX on 127.0.0.10, each
replaceable, and the two oracles over what happened.

    with Stage(mode="enforce", mx=evil.SMTP(...)) as s:
        r = s.send("--floor", "verified")
"""
import shutil
import ssl
import time

import evil
import lab

DOMAIN, MX, HOST = "example.org", "mx1.example.org", "mta-sts.example.org"
MARK = b"X-Secret-Mark"
MESSAGE = b"Subject: alert\r\nFrom: a@example.com\r\n\r\n" + MARK + b" line\r\n"
VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}

_pki = {}


def pki():
    """One CA and the good certificates, made once."""
    if not _pki:
        _pki["ca"] = ca = lab.CA(lab.scratch("pki"))
        for name in (MX, "mx2.example.org", HOST, "other.example.org"):
            _pki[name] = ca.issue(name)
        _pki["state"] = lab.scratch("state")
    return _pki


def context(name=MX, **more):
    return evil.tls_context(*pki()[name], **more)


class Stage:
    def __init__(self, mode="enforce", mx=None, web=None, zone=None, second=None, tls=None, id="1", patterns=(MX,),
                 state=None, address="127.0.0.10", mx_server=None, drip=0, chunk=1, trick=None):
        p = pki()
        version = VERSIONS.get(tls)
        self.zone = {(DOMAIN, "MX"): [(10, MX)], (MX, "A"): [address]}
        if mode:
            self.zone[("_mta-sts." + DOMAIN, "TXT")] = [f"v=STSv1; id={id};"]
            self.zone[(HOST, "A")] = ["127.0.0.20"]
        self.mx = mx if mx is not None else evil.SMTP(context(MX, version=version))
        self.servers, self.web = [], None
        if self.mx is not False:
            self.servers.append(mx_server or evil.Server(self.mx, address, 25, drip=drip, chunk=chunk))
        if second is not None:
            self.zone[(DOMAIN, "MX")].append((20, "mx2.example.org"))
            self.zone[("mx2.example.org", "A")] = ["127.0.0.11"]
            self.servers.append(evil.Server(second, "127.0.0.11", 25))
        self.second = second
        for script in (self.mx, second):
            if hasattr(script, "mail"):
                script.mail.clear()  # of an earlier stage
        if mode and web is not False:
            if web is None:
                web = evil.ok(evil.policy(mode, () if mode == "none" else patterns))
            if isinstance(web, (bytes, str)):
                web = evil.https(context(HOST), web)
            self.web = evil.Server(web, "127.0.0.20", 443)
        self.zone.update(zone or {})
        self.zone = {k: v for k, v in self.zone.items() if v != "gone"}
        if "dns" not in _pki:
            _pki["dns"] = evil.DNS({})
        self.dns = _pki["dns"]
        self.dns.restart(self.zone, trick)
        self.state = state

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for s in [*self.servers, *([self.web] if self.web else [])]:
            s.close()

    def send(self, *args, to=("ops@" + DOMAIN,), message=MESSAGE, timeout=60, env=None):
        p = pki()
        state = self.state
        if state is None:  # a first contact
            state = p["state"] + "/fresh"
            shutil.rmtree(state, ignore_errors=True)
        self.result = lab.stsmail("send", "--json", "--dns", "127.0.0.1", "--ca", p["ca"].file, "--state", state,
                                  "--from", "a@example.com", "--hostname", "device.example.com", *args, *to,
                                  stdin=message, timeout=timeout, env=env)
        return self.result

    @property
    def taken(self):
        """Messages that an MX said 250 to."""
        return [m for mx in (self.mx, self.second) for m in getattr(mx, "mail", [])]

    def wire(self):
        return evil.wire(self.servers, (MARK,))


def one(result):
    """The JSON object of a run for one domain; an empty one where there is none, so that checks fail with words."""
    return result.json[0] if len(result.json) == 1 else {"result": None, "reason": None, "attempts": [], "policy": {},
                                                         "recipients": [{}]}


def sound(stage, result, protected):
    """Both oracles, and that status and JSON agree. Returns what is wrong, or nothing."""
    wrong = []
    r = one(result)
    delivered = r["result"] == "delivered"
    if protected and stage.wire():
        wrong.append(f"WIRE: {stage.wire()} in clear")
    if protected and any(not m[3] for m in stage.taken):
        wrong.append("WIRE: a message taken outside TLS")
    for _ in range(100 if delivered else 0):  # the server's thread may be a moment behind the program
        if stage.taken:
            break
        time.sleep(0.01)
    if delivered and not stage.taken and not getattr(stage.mx, "unchecked", False):
        wrong.append("DELIV: delivered, and no server took it")
    if {"delivered": 0, "failed": 69, "deferred": 75}.get(r["result"]) != result.status:
        wrong.append(f"status {result.status} for {r['result']}")
    if (r["reason"] is None) != delivered:
        wrong.append("reason")
    if "AddressSanitizer" in result.stderr or "runtime error" in result.stderr or result.status < 0:
        wrong.append("crash")
    return wrong


def _differs(want, got):
    """want: a value, a set of values, or a function that says whether it will do."""
    return not (want(got) if callable(want) else got in want if isinstance(want, set) else got == want)


def judge(stage, done, protected=False, /, **want):
    """Both oracles, and what else differs from what is wanted. Names: result and reason; source, mode, id and trouble of the
    policy; mxs and errors, the lists over all attempts; error, answer, tls, verified, match of the last one; replies and
    verdicts, the lists over the recipients; took, seconds at most."""
    r = one(done)
    last = r["attempts"][-1] if r["attempts"] else {}
    got = {"result": r["result"], "reason": r["reason"], "took": done.took,
           "source": r["policy"].get("source"), "mode": r["policy"].get("mode"), "id": r["policy"].get("id"),
           "trouble": r["policy"].get("error"),
           "mxs": [a["mx"] for a in r["attempts"]], "errors": [a["error"] for a in r["attempts"]],
           "error": last.get("error"), "answer": last.get("reply"), "tls": last.get("tls"),
           "verified": last.get("verified"), "match": last.get("policy_match"),
           "replies": [x.get("reply") for x in r["recipients"]], "verdicts": [x.get("result") for x in r["recipients"]]}
    wrong = sound(stage, done, protected)
    for name, value in want.items():
        late = name == "took" and not callable(value)
        if (got[name] > value) if late else _differs(value, got[name]):
            wrong.append(f"{name} is {got[name]!r}" + ("" if callable(value) else f", not {value!r}"))
    return wrong
