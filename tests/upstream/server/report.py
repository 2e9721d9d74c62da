"""Writes docs/real-servers.md out of the reports of run.py, one a minor:  report.py REPORT.."""

import datetime
import json
import sys

reports = sorted((json.load(open(path)) for path in sys.argv[1:]), key=lambda report: report["kubernetes"])
versions = [report["kubernetes"] for report in reports]

PARTS = {
    "packs": (
        "Packs",
        f"""Each pack is built, its ClusterConfiguration and its patches are given to kubeadm, and the Pod that kubeadm writes
is started. Seventy-odd requests follow: reads, writes, watches, subresources, denied, unauthenticated,
impersonated, malformed and unknown ones, of users, a node and a service account. Of each, the log must hold an event at the
stages that [`policy explain`](policy.md#explain) says and at no other, at the level that it says, with the
bodies that this level has and no others, and without managed fields where it says so. `default` and the
[overlays](../values/) are the project's, the others are in [values](../tests/upstream/server/values/).""",
        "pack",
    ),
    "refusals": (
        "What lint calls an error",
        """Each is one change of the configuration `unchanged`, in a ClusterConfiguration with its policy. Lint must find
that error and no other; then the API server is started with the Pod that kubeadm makes of it, and asked the same requests.""",
        "configuration",
    ),
    "replay": (
        "Replay",
        """The same requests are asked of a server per policy. [`policy replay`](policy.md#replay) of a log under its own policy
must keep every byte. Under a policy that records at most what the first does, it must keep what the server with
that policy wrote: the same events by request and stage, each with the same level, bodies and everything else (ids, times,
resourceVersions and other random texts aside); its totals, levels and rules must be those that explain gives each
event, and its bytes those of the lines without the bodies.""",
        "log",
    ),
    "batching": (
        "Batches",
        f"""The flags of the [tutorial](../values/tutorial.yaml), with other waits and modes. How late: from the answer of a request
until its last event is in the file, one request at a time, 20 of them, median and maximum. Lost: of 20 requests, ten a
second, those whose last event is not in the file after the server is gone, in three rounds of SIGKILL and one of SIGTERM. Cores busy: processor
time in 10 s without requests, before all else on the machine.""",
        "log",
    ),
    "mounts": (
        "Mounts in the Pods of kubeadm",
        """Each is one change of `unchanged`. kubeadm makes the Pod of the ClusterConfiguration; that the fault is in it is
looked up there. Lint is asked of both. An API server is asked whether it takes the Pod, as the kubelet asks of a static
Pod, and the Pod is started.""",
        "Pod",
    ),
    "strict": (
        "A log that cannot be written",
        """A log file that is mounted itself cannot be rotated. What the modes make of that: an API server that refuses
what it cannot log, or one that answers and says so nowhere but in its own log.""",
        "mode",
    ),
}


def table(part, first):
    """One row for what was tried; of several servers that gave the same, it is said once."""
    columns = [report["parts"].get(part, []) for report in reports]
    if not any(columns):
        return
    title, text, _ = PARTS[part]
    print(f"\n## {title}\n\n{text}\n")
    print(f"| {first} | expected | " + " | ".join(f"seen of {version}" for version in versions) + " |")
    print("|---|---|" + "---|" * len(versions))
    for rows in zip(*columns, strict=True):
        seen = [row[2] for row in rows]
        cells = [seen[0]] + ["the same" if one == seen[0] else one for one in seen[1:]]
        expected = [row[1] for row in rows]
        if len(set(expected)) > 1:
            expected = [f"{version}: {one}" for version, one in zip(versions, expected, strict=True)]
        print(f"| {rows[0][0]} | {'; '.join(dict.fromkeys(expected))} | {' | '.join(cells)} |")


print(f"""# Real API servers

What `ci/upstream-server` saw on {datetime.datetime.now(datetime.UTC).date()} of kube-apiserver {" and ".join(versions)}, built from their Go modules, with Debian's
etcd {reports[0]["etcd"]} and the kubeadm of the same minor. With `--write` the script writes this file; it fails if anything is not as expected.

Each API server runs in the Pod that kubeadm made, as a container would: in a mount namespace and a root of its own, with each
volume checked as a kubelet checks its type, and mounted at its path, read-only where the Pod says so. So flags
and paths are those of the Pod, and a fault of a mount has its real effect. Only the addresses of the server and of etcd are others,
users with tokens are added, and compaction is off. There is no kubelet, controller manager or scheduler.""")
for name in PARTS:
    table(name, PARTS[name][2])
