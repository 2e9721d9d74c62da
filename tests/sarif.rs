//! `--format sarif` against what SARIF 2.1.0 asks of a log: always against the properties that this
//! file names, and with `PACKWRIGHT_SARIF_SCHEMA=FILE` against the standard's own schema
//! (`ci/upstream` brings it).

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// Two flags of one name: a place, and a related one.
const TWICE: &str = "apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.35.0
apiServer:
  extraArgs:
    - {name: event-ttl, value: 1h}
    - {name: event-ttl, value: 2h}
";
const EMPTY: &str = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: []\n";
const EVERYTHING: &str = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n  - level: RequestResponse\n";

/// The log of a run of lint in `folder`.
fn log(folder: &Path, arguments: &[&str], input: &str) -> Value {
    let mut child = Command::new(env!("CARGO_BIN_EXE_packwright"))
        .current_dir(folder)
        .args(["lint", "--format", "sarif"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    let log: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    for schema in schemas() {
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let errors: Vec<String> = validator.iter_errors(&log).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{arguments:?}: {}", errors.join("\n"));
    }
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().expect("rules");
    for result in results(&log) {
        let index = result["ruleIndex"].as_u64().expect("an index") as usize;
        assert_eq!(rules[index]["id"], result["ruleId"]);
    }
    log
}

fn results(log: &Value) -> &[Value] {
    log["runs"][0]["results"].as_array().map_or(&[], Vec::as_slice)
}

/// What results and rules must have, and nothing that they must not: section 3 of the standard.
fn schemas() -> Vec<Value> {
    let place = json!({
        "type": "object", "additionalProperties": false, "required": ["physicalLocation"],
        "properties": {
            "message": {"type": "object", "required": ["text"]},
            "physicalLocation": {
                "type": "object", "additionalProperties": false, "required": ["artifactLocation", "region"],
                "properties": {
                    "artifactLocation": {
                        "type": "object", "additionalProperties": false, "required": ["uri"],
                        "properties": {"uri": {"type": "string", "pattern": "^(file:///)?([A-Za-z0-9._~-]|%[0-9A-F]{2}|/)+$"}},
                    },
                    "region": {
                        "type": "object", "additionalProperties": false, "required": ["startLine", "startColumn"],
                        "properties": {"startLine": {"type": "integer", "minimum": 1}, "startColumn": {"type": "integer", "minimum": 1}},
                    },
                },
            },
        },
    });
    let level = json!({"enum": ["none", "note", "warning", "error"]});
    let result = json!({
        "type": "object", "additionalProperties": false, "required": ["ruleId", "ruleIndex", "level", "message"],
        "properties": {
            "ruleId": {"type": "string"}, "ruleIndex": {"type": "integer", "minimum": 0}, "level": level,
            "message": {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}},
            "locations": {"type": "array", "minItems": 1, "items": place},
            "relatedLocations": {"type": "array", "minItems": 1, "items": place},
        },
    });
    let own = json!({
        "type": "object", "required": ["version", "runs"],
        "properties": {
            "version": {"const": "2.1.0"},
            "runs": {"type": "array", "minItems": 1, "maxItems": 1, "items": {
                "type": "object", "required": ["tool", "results"],
                "properties": {
                    "columnKind": {"const": "unicodeCodePoints"},
                    "tool": {"type": "object", "required": ["driver"], "properties": {"driver": {
                        "type": "object", "required": ["name", "version", "rules"],
                        "properties": {"rules": {"type": "array", "uniqueItems": true, "items": {
                            "type": "object", "required": ["id", "shortDescription", "help", "defaultConfiguration"],
                        }}},
                    }}},
                    "results": {"type": "array", "items": result},
                },
            }},
        },
    });
    let standard = std::env::var_os("PACKWRIGHT_SARIF_SCHEMA").map(|file| {
        let text = fs::read_to_string(file).expect("the schema of the standard");
        // A pattern of languages with a bracket too many.
        serde_json::from_str(&text.replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}$")).expect("JSON")
    });
    [own].into_iter().chain(standard).collect()
}

fn uri(place: &Value) -> &str {
    place["physicalLocation"]["artifactLocation"]["uri"].as_str().expect("a URI")
}

#[test]
fn a_finding_has_its_place_and_the_places_beside_it() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("kubeadm.yaml"), TWICE).expect("written");
    let log = log(folder.path(), &["kubeadm.yaml"], "");
    let [twice] = results(&log) else { panic!("{log}") };
    assert_eq!((&twice["ruleId"], &twice["level"]), (&"flag-duplicate".into(), &"error".into()));
    assert_eq!(twice["locations"][0]["physicalLocation"]["region"], json!({"startLine": 7, "startColumn": 32}));
    let beside = &twice["relatedLocations"][0];
    assert_eq!((uri(beside), &beside["physicalLocation"]["region"]["startLine"]), ("kubeadm.yaml", &6.into()));
    assert_eq!(beside["message"]["text"], "given here as well");
}

#[test]
fn names_of_files_are_written_as_uris() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("Größe 1")).expect("made");
    for (name, expected) in
        [("a b.yaml", "a%20b.yaml"), ("Größe 1/Straße#2.yaml", "Gr%C3%B6%C3%9Fe%201/Stra%C3%9Fe%232.yaml"), ("a:b%.yaml", "a%3Ab%25.yaml")]
    {
        fs::write(folder.path().join(name), EMPTY).expect("written");
        let log = log(folder.path(), &[name], "");
        assert_eq!(uri(&results(&log)[0]["locations"][0]), expected);
    }
    let absolute = folder.path().join("a b.yaml").to_str().expect("text").to_owned();
    let log = log(folder.path(), &[&absolute], "");
    let uri = uri(&results(&log)[0]["locations"][0]);
    assert!(uri.starts_with("file:///") && uri.ends_with("/a%20b.yaml"), "{uri}");
}

#[test]
fn what_is_in_no_file_has_no_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = log(folder.path(), &["-"], EMPTY);
    assert_eq!((&results(&log)[0]["ruleId"], &results(&log)[0]["locations"]), (&"policy-empty".into(), &Value::Null));
}

#[test]
fn many_findings_and_none() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("policy.yaml"), EVERYTHING).expect("written");
    // Of benchmarks some findings are about no line.
    let both = log(folder.path(), &["policy.yaml", "--profile", "cis-1.12", "--profile", "stig", "--kubernetes-version", "1.33"], "");
    assert!(results(&both).iter().any(|result| result["ruleId"] == "profile-conflict" && result["locations"].is_null()), "{both}");
    let missing = log(folder.path(), &["missing.yaml"], "");
    assert_eq!(results(&missing)[0]["ruleId"], "input-missing");
    let fine = log(folder.path(), &["-"], "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n");
    assert_eq!(fine["runs"][0]["results"], json!([]));
    let bad = log(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/known-bad")), &["."], "");
    assert!(results(&bad).len() > 100);
}
