//! Configurations that failed somebody, in `tests/known-bad/`: `packwright lint`
//! says what is wrong with each, at the line to blame, and nothing else.
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

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/known-bad");

/// `line: severity code`; line 0 is no line.
type Findings = BTreeSet<(u64, String)>;

struct Case {
    name: String,
    source: String,
    arguments: Vec<String>,
    expected: Findings,
}

fn cases() -> Vec<Case> {
    let mut names: Vec<String> = fs::read_dir(CASES)
        .expect("the folder of cases")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name in ASCII"))
        .collect();
    names.sort();
    names.into_iter().map(read).collect()
}

fn read(name: String) -> Case {
    let text = fs::read_to_string(Path::new(CASES).join(&name)).expect("a case");
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
    Case { source, arguments: arguments.collect(), expected, name }
}

impl Case {
    /// What lint says: every error and warning, and the notes that are expected.
    /// A policy that a person wrote for another purpose always draws some note.
    fn found(&self) -> Findings {
        let output = Command::new(env!("CARGO_BIN_EXE_packwright"))
            .current_dir(CASES)
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

#[test]
fn what_failed_somebody_is_said_at_its_line() {
    let cases = cases();
    assert!(cases.len() >= 60, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        assert!(!case.expected.is_empty(), "{} expects nothing", case.name);
        let found = case.found();
        let missing = case.expected.difference(&found).map(|(line, finding)| format!("{}:{line}: not said: {finding}", case.name));
        let extra = found.difference(&case.expected).map(|(line, finding)| format!("{}:{line}: said: {finding}", case.name));
        wrong.extend(missing.chain(extra));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// An issue is `owner/name#number`; a file of upstream has its repository in front.
#[test]
fn each_case_says_where_it_is_documented() {
    for case in cases() {
        let (repository, rest) = case.source.split_once(['#', ' ']).unwrap_or_else(|| panic!("{}: {}", case.name, case.source));
        assert_eq!(repository.matches('/').count(), 1, "{}: {}", case.name, case.source);
        assert!(!rest.is_empty(), "{}: {}", case.name, case.source);
    }
}
