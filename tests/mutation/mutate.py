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
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build", "mutation")
AIM = 95.0
# File: (functions, or None for all; the tests that hold it, the quickest first).
FILES = {
    "core/route.c": (None, ["test_route", "test_mailer"]),
    "core/match.c": (None, ["test_match", "exh_match"]),
    "core/mx.c": (None, ["test_mx", "test_mailer", "test_mailer_odd"]),
    "port/wolfssl/identity.c": (None, ["test_identity"]),
    "port/wolfssl/gate.c": (None, ["test_identity"]),
    "core/smtp.c": (("gate_open", "gate_error"), ["test_smtp", "test_mailer"]),
    "core/cache.c": (None, ["test_cache", "test_mailer_events", "test_mailer"]),
    "core/clock.c": (None, ["test_clock"]),
    "core/message.c": (None, ["test_message", "exh_message"]),
    "core/queue.c": (None, ["test_queue"]),
    "core/flash_store.c": (None, ["test_flash_store", "test_store"]),
}
FLAGS = ["-std=gnu11", "-O0", "-w", "-Iinclude", "-Itests/unit", "-I."]
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

def built(source, out, extra=()):
    return subprocess.run(["gcc", *FLAGS, *extra, "-c", source, "-o", out], cwd=ROOT, capture_output=True).returncode == 0


def prepare(files):
    """All objects once; {test: its own object}."""
    os.makedirs(BUILD, exist_ok=True)
    sources = [os.path.join("core", f) for f in sorted(os.listdir(os.path.join(ROOT, "core"))) if f.endswith(".c")]
    sources += [os.path.join("port", d, f) for d in ("posix", "ram", "flash") if os.path.isdir(os.path.join(ROOT, "port", d))
                for f in sorted(os.listdir(os.path.join(ROOT, "port", d))) if f.endswith(".c")]
    sources += ["port/wolfssl/" + f for f in ("der.c", "gate.c", "identity.c", "pem.c")]
    tests = sorted({t for f in files for t in FILES[f][1] if os.path.exists(os.path.join(ROOT, "tests/unit", t + ".c"))})
    objects = {s: os.path.join(BUILD, s.replace("/", "_")[:-2] + ".o") for s in sources}
    objects.update({t: os.path.join(BUILD, t + ".o") for t in tests})
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [(s if s.endswith(".c") else f"tests/unit/{s}.c", o) for s, o in objects.items()]
        for (source, _), ok in zip(jobs, pool.map(lambda j: built(*j), jobs)):
            if not ok:
                sys.exit(f"{source} does not compile")
    return sources, objects


def archive(sources, objects, without):
    path = os.path.join(BUILD, "without_" + without.replace("/", "_")[:-2] + ".a")
    if os.path.exists(path):
        os.unlink(path)
    subprocess.run(["ar", "rcs", path, *[objects[s] for s in sources if s != without]], check=True)
    return path


def passes(program, timeout):
    try:
        return subprocess.run([program], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              timeout=timeout, env=dict(os.environ, CMOCKA_TEST_ABORT="1")).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def verdict(m, objects, rest, tests):
    """killed, survived, or None: it does not compile."""
    with tempfile.TemporaryDirectory(dir=BUILD) as place:
        source = os.path.join(place, os.path.basename(m["file"]))
        with open(source, "w") as f:
            f.write(m["text"])
        if not built(source, source + ".o", ("-I" + os.path.dirname(os.path.join(ROOT, m["file"])),)):
            return None
        for test in tests:
            program = os.path.join(place, test)
            subprocess.run(["gcc", objects[test], source + ".o", rest, *LINK, "-o", program], check=True)
            if not passes(program, 60):
                return "killed"
            os.unlink(program)
    return "survived"


def key(m):
    return (m["file"], m["function"], m["line"], f"{m['old']} -> {m['new']}".strip())


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
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    p.add_argument("--show", action="store_true", help="say each survivor as a row of survivors.md")
    a = p.parse_args()
    files = [f for f in (a.file or FILES) if os.path.exists(os.path.join(ROOT, f))]
    sources, objects = prepare(files)
    known, used = explained(), set()
    total, bad = [0, 0, 0, 0], False
    for file in files:
        tests = [t for t in FILES[file][1] if t in objects]
        rest = archive(sources, objects, file)
        all_mutants = list(mutants(file))
        with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
            verdicts = list(pool.map(lambda m: verdict(m, objects, rest, tests), all_mutants))
        killed = verdicts.count("killed")
        alive = [m for m, v in zip(all_mutants, verdicts) if v == "survived"]
        strange = [m for m in alive if key(m) not in known]
        used.update(key(m) for m in alive)
        for m in alive if a.show else strange:
            cells = [f"`{c}`".replace("|", "&#124;") for c in key(m)]
            print(f"| {' | '.join(cells)} | {known.get(key(m), '?')} |   <!-- {m['number']}:{m['column']} -->", flush=True)
        # A survivor that cannot be told from the original is no test's fault.
        score = 100.0 * killed / max(killed + len(alive), 1)
        bad = bad or bool(strange) or score < AIM
        print(f"{file}: {killed + len(alive)} mutants, {killed} killed ({score:.1f} %), {len(alive)} survived, "
              f"{len(strange)} unexplained", flush=True)
        for n, v in enumerate((killed + len(alive), killed, len(alive), len(strange))):
            total[n] += v
    for row in sorted(set(known) - used):
        if row[0] in files:
            print(f"survivors.md: no such survivor any more: {row}")
            bad = True
    print("mutants: {}, {} killed, {} survived, {} unexplained".format(*total))
    sys.exit(bad)


main()
