"""Writes an audit log as a busy cluster's API server writes it, the same for the same seed.

    generate.py [--bytes 1e9] [--seed 1] FILE

Kubelets and controllers renew leases and patch statuses, controllers list and
watch, operators update objects of their own, and people deploy, read logs and
open shells. Most events are of level Metadata; changes of objects carry the
request, some the response too, so that an event has about 1.5 kB. Ids, times,
names and addresses differ from event to event, strings hold escapes and text
that is not ASCII.
"""

import argparse
import datetime
import json
import random

START = datetime.datetime(2026, 3, 1, 8, 0, tzinfo=datetime.timezone.utc)
WORDS = "cache,queue,retry,shard,limit,window,region,edge,token,trace,größe,配置,\"quoted\",a\\b,line\nbreak,tab\tstop".split(",")


def text(rng, length):
    words = []
    while length > 0:
        words.append(rng.choice(WORDS))
        length -= len(words[-1]) + 1
    return " ".join(words)


def meta(rng, kind, namespace, name):
    found = {"name": name, "uid": f"{rng.getrandbits(128):032x}", "resourceVersion": str(rng.randrange(10**6, 10**8))}
    if namespace:
        found["namespace"] = namespace
    found["labels"] = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": rng.choice(["shop", "billing", "platform"])}
    found["annotations"] = {f"{kind.lower()}.example.com/{rng.choice(WORDS[:8])}": text(rng, 40)}
    found["managedFields"] = [
        {"manager": "kubectl", "operation": "Apply", "apiVersion": "v1", "time": "2026-02-28T10:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": {"f:metadata": {"f:labels": {".": {}, "f:app.kubernetes.io/name": {}}}, "f:spec": {"f:replicas": {}}}}
    ]
    return found


def pod_spec(rng):
    containers = [
        {
            "name": f"c{index}",
            "image": f"registry.example.com/{rng.choice(WORDS[:8])}:{rng.randrange(90)}.{rng.randrange(9)}",
            "args": [f"--{rng.choice(WORDS[:8])}={rng.randrange(1000)}" for _ in range(4)],
            "env": [{"name": f"KEY_{n}", "value": text(rng, 24)} for n in range(5)],
            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
            "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 10},
        }
        for index in range(rng.randrange(1, 3))
    ]
    return {"containers": containers, "serviceAccountName": "default", "terminationGracePeriodSeconds": 30}


def body(rng, api_version, kind, namespace, name):
    found = {"kind": kind, "apiVersion": api_version, "metadata": meta(rng, kind, namespace, name)}
    if kind in ("Deployment", "ReplicaSet", "StatefulSet"):
        found["spec"] = {"replicas": rng.randrange(1, 9), "selector": {"matchLabels": {"app": name}}, "template": {"metadata": {"labels": {"app": name}}, "spec": pod_spec(rng)}}
    elif kind == "Pod":
        found["spec"] = pod_spec(rng)
        found["status"] = {"phase": "Running", "podIP": f"10.0.{rng.randrange(255)}.{rng.randrange(255)}"}
    elif kind == "Node":
        found["status"] = {"conditions": [{"type": kind_, "status": "False", "lastHeartbeatTime": "2026-03-01T08:00:00Z", "message": text(rng, 50)} for kind_ in ("MemoryPressure", "DiskPressure", "PIDPressure", "Ready")], "images": [{"names": [f"registry.example.com/i@sha256:{rng.getrandbits(256):064x}"], "sizeBytes": rng.randrange(10**9)} for _ in range(rng.randrange(4, 14))]}
    elif kind == "ConfigMap":
        found["data"] = {f"{rng.choice(WORDS[:8])}.yaml": text(rng, rng.randrange(200, 3000))}
    else:
        found["spec"] = {rng.choice(WORDS[:8]): text(rng, 60) for _ in range(6)}
    return found


NODE = ("system:node:worker-{n}", ["system:nodes", "system:authenticated"], "kubelet/v1.35.2 (linux/amd64) kubernetes/ab12cd3")
SERVICE = ("system:serviceaccount:{ns}:{name}", ["system:serviceaccounts", "system:serviceaccounts:{ns}", "system:authenticated"], "controller/v0.21 (linux/amd64)")
CONTROLLER = ("system:kube-controller-manager", ["system:authenticated"], "kube-controller-manager/v1.35.2 (linux/amd64)")
SCHEDULER = ("system:kube-scheduler", ["system:authenticated"], "kube-scheduler/v1.35.2 (linux/amd64)")
SERVER = ("system:apiserver", ["system:authenticated", "system:masters"], "kube-apiserver/v1.35.2 (linux/amd64)")
PERSON = ("{name}@example.com", ["oidc:developers", "oidc:team-{n}", "system:authenticated"], "kubectl/v1.35.2 (darwin/arm64) kubernetes/ab12cd3")
ADMIN = ("kubernetes-admin", ["kubeadm:cluster-admins", "system:authenticated"], "kubectl/v1.35.2 (linux/amd64)")
NOBODY = ("system:anonymous", ["system:unauthenticated"], "probe/1.0")

# weight, who, verb, group, version, resource, subresource, kind, namespaced, level
MIX = [
    (340, NODE, "update", "coordination.k8s.io", "v1", "leases", "", "Lease", True, "Metadata"),
    (90, CONTROLLER, "update", "coordination.k8s.io", "v1", "leases", "", "Lease", True, "Metadata"),
    (60, SERVICE, "update", "coordination.k8s.io", "v1", "leases", "", "Lease", True, "Metadata"),
    (50, NODE, "patch", "", "v1", "nodes", "status", "Node", False, "Request"),
    (60, NODE, "patch", "", "v1", "pods", "status", "Pod", True, "Request"),
    (50, NODE, "get", "", "v1", "configmaps", "", "ConfigMap", True, "Metadata"),
    (20, NODE, "create", "", "v1", "serviceaccounts", "token", "TokenRequest", True, "Metadata"),
    (40, NODE, "create", "", "v1", "events", "", "Event", True, "Request"),
    (60, CONTROLLER, "update", "apps", "v1", "replicasets", "status", "ReplicaSet", True, "RequestResponse"),
    (30, CONTROLLER, "create", "", "v1", "pods", "", "Pod", True, "RequestResponse"),
    (30, SCHEDULER, "create", "", "v1", "pods", "binding", "Binding", True, "RequestResponse"),
    (50, SERVICE, "watch", "", "v1", "services", "", "", True, "Metadata"),
    (50, SERVICE, "list", "discovery.k8s.io", "v1", "endpointslices", "", "", True, "Metadata"),
    (60, SERVICE, "update", "", "v1", "configmaps", "", "ConfigMap", True, "Request"),
    (40, SERVICE, "patch", "shop.example.com", "v1alpha1", "checkouts", "status", "Checkout", True, "RequestResponse"),
    (30, SERVICE, "get", "", "v1", "secrets", "", "Secret", True, "Metadata"),
    (25, SERVER, "get", "", "v1", "namespaces", "", "Namespace", False, "Metadata"),
    (20, PERSON, "get", "", "v1", "pods", "", "Pod", True, "Metadata"),
    (10, PERSON, "list", "apps", "v1", "deployments", "", "", True, "Metadata"),
    (6, PERSON, "get", "", "v1", "pods", "log", "Pod", True, "Metadata"),
    (3, PERSON, "create", "", "v1", "pods", "exec", "PodExecOptions", True, "Metadata"),
    (20, PERSON, "patch", "apps", "v1", "deployments", "", "Deployment", True, "RequestResponse"),
    (2, ADMIN, "create", "rbac.authorization.k8s.io", "v1", "rolebindings", "", "RoleBinding", True, "RequestResponse"),
    (2, ADMIN, "delete", "", "v1", "secrets", "", "Secret", True, "Metadata"),
]
URLS = [(40, NOBODY, "/healthz"), (40, SERVER, "/readyz?verbose"), (10, NOBODY, "/livez"), (15, PERSON, "/api?timeout=32s"), (15, PERSON, "/openapi/v3/apis/apps/v1?hash=A1%2FB2")]


def who(rng, kind):
    number, namespace, name = rng.randrange(200), f"team-{rng.randrange(40)}", rng.choice(["argocd", "cert-manager", "ingress", "metrics", "operator"])
    username, groups, agent = (part for part in kind)
    fill = lambda text: text.format(n=number, ns=namespace, name=name)
    return {"username": fill(username), "uid": f"{rng.getrandbits(64):016x}", "groups": [fill(group) for group in groups], "extra": {"authentication.kubernetes.io/credential-id": [f"X509SHA256={rng.getrandbits(256):064x}"]}}, agent


def event(rng):
    """One event, with `ID` and `TIME` where those of each line go."""
    kinds = MIX + URLS
    kind = rng.choices(kinds, [kind[0] for kind in kinds])[0]
    user, agent = who(rng, kind[1])
    found = {"kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": "ID", "stage": "ResponseComplete"}
    if len(kind) == 3:
        found |= {"requestURI": kind[2], "verb": "get"}
    else:
        _, _, verb, group, version, resource, subresource, object_kind, namespaced, level = kind
        namespace = f"team-{rng.randrange(40)}" if namespaced else ""
        name = f"{rng.choice(WORDS[:8])}-{rng.getrandbits(40):010x}"
        named = verb not in ("list", "watch")
        prefix = f"/apis/{group}/{version}" if group else f"/api/{version}"
        uri = prefix + (f"/namespaces/{namespace}" if namespace else "") + f"/{resource}" + (f"/{name}" if named else "") + (f"/{subresource}" if subresource else "")
        query = {"list": "?limit=500&resourceVersion=0", "watch": "?allowWatchBookmarks=true&timeoutSeconds=427&watch=true", "patch": "?fieldManager=kubectl"}.get(verb, "")
        if verb == "watch":
            found["stage"] = rng.choice(["ResponseStarted", "ResponseComplete"])
        found |= {"level": level, "requestURI": uri + query, "verb": verb}
        reference = {"resource": resource, "namespace": namespace, "name": name if named else "", "apiGroup": group, "apiVersion": version, "subresource": subresource}
        reference = {key: value for key, value in reference.items() if value}
    found |= {"user": user, "sourceIPs": [f"10.1.{rng.randrange(255)}.{rng.randrange(255)}"], "userAgent": agent}
    if len(kind) > 3:
        found["objectRef"] = reference
        found["responseStatus"] = {"metadata": {}, "code": rng.choice([200, 200, 200, 201, 404, 409])}
        api_version = f"{group}/{version}" if group else version
        if level in ("Request", "RequestResponse"):
            found["requestObject"] = body(rng, api_version, object_kind, namespace, name)
        if level == "RequestResponse":
            found["responseObject"] = body(rng, api_version, object_kind, namespace, name)
    found |= {"requestReceivedTimestamp": "TIME", "stageTimestamp": "TIME", "annotations": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": "RBAC: allowed by ClusterRoleBinding \"system:node-proxier\""}}
    line = json.dumps(found, separators=(",", ":"), ensure_ascii=False) + "\n"
    return [part.encode() for part in line.replace('"TIME"', '"ID"', 2).split('"ID"')]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bytes", type=float, default=1e9, help="stop after so many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("file", metavar="FILE")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    # More distinct events than any table holds; each line has its own id and times.
    events = [event(rng) for _ in range(20_000)]
    written = lines = 0
    with open(arguments.file, "wb") as out:
        while written < arguments.bytes:
            block = []
            for _ in range(2_000):
                head, middle, between, tail = rng.choice(events)
                lines += 1
                time = (START + datetime.timedelta(milliseconds=3 * lines)).strftime('"%Y-%m-%dT%H:%M:%S.%fZ"').encode()
                bits = f"{rng.getrandbits(128):032x}"
                identity = f'"{bits[:8]}-{bits[8:12]}-{bits[12:16]}-{bits[16:20]}-{bits[20:]}"'.encode()
                block += (head, identity, middle, time, between, time, tail)
            written += out.write(b"".join(block))
    print(f"{lines} events, {written} bytes, {written / lines:.0f} bytes an event")


if __name__ == "__main__":
    main()
