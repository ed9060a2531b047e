# SPDX-License-Identifier: MIT
"""Reads gcc's -fcallgraph-info=su: who calls whom, and what each function takes of the stack."""
import glob
import re

NODE = re.compile(r'node: \{ title: "([^"]+)" label: "([^"]*)"')
EDGE = re.compile(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"')


def read(folder):
    """stack: function -> bytes; calls: function -> set of functions. Functions of one file are kept apart from those
    of the same name in another: gcc writes them as file:name."""
    stack, calls = {}, {}
    for path in sorted(glob.glob(f"{folder}/*.ci")):
        text = open(path).read()
        for title, label in NODE.findall(text):
            bytes_ = re.search(r"(\d+) bytes \((\w+)", label)
            if bytes_:
                stack[title] = int(bytes_.group(1))
        for source, target in EDGE.findall(text):
            calls.setdefault(source, set()).add(target)
    return stack, calls


def deepest(stack, calls, function, path=()):
    """(bytes, path) of the deepest chain below function. Raises on recursion."""
    if function in path:
        raise RecursionError(" -> ".join(path + (function,)))
    best = (0, ())
    for target in calls.get(function, ()):
        if target in stack:
            best = max(best, deepest(stack, calls, target, path + (function,)))
    return stack.get(function, 0) + best[0], (function,) + best[1]
