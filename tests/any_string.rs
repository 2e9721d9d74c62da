//! Any string that the schema admits, in any knob that takes strings, arrives
//! in every rendered document of every target as it was given, or is refused as
//! a value: never as a fault of a template, and never as something else. The
//! documents are read here by a YAML library, and not by packwright.

mod common;

use std::collections::BTreeMap;

use common::View;
use packwright::diagnostic::{Class, Diagnostics};
use packwright::pack::{self, Inputs};
use packwright::target::Document;
use packwright::values::{Assignment, Kind, Layer};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A knob, and where its string must come out: document and JSON pointer.
struct Knob {
    path: &'static str,
    /// The value to set, around the string.
    wrap: fn(&str) -> Value,
    /// The string as it must arrive.
    expect: fn(&str) -> Value,
    document: &'static str,
    pointer: &'static str,
}

const POLICY: &str = "files/etc/kubernetes/audit-policy.yaml";
const CONFIG: &str = "kubeadm/cluster-configuration.v1beta4.yaml";
const CONFIG_3: &str = "kubeadm/cluster-configuration.v1beta3.yaml";
const PATCH: &str = "control-plane-patch.yaml";
const CLASS: &str = "cluster-api/clusterclass.create.v1beta2.fragment.yaml";
const CLASS_1: &str = "cluster-api/clusterclass.append.v1beta1.fragment.yaml";

fn text(text: &str) -> Value {
    json!(text)
}

fn rule(field: &str, value: Value) -> Value {
    json!([{"level": "Metadata", field: value}])
}

const KNOBS: &[Knob] = &[
    Knob { path: "extraArgs.event-ttl", wrap: text, expect: text, document: CONFIG, pointer: "/apiServer/extraArgs/0/value" },
    Knob { path: "extraArgs.event-ttl", wrap: text, expect: text, document: CONFIG_3, pointer: "/apiServer/extraArgs/event-ttl" },
    Knob { path: "extraArgs.event-ttl", wrap: text, expect: text, document: PATCH, pointer: "/apiServer/extraArgs/0/value" },
    Knob { path: "policy.rules", wrap: |s| rule("users", json!([s])), expect: text, document: POLICY, pointer: "/rules/0/users/0" },
    Knob {
        path: "policy.rules",
        wrap: |s| rule("userGroups", json!([s])),
        expect: text,
        document: POLICY,
        pointer: "/rules/0/userGroups/0",
    },
    Knob {
        path: "policy.rules",
        wrap: |s| rule("namespaces", json!([s])),
        expect: text,
        document: POLICY,
        pointer: "/rules/0/namespaces/0",
    },
    Knob { path: "policy.rules", wrap: |s| rule("verbs", json!([s])), expect: text, document: POLICY, pointer: "/rules/0/verbs/0" },
    Knob {
        path: "policy.rules",
        wrap: |s| rule("nonResourceURLs", json!([s])),
        expect: text,
        document: POLICY,
        pointer: "/rules/0/nonResourceURLs/0",
    },
    Knob {
        path: "policy.prependRules",
        wrap: |s| rule("resources", json!([{"group": s, "resources": [s], "resourceNames": [s]}])),
        expect: |s| json!({"group": s, "resources": [s], "resourceNames": [s]}),
        document: POLICY,
        pointer: "/rules/0/resources/0",
    },
    Knob { path: "policy.content", wrap: text, expect: text, document: PATCH, pointer: "/files/0/content" },
    Knob {
        path: "policy.path",
        wrap: |s| json!(format!("/{s}")),
        expect: |s| json!(format!("/{s}")),
        document: CONFIG,
        pointer: "/apiServer/extraVolumes/1/hostPath",
    },
    Knob {
        path: "log.path",
        wrap: |s| json!(format!("/{s}")),
        expect: |s| json!(format!("/{s}")),
        document: CONFIG,
        pointer: "/apiServer/extraArgs/8/value",
    },
    Knob {
        path: "log.hostPath",
        wrap: |s| json!(format!("/{s}")),
        expect: |s| json!(format!("/{s}")),
        document: CONFIG,
        pointer: "/apiServer/extraVolumes/0/hostPath",
    },
    Knob {
        path: "extraVolumes.a",
        wrap: |s| json!({"hostPath": format!("/{s}"), "mountPath": format!("/{s}")}),
        expect: |s| json!(format!("/{s}")),
        document: CONFIG,
        pointer: "/apiServer/extraVolumes/0/mountPath",
    },
    Knob { path: "files", wrap: |s| json!({"/etc/a": {"content": s}}), expect: text, document: PATCH, pointer: "/files/0/content" },
    Knob {
        path: "files",
        wrap: |s| json!({"/etc/a": {"secret": {"name": s, "key": s}}}),
        expect: |s| json!({"name": s, "key": s}),
        document: PATCH,
        pointer: "/files/0/secret",
    },
    Knob {
        path: "expose",
        wrap: |s| json!({"audit-log-maxage": {"name": "a", "description": s}}),
        expect: text,
        document: PATCH,
        pointer: "/apiServer/extraArgs/5/variable/description",
    },
    Knob {
        path: "expose",
        wrap: |s| json!({"audit-log-maxage": {"name": "a", "description": s}}),
        expect: |s| if s.is_empty() { Value::Null } else { json!(s) },
        document: CLASS,
        pointer: "/spec/variables/0/schema/openAPIV3Schema/description",
    },
    Knob { path: EXPOSED, wrap: text, expect: text, document: CLASS, pointer: "/spec/variables/0/schema/openAPIV3Schema/default" },
    Knob { path: EXPOSED, wrap: text, expect: text, document: CLASS_1, pointer: "/spec/variables/0/schema/openAPIV3Schema/enum/0" },
    Knob {
        path: "webhook",
        wrap: |s| json!({"enabled": true, "kubeconfig": {"path": format!("/{s}")}}),
        expect: |s| json!(format!("/{s}")),
        document: PATCH,
        pointer: "/apiServer/extraVolumes/2/hostPath",
    },
];

/// A flag that is exposed as text, with the value as the one choice.
const EXPOSED: &str = "extraArgs.exposed";

fn render(path: &str, value: &Value) -> Result<Vec<Document>, Diagnostics> {
    let mut warnings = Diagnostics::new();
    let source = pack::load(concat!(env!("CARGO_MANIFEST_DIR"), "/packs/kube-apiserver-audit"), &mut warnings)?;
    let set =
        |path: &str, value: &Value| Layer::Set(Assignment { kind: Kind::SetJson, path: path.to_owned(), value: value.to_string() }, None);
    let mut layers = vec![set(path, value)];
    if path == EXPOSED {
        layers.push(set("expose", &json!({"exposed": {"name": "a", "type": "string", "enum": [value]}})));
    }
    if path == "extraArgs.event-ttl" {
        layers.push(set("log", &Value::Null)); // then the flag is the first of two
        layers.insert(0, set("policy.path", &json!("/etc/kubernetes/audit-policy.yaml")));
    }
    let inputs = Inputs { layers, kubernetes_version: Some("1.30-1.31".to_owned()), ..Inputs::default() };
    let plan = pack::plan(source, inputs, &mut warnings)?;
    let patch = plan.patch(&mut warnings)?;
    plan.documents(&patch, &mut warnings)
}

/// What was rendered for a knob's path and value, by both.
type Rendered = BTreeMap<(&'static str, String), Result<Vec<Document>, Diagnostics>>;

fn check(knob: &Knob, string: &str, rendered: &mut Rendered) {
    let value = (knob.wrap)(string);
    match rendered.entry((knob.path, value.to_string())).or_insert_with(|| render(knob.path, &value)) {
        Ok(documents) => {
            let document = documents.iter().find(|document| document.path == knob.document).expect("the document");
            let text = std::str::from_utf8(&document.bytes).expect("text");
            let read: Value =
                serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{} does not parse: {error}\n{text}", knob.document));
            let found = read.pointer(knob.pointer).cloned().unwrap_or_default();
            // A flag comes out at the place that its name sorts to.
            let expected = (knob.expect)(string);
            let anywhere = contains(&read, &expected);
            assert!(found == expected || anywhere, "{} = {value}\nexpected {expected} at {} of\n{text}", knob.path, knob.pointer);
            let patch = documents.iter().find(|document| document.path == PATCH).expect("the patch");
            let patch = View::of_patch(patch);
            let seen = documents.iter().filter(|document| patch.is_in(document, &value.to_string())).count();
            assert_eq!(seen, 19, "a document is not looked at");
        }
        Err(errors) => {
            for error in &errors.items {
                let refused_as_value =
                    matches!(error.code.name(), "values-invalid" | "volume-name-duplicate" | "flag-duplicate" | "target-limit");
                assert!(refused_as_value, "{} = {value}: {} {}", knob.path, error.code, error.message);
                assert!(error.code.class() <= Class::Input);
            }
        }
    }
}

fn contains(tree: &Value, wanted: &Value) -> bool {
    tree == wanted
        || match tree {
            Value::Array(items) => items.iter().any(|item| contains(item, wanted)),
            Value::Object(map) => map.values().any(|item| contains(item, wanted)),
            _ => false,
        }
}

#[test]
fn hard_strings_in_every_knob() {
    let hard = [
        "no",
        "0o17",
        "1:30",
        "=",
        "~",
        "",
        "a\nb",
        "a\nb\n",
        " a ",
        "a \n",
        "\ta",
        "a\u{85}b",
        "\u{2028}",
        "😀",
        "{{x}}",
        "{{{x}}}",
        "a: b",
        "- a",
        "#",
        "\"",
        "'",
        "\\",
        "]",
        "}",
        "null",
        "true",
        "\u{feff}",
        "\u{0}",
        "%",
        "|",
        "\u{fdd0}v\u{fdd1}",
        "../..",
        "a/b",
        "\r\n",
    ];
    for string in hard {
        let mut rendered = Rendered::new();
        for knob in KNOBS {
            check(knob, string, &mut rendered);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_string_in_any_knob(string in prop_oneof!["\\PC{0,12}", "[ -~\n\t]{0,12}", any::<String>()], knob in 0..KNOBS.len()) {
        check(&KNOBS[knob], &string, &mut Rendered::new());
    }
}
