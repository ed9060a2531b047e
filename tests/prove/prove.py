#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Proofs of the absence of run-time errors in the functions that touch octets from the network or the flash.

NAME.c in this folder is about the source of the same name, which it includes. By WP (Z3 and CVC4): it states what each
function needs and promises. By Eva: its function prove() calls the source with any octets in any state that the
invariant allows, and asserts that this holds again. A function that is reached there without an alarm is proved; behind
an alarm in another Eva goes on as if it could not happen, so beside an open function that is what the proof rests on.
What takes many octets in a loop is shown one: each turn finds the state that the turn before left. That a run of octets
taken at once (a body in http.c, a record in gate.c) is no longer than what is there is not seen by that.
Fails where a proof is lost, and where a function of a source in SOURCES is neither proved nor in OPEN with the reason.
"""
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
WORK = os.path.join(ROOT, "build", "prove")

SOURCES = ("core/dns.c core/record.c core/policy.c core/reply.c core/http.c core/smtp.c core/host.c core/text.c core/utf8.c "
           "core/match.c core/mailbox.c core/flash_log.c core/queue_entry.c core/cache.c "
           "core/stream.c core/resolver.c core/flash_space.c core/flash_store.c port/wolfssl/pem.c port/wolfssl/trust_pem.c "
           "port/wolfssl/root.c port/wolfssl/trust_table.c "
           "port/wolfssl/der.c port/wolfssl/identity.c port/wolfssl/gate.c port/wolfssl/table.c").split()

WP = {
    "utf8": "first sts_utf8_next",
    "match": "is_wildcard sts_match sts_pattern_valid",
    "mailbox": "class_of literal sts_mailbox_parse",
}
# For a harness that makes one step, and for one that loops.
STEP = ("-eva-slevel 3000 -eva-split-limit 300 -eva-min-loop-unroll 4 -eva-interprocedural-splits "
        "-eva-split-return auto").split()
LOOP = "-eva-precision 2".split()
EVA = "reply record policy gate http host".split()

# By source: functions, and why they have no proof. "*" is all the others of that source.
LENGTHS = ("its lengths hang on each other, which Eva does not follow; the contracts for WP are not finished, and "
           "Z3 and CVC4 leave goals open")
READS = ("Eva does not keep apart a read that gave its octets and one that failed, so that each looks at what may not "
         "be there")
OPEN = {
    "match": {"sts_policy_match": "walks over strings one behind another: needs an inductive predicate"},
    "mailbox": {"local_part": "WP loses that a table's entry is a state, after a write through a bool pointer"},
    "http": {"status_octet value_begins name_octet value_octet value_ends":
             "the place in a text is bounded by what was compared so far, octet by octet: a relation that Eva does not keep",
             "sts_http_request": "no octets from outside: what it writes is our own"},
    "host": {"sts_host_start known sts_host_poll sts_host_stop": "no octets from outside: slots of the resolver"},
    "policy": {"sts_mode_name write_line sts_policy_write sts_policy_mx": "strings one behind another, as in sts_policy_match()"},
    "text": {"*": "taken along by Eva where reply.c and others call it, not proved for all callers: " + LENGTHS},
    "dns": {"*": LENGTHS},
    "der": {"*": "ranges of pointers: " + LENGTHS},
    "identity": {"*": "ranges of pointers: " + LENGTHS},
    "table": {"*": "offsets are checked once, when it is opened, and believed later: needs an invariant over all entries"},
    "smtp": {"*": "not tried yet: its octets come through reply.c; what is left are lists of recipients of any length"},
    "flash_log": {"*": "not tried yet: needs a model of a flash of any size"},
    **{name: {"*": "not tried yet"} for name in
       "stream resolver flash_space flash_store pem trust_pem root trust_table".split()},
    "queue_entry": {"*": READS},
    "cache": {"*": READS},
}


def run(cwd, *command):
    env = dict(os.environ, PWD=cwd, WHY3CONFIG=os.path.join(WORK, "why3.conf"), HOME=WORK)
    return subprocess.run(command, cwd=cwd, env=env, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False).stdout


def functions_of(source):
    """Name -> first and last line."""
    found = {}
    with open(os.path.join(ROOT, source), encoding="utf-8") as f:
        text = f.read()
    for m in re.finditer(r"^(?![#/ }]|typedef)[\w][\w \*]*?\b(\w+)\([^;{}]*\)\n\{\n.*?^\}", text, re.M | re.S):
        found[m[1]] = (text.count("\n", 0, m.start()) + 1, text.count("\n", 0, m.end()) + 1)
    return found


def wp(name, functions):
    """Functions that are proved, functions that should be and are not, what to say."""
    said = run(HERE, "frama-c", "-instantiate", "-cpp-extra-args=-I. -I../../include -I../.. -I../../port/wolfssl",
               name + ".c", "-then", "-wp", "-wp-fct", ",".join(functions), "-wp-rte", "-wp-prover", "z3,cvc4",
               "-wp-timeout", "10", "-wp-par", "2")
    count = re.search(r"Proved goals: +(\d+) / (\d+)", said)
    if not count:
        sys.exit(said + "prove: frama-c gave no result for " + name)
    failed = set()
    for goal in re.findall(r"\[(?:Failed|Timeout|Unknown|Unsuccess)\w*\] (?:Goal )?typed_(\w+)", said):
        failed.add(max((f for f in functions if goal.startswith(f + "_")), key=len))
    if count[1] != count[2] and not failed:
        failed = set(functions)
    return set(functions) - failed, failed, f"WP, {count[1]} of {count[2]} goals"


def eva(name, source, functions, allowed):
    """The same by Eva. An alarm stands in a function that may have one, or the proof is lost."""
    said = run(ROOT, "frama-c", "-eva", "-main", "prove", "-cpp-extra-args=-Iinclude -I. -Iport/wolfssl",
               *(LOOP if name == "policy" else STEP), "-eva-no-print",
               "-eva-msg-key=-initial-state,-final-states", f"tests/prove/{name}.c",
               "-then", "-metrics", "-metrics-eva-cover")
    alarms = [(os.path.relpath(os.path.join(ROOT, at), ROOT), int(line)) for at, line in
              re.findall(r"\[eva:alarm\] (\S+?):(\d+):", said)]
    counted = re.search(r"(\d+) alarms? generated by the analysis", said)
    reached = set(re.findall(r"^ +(\w+): [1-9]\d* stmts out of", said, re.M))
    if not counted or "ERROR" in said or "User Error" in said or not reached:
        sys.exit(said + "prove: frama-c gave no result for " + name)
    failed, open_here = set(), set()
    for at, line in alarms:
        own = [f for f, (a, b) in functions.items() if at == source and a <= line <= b]
        if own and own[0] in allowed:
            open_here.add(own[0])
        else:
            failed.add(own[0] if own else f"{at}:{line}")
    return (reached & set(functions)) - failed - open_here, failed, f"Eva, {len(alarms)} alarms"


def reason_of(name, function):
    for names, reason in OPEN.get(name, {}).items():
        if function in names.split():
            return reason
    return None


def judge(source):
    """Prints a source's part of the table; number of functions, of those proved, of faults."""
    name = os.path.splitext(os.path.basename(source))[0]
    functions = functions_of(source)
    proved, lost, how = set(), set(), "-"
    if name in WP:
        proved, lost, how = wp(name, WP[name].split())
    elif name in EVA:
        proved, lost, how = eva(name, source, functions, [f for f in functions if reason_of(name, f)])
    print(f"{source}: {len(functions)} functions, {len(proved)} proved ({how})", flush=True)
    for function in sorted(lost):
        print(f"  LOST: {function}")
    faults = len(lost)
    rest = OPEN.get(name, {}).get("*")
    for function in functions:
        reason = reason_of(name, function)
        if function in proved and reason:
            print(f"  {function} is proved: take it out of OPEN")
        elif function not in proved and reason:
            print(f"  open: {function}: {reason}")
        elif function not in proved and function not in lost and not rest:
            print(f"  {function} is neither proved nor in OPEN")
            faults += 1
    if rest and len(proved) < len(functions):
        print(f"  open, all the others: {rest}")
    return len(functions), len(proved), faults


def main():
    os.makedirs(WORK, exist_ok=True)
    run(HERE, "why3", "config", "detect")
    total = [0, 0, 0]
    for source in SOURCES:
        if not sys.argv[1:] or os.path.basename(source)[:-2] in sys.argv[1:]:
            total = [a + b for a, b in zip(total, judge(source))]
    print(f"functions that touch such octets: {total[0]}, proved {total[1]}, not {total[0] - total[1]} (reasons above); "
          f"faults: {total[2]}")
    return total[2] != 0


if __name__ == "__main__":
    sys.exit(main())
