#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`make install` as a packager and a user meet it.

    test_install.py BUILD VERSION [MAKE_VARIABLE=VALUE...]
"""
import os
import re
import shutil
import stat
import subprocess
import sys

BUILD, VERSION, *VARIABLES = sys.argv[1:]
ROOT = os.path.abspath(f"{BUILD}/install/root")
WORK = os.path.abspath(f"{BUILD}/install/work")
USR = f"{ROOT}/opt/mail"
OK, CONFIG = 0, -8  # STS_OK, STS_ERR_CONFIG
good = bad = 0


def check(name, ok, shown=""):
    global good, bad
    good, bad = good + bool(ok), bad + (not ok)
    if not ok:
        print(f"FAILED: {name}: {shown}")


def run(*words, **more):
    return subprocess.run(words, capture_output=True, text=True, **more)


def make(target):
    # As root's careful umask has it; a make around this one must not lend its job server.
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")}
    done = run("make", "-s", target, f"B={BUILD}", f"DESTDIR={ROOT}", "PREFIX=/opt/mail", *VARIABLES, env=env,
               preexec_fn=lambda: os.umask(0o077))
    check(f"make {target}", done.returncode == 0, done.stdout + done.stderr)


def files():
    return sorted(os.path.relpath(os.path.join(d, f), USR) for d, _, fs in os.walk(ROOT) for f in fs)


def pkg_config(*words):
    env = dict(os.environ, PKG_CONFIG_LIBDIR=f"{USR}/lib/pkgconfig", PKG_CONFIG_SYSROOT_DIR=ROOT)
    return run("pkg-config", *words, "stsmail", env=env).stdout.strip()


def build(name, *flags):
    """Through a shell, as users do: quotes in the flags would show here."""
    command = " ".join(("gcc -std=c11 -Wall -Wextra -Werror -Wpedantic tests/install/user.c -o", f"{WORK}/{name}", *flags))
    done = run("sh", "-c", command)
    check(f"{name} builds", done.returncode == 0, command + "\n" + done.stderr)
    words = run(f"{WORK}/{name}").stdout.split() if done.returncode == 0 else []
    return [int(w) for w in words] or [0, 0, 0]


def installed():
    make("install")
    names = files()
    for name in ("bin/stsmail", "lib/libstsmail.a", "lib/libstsmail-wolfssl.a", "lib/pkgconfig/stsmail.pc",
                 "include/stsmail/mailer.h", "include/stsmail/limits.h", "include/stsmail/engine/smtp.h",
                 "share/man/man8/stsmail.8"):
        check(f"{name} is there", name in names)
    for name in names:
        mode = stat.S_IMODE(os.stat(f"{USR}/{name}").st_mode)
        check(f"mode of {name}", mode == (0o755 if name.startswith("bin/") else 0o644), oct(mode))
    for folder, _, _ in os.walk(USR):
        check(f"mode of {folder}", stat.S_IMODE(os.stat(folder).st_mode) & 0o555 == 0o555 or folder == USR)
    for name in names:
        if not name.endswith(".a") and name != "bin/stsmail":
            check(f"{name} names no build place", ROOT not in open(f"{USR}/{name}").read())
    before = {n: open(f"{USR}/{n}", "rb").read() for n in names}
    make("install")
    check("twice is the same", before == {n: open(f"{USR}/{n}", "rb").read() for n in files()})


def used():
    flags, libs = pkg_config("--cflags"), pkg_config("--libs", "--static")
    check("version", pkg_config("--modversion") == VERSION)
    check("no quotes in flags", not set(flags + libs) & set("'\"\\<>"), flags + libs)
    check("the same without --static: there is no other library", pkg_config("--libs") == libs)
    size, tls, result = build("user", flags, libs)
    check("the library takes the program's structs", (tls, result) == (OK, OK), (tls, result))
    own_size, _, own = build("ours", "-Iinclude", "-I.", "-DSTS_CONFIG_FILE='\"boards/linux/limits.h\"'", libs)
    check("the limits are those of the build", own_size == size and own == OK)
    other_size, _, other = build("other", flags.replace("-DSTS_CONFIG_FILE=STS_CONFIG_INSTALLED", "-DSTS_MX_MAX=7"), libs)
    check("other limits are noticed", other_size != size and other == CONFIG, (other_size, other))
    make_file = f"{WORK}/Makefile"
    with open(make_file, "w") as f:
        f.write(f"all:\n\t@gcc tests/install/user.c -o {WORK}/made {flags} {libs}\n")
    check("flags go through make", run("make", "-s", "-f", make_file).returncode == 0)


def headers():
    """Each installed header stands alone."""
    flags = pkg_config("--cflags")
    for name in files():
        if name.endswith(".h") and not name.endswith(("limits.h", "_struct.h")):
            text = f"#include <{name[len('include/'):]}>\nint main(void) {{ return 0; }}\n"
            done = run("sh", "-c", f"gcc -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only {flags} -x c -", input=text)
            check(f"{name} stands alone", done.returncode == 0, done.stderr)


def program():
    done = run(f"{USR}/bin/stsmail", "version")
    check("stsmail version", done.returncode == 0 and done.stdout.startswith(f"stsmail {VERSION}\n"), done.stdout + done.stderr)


def manual():
    page = f"{USR}/share/man/man8/stsmail.8"
    done = run("man", "--warnings=w", "-l", page, env=dict(os.environ, MANPAGER="cat", MANWIDTH="100", LC_ALL="C.UTF-8"))
    text = re.sub(".\b", "", done.stdout).replace("\u2010", "-")
    check("no warnings", done.returncode == 0 and not done.stderr, done.stderr)
    check("version in the manual", f"stsmail {VERSION}" in text and "@" + "VERSION@" not in text)
    usage = run(f"{USR}/bin/stsmail", "--help").stdout
    for option in sorted(set(re.findall(r"--[a-z-]+[a-z]", usage))):
        check(f"{option} is in the manual", re.search(re.escape(option) + r"(?![a-z-])", text), "")
    for option in sorted(set(re.findall(r"--[a-z-]+[a-z]", text))):
        check(f"{option} of the manual exists", option in usage or option == "--help", "")
    for command in sorted(set(re.findall(r"^  ([a-z]+)", usage.split("options")[0], re.M))):
        check(f"command {command} is in the manual", re.search(rf"stsmail .*{command}|{command}", text))
    statuses = set(re.findall(r"\b(\d+) ", usage.split("exit status:")[1]))
    for status in statuses:
        check(f"exit status {status} is in the manual", re.search(rf"^ +{status}\b", text, re.M))


def uninstalled():
    other = f"{USR}/lib/libother.a"
    open(other, "w").close()
    make("uninstall")
    check("nothing is left, and nothing else is gone", files() == ["lib/libother.a"], files())


shutil.rmtree(f"{BUILD}/install", ignore_errors=True)
os.makedirs(WORK)
for part in (installed, used, headers, program, manual, uninstalled):
    part()
print(f"install: {good} passed, {bad} failed")
sys.exit(bad != 0)
