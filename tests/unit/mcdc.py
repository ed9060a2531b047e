#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Prints what clang counted: lines, branches and MC/DC of each file of core/, and where a condition was never shown to decide.

    mcdc.py PROFDATA PROGRAM..."""
import json
import os
import subprocess
import sys

out = subprocess.run(["llvm-cov-19", "export", "-instr-profile", sys.argv[1], sys.argv[2],
                      *[x for p in sys.argv[3:] for x in ("-object", p)]], capture_output=True, check=True).stdout
root = os.getcwd() + "/"
total = [0, 0]
print(f"{'file':24} {'lines':>8} {'branches':>9} {'MC/DC':>8}  conditions not shown")
for file in sorted(json.loads(out)["data"][0]["files"], key=lambda f: f["filename"]):
    name = file["filename"].removeprefix(root)
    if not name.startswith("core/"):
        continue
    s = file["summary"]
    m = s["mcdc"]
    total[0] += m["covered"]
    total[1] += m["count"]
    missing = []
    for record in file.get("mcdc_records", ()):
        shown = record[-1]
        if isinstance(shown, list) and not all(shown):
            missing.append(f"{record[0]}:{','.join(str(i + 1) for i, ok in enumerate(shown) if not ok)}")
    print(f"{name:24} {s['lines']['percent']:7.1f}% {s['branches']['percent']:8.1f}% {m['percent']:7.1f}%  {' '.join(missing[:12])}"
          + (" ..." if len(missing) > 12 else ""))
print(f"MC/DC of core/: {total[0]} of {total[1]} conditions, {100.0 * total[0] / max(total[1], 1):.2f} %")
