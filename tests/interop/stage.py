# SPDX-License-Identifier: MIT
"""The stage for one delivery to example.org: DNS on 127.0.0.1, a policy host on 127.0.0.20, an MX on 127.0.0.10, each
replaceable, and the two oracles over what happened.

    with Stage(mode="enforce", mx=evil.SMTP(...)) as s:
        r = s.send("--floor", "verified")
"""
import shutil
import ssl

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
                 state=None, address="127.0.0.10", mx_server=None, drip=0, chunk=1):
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
        self.dns.restart(self.zone)
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
    if delivered and not stage.taken and not getattr(stage.mx, "unchecked", False):
        wrong.append("DELIV: delivered, and no server took it")
    if {"delivered": 0, "failed": 69, "deferred": 75}.get(r["result"]) != result.status:
        wrong.append(f"status {result.status} for {r['result']}")
    if (r["reason"] is None) != delivered:
        wrong.append("reason")
    if "AddressSanitizer" in result.stderr or "runtime error" in result.stderr or result.status < 0:
        wrong.append("crash")
    return wrong
