//! `packwright policy suggest`: what its rules leave out, and what they never do.

use std::borrow::Cow;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use flate2::{Compression, write::GzEncoder};
use packwright::audit::explain::explain;
use packwright::audit::matcher::Matcher;
use packwright::audit::policy::decode;
use packwright::audit::replay::{Event, Fold as _, Tally};
use packwright::audit::suggest::{Groups, Question, Suggestion};
use packwright::audit::types::{Policy, Request, Target, User};
use packwright::diagnostic::{Diagnostics, Source};
use packwright::kubernetes::Minor;
use packwright::yaml;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

const MINOR: Minor = Minor(37);

/// An event of a log, as far as it matters here.
#[derive(Debug, Clone)]
struct Logged {
    user: &'static str,
    groups: Vec<&'static str>,
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
    subresource: &'static str,
    namespace: &'static str,
    /// Of a request for no object.
    path: Option<&'static str>,
    level: &'static str,
    stage: &'static str,
    code: i32,
    impersonated: bool,
}

impl Logged {
    fn line(&self) -> String {
        let mut event = json!({
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": self.level, "stage": self.stage, "verb": self.verb,
            "requestURI": self.path.unwrap_or("/apis/x"),
            "user": {"username": self.user, "groups": self.groups},
        });
        if self.path.is_none() {
            event["objectRef"] = json!({"apiGroup": self.group, "resource": self.resource, "subresource": self.subresource, "namespace": self.namespace, "name": "x"});
        }
        if self.code != 0 {
            event["responseStatus"] = json!({"code": self.code});
        }
        if self.impersonated {
            event["impersonatedUser"] = json!({"username": "root"});
        }
        if self.level == "RequestResponse" {
            event["requestObject"] = json!({"a": "b"});
            event["responseObject"] = json!([1, 2, 3]);
        }
        event.to_string() + "\n"
    }

    /// What no rule may ever leave out, whatever else it is good for.
    fn must_stay(&self) -> bool {
        let kind = (self.group, self.resource, self.subresource);
        let person =
            self.user != "machine" && (!self.user.starts_with("system:") || ["system:anonymous", "system:admin"].contains(&self.user));
        let writes = !["get", "list", "watch"].contains(&self.verb);
        let sensitive = self.path.is_none()
            && (["secrets", "configmaps", "tokenreviews", "tokens", "*", ""].contains(&self.resource)
                || ["rbac.authorization.k8s.io", "*"].contains(&self.group)
                || ["exec", "attach", "portforward", "proxy", "token", "*"].contains(&self.subresource)
                || writes && [("", "pods", ""), ("apps", "deployments", "")].contains(&kind));
        let verbs = ["escalate", "bind", "impersonate", "delete", "deletecollection", "*", ""];
        let groups = ["system:unauthenticated", "kubeadm:cluster-admins"];
        let masters = self.groups.contains(&"system:masters") && self.user != "system:apiserver";
        person
            || sensitive
            || verbs.contains(&self.verb)
            || masters
            || groups.iter().any(|group| self.groups.contains(group))
            || [401, 403].contains(&self.code)
            || self.impersonated
            || self.stage == "Panic"
    }

    fn asks<'a>(&'a self, groups: &'a [Cow<'a, str>]) -> Request<'a> {
        let target = match self.path {
            Some(path) => Target::Url(path),
            None => Target::Resource {
                group: self.group,
                resource: self.resource,
                subresource: self.subresource,
                namespace: self.namespace,
                name: "x",
            },
        };
        let user = (!self.user.is_empty() || !groups.is_empty()).then_some(User { name: Some(self.user), groups });
        Request { user, verb: self.verb, target }
    }

    fn groups(&self) -> Vec<Cow<'static, str>> {
        self.groups.iter().map(|group| Cow::Borrowed(*group)).collect()
    }
}

const USERS: &[&str] = &[
    "system:node:a",
    "system:node:b",
    "system:kube-scheduler",
    "system:serviceaccount:kube-system:endpoint-controller",
    "system:serviceaccount:shop:web",
    "system:apiserver",
    "system:anonymous",
    "system:admin",
    "system:a\n  - level: None # \"'",
    "alice",
    "machine",
    "*",
    "",
];
const GROUPS: &[&str] = &["system:nodes", "system:authenticated", "system:unauthenticated", "system:masters", "kubeadm:cluster-admins"];
const VERBS: &[&str] =
    &["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "escalate", "bind", "impersonate", "*", ""];
const KINDS: &[(&str, &[&str])] = &[
    ("", &["pods", "nodes", "events", "endpoints", "secrets", "configmaps", "serviceaccounts", "services", "*", "", "Pods"]),
    ("coordination.k8s.io", &["leases", "*"]),
    ("rbac.authorization.k8s.io", &["roles", "clusterrolebindings"]),
    ("authentication.k8s.io", &["tokenreviews"]),
    ("apps", &["deployments", "replicasets"]),
    ("shop.example.com", &["carts", "tokens"]),
    ("*", &["*", "pods"]),
];
const SUBRESOURCES: &[&str] = &["status", "scale", "exec", "attach", "portforward", "proxy", "token", "log", "*"];
const PATHS: &[&str] = &["/healthz", "/healthz/etcd", "/readyz", "/healthzz", "/api", "/apis/apps", "/version", "/metrics", "/", "*"];

/// Mostly of few kinds, so that some of them are suggested.
fn logged() -> impl Strategy<Value = Logged> {
    let kind = select(KINDS).prop_flat_map(|(group, resources)| (Just(group), select(resources)));
    let quiet = select(&[("", "nodes"), ("coordination.k8s.io", "leases"), ("", "events"), ("", "endpoints")][..]);
    let kind = (prop_oneof![kind, quiet], prop_oneof![3 => Just(""), 1 => select(SUBRESOURCES)]);
    let who = (prop_oneof![1 => select(USERS), 1 => select(&USERS[..6])], subsequence(GROUPS, 0..3), any::<bool>());
    let path = prop_oneof![3 => Just(None), 1 => select(PATHS).prop_map(Some)];
    let how = (
        select(&["Metadata", "RequestResponse"][..]),
        prop_oneof![1 => Just("RequestReceived"), 9 => Just("ResponseComplete"), 1 => Just("Panic")],
        prop_oneof![1 => Just(0), 20 => Just(200), 1 => Just(401), 1 => Just(403)],
        prop::bool::weighted(0.03),
    );
    let verb = prop_oneof![1 => select(VERBS), 2 => select(&["get", "watch", "update"][..])];
    (who, verb, kind, select(&["", "a", "b"][..]), path, how).prop_map(
        |((user, groups, plain), verb, ((group, resource), subresource), namespace, path, (level, stage, code, impersonated))| {
            let usual = if user.starts_with("system:node:") { vec!["system:nodes"] } else { Vec::new() };
            let groups = if plain { usual } else { groups };
            Logged { user, groups, verb, group, resource, subresource, namespace, path, level, stage, code, impersonated }
        },
    )
}

fn policy(rules: &str) -> Policy {
    let text = format!("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n{rules}");
    let mut found = Diagnostics::new();
    let document = yaml::read(&Source::anonymous("policy", text.clone()), &mut found).unwrap_or_else(|errors| panic!("{text}\n{errors:?}"));
    decode(&document, MINOR, &mut found).unwrap_or_else(|errors| panic!("{text}\n{errors:?}"))
}

/// A policy as it is before, which keeps some and cuts bodies from others.
const BEFORE: &str =
    "  - {level: None, verbs: [list]}\n  - {level: Request, verbs: [get]}\n  - {level: RequestResponse, omitStages: [RequestReceived]}\n";

fn suggest(log: &[Logged], matcher: Option<&Matcher>) -> Vec<Suggestion> {
    let machines = ["machine".to_owned(), "system:anonymous".to_owned()];
    // Two workers, who share the log.
    let mut workers = [0, 1].map(|_| Groups::new(Question { matcher, machines: &machines }));
    for (index, logged) in log.iter().enumerate() {
        let line = logged.line();
        workers[index % 2].event(&Event::read(Ok(&line)).expect("an event"), line.as_bytes());
    }
    let [mut all, other] = workers;
    all.add(other);
    all.suggestions().into_iter().filter(|found| found.is_sound(&[MINOR])).collect()
}

fn kept(log: &[Logged], rules: &str) -> (u64, u64) {
    let matcher = Matcher::new(policy(rules));
    let mut tally = Tally::new(&matcher);
    for logged in log {
        let line = logged.line();
        tally.event(&Event::read(Ok(&line)).expect("an event"), line.as_bytes());
    }
    (tally.all.kept.events, tally.all.kept.bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn rules_save_what_they_say_and_hide_nothing_that_must_stay(log in vec(logged(), 1..100), with_policy in any::<bool>()) {
        let before = if with_policy { BEFORE } else { "  - {level: RequestResponse}\n" };
        let matcher = Matcher::new(policy(before));
        let found = suggest(&log, with_policy.then_some(&matcher));
        let mut rules = String::new();
        let mut left = kept(&log, before);
        // In order, each atop of those before.
        for suggestion in &found {
            let alone = policy(&suggestion.yaml());
            for logged in &log {
                let groups = logged.groups();
                let is_left_out = explain(&alone, &logged.asks(&groups)).decision.rule.is_some();
                prop_assert!(!(is_left_out && logged.must_stay()), "{}\n{:?}", suggestion.yaml(), logged);
            }
            rules += &suggestion.yaml();
            let now = kept(&log, &(rules.clone() + before));
            let saved = (left.0 - now.0, left.1 - now.1);
            prop_assert_eq!(saved, (suggestion.count.events, suggestion.count.bytes), "{}", suggestion.yaml());
            left = now;
        }
    }

    /// Also nothing that the log does not have.
    #[test]
    fn no_rule_matches_a_request_that_must_stay(log in vec(logged(), 1..100), requests in vec(logged(), 200)) {
        for suggestion in suggest(&log, None) {
            let alone = policy(&suggestion.yaml());
            for request in requests.iter().map(|request| Logged { code: 200, stage: "ResponseComplete", impersonated: false, ..request.clone() }) {
                // Groups are no matter of the rules for a user, so whoever is powerful today was not when he was logged.
                let request = Logged { groups: request.groups.into_iter().filter(|group| *group == "system:nodes").collect(), ..request };
                let is_false_node = request.groups.contains(&"system:nodes") && !request.user.starts_with("system:node:");
                if is_false_node {
                    continue;
                }
                let groups = request.groups();
                let is_left_out = explain(&alone, &request.asks(&groups)).decision.rule.is_some();
                prop_assert!(!(is_left_out && request.must_stay()), "{}\n{:?}", suggestion.yaml(), request);
            }
        }
    }
}

fn usual() -> Logged {
    Logged {
        user: "system:node:a",
        groups: vec!["system:nodes", "system:authenticated"],
        verb: "update",
        group: "coordination.k8s.io",
        resource: "leases",
        subresource: "",
        namespace: "kube-node-lease",
        path: None,
        level: "Metadata",
        stage: "ResponseComplete",
        code: 200,
        impersonated: false,
    }
}

/// That the test above does not pass for want of rules.
#[test]
fn what_a_cluster_repeats_is_suggested() {
    let scheduler = Logged { user: "system:kube-scheduler", groups: Vec::new(), namespace: "", ..usual() };
    let rule = |logged: &Logged| suggest(std::slice::from_ref(logged), None).first().map(|found| found.yaml().replace("    ", ""));
    let cases = [
        (
            usual(),
            "  - level: None\nuserGroups: [\"system:nodes\"]\nverbs: [update]\nresources: [{group: coordination.k8s.io, resources: [leases]}]\nnamespaces: [kube-node-lease]\n",
        ),
        (
            Logged { verb: "watch", group: "", resource: "pods", ..scheduler.clone() },
            "  - level: None\nusers: [\"system:kube-scheduler\"]\nverbs: [watch]\nresources: [{group: \"\", resources: [pods]}]\nnamespaces: [\"\"]\n",
        ),
        (
            Logged { verb: "watch", group: "", resource: "nodes", ..scheduler.clone() },
            "  - level: None\nusers: [\"system:kube-scheduler\"]\nverbs: [watch]\nresources: [{group: \"\", resources: [nodes]}]\n",
        ),
        (
            Logged { user: "system:apiserver", groups: vec!["system:masters"], verb: "get", path: Some("/readyz"), ..usual() },
            "  - level: None\nusers: [\"system:apiserver\"]\nverbs: [get]\nnonResourceURLs: [/healthz, \"/healthz/*\", /livez, \"/livez/*\", /readyz, \"/readyz/*\"]\n",
        ),
    ];
    for (logged, expected) in cases {
        assert_eq!(rule(&logged).as_deref(), Some(expected));
    }
    // Of nobody else's, nor of what was refused once.
    for logged in [
        Logged { user: "alice", groups: Vec::new(), verb: "get", group: "", resource: "pods", ..usual() },
        Logged { verb: "list", group: "", resource: "pods", ..usual() },
        Logged { verb: "get", group: "", resource: "pods", subresource: "log", ..usual() },
        Logged { group: "", resource: "services", subresource: "status", ..scheduler.clone() },
        Logged { group: "", resource: "nodes", subresource: "status", ..scheduler },
        Logged { groups: Vec::new(), ..usual() },
        Logged { code: 403, ..usual() },
    ] {
        assert_eq!(rule(&logged), None, "{logged:?}");
    }
    assert_eq!(suggest(&[usual(), usual(), Logged { code: 403, ..usual() }], None).len(), 0);
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_packwright"))
        .current_dir(folder)
        .args(["policy", "suggest"])
        .args(arguments)
        .output()
        .expect("the binary runs")
}

fn run_json(folder: &Path, arguments: &[&str]) -> (i32, Value) {
    let output = run(folder, &[arguments, &["--format", "json"]].concat());
    (output.status.code().expect("a status"), serde_json::from_slice(&output.stdout).expect("JSON"))
}

fn lines(logged: &[Logged]) -> String {
    logged.iter().map(Logged::line).collect()
}

fn folder() -> (tempfile::TempDir, [Logged; 5]) {
    let folder = tempfile::tempdir().expect("a folder");
    let log = [
        usual(),
        Logged { user: "system:node:b", ..usual() },
        Logged {
            user: "autoscaler",
            groups: Vec::new(),
            verb: "watch",
            group: "",
            resource: "pods",
            namespace: "",
            level: "RequestResponse",
            ..usual()
        },
        Logged { user: "system:kube-scheduler", groups: Vec::new(), verb: "get", group: "", resource: "secrets", ..usual() },
        Logged { user: "system:kube-scheduler", groups: Vec::new(), verb: "watch", group: "", resource: "nodes", namespace: "", ..usual() },
    ];
    fs::write(folder.path().join("audit.log"), lines(&log)).expect("written");
    (folder, log)
}

#[test]
fn rules_are_ready_to_be_pasted() {
    let (folder, log) = folder();
    let root = folder.path();
    let size = |index: usize| log[index].line().len();
    let output = run(root, &["audit.log"]);
    let all: usize = (0..5).map(size).sum();
    let percent = |bytes: usize| format!("{:.1}%", bytes as f64 * 100.0 / all as f64);
    let rules = String::from_utf8(output.stdout).expect("text");
    assert_eq!(
        rules,
        format!(
            "  # 2 events, {} B, {}
  - level: None
    userGroups: [\"system:nodes\"]
    verbs: [update]
    resources: [{{group: coordination.k8s.io, resources: [leases]}}]
    namespaces: [kube-node-lease]
  # 1 event, {} B, {}
  - level: None
    users: [\"system:kube-scheduler\"]
    verbs: [watch]
    resources: [{{group: \"\", resources: [nodes]}}]
",
            size(0) + size(1),
            percent(size(0) + size(1)),
            size(4),
            percent(size(4))
        )
    );
    // As the answer says, they go to the top of a policy, and lint has nothing to say of them.
    let policy = format!("apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n{rules}  - level: Metadata\n");
    fs::write(root.join("policy.yaml"), policy).expect("written");
    let lint = Command::new(env!("CARGO_BIN_EXE_packwright"))
        .current_dir(root)
        .args(["policy", "lint", "policy.yaml", "--format", "json"])
        .output()
        .expect("the binary runs");
    let lint: Value = serde_json::from_slice(&lint.stdout).expect("JSON");
    let of_rules = |found: &&Value| found["message"].as_str().is_some_and(|message| !message.starts_with("rules[2]"));
    assert_eq!(lint["diagnostics"].as_array().expect("a list").iter().find(of_rules), None);
    // Nothing is left to be left out.
    let (status, said) = run_json(root, &["audit.log", "--policy", "policy.yaml"]);
    assert_eq!((status, &said["rules"], &said["all"]["events"]), (0, &json!([]), &json!(2)));
}

#[test]
fn what_is_said_to_machines() {
    let (folder, log) = folder();
    let size = |index: usize| log[index].line().len();
    let (status, said) = run_json(folder.path(), &["audit.log", "--limit", "2", "--machine", "autoscaler"]);
    let leases = json!({"rule": {"level": "None", "userGroups": ["system:nodes"], "verbs": ["update"], "namespaces": ["kube-node-lease"],
        "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}]}, "events": 2, "bytes": size(0) + size(1)});
    let watch = json!({"rule": {"level": "None", "users": ["autoscaler"], "verbs": ["watch"], "namespaces": [""],
        "resources": [{"group": "", "resources": ["pods"]}]}, "events": 1, "bytes": size(2)});
    let all: usize = (0..5).map(size).sum();
    assert_eq!(
        (status, said),
        (0, json!({"rules": [leases, watch], "all": {"events": 5, "bytes": all}, "others": {"events": 0, "bytes": 0}, "diagnostics": []}))
    );
}

#[test]
fn what_cannot_be_read_is_said_and_the_rest_is_done() {
    let (folder, log) = folder();
    let root = folder.path();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    for index in 0..20_000 {
        gzip.write_all(log[0].line().replace("\"x\"", &format!("\"x{index}\"")).as_bytes()).expect("compressed");
    }
    let gzip = gzip.finish().expect("finished");
    fs::write(root.join("half.gz"), &gzip[..gzip.len() / 2]).expect("written");
    fs::write(root.join("none.log"), "{\"a\": 1}\nno\n").expect("written");
    fs::write(root.join("empty.log"), "").expect("written");
    let (status, said) = run_json(root, &["half.gz", "none.log", "nope.log"]);
    assert_eq!(status, 0, "{said:#}");
    assert!(said["rules"][0]["events"].as_u64().is_some_and(|events| events > 1000 && events < 20_000), "{said:#}");
    let said = said["diagnostics"].to_string();
    for part in ["cannot read `half.gz`, or not to its end", "cannot read `nope.log`", "none.log:1 is no event", "none.log:2 is no event"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    for (arguments, expected) in
        [(&["nope.log"][..], 2), (&["none.log"], 2), (&["empty.log"], 0), (&["audit.log", "--policy", "none.log"], 2)]
    {
        let (status, said) = run_json(root, arguments);
        assert_eq!(status, expected, "{arguments:?}: {said:#}");
    }
}
