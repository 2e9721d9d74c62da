"""The requests that every server is asked, and what each is in the words of `packwright policy explain`.

Those words are written down beside each request, by hand, so that they do not come from what is compared.
"""

import json
from dataclasses import dataclass, field

from machine import USERS

API = "/api/v1"
SHOP = f"{API}/namespaces/shop"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
PATCH = {"Content-Type": "application/merge-patch+json"}


@dataclass
class Request:
    name: str  # also its audit ID
    who: str  # whose token; "" for none
    http: str  # METHOD PATH
    ask: str  # VERB WHAT [-n NAMESPACE] [--subresource NAME], as `policy explain` takes it
    status: int
    body: object = None
    headers: dict = field(default_factory=dict)
    # Whether the server knows a body to log, at the levels that log bodies: it decodes none of what it
    # refuses before that, and a watch has none. Answers to URLs have one where they are API objects,
    # as discovery documents and failures are.
    sends: bool = False
    answers: bool = True

    def question(self):
        """The arguments for `policy explain`, the user's included."""
        return [*self.ask.split(), *subject(self.who)]


def subject(who):
    """The user whom the policy sees: the one who authenticated, also where another is impersonated."""
    if who == "":
        return ["--as", "system:anonymous", "--as-group", "system:unauthenticated"]
    if who == "invalid":
        return ["--unauthenticated"]
    if who == "robot":
        user, groups = "system:serviceaccount:shop:robot", ["system:serviceaccounts", "system:serviceaccounts:shop"]
    else:
        user, groups = USERS[who]
    return ["--as", user] + [word for group in [*groups, "system:authenticated"] for word in ("--as-group", group)]


def thing(kind, name, api="v1", **rest):
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name}, **rest}


POD = thing("Pod", "web", spec={"containers": [{"name": "web", "image": "registry.example/web"}]})
LONG = {"text": "all work and no play makes a long line. " * 200}
ROLE = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]
DELETE = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}

# In this order: later requests need what earlier ones made.
REQUESTS = [
    Request("namespace-create", "admin", f"POST {API}/namespaces", "create namespaces", 201, thing("Namespace", "shop"), sends=True),
    Request("namespace-get", "admin", f"GET {API}/namespaces/shop", "get namespaces/shop -n shop", 200),
    Request("serviceaccount-create", "admin", f"POST {SHOP}/serviceaccounts", "create serviceaccounts -n shop", 201, thing("ServiceAccount", "robot"), sends=True),
    # The controller manager would make it, and there is none; no Pod is admitted without.
    Request("serviceaccount-default-create", "admin", f"POST {SHOP}/serviceaccounts", "create serviceaccounts -n shop", 201, thing("ServiceAccount", "default"), sends=True),
    Request("token-create", "admin", f"POST {SHOP}/serviceaccounts/robot/token", "create serviceaccounts/robot --subresource token -n shop", 201,
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}, sends=True),
    Request("secret-create", "admin", f"POST {SHOP}/secrets", "create secrets -n shop", 201, thing("Secret", "db", stringData={"password": "correct horse"}), sends=True),
    Request("secret-get", "admin", f"GET {SHOP}/secrets/db", "get secrets/db -n shop", 200),
    Request("secret-list", "admin", f"GET {SHOP}/secrets", "list secrets -n shop", 200),
    Request("secret-list-everywhere", "admin", f"GET {API}/secrets", "list secrets", 200),
    Request("secret-list-one", "admin", f"GET {SHOP}/secrets?fieldSelector=metadata.name%3Ddb", "list secrets/db -n shop", 200),
    Request("secret-watch", "admin", f"GET {SHOP}/secrets?watch=true&timeoutSeconds=1", "watch secrets -n shop", 200, answers=False),
    Request("secret-patch", "admin", f"PATCH {SHOP}/secrets/db", "patch secrets/db -n shop", 200, {"metadata": {"labels": {"a": "b"}}}, PATCH, sends=True),
    Request("secret-get-denied", "alice", f"GET {SHOP}/secrets/db", "get secrets/db -n shop", 403),
    Request("secret-create-denied", "alice", f"POST {SHOP}/secrets", "create secrets -n shop", 403, thing("Secret", "x")),
    Request("secret-get-missing", "admin", f"GET {SHOP}/secrets/none", "get secrets/none -n shop", 404),
    Request("configmap-create", "admin", f"POST {SHOP}/configmaps", "create configmaps -n shop", 201, thing("ConfigMap", "settings", data={"a": "b"}), sends=True),
    Request("configmap-create-long", "admin", f"POST {SHOP}/configmaps", "create configmaps -n shop", 201, thing("ConfigMap", "long", data=LONG), sends=True),
    Request("configmap-create-again", "admin", f"POST {SHOP}/configmaps", "create configmaps -n shop", 409, thing("ConfigMap", "settings"), sends=True),
    Request("configmap-create-broken", "admin", f"POST {SHOP}/configmaps", "create configmaps -n shop", 400, "{"),
    Request("configmap-create-invalid", "admin", f"POST {SHOP}/configmaps", "create configmaps -n shop", 422, thing("ConfigMap", "NOT/VALID"), sends=True),
    Request("configmap-get", "admin", f"GET {SHOP}/configmaps/settings", "get configmaps/settings -n shop", 200),
    Request("configmap-update", "admin", f"PUT {SHOP}/configmaps/settings", "update configmaps/settings -n shop", 200, thing("ConfigMap", "settings", data={"a": "c"}), sends=True),
    Request("configmap-get-table", "admin", f"GET {SHOP}/configmaps", "list configmaps -n shop", 200, headers={"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}),
    Request("configmap-watch-proxy", "proxy", f"GET {SHOP}/configmaps?watch=true&timeoutSeconds=1", "watch configmaps -n shop", 403),
    Request("kube-system-configmap-get", "admin", f"GET {API}/namespaces/kube-system/configmaps/none", "get configmaps/none -n kube-system", 404),
    Request("services-watch-proxy", "proxy", f"GET {API}/services?watch=true&timeoutSeconds=1", "watch services", 200, answers=False),
    Request("endpointslices-watch-proxy", "proxy", "GET /apis/discovery.k8s.io/v1/endpointslices?watch=true&timeoutSeconds=1",
            "watch endpointslices.discovery.k8s.io", 200, answers=False),
    Request("pod-create", "admin", f"POST {SHOP}/pods", "create pods -n shop", 201, POD, sends=True),
    Request("pod-get", "admin", f"GET {SHOP}/pods/web", "get pods/web -n shop", 200),
    Request("pod-head", "admin", f"HEAD {SHOP}/pods/web", "get pods/web -n shop", 405),
    Request("pod-list", "admin", f"GET {SHOP}/pods", "list pods -n shop", 200),
    Request("pod-watch", "admin", f"GET {SHOP}/pods?watch=true&timeoutSeconds=1", "watch pods -n shop", 200, answers=False),
    Request("pod-patch", "admin", f"PATCH {SHOP}/pods/web", "patch pods/web -n shop", 200, {"metadata": {"labels": {"a": "b"}}}, PATCH, sends=True),
    Request("pod-status-patch", "admin", f"PATCH {SHOP}/pods/web/status", "patch pods/web --subresource status -n shop", 200, {"status": {"message": "x"}}, PATCH, sends=True),
    Request("pod-log", "admin", f"GET {SHOP}/pods/web/log", "get pods/web --subresource log -n shop", 204, answers=False),
    Request("pod-log-missing", "admin", f"GET {SHOP}/pods/none/log", "get pods/none --subresource log -n shop", 404),
    Request("pod-exec-post", "admin", f"POST {SHOP}/pods/none/exec?command=ls", "create pods/none --subresource exec -n shop", 404),
    Request("pod-exec-get", "admin", f"GET {SHOP}/pods/none/exec?command=ls", "get pods/none --subresource exec -n shop", 404),
    Request("pod-portforward", "admin", f"POST {SHOP}/pods/none/portforward", "create pods/none --subresource portforward -n shop", 404),
    Request("pod-evict", "admin", f"POST {SHOP}/pods/none/eviction", "create pods/none --subresource eviction -n shop", 404,
            thing("Eviction", "none", "policy/v1"), sends=True),
    Request("pod-delete", "admin", f"DELETE {SHOP}/pods/web", "delete pods/web -n shop", 200, DELETE, sends=True),
    Request("pods-delete", "admin", f"DELETE {SHOP}/pods", "deletecollection pods -n shop", 200, DELETE, sends=True),
    Request("deployment-list", "admin", "GET /apis/apps/v1/namespaces/shop/deployments", "list deployments.apps -n shop", 200),
    Request("role-create", "admin", f"POST {RBAC}/namespaces/shop/roles", "create roles.rbac.authorization.k8s.io -n shop", 201,
            thing("Role", "reader", "rbac.authorization.k8s.io/v1", rules=ROLE), sends=True),
    Request("rolebinding-create", "admin", f"POST {RBAC}/namespaces/shop/rolebindings", "create rolebindings.rbac.authorization.k8s.io -n shop", 201,
            thing("RoleBinding", "reader", "rbac.authorization.k8s.io/v1", roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
                  subjects=[{"kind": "ServiceAccount", "name": "robot"}]), sends=True),
    Request("clusterrole-get", "admin", f"GET {RBAC}/clusterroles/cluster-admin", "get clusterroles.rbac.authorization.k8s.io/cluster-admin", 200),
    Request("secret-get-robot", "robot", f"GET {SHOP}/secrets/db", "get secrets/db -n shop", 200),
    Request("pod-list-robot", "robot", f"GET {SHOP}/pods", "list pods -n shop", 403),
    Request("tokenreview", "admin", "POST /apis/authentication.k8s.io/v1/tokenreviews", "create tokenreviews.authentication.k8s.io", 201,
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": "alice-token"}}, sends=True),
    Request("selfsubjectreview", "alice", "POST /apis/authentication.k8s.io/v1/selfsubjectreviews", "create selfsubjectreviews.authentication.k8s.io", 201,
            {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}, sends=True),
    Request("node-create", "node", f"POST {API}/nodes", "create nodes", 201, thing("Node", "worker-1"), sends=True),
    Request("node-get", "node", f"GET {API}/nodes/worker-1", "get nodes/worker-1", 200),
    Request("node-status-patch", "node", f"PATCH {API}/nodes/worker-1/status", "patch nodes/worker-1 --subresource status", 200, {"status": {"phase": "Running"}}, PATCH, sends=True),
    Request("lease-create", "node", "POST /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases", "create leases.coordination.k8s.io -n kube-node-lease", 201,
            thing("Lease", "worker-1", "coordination.k8s.io/v1"), sends=True),
    Request("event-create", "node", f"POST {API}/namespaces/shop/events", "create events -n shop", 201,
            thing("Event", "e", involvedObject={"namespace": "shop", "kind": "Pod", "name": "web"}), sends=True),
    Request("impersonated", "admin", f"GET {SHOP}/secrets/db", "get secrets/db -n shop", 403, headers={"Impersonate-User": "bob"}),
    Request("impersonation-denied", "alice", f"GET {SHOP}/secrets/db", "get secrets/db -n shop", 403, headers={"Impersonate-User": "bob"}),
    Request("invalid-token", "invalid", f"GET {SHOP}/secrets/db", "get secrets/db -n shop", 401),
    Request("invalid-token-url", "invalid", "GET /version", "get /version", 401),
    Request("anonymous-denied", "", f"GET {SHOP}/secrets/db", "get secrets/db -n shop", 403),
    Request("anonymous-version", "", "GET /version", "get /version", 200, answers=False),
    Request("healthz", "", "GET /healthz", "get /healthz", 200, answers=False),
    Request("livez-ping", "admin", "GET /livez/ping", "get /livez/ping", 200, answers=False),
    Request("metrics", "admin", "GET /metrics", "get /metrics", 200, answers=False),
    Request("metrics-denied", "alice", "GET /metrics", "get /metrics", 403),
    Request("discovery", "alice", "GET /api", "get /api", 200),
    Request("discovery-group", "alice", "GET /apis/apps/v1", "get /apis/apps/v1", 200),
    Request("openapi", "alice", "GET /openapi/v2", "get /openapi/v2", 200, answers=False),
    Request("not-found", "admin", "GET /nowhere", "get /nowhere", 404, answers=False),
    Request("unknown-resource", "admin", f"GET {SHOP}/gadgets", "list gadgets -n shop", 404),
    Request("url-post", "admin", "POST /nowhere", "post /nowhere", 404, {}, answers=False),
    Request("secret-delete", "admin", f"DELETE {SHOP}/secrets/db", "delete secrets/db -n shop", 200, DELETE, sends=True),
    Request("configmap-delete", "admin", f"DELETE {SHOP}/configmaps/settings", "delete configmaps/settings -n shop", 200),
]  # fmt: skip


def drive(server):
    """Asks all of it; raises if an answer is not the one that is expected, so that a log is of what we think."""
    for one in REQUESTS:
        method, path = one.http.split(" ", 1)
        status, text = server.request(one.who, method, path, one.body, {**one.headers, "Audit-ID": one.name})
        if status != one.status:
            raise RuntimeError(f"{one.name}: status {status}, expected {one.status}: {text[:300]}")
        if one.name == "token-create":
            server.tokens["robot"] = json.loads(text)["status"]["token"]
