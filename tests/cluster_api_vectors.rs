//! What Cluster API made of our documents, release by release. The vectors are
//! written by `ci/upstream-cluster-api` from Cluster API's own CRDs, webhooks, conversion
//! and patch engine; here the documents must still be those that it was asked about.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use packwright::pack::sha256;
use serde_json::{Value, json};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const RELEASES: &[&str] = &["1.13", "1.14"];

fn documents(overlay: &str) -> BTreeMap<String, Value> {
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_packwright"))
        .current_dir(ROOT)
        .args(["build", "packs/kube-apiserver-audit", "--target", "cluster-api", "-f", overlay])
        // A throttle without a burst, which the API server would refuse: here only the documents count.
        .args(["--allow", "audit-throttle-without-rate", "-o"])
        .arg(folder.path())
        .output()
        .expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let pack = fs::read_dir(folder.path()).expect("the output").flatten().map(|entry| entry.path()).find(|path| path.is_dir());
    let documents = fs::read_dir(pack.expect("the pack").join("cluster-api")).expect("documents");
    documents
        .flatten()
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), json!(sha256(&fs::read(entry.path()).expect("bytes")))))
        .collect()
}

#[test]
fn cluster_api_took_these_very_documents() {
    for overlay in
        ["values/tutorial.yaml", "tests/upstream/cluster-api/cases/exposed.yaml", "tests/upstream/cluster-api/cases/encoded.yaml"]
    {
        let documents = documents(overlay);
        let case = overlay.rsplit('/').next().and_then(|file| file.strip_suffix(".yaml")).expect("a name");
        for release in RELEASES {
            let path = format!("{ROOT}/tests/vectors/cluster-api/{release}-{case}.json");
            let vector: Value = serde_json::from_str(&fs::read_to_string(&path).expect("the vector")).expect("JSON");
            assert_eq!(vector["documents"], json!(documents), "{path}: it was asked about others; run ci/upstream-cluster-api --write");
            assert_eq!(vector["faults"], json!([]), "{path}");
            // The form that is not for a class is one that fails there, or loses what the class set.
            let wrong = vector["wrongForms"].as_object().expect("wrong forms");
            assert_eq!(wrong.len(), 4, "{path}");
            for (what, outcome) in wrong {
                let outcome = outcome.as_str().unwrap_or_default();
                let expected = if what.contains(".append.") { outcome == "fails" } else { outcome.starts_with("loses ") };
                assert!(expected, "{path}: {what}: {outcome}");
            }
        }
    }
}
