#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs test programs and counts.

    tests/run.py SUITE RESULTS_DIR [--jobs N] [--timeout S] COMMAND...

Each COMMAND is one shell word list. What a program printed is shown if it failed. Counts come from cmocka's lines, or
from a last line "...: N passed, N failed"; a program that ends badly without a failed test counts as one. The counts
go to RESULTS_DIR/SUITE; the exit status is 0, so that every suite runs: tests/tally.py gives the verdict.
"""
import argparse
import concurrent.futures
import os
import re
import shlex
import subprocess
import sys
import time

OK = re.compile(r"^\[ +OK +\] ", re.M)
LINE = re.compile(r"(\d+) passed, (\d+) failed")
LEFT_OUT = re.compile(r"^\S+: .*?(\d+) left out.*$", re.M)  # told of a program that passed, too


def count(text, status):
    lines = LINE.findall(text)
    if lines:
        good, bad = map(int, lines[-1])
    else:
        good, bad = len(OK.findall(text)), len({m for m in re.findall(r"^\[ +FAILED +\] (\w+)$", text, re.M)})
    if status != 0 and bad == 0:
        bad = 1
    if good + bad == 0:
        bad = 1  # a program that tests nothing is no test
    return good, bad


def run(command, timeout):
    start = time.monotonic()
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="STDOUT", PYTHONDONTWRITEBYTECODE="1")
    try:
        done = subprocess.run(shlex.split(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=timeout, env=env)
        text, status = done.stdout.decode(errors="replace"), done.returncode
    except subprocess.TimeoutExpired as late:
        text, status = (late.stdout or b"").decode(errors="replace") + f"\nno end after {timeout} s\n", 1
    return command, text, status, time.monotonic() - start


def main():
    p = argparse.ArgumentParser()
    p.add_argument("suite")
    p.add_argument("results")
    p.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    p.add_argument("--timeout", type=float, default=900)
    p.add_argument("commands", nargs="+")
    a = p.parse_args()
    total = [0, 0]
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        for command, text, status, took in pool.map(lambda c: run(c, a.timeout), a.commands):
            good, bad = count(text, status)
            total[0] += good
            total[1] += bad
            words = [w for w in shlex.split(command) if not w.endswith("python3")]
            name = " ".join(os.path.basename(w) for w in words[:2])
            if bad:
                print(text if len(text) < 20000 else text[:4000] + "\n...\n" + text[-16000:])
            else:
                print("".join(m[0] + "\n" for m in LEFT_OUT.finditer(text)), end="")
            print(f"{a.suite}: {name}: {good} passed, {bad} failed ({took:.1f} s)", flush=True)
    os.makedirs(a.results, exist_ok=True)
    with open(os.path.join(a.results, a.suite), "w") as f:
        f.write(f"{total[0]} {total[1]}\n")
    return 0


sys.exit(main())
