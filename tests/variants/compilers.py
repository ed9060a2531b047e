#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Compiles everything with every compiler that matters; a warning is a failure.

    compilers.py BUILD_DIR

Flags come from the Makefile in CORE_FLAGS, HOSTED_FLAGS, WOLFSSL_PORT_FLAGS, M32_FLAGS (32 bits, where there are).
"""
import concurrent.futures
import glob
import os
import shlex
import subprocess
import sys

OUT = f"{sys.argv[1]}/compilers"
CORE, HOSTED, WOLFSSL = (shlex.split(os.environ[f"{n}_FLAGS"]) for n in ("CORE", "HOSTED", "WOLFSSL_PORT"))
M32 = shlex.split(os.environ["M32_FLAGS"])
LINUX = ["-DSTS_CONFIG_FILE=\"boards/linux/limits.h\"", "-I."]
SMALLEST = ["-DSTS_MX_MAX=1", "-DSTS_ADDRESS_MAX=1", "-DSTS_POLICY_MX_SIZE=256", "-DSTS_DNS_SERVERS=1", "-DSTS_DNS_QUERIES=4",
            "-DSTS_TX_SIZE=512", "-DSTS_RX_SIZE=512", "-DSTS_REPLY_SIZE=64", "-DSTS_CACHE_MAX=1", "-DSTS_IPV6=0", "-DSTS_LOG=0"]
ARM = ["arm-none-eabi-gcc", "-mthumb", "-Os"]

FILES = {
    "core": (glob.glob("core/*.c") + glob.glob("port/ram/*.c"), CORE),
    "posix": (glob.glob("port/posix/*.c"), HOSTED),
    "linux": ([f for f in glob.glob("boards/linux/*.c") + glob.glob("boards/common/*.c")], HOSTED),
    "wolfssl": (glob.glob("port/wolfssl/*.c"), WOLFSSL),
}
EVERYWHERE = ("core", "posix", "linux", "wolfssl")
RUNS = [
    (["gcc", "-O0", "-U_FORTIFY_SOURCE"], EVERYWHERE, LINUX),
    (["gcc", "-O2"], EVERYWHERE, LINUX),
    (["gcc", "-Os"], ("core", "posix"), []),
    (["gcc", "-O3"], ("core",), SMALLEST),
    (["gcc", "-O2", *M32], ("core", "posix"), []),
    (["clang", "-O2"], EVERYWHERE, LINUX),
    (["clang", "-Os"], ("core",), []),
    (ARM + ["-mcpu=cortex-m0plus"], ("core",), []),
    (ARM + ["-mcpu=cortex-m3"], ("core",), []),
    (ARM + ["-mcpu=cortex-m3"], ("core",), SMALLEST),
    (ARM + ["-mcpu=cortex-m33"], ("core",), []),
]


def jobs():
    for compiler, parts, limits in RUNS:
        for part in parts:
            files, flags = FILES[part]
            for file in sorted(files):
                # flags first: what the run says comes last and wins
                yield [compiler[0], *flags, *limits, *compiler[1:], "-Werror", "-c", file]
    for header in sorted(glob.glob("include/stsmail/*.h")):
        for compiler in (["gcc", "-x", "c", "-std=c11"], ["clang", "-x", "c", "-std=c17"], ["clang", "-x", "c++", "-std=c++17"]):
            yield [*compiler, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Iinclude", "-fsyntax-only", "-include", header, "-"]


def compile_one(job):
    number, words = job
    out = [] if "-fsyntax-only" in words else ["-o", f"{OUT}/{number}.o"]
    done = subprocess.run(words + out, capture_output=True, text=True, input="int one;\n")
    if out and os.path.exists(out[1]):
        os.remove(out[1])
    return done.returncode == 0, " ".join(words), done.stderr


def main():
    os.makedirs(OUT, exist_ok=True)
    good = bad = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for ok, words, text in pool.map(compile_one, enumerate(jobs())):
            good, bad = good + ok, bad + (not ok)
            if not ok:
                print(f"{words}\n{text}")
    print(f"compilers: {good} passed, {bad} failed")
    return bad != 0


sys.exit(main())
