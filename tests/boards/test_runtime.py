#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What an image does at its start, and with too little of something: the time by SNTP, a lease, IPv6, no resolver, a small pool.

    test_runtime.py BOARD [WORD...]     only scenarios whose name has all words
"""
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "interop"))
sys.path.insert(0, HERE)

import lab

lab.enter()

import device
import evil
import net_servers
import stage

BOARD, WORDS = sys.argv[1], sys.argv[2:]
lab.scratch = lambda name, own=lab.scratch: own(os.path.join(BOARD, name))  # both boards may run at once
SMALL = BOARD == "lm3s6965evb"  # built without DHCP and IPv6
DNS, NTP = "10.53.0.1", "10.53.0.2"
WHO = ("--from", "a@example.com", "--hostname", "device.example.com", "--subject", "UPS 7", "--body", "X-Secret-Mark line")
ADDRESS = ("--ip", device.DEVICE + "/24", "--gateway", device.HOST)
BUILT = 1793491200  # boards/common-arm/clock.c
DAY = 86400


def image(name, roots=None, variant="", **defs):
    """An image with other settings; those of the TLS pool need no other objects, the rest a variant."""
    elf = os.path.join(lab.BUILD, BOARD + variant, f"runtime-{name}.elf")
    subprocess.run(["make", "-s", "-C", lab.ROOT, f"BOARD={BOARD}", f"CA={roots or stage.pki()['ca'].file}", f"ELF={elf}",
                    f"VARIANT={variant}",
                    "DEFS=" + " ".join(f"-D{k}={v}" for k, v in defs.items()), "firmware"], check=True, stdout=subprocess.DEVNULL)
    return elf


IMAGE = {}


def send(*args, elf=None, to=("ops@" + stage.DOMAIN,), clock=False, timeout=60, **more):
    return device.run_as_is(BOARD, elf or IMAGE["elf"], "send", *WHO, "--json", *args, *to, clock=clock, timeout=timeout, **more)


def said(r, *words):
    """The sentences of the UART, and what of the words is not in them."""
    lines = [line for line in r.stdout.splitlines() if line.startswith("stsmail: ")]
    return [f"{w!r} is not said: {lines}" for w in words if not any(w in line for line in lines)]


def kept(s, r, reason, status=75):
    """Nothing was lost, nothing went out in clear, and the result says why."""
    o = stage.one(r)
    wrong = [] if (o["result"], o["reason"], r.status) == ("deferred", reason, status) else [repr(r)]
    return wrong + (["something was sent"] if s and (s.taken or s.wire()) else [])


def delivered(s, r, **want):
    return stage.judge(s, r, True, result="delivered", verified=True, **want)


# ---- time ------------------------------------------------------------------------------------------

def no_clock():
    """C01, C11: nobody says what time it is."""
    with stage.Stage() as s:
        r = send(*ADDRESS, "--dns", DNS)
        return kept(s, r, "clock") + said(r, "the clock is not set: nobody was asked") + \
            (["it waited"] if r.took > 10 else []) + (["TLS was tried"] if s.web.connections else [])


def sntp():
    with stage.Stage() as s, net_servers.SNTP(NTP) as clock:
        r = send(*ADDRESS, "--dns", DNS, "--sntp", NTP)
        text = s.taken[0][2].decode() if s.taken else ""
        today = time.strftime("%d %b %Y", time.gmtime())
        nonces = {p[40:48] for p in clock.asked}
        return delivered(s, r) + ([] if f"Date: {time.strftime('%a', time.gmtime())}, {today}" in text else [f"no Date of {today}"]) + \
            ([] if nonces and all(abs(int.from_bytes(n[:4], "big") - net_servers.NTP_1970 - time.time()) > DAY for n in nonces)
             else ["the question tells our time, or nothing"])


def sntp_late():
    """The first question is lost: the next comes after 15 s."""
    with stage.Stage() as s, net_servers.SNTP(NTP, drop=1) as clock:
        r = send(*ADDRESS, "--dns", DNS, "--sntp", NTP)
        return delivered(s, r) + ([] if len(clock.asked) == 2 else [f"{len(clock.asked)} questions"])


def sntp_absent():
    with stage.Stage() as s:
        r = send(*ADDRESS, "--dns", DNS, "--sntp", NTP, "--timeout", "3")
        return kept(s, r, "clock") + said(r, "no answer from SNTP within 3 s")


def sntp_says(seconds, *words):
    """C02: refused, whoever says it. Also the era of 2036 and an answer of before 1970 (C06)."""
    def scenario():
        with stage.Stage() as s, net_servers.SNTP(NTP, now=lambda: seconds):
            r = send(*ADDRESS, "--dns", DNS, "--sntp", NTP)
            return kept(s, r, "clock") + said(r, *words) + (["it waited"] if r.took > 10 else [])
    return scenario


def sntp_jump():
    """C04, C06: a time of 2040 is taken, checks certificates, and finds them all expired; nothing is lost."""
    with stage.Stage() as s, net_servers.SNTP(NTP, now=lambda: 2208988800):
        r = send(*ADDRESS, "--dns", DNS, "--sntp", NTP, "--floor", "verified")
        return kept(s, r, "certificate-expired")


def sntp_forged():
    """An answer that does not repeat our timestamp is none; a true one behind it counts."""
    forge = [(time.time(), b"\0" * 8), (time.time(), b"12345678")]
    with stage.Stage() as s, net_servers.SNTP(NTP, now=None, forge=forge):
        wrong = kept(s, send(*ADDRESS, "--dns", DNS, "--sntp", NTP, "--timeout", "3"), "clock")
    with stage.Stage() as s, net_servers.SNTP(NTP, forge=forge):
        return wrong + delivered(s, send(*ADDRESS, "--dns", DNS, "--sntp", NTP))


def kiss_of_death():
    with stage.Stage() as s, net_servers.SNTP(NTP, stratum=0):
        return kept(s, send(*ADDRESS, "--dns", DNS, "--sntp", NTP, "--timeout", "3"), "clock")


# ---- addresses -------------------------------------------------------------------------------------

def with_dhcp():
    return image("dhcp", variant="-dhcp", BOARD_DHCP=1) if SMALL else IMAGE["elf"]


def ram(elf):
    """Bytes of .data, .bss and the stack, as the linker has them."""
    done = subprocess.run(["arm-none-eabi-size", "-A", elf], check=True, capture_output=True, text=True)
    sizes = dict(line.split()[:2] for line in done.stdout.splitlines() if line.startswith("."))
    return sum(int(sizes.get(n, 0)) for n in (".data", ".bss", ".stack"))


def forty_kilobytes():
    """Everything in 40 KB of RAM, with DHCP too."""
    return [f"{name}: {n} bytes" for name, n in (("as it is", ram(IMAGE["elf"])), ("with DHCP", ram(with_dhcp()))) if n > 40960]


def lease():
    """Address, name servers and the time's server, all from DHCP."""
    with stage.Stage() as s, net_servers.SNTP(NTP) as clock, \
            net_servers.DHCP("tap0", device.DEVICE, device.HOST, dns=[DNS, "10.53.0.77"], ntp=[NTP]) as dhcp:
        r = send("--ip", "dhcp", elf=with_dhcp())
        asked = [] if {6, 42, 3, 1} <= set(dhcp.requested) else [f"asked for {list(dhcp.requested)}"]
        return delivered(s, r) + asked + ([] if clock.asked else ["SNTP was not asked"])


def lease_absent():
    with stage.Stage() as s, net_servers.DHCP("tap0", device.DEVICE, device.HOST, silent=True):
        r = send("--ip", "dhcp", "--timeout", "4", clock=True)
        return kept(s, r, "connect") + said(r, "no lease from DHCP within 4 s")


def lease_without_dns():
    with stage.Stage() as s, net_servers.DHCP("tap0", device.DEVICE, device.HOST):
        r = send("--ip", "dhcp", clock=True)
        return kept(s, r, "dns", 78) + said(r, "0 DNS servers, and 1 is needed")


def lease_malicious():
    """D38: the resolver that DHCP names lies about the MX. Under a floor nothing goes to it; nothing is lost."""
    liar = evil.SMTP(evil.tls_context(*stage.pki()["ca"].issue("mx.attacker.example")))
    zone = {(stage.DOMAIN, "MX"): [(10, "mx.attacker.example")], ("mx.attacker.example", "A"): ["127.0.0.10"],
            ("_mta-sts." + stage.DOMAIN, "TXT"): "gone", (stage.HOST, "A"): "gone"}
    with stage.Stage(mx=liar, zone=zone) as s, net_servers.DHCP("tap0", device.DEVICE, device.HOST, dns=[DNS]):
        r = send("--ip", "dhcp", "--floor", "policy", clock=True)
        return kept(s, r, "policy-required")


def built_without(what, *args):
    def scenario():
        with stage.Stage() as s:
            r = send(*args, "--dns", DNS, clock=True)
            return kept(s, r, "configuration", 78) + said(r, f"built without {what}")
    return scenario


class World6:
    """The same servers, with IPv6 addresses alone."""

    dns = None

    def __init__(self):
        zone = {(stage.DOMAIN, "MX"): [(10, stage.MX)], (stage.MX, "AAAA"): ["fd00::10"], (stage.HOST, "AAAA"): ["fd00::20"],
                ("_mta-sts." + stage.DOMAIN, "TXT"): ["v=STSv1; id=1;"]}
        if not World6.dns:
            World6.dns = evil.DNS(zone, "fd00::1")
        self.mx = evil.SMTP(stage.context(stage.MX))
        self.second = None
        self.servers = [evil.Server(self.mx, "fd00::10", 25)]
        self.web = evil.Server(evil.https(stage.context(stage.HOST), evil.ok(evil.policy("enforce", [stage.MX]))), "fd00::20", 443)

    taken, wire = stage.Stage.taken, stage.Stage.wire

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for s in (*self.servers, self.web):
            s.close()


def ipv6_given():
    with World6() as s, net_servers.SNTP("fd00::2"):
        r = send("--ip6", "fd01::2/64", "--gateway", "fd01::1", "--dns", "[fd00::1]:53", "--sntp", "fd00::2")
        return delivered(s, r, source="fetched") + ([] if stage.one(r)["attempts"][0:1] and
                                                     stage.one(r)["attempts"][0]["address"] == "fd00::10" else ["not over IPv6"])


def ipv6_announced():
    """Address and name server from router advertisements."""
    with World6() as s, net_servers.Router("tap0", "fd01::", ["fd00::1"]):
        return delivered(s, send("--ip6", "auto", clock=True), source="fetched")


def ipv6_absent():
    with World6() as s:
        r = send("--ip6", "auto", "--timeout", "4", clock=True)
        return kept(s, r, "connect") + said(r, "no router announced an IPv6 prefix within 4 s")


def both_families():
    """An MX with both addresses, of which only the IPv4 one answers."""
    with stage.Stage(zone={(stage.MX, "AAAA"): ["fd00::66"]}) as s:
        return delivered(s, send(*ADDRESS, "--ip6", "fd01::2/64", "--gateway", "fd01::1", "--dns", DNS, clock=True))


# ---- too little ------------------------------------------------------------------------------------

def no_resolver():
    with stage.Stage() as s:
        r = send(*ADDRESS, clock=True)
        return kept(s, r, "dns", 78) + said(r, "0 DNS servers, and 1 is needed")


def no_roots():
    empty = os.path.join(lab.scratch("empty"), "none.pem")
    open(empty, "w").close()
    with stage.Stage() as s:
        r = send(*ADDRESS, "--dns", DNS, clock=True, elf=image("bare", empty))
        return kept(s, r, "configuration", 78) + said(r, "0 trust anchors, and 1 is needed")


def missing(r):
    """The bytes that the UART says are missing."""
    found = [line for line in r.stdout.splitlines() if line.startswith("stsmail: the TLS pool is too small")]
    digits = "".join(c if c.isdigit() else " " for c in found[0]).split() if len(found) == 1 else []
    return int(digits[0]) if digits else 0


def two_domains(floor, elf):
    """One after the other: whatever the first left behind, the second would meet."""
    zone = {("example.net", "MX"): [(10, "mx2.example.org")], ("mx2.example.org", "A"): ["127.0.0.11"]}
    with stage.Stage(zone=zone) as s:
        second = evil.Server(evil.SMTP(stage.context("mx2.example.org")), "127.0.0.11", 25)
        r = send(*ADDRESS, "--dns", DNS, *floor, clock=True, elf=elf, to=("ops@example.org", "ops@example.net"), timeout=40)
        wire = bool(s.wire() or evil.wire([second], (b"X-Secret-Mark",)))
        second.close()
        return r, wire


def pools():
    """From nearly nothing to enough: delivered, or put off by "memory" with the number that is missing; nothing in between, nothing in
    clear, nothing left in the pool; and once it is enough it stays enough."""
    wrong, enough = [], []
    for size in (2000, 4096, 6000, 9000, 11000, 12000, 13000, 14000, 16000, 18000):
        r, wire = two_domains(("--floor", "verified"), image("pool", BOARD_POOL=size))
        got = {(o["result"], o["reason"]) for o in r.json}
        fine = len(r.json) == 2 and len(got) == 1 and not wire and got <= {("delivered", None), ("deferred", "memory")}
        if got == {("deferred", "memory")}:
            fine = fine and r.status == 75 and missing(r) > 0
            fine = fine and (size < 4096 or r.notes["TLS pool, requests refused"] > 0)
        else:
            enough.append(size)
            fine = fine and r.status == 0 and not missing(r) and r.notes["TLS pool, requests refused"] == 0
        if not fine or (enough and got != {("delivered", None)}) or r.notes.get("TLS pool, in use at the end", 0) != 0:
            wrong.append(f"pool {size}: {r!r}")
    return wrong + ([] if enough and enough[0] > 6000 else [f"enough: {enough}"])


def pool_never_clear():
    """A policy that cannot be fetched for want of memory is no reason to send in clear."""
    with stage.Stage() as s:
        r = send(*ADDRESS, "--dns", DNS, clock=True, elf=image("pool", BOARD_POOL=8000))
        return kept(s, r, "memory")


def pool_number():
    """The number is of use: a pool larger by what is missing gets further, and after a few such steps far enough."""
    size = 9000
    for _ in range(12):
        r, _ = two_domains(("--floor", "verified"), image("pool", BOARD_POOL=size))
        if r.status == 0:
            return []
        if not 0 < missing(r) < 8000:
            return [repr(r)]
        size += missing(r)
    return [f"still too small: {size}"]


# ---- the rest --------------------------------------------------------------------------------------

def watchdog():
    """The owner's function is called all the time: around each poll, in each turn of the loop, and within the steps of TLS. How
    long it can be silent says stsmail/wolfssl.h: here the clock is the wall's."""
    with stage.Stage() as s:
        r = send(*ADDRESS, "--dns", DNS, clock=True)
        calls, gap, polls = (r.notes[n] for n in ("watchdog, calls", "watchdog, longest gap", "polls"))
        return delivered(s, r) + ([] if calls > 3 * polls + 700 and 0 < gap < 10000000 else [f"{calls} calls, {polls} polls, gap {gap}"])


def policy_given():
    """--policy: holds from the first contact; the record is not even asked for."""
    file = os.path.join(lab.scratch("policy"), "policy.txt")
    with open(file, "w") as f:
        f.write(evil.policy("enforce", [stage.MX]))
    with stage.Stage(mode=None) as s:
        r = send(*ADDRESS, "--dns", DNS, "--policy", f"{stage.DOMAIN}={file}", "--to", "duty@example.org", clock=True)
        text = s.taken[0][2].decode() if s.taken else ""
        return delivered(s, r, source="provisioned", mode="enforce", match=True) + \
            ([] if "To: duty@example.org\r\n" in text else ["no To"]) + \
            (["the record was asked for"] if any(n.startswith("_mta-sts") for n, _ in s.dns.questions) else [])


def policy_bad():
    file = os.path.join(lab.scratch("policy"), "bad.txt")
    with open(file, "w") as f:
        f.write("version: STSv1\r\nmode: maybe\r\n")
    with stage.Stage(mode=None) as s:
        r = send(*ADDRESS, "--dns", DNS, "--policy", f"{stage.DOMAIN}={file}", clock=True)
        return ([] if r.status == 65 and stage.one(r)["result"] == "deferred" else [repr(r)]) + said(r, "no valid policy", "bad.txt")


def no_heap():
    """An image that asks for a heap, or for stdio's, does not link, and the linker says so."""
    folder, wrong = lab.scratch("heap"), []
    for name, word in (("malloc", "there is no heap"), ("sbrk", "there is no heap"), ("printf", "there is no stdio")):
        source, obj = (os.path.join(folder, name + end) for end in (".c", ".o"))
        with open(source, "w") as f:
            f.write(f'extern int {name}();\nextern int (*const asks)();\n__attribute__((section(".vectors"), used)) int (*const asks)() = {name};\n')
        subprocess.run(["arm-none-eabi-gcc", "-mcpu=cortex-m3", "-mthumb", "-fno-builtin", "-c", source, "-o", obj], check=True)
        done = subprocess.run(["make", "-s", "-C", lab.ROOT, f"BOARD={BOARD}", f"CA={stage.pki()['ca'].file}", f"BOARD_MORE={obj}",
                               f"ELF={os.path.join(lab.BUILD, BOARD, 'runtime-heap.elf')}", "firmware"], capture_output=True, text=True)
        if done.returncode == 0 or word not in done.stderr:
            wrong.append(f"{name}: {done.returncode} {done.stderr[-500:]}")
    return wrong


def no_policies():
    r = send(*ADDRESS, "--dns", DNS, "--policy", "example.org=x", clock=True)
    return [] if r.status == 64 and "--policy" in r.stdout else [repr(r)]


SCENARIOS = {
    "C01 C11 no clock": no_clock,
    "SNTP sets the clock": sntp,
    "SNTP, the first question lost": sntp_late,
    "SNTP does not answer": sntp_absent,
    "C02 SNTP says 2026-10-31": sntp_says(BUILT - DAY, "before this image was built"),
    "C02 SNTP says 1999": sntp_says(946684799, "before this image was built"),
    "C06 SNTP says 1970": sntp_says(0, "before this image was built"),
    "C04 C06 SNTP says 2040": sntp_jump,
    "SNTP answers are forged": sntp_forged,
    "SNTP says: go away": kiss_of_death,
    "no resolver": no_resolver,
    "no roots": no_roots,
    "pools of all sizes": pools,
    "a small pool sends nothing in clear": pool_never_clear,
    "the number that is missing": pool_number,
    "watchdog": watchdog,
    "no heap": no_heap,
}
SCENARIOS.update({
    "40 KB of RAM": forty_kilobytes,
    "no room for policies": no_policies,
    "DHCP gives all, where it is built in": lease,
    "DHCP on an image without": built_without("DHCP", "--ip", "dhcp"),
} if SMALL else {
    "DHCP gives all": lease,
    "DHCP does not answer": lease_absent,
    "DHCP gives no resolver": lease_without_dns,
    "D38 DHCP gives a malicious resolver": lease_malicious,
    "IPv6 alone, given": ipv6_given,
    "IPv6 alone, announced": ipv6_announced,
    "IPv6 without a router": ipv6_absent,
    "both families": both_families,
    "a policy that is given": policy_given,
    "a policy that is none": policy_bad,
})


def main():
    tally = lab.Tally("boards-runtime " + BOARD)
    device.network()
    for line in ("-6 addr add fd01::1/64 dev tap0 nodad",):
        subprocess.run(["ip", *line.split()], check=True)
    device.at_a_distance()
    IMAGE["elf"] = image("test")
    for name, scenario in SCENARIOS.items():
        if all(w in name for w in WORDS):
            wrong = scenario()
            tally.check(f"{BOARD}: {name}", not wrong, "; ".join(wrong))
    tally.end()


main()
