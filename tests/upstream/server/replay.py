"""A log that a server wrote under one policy, replayed under another, against what a server wrote under that one.

The same requests are asked of a server per policy. Only their events are compared, since what a server does by
itself differs from start to start.
"""

import json
import re
from collections import Counter

import refusals
import traffic
from tools import Row

V1 = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"
OWN = {
    "everything": V1 + "rules: [{level: RequestResponse}]\n",
    # By name, by user, by subresource, by URL, and stages left out by rule.
    "narrow": V1 + """rules:
  - level: Request
    verbs: [get, list, watch, delete]
    resources: [{group: "", resources: [secrets], resourceNames: [db]}]
    omitStages: [RequestReceived]
  - level: None
    users: ["system:serviceaccount:shop:robot", system:kube-proxy]
  - level: RequestResponse
    verbs: [create]
    resources: [{group: "", resources: [pods/exec, pods/portforward, serviceaccounts/token]}]
    omitStages: [ResponseStarted]
  - level: None
    nonResourceURLs: ["/api*", /healthz]
  - level: Metadata
    namespaces: [shop]
  - level: Metadata
    userGroups: [system:nodes, system:unauthenticated]
""",
    # Bodies of everything, as small as can be.
    "no-managed-fields": V1 + "omitManagedFields: true\nomitStages: [RequestReceived]\nrules: [{level: RequestResponse}]\n",
    # Less of what `recommended` records.
    "writes": V1 + """omitManagedFields: true
omitStages: [RequestReceived, ResponseStarted]
rules:
  - level: Metadata
    verbs: [create, update, patch, delete, deletecollection]
    resources: [{group: "", resources: [secrets, configmaps, pods]}]
""",
}  # fmt: skip
# What the first records, the second records at most.
PAIRS = [
    ("everything", "recommended"), ("everything", "cis"), ("everything", "palette-pxk"), ("everything", "narrow"),
    ("everything", "no-managed-fields"), ("stig", "cis"), ("recommended", "writes"),
]  # fmt: skip
# What is another each time.
VARYING = {"uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "time", "token", "expirationTimestamp", "extra",
           "requestReceivedTimestamp", "stageTimestamp", "authentication.kubernetes.io/issued-credential-id"}  # fmt: skip
LATENCY = "apiserver.latency.k8s.io/"
# Ages in tables, volumes' random names, and the port, in texts.
VARYING_TEXT = re.compile(r"^\d+(ms|s|m)$|kube-api-access-\w{5}$|(?<=^10\.0\.0\.1:)\d+$")


def check(tools):
    names = list(dict.fromkeys(name for pair in PAIRS for name in pair))
    pod, _ = tools.pods("replay", {"any": refusals.configuration(tools, {"audit-log-maxsize": "1000"}, {})})["any"]
    logs = {}
    for name in names:
        logs[name] = Log(tools, name, pod)
        yield alone(tools, logs[name])
    for a, b in PAIRS:
        yield pair(tools, logs[a], logs[b])


class Log:
    """What a server wrote under a policy of the requests that it was asked."""

    def __init__(self, tools, name, pod):
        node = tools.machine.node(name)
        if name in OWN:
            text = OWN[name]
        else:
            policy = next(tools.build(f"replay-{name}", "-f", tools.values(name)).glob("files/**/audit-policy.yaml"))
            text = policy.read_text()
        node.write(refusals.POLICY, text)
        self.name, self.policy = name, node.path(refusals.POLICY)
        server = node.start(pod, tools.apiserver)
        traffic.drive(server)
        server.stop()
        names = {one.name for one in traffic.REQUESTS}
        lines = [(json.loads(line), line) for line in node.path(refusals.LOG).read_text().splitlines()]
        self.lines = [(event, line) for event, line in lines if event["auditID"] in names]
        self.path = node.folder / "traffic.log"
        self.path.write_text("".join(line + "\n" for _, line in self.lines))
        self.says = {
            one.name: tools.ask("policy", "explain", self.policy, *one.question(), "--kubernetes-version", tools.minor) for one in traffic.REQUESTS
        }


def alone(tools, log):
    """A log under its own policy: nothing is dropped, nothing is another level or size."""
    found = tools.ask("policy", "replay", log.policy, log.path, "--kubernetes-version", tools.minor)
    size = log.path.stat().st_size
    row = Row(f"`{log.name}` under itself", "nothing dropped, nothing changed", f"{found['kept']['events']} of {found['events']} events, {found['kept']['bytes']} of {size} bytes kept")
    want = {"events": len(log.lines), "bytes": size, "kept": {"events": len(log.lines), "bytes": size}, "dropped": {"events": 0, "bytes": 0}, "unknown": 0, "unreadable": 0, "omitted": 0}
    row.faults += differing(found, want)
    row.faults += differing(found, counted(log.lines, log.says))
    levels = Counter(event["level"] for event, _ in log.lines)
    row.faults += [f"level {level}: {count}, logged {levels[level]}" for level, count in found["levels"].items() if count != levels[level]]
    return row


def pair(tools, a, b):
    found = tools.ask("policy", "replay", b.policy, a.path, "--kubernetes-version", tools.minor)
    written = b.path.stat().st_size
    row = Row(f"`{a.name}` under `{b.name}`", f"what a server with `{b.name}` logs: {len(b.lines)} events", "")
    # As explain decides, event by event: what is kept, at what level, and how much of it.
    kept, size = {}, 0
    for event, line in a.lines:
        said = b.says[event["auditID"]]
        if said["level"] == "None" or event["stage"] in said["omitStages"]:
            continue
        bodies = [name for name, least in [("requestObject", ["Request", "RequestResponse"]), ("responseObject", ["RequestResponse"])] if name in event and said["level"] not in least]
        # A body's bytes as they stand in the line, with its name, two colons and quotes, and a comma.
        size += len(line.encode()) + 1 - sum(len(raw(line, event, name)) + len(f'"{name}":,') for name in bodies)
        kept[event["auditID"], event["stage"]] = {**{key: value for key, value in event.items() if key not in bodies}, "level": said["level"]}
    row.faults += differing(found, {**counted(a.lines, b.says), "kept": {"events": len(b.lines), "bytes": size}, "unknown": 0, "unreadable": 0})
    logged = {(event["auditID"], event["stage"]): event for event, _ in b.lines}
    row.faults += [f"{key} is only {'kept' if key in kept else 'logged'}" for key in kept.keys() ^ logged.keys()]
    fields = 0
    for key in kept.keys() & logged.keys():
        omit = b.says[key[0]]["omitManagedFields"]
        one, other = same(kept[key], omit), same(logged[key], omit)
        fields += any("managedFields" in json.dumps(kept[key].get(body)) for body in ("requestObject", "responseObject")) if omit else 0
        row.faults += [f"{key}: {name} is {one.get(name)!r:.300}, logged {other.get(name)!r:.300}" for name in one.keys() | other.keys() if one.get(name) != other.get(name)]
    # A kept event is counted with the level that it was recorded at, whose name may be longer.
    names = sum(len(event["level"]) - len(kept[key]["level"]) for event, _ in a.lines if (key := (event["auditID"], event["stage"])) in kept)
    row.seen = f"{found['kept']['events']} events of {found['events']}, {found['kept']['bytes']} bytes; the server wrote {len(b.lines)}, {written} bytes: the levels' names are {names} shorter"
    if fields:
        row.seen += f", and {fields} events have no managed fields"
    # Numbers grow by a digit, and slow requests are annotated with what took how long.
    elif abs(found["kept"]["bytes"] - names - slow(kept) - (written - slow(logged))) > len(b.lines):
        row.faults.append(f"{found['kept']['bytes']} bytes are kept, and {written} were written")
    return row


def slow(events):
    """About the bytes of what is said of slow requests."""
    annotations = [event.get("annotations", {}).items() for event in events.values()]
    return sum(len(f'"{name}":"{value}",') for all in annotations for name, value in all if name.startswith(LATENCY))


def raw(line, event, name):
    """The text of a body in its line: what is between its name and what follows."""
    text = json.dumps(event[name], separators=(",", ":"), ensure_ascii=False)
    at = line.index(f'"{name}":') + len(name) + 3
    _, end = json.JSONDecoder().raw_decode(line, at)
    assert json.loads(line[at:end]) == json.loads(text)
    return line[at:end].encode()


def counted(lines, says):
    """`levels`, `rules` and `omitted` of a replay, by what explain says of each request."""
    levels, rules = Counter({level: 0 for level in ["None", "Metadata", "Request", "RequestResponse"]}), Counter()
    omitted = 0
    for event, line in lines:
        said = says[event["auditID"]]
        levels[said["level"]] += 1
        rules[said["rule"]] += 1
        omitted += said["level"] != "None" and event["stage"] in said["omitStages"]
    return {"levels": dict(levels), "rules": rules, "omitted": omitted}


def differing(found, want):
    for name, value in want.items():
        have = found[name]
        if name == "rules":
            have, value = {one["rule"]: one["events"] for one in have if one["events"]}, dict(value)
        if have != value:
            yield f"{name} is {have}, not {value}"


def same(value, omit_managed_fields):
    """A value less what is another each time, and less managed fields if they are omitted."""
    if isinstance(value, dict):
        gone = VARYING | ({"managedFields"} if omit_managed_fields else set())
        return {key: same(each, omit_managed_fields) for key, each in value.items() if key not in gone and not key.startswith(LATENCY)}
    if isinstance(value, list):
        return [same(each, omit_managed_fields) for each in value]
    if isinstance(value, str):
        return VARYING_TEXT.sub("..", value)
    return value
