//! What the emitter writes reads back as the same value, to packwright's reader
//! and to another one, and a string is plain only if nobody can misread it.
//!
//! The input is JSON, or else bytes from which a value is made.
#![no_main]

use libfuzzer_sys::fuzz_target;
use packwright::diagnostic::{Diagnostics, Source};
use packwright::values::Path;
use packwright::yaml::{self, emit, scalar};
use serde_json::{Map, Number, Value, json};

/// The reader takes 64; what the text is put into needs some.
const DEEPEST: usize = 60;

fuzz_target!(|data: &[u8]| {
    let value = serde_json::from_slice(data).unwrap_or_else(|_| Bytes(data).value(0));
    if depth(&value) > DEEPEST {
        return;
    }
    strings(&value);
    let expected = without_nulls(&value);

    let flow = emit::flow(&value);
    assert!(!flow.contains('\n'), "more than one line: {flow:?}");
    reads_as(&flow, &expected);
    reads_as(&format!("above: {flow}\nbelow: [{flow}, 1]\n"), &json!({"above": expected, "below": [expected, 1]}));

    for indent in [0, 2, 7] {
        let block = emit::block(&value, indent);
        let pad = " ".repeat(indent);
        assert!(block.ends_with('\n') && block.lines().all(|line| line.is_empty() || line.starts_with(&pad)), "{block:?}");
        reads_as(&block, &expected);
        if indent > 0 {
            // As a template has it.
            reads_as(&format!("above:\n{block}below: 1\n"), &json!({"above": expected, "below": 1}));
        }
    }

    // Marks can be told from what is written, and change nothing else.
    let mark = |_: &Path, out: &mut String| out.push_str("\u{fdd0}mark\u{fdd1}");
    let unmarked = |text: String| text.replace("\u{fdd0}mark\u{fdd1}", "");
    assert_eq!(unmarked(emit::flow_marked(&value, &Path::root(), &mark)), flow);
    assert_eq!(unmarked(emit::block_marked(&value, 2, &Path::root(), &mark)), emit::block(&value, 2));
});

/// To every reader at hand, and without a warning.
fn reads_as(text: &str, expected: &Value) {
    let mut warnings = Diagnostics::new();
    let read = yaml::read(&Source::anonymous("emitted", text.to_owned()), &mut warnings);
    assert!(warnings.items.is_empty(), "{text:?}: {:?}", warnings.items[0].message);
    match read {
        Ok(node) => assert_eq!(&node.to_json(), expected, "to packwright: {text:?}"),
        Err(errors) => panic!("packwright: {}: {text:?}", errors.items[0].message),
    }
    match serde_yaml::from_str::<Value>(text) {
        Ok(value) => assert_eq!(&value, expected, "to yaml_serde: {text:?}"),
        Err(error) => panic!("yaml_serde: {error}: {text:?}"),
    }
}

/// Every string and key of `value`, by the rule that `emit` documents.
fn strings(value: &Value) {
    match value {
        Value::String(text) => string(text),
        Value::Array(items) => items.iter().for_each(strings),
        Value::Object(members) => members.iter().for_each(|(key, value)| {
            string(key);
            strings(value);
        }),
        _ => {}
    }
}

fn string(text: &str) {
    let written = emit::string(text);
    if written == text {
        assert!(text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/'), "plain, begins like something else: {text:?}");
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_./=@+%-".contains(&byte)), "plain, with odd characters: {text:?}");
        assert_eq!(scalar::resolve(text), scalar::Scalar::String, "plain, is no text: {text:?}");
        assert_eq!(scalar::ambiguity(text), None, "plain, ambiguous: {text:?}");
        assert!(!yaml_1_1_bool(text), "plain, a word to YAML 1.1: {text:?}");
        let number_like = ["true", "false", "null", "nan", "inf"].iter().any(|word| text.eq_ignore_ascii_case(word));
        assert!(!number_like, "plain, a word: {text:?}");
    } else {
        assert!(written.len() >= 2 && written.starts_with('"') && written.ends_with('"'), "neither plain nor quoted: {written:?}");
        let odd = |c: char| c.is_control() || matches!(c, '\u{a0}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fdd0}'..='\u{fdef}' | '\u{fffe}' | '\u{ffff}');
        assert!(!written.contains(odd), "not escaped: {written:?}");
    }
    reads_as(&written, &Value::from(text));
}

fn yaml_1_1_bool(text: &str) -> bool {
    ["y", "n", "yes", "no", "on", "off"].iter().any(|word| {
        let title = word[..1].to_uppercase() + &word[1..];
        text == *word || text == title || text == word.to_uppercase()
    })
}

/// Null means absent, but not in a list.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        Value::Object(members) => {
            members.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.clone(), without_nulls(value))).collect::<Map<_, _>>().into()
        }
        scalar => scalar.clone(),
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

/// A value from bytes: each has a meaning, so that every change is another value.
struct Bytes<'d>(&'d [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn text(&mut self) -> String {
        let end = self.0.iter().position(|byte| *byte == 0xff).unwrap_or(self.0.len());
        let (text, rest) = self.0.split_at(end);
        self.0 = rest.get(1..).unwrap_or_default();
        String::from_utf8_lossy(text).into_owned()
    }

    fn eight(&mut self) -> [u8; 8] {
        std::array::from_fn(|_| self.next())
    }

    fn value(&mut self, depth: usize) -> Value {
        let tag = self.next();
        let count = usize::from(tag >> 4);
        match tag % 8 {
            0 if depth < DEEPEST => (0..count).map(|_| self.value(depth + 1)).collect(),
            1 if depth < DEEPEST => (0..count).map(|_| (self.text(), self.value(depth + 1))).collect::<Map<_, _>>().into(),
            2 => Value::Null,
            3 => Value::Bool(count % 2 == 0),
            4 => i64::from_le_bytes(self.eight()).into(),
            5 => Number::from_f64(f64::from_le_bytes(self.eight())).map_or(Value::Null, Value::Number),
            6 => u64::from_le_bytes(self.eight()).into(),
            _ => self.text().into(),
        }
    }
}
