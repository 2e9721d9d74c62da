//! What the API server's own code makes of requests under a policy, asked by
//! `ci/upstream` and committed in `tests/vectors/audit-policy/`.

use std::borrow::Cow;
use std::fs;
use std::process::Command;

use packwright::audit::explain::explain;
use packwright::audit::matcher::Matcher;
use packwright::audit::policy;
use packwright::audit::types::{Request, Target, User};
use packwright::diagnostic::{Diagnostics, Source};
use packwright::kubernetes::Minor;
use packwright::yaml;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde::Deserialize;
use serde_json::{Value, json};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/audit-policy");
/// One minor before `group: "*"` was admitted, and one after.
const MINORS: &[Minor] = &[Minor(35), Minor(37)];

#[derive(Deserialize)]
struct EdgeCase {
    name: String,
    policy: String,
    explain: String,
}

fn lines(path: &str) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Words as a shell takes them: `''` is an empty one.
fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().map(|word| if word == "''" { "" } else { word }).collect()
}

#[test]
fn explain_says_what_the_api_server_does() {
    let cases = fs::read_to_string(format!("{ROOT}/tests/upstream/audit-policy/edge-cases.yaml")).expect("the cases");
    let cases: Vec<EdgeCase> = serde_yaml::from_str(&cases).expect("YAML");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("policy.yaml");
    for minor in MINORS {
        let answers = lines(&format!("{VECTORS}/edge-cases-{minor}.jsonl"));
        assert_eq!(cases.len(), answers.len());
        for (case, answer) in cases.iter().zip(&answers) {
            let name = format!("{} on {minor}", case.name);
            assert_eq!(answer["name"], json!(case.name));
            fs::write(&file, format!("apiVersion: audit.k8s.io/v1\nkind: Policy\n{}", case.policy)).expect("written");
            let output = Command::new(env!("CARGO_BIN_EXE_packwright"))
                .args(["policy", "explain", "--format=json", "--kubernetes-version", &minor.to_string()])
                .arg(&file)
                .args(words(&case.explain))
                .output()
                .expect("the binary runs");
            let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{name}: {error}"));
            if answer.get("refused").is_some() {
                assert_eq!(output.status.code(), Some(2), "{name}");
                continue;
            }
            assert_eq!(output.status.code(), Some(0), "{name}: {said:#}");
            for key in ["level", "rule", "omitStages", "omitManagedFields"] {
                assert_eq!(said[key], answer[key], "{name}: {key}");
            }
            assert_eq!(said["stages"], answer.get("stages").cloned().unwrap_or(json!([])), "{name}: stages");
        }
    }
}

/// `cases.jsonl` and the answers of each minor, in the committed sample or in
/// the folder that `ci/upstream` gives.
#[test]
fn policies_decide_as_the_api_server_does() {
    let folder = std::env::var("PACKWRIGHT_POLICY_ANSWERS").unwrap_or_else(|_| VECTORS.to_owned());
    let cases = lines(&format!("{folder}/cases.jsonl"));
    let mut compared = 0;
    for minor in MINORS {
        let path = format!("{folder}/answers-{minor}.jsonl");
        if folder != VECTORS && !fs::exists(&path).expect("readable") {
            continue;
        }
        let answers = lines(&path);
        assert_eq!(cases.len(), answers.len());
        for (case, answers) in cases.iter().zip(&answers) {
            let text = case["policy"].to_string();
            let document = yaml::read(&Source::file("policy.json", text.clone()), &mut Diagnostics::new()).expect("YAML");
            let policy = policy::decode(&document, *minor, &mut Diagnostics::new());
            let Some(answers) = answers.as_array() else {
                assert!(policy.is_err(), "only the API server of {minor} refuses {text}");
                continue;
            };
            let policy = policy.unwrap_or_else(|errors| panic!("the API server of {minor} takes {text}: {errors:?}"));
            let matcher = Matcher::new(policy.clone());
            for (attributes, answer) in case["requests"].as_array().expect("requests").iter().zip(answers) {
                let groups: Vec<Cow<'_, str>> =
                    attributes["groups"].as_array().into_iter().flatten().filter_map(Value::as_str).map(Cow::from).collect();
                let request = request(attributes, &groups);
                for decision in [matcher.decide(&request), explain(&policy, &request).decision] {
                    let decision =
                        json!([decision.level.name(), decision.rule, decision.omit_stages.names(), decision.omit_managed_fields]);
                    assert_eq!(&decision, answer, "{attributes} on {minor} under {text}");
                }
                compared += 1;
            }
        }
    }
    println!("{compared} decisions agree");
    assert!(compared > 500);
}

fn request<'a>(attributes: &'a Value, groups: &'a [Cow<'a, str>]) -> Request<'a> {
    let text = |key: &str| attributes[key].as_str().unwrap_or_default();
    let target = match attributes["path"].as_str() {
        Some(path) => Target::Url(path),
        None => Target::Resource {
            group: text("group"),
            resource: text("resource"),
            subresource: text("subresource"),
            namespace: text("namespace"),
            name: text("name"),
        },
    };
    let user = attributes["user"].as_str().map(|name| User { name: Some(name), groups });
    Request { user, verb: text("verb"), target }
}

/// Writes as many policies as `PACKWRIGHT_CASES_COUNT` says, each with ten
/// requests, to the file `PACKWRIGHT_CASES`.
#[test]
#[ignore = "ci/upstream calls it"]
fn write_cases() {
    let path = std::env::var("PACKWRIGHT_CASES").expect("PACKWRIGHT_CASES is a file to write to");
    let count: usize = std::env::var("PACKWRIGHT_CASES_COUNT").expect("a count").parse().expect("a number");
    let mut runner = TestRunner::deterministic();
    let cases =
        (policy_document(), vec(request_attributes(), 10)).prop_map(|(policy, requests)| json!({"policy": policy, "requests": requests}));
    let text: String = (0..count).map(|_| format!("{}\n", cases.new_tree(&mut runner).expect("a case").current())).collect();
    fs::write(path, text).expect("written");
}

const USERS: &[&str] = &["alice", "bob", "system:apiserver", "system:anonymous", "*", ""];
const GROUPS: &[&str] = &["system:authenticated", "system:masters", "system:nodes", "*"];
const VERBS: &[&str] = &["get", "list", "watch", "create", "patch", "deletecollection", "*", ""];
const API_GROUPS: &[&str] = &["", "", "apps", "metrics.k8s.io"];
const KINDS: &[&str] = &[
    "pods",
    "pods",
    "pods/log",
    "pods/*",
    "*/log",
    "*",
    "*/*",
    "deployments",
    "deployments/scale",
    "secrets",
    "",
    "/",
    "/log",
    "pods/",
    "*/",
    "pods/log/x",
];
const NAMES: &[&str] = &["web", "db", "*", ""];
const NAMESPACES: &[&str] = &["default", "kube-system", "*", ""];
const URLS: &[&str] = &["*", "/healthz", "/healthz*", "/api/*", "/", "/*", "/metrics"];
const PATHS: &[&str] = &["/healthz", "/healthz/etcd", "/healthzfoo", "/api", "/api/", "/api/v1", "/", "", "/metrics", "*"];

fn some(key: &'static str, words: &'static [&'static str], weight: u32) -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    prop_oneof![
        weight => Just(Vec::new()),
        2 => vec(select(words), 1..4).prop_map(move |words| vec![(key, json!(words))]),
    ]
}

fn stages() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    some("omitStages", packwright::audit::types::STAGES, 4)
}

fn managed_fields() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    prop_oneof![3 => Just(Vec::new()), 1 => any::<bool>().prop_map(|value| vec![("omitManagedFields", json!(value))])]
}

fn object(fields: impl IntoIterator<Item = Vec<(&'static str, Value)>>) -> Value {
    Value::Object(fields.into_iter().flatten().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn entry() -> impl Strategy<Value = Value> {
    // Rarely what some API servers refuse: any group, names without resources.
    let group = prop_oneof![40 => select(API_GROUPS), 1 => Just("*")];
    let names = prop_oneof![40 => Just(true), 1 => Just(false)];
    (group, some("resources", KINDS, 1), some("resourceNames", NAMES, 4), names).prop_map(|(group, resources, names, careful)| {
        let names = if careful && resources.is_empty() { Vec::new() } else { names };
        object([if group.is_empty() { Vec::new() } else { vec![("group", json!(group))] }, resources, names])
    })
}

fn rule() -> impl Strategy<Value = Value> {
    let resources = prop_oneof![1 => Just(Vec::new()), 3 => vec(entry(), 1..4).prop_map(|entries| vec![("resources", json!(entries))])];
    let what = prop_oneof![
        3 => (resources, some("namespaces", NAMESPACES, 4)).prop_map(|(resources, namespaces)| [resources, namespaces]),
        1 => some("nonResourceURLs", URLS, 1).prop_map(|urls| [urls, Vec::new()]),
    ];
    let level = select(packwright::audit::types::LEVELS).prop_map(|level| vec![("level", json!(level))]);
    let who = (some("users", USERS, 3), some("userGroups", GROUPS, 4), some("verbs", VERBS, 3));
    (level, who, what, stages(), managed_fields())
        .prop_map(|(level, (users, groups, verbs), [a, b], stages, managed)| object([level, users, groups, verbs, a, b, stages, managed]))
}

fn policy_document() -> impl Strategy<Value = Value> {
    let head = vec![("apiVersion", json!("audit.k8s.io/v1")), ("kind", json!("Policy"))];
    (vec(rule(), 1..7), stages(), managed_fields())
        .prop_map(move |(rules, stages, managed)| object([head.clone(), vec![("rules", json!(rules))], stages, managed]))
}

fn request_attributes() -> impl Strategy<Value = Value> {
    let user = prop_oneof![
        1 => Just(vec![("user", Value::Null)]),
        9 => (select(USERS), subsequence(GROUPS, 0..4)).prop_map(|(user, groups)| vec![("user", json!(user)), ("groups", json!(groups))]),
    ];
    let what = prop_oneof![
        3 => (select(API_GROUPS), select(&["pods", "deployments", "secrets", "*", ""][..]), select(&["", "", "log", "scale", "*"][..]), select(NAMESPACES), select(NAMES))
            .prop_map(|(group, resource, subresource, namespace, name)| {
                let fields = [("group", group), ("resource", resource), ("subresource", subresource), ("namespace", namespace), ("name", name)];
                fields.into_iter().filter(|(_, text)| !text.is_empty()).map(|(key, text)| (key, json!(text))).collect()
            }),
        1 => select(PATHS).prop_map(|path| vec![("path", json!(path))]),
    ];
    (user, select(VERBS), what).prop_map(|(user, verb, what): (_, _, Vec<_>)| object([user, vec![("verb", json!(verb))], what]))
}
