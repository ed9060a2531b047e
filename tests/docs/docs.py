#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Compiles every C example of the documents, and checks that their links to files lead somewhere.

    docs.py BUILD_DIR DOCUMENT...
"""
import os
import re
import subprocess
import sys

build, documents = sys.argv[1], sys.argv[2:]
good = bad = 0
os.makedirs(build, exist_ok=True)
for document in documents:
    text = open(document).read()
    for n, code in enumerate(re.findall(r"^```c\n(.*?)^```$", text, re.S | re.M)):
        path = f"{build}/{os.path.basename(document)}.{n}.c"
        with open(path, "w") as f:
            f.write("#include <string.h>\n" + code)
        done = subprocess.run(["gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-Iinclude", "-fsyntax-only", path],
                              capture_output=True, text=True)
        good, bad = good + (done.returncode == 0), bad + (done.returncode != 0)
        if done.returncode:
            print(f"{document}, example {n}:\n{done.stderr}")
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        there = os.path.exists(os.path.join(os.path.dirname(document), link))
        good, bad = good + there, bad + (not there)
        if not there:
            print(f"{document}: no such file: {link}")
print(f"docs: {good} passed, {bad} failed")
sys.exit(bad != 0)
