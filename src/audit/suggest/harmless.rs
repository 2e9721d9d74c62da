//! What may be left out of a log at all.
//!
//! CIS 3.2.2 asks for every request for Secrets, ConfigMaps and TokenReviews,
//! for changes of pods and Deployments, and for sessions in containers. An
//! investigation asks for more: who was given which right, what was refused, and
//! whatever a person did. So this is a list of what is left, and not of what
//! must stay: what nobody thought of is not suggested.

use super::super::explain::path_matches;
use super::super::question::UNAUTHENTICATED;
use super::super::types::{Request, Target, User};

/// Whose requests a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who<'a> {
    /// A user by name.
    User(&'a str),
    /// Everybody in `system:nodes`: nodes come and go.
    Nodes,
}

/// What a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What<'a> {
    /// Group, resource and subresource.
    Kind(&'a str, &'a str, &'a str),
    /// One of [`PATHS`].
    Paths(usize),
}

/// The group of kubelets.
pub(super) const NODES: &str = "system:nodes";
const NODE: &str = "system:node:";
const SERVICE_ACCOUNT: &str = "system:serviceaccount:";
const OWN_SERVICE_ACCOUNT: &str = "system:serviceaccount:kube-system:";
const API_SERVER: &str = "system:apiserver";
const MASTERS: &str = "system:masters";
/// The groups of those who may do everything, and of those who did not say who they are.
const NEVER_IN: &[&str] = &[MASTERS, "kubeadm:cluster-admins", UNAUTHENTICATED];
const ANONYMOUS: &str = "system:anonymous";
/// Users below `system:` that are no components: nobody, k3s' and OpenShift's administrator, nodes that join.
const NO_COMPONENT: &[&str] = &[ANONYMOUS, "system:admin", "system:bootstrap:"];

/// Paths that say nothing of the cluster's objects, as rules have them: health, and what the API is.
pub(super) const PATHS: &[&[&str]] = &[
    &["/healthz", "/healthz/*", "/livez", "/livez/*", "/readyz", "/readyz/*"],
    &["/api", "/api/*", "/apis", "/apis/*", "/openapi/*", "/version"],
];

/// Parts of names of groups and resources that are about credentials and rights,
/// among them custom ones: `oauthaccesstokens`, `sealedsecrets`, `rolebindings`.
const DELICATE: &[&str] = &[
    "account",
    "auth",
    "cert",
    "configmap",
    "credential",
    "crypt",
    "identit",
    "impersonat",
    "key",
    "kubeconfig",
    "login",
    "passw",
    "permission",
    "rbac",
    "role",
    "secret",
    "token",
    "user",
    "vault",
    "webhook",
];

/// Who writes so often that it is noise.
#[derive(Debug, Clone, Copy)]
enum Writer {
    /// Nodes, components and service accounts.
    Any,
    /// Components, and service accounts of kube-system.
    Own,
    /// Kubelets.
    Nodes,
}

/// Writes to the resources of one group, all of one subresource.
#[derive(Debug)]
struct Writes {
    group: &'static str,
    resources: &'static [&'static str],
    subresource: &'static str,
    verbs: &'static [&'static str],
    by: Writer,
}

const fn writes(
    group: &'static str,
    resources: &'static [&'static str],
    subresource: &'static str,
    verbs: &'static [&'static str],
    by: Writer,
) -> Writes {
    Writes { group, resources, subresource, verbs, by }
}

const CHANGED: &[&str] = &["update", "patch"];
const MADE: &[&str] = &["create", "update", "patch"];

/// Writes that a cluster repeats. Leases and Events are not there to be
/// investigated. Status is what a controller saw, but for that of services and ingresses, which directs traffic,
/// and of pods and Deployments, of which CIS asks for each change.
const WRITES: &[Writes] = &[
    writes("coordination.k8s.io", &["leases"], "", CHANGED, Writer::Any),
    writes("", &["events"], "", MADE, Writer::Any),
    writes("events.k8s.io", &["events"], "", MADE, Writer::Any),
    writes("", &["endpoints"], "", CHANGED, Writer::Own),
    writes("discovery.k8s.io", &["endpointslices"], "", CHANGED, Writer::Own),
    writes("", &["nodes"], "status", CHANGED, Writer::Nodes),
    writes("", &["resourcequotas"], "status", CHANGED, Writer::Own),
    writes("apps", &["daemonsets", "replicasets", "statefulsets"], "status", CHANGED, Writer::Own),
    writes("autoscaling", &["horizontalpodautoscalers"], "status", CHANGED, Writer::Own),
    writes("batch", &["cronjobs", "jobs"], "status", CHANGED, Writer::Own),
    writes("policy", &["poddisruptionbudgets"], "status", CHANGED, Writer::Own),
];

/// Whose request it is. Nobody's if authentication failed; a node that is not in
/// the group of nodes is nobody whom a rule here names.
pub(super) fn who<'a>(request: &Request<'a>) -> Option<Who<'a>> {
    let user = request.user?;
    let name = user.name.unwrap_or_default();
    match (name.starts_with(NODE), user.groups.iter().any(|group| group == NODES)) {
        (true, true) => Some(Who::Nodes),
        (true, false) => None,
        (false, _) => Some(Who::User(name)),
    }
}

/// What is asked for, if a rule that names it names nothing else: `*` for one is everything.
pub(super) fn what<'a>(request: &Request<'a>) -> Option<What<'a>> {
    match request.target {
        Target::Resource { group, resource, subresource, .. } => {
            let edge = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
            let is_label = |text: &str| !text.is_empty() && text.bytes().all(|c| edge(c) || c == b'-');
            let is_plain = (group.is_empty() || group.split('.').all(is_label)) && is_label(resource);
            is_plain.then_some(What::Kind(group, resource, subresource))
        }
        Target::Url(path) => {
            let matches = |patterns: &&[&str]| patterns.iter().any(|pattern| path_matches(pattern, path));
            PATHS.iter().position(matches).map(What::Paths)
        }
    }
}

/// Whether requests of those, with that verb, for that may be left out. `machines`
/// are users who are no persons although their names do not say so.
pub(super) fn may_be_left_out(who: Who<'_>, verb: &str, what: What<'_>, machines: &[String]) -> bool {
    if let Who::User(name) = who
        && !is_component(name)
        && (name == ANONYMOUS || !machines.iter().any(|machine| machine == name))
    {
        return false;
    }
    let What::Kind(group, resource, subresource) = what else { return verb == "get" };
    if DELICATE.iter().any(|part| group.contains(part) || resource.contains(part)) {
        return false;
    }
    match verb {
        // What a kubelet lists is rare, and telling of a stolen credential.
        "list" if who == Who::Nodes => false,
        "get" | "list" | "watch" => ["", "status", "scale"].contains(&subresource),
        _ => {
            let is_it = |writes: &&Writes| {
                writes.group == group
                    && writes.subresource == subresource
                    && writes.resources.contains(&resource)
                    && writes.verbs.contains(&verb)
            };
            WRITES.iter().filter(is_it).any(|writes| is_writer(writes.by, who))
        }
    }
}

fn is_component(name: &str) -> bool {
    name.starts_with("system:") && !NO_COMPONENT.iter().any(|other| name.starts_with(other))
}

fn is_writer(writer: Writer, who: Who<'_>) -> bool {
    match (writer, who) {
        (Writer::Any | Writer::Nodes, Who::Nodes) => true,
        (Writer::Own, Who::Nodes) | (Writer::Nodes, Who::User(_)) => false,
        (Writer::Any, Who::User(name)) => is_component(name),
        (Writer::Own, Who::User(name)) => name.starts_with(OWN_SERVICE_ACCOUNT) || is_component(name) && !name.starts_with(SERVICE_ACCOUNT),
    }
}

/// Whether a user is a node by group and not by name: no node, and a rule for nodes matches.
pub(super) fn is_false_node(user: &User<'_>) -> bool {
    user.groups.iter().any(|group| group == NODES) && !user.name.is_some_and(|name| name.starts_with(NODE))
}

/// Whether it is somebody whose every request must stay. The API server asks
/// itself as one of those who may do everything.
pub(super) fn is_powerful(user: &User<'_>) -> bool {
    let is_of_itself = |group: &str| user.name == Some(API_SERVER) && group == MASTERS;
    user.groups.iter().any(|group| NEVER_IN.contains(&&**group) && !is_of_itself(group))
}

#[cfg(test)]
mod tests {
    use super::{What, Who, may_be_left_out};

    #[test]
    fn what_is_called_like_a_credential_or_a_right_stays() {
        let may = |resource| may_be_left_out(Who::User("system:kube-scheduler"), "watch", What::Kind("x.io", resource, ""), &[]);
        assert!(may("checkouts"));
        for resource in [
            "sshkeys",
            "apikeys",
            "keypairs",
            "kubeconfigs",
            "vaults",
            "encryptionconfigs",
            "logins",
            "passwds",
            "permissionsets",
            "sealedsecrets",
            "oauthaccesstokens",
            "rolebindings",
        ] {
            assert!(!may(resource), "{resource}");
        }
    }
}
