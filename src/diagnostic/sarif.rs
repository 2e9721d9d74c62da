//! SARIF 2.1.0, which code scanning and editors read
//! (`docs.oasis-open.org/sarif/sarif/v2.1.0`).

use serde_json::{Value, json};

use super::{Code, Diagnostic, Location, Severity};

/// A log of one run with these results.
pub fn log(results: Vec<Value>) -> Value {
    let rules: Vec<Value> = Code::ALL
        .iter()
        .map(|code| {
            json!({
                "id": code.name(),
                "shortDescription": {"text": code.reason()},
                "help": {"text": format!("packwright explain {code}")},
                "defaultConfiguration": {"level": level(code.severity())},
            })
        })
        .collect();
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "packwright", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

/// One finding.
pub fn result(diagnostic: &Diagnostic) -> Value {
    let help = diagnostic.help.as_ref().map(|help| format!("\n{help}")).unwrap_or_default();
    let mut result = json!({
        "ruleId": diagnostic.code.name(),
        "ruleIndex": Code::ALL.iter().position(|code| *code == diagnostic.code),
        "level": level(diagnostic.severity),
        "message": {"text": format!("{}{help}", diagnostic.message)},
    });
    if let Some(place) = diagnostic.location.as_ref().and_then(place) {
        result["locations"] = json!([place]);
    }
    let related: Vec<Value> = diagnostic
        .related
        .iter()
        .filter_map(|(location, what)| {
            let mut place = place(location)?;
            place["message"] = json!({"text": what});
            Some(place)
        })
        .collect();
    if !related.is_empty() {
        result["relatedLocations"] = json!(related);
    }
    result
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// Where a finding is, if that is in a file.
fn place(location: &Location) -> Option<Value> {
    let uri = uri(location.file()?);
    let (line, column) = location.position();
    Some(json!({"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": line, "startColumn": column}}}))
}

/// A path as a relative reference or, if it is absolute, as a file URI.
fn uri(path: &str) -> String {
    let mut uri = String::from(if path.starts_with('/') { "file://" } else { "" });
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}
