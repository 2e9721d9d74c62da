"""Configurations that lint calls errors: the API server ends, or starts and logs nothing.

Each is one change of a configuration that works, written as a person would. kubeadm makes a Pod of it.
"""

import re
from pathlib import Path

import traffic
from machine import NotStarted
from tools import Row

POLICY = "/etc/kubernetes/audit-policy.yaml"
LOG = "/var/log/kubernetes/audit/audit.log"
ARGS = {"audit-policy-file": POLICY, "audit-log-path": LOG, "audit-log-maxage": "30", "audit-log-maxbackup": "10", "audit-log-maxsize": "100"}
VOLUMES = {
    "audit-policy": {"hostPath": POLICY, "mountPath": POLICY, "readOnly": "true", "pathType": "File"},
    "audit-log": {"hostPath": "/var/log/kubernetes/audit", "mountPath": "/var/log/kubernetes/audit", "pathType": "DirectoryOrCreate"},
}
GOOD = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n  - level: Metadata\n"
ENDS, SILENT, WORKS = "does not start", "starts, and logs nothing", "starts, and logs"


def rules(text, version="v1"):
    return f"apiVersion: audit.k8s.io/{version}\nkind: Policy\nrules: {text}\n"


# Name, code, what the server does, flags that differ (None: not set), the policy, volumes that differ.
CASES = [
    ("unchanged", None, WORKS, {}, GOOD, {}),
    ("unknown-flag", "flag-unknown", ENDS, {"audit-log-max-age": "30"}, GOOD, {}),
    ("removed-flag", "flag-unavailable", ENDS, {"cloud-config": "/etc/kubernetes/pki/cloud.conf"}, GOOD, {}),
    ("number-as-word", "flag-type", ENDS, {"audit-log-maxage": "thirty"}, GOOD, {}),
    ("duration-without-unit", "flag-type", ENDS, {"audit-log-batch-max-wait": "5"}, GOOD, {}),
    ("unknown-mode", "flag-value", ENDS, {"audit-log-mode": "async"}, GOOD, {}),
    ("negative-size", "flag-value", ENDS, {"audit-log-maxsize": "-1"}, GOOD, {}),
    ("unknown-feature-gate", "flag-value", ENDS, {"feature-gates": "AdvancedAuditing=true"}, GOOD, {}),
    ("unknown-admission-plugin", "flag-value", ENDS, {"enable-admission-plugins": "PodSecurityPolicy"}, GOOD, {}),
    ("beta-version-of-events", "flag-value", ENDS, {"audit-log-version": "audit.k8s.io/v1beta1"}, GOOD, {}),
    ("throttle-without-rate", "audit-throttle-without-rate", ENDS, {"audit-log-mode": "batch", "audit-log-batch-throttle-enable": "true"}, GOOD, {}),
    ("batch-smaller-than-event", "audit-truncate-order", ENDS, {"audit-log-truncate-max-batch-size": "1000"}, GOOD, {}),
    ("no-policy", "audit-path-without-policy", SILENT, {"audit-policy-file": None}, GOOD, {}),
    ("no-backend", "audit-policy-without-backend", SILENT, {"audit-log-path": None}, GOOD, {}),
    ("misspelt-field", "policy-unknown-field", SILENT, {}, rules("[{level: None, verb: [watch]}, {level: Metadata}]"), {}),
    ("unknown-level", "policy-invalid", ENDS, {}, rules("[{level: All}]"), {}),
    ("url-and-resource", "policy-invalid", ENDS, {}, rules('[{level: Metadata, nonResourceURLs: ["/api*"], namespaces: [shop]}]'), {}),
    # From 1.36 on a policy may say every group.
    ("every-group", "policy-invalid", ENDS, {}, rules('[{level: Metadata, resources: [{group: "*"}]}]'), {}),
    ("no-rules", "policy-empty", ENDS, {}, rules("[]"), {}),
    ("beta-policy", "policy-version", ENDS, {}, rules("[{level: Metadata}]", "v1beta1"), {}),
    ("broken-policy", "yaml-syntax", ENDS, {}, GOOD + "  level: [\n", {}),
    ("policy-not-mounted", "mount-missing", ENDS, {}, GOOD, {"audit-policy": None}),
    ("read-only-log", "mount-read-only", ENDS, {}, GOOD, {"audit-log": {"readOnly": "true"}}),
    ("folder-for-policy", "mount-path-type", ENDS, {}, None, {"audit-policy": {"pathType": "DirectoryOrCreate"}}),
]  # fmt: skip


def configuration(tools, args, volumes):
    """A ClusterConfiguration as a person writes it; what is None is left out."""
    args = {name: value for name, value in {**ARGS, **args}.items() if value is not None}
    both = {name: None if volumes.get(name, {}) is None else {**VOLUMES.get(name, {}), **volumes.get(name, {})} for name in {**VOLUMES, **volumes}}
    lines = [f"apiVersion: kubeadm.k8s.io/{tools.api_version()}", "kind: ClusterConfiguration", f"kubernetesVersion: {tools.version()}", "apiServer:", "  extraArgs:"]
    if tools.api_version() == "v1beta3":
        lines += [f'    {name}: "{value}"' for name, value in args.items()]
    else:
        lines += [line for name, value in args.items() for line in (f"    - name: {name}", f'      value: "{value}"')]
    lines.append("  extraVolumes:")
    for name, volume in both.items():
        if volume is not None:
            lines += [f"    - name: {volume.get('name', name)}"] + [f"      {key}: {value}" for key, value in volume.items() if key != "name"]
    return "\n".join(lines) + "\n"


def check(tools):
    texts = {name: configuration(tools, args, volumes) for name, _, _, args, _, volumes in CASES}
    pods = tools.pods("refusals", texts)
    return (one(tools, case, texts[case[0]], pods[case[0]][0]) for case in CASES)


def one(tools, case, text, pod):
    name, code, expected, _, policy, _ = case
    if name == "every-group" and int(tools.minor.split(".")[1]) >= 36:
        code, expected = None, WORKS
    node = tools.machine.node(name)
    files = [node.folder / "cluster-configuration.yaml"]
    files[0].write_text(text)
    if policy is not None:
        node.write(POLICY, policy)
        files.append(node.path(POLICY))
    errors, _ = tools.errors(*files)
    row = Row(f"`{name}`", f"{link(code) if code else 'no error'}: {expected}", "")
    if errors != ({code} if code else set()):
        row.faults.append(f"lint's errors are {sorted(errors)}, not {code}")
    try:
        server = node.start(pod, tools.apiserver)
    except NotStarted as error:
        row.seen = f"does not start: {quoted(str(error))}"
        if expected != ENDS:
            row.faults.append("it does not start")
        return row
    traffic.drive(server)
    server.stop()
    logs = [Path(f"{root}{LOG}") for root in (node.files, node.root)]
    lines = sum(len(log.read_text().splitlines()) for log in logs if log.exists())
    row.seen = ("starts, and logs" if lines else "starts, and logs nothing") + said(server)
    if row.seen.split(";")[0] != expected:
        row.faults.append(f"it starts, and logs {lines} events")
    return row


def link(code):
    return f"[{code}](codes.md#{code})"


def said(server):
    """What the server's own log says of its audit log, without being asked for more."""
    lines = [line for line in server.log().splitlines() if "audit" in line.lower() and not line.startswith("I")]
    return f"; says {quoted(lines[0])}" if lines else "; says nothing of it"


def quoted(text):
    """A message without klog's time and place, for a table."""
    text = re.sub(r"^[A-Z]\d{4} \S+ +\d+ [\w.]+:\d+\] ", "", text).replace("|", "\\|").replace("`", "'")
    text = re.sub(r'^"command failed" err=', "", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d-]+\.\d+", "TIME", text)
    return f"`{text if len(text) < 200 else text[:197] + '...'}`"
