"""Starts real API servers, asks them, and compares what they do with what packwright says they do.

run.py --minor 1.35 --packwright P --kubeadm P --apiserver P --etcd P [--only PART].. [--report FILE]

Prints what is as expected, and what is not; the status is 1 if anything is not. The report is JSON, of which
`report.py` makes docs/real-servers.md.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import batching
import mounts
import packs
import refusals
import replay
import strict
from machine import Machine, run, workspace
from tools import Tools

PARTS = {"packs": packs.check, "refusals": refusals.check, "replay": replay.check, "batching": batching.check, "mounts": mounts.check, "strict": strict.check}


def main():
    parser = argparse.ArgumentParser()
    for name in ["minor", "packwright", "kubeadm", "apiserver", "etcd"]:
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--only", action="append", choices=PARTS)
    parser.add_argument("--report", type=Path)
    given = parser.parse_args()
    tmp = workspace()
    tools = Tools(given.minor, given.packwright, given.kubeadm, given.apiserver, tmp, Machine(tmp, given.etcd))
    etcd = run(given.etcd, "--version").split()[2]
    report, faults = {"kubernetes": tools.version(), "etcd": etcd, "parts": {}}, 0
    for name in given.only or PARTS:
        start = time.monotonic()
        report["parts"][name] = []
        for row in PARTS[name](tools):
            print(f"{'FAULT' if row.faults else 'ok'}  {tools.minor} {name}  {row.what}  {row.expected}  {row.seen}", flush=True)
            for fault in row.faults:
                print(f"       {fault}", flush=True)
            faults += bool(row.faults)
            report["parts"][name].append([row.what, row.expected, row.seen])
        print(f"{tools.minor} {name}: {time.monotonic() - start:.0f} s", flush=True)
    if given.report:
        given.report.write_text(json.dumps(report))
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
