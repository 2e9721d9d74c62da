//! What real kubeadm made of our documents, minor by minor. The vectors are
//! written by `ci/upstream` from kubeadm's own code; here the documents must
//! still be the very bytes that kubeadm was asked about, and its answers must
//! be what the patch says.

use std::collections::BTreeMap;
use std::fs;

use packwright::diagnostic::Diagnostics;
use packwright::pack::{self, Inputs, sha256};
use packwright::patch::ControlPlanePatch;
use packwright::target::Document;
use packwright::values::Layer;
use serde_json::{Value, json};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn build(overlay: &str, minor: &str) -> (ControlPlanePatch, Vec<Document>) {
    let mut warnings = Diagnostics::new();
    let source = pack::load(&format!("{ROOT}/packs/kube-apiserver-audit"), &mut warnings).expect("the pack");
    let layers = if overlay == "none" {
        Vec::new()
    } else {
        vec![Layer::File(pack::load_layer(&format!("{ROOT}/values/{overlay}.yaml")).expect("the overlay"))]
    };
    let inputs = Inputs { layers, kubernetes_version: Some(minor.to_owned()), ..Inputs::default() };
    let plan = pack::plan(source, inputs, &mut warnings).expect("values");
    let patch = plan.patch(&mut warnings).expect("a patch");
    let documents = plan.documents(&patch, &mut warnings).expect("documents");
    (patch, documents)
}

fn vectors() -> BTreeMap<String, Value> {
    let files = fs::read_dir(format!("{ROOT}/tests/vectors/kubeadm")).expect("vectors");
    files
        .map(|file| {
            let path = file.expect("a vector").path();
            let minor = path.file_stem().and_then(|stem| stem.to_str()).expect("a minor").to_owned();
            (minor, serde_json::from_str(&fs::read_to_string(&path).expect("text")).expect("JSON"))
        })
        .collect()
}

#[test]
fn there_is_a_vector_for_every_minor_that_the_pack_supports() {
    let minors: Vec<String> = vectors().into_keys().collect();
    let supported: Vec<String> = (28..=37).map(|minor| format!("1.{minor}")).collect();
    assert_eq!(minors, supported);
}

#[test]
fn kubeadm_renders_what_the_patch_says() {
    let overlays = ["none", "tutorial", "recommended", "cis", "stig", "webhook", "palette-pxk"];
    for (minor, vector) in vectors() {
        for overlay in overlays {
            let case = &vector["cases"][overlay];
            let (patch, documents) = build(overlay, &minor);
            let digest = |ending: &str| {
                let document = documents.iter().find(|document| document.path.ends_with(ending)).expect("the document");
                sha256(&document.bytes)
            };
            let name = format!("{overlay} on {minor}");
            assert_eq!(
                case["document"],
                json!(digest(if minor.as_str() < "1.31" { "v1beta3.yaml" } else { "v1beta4.yaml" })),
                "{name}: kubeadm was asked about another document; run ci/upstream --write"
            );
            assert_eq!(case["patches"], json!({"kube-apiserver+strategic.yaml": digest("kube-apiserver+strategic.yaml")}), "{name}");
            assert_eq!((&case["validate"], &case["load"], &case["warnings"]), (&Value::Null, &Value::Null, &json!([])), "{name}");
            assert_eq!(case["restUnchanged"], json!(true), "{name}: something else in the Pod changed");

            // Each flag once, with its value, and nothing of kubeadm's own replaced.
            let mut command: Vec<&str> = case["command"].as_array().expect("a command").iter().filter_map(Value::as_str).collect();
            command.sort_unstable();
            let mut expected: Vec<String> = patch.args.iter().map(|arg| format!("--{}={}", arg.name, arg.value)).collect();
            expected.sort_unstable();
            assert_eq!(command, expected, "{name}");
            assert_eq!(case["dropped"], json!([]), "{name}");

            let volumes: Vec<Value> = patch
                .volumes
                .iter()
                .map(|volume| {
                    let mut host_path = json!({"path": volume.host_path});
                    host_path["type"] = json!(volume.path_type.clone().unwrap_or_default());
                    json!({"name": volume.name, "hostPath": host_path})
                })
                .collect();
            assert_eq!(sorted(&case["volumes"]), sorted(&json!(volumes)), "{name}");
            let mounts: Vec<Value> = patch
                .volumes
                .iter()
                .map(|volume| {
                    let mut mount = json!({"name": volume.name, "mountPath": volume.mount_path});
                    if volume.read_only {
                        mount["readOnly"] = json!(true);
                    }
                    mount
                })
                .collect();
            assert_eq!(sorted(&case["volumeMounts"]), sorted(&json!(mounts)), "{name}");

            let annotation = &case["annotations"]["packwright.dev/files-sha256"];
            assert!(annotation.as_str().is_some_and(|digest| digest.len() == 64), "{name}: {annotation}");
        }
    }
}

fn sorted(list: &Value) -> Vec<String> {
    let mut items: Vec<String> = list.as_array().into_iter().flatten().map(Value::to_string).collect();
    items.sort();
    items
}
