#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Rule -> tests, and which section of an RFC is obeyed where.

    rfc.py [--check] [ROOT]

A test speaks for a rule if its name has it (r018_two_records_...), or a comment or string in it or right above it
(R-018). Fuzz targets and file headers speak for none. Exit status 1 if a rule that binds has no test, or a test names a
rule that there is not. --check prints what is wrong, and a count, alone.
"""
import collections
import glob
import os
import re
import sys

RULE = re.compile(r"^(R-\d{3}) (\S+) +(.+?)(?: -- unbound: (.+))?$")
NAMED = re.compile(r"R-(\d{3})(?:(?:\.\.|-)R-(\d{3}))?|(?<![a-z0-9])r(\d{3})(?=_)")
C_TEST = re.compile(r"^TEST\((\w+)\)")
PY_TEST = re.compile(r"^ *def (\w+)\(")
CITED = re.compile(r"RFC (\d{4})((?:,? (?:and )?(?:section )?\d+(?:\.\d+)*(?![\d\w]))*)")
OURS = [*range(1, 120), *range(130, 148), *range(150, 172), *range(180, 196)]  # the others: DANE, not listed yet


def read_rules(path):
    rules = {}
    for number, line in enumerate(open(path), 1):
        line = line.rstrip("\n")
        if not line or line.startswith("#"):
            continue
        m = RULE.match(line)
        if not m or m[1] in rules or (rules and m[1] < list(rules)[-1]):
            sys.exit(f"{path}:{number}: not a rule in its place: {line}")
        rules[m[1]] = (m[2], m[3], m[4])
    return rules


def named(text):
    for first, last, in_name in NAMED.findall(text):
        for n in range(int(first or in_name), int(last or first or in_name) + 1):
            if n in OURS:
                yield f"R-{n:03}"


def tests_of(path):
    """(test, line, text): the comment right above it, its name, its body."""
    start = C_TEST if path.endswith(".c") else PY_TEST
    test, where, text, above, comment = None, 0, [], [], False
    for number, line in enumerate(open(path, errors="replace"), 1):
        m = start.match(line)
        if m:
            if test:
                yield test, where, "".join(text)
            test, where, text = m[1], number, above + [line]
            above, comment = [], False
            continue
        if path.endswith(".c"):
            if re.match(r"/\*", line):
                above, comment = [], True
            if comment:
                above.append(line)
                comment = "*/" not in line
                continue
            above = []  # a comment speaks for the test right below it alone
            text.append(line)
            if line.startswith("}") and test:
                yield test, where, "".join(text)
                test = None
        else:
            text.append(line)
    if test:
        yield test, where, "".join(text)


def find_tests(root):
    found = collections.defaultdict(list)
    for path in sorted(glob.glob(f"{root}/tests/**/*.c", recursive=True) + glob.glob(f"{root}/tests/**/*.py", recursive=True)):
        if "/fuzz/" in path or "/rfc/" in path:
            continue
        for test, line, text in tests_of(path):
            for rule in dict.fromkeys(named(text)):
                found[rule].append((os.path.relpath(path, root), line, test))
    return found


def find_sections(root):
    found = collections.defaultdict(list)
    for folder in ("core", "include", "port"):
        for path in sorted(glob.glob(f"{root}/{folder}/**/*.[ch]", recursive=True)):
            text = re.sub(r"\n \*", "\n  ", open(path).read())
            for m in CITED.finditer(re.sub(r"\s", " ", text)):
                line = text.count("\n", 0, m.start()) + 1
                place = f"{os.path.relpath(path, root)}:{line}"
                for section in re.findall(r"\d+(?:\.\d+)*", m[2]) or [""]:
                    if section.isdigit() and int(section) >= 1000:  # "RFC 9110 and 9112"
                        found[int(m[1]), ()].append(place)
                        found[int(section), ()].append(place)
                    else:
                        found[int(m[1]), tuple(map(int, section.split("."))) if section else ()].append(place)
    return found


def show(rules, tests, sections):
    for rule, (section, words, unbound) in rules.items():
        print(f"{rule}  {section:5} {words}")
        for path, line, test in tests.get(rule, ()):
            print(f"           {path}:{line}: {test}")
        if unbound:
            print(f"           does not bind: {unbound}")
        elif rule not in tests:
            print("           NO TEST")
    print("\nSections of RFCs that the code names:\n")
    for (rfc, section), places in sorted(sections.items()):
        print(f"RFC {rfc} {'.'.join(map(str, section)) or '(whole)':10} {'  '.join(dict.fromkeys(places))}")


def main():
    root = next((a for a in sys.argv[1:] if not a.startswith("-")), ".")
    rules = read_rules(f"{root}/tests/rfc/rules.txt")
    tests = find_tests(root)
    gaps = [r for r, (_, _, unbound) in rules.items() if not unbound and r not in tests]
    unknown = [r for r in sorted(tests) if r not in rules]
    if "--check" not in sys.argv:
        show(rules, tests, find_sections(root))
        print()
    for rule in gaps:
        print(f"{rule} has no test: {rules[rule][1]}")
    for rule in unknown:
        print(f"{rule} is no rule, but is named by " + ", ".join(f"{p}:{n}" for p, n, _ in tests[rule]))
    bind = sum(not unbound for _, _, unbound in rules.values())
    print(f"rfc: {bind - len(gaps)} passed, {len(gaps) + len(unknown)} failed")
    return 1 if gaps or unknown else 0


sys.exit(main())
