"""What batches without a wait, with one, and none at all mean: how late events are, what is lost, and what it costs.

The flags are those of values/tutorial.yaml, which has batches of 5 and no wait.
"""

import contextlib
import os
import statistics
import time
from pathlib import Path

import traffic
from tools import Row

TUTORIAL = "batches of 5, no wait (the tutorial)"
CASES = {
    TUTORIAL: [],
    "batches of 5, wait of 1s": ["--set", "log.batch.maxWait=1s"],
    "batches of 5, wait of 5s": ["--set", "log.batch.maxWait=5s"],
    "mode blocking": ["--set", "log.mode=blocking", "--set", "log.batch=null"],
}
WAITS = dict(zip(CASES, [0, 1, 5, 0], strict=True))  # seconds
BATCH = 5
LOG = "/var/log/kubernetes/audit/audit.log"
REQUESTS = 20
ROUNDS = 3
IDLE = 10  # seconds


def check(tools):
    packs = {name: tools.build(f"batching-{number}", "-f", tools.values("tutorial"), *values) for number, (name, values) in enumerate(CASES.items())}
    pods = tools.pods("batching", {f"case-{number}": pack for number, pack in enumerate(packs.values())})
    for number, (name, pack) in enumerate(packs.items()):
        yield one(tools, name, pack, pods[f"case-{number}"][0])


def one(tools, name, pack, pod):
    node, server = start(tools, pack, pod)
    time.sleep(10)  # what it does once at its start is over
    delays = [late(server, node, f"late-{number}") for number in range(REQUESTS)]
    prefer(server)
    before = cpu(server)
    time.sleep(IDLE)
    busy = (cpu(server) - before) / IDLE
    server.kill()
    killed = [lost(tools, pack, pod, "kill") for _ in range(ROUNDS)]
    stopped = [lost(tools, pack, pod, "stop")]
    # What the documents say: a batch leaves when it is full or after the wait, a stopped server
    # writes what it has, and a batch without a wait is gathered in a loop that never rests.
    wait, in_a_loop = WAITS[name], name == TUTORIAL
    row = Row(name, f"{f'at most {wait} s late' if wait else 'at once'}, nothing lost by SIGTERM, {'one core' if in_a_loop else 'no core'} busy", "")
    row.seen = f"{words(statistics.median(delays))} late, at most {words(max(delays))}; of {REQUESTS} requests {numbers(killed)} lost by SIGKILL, {numbers(stopped)} by SIGTERM; "
    row.seen += f"{busy:.2f} cores busy when idle"
    if max(delays) > wait + 1:
        row.faults.append("events are later")
    if any(stopped):
        row.faults.append("events are lost by SIGTERM")
    # No more than a batch that is not full, and what arrives meanwhile.
    if max(killed) > (BATCH if wait else 1):
        row.faults.append("more events are lost by SIGKILL than a batch has")
    if in_a_loop != (busy > 0.5):
        row.faults.append(f"it takes {busy:.2f} cores when idle")
    return row


def words(seconds):
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def numbers(values):
    """Of several rounds, the least and the most."""
    return f"{min(values)}" if min(values) == max(values) else f"{min(values)} to {max(values)}"


def start(tools, pack, pod):
    node = tools.machine.node("batching")
    node.unpack(pack / "kubeadm/node-files.tar")
    return node, node.start(pod, tools.apiserver)


def ask(server, audit_id):
    server.request("admin", "GET", f"{traffic.API}/namespaces/default", headers={"Audit-ID": audit_id})


def late(server, node, audit_id):
    """Seconds from the answer of a request to its last event in the log, under one request at a time."""
    text = f'"auditID":"{audit_id}","stage":"ResponseComplete"'
    log = node.path(LOG)
    offset = log.stat().st_size
    ask(server, audit_id)
    answered = time.monotonic()
    while time.monotonic() < answered + 60:
        with open(log) as file:
            file.seek(offset)
            if text in file.read():
                return time.monotonic() - answered
        time.sleep(0.002)
    return 60.0


def lost(tools, pack, pod, how):
    """How many of some requests, a tenth of a second apart, have no last event when the server is gone."""
    node, server = start(tools, pack, pod)
    names = [f"lost-{number}" for number in range(REQUESTS)]
    for name in names:
        ask(server, name)
        time.sleep(0.1 if name != names[-1] else 0)
    getattr(server, how)()
    text = node.path(LOG).read_text()
    return sum(f'"auditID":"{name}","stage":"ResponseComplete"' not in text for name in names)


def prefer(server):
    """Before all else on the machine, so that it takes what it would take alone. Only root may."""
    for thread in os.listdir(f"/proc/{server.process.pid}/task"):
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, int(thread), -15)


def cpu(server):
    """Seconds of processor time so far."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
