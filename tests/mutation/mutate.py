#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Changes one thing at a time in the files that decide, and runs their tests: a change that no test notices is a
survivor. Each survivor stands in tests/mutation/survivors.md with the reason why it does no harm, or this fails.

    mutate.py [--file core/route.c] [--jobs N] [--show]

The last lines: a line a file, then `mutants: N, N killed, N survived, N unexplained`. A survivor is known by file, function,
the line's text and what was changed, so that it stays known when lines move.
"""
import argparse
import concurrent.futures
import os
import re
import resource
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build", "mutation")
AIM = 95.0
# File: (functions, or None for all; the tests that hold it, the quickest first).
FILES = {
    "core/route.c": (None, ["tests/unit/test_route.c", "tests/unit/test_mailer.c"]),
    "core/match.c": (None, ["tests/unit/test_match.c", "tests/unit/exh_match.c"]),
    "core/mx.c": (None, ["tests/unit/test_mx.c", "tests/unit/test_mailer.c", "tests/unit/test_mailer_odd.c"]),
    "port/wolfssl/identity.c": (None, ["tests/unit/test_identity.c", "tests/unit/test_trust.c"]),
    "port/wolfssl/gate.c": (None, ["tests/unit/test_identity.c"]),
    "core/smtp.c": (("gate_open", "gate_error"), ["tests/unit/test_smtp.c", "tests/unit/test_mailer.c"]),
    "core/clock.c": (None, ["tests/unit/test_clock.c"]),
}
FLAGS = ["-std=gnu11", "-w", "-Iinclude", "-Itests/unit", "-I."]
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
LINK = ["-lcmocka", "-lm"]

# ---- what is changed ----------------------------------------------------------------------------------

TOKEN = re.compile(r"""
    (?P<skip>/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\])*"|^[ \t]*\#[^\n]*(?:\\\n[^\n]*)*) |
    (?P<char>'(?:\\.|[^'\\])+') |
    (?P<number>\b(?:0[xX][0-9a-fA-F]+|\d+)[uUlL]*\b) |
    (?P<word>[A-Za-z_]\w*) |
    (?P<op><<=|>>=|->|\+\+|--|&&|\|\||<=|>=|==|!=|\+=|-=|\*=|/=|%=|&=|\|=|\^=|<<|>>|[-+*/%&|^!~<>=?:;,.(){}\[\]])
""", re.S | re.M | re.X)
OTHERS = {"<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"], "==": ["!="], "!=": ["=="], "&&": ["||"],
          "||": ["&&"], "+=": ["-="], "-=": ["+="], "++": ["--"], "--": ["++"], "<<": [">>"], ">>": ["<<"], "|=": ["&="], "&=": ["|="]}
BINARY = {"+": "-", "-": "+", "*": "+", "%": "*", "&": "|", "|": "&", "^": "&"}
KEYWORDS = {"if", "while", "for", "switch", "return", "sizeof", "case", "do", "else", "goto", "break", "continue", "default"}


class Token:
    def __init__(self, kind, text, start):
        self.kind, self.text, self.start, self.end = kind, text, start, start + len(text)


def tokens(text):
    return [Token(m.lastgroup, m.group(), m.start()) for m in TOKEN.finditer(text) if m.lastgroup != "skip"]


def functions(text, toks):
    """(name, first token within the braces, the closing brace's index) of each function."""
    depth, parens, i, name = 0, 0, 0, None
    while i < len(toks):
        t = toks[i].text
        if depth == 0 and t == "(" and parens == 0 and toks[i - 1].kind == "word":
            name = toks[i - 1].text
        parens += (t == "(") - (t == ")")
        if t == "{" and depth == 0 and toks[i - 1].text == ")" and name:
            first, d = i + 1, 1
            while d:
                i += 1
                d += (toks[i].text == "{") - (toks[i].text == "}")
            yield name, first, i
            name = None
        elif t in "{}":
            depth += 1 if t == "{" else -1
        if t == ";" and depth == 0:
            name = None
        i += 1


def closing(toks, i, left="(", right=")"):
    depth = 0
    while True:
        depth += (toks[i].text == left) - (toks[i].text == right)
        if depth == 0:
            return i
        i += 1


def changes(toks, first, last):
    """(start, end, new text) of every change within a function."""
    i = first
    while i < last:
        t, before = toks[i], toks[i - 1]
        if t.kind == "op":
            for new in OTHERS.get(t.text, ()):
                yield t.start, t.end, new
            value = before.kind in ("word", "number", "char") and before.text not in KEYWORDS or before.text in (")", "]")
            if t.text in BINARY and value and not (t.text in "*&" and before.kind == "word" and toks[i + 1].text in ")*,;"):
                yield t.start, t.end, BINARY[t.text]
            if t.text == "!":
                yield t.start, t.end, ""
        elif t.kind == "number":
            n = int(re.sub("[uUlL]", "", t.text), 0)
            for new in {n + 1, max(n - 1, 0)} - {n}:
                yield t.start, t.end, str(new) + ("u" if "u" in t.text.lower() else "")
        elif t.text in ("true", "false"):
            yield t.start, t.end, "false" if t.text == "true" else "true"
        elif t.text in ("break", "continue") and toks[i + 1].text == ";":
            yield t.start, t.end, "continue" if t.text == "break" else "break"
        elif t.text in ("if", "while") and toks[i + 1].text == "(":
            end = closing(toks, i + 1)
            for new in ("1", "0") if t.text == "if" else ("0",):
                yield toks[i + 1].end, toks[end].start, new
        elif t.text == "return" and toks[i + 1].text not in (";", "true", "false"):
            end = i
            while toks[end].text != ";":
                end += 1
            if toks[i + 1].text not in ("0", "STS_OK") or end > i + 2:
                yield toks[i + 1].start, toks[end].start, "0"
        # A statement that is left out: a call, or an assignment.
        if before.text in (";", "{", "}", ":") and t.kind == "word" and t.text not in KEYWORDS:
            end, calls, assigns = i, toks[i + 1].text == "(", False
            while toks[end].text not in (";", "{", "}"):
                assigns = assigns or toks[end].text in ("=", "+=", "-=", "|=", "&=", "++", "--", "<<=", ">>=")
                end += 1
            declares = toks[i + 1].kind == "word" or (toks[i + 1].text == "*" and not assigns) or t.text in ("const", "static", "struct")
            pointer = toks[i + 1].text == "*" and toks[i + 2].kind == "word"
            if toks[end].text == ";" and (calls or assigns) and not declares and not pointer:
                yield t.start, toks[end].start, ""
        i += 1


def mutants(file):
    text = open(os.path.join(ROOT, file)).read()
    toks, wanted = tokens(text), FILES[file][0]
    for name, first, last in functions(text, toks):
        if wanted is None or name in wanted:
            for start, end, new in changes(toks, first, last):
                line_start = text.rfind("\n", 0, start) + 1
                line = text[line_start:text.index("\n", start)].strip()
                column = start - line_start - (len(text[line_start:]) - len(text[line_start:].lstrip()))
                yield {"file": file, "function": name, "number": text.count("\n", 0, start) + 1, "line": line,
                       "column": column, "old": " ".join(text[start:end].split()), "new": new,
                       "text": text[:start] + " " + new + " " + text[end:]}


# ---- running them ----------------------------------------------------------------------------------------

# One program a test holds every mutant of a file: each function stands there once as it is and once for each change, behind a
# switch that looks at a variable. A mutant then costs one run: without the sanitizers, and with them if that passes.
HEAD = """#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
static int sts_mutant, sts_list;
__attribute__((constructor(101))) static void sts_choose(void)
{
    rlim_t seconds = (rlim_t)atoi(getenv("STS_SECONDS"));
    struct rlimit most = { seconds, seconds };
    sts_mutant = atoi(getenv("STS_MUTANT"));
    sts_list = atoi(getenv("STS_LIST"));
    setrlimit(RLIMIT_CPU, &most);
}
/* Says which functions a test gets to. */
static void sts_say(int first)
{
    static unsigned char said[100000];
    if (sts_list > 0 && !said[first]) {
        said[first] = 1;
        dprintf(sts_list, "%d\\n", first);
    }
}
"""


def parameters(toks, name, end):
    """The parameters' names, of the function whose name is token `name`."""
    names, depth = [], 0
    for i in range(name + 1, end):
        t = toks[i].text
        depth += (t in "([") - (t in ")]")
        if toks[i].kind == "word" and (depth == 1 or depth == 2 and toks[i - 1].text == "*" and toks[i - 2].text == "("):
            last = t
        if t == "," and depth == 1 or depth == 0:
            names.append(last)
    return [] if names == ["void"] else names


def all_in_one(file, found):
    """The source with all mutants in it, and the mutant of each of its lines."""
    text = open(os.path.join(ROOT, file)).read()
    toks, at = tokens(text), 0
    out = [HEAD]
    owner = {}

    def say(part, who=None):
        line = "".join(out).count("\n") if who is not None else 0
        out.append(part)
        for n in range(part.count("\n") + 1) if who is not None else ():
            owner[line + n + 1] = who

    for name, first, last in functions(text, toks):
        mine = [m for m in found if m["function"] == name]
        if not mine:
            continue
        head = first - 2
        while toks[head - 1].text not in (";", "}"):
            head -= 1
        title = next(i for i in range(head, first) if toks[i].text == name)
        begin, end = toks[head].start, toks[last].end
        before, after = text[begin:toks[title].start], text[toks[title].end:toks[first - 1].start]
        returns = toks[title - 1].text == "*" or "void" not in before
        static = "" if "static" in before else "static "
        args = ", ".join(parameters(toks, title, first - 1))
        say(text[at:begin])
        say(f"{static}{before}{name}__0{after}{text[toks[first - 1].start:end]}\n")
        for m in mine:
            body = m["text"][toks[first - 1].start:len(m["text"]) - (len(text) - end)]
            out = ["".join(out)]
            say(f"{static}{before}{name}__{m['id']}{after}{body}\n", m["id"])
            owner.pop(max(owner))
        say(f"{before}{name}{after}{{ sts_say({mine[0]['id']}); switch (sts_mutant) {{\n")
        for m in [*mine, {"id": 0}]:
            label = f"case {m['id']}" if m["id"] else "default"
            say(f"{label}: {'return ' if returns else ''}{name}__{m['id']}({args}); break;\n")
        say("} }\n")
        at = end
    say(text[at:])
    return "".join(out).replace("\n", "\n", 1), owner


def compiles(source, out, *flags):
    return subprocess.run(["gcc", *FLAGS, *flags, "-c", source, "-o", out], cwd=ROOT, capture_output=True, text=True)


def compile_mutants(file, found, place):
    """The objects with all mutants, without the sanitizers and with them; those that do not compile are taken out of `found`."""
    source, here = os.path.join(place, "all_" + os.path.basename(file)), "-I" + os.path.dirname(os.path.join(ROOT, file))
    while True:
        text, owner = all_in_one(file, found)
        with open(source, "w") as f:
            f.write(text)
        r = compiles(source, os.devnull, here, "-fsyntax-only", "-fmax-errors=0")
        if r.returncode == 0:
            break
        bad = {owner.get(int(n)) for n in re.findall(r"^[^:\n]+:(\d+):\d+: error", r.stderr, re.M)} - {None}
        if not bad:
            sys.exit(f"{file} does not compile:\n{r.stderr[:2000]}")
        found[:] = [m for m in found if m["id"] not in bad]
    made = []
    for name, flags in (("plain", []), ("strict", SANITIZE)):
        made.append(f"{source}.{name}.o")
        r = compiles(source, made[-1], here, "-O0", "-ftrivial-auto-var-init=pattern", *flags)
        if r.returncode:
            sys.exit(r.stderr)
    return made


def is_new(made):
    """Whether an object is newer than all that it was made of."""
    try:
        parts = open(made[:-2] + ".d").read().replace("\\\n", " ").split(":", 1)[1].split()
        return all(os.path.getmtime(os.path.join(ROOT, p)) < os.path.getmtime(made) for p in [*parts, __file__])
    except OSError:
        return False


def prepare(files, jobs):
    """All other objects, once."""
    os.makedirs(BUILD, exist_ok=True)
    sources = [os.path.join("core", f) for f in sorted(os.listdir(os.path.join(ROOT, "core"))) if f.endswith(".c")]
    sources += [os.path.join("port", d, f) for d in ("posix", "ram", "flash") if os.path.isdir(os.path.join(ROOT, "port", d))
                for f in sorted(os.listdir(os.path.join(ROOT, "port", d))) if f.endswith(".c")]
    sources += ["port/wolfssl/" + f for f in ("build.c", "der.c", "gate.c", "identity.c", "pem.c", "root.c", "table.c")]
    sources += sorted({t for f in files for t in FILES[f][1]})
    made = {(s, strict): os.path.join(BUILD, ("strict_" if strict else "plain_") + s.replace("/", "_")[:-2] + ".o")
            for s in sources for strict in (False, True) if not (strict and "exh_" in s)}
    flags = {(s, strict): ["-O2"] if "exh_" in s else ["-O1", *(SANITIZE if strict else [])] for s, strict in made}
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for (source, _), r in zip(made, pool.map(lambda m: is_new(made[m]) or compiles(m[0], made[m], "-MMD", *flags[m]), made)):
            if r is not True and r.returncode:
                sys.exit(f"{source} does not compile:\n{r.stderr[:2000]}")
    return made


def link(file, mutated, objects, place):
    """The programs, the quickest first: each unit test without the sanitizers, then with them; then the exhaustive ones."""
    programs = []
    for strict in (False, True):
        path = os.path.join(place, f"rest{strict}.a")
        rest = [o for (s, its), o in objects.items() if its == strict and s != file and not s.startswith("tests/")]
        subprocess.run(["ar", "rcs", path, *rest], check=True)
        for test in FILES[file][1]:
            if (test, strict) in objects:
                programs.append(os.path.join(place, f"{'strict' if strict else 'plain'}_{os.path.basename(test)[:-2]}"))
                subprocess.run(["gcc", *(SANITIZE if strict else []), objects[test, strict], mutated[strict], path, *LINK,
                                "-o", programs[-1]], check=True)
    return sorted(programs, key=lambda p: "exh_" in p)


def passes(program, mutant, seconds=120, list_to=0):
    """Whether the test passes with that change. Seconds of CPU: a busy machine makes nothing fail; a test that sleeps has long."""
    env = dict(os.environ, CMOCKA_TEST_ABORT="1", STS_MUTANT=str(mutant), STS_SECONDS=str(seconds), STS_LIST=str(list_to),
               ASAN_OPTIONS="detect_leaks=0:disable_coredump=1")
    try:
        return subprocess.run([program], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              timeout=300, env=env, pass_fds=[list_to] if list_to else []).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def first_run(file, program):
    """(the first mutants of the functions that this test gets to, CPU seconds after which it goes round in circles)"""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryFile("w+") as reached:
        if not passes(program, 0, list_to=reached.fileno()):
            sys.exit(f"{file}: {os.path.basename(program)} fails unmutated")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        reached.seek(0)
        return {int(n) for n in reached}, 2 + int(3 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime))


def code(text, file, place):
    """What the compiler makes of it."""
    with tempfile.TemporaryDirectory(dir=place) as own:
        source = os.path.join(own, os.path.basename(file))
        with open(source, "w") as f:
            f.write(text)
        if compiles(source, source + ".o", "-I" + os.path.dirname(os.path.join(ROOT, file)), "-O2").returncode:
            return None
        return subprocess.run(["objdump", "-d", "-r", "-s", "--no-show-raw-insn", os.path.basename(file) + ".o"], cwd=own,
                              capture_output=True, check=True).stdout


def examine(file, objects, jobs):
    """(mutants, those that survived); one of which the compiler makes the same code as of the original is none."""
    found = [dict(m, id=n) for n, m in enumerate(mutants(file), 1)]
    with tempfile.TemporaryDirectory(dir=BUILD) as place, concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        programs = link(file, compile_mutants(file, found, place), objects, place)
        runs = [(p, *first_run(file, p)) for p in programs]
        firsts = {}
        for m in found:
            firsts.setdefault(m["function"], m["id"])

        def lives(m):
            alive = all(passes(p, m["id"], seconds) for p, reached, seconds in runs if firsts[m["function"]] in reached)
            if alive:
                print(f"{m['id']} of {len(found)}: {as_row(m)}", file=sys.stderr)
            return alive

        alive = [m for m, a in zip(found, pool.map(lives, found)) if a]
        original = code(open(os.path.join(ROOT, file)).read(), file, place)
        same = {m["id"] for m, c in zip(alive, pool.map(lambda m: code(m["text"], file, place), alive)) if c == original}
    return [m for m in found if m["id"] not in same], [m for m in alive if m["id"] not in same]


def key(m):
    return (m["file"], m["function"], m["line"], f"{m['old']} -> {m['new']}".strip())


def as_row(m):
    return "| " + " | ".join(f"`{c}`".replace("|", "&#124;") for c in key(m)) + " |"


def explained():
    """Rows of survivors.md: | file | function | line | change | why |, each cell but the last in backquotes."""
    rows = {}
    path = os.path.join(ROOT, "tests/mutation/survivors.md")
    for line in open(path) if os.path.exists(path) else ():
        cells = [c.strip().replace("&#124;", "|") for c in line.strip().strip("|").split(" | ")]
        if len(cells) == 5 and cells[0].startswith("`"):
            rows[tuple(c.strip("`") for c in cells[:4])] = cells[4]
    return rows


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--file", action="append")
    p.add_argument("--jobs", type=int, default=min(2, os.cpu_count()))
    p.add_argument("--show", action="store_true", help="say each survivor as a row of survivors.md")
    a = p.parse_args()
    os.nice(19 - os.nice(0))
    files = [f for f in (a.file or FILES) if os.path.exists(os.path.join(ROOT, f))]
    objects, known, used = prepare(files, a.jobs), explained(), set()
    total, bad = [0, 0, 0, 0], False
    for file in files:
        all_mutants, alive = examine(file, objects, a.jobs)
        killed = len(all_mutants) - len(alive)
        strange = [m for m in alive if key(m) not in known]
        used.update(key(m) for m in alive)
        for m in alive if a.show else strange:
            print(f"{as_row(m)} {known.get(key(m), '?')} |   <!-- {m['number']}:{m['column']} -->", flush=True)
        score = 100.0 * killed / max(len(all_mutants), 1)
        bad = bad or bool(strange) or score < AIM
        print(f"{file}: {len(all_mutants)} mutants, {killed} killed ({score:.1f} %), {len(alive)} survived, "
              f"{len(strange)} unexplained", flush=True)
        for n, v in enumerate((len(all_mutants), killed, len(alive), len(strange))):
            total[n] += v
    for row in sorted(set(known) - used):
        if row[0] in files:
            print(f"survivors.md: no such survivor any more: {row}")
            bad = True
    print("mutants: {}, {} killed, {} survived, {} unexplained".format(*total))
    sys.exit(bad)


main()
