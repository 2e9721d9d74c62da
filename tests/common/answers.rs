//! What upstream answered, minor by minor: `cases.jsonl`, and a line for each
//! case in `answers-MINOR.jsonl`.

use std::fs;

use packwright::kubernetes::Minor;
use serde::de::DeserializeOwned;

/// The answers in a folder, to those cases and no others.
pub fn answers<T: DeserializeOwned>(folder: &str, cases: &str) -> Vec<(Minor, Vec<T>)> {
    let asked = fs::read_to_string(format!("{folder}/cases.jsonl")).expect("the cases");
    assert!(asked == cases, "the API server was asked other cases");
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder") {
        let name = entry.expect("an entry").file_name().into_string().expect("text");
        let Some(minor) = name.strip_prefix("answers-").and_then(|rest| rest.strip_suffix(".jsonl")) else { continue };
        let text = fs::read_to_string(format!("{folder}/{name}")).expect("the answers");
        let answers: Vec<T> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(cases.lines().count(), answers.len(), "{name}");
        all.push((minor.parse().expect("a minor"), answers));
    }
    assert!(!all.is_empty(), "no API server was asked");
    all
}
