#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What `stsmail publish` prints, put on knot, nginx and Postfix as printed: `stsmail check` has nothing to complain about.
Then one fault at a time (faults.py): exactly its own finding appears. Each fault has a domain of its own, so that all of
them are served at once."""
import concurrent.futures
import os
import re
import shutil
import socket
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "interop"))

import lab

lab.enter()

import world  # noqa: E402: what it mounts belongs into the namespace
from faults import FAULTS, MANY  # noqa: E402

ZONE = "example"
LARGE = ("acme.mail.protection.outlook.com", "alt1.aspmx.l.google.com", "smtp.google.com")
MAIL = {"mx1.mail.example": "127.0.0.10", "mx2.mail.example": "127.0.0.11"}


class Servers(world.World):
    """Those of the laboratory, and zones that knot is told of and has nothing for: SERVFAIL."""
    broken = ("servfail.mail.example",)

    def _zone_files(self):
        whole, self.zones = self.zones, {z: v for z, v in self.zones.items() if z not in self.broken}
        super()._zone_files()
        self.zones = whole

    def _served(self):
        return all(world.serial(world.DNS, zone) == self.zone_serial for zone in self.zones if zone not in self.broken)


# ---- certificates -------------------------------------------------------------------------------------------------------

class Itself(lab.CA):
    """Certificates that are their own issuer, and no CA."""

    def __init__(self, root):
        self.folder, self.kind, self.key, self.cert = root.folder, root.kind, self._new(root.kind), root.cert

    _new = staticmethod(lab.CA._key)

    def _key(self, _kind):
        return self.key

    def _sign(self, subject, public, issuer, ca, names, days):
        return super()._sign(subject, public, None, ca, names, days)


class Bare(world.Intermediate):
    """Certificates with a common name, and no DNS name."""

    def _sign(self, subject, public, issuer, ca, names, days):
        return super()._sign(subject, public, issuer, ca, [], days)


class Authorities:
    def __init__(self):
        self.root = lab.CA(lab.scratch("ca"))
        self.issuers = {"good": world.Intermediate(self.root, "a CA between", "ec"), "itself": Itself(self.root),
                        "bare": Bare(self.root, "a CA of old", "ec"), "stranger": lab.CA(self.root.folder, "nobody knows")}
        self.issuers["cut"] = self.issuers["good"]

    def issue(self, *names, ca="good", days=(-1, 90), file=None):
        key, chain = self.issuers[ca].issue(*names, days=days, file=file)
        if ca == "cut":  # the first certificate alone
            end = "-----END CERTIFICATE-----\n"
            with open(chain, "r+") as f:
                f.truncate(f.read().index(end) + len(end))
        return key, chain


# ---- one domain ---------------------------------------------------------------------------------------------------------

class Domain:
    """A domain as its owner set it up from what `publish` printed; a fault then changes one thing."""

    def __init__(self, servers, authorities, name, mx, web=True):
        self.servers, self.authorities, self.name, self.mx = servers, authorities, name, mx
        self.folder = f"/mnt/web/{name}" if web else None
        self.lines = [f"{name}. MX {10 * n} {host}." for n, host in enumerate(mx, 1)]
        self.lines += [f"mta-sts.{name}. A {world.WEB}", f'{name}. TXT "v=spf1 mx -all"',
                       f'_dmarc.{name}. TXT "v=DMARC1; p=quarantine"', f's1._domainkey.{name}. TXT "v=DKIM1; k=ed25519; p=AAAA"']
        self.args, self.held = [], False
        self.certify(f"mta-sts.{name}")

    def publish(self, *options):
        """Takes what `publish` prints: lines of a zone, a vhost, and the file where the vhost reads one."""
        ask = ["publish", "--dns", world.RESOLVER, *options]
        if self.folder:
            os.makedirs(self.folder)
            ask += ["--web", self.folder]
        zone = lab.stsmail(*ask, "--zone", self.name)
        vhost = lab.stsmail(*ask, "--nginx", self.name)
        assert zone.status == 0 and vhost.status == 0, (zone, vhost)
        self.lines += zone.stdout.splitlines()
        self.vhost = vhost.stdout

    # what faults do

    def owner(self, name):
        return self.name + "." if name == "@" else f"{name}.{self.name}."

    def add_record(self, name, rdata):
        self.lines.append(f"{self.owner(name)} {rdata}")

    def replace_records(self, name, rdatas):
        self.lines = [v for v in self.lines if v.split(" ")[0] != self.owner(name)]
        self.lines += [f"{self.owner(name)} {v}" for v in rdatas]

    def replace_spf(self, *values):
        self.lines = [v for v in self.lines if "v=spf1" not in v] + [f"{self.name}. TXT {v}" for v in values]

    def servfail(self, name):
        zone = self.owner(name)[:-1]
        self.replace_records(name, [])
        self.servers.broken += (zone,)
        self.servers.zones[zone] = []

    def edit_vhost(self, a, b):
        assert a in self.vhost, self.vhost
        self.vhost = self.vhost.replace(a, b)

    @property
    def file(self):
        return self.folder + "/.well-known/mta-sts.txt"

    def read(self):
        with open(self.file, "rb") as f:
            return f.read()

    def write(self, text):
        with open(self.file, "wb") as f:
            f.write(text)

    def hold_then_change(self):
        self.held = True

    def certify(self, *names, **more):
        key, chain = self.authorities.issue(*names, file="web-" + self.name, **more)
        live = f"/etc/letsencrypt/live/mta-sts.{self.name}"
        os.makedirs(live, exist_ok=True)
        shutil.copyfile(key, live + "/privkey.pem")
        shutil.copyfile(chain, live + "/fullchain.pem")


# ---- servers -------------------------------------------------------------------------------------------------------------

def fake(address, greeting, replies=()):
    """An MX that says these things, one for each line that comes; None: it hangs up."""
    listener = socket.create_server((address, 25))

    def talk(client):
        with client:
            try:
                if greeting:
                    client.sendall(greeting + b"\r\n")
                lines = client.makefile("rb")
                for reply in replies:
                    if not lines.readline():
                        return
                    if reply is None:
                        return
                    client.sendall(reply + b"\r\n")
                while lines.readline():
                    client.sendall(b"221 2.0.0 Bye\r\n") if greeting else None
            except OSError:
                pass

    def serve():
        while True:
            threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()
    threading.Thread(target=serve, daemon=True).start()


def mail_hosts(authorities):
    """(Postfix's hosts, records, those of other zones) for every MX of the faults, healthy ones first."""
    issue = authorities.issue
    hosts = [(name, issue(name), ">=TLSv1.2") for name in MAIL]
    hosts += [("plain.mail.example", (None, None), ""), ("old.mail.example", issue("old.mail.example"), "TLSv1.1"),
              ("name.mail.example", issue("other.mail.example"), ">=TLSv1.2"),
              ("star.mail.example", issue("*.example", file="star"), ">=TLSv1.2"),
              ("bare.mail.example", issue("bare.mail.example", ca="bare"), ">=TLSv1.2"),
              ("expired.mail.example", issue("expired.mail.example", days=(-90, -2)), ">=TLSv1.2"),
              ("early.mail.example", issue("early.mail.example", days=(3, 90)), ">=TLSv1.2"),
              ("stranger.mail.example", issue("stranger.mail.example", ca="stranger"), ">=TLSv1.2"),
              ("itself.mail.example", issue("itself.mail.example", ca="itself"), ">=TLSv1.2"),
              ("cut.mail.example", issue("cut.mail.example", ca="cut"), ">=TLSv1.2"),
              ("soon.mail.example", issue("soon.mail.example", days=(-80, 5)), ">=TLSv1.2"),
              ("alias.mail.example", issue("alias.mail.example"), ">=TLSv1.2"),
              ("half.mail.example", issue("half.mail.example"), ">=TLSv1.2")]
    hosts += [(name, issue(name), ">=TLSv1.2") for name in (*LARGE, "six.mail.example")]
    hosts += [("*.many.mail.example", issue("*.many.mail.example", file="many"), ">=TLSv1.2")]
    postfix, records, foreign = [], ["six.mail.example. AAAA fd00::20"], {}
    for n, (name, (key, chain), protocols) in enumerate(hosts):
        address = MAIL.get(name, f"127.0.1.{n}")
        postfix.append(world.Mx(address, key, chain, protocols))
        if name in LARGE:
            foreign.setdefault(".".join(name.split(".")[-2:]), []).append(f"{name}. A {address}")
            continue
        if name == "six.mail.example":
            postfix.append(world.Mx("fd00::20", key, chain, protocols))
        records.append(f"{'target.mail.example' if name == 'alias.mail.example' else name}. A {address}")
    records += ["alias.mail.example. CNAME target.mail.example.", "half.mail.example. A 10.99.99.98",
                'txt.mail.example. TXT "no address"', "down.mail.example. A 10.99.99.97"]
    ehlo = b"250-mx.mail.example\r\n250 STARTTLS"
    fakes = {"refuses": (b"220 mx ESMTP", (ehlo, b"454 4.7.0 TLS not available due to local problem")),
             "hangs-up": (b"220 mx ESMTP", (ehlo, b"220 2.0.0 Ready", None)),
             "blocks": (b"554 5.7.1 your address is listed", ()), "busy": (b"421 4.3.2 come back later", ()),
             "http": (b"HTTP/1.1 400 Bad Request", ()), "silent": (b"", ())}
    for n, (name, (greeting, replies)) in enumerate(fakes.items(), 1):
        fake(f"127.0.2.{n}", greeting, replies)
        records.append(f"{name}.mail.example. A 127.0.2.{n}")
    return postfix, records, foreign


def nginx(servers, domains):
    first = domains[0].name
    keys = f"/etc/letsencrypt/live/mta-sts.{first}"
    conf = servers.write("nginx.conf", f"""daemon off;
master_process off;
pid /mnt/nginx.pid;
error_log /mnt/log/nginx notice;
events {{ worker_connections 600; }}
http {{
    access_log off;
    server_names_hash_bucket_size 128;
    server_names_hash_max_size 4096;
    client_body_temp_path /mnt/tmp; proxy_temp_path /mnt/tmp; fastcgi_temp_path /mnt/tmp;
    uwsgi_temp_path /mnt/tmp; scgi_temp_path /mnt/tmp;
    server {{ listen 127.0.0.22:443; return 404; }}
    server {{ listen 127.0.0.21:443 ssl; ssl_protocols TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;
             ssl_certificate {keys}/fullchain.pem; ssl_certificate_key {keys}/privkey.pem; return 404; }}
{"".join(d.vhost for d in domains)}}}
""")
    servers.start("nginx", "/usr/sbin/nginx", "-c", conf, "-e", "/mnt/log/nginx", "-p", "/mnt",
                  ready=lambda: world.listens(world.WEB, 443))


# ---- what check says -------------------------------------------------------------------------------------------------------

def check(domain, root, *more):
    state = lab.scratch("state/" + domain.name)
    common = ["--dns", world.RESOLVER, "--ca", root, "--state", state, "--hostname", "checker.example"]
    if domain.held:
        assert lab.stsmail("cache", *common, "refresh", domain.name).status == 0
        domain.write(domain.read().replace(b"86400", b"172800"))
    return lab.stsmail("check", *common, "--json", "--dkim-selector", "s1", *more, domain.name)


def findings(result, domain):
    """{(what, level, text)}, without what differs between domains that are well."""
    found = set()
    for f in result.json[0]["findings"]:
        text = f["text"].replace(domain.name, "D")
        text = re.sub(r"\bid \d{14}", "id N", text)
        host = f.get("host", "")
        found.add((f["what"], f["level"], f"{host in domain.mx and domain.mx.index(host)}: " + text.replace(host or "\0", "HOST")))
    return found


def show(found):
    return "\n".join(sorted(f"  {level:8} {what}: {text}" for what, level, text in found))


def unrelated(fault, f):
    """Whether a finding that came or went has nothing to do with the fault."""
    area = fault.name.split(":")[0]
    if area == "MX":
        return not re.match("[1-9][0-9]*: ", f[2]) and f[0] != fault.what  # the hosts behind the first are the fault's
    if area in ("policy", "policy host"):
        return f[0] not in (fault.what, "policy-host", "policy-certificate", "policy", "mode", "max-age", "mx")
    return f[0] != fault.what


def judge(t, fault, domain, result, healthy):
    if not result.json:
        t.check(fault.name, False, repr(result))
        return
    new = findings(result, domain) - healthy
    bad = [f for f in new if f[1] != "ok"]
    fits = [f for f in bad if f[:2] == (fault.what, fault.level) and fault.text in f[2].replace("HOST", domain.mx[1])]
    if os.environ.get("SHOW"):
        print(fault.name + "\n" + show(new), flush=True)
    t.check(fault.name, len(bad) == 1 and len(fits) == 1,
            f"wanted: {fault.level} {fault.what}: ...{fault.text}...; new:\n{show(new)}\n{result.stderr}")
    astray = [f for f in new ^ (healthy - findings(result, domain)) if f[1] == "ok" and unrelated(fault, f)]
    t.check(fault.name + ": nothing else changes", not astray, show(astray))
    t.check(fault.name + ": exit status", result.status == (1 if fault.level == "error" else 0), repr(result))


def table(t, domain, root):
    """What people read."""
    result = lab.stsmail("check", "--dns", world.RESOLVER, "--ca", root, "--state", lab.scratch("table"), domain.name)
    lines = result.stdout.splitlines()
    t.check("the table ends in a sum", result.status == 0 and lines[-1] == f"{domain.name}: 0 errors, 0 warnings", repr(result))
    t.check("the table is no wider than 100", max(map(len, lines)) <= 100, repr(result))
    t.check("a block for each MX", all(lines.count(host) == 1 for host in domain.mx), repr(result))


def without_mx(t, root):
    """Domains that name no host: what `check` and `publish` say, and their exit status."""
    common = ["--dns", world.RESOLVER]
    for name, checked, said, published, why in (
            ("nowhere.example", 69, "there is no domain", 69, "there is no domain"),
            ("deaf.example", 69, "neither an MX record nor an address", 65, "has no MX record"),
            ("nothing.example", 1, "there is no MX record: senders take", 65, "has no MX record"),
            ("null.example", 1, "a null MX: the domain takes no mail", 65, "takes no mail"),
            ("numbers.example", 1, "no name of a host", 65, "name no host")):
        r = lab.stsmail("check", *common, "--ca", root, "--state", lab.scratch("odd"), "--json", name)
        t.check("check " + name, r.status == checked and any(said in f["text"] for f in r.json[0]["findings"]), repr(r))
        r = lab.stsmail("publish", *common, name)
        t.check("publish " + name, r.status == published and why in r.stderr and r.stdout == "", repr(r))
    r = lab.stsmail("check", *common, "--ca", root, "--state", lab.scratch("odd"), "--json", "--dkim-selector", "s1", "nothing.example")
    absent = {f["what"] for f in r.json[0]["findings"] if f["level"] == "ok" and f["text"].startswith("advice: there is no")}
    t.check("what is absent of SPF, DMARC and DKIM is advice", absent == {"spf", "dmarc", "dkim"}, repr(r))


def main():
    t = lab.Tally("check")
    servers = Servers()
    authorities = Authorities()
    os.makedirs("/mnt/etc2/letsencrypt/live")
    world.run("mount", "-t", "overlay", "overlay", "-o", "lowerdir=/mnt/etc2:/etc", "/etc")
    world.run("mount", "-t", "tmpfs", "tmpfs", "/etc/letsencrypt")

    def domain(name, mx=tuple(MAIL), **more):
        return Domain(servers, authorities, f"{name}.{ZONE}", list(mx), **more)

    healthy = domain("healthy", web=False)
    others = {"in a file": domain("file"), "enforce": domain("enforce"), "none": domain("none"), "given": domain("given"),
              "certificate for 14 days": domain("soon"), "IPv6": domain("six", ("six.mail.example",)), "32 MX": domain("many", MANY), "Microsoft 365": domain("ms", LARGE[:1]), "Google": domain("goo", LARGE[1:])}
    others["certificate for 14 days"].certify("mta-sts.soon.example", days=(-70, 14.5))
    odd = [f"{v}" for v in ("nothing.example. A 127.0.0.10", "null.example. MX 0 .", 'deaf.example. TXT "no mail, no address"',
                            "numbers.example. MX 10 127.0.0.10.")]
    rows = [(f, domain(f"f{n}", ["mx1.mail.example", *(f.mx or ["mx2.mail.example"])])) for n, f in enumerate(FAULTS)]
    domains = [healthy, *others.values(), *(d for _, d in rows)]
    postfix, records, foreign = mail_hosts(authorities)

    # The domains as they are before anything is published, and what `publish` makes of their MX records.
    records += odd
    servers.zones = {ZONE: records + [v for d in domains for v in d.lines], "servfail.mail.example": [], **foreign}
    servers.knot()
    servers.unbound()
    options = {"enforce": ["--mode", "enforce"], "none": ["--mode", "none"],
               "IPv6": [], "32 MX": [], "certificate for 14 days": [], "Microsoft 365": ["--mx", "*.mail.protection.outlook.com"],
               "Google": ["--mx", "smtp.google.com", "--mx", "*.aspmx.l.google.com"],
               "given": ["--mx", "mx1.mail.example", "--mx", "MX2.mail.example.", "--rua", "https://reports.example/in",
                         "--rua", "mailto:a@given.example"]}
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda d: d.publish(), [healthy, others["in a file"], *(d for _, d in rows)]))
    for name, more in options.items():
        others[name].publish(*more)
    for f, d in rows:
        f.breaks(d)
    servers.stop("unbound")
    servers.stop("knot")
    servers.zones[ZONE] = records + [v for d in domains for v in d.lines]
    servers.knot()
    servers.unbound()
    nginx(servers, domains)
    servers.postfix(postfix, ["ops@healthy.example"])

    result = check(healthy, authorities.root.file)
    well = findings(result, healthy)
    t.check("what publish prints: no warning, no error",
            result.status == 0 and result.json[0]["ok"] and {f[1] for f in well} == {"ok"}, repr(result))
    t.check("mode testing says what comes next", any(f[0] == "mode" and "enforce" in f[2] for f in well), show(well))
    for name, d in others.items():
        result = check(d, authorities.root.file)
        t.check(f"what publish prints ({name}): no warning, no error",
                result.status == 0 and {f["level"] for f in result.json[0]["findings"]} == {"ok"}, repr(result))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        jobs = [(f, d, pool.submit(check, d, authorities.root.file, *f.args)) for f, d in rows]
        for f, d, job in jobs:
            judge(t, f, d, job.result(), well)
    t.check("60 faults at least", len(rows) >= 60)
    table(t, healthy, authorities.root.file)
    without_mx(t, authorities.root.file)
    log = servers.log("maillog")
    t.check("no mail is sent", "MAIL FROM" not in log and "client=" not in log and "connect from" in log, log[-2000:])
    t.end()


main()
