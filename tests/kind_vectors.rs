//! What kind made of kind/cluster.yaml, and the kubeadm of each node of that.
//! `ci/upstream-kind` writes the vectors from their own code.

use std::fs;

use packwright::diagnostic::{Diagnostics, Source};
use packwright::kubernetes::Minor;
use packwright::pack::{self, Inputs, sha256};
use packwright::target::read::{self, Kind};
use packwright::values::Layer;
use packwright::yaml;
use serde_json::{Value, json};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// What kind tells the API server itself.
const KINDS_OWN: [&str; 2] = ["--runtime-config=", "--service-cluster-ip-range=10.96.0.0/16"];

#[test]
fn kind_writes_what_the_patch_says() {
    for minor in ["1.30", "1.35", "1.36"] {
        let path = format!("{ROOT}/tests/vectors/kind/{minor}.json");
        let vector: Value = serde_json::from_str(&fs::read_to_string(path).expect("a vector")).expect("JSON");
        for overlay_name in ["none", "tutorial", "webhook"] {
            let mut warnings = Diagnostics::new();
            let source = pack::load(&format!("{ROOT}/packs/kube-apiserver-audit"), &mut warnings).expect("the pack");
            let path = format!("{ROOT}/values/{overlay_name}.yaml");
            let layers = if overlay_name == "none" { Vec::new() } else { vec![Layer::File(pack::load_layer(&path).expect("the overlay"))] };
            let inputs =
                Inputs { layers, kubernetes_version: Some(minor.to_owned()), targets: vec!["kind".to_owned()], ..Inputs::default() };
            let plan = pack::plan(source, inputs, &mut warnings).expect("a plan");
            let patch = plan.patch(&mut warnings).expect("a patch");
            let document = plan.document(&patch, "kind/cluster.yaml", &mut warnings).expect("documents").expect("the document");
            for kind in ["v0.30.0", "v0.33.0"] {
                let name = format!("{kind}-{overlay_name}");
                let case = &vector["cases"][&name];
                let digest = sha256(&document.bytes);
                assert_eq!(case["cluster.yaml"], json!(digest), "{name} {minor}: run ci/upstream-kind --write");
                assert_eq!((&case["load"], &case["validate"]), (&Value::Null, &Value::Null), "{name} {minor}");
                let api = if kind == "v0.33.0" && minor == "1.36" { "v1beta4" } else { "v1beta3" };
                assert_eq!(case["apiVersion"], json!(format!("kubeadm.k8s.io/{api}")), "{name} {minor}");
                let command: Vec<&str> = case["command"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
                for arg in &patch.args {
                    let flag = format!("--{}={}", arg.name, arg.value);
                    assert_eq!(command.iter().filter(|word| **word == flag).count(), 1, "{name} {minor}: {flag}");
                }
                // kind's own flags are still there, and nothing else was added.
                let ours: Vec<String> = patch.args.iter().map(|arg| format!("--{}={}", arg.name, arg.value)).collect();
                let others: Vec<&str> = command.into_iter().filter(|word| !ours.iter().any(|flag| flag == word)).collect();
                assert_eq!(others, KINDS_OWN, "{name} {minor}");
                let volumes = |field: &str| case[field].as_array().expect("a list").len();
                assert_eq!((volumes("volumes"), volumes("volumeMounts")), (patch.volumes.len(), patch.volumes.len()), "{name} {minor}");
                for volume in &patch.volumes {
                    let mut mount = json!({"name": volume.name, "mountPath": volume.mount_path});
                    if volume.read_only {
                        mount["readOnly"] = json!(true);
                    }
                    assert!(case["volumeMounts"].as_array().expect("a list").contains(&mount), "{name} {minor}: {mount}");
                }
            }
        }
    }
}

#[test]
fn a_persons_patches_are_read_as_kind_joins_them() {
    let text = fs::read_to_string(format!("{ROOT}/tests/upstream/kind/patches.yaml")).expect("the file");
    let document = yaml::read(&Source::file("patches.yaml", text.clone()), &mut Diagnostics::new()).expect("YAML");
    for minor in [30, 35, 36] {
        let path = format!("{ROOT}/tests/vectors/kind/1.{minor}.json");
        let vector: Value = serde_json::from_str(&fs::read_to_string(path).expect("a vector")).expect("JSON");
        let case = &vector["cases"]["v0.33.0-patches"];
        assert_eq!(case["cluster.yaml"], json!(sha256(text.as_bytes())), "1.{minor}: run ci/upstream-kind --write");
        assert_eq!((&case["load"], &case["validate"]), (&Value::Null, &Value::Null), "1.{minor}");
        let reading = read::read_for(Kind::KindCluster, &document, Some(Minor(minor)), &mut Diagnostics::new());
        let mut flags: Vec<String> = reading.args.iter().map(|arg| format!("--{}={}", arg.name, arg.value)).collect();
        flags.sort();
        let command: Vec<&str> = case["command"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
        let command: Vec<&str> = command.into_iter().filter(|flag| !KINDS_OWN.contains(flag)).collect();
        assert_eq!(flags, command, "1.{minor}");
        let mounts: Vec<Value> = reading
            .volumes
            .iter()
            .map(|volume| json!({"name": volume.name, "mountPath": volume.mount_path, "readOnly": volume.read_only}))
            .collect();
        assert_eq!(case["volumeMounts"], json!(mounts), "1.{minor}");
    }
}
