//! The target `cluster-api`: what arrives in each of its documents, and what is
//! refused because it would not arrive.

use std::collections::BTreeMap;

use packwright::diagnostic::{Diagnostics, Source};
use packwright::pack::{self, Inputs};
use packwright::patch::{Body, ControlPlanePatch};
use packwright::target::Document;
use packwright::target::read::{self, Kind, Reading};
use packwright::values::{Assignment, Kind as Set, Layer};
use packwright::yaml;
use proptest::prelude::*;
use serde_json::{Value, json};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn render(layers: Vec<Layer>) -> Result<(ControlPlanePatch, BTreeMap<String, String>), Diagnostics> {
    let mut warnings = Diagnostics::new();
    let source = pack::load(&format!("{ROOT}/packs/kube-apiserver-audit"), &mut warnings)?;
    let inputs = Inputs { layers, targets: vec!["cluster-api".to_owned()], ..Inputs::default() };
    let plan = pack::plan(source, inputs, &mut warnings)?;
    let patch = plan.patch(&mut warnings)?;
    let documents = plan.documents(&patch, &mut warnings)?.into_iter().filter(|document| document.path.ends_with(".fragment.yaml"));
    let text = |document: Document| (document.path, String::from_utf8(document.bytes).expect("text"));
    Ok((patch, documents.map(text).collect()))
}

fn set(path: &str, value: &Value) -> Layer {
    Layer::Set(Assignment { kind: Set::SetJson, path: path.to_owned(), value: value.to_string() }, None)
}

fn overlay(name: &str) -> Layer {
    Layer::File(pack::load_layer(&format!("{ROOT}/values/{name}.yaml")).expect("the overlay"))
}

fn read_back(path: &str, text: &str) -> Reading {
    let node = yaml::read(&Source::file(path, text.to_owned()), &mut Diagnostics::new()).expect("YAML");
    let mut found = Diagnostics::new();
    let reading = read::read(Kind::of(&node).expect("a kind that is read"), &node, &mut found);
    assert!(found.items.is_empty(), "{path}: {:?}", found.items);
    reading
}

/// The flags, volumes and files of the how-to, in each document's own shape.
#[test]
fn the_how_to_arrives_in_every_document() {
    let (patch, documents) = render(vec![overlay("tutorial")]).expect("documents");
    assert_eq!((patch.args.len(), patch.volumes.len(), patch.files.len()), (14, 2, 1));
    assert_eq!(documents.len(), 8);
    for (path, text) in documents {
        let document: Value = serde_yaml::from_str(&text).expect("YAML");
        let version = if path.contains("v1beta1") { "v1beta1" } else { "v1beta2" };
        let prefix = match document["kind"].as_str() {
            Some("KubeadmControlPlane") => "/spec/kubeadmConfigSpec",
            Some("KubeadmControlPlaneTemplate") => "/spec/template/spec/kubeadmConfigSpec",
            _ => "",
        };
        let result = if prefix.is_empty() { patched(&document, &path) } else { document.pointer(prefix).expect("its part").clone() };
        let api_server = &result["clusterConfiguration"]["apiServer"];
        let args: BTreeMap<String, String> = if version == "v1beta1" {
            serde_json::from_value(api_server["extraArgs"].clone()).expect("a map of text")
        } else {
            let list: Vec<BTreeMap<String, String>> = serde_json::from_value(api_server["extraArgs"].clone()).expect("a list");
            let sorted = list.is_sorted_by(|a, b| a["name"] < b["name"]);
            assert!(sorted, "{path}: v1beta1 would convert to another order");
            list.into_iter().map(|arg| (arg["name"].clone(), arg["value"].clone())).collect()
        };
        let expected: BTreeMap<String, String> = patch.args.iter().map(|arg| (arg.name.clone(), arg.value.clone())).collect();
        assert_eq!(args, expected, "{path}");
        assert_eq!(
            api_server["extraVolumes"],
            json!([
                {"name": "audit", "hostPath": "/etc/kubernetes/audit-policy.yaml", "mountPath": "/etc/kubernetes/audit-policy.yaml", "readOnly": true, "pathType": "File"},
                {"name": "audit-log", "hostPath": "/var/log/kubernetes/audit/", "mountPath": "/var/log/kubernetes/audit/", "pathType": "DirectoryOrCreate"},
            ]),
            "{path}"
        );
        assert_eq!(
            result["files"],
            json!([{
                "path": "/etc/kubernetes/audit-policy.yaml", "owner": "root:root", "permissions": "0600",
                "content": "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n  - level: Metadata\n",
            }]),
            "{path}"
        );
    }
}

/// What a class's JSON patches make of a template that has nothing (create) or empty lists (append).
fn patched(class: &Value, path: &str) -> Value {
    let mut result = json!({"clusterConfiguration": {"apiServer": {}}});
    if path.contains("append") {
        let args = if path.contains("v1beta1") { json!({}) } else { json!([]) };
        result = json!({"clusterConfiguration": {"apiServer": {"extraArgs": args, "extraVolumes": []}}, "files": []});
    }
    for operation in class["spec"]["patches"][0]["definitions"][0]["jsonPatches"].as_array().expect("operations") {
        assert_eq!(operation["op"], "add");
        let pointer =
            operation["path"].as_str().and_then(|path| path.strip_prefix("/spec/template/spec/kubeadmConfigSpec")).expect("a path");
        let (parent, key) = pointer.rsplit_once('/').expect("a key");
        match result.pointer_mut(parent).expect("a parent that is there") {
            Value::Array(items) if key == "-" => items.push(operation["value"].clone()),
            Value::Object(map) => drop(map.insert(key.to_owned(), operation["value"].clone())),
            other => panic!("{pointer} in {other}"),
        }
    }
    result
}

#[test]
fn exposed_flags_become_typed_variables() {
    let expose = json!({
        "audit-log-maxage": {"name": "auditMaxAge", "minimum": 30, "maximum": 365.0, "description": "Days: {{ not a template"},
        "audit-log-compress": {"name": "auditCompress"},
        "audit-log-format": {"name": "auditFormat", "enum": ["json", "legacy"]},
        "audit-log-maxsize": {"name": "auditMaxSize", "type": "number"},
    });
    let (_, documents) = render(vec![overlay("tutorial"), set("expose", &expose)]).expect("documents");
    for form in ["create", "append"] {
        for version in ["v1beta1", "v1beta2"] {
            let text = &documents[&format!("cluster-api/clusterclass.{form}.{version}.fragment.yaml")];
            let class: Value = serde_yaml::from_str(text).expect("YAML");
            let spec = class["spec"].as_object().expect("a spec");
            assert_eq!(spec.keys().collect::<Vec<_>>(), ["patches", "variables"]);
            assert_eq!(
                class["spec"]["variables"],
                json!([
                    {"name": "auditCompress", "required": false, "schema": {"openAPIV3Schema": {"type": "boolean", "default": true}}},
                    {"name": "auditFormat", "required": false, "schema": {"openAPIV3Schema": {"type": "string", "default": "json", "enum": ["json", "legacy"]}}},
                    {"name": "auditMaxAge", "required": false, "schema": {"openAPIV3Schema": {
                        "type": "integer", "default": 30, "minimum": 30, "maximum": 365, "description": "Days: {{ not a template"}}},
                    {"name": "auditMaxSize", "required": false, "schema": {"openAPIV3Schema": {"type": "number", "default": 50}}},
                ])
            );
            let reading = read_back(form, text);
            let exposed: Vec<(&str, &str)> =
                reading.args.iter().filter_map(|arg| Some((arg.name.as_str(), arg.variable.as_ref()?.name.as_str()))).collect();
            assert_eq!(
                exposed,
                [
                    ("audit-log-compress", "auditCompress"),
                    ("audit-log-format", "auditFormat"),
                    ("audit-log-maxage", "auditMaxAge"),
                    ("audit-log-maxsize", "auditMaxSize")
                ]
            );
        }
    }
}

/// A policy of about 30 KB with all that a node's boot program stumbles over.
fn awkward(rules: usize) -> String {
    let mut policy = String::from("  \n  # {{ ds.meta_data }} {% raw %} {# gone #}\n");
    policy.push_str("  apiVersion: audit.k8s.io/v1\n  kind: Policy\n  rules:\n");
    for rule in 0..rules {
        policy.push_str(&format!("    - {{level: Metadata, users: [\"Zo\u{eb}-{rule}@\u{5317}\u{4eac}.example\"], verbs: [get]}}\n"));
    }
    policy
}

#[test]
fn a_large_policy_arrives_byte_for_byte() {
    let policy = awkward(480);
    assert!(policy.len() > 30_000);
    let (_, documents) = render(vec![set("policy.content", &json!(policy))]).expect("documents");
    for (path, text) in documents {
        let reading = read_back(&path, &text);
        assert!(matches!(&reading.files[0].body, Body::Content(content) if content.text == policy), "{path}");
        assert!(text.contains("encoding: gzip+base64"), "{path}");
    }
}

#[test]
fn what_does_not_fit_is_refused_with_the_limit() {
    let policy: String = (0..3000_u64).map(|n| format!("# {:016x}\n", n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    let policy = format!("{policy}apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n  - level: Metadata\n");
    let refused = |layers| {
        let found = render(layers).expect_err("refused");
        let messages: Vec<String> = found.items.iter().map(|item| format!("{}: {}", item.code, item.message)).collect();
        messages.join("\n")
    };
    let message = refused(vec![set("policy.content", &json!(policy))]);
    assert!(message.starts_with("target-limit: ") && message.contains("at most 10240"), "{message}");
    // What gzip would make fit, ignition does not take.
    let message = refused(vec![set("policy.content", &json!(awkward(480))), set("targets.cluster-api.format", &json!("ignition"))]);
    assert!(message.contains("ignition takes no gzip"), "{message}");
    let empty = set("files", &json!({"/etc/a": {"content": ""}}));
    let message = refused(vec![empty, set("targets.cluster-api.format", &json!("ignition"))]);
    assert_eq!(message, "target-limit: the file `/etc/a` is empty, Cluster API takes no empty content, and ignition no gzip of it");
    let message = refused(vec![set("extraArgs.event-ttl", &json!("x".repeat(1025)))]);
    assert_eq!(message, "target-limit: the value of --event-ttl has 1025 characters, and Cluster API takes 1 to 1024");
    let message = refused(vec![set("policy.owner", &json!("65:10"))]);
    assert!(message.contains("base 60"), "{message}");
    let message = refused(vec![set("expose", &json!({"audit-log-maxage": {"name": "builtin"}}))]);
    assert!(message.contains("a name that Cluster API keeps for itself"), "{message}");
}

#[test]
fn secrets_are_named_and_what_is_on_the_node_is_left_alone() {
    let webhook = json!({"enabled": true, "kubeconfig": {"host": null, "secret": {"name": "audit-webhook-1", "key": "kubeconfig"}}});
    let (_, documents) = render(vec![set("webhook", &webhook)]).expect("documents");
    for (path, text) in &documents {
        let reading = read_back(path, text);
        assert_eq!(reading.files.len(), 2, "{path}");
        assert!(reading.files.iter().any(|file| matches!(&file.body, Body::Secret { name, .. } if name == "audit-webhook-1")), "{path}");
    }
    let (_, documents) = render(vec![set("webhook", &json!({"enabled": true}))]).expect("documents");
    assert!(documents.iter().all(|(path, text)| read_back(path, text).files.len() == 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any content arrives in every document: rendering compares what it reads
    /// back, so all that can happen is a document or a limit.
    #[test]
    fn any_content_arrives_or_is_refused(lines in prop::collection::vec("[ \t\\PC{}%#|>-]{0,40}", 0..12), ending in "\n{0,2}") {
        let content = lines.join("\n") + &ending;
        match render(vec![set("files", &json!({"/etc/a": {"content": content}}))]) {
            Ok((_, documents)) => for (path, text) in documents {
                let files = read_back(&path, &text).files;
                let file = files.iter().find(|file| file.path == "/etc/a").expect("the file");
                prop_assert!(matches!(&file.body, Body::Content(found) if found.text == content), "{path}: {text}");
            },
            Err(errors) => for error in errors.items {
                prop_assert_eq!(error.code.name(), "values-invalid", "{}", error.message);
            }
        }
    }
}

/// Cluster API's patches read numbers as floats and print what Go makes of them
/// (tests/vectors/cluster-api holds what comes out).
#[test]
fn a_number_that_would_come_back_changed_is_refused() {
    let exposed = |text: &str, kind: &str| {
        let value = set("extraArgs.event-ttl", &json!(text));
        render(vec![value, set("expose", &json!({"event-ttl": {"name": "ttl", "type": kind}}))])
    };
    for (text, kind) in [("1000000", "number"), ("2.5", "number"), ("-3", "integer"), ("007", "string")] {
        assert!(exposed(text, kind).is_ok(), "{text} as {kind}");
    }
    for (text, kind) in [("007", "integer"), ("9007199254740993", "integer"), ("1.50", "number"), ("1e6", "number")] {
        let refused = exposed(text, kind).expect_err(text);
        assert_eq!(refused.items[0].code.name(), "target-limit", "{text} as {kind}");
        assert!(refused.items[0].message.contains(&format!("`{text}`")), "{}", refused.items[0].message);
    }
}
