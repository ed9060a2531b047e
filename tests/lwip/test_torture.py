#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""L05: lwIP's pools run out, at each allocation of a delivery in turn, for one allocation and for a while. It is delivered all
the same, or put off with a reason; never anything else, and within its time.

    test_torture.py [EVERY]     only each EVERYth allocation
"""
import re
import sys

import tap

tap.enter()

from stage import MX, Stage, context, judge  # noqa: E402

import evil  # noqa: E402
import lab  # noqa: E402

t = lab.Tally("torture")
every = int(sys.argv[1]) if len(sys.argv) > 1 else 1
LATER = {None, "dns", "connect", "timeout", "closed", "validation-failure"}


def one(at, how_many):
    with Stage(mx=evil.SMTP(context(MX))) as s:
        r = s.send("--timeout", "5", env={"FAIL_AT": str(at), "FAIL_FOR": str(how_many)})
        wrong = judge(s, r, True, result={"delivered", "deferred"}, reason=LATER, took=20)
        t.check(f"L05 allocations {at} to {at + how_many - 1}", not wrong, f"{wrong}\n{r}")
        return r


r = one(0, 1)
total = int(re.search(r"allocations: (\d+)", r.stderr)[1])
t.check("with all its pools it is delivered", r.status == 0 and total > 50, r)
for at in range(1, total + 1, every):
    one(at, 1)
for at in range(1, total + 1, every * 4):
    one(at, 20)
one(total // 2, 1 << 30)
t.end()
