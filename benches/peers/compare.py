"""The same job in several tools: first that they agree, then how long they take.

Whole processes, in pairs (packwright, peer, packwright, peer, ...): a machine
that is busy is busy for both halves of a pair, so the median of the pairs'
ratios says more than either median. Processor time says still more there: it
does not grow while others have the processor. Nothing passes or fails by time.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import yaml

DOCUMENT = "kubeadm/cluster-configuration.v1beta4.yaml"
INPUTS = ["kube-apiserver-audit", "--kubernetes-version", "1.33"]


class Peer:
    """A command, what it does of the job, and how to get it."""

    def __init__(self, name, command, does, get=None, prepare=None, content=lambda document: document):
        self.name, self.command, self.does, self.get = name, [str(part) for part in command], does, get
        self.prepare, self.content = prepare, content

    def there(self):
        return shutil.which(self.command[0]) is not None

    def output(self):
        done = subprocess.run(self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode != 0:
            sys.exit(f"{self.name} failed: {done.stderr.decode(errors='replace')}")
        return done.stdout

    def time(self):
        """One run: milliseconds of wall time and of processor time."""
        if self.prepare:
            self.prepare()
        start = time.perf_counter_ns()
        pid = os.posix_spawnp(self.command[0], self.command, os.environ, file_actions=QUIET)
        _, status, usage = os.wait4(pid, 0)
        elapsed = (time.perf_counter_ns() - start) / 1e6
        if status != 0:
            sys.exit(f"{self.name} failed while it was timed: status {status}")
        return elapsed, (usage.ru_utime + usage.ru_stime) * 1e3

    def peak(self):
        """The peak resident set in MiB. GNU time forks from a small process;
        a child of this one would count its parent's memory as its own."""
        gnu_time = shutil.which("time")
        if not gnu_time:
            return None
        figures = []
        for _ in range(5):
            if self.prepare:
                self.prepare()
            done = subprocess.run([gnu_time, "-f", "%M", *self.command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
            figures.append(int(done.stderr.split()[-1]))
        return statistics.median(figures) / 1024


SINK = os.open(os.devnull, os.O_RDWR)
QUIET = [(os.POSIX_SPAWN_DUP2, SINK, 1), (os.POSIX_SPAWN_DUP2, SINK, 2)]


def compare(ours, peer, pairs):
    """Runs both in turn; which is first changes from pair to pair."""
    for warm in (ours, peer):
        warm.time()
    rows = []
    for pair in range(pairs):
        if pair % 2:
            theirs, mine = peer.time(), ours.time()
        else:
            mine, theirs = ours.time(), peer.time()
        rows.append((mine, theirs))
    median = lambda pick: statistics.median(pick(mine, theirs) for mine, theirs in rows)
    ratios = statistics.quantiles([mine[0] / theirs[0] for mine, theirs in rows], n=4)
    return {
        "ours_ms": median(lambda mine, _: mine[0]),
        "ms": median(lambda _, theirs: theirs[0]),
        "cpu_ms": median(lambda _, theirs: theirs[1]),
        "ratio": ratios[1],
        "quartiles": [ratios[0], ratios[2]],
        "cpu_ratio": median(lambda mine, theirs: mine[1] / theirs[1]),
    }


def table(title, ours, peers, pairs):
    print(f"\n{title}\n")
    print(f"| tool | wall ms | CPU ms | peak MiB | {ours.name} / tool, wall: median of {pairs} pairs (quartiles) | CPU | does |")
    print("|---|--:|--:|--:|--:|--:|---|")
    rows = [(ours, compare(ours, ours, pairs))]
    rows += [(peer, compare(ours, peer, pairs)) for peer in peers if peer.there()]
    for peer, row in rows:
        row["peak_mib"] = peer.peak()
        peak = "-" if row["peak_mib"] is None else f"{row['peak_mib']:.1f}"
        low, high = row["quartiles"]
        print(f"| {peer.name} | {row['ms']:.2f} | {row['cpu_ms']:.2f} | {peak} | {row['ratio']:.3f} ({low:.3f} to {high:.3f}) | {row['cpu_ratio']:.3f} | {peer.does} |", flush=True)
    for peer in peers:
        if not peer.there():
            print(f"| {peer.name} | missing | | | | | `{peer.get}` |")
    return {peer.name: row for peer, row in rows}


def without_name(document):
    document.pop("metadata", None)
    return document


def render_peers(arguments, work):
    """The job in every tool; files that follow from the pack are made here, so
    that they cannot fall behind it."""
    job = pathlib.Path(__file__).parent / "job"
    pack = arguments.root / "packs" / "kube-apiserver-audit"
    override = job / "override.yaml"
    packwright = Peer(
        "packwright render", [arguments.packwright, "render", *INPUTS, "-f", override, "--file", DOCUMENT], "merges, checks the schema and the templates, reads back what it renders"
    )

    chart = work / "chart"
    shutil.copytree(job / "chart", chart)
    for name in ("values.yaml", "values.schema.json"):
        shutil.copyfile(pack / name, chart / name)

    merged = work / "merged.yaml"
    merged.write_bytes(subprocess.run([arguments.packwright, "values", *INPUTS, "-f", override], stdout=subprocess.PIPE, check=True).stdout)

    ytt = work / "ytt"
    shutil.copytree(job / "ytt", ytt)
    (ytt / "schema.yaml").write_text("#@data/values-schema\n---\n" + (pack / "values.yaml").read_text())

    base = work / "kustomize"
    base.mkdir()
    document = yaml.safe_load(subprocess.run([arguments.packwright, "render", *INPUTS, "--file", DOCUMENT], stdout=subprocess.PIPE, check=True).stdout)
    wanted = {argument["name"]: argument["value"] for argument in yaml.safe_load(packwright.output())["apiServer"]["extraArgs"]}
    patch = [
        {"op": "replace", "path": f"/apiServer/extraArgs/{index}/value", "value": wanted[argument["name"]]}
        for index, argument in enumerate(document["apiServer"]["extraArgs"])
        if argument["value"] != wanted[argument["name"]]
    ]
    document["metadata"] = {"name": "cluster"}
    (base / "base.yaml").write_text(yaml.safe_dump(document))
    (base / "kustomization.yaml").write_text(
        yaml.safe_dump({"resources": ["base.yaml"], "patches": [{"target": {"kind": "ClusterConfiguration"}, "patch": yaml.safe_dump(patch)}]})
    )

    install = "benches/peers/install"
    return packwright, [
        Peer("minijinja-cli", ["minijinja-cli", job / "cluster-configuration.yaml.j2", merged], "only renders: the values are merged for it", "cargo install minijinja-cli"),
        Peer("ytt", ["ytt", "--ignore-unknown-comments", "-f", ytt, "--data-values-file", override], "merges, checks types", install),
        Peer("helm template", ["helm", "template", "audit", chart, "-f", override], "merges, checks the schema", "go install helm.sh/helm/v4/cmd/helm@latest"),
        Peer(
            "kustomize build", ["kustomize", "build", base], "applies a JSON patch to a finished document", "go install sigs.k8s.io/kustomize/kustomize/v5@v5.7.1", content=without_name
        ),
    ], chart


def check(ours, peers):
    expected = yaml.safe_load(ours.output())
    for peer in filter(Peer.there, peers):
        actual = peer.content(yaml.safe_load(peer.output()))
        if actual != expected:
            sys.exit(f"{peer.name} renders something else:\n{yaml.safe_dump(actual)}\nexpected:\n{yaml.safe_dump(expected)}")
        print(f"{peer.name}: equal content", file=sys.stderr)


def build_peers(arguments, work, chart):
    override = pathlib.Path(__file__).parent / "job" / "override.yaml"
    fresh, again, charts = work / "fresh", work / "again", work / "charts"
    command = [arguments.packwright, "build", *INPUTS, "-f", override, "-o"]

    def empty(folder):
        return lambda: shutil.rmtree(folder, ignore_errors=True)

    build = Peer("packwright build", [*command, fresh], "checks, renders, writes folder, archive and checksum", prepare=empty(fresh))
    return build, [
        Peer("the same again", [*command, again], "the same pack is there already, and is replaced"),
        Peer(
            "helm package", ["helm", "package", chart, "-d", charts], "writes an archive, renders nothing", "go install helm.sh/helm/v4/cmd/helm@latest", prepare=empty(charts)
        ),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packwright", required=True)
    parser.add_argument("--root", type=pathlib.Path, required=True)
    parser.add_argument("--pairs", type=int, default=41, help="at least 41 for figures to publish")
    parser.add_argument("--json", type=pathlib.Path, help="write all figures to a file as well")
    arguments = parser.parse_args()
    arguments.packwright = os.path.abspath(arguments.packwright)

    memory = pathlib.Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="packwright-peers-", dir=memory if memory.is_dir() else None) as work:
        work = pathlib.Path(work)
        # Helm looks for plugins and caches in the home folder.
        for variable in ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"):
            os.environ[variable] = str(work / "helm")
        ours, peers, chart = render_peers(arguments, work)
        check(ours, peers)
        start = Peer("a process that does nothing", ["true"], "what starting costs")
        figures = table("Render one document", ours, [start, *peers], arguments.pairs)
        build, others = build_peers(arguments, work, chart)
        figures |= table("Build a pack", build, others, arguments.pairs)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
