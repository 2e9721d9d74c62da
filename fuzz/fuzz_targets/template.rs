//! Any bytes as a pack's templates either render, or are refused: never a
//! panic, a stack overflow or an endless loop.
//!
//! The input is control-plane.yaml.hbs; after each NUL byte comes another
//! template, `a.yaml.hbs`, `b.yaml.hbs` and so on, to be included.
#![no_main]

use std::collections::BTreeMap;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use packwright::diagnostic::{Diagnostics, human, json};
use packwright::pack::{self, Inputs};

/// More for templates to read than the scaffold has.
const VALUES: &str = "
eventTtl: 2h0m0s
text: \"a: 'b' {{c}} |\"
lines: |
  one
    two
  three
number: 7
flag: true
list: [a, b, no]
items:
  - {name: x, on: true, more: [1, 2]}
  - {name: \"y z\"}
map: {b: 1, \"a.b/c\": {d: e}, \"\": x}
";

const SCHEMA: &str = r##"{
  "type": "object",
  "additionalProperties": false,
  "$defs": {"item": {"type": "object", "additionalProperties": false, "properties": {
    "name": {"type": "string"}, "on": {"type": "boolean"}, "more": {"type": ["array", "null"], "items": {"type": "integer"}}}}},
  "properties": {
    "eventTtl": {"type": ["string", "null"]},
    "text": {"type": "string"},
    "lines": {"type": "string"},
    "number": {"type": "integer"},
    "flag": {"type": "boolean"},
    "absent": {"type": ["string", "null"]},
    "list": {"type": "array", "items": {"type": "string"}},
    "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
    "map": {"type": "object", "additionalProperties": true},
    "targets": {"type": ["object", "null"]}
  }
}"##;

fuzz_target!(|data: &[u8]| {
    let mut warnings = Diagnostics::new();
    if let Err(errors) = run(data, &mut warnings) {
        assert!(errors.has_errors(), "refused without an error");
        print(&errors);
    }
    print(&warnings);
});

fn print(diagnostics: &Diagnostics) {
    let text = human::render(diagnostics);
    assert!(diagnostics.items.is_empty() || !text.is_empty());
    serde_json::to_string(&json::list(diagnostics)).expect("diagnostics are JSON");
}

fn run(data: &[u8], warnings: &mut Diagnostics) -> Result<(), Diagnostics> {
    static SCAFFOLD: OnceLock<BTreeMap<String, Vec<u8>>> = OnceLock::new();
    let scaffold = SCAFFOLD.get_or_init(|| {
        let files = pack::scaffold("fuzzed").unwrap_or_default();
        files.into_iter().map(|(path, text)| (path.to_owned(), text.into_bytes())).collect()
    });
    let mut files = scaffold.clone();
    files.insert("values.yaml".to_owned(), VALUES.into());
    files.insert("values.schema.json".to_owned(), SCHEMA.into());
    let mut templates = data.split(|byte| *byte == 0);
    files.insert("control-plane.yaml.hbs".to_owned(), templates.next().unwrap_or_default().to_vec());
    for (name, template) in ('a'..='z').zip(templates) {
        files.insert(format!("{name}.yaml.hbs"), template.to_vec());
    }
    let files = files.into_iter().map(|(path, bytes)| (path, bytes.into())).collect();
    let source = pack::from_files(files, "", warnings)?;
    let plan = pack::plan(source, Inputs::default(), warnings)?;
    let patch = plan.patch(warnings)?;
    print(&plan.check(&patch));
    plan.documents(&patch, warnings)?;
    Ok(())
}
