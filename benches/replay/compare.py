"""The same log, the same policy, several readers: first that they count alike, then how long they take.

Each round runs every reader once, so that a machine that is busy is busy for
all of them; a figure is the median of the rounds. What is told to use one core
is bound to one. Where other work takes the cores, processor time is the figure
to trust: of all threads, in the process and in the kernel. Nothing passes or
fails by time.
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

# jq does not know policies; it counts what the log has, and no bytes, which it could
# tell only by reading each line twice.
COUNT = """
def add($name): .[$name] += 1;
reduce inputs as $event ({};
  (.levels |= add($event.level))
  | (.users |= add($event.user.username // "nobody: failed authentication"))
  | (.verbs |= add($event.verb))
  | (.resources |= add($event.objectRef | if . == null then "URLs" else
      .resource + (if .apiGroup then "." + .apiGroup else "" end) + (if .subresource then "/" + .subresource else "" end) end)))
"""
# What it takes jq to read what is counted, and to write it.
FIELDS = "[.level, .stage, .verb, .user.username, .objectRef.resource // .requestURI] | @tsv"


class Reader:
    """A command that reads the log, on so many cores."""

    def __init__(self, name, command, cores=2, share=1.0, needs=None):
        self.name, self.cores, self.share = name, cores, share
        self.command = [str(part) for part in command]
        self.needs = needs or self.command[0]

    def there(self):
        return shutil.which(self.needs) is not None

    def run(self):
        """Seconds, seconds of processor time, peak MiB, and what it printed."""
        cpus = sorted(os.sched_getaffinity(0))[: self.cores]
        with tempfile.TemporaryFile() as out:
            start = time.perf_counter()
            child = subprocess.Popen(self.command, stdout=out, stderr=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, cpus))
            _, status, usage = os.wait4(child.pid, 0)
            elapsed = time.perf_counter() - start
            child.returncode = os.waitstatus_to_exitcode(status)
            if child.returncode != 0:
                sys.exit(f"{self.name} failed: {' '.join(self.command)}")
            out.seek(0)
            printed = out.read(1 << 20)
        return elapsed, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, printed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packwright", required=True)
    parser.add_argument("--root", type=pathlib.Path, required=True)
    parser.add_argument("--bytes", type=float, default=1e9)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keep", type=pathlib.Path, help="a folder for the logs, to be used again")
    arguments = parser.parse_args()
    packwright = os.path.abspath(arguments.packwright)
    policy = arguments.root / "benches" / "replay" / "policy.yaml"
    with tempfile.TemporaryDirectory(prefix="packwright-replay-") as work:
        folder = arguments.keep or pathlib.Path(work)
        folder.mkdir(parents=True, exist_ok=True)
        log, tenth, zipped = folder / "audit.log", folder / "tenth.log", folder / "audit.log.gz"
        generate = arguments.root / "benches" / "replay" / "generate.py"
        if not zipped.exists():
            subprocess.run([sys.executable, generate, "--bytes", str(arguments.bytes), log], check=True)
            # jq and Go are slow enough to be asked about a tenth.
            subprocess.run([sys.executable, generate, "--bytes", str(arguments.bytes / 10), tenth], check=True)
            with open(zipped, "wb") as out:
                subprocess.run(["gzip", "-c", log], stdout=out, check=True)
        size = log.stat().st_size
        share = tenth.stat().st_size / size
        replay = [packwright, "policy", "replay", policy, "--format", "json"]
        readers = [
            Reader("wc -l", ["wc", "-l", log]),
            Reader("packwright, one core", [*replay, "--workers", "1", log], cores=1),
            Reader("packwright, two cores", [*replay, log]),
            Reader("packwright, two cores, gzip", [*replay, zipped]),
            Reader("gzip -dc", ["gzip", "-dc", zipped]),
            Reader("Go: apiserver types and checker", ["audit-policy", "replay", policy, tenth], cores=1, share=share),
            Reader("jq, counting events", ["jq", "-n", "-c", COUNT, tenth], cores=1, share=share),
            Reader("jq, fields alone", ["jq", "-r", FIELDS, tenth], cores=1, share=share),
        ]
        present = [reader for reader in readers if reader.there()]
        agree(replay, tenth, [reader for reader in present if reader.name.startswith(("Go", "jq, counting"))])
        rows = {reader.name: [] for reader in present}
        peaks = dict.fromkeys(rows, 0.0)
        for _ in range(arguments.rounds):
            for reader in present:
                elapsed, processor, peak, _ = reader.run()
                rows[reader.name].append((elapsed, processor))
                peaks[reader.name] = max(peaks[reader.name], peak)
        rate = lambda reader, which: size * reader.share / statistics.median(row[which] for row in rows[reader.name]) / 1e9
        one = next(reader for reader in present if reader.name == "packwright, one core")
        print(f"\n{size} bytes, medians of {arguments.rounds} rounds; a compressed log by its bytes uncompressed\n")
        print("| reader | GB/s | GB a second of processor time | packwright on one core is so many times as fast, by processor time | peak MiB |")
        print("|---|--:|--:|--:|--:|")
        for reader in present:
            times = rate(one, 1) / rate(reader, 1)
            print(f"| {reader.name} | {rate(reader, 0):.3f} | {rate(reader, 1):.3f} | {times:.2f} | {peaks[reader.name]:.0f} |")
        for reader in readers:
            if reader not in present:
                print(f"| {reader.name} | missing | | | |")


def agree(replay, log, others):
    """Others count as many events as packwright does: Go by the level that the policy gives, jq by who does what to what."""
    ours = json.loads(subprocess.run([*map(str, replay), str(log)], stdout=subprocess.PIPE, check=True).stdout)
    by_name = lambda names: {one["name"]: one["kept"]["events"] + one["dropped"]["events"] for one in names}
    for other in others:
        theirs = json.loads(other.run()[3])
        if "users" in theirs:
            have = {what: by_name(ours[what]) for what in ("users", "verbs", "resources")}
            theirs.pop("levels")
        else:
            have = ours["levels"]
        if theirs != have:
            sys.exit(f"{other.name} counts {theirs}, packwright {have}")
        print(f"{other.name}: the same counts", file=sys.stderr)


if __name__ == "__main__":
    main()
