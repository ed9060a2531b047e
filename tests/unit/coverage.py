#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Line and branch coverage of the core, a row a file, with the lines that lack something.

    coverage.py OBJECT_DIR ACCEPTED

ACCEPTED (tests/unit/coverage.md) has a row `| file | function | why |` for each place that no test reaches. A gap in
another function is a failure, and so is a row whose gap is closed.
"""
import collections
import json
import re
import subprocess
import sys

objects, accepted_path = sys.argv[1:]
done = subprocess.run(["gcovr", "-r", ".", "--object-directory", objects, "-f", "core/", "-j", "2",
                       "--exclude-unreachable-branches", "--json", "-"], capture_output=True, text=True)
if done.returncode:
    sys.exit(done.stderr)
accepted = set(re.findall(r"^\| `(core/\w+\.c)` \| `(\w+)` \|", open(accepted_path).read(), re.M))
FUNCTION = re.compile(r"^\w[\w\s*]*?\b(\w+)\(")


def function_of(source, line):
    """The name at the left margin above the line."""
    for text in reversed(source[:line]):
        m = FUNCTION.match(text)
        if m and not text.rstrip().endswith(";"):
            return m[1]
    return "?"


files, total = 0, collections.Counter()
gaps = collections.defaultdict(list)
print(f"{'file':20} {'lines':>11} {'branches':>13}   lines that lack something")
for file in sorted(json.loads(done.stdout)["files"], key=lambda f: f["file"]):
    source = open(file["file"]).read().split("\n")
    n, missing = collections.Counter(), []
    for line in file["lines"]:
        if line.get("gcovr/noncode"):
            continue
        counts = [b["count"] for b in line["branches"]]
        n.update(lines=1, hit=line["count"] > 0, branches=len(counts), taken=sum(c > 0 for c in counts))
        if line["count"] == 0 or 0 in counts:
            number = line["line_number"]
            missing.append(str(number))
            gaps[file["file"], function_of(source, number)].append(number)
    total.update(n)
    files += 1
    print(f"{file['file']:20} {n['hit']:5}/{n['lines']:5} {n['taken']:6}/{n['branches']:6}   {','.join(missing)}")
print(f"{'in all':20} {total['hit']:5}/{total['lines']:5} {total['taken']:6}/{total['branches']:6}   "
      f"{100 * total['hit'] / total['lines']:.1f} % of the lines, {100 * total['taken'] / total['branches']:.1f} % of the branches")
bad = 0
for (path, function), lines in sorted(gaps.items()):
    if (path, function) not in accepted:
        bad += 1
        print(f"{path}: {function}(), line {', '.join(map(str, lines))}: a gap that tests/unit/coverage.md does not know")
for path, function in sorted(accepted - set(gaps)):
    bad += 1
    print(f"{path}: {function}(): the gap is closed; tests/unit/coverage.md still has it")
print(f"coverage: {len(accepted & set(gaps))} gaps known; {files} passed, {bad} failed")
sys.exit(bad != 0)
