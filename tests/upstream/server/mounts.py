"""Faults of mounts, in the Pods that kubeadm makes of a ClusterConfiguration that has them.

For each: that the fault is in the Pod, that lint finds it in the configuration and in the Pod as kubeadm wrote it,
whether an API server takes the Pod, and what comes of running it.
"""

import json
from pathlib import Path

import refusals
import traffic
from machine import NotStarted
from refusals import GOOD, LOG, POLICY, link, quoted
from tools import Row

EVERYTHING = refusals.rules("[{level: RequestResponse}]")
MANIFEST = "/etc/kubernetes/manifests/audit-policy.yaml"
FOLDER = str(Path(LOG).parent)
ENDS, LOGS = "does not start", "starts, and logs"
IN_CONTAINER, STOPS, NO_POD = "starts, and logs inside the container", "starts, and its log ends at the first rotation", "the Pod cannot be made"


def below(mount, path):
    return Path(path).is_relative_to(mount["mountPath"])


def volume(pod, name):
    """hostPath and mount of a volume."""
    host = [one["hostPath"] for one in pod["spec"]["volumes"] if one["name"] == name]
    mount = [one for one in pod["spec"]["containers"][0]["volumeMounts"] if one["name"] == name]
    assert len(host) == len(mount) == 1, f"{len(host)} volumes and {len(mount)} mounts are named {name}"
    return host[0], mount[0]


def mounts(pod, path):
    return [one for one in pod["spec"]["containers"][0]["volumeMounts"] if below(one, path)]


# Name; codes for the configuration, and for the Pod; what is wrong in the Pod, in words and as a question; what
# becomes of it; flags, policy and volumes that differ.
CASES = [
    ("unchanged", [], [], "both paths are below a mount", lambda pod: mounts(pod, POLICY) and mounts(pod, LOG), LOGS, {}, GOOD, {}),
    ("policy-not-mounted", ["mount-missing"], ["mount-missing"], "the policy is below no mount", lambda pod: not mounts(pod, POLICY), ENDS, {}, GOOD, {"audit-policy": None}),
    ("log-not-mounted", ["mount-missing"], ["mount-missing"], "the log is below no mount", lambda pod: not mounts(pod, LOG), IN_CONTAINER, {}, GOOD, {"audit-log": None}),
    ("log-elsewhere", ["mount-missing"], ["mount-missing"], "the log is below no mount", lambda pod: not mounts(pod, "/var/log/audit/audit.log"), IN_CONTAINER,
     {"audit-log-path": "/var/log/audit/audit.log"}, GOOD, {}),
    ("single-file", ["mount-single-file"], ["mount-single-file"], "the log itself is a mountPath", lambda pod: volume(pod, "audit-log")[1]["mountPath"] == LOG, STOPS,
     {"audit-log-maxsize": "1"}, EVERYTHING, {"audit-log": {"hostPath": "/var/log/audit.log", "mountPath": LOG, "pathType": "FileOrCreate"}}),
    ("read-only-log", ["mount-read-only"], ["mount-read-only"], "the log's mount is read-only", lambda pod: volume(pod, "audit-log")[1]["readOnly"], ENDS, {}, GOOD,
     {"audit-log": {"readOnly": "true"}}),
    ("folder-for-policy", ["mount-path-type"], ["mount-path-type"], "the policy's type is DirectoryOrCreate", lambda pod: volume(pod, "audit-policy")[0]["type"] == "DirectoryOrCreate",
     ENDS, {}, None, {"audit-policy": {"pathType": "DirectoryOrCreate"}}),
    ("file-for-folder", ["mount-path-type"], ["mount-path-type"], "the log's folder is of type File", lambda pod: volume(pod, "audit-log")[0]["type"] == "File", NO_POD, {}, GOOD,
     {"audit-log": {"pathType": "File"}}),
    ("policy-among-manifests", ["mount-manifests-dir"], ["mount-manifests-dir"], "its hostPath is among the static Pods", lambda pod: volume(pod, "audit-policy")[0]["path"] == MANIFEST,
     LOGS, {}, GOOD, {"audit-policy": {"hostPath": MANIFEST}}),
    # Of one name kubeadm keeps the last volume, so that the Pod lacks the other's mount.
    ("one-name-twice", ["mount-missing", "volume-name-duplicate"], ["mount-missing"], "one volume is left, and it is not the policy's", lambda pod: volume(pod, "audit-policy")[1]["mountPath"] == FOLDER,
     ENDS, {}, GOOD, {"audit-log": {"name": "audit-policy"}}),
    ("one-path-twice", ["volume-path-duplicate"], ["volume-path-duplicate"], "two mounts have one mountPath", lambda pod: len(mounts(pod, LOG)) == 2, NO_POD, {}, GOOD,
     {"more": {"hostPath": "/var/log/more", "mountPath": FOLDER, "pathType": "DirectoryOrCreate"}}),
    ("name-of-kubeadm", ["volume-name-reserved"], ["mount-missing"], "kubeadm's mount of its certificates is gone", lambda pod: not mounts(pod, "/etc/kubernetes/pki"), ENDS, {}, GOOD,
     {"audit-log": {"name": "k8s-certs"}}),
]  # fmt: skip


def check(tools):
    texts = {case[0]: refusals.configuration(tools, case[6], case[8]) for case in CASES}
    pods = tools.pods("mounts", texts)
    judge = tools.machine.node("judge")
    judge.write(POLICY, GOOD)
    server = judge.start(pods["unchanged"][0], tools.apiserver)
    server.request("admin", "POST", f"{traffic.API}/namespaces/kube-system/serviceaccounts", traffic.thing("ServiceAccount", "default"))
    for case in CASES:
        yield one(tools, server, case, texts[case[0]], *pods[case[0]])
    server.stop()


def one(tools, judge, case, text, pod, manifest):
    name, codes, pod_codes, fault, has_fault, expected, args, policy, _ = case
    node = tools.machine.node(name)
    configuration = node.folder / "cluster-configuration.yaml"
    configuration.write_text(text)
    if policy is not None:
        node.write(MANIFEST if name == "policy-among-manifests" else POLICY, policy)
    row = Row(f"`{name}`: {fault}", f"{listed(codes)} in the configuration, {listed(pod_codes)} in the Pod; {expected}", "")
    if not has_fault(pod):
        row.faults.append("the Pod that kubeadm writes has no such fault")
    for what, file, wanted in [("configuration", configuration, codes), ("Pod", manifest, pod_codes)]:
        errors, warnings = tools.errors(file)
        mine = {code for code in errors | warnings if code.startswith(("mount-", "volume-"))}
        if mine != set(wanted):
            row.faults.append(f"of the {what} lint finds {sorted(mine)}, not {wanted}")
    # The kubelet validates a static Pod as the API server does any.
    status, answer = judge.request("admin", "POST", f"{traffic.API}/namespaces/kube-system/pods?dryRun=All", pod)
    if status == 422:
        message = json.loads(answer)["message"]
        row.seen, seen = f"the API server says of the Pod: {quoted(message)}", NO_POD
    elif status != 201:
        row.seen, seen = answer, "?"
    else:
        row.seen, seen = run(tools, node, pod, args.get("audit-log-path", LOG))
    if seen != expected:
        row.faults.append(f"it {seen}")
    return row


def listed(codes):
    return ", ".join(map(link, codes)) or "nothing"


def run(tools, node, pod, log):
    """What is seen of a Pod, in words, and which of the outcomes that is."""
    try:
        server = node.start(pod, tools.apiserver)
    except NotStarted as error:
        if "hostPath type check failed" in str(error):
            return f"the Pod cannot be made: {quoted(str(error))}", NO_POD
        return f"does not start: {quoted(str(error))}", ENDS
    traffic.drive(server)
    server.stop()
    # What a mount does not cover is in the container's own file system.
    inside, outside = node.root / log.lstrip("/"), [path for path in node.path("/var/log").rglob("*.log")]
    lines = [line for path in outside for line in path.read_text().splitlines()]
    last = traffic.REQUESTS[-1].name
    if any(f'"auditID":"{last}"' in line for line in lines):
        return f"starts, and logs {len(traffic.REQUESTS)} requests and its own on the node", LOGS
    if outside and lines:
        said = [line for line in server.log().splitlines() if "rename" in line]
        return f"starts, and its log ends at the first rotation, with {sum(map(len, lines)) // 1024} KiB: {quoted(said[0]) if said else 'without a word'}", STOPS
    if inside.exists() and f'"auditID":"{last}"' in inside.read_text():
        return "starts, and the log is in the container alone: the node has none", IN_CONTAINER
    return "starts, and logs nothing", refusals.SILENT
