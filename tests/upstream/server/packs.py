"""Packs that start, and write the events that their policy says."""

import json
import re

import traffic
from machine import Collector, NotStarted
from tools import Row

OVERLAYS = ["recommended", "cis", "stig", "webhook", "tutorial", "palette-pxk"]
OWN = ["blocking", "strict", "legacy", "truncate", "wait", "extra"]
KUBECONFIG = "/etc/kubernetes/audit-webhook.kubeconfig"
FINAL = "ResponseComplete"


def check(tools):
    packs = {"default": tools.build("default")}
    for name in OVERLAYS + OWN:
        packs[name] = tools.build(name, "-f", tools.values(name))
    pods = tools.pods("packs", packs)
    return (one(tools, name, pack, pods[name][0]) for name, pack in packs.items())


def one(tools, name, pack, pod):
    node = tools.machine.node(name)
    node.unpack(pack / "kubeadm/node-files.tar")
    flags = dict(word.lstrip("-").split("=", 1) for word in pod["spec"]["containers"][0]["command"][1:])
    collector = None
    if "audit-webhook-config-file" in flags:
        collector = Collector()
        node.write(KUBECONFIG, collector.kubeconfig())
    row = Row(f"`{name}`", "starts; events as `policy explain` says", "")
    try:
        server = node.start(pod, tools.apiserver)
    except NotStarted as error:
        row.seen, row.faults = "does not start", [str(error)]
        return row
    traffic.drive(server)
    server.stop()

    log, policy = node.path(flags["audit-log-path"]), node.path(flags["audit-policy-file"])
    if flags.get("audit-log-format") == "legacy":
        events = [legacy(line) for line in log.read_text().splitlines()]
    else:
        events = [json.loads(line) for line in log.read_text().splitlines()]
    row.faults = compare(tools, policy, events)
    if collector:
        sent, logged = ({(event["auditID"], event["stage"]) for event in all} for all in (collector.events, events))
        if sent != logged:
            row.faults.append(f"webhook and log differ in {len(sent ^ logged)} events")
        collector.server.shutdown()
    if name == "truncate" and not any(truncated(event) for event in events):
        row.faults.append("no event was truncated")
    ours = of_traffic(events)
    levels = {level: sum(event.get("level") == level for event in ours) for level in ["Metadata", "Request", "RequestResponse"]}
    counts = ", ".join(f"{count} {level}" for level, count in levels.items() if count)
    row.seen = f"{len(ours)} events of {len(traffic.REQUESTS)} requests: {counts or 'text, which says no level'}"
    row.seen += "; the same arrive at the webhook" if collector else ""
    return row


def legacy(line):
    """A line of text says neither level nor bodies."""
    return dict(zip(["auditID", "stage"], re.search(r' AUDIT: id="([^"]*)" stage="([^"]*)"', line).groups(), strict=True))


def of_traffic(events):
    names = {one.name for one in traffic.REQUESTS}
    return [event for event in events if event["auditID"] in names]


def truncated(event):
    return event.get("annotations", {}).get("audit.k8s.io/truncated") == "true"


def compare(tools, policy, events):
    """What differs between a log and what `policy explain` says of each request."""
    faults, by_request = [], {}
    for event in events:
        by_request.setdefault(event["auditID"], []).append(event)
    for one in traffic.REQUESTS:
        said = tools.ask("policy", "explain", policy, *one.question(), "--kubernetes-version", tools.minor)
        seen = by_request.get(one.name, [])
        faults += [f"{one.name}: {fault}" for fault in differences(one, said, seen)]
    return faults


def differences(one, said, seen):
    stages, level = [event["stage"] for event in seen], said["level"]
    if stages != said["stages"]:
        yield f"stages {stages}, not {said['stages']}"
    for event in seen:
        if "level" not in event:
            continue  # format legacy
        if event["level"] != level:
            yield f"level {event['level']}, not {level}"
        if truncated(event):
            continue
        # The request is decoded, and answered, after the first stage; the last has all.
        last = event["stage"] == FINAL or one.who == "invalid"
        sends, answers = one.sends and level in ("Request", "RequestResponse"), one.answers and level == "RequestResponse"
        if "requestObject" in event and not sends or last and sends and "requestObject" not in event:
            yield f"{event['stage']}: a request body is {'logged' if 'requestObject' in event else 'not logged'}"
        if "responseObject" in event and not answers or last and answers and "responseObject" not in event:
            yield f"{event['stage']}: a response body is {'logged' if 'responseObject' in event else 'not logged'}"
        if said["omitManagedFields"] and "managedFields" in json.dumps(event.get("responseObject")):
            yield f"{event['stage']}: managed fields are logged"
