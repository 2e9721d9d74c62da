"""What batches without a wait, with one, and none at all mean: how late events are, what is lost, and what it costs.

The flags are those of values/tutorial.yaml, which has batches of 5 and no wait.
"""

import os
import statistics
import time

import traffic
from tools import Row

GOOD = {
    "no wait (as the tutorial)": [],
    "wait of 1s": ["--set", "log.batch.maxWait=1s"],
    "wait of 5s": ["--set", "log.batch.maxWait=5s"],
    "mode blocking": ["--set", "log.mode=blocking", "--set", "log.batch=null"],
}
LOG = "/var/log/kubernetes/audit/audit.log"
REQUESTS = 20
ROUNDS = 3
IDLE = 10  # seconds


def check(tools):
    packs = {name: tools.build(f"batching-{number}", "-f", tools.values("tutorial"), *values) for number, (name, values) in enumerate(GOOD.items())}
    pods = tools.pods("batching", {f"case-{number}": pack for number, pack in enumerate(packs.values())})
    rows = [one(tools, name, pack, pods[f"case-{number}"][0]) for number, (name, pack) in enumerate(packs.items())]
    return rows


def one(tools, name, pack, pod):
    node, server = start(tools, pack, pod)
    delays = [late(server, node, f"late-{number}") for number in range(REQUESTS)]
    before = cpu(server)
    time.sleep(IDLE)
    busy = (cpu(server) - before) / IDLE
    server.kill()
    killed = [lost(tools, pack, pod, "kill") for _ in range(ROUNDS)]
    stopped = [lost(tools, pack, pod, "stop") for _ in range(ROUNDS)]
    seen = f"{1000 * statistics.median(delays):.0f} ms, at most {1000 * max(delays):.0f} ms late; lost of {REQUESTS}: {numbers(killed)} by SIGKILL, {numbers(stopped)} by SIGTERM; {100 * busy:.0f} % of a core when idle"
    row = Row(name, "", seen)
    # What the documents say of it.
    wait = next((float(word.rstrip("s")) for word in name.split() if word.rstrip("s").isdigit()), 0)
    idle_expected = "a core busy" if "no wait" in name else "idle"
    row.expected = {0: "at once"}.get(wait, f"at most {wait:.0f} s late") + f"; nothing lost by SIGTERM; {idle_expected}"
    if max(delays) > wait + 2:
        row.faults.append("events are later")
    if any(stopped):
        row.faults.append("events are lost by SIGTERM")
    if ("no wait" in name) != (busy > 0.5):
        row.faults.append(f"idle it takes {busy:.2f} cores")
    if name == "mode blocking" and any(killed):
        row.faults.append("events are lost by SIGKILL")
    return row


def numbers(values):
    return " and ".join(map(str, sorted(set(values))))


def start(tools, pack, pod):
    node = tools.machine.node("batching")
    node.unpack(pack / "kubeadm/node-files.tar")
    server = node.start(pod, tools.apiserver)
    time.sleep(12)  # what it does once at its start is over
    return node, server


def ask(server, audit_id):
    server.request("admin", "GET", f"{traffic.API}/namespaces/default", headers={"Audit-ID": audit_id})


def late(server, node, audit_id):
    """Seconds from the answer of a request to its last event in the log, under one request at a time."""
    wanted = f'"auditID":"{audit_id}","stage":"ResponseComplete"'
    log = node.path(LOG)
    offset = log.stat().st_size
    ask(server, audit_id)
    answered = time.monotonic()
    while time.monotonic() < answered + 60:
        with open(log) as file:
            file.seek(offset)
            if wanted in file.read():
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


def cpu(server):
    """Seconds of processor time so far."""
    fields = open(f"/proc/{server.process.pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
