# SPDX-License-Identifier: MIT
"""Real servers in the laboratory's namespace: knot or nsd, unbound, nginx, Postfix, Exim, OpenSMTPD.

    lab.enter()
    w = world.World(ca)
    w.domain("example.org", mx=["127.0.0.10"], policy=world.policy(mx=["mx1.example.org"]))
    w.knot(); w.unbound(); w.nginx(); w.postfix([world.Mx("127.0.0.10", *ca.issue("mx1.example.org"))])
    w.mail("ops@example.org")

They come from build/servers, where tests/interop/unpack put them, laid over /usr in this mount namespace. What they
keep lies in /mnt, which is a folder of build/lab; nothing of the machine's own /etc, /run and /var is used. Each is
there when it answers, and ends with the namespace.
"""
import collections
import os
import pwd
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

import lab

SERVERS = os.path.join(lab.BUILD, "servers", "tree")
HERE = "/mnt"
DNS, RESOLVER, WEB = "127.0.0.2", "127.0.0.1", "127.0.0.20"
USERS = {"postfix": 890, "postdrop": 891, "Debian-exim": 892, "opensmtpd": 893, "opensmtpq": 894, "vmail": 895}

# An MX: where it listens, with what, and which versions of TLS it speaks (Postfix's words).
Mx = collections.namedtuple("Mx", "address key chain protocols", defaults=(None, None, ">=TLSv1.2"))


def policy(mode="enforce", mx=(), max_age=604800):
    lines = ["version: STSv1", f"mode: {mode}", *[f"mx: {m}" for m in mx], f"max_age: {max_age}"]
    return "".join(line + "\r\n" for line in lines)


class Intermediate(lab.CA):
    """A CA under a root; its chains carry it."""

    def __init__(self, root, name, kind):
        self.folder, self.kind = root.folder, kind
        self.key = self._key(kind)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.cert = root._sign(subject, self.key.public_key(), root.cert.subject, True, [], (-1, 1000))

    def issue(self, *names, **more):
        key, chain = super().issue(*names, **more)
        with open(chain, "ab") as f:
            f.write(self.cert.public_bytes(serialization.Encoding.PEM))
        return key, chain


def run(*argv, **more):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)}: {done.stdout.decode(errors='replace')}")


def until(what, test, seconds=20):
    """Waits for a test to hold: no longer than it takes."""
    end = time.monotonic() + seconds
    while True:
        found = test()
        if found:
            return found
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: not within {seconds} s")
        time.sleep(0.02)


def listens(address, port):
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM) as s:
        return s.connect_ex((address, port)) == 0


def serial(address, zone):
    """The serial of a zone's SOA as this server gives it, or None."""
    name = b"".join(bytes([len(v)]) + v.encode() for v in zone.split(".") if v) + b"\0"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.5)
        try:
            s.connect((address, 53))
            s.send(b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + name + b"\0\6\0\1")
            answer = s.recv(4096)
        except OSError:
            return None
    if len(answer) < 12 or answer[3] & 15 or answer[6:8] == b"\0\0":
        return None
    at = 12 + len(name) + 4 + 2 + 8  # the length of the first record, whose owner is a pointer
    end = at + 2 + struct.unpack(">H", answer[at:at + 2])[0]
    return struct.unpack(">I", answer[end - 20:end - 16])[0]


class World:
    def __init__(self, name="world"):
        self.zones, self.zone_serial, self.hosts, self.processes = {}, 1, {}, {}
        self._mount(lab.scratch(name))
        self.out = os.path.join(HERE, "log")
        for folder in ("log", "mail", "zones", "web", "tls"):
            os.mkdir(os.path.join(HERE, folder))
        for number in (signal.SIGINT, signal.SIGTERM):  # the first process of a namespace has no defaults
            signal.signal(number, lambda n, _: sys.exit(128 + n))

    # ---- the namespace ----

    def _mount(self, folder):
        etc = os.path.join(folder, "etc")
        os.makedirs(etc)
        for name in ("passwd", "group"):
            with open("/etc/" + name) as f:
                known = [line for line in f if line.split(":")[0] not in USERS]
            for user, n in USERS.items():
                known.append(f"{user}:x:{n}:{n}::/mnt/mail:/usr/sbin/nologin\n" if name == "passwd" else f"{user}:x:{n}:\n")
            self._write(os.path.join(etc, name), "".join(known))
        self._write(os.path.join(etc, "resolv.conf"), f"nameserver {RESOLVER}\n")
        self._write(os.path.join(etc, "hosts"), "127.0.0.1 localhost\n::1 localhost\n")
        self._write(os.path.join(etc, "nsswitch.conf"), "passwd: files\ngroup: files\nhosts: files dns\nservices: files\n")
        self._write(os.path.join(etc, "mailname"), "mx.example.net\n")
        os.mkdir(os.path.join(etc, "exim4"))
        os.symlink("/mnt/exim.conf", os.path.join(etc, "exim4", "exim4.conf"))  # a file that Exim keeps its rights with
        os.chmod(folder, 0o755)
        run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={SERVERS}/usr:/usr", "/usr")
        run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={etc}:{SERVERS}/etc:/etc", "/etc")
        for hidden in ("/run", "/var/spool", "/var/lib/postfix", "/var/lib/unbound", "/var/lib/knot"):
            if os.path.isdir(hidden):
                run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", hidden)
        run("mount", "--bind", folder, HERE)

    @staticmethod
    def _write(path, text):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)

    def write(self, name, text):
        """A file in /mnt; its path."""
        path = os.path.join(HERE, name)
        self._write(path, text)
        return path

    def log(self, name):
        path = os.path.join(self.out, name)
        return open(path, errors="replace").read() if os.path.exists(path) else ""

    def start(self, name, *argv, ready, **more):
        """Starts a server and waits until it is ready."""
        with open(os.path.join(self.out, name), "a") as out:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                       start_new_session=True, **more)
        self.processes[name] = process
        ended = object()
        try:
            if until(name, lambda: ready() or (process.poll() and ended)) is ended:
                raise RuntimeError(f"{name} ended with {process.poll()}")
        except RuntimeError as why:
            raise RuntimeError(f"{why}\n{self.log(name)}") from None

    def stop(self, name):
        process = self.processes.pop(name)
        process.terminate()
        process.wait(20)

    # ---- DNS ----

    def records(self, zone, *lines):
        """Adds records to a zone; names without a dot at the end are below it."""
        self.zones.setdefault(zone, []).extend(lines)

    def domain(self, zone, mx=(), policy=None, id="1", web=WEB):
        """A domain with MX hosts mx1, mx2, ... at these addresses, and a policy on the policy host."""
        for n, addresses in enumerate(mx, 1):
            self.records(zone, f"@ MX {10 * n} mx{n}")
            for address in [addresses] if isinstance(addresses, str) else addresses:
                self.records(zone, f"mx{n} {'AAAA' if ':' in address else 'A'} {address}")
        if policy is not None:
            self.records(zone, f'_mta-sts TXT "v=STSv1; id={id};"', f"mta-sts A {web}")
            self.web(zone, policy)

    def _zone_files(self):
        for zone, lines in self.zones.items():
            head = [f"$ORIGIN {zone}.", "$TTL 60", f"@ SOA ns hostmaster {self.zone_serial} 3600 600 86400 60",
                    "@ NS ns", f"ns A {DNS}"]
            self.write(f"zones/{zone}.zone", "\n".join(head + lines) + "\n")

    def _served(self):
        return all(serial(DNS, zone) == self.zone_serial for zone in self.zones)

    def knot(self):
        self._zone_files()
        conf = self.write("knot.conf", "\n".join(
            ["server:", f"    listen: {DNS}@53", "    rundir: /mnt/knot", "    udp-workers: 1", "    tcp-workers: 1",
             "    background-workers: 1", "log:", "  - target: stderr", "    any: info", "database:",
             "    storage: /mnt/knot/db", "template:", "  - id: default", "    storage: /mnt/zones",
             "    zonefile-load: whole", "    journal-content: none", "    semantic-checks: off", "zone:"]
            + [f"  - domain: {zone}\n    file: {zone}.zone" for zone in self.zones]) + "\n")
        os.makedirs("/mnt/knot/db", exist_ok=True)
        self.authority = "knot"
        self.start("knot", "/usr/sbin/knotd", "-c", conf, ready=self._served)

    def nsd(self):
        self._zone_files()
        conf = self.write("nsd.conf", "\n".join(
            ["server:", f"    ip-address: {DNS}", "    server-count: 1", '    username: ""', '    chroot: ""',
             '    database: ""', '    pidfile: "/mnt/nsd.pid"', '    xfrdfile: "/mnt/nsd.xfrd"',
             '    zonelistfile: "/mnt/nsd.list"', '    xfrdir: "/mnt"', '    zonesdir: "/mnt/zones"', "    rrl-ratelimit: 0",
             "remote-control:", "    control-enable: no"]
            + [f'zone:\n    name: "{zone}"\n    zonefile: "{zone}.zone"' for zone in self.zones]) + "\n")
        self.authority = "nsd"
        self.start("nsd", "/usr/sbin/nsd", "-d", "-c", conf, ready=self._served)

    def publish(self, zone, lines):
        """Other records for a zone, from now on."""
        self.zones[zone] = list(lines)
        self.zone_serial += 1
        self._zone_files()
        self.processes[self.authority].send_signal(signal.SIGHUP)
        until("zones again", self._served)

    def unbound(self):
        conf = self.write("unbound.conf", f"""server:
    interface: {RESOLVER}
    access-control: 127.0.0.0/8 allow
    chroot: ""
    username: ""
    directory: "/mnt"
    pidfile: ""
    use-syslog: no
    module-config: "iterator"
    num-threads: 1
    do-not-query-localhost: no
    do-ip6: no
    cache-max-ttl: 0
    cache-max-negative-ttl: 0
remote-control:
    control-enable: no
""" + "".join(f'stub-zone:\n    name: "{zone}"\n    stub-addr: {DNS}\n' for zone in self.zones))
        first = next(iter(self.zones))
        self.start("unbound", "/usr/sbin/unbound", "-d", "-c", conf, ready=lambda: serial(RESOLVER, first))

    # ---- the policy host ----

    def web(self, zone, text):
        """The policy that https://mta-sts.ZONE/.well-known/mta-sts.txt gives."""
        path = os.path.join(HERE, "web", zone, ".well-known", "mta-sts.txt")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", newline="") as f:
            f.write(text)

    def nginx(self, certificates, versions=None):
        """certificates: {zone: (key, chain)} for mta-sts.ZONE; versions: {address: versions of TLS}."""
        versions = versions or {WEB: "TLSv1.2 TLSv1.3"}
        # The versions of an address are those of the first server there: one that has nothing else.
        first = next(iter(certificates.values()))
        sites = "".join(f"""
    server {{
        listen {address}:443 ssl default_server;
        server_name _;
        ssl_protocols {words};
        ssl_certificate {self.keep(first[1])};
        ssl_certificate_key {self.keep(first[0])};
        return 404;
    }}""" for address, words in versions.items())
        listen = "".join(f"listen {address}:443 ssl; " for address in versions)
        sites += "".join(f"""
    server {{
        {listen}
        server_name mta-sts.{zone};
        root /mnt/web/{zone};
        ssl_certificate {self.keep(chain)};
        ssl_certificate_key {self.keep(key)};
    }}""" for zone, (key, chain) in certificates.items())
        conf = self.write("nginx.conf", f"""daemon off;
master_process off;
pid /mnt/nginx.pid;
error_log /mnt/log/nginx notice;
events {{ }}
http {{
    log_format seen '$host $request_uri $status $ssl_protocol';
    access_log /mnt/log/https seen;
    default_type text/plain;
    server_names_hash_bucket_size 128;
    client_body_temp_path /mnt/tmp; proxy_temp_path /mnt/tmp; fastcgi_temp_path /mnt/tmp;
    uwsgi_temp_path /mnt/tmp; scgi_temp_path /mnt/tmp;{sites}
}}
""")
        self.start("nginx", "/usr/sbin/nginx", "-c", conf, "-e", "/mnt/log/nginx", "-p", HERE,
                   ready=lambda: all(listens(address, 443) for address in versions))

    def fetches(self, zone):
        """How often the policy was asked for."""
        return sum(line.startswith(f"mta-sts.{zone} ") for line in self.log("https").splitlines())

    def keep(self, path):
        """A copy of a key or chain where servers can read it, below /mnt; its path there."""
        to = os.path.join(HERE, "tls", os.path.basename(path))
        shutil.copyfile(path, to)
        os.chmod(to, 0o600)
        return to

    # ---- mail servers ----

    @staticmethod
    def _boxes(users, owner):
        for user in users:
            folder = "/mnt/mail/" + user.split("@")[1]
            os.makedirs(folder, exist_ok=True)
            os.chown(folder, USERS[owner], USERS[owner])

    def postfix(self, mxs, users, settings=()):
        """One Postfix that listens at each of `mxs`, and delivers to the Maildirs of `users`."""
        for folder in ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop",
                       "private", "public", "saved", "trace", "pid"):
            os.makedirs(f"/mnt/postfix/queue/{folder}")
            if folder != "pid":
                os.chown(f"/mnt/postfix/queue/{folder}", USERS["postfix"], USERS["postdrop"])
        os.makedirs("/mnt/postfix/data")
        os.chown("/mnt/postfix/data", USERS["postfix"], USERS["postfix"])
        boxes = "".join(f"{user} {user.split('@')[1]}/{user.split('@')[0]}/\n" for user in users)
        self.write("postfix/boxes", boxes)
        self.write("postfix/main.cf", "\n".join([
            "compatibility_level = 3.6", "queue_directory = /mnt/postfix/queue", "data_directory = /mnt/postfix/data",
            "command_directory = /usr/sbin", "daemon_directory = /usr/lib/postfix/sbin", "meta_directory = /etc/postfix",
            "shlib_directory = /usr/lib/postfix", "mail_owner = postfix", "setgid_group = postdrop",
            "maillog_file = /mnt/log/maillog", "maillog_file_prefixes = /mnt", "myhostname = mx.example.net",
            "mydestination =", "mynetworks = 127.0.0.99", "inet_interfaces = all", "inet_protocols = all",
            "alias_maps =", "alias_database =", "local_recipient_maps =", "relay_domains =",
            "virtual_mailbox_domains = " + " ".join(sorted({u.split("@")[1] for u in users})),
            "virtual_mailbox_base = /mnt/mail", "virtual_mailbox_maps = texthash:/mnt/postfix/boxes",
            "virtual_uid_maps = static:890", "virtual_gid_maps = static:890", "virtual_mailbox_limit = 0",
            "message_size_limit = 20000000", "smtpd_tls_security_level = may", "smtpd_tls_loglevel = 1",
            "smtpd_tls_session_cache_database =", "local_header_rewrite_clients =", "smtpd_peername_lookup = no", "smtpd_recipient_restrictions =",
            "smtpd_relay_restrictions = reject_unauth_destination", "smtpd_client_connection_rate_limit = 0",
            "smtpd_client_connection_count_limit = 0", "smtputf8_enable = yes", "default_transport = error:not from here",
            *settings]) + "\n")
        self._boxes(users, "postfix")
        lines = []
        for mx in mxs:
            address = f"[{mx.address}]" if ":" in mx.address else mx.address
            options = ["smtpd_tls_protocols=" + mx.protocols, "smtpd_tls_mandatory_protocols=" + mx.protocols]
            options += ([f"smtpd_tls_chain_files={self.keep(mx.key)},{self.keep(mx.chain)}"] if mx.key
                        else ["smtpd_tls_security_level=none"])
            lines.append(f"{address}:25 inet n - n - - smtpd" + "".join(f" -o {o}" for o in options))
        for name, kind, wake, most, command in (
                ("pickup", "unix", 60, 1, "pickup"), ("cleanup", "unix", "-", 0, "cleanup"),
                ("qmgr", "unix", 300, 1, "qmgr"), ("tlsmgr", "unix", 1000, 1, "tlsmgr"),
                ("rewrite", "unix", "-", "-", "trivial-rewrite"), ("bounce", "unix", "-", 0, "bounce"),
                ("defer", "unix", "-", 0, "bounce"), ("trace", "unix", "-", 0, "bounce"),
                ("flush", "unix", 1000, 0, "flush"), ("error", "unix", "-", "-", "error"),
                ("retry", "unix", "-", "-", "error"), ("virtual", "unix", "-", "-", "virtual"),
                ("anvil", "unix", "-", 1, "anvil"), ("scache", "unix", "-", 1, "scache"),
                ("postlog", "unix-dgram", "-", 1, "postlogd")):
            private = "n" if name in ("pickup", "cleanup", "qmgr", "flush", "postlog") else "-"
            lines.append(f"{name} {kind} {private} {'n' if name == 'virtual' else '-'} n {wake} {most} {command}")
        self.write("postfix/master.cf", "\n".join(lines) + "\n")
        self.start("postfix", "/usr/lib/postfix/sbin/master", "-c", "/mnt/postfix", "-d", cwd="/mnt/postfix/queue",
                   ready=lambda: all(listens(mx.address, 25) for mx in mxs))

    def mail(self, user, count=1, seconds=20):
        """The messages in the mailbox of a user, oldest first, once there are this many; whatever there is then."""
        name, zone = user.split("@")
        folder = f"/mnt/mail/{zone}/{name}/new"

        def there():
            return os.path.isdir(folder) and len(os.listdir(folder)) >= count
        try:
            until("mail", there, seconds)
        except RuntimeError:
            pass
        found = [os.path.join(folder, f) for f in os.listdir(folder) if not f.endswith(".tmp")] if os.path.isdir(folder) else []
        return [open(f, "rb").read() for f in sorted(found, key=lambda f: os.stat(f).st_mtime_ns)]

    def exim(self, mxs, users):
        """One Exim. `protocols` of an Mx are GnuTLS's words."""
        def choose(words):
            out = "NORMAL"
            for mx, value in zip(mxs, words):
                out = f"${{if eq{{$received_ip_address}}{{{mx.address}}}{{{value}}}{{{out}}}}}"
            return out
        self._boxes(users, "Debian-exim")
        self.write("exim.boxes", "".join(f"{u}: /mnt/mail/{u.split('@')[1]}/{u.split('@')[0]}\n" for u in users))
        for mx in mxs:
            os.chown(self.keep(mx.key), USERS["Debian-exim"], 0)
            os.chown(self.keep(mx.chain), USERS["Debian-exim"], 0)
        os.makedirs("/mnt/exim")
        os.chown("/mnt/exim", USERS["Debian-exim"], USERS["Debian-exim"])
        conf = self.write("exim.conf", f"""
primary_hostname = exim.example.net
exim_path = /usr/sbin/exim4
spool_directory = /mnt/exim
log_file_path = /mnt/exim/%slog
local_interfaces = {" ; ".join("<; " * (n == 0) + mx.address for n, mx in enumerate(mxs))}
keep_environment =
host_lookup =
rfc1413_query_timeout = 0s
tls_advertise_hosts = *
smtputf8_advertise_hosts = *
tls_certificate = {choose(self.keep(mx.chain) for mx in mxs)}
tls_privatekey = {choose(self.keep(mx.key) for mx in mxs)}
tls_require_ciphers = {choose(mx.protocols for mx in mxs)}
domainlist ours = {" : ".join(sorted({u.split("@")[1] for u in users}))}
acl_smtp_rcpt = rcpt
acl_smtp_data = data
begin acl
rcpt:
  require domains = +ours
          verify = recipient
  accept
data:
  accept
begin routers
boxes:
  driver = accept
  domains = +ours
  condition = ${{lookup{{$local_part@$domain}}lsearch{{/mnt/exim.boxes}}{{yes}}{{no}}}}
  transport = maildir
begin transports
maildir:
  driver = appendfile
  maildir_format
  directory = ${{lookup{{$local_part@$domain}}lsearch{{/mnt/exim.boxes}}}}
  user = Debian-exim
  group = Debian-exim
""")
        os.chmod(conf, 0o644)
        self.start("exim", "/usr/sbin/exim4", "-bdf", ready=lambda: all(listens(mx.address, 25) for mx in mxs))

    def opensmtpd(self, mxs, users):
        """One OpenSMTPD, in clear: Debian 12's has keys that its OpenSSL refuses, for any client."""
        here = os.open(lab.ROOT, os.O_PATH)
        run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={SERVERS}/var:/var", "/var")
        run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/var/spool")
        if lab.ROOT.startswith("/var/"):
            run("mount", "--bind", f"/proc/self/fd/{here}", lab.ROOT, pass_fds=[here])
        os.close(here)
        self._boxes(users, "vmail")
        lines = ["table boxes { " + ", ".join(f'"{u}" = "vmail"' for u in users) + " }"]
        lines += [f"listen on {mx.address} hostname smtpd.example.net" for mx in mxs]
        lines += ['action "box" maildir "/mnt/mail/%{rcpt.domain}/%{rcpt.user}" virtual <boxes>']
        lines += [f'match from any for domain "{d}" action "box"' for d in sorted({u.split("@")[1] for u in users})]
        conf = self.write("smtpd.conf", "\n".join(lines) + "\n")
        os.chmod(conf, 0o644)
        self.start("opensmtpd", "/usr/sbin/smtpd", "-d", "-f", conf,
                   ready=lambda: all(listens(mx.address, 25) for mx in mxs))

    def aiosmtpd(self, mx, users):
        """aiosmtpd, in this process."""
        import ssl
        from aiosmtpd.controller import Controller
        self._boxes(users, "vmail")

        class Handler:
            async def handle_RCPT(self, server, session, envelope, address, options):
                if address not in users:
                    return "550 5.1.1 no such mailbox"
                envelope.rcpt_tos.append(address)
                return "250 2.1.5 Ok"

            async def handle_DATA(self, server, session, envelope):
                for address in envelope.rcpt_tos:
                    name, zone = address.split("@")
                    folder = f"/mnt/mail/{zone}/{name}/new"
                    os.makedirs(folder, exist_ok=True)
                    new = f"{folder}/{time.monotonic_ns()}"
                    with open(new + ".tmp", "wb") as f:
                        f.write(f"Return-Path: <{envelope.mail_from}>\n".encode() + envelope.content.replace(b"\r\n", b"\n"))
                    os.rename(new + ".tmp", new)
                return "250 2.0.0 taken"

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(mx.chain, mx.key)
        controller = Controller(Handler(), hostname=mx.address, port=25, tls_context=context, require_starttls=True,
                                enable_SMTPUTF8=True, data_size_limit=20000000)
        controller.start()
        self.controller = controller
