//! Configurations that failed somebody, in `tests/known-bad/`: `packwright lint`
//! says what is wrong with each, at the line to blame, and nothing else. And what works, in
//! `tests/known-good/`: no error is said of it, and only warnings that are right.
//!
//! A case is a whole file that a person could have written, with comments at its head:
//!
//! ```yaml
//! # What happened, in a sentence.
//! # source: kubernetes/kops#15489
//! # lint: FILE --kubernetes-version 1.35
//! # expect 12: error policy-empty
//! ```
//!
//! `source` is an issue, or upstream's file that has the rule. `lint` has the arguments,
//! `FILE` without it. What is expected stands at the end of the line to blame,
//! `# expect: error CODE, warning CODE`; with the line's number at the head where a comment
//! would be read as something else, and without one for findings that are about no line.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const BAD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/known-bad");
const GOOD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/known-good");

/// `line: severity code`; line 0 is no line.
type Findings = BTreeSet<(u64, String)>;

struct Case {
    folder: &'static str,
    name: String,
    source: String,
    arguments: Vec<String>,
    expected: Findings,
}

fn cases(folder: &'static str) -> Vec<Case> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("the folder of cases")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name in ASCII"))
        .collect();
    names.sort();
    names.into_iter().map(|name| read(folder, name)).collect()
}

fn read(folder: &'static str, name: String) -> Case {
    let text = fs::read_to_string(Path::new(folder).join(&name)).expect("a case");
    let head = |key: &str| text.lines().find_map(|line| line.strip_prefix(&format!("# {key}: ")));
    let mut expected = Findings::new();
    for (line, text) in (1..).zip(text.lines()) {
        let Some((before, rest)) = text.split_once("# expect") else { continue };
        let (at, findings) = rest.split_once(':').expect("findings after a colon");
        let at = match at.trim() {
            "" if before.is_empty() => 0,
            "" => line,
            at => at.parse().expect("a line's number"),
        };
        expected.extend(findings.split(',').map(|finding| (at, finding.trim().to_owned())));
    }
    let source = head("source").unwrap_or_else(|| panic!("{name} does not say where it is documented")).to_owned();
    let arguments = head("lint").unwrap_or("FILE").split(' ').map(|word| if word == "FILE" { name.clone() } else { word.to_owned() });
    Case { folder, source, arguments: arguments.collect(), expected, name }
}

impl Case {
    /// What lint says: every error and warning, and the notes that are expected.
    /// A policy that a person wrote for another purpose always draws some note.
    fn found(&self) -> Findings {
        let output = Command::new(env!("CARGO_BIN_EXE_packwright"))
            .current_dir(self.folder)
            .arg("lint")
            .args(&self.arguments)
            .args(["--format", "json"])
            .output()
            .expect("the binary runs");
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{}: {error}: {}", self.name, String::from_utf8_lossy(&output.stderr)));
        let finding = |item: &Value| {
            let is_here = item["file"] == self.name.as_str();
            let line = item["line"].as_u64().filter(|_| is_here).unwrap_or_default();
            (line, format!("{} {}", item["severity"].as_str().expect("a severity"), item["code"].as_str().expect("a code")))
        };
        let found = report["diagnostics"].as_array().expect("findings").iter().map(finding);
        found.filter(|finding| !finding.1.starts_with("note ") || self.expected.contains(finding)).collect()
    }
}

/// What is said otherwise than expected, a line for each.
fn differences(cases: &[Case]) -> Vec<String> {
    let difference = |case: &Case| {
        let found = case.found();
        let missing = case.expected.difference(&found).map(|(line, finding)| format!("{}:{line}: not said: {finding}", case.name));
        let extra = found.difference(&case.expected).map(|(line, finding)| format!("{}:{line}: said: {finding}", case.name));
        missing.chain(extra).collect::<Vec<_>>()
    };
    cases.iter().flat_map(difference).collect()
}

#[test]
fn what_failed_somebody_is_said_at_its_line() {
    let cases = cases(BAD);
    assert!(cases.len() >= 60, "{} cases", cases.len());
    for case in &cases {
        assert!(!case.expected.is_empty(), "{} expects nothing", case.name);
    }
    let wrong = differences(&cases);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn of_what_works_nothing_is_said_that_is_wrong() {
    let cases = cases(GOOD);
    for case in &cases {
        assert!(!case.expected.iter().any(|(_, finding)| finding.starts_with("error ")), "{} expects an error", case.name);
    }
    let wrong = differences(&cases);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The manifests that kubeadm of every minor writes, in `tests/vectors/kubeadm/`.
#[test]
fn of_kubeadms_own_manifests_nothing_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/kubeadm");
    let mut count = 0;
    for entry in fs::read_dir(vectors).expect("vectors") {
        let path = entry.expect("an entry").path();
        let vector: Value = serde_json::from_str(&fs::read_to_string(&path).expect("a vector")).expect("JSON");
        let base = &vector["base"];
        let minor = path.file_stem().expect("a name").to_str().expect("in ASCII");
        let pod = serde_json::json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "kube-apiserver", "namespace": "kube-system"},
            "spec": {
                "containers": [{
                    "name": "kube-apiserver",
                    "image": format!("registry.k8s.io/kube-apiserver:v{minor}.0"),
                    "command": base["command"],
                    "volumeMounts": base["volumeMounts"],
                }],
                "volumes": base["volumes"],
            },
        });
        let file = folder.path().join(format!("{minor}.json"));
        fs::write(&file, pod.to_string()).expect("written");
        let output = Command::new(env!("CARGO_BIN_EXE_packwright")).arg("lint").arg(&file).args(["--format", "github"]).output();
        let output = output.expect("the binary runs");
        let said = String::from_utf8(output.stdout).expect("text");
        assert!(said.is_empty() && output.status.success(), "{minor}: {said}{}", String::from_utf8_lossy(&output.stderr));
        count += 1;
    }
    assert!(count >= 10, "{count} minors");
}

/// An issue is `owner/name#number`; a file of upstream has its repository in front.
#[test]
fn each_case_says_where_it_is_documented() {
    for case in cases(BAD).into_iter().chain(cases(GOOD)) {
        let (repository, rest) = case.source.split_once(['#', ' ']).unwrap_or_else(|| panic!("{}: {}", case.name, case.source));
        assert_eq!(repository.matches('/').count(), 1, "{}: {}", case.name, case.source);
        assert!(!rest.is_empty(), "{}: {}", case.name, case.source);
    }
}
