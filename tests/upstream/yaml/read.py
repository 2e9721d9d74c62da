#!/usr/bin/env python3
"""Has PyYAML read a corpus: read.py CORPUS, the same interface and status as main.go beside it.

PyYAML is the reader that keeps most of YAML 1.1: `1:30` is a number and `2001-12-14` a date.
"""
import json
import sys

import yaml

SHOWN = 20  # mismatches printed for each reader


def equal(a, b):
    """Like ==, but True is not 1, and 1.0 is 1 as in JSON."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(isinstance(k, str) and equal(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return a == b
    return type(a) is type(b) and a == b


def only(text, loader):
    documents = list(yaml.load_all(text, Loader=loader))
    if len(documents) != 1:
        raise ValueError(f"{len(documents)} documents")
    return documents[0]


def main(path):
    loaders = {"PyYAML": yaml.SafeLoader}
    if yaml.__with_libyaml__:
        loaders["PyYAML/libyaml"] = yaml.CSafeLoader
    passed = dict.fromkeys(loaders, 0)
    failed = dict.fromkeys(loaders, 0)
    # Lines end at LF alone: the corpus is full of the other line separators.
    with open(path, encoding="utf-8", newline="\n") as corpus:
        for line in map(json.loads, corpus):
            for name, loader in loaders.items():
                try:
                    got = only(line["yaml"], loader)
                    if equal(got, line["value"]):
                        passed[name] += 1
                        continue
                except (yaml.YAMLError, ValueError, TypeError) as error:
                    got = error
                failed[name] += 1
                if failed[name] <= SHOWN:
                    print(f"{name}: {line['yaml']!r}\n  got  {got!r}\n  want {line['value']!r}")
    for name in loaders:
        print(f"{name}: {passed[name]} passed, {failed[name]} failed")
    # An empty corpus proves nothing.
    return any(failed.values()) or not all(passed.values())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: read.py CORPUS")
    sys.exit(main(sys.argv[1]))
