//! Writing YAML that every reader reads alike: YAML 1.1 and 1.2, libyaml,
//! go-yaml v2 and v3, sigs.k8s.io/yaml.
//!
//! A string is written plain only if it cannot be anything else to anyone, as a
//! literal block only where no reader is known to stumble, else in double
//! quotes with escapes. `ci/upstream` asks the real readers.

use std::fmt::Write as _;

use serde_json::{Number, Value};

use super::scalar::word;
use crate::values::Path;

/// Told the path of each value just before it is written, and may write a
/// mark into the output; how origins survive rendering.
pub type Mark<'m> = &'m dyn Fn(&Path, &mut String);

/// `value` on one line: a scalar, or a flow collection with sorted keys.
pub fn flow(value: &Value) -> String {
    flow_marked(value, &Path::root(), &|_, _| {})
}

/// As [`flow`], with a mark before each scalar and key.
pub fn flow_marked(value: &Value, path: &Path, mark: Mark<'_>) -> String {
    let mut out = String::new();
    Writer { out: &mut out, mark }.flow(value, path);
    out
}

/// `value` in block style with sorted keys, every line indented by `indent`
/// spaces, ended by a line feed. Members that are null are left out: in values
/// and patches, null means absent.
pub fn block(value: &Value, indent: usize) -> String {
    block_marked(value, indent, &Path::root(), &|_, _| {})
}

/// As [`block`], with a mark before each scalar and key.
pub fn block_marked(value: &Value, indent: usize, path: &Path, mark: Mark<'_>) -> String {
    let mut out = String::new();
    let mut writer = Writer { out: &mut out, mark };
    writer.pad(indent);
    writer.block(value, indent, path);
    out
}

struct Writer<'o, 'm> {
    out: &'o mut String,
    mark: Mark<'m>,
}

impl Writer<'_, '_> {
    fn pad(&mut self, indent: usize) {
        self.out.extend(std::iter::repeat_n(' ', indent));
    }

    fn flow(&mut self, value: &Value, path: &Path) {
        match value {
            Value::Array(items) => {
                self.out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        self.out.push_str(", ");
                    }
                    self.flow(item, &path.item(index));
                }
                self.out.push(']');
            }
            Value::Object(_) => {
                self.out.push('{');
                for (index, (key, item)) in members(value).into_iter().enumerate() {
                    if index > 0 {
                        self.out.push_str(", ");
                    }
                    let path = path.key(key);
                    let colon = if self.key(key, &path) { " : " } else { ": " };
                    self.out.push_str(colon);
                    self.flow(item, &path);
                }
                self.out.push('}');
            }
            scalar => self.scalar(scalar, path),
        }
    }

    /// Writes at the current column, which is `indent`; ends with a line feed.
    fn block(&mut self, value: &Value, indent: usize, path: &Path) {
        match value {
            Value::Array(items) if !items.is_empty() => {
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        self.pad(indent);
                    }
                    self.out.push_str("- ");
                    self.block(item, indent + 2, &path.item(index));
                }
            }
            Value::Object(_) if !members(value).is_empty() => {
                for (index, (key, item)) in members(value).into_iter().enumerate() {
                    if index > 0 {
                        self.pad(indent);
                    }
                    let path = path.key(key);
                    if self.key(key, &path) {
                        self.out.push('\n');
                        self.pad(indent);
                    }
                    self.out.push(':');
                    self.member(item, indent, &path);
                }
            }
            scalar => {
                self.flow(scalar, path);
                self.out.push('\n');
            }
        }
    }

    /// Whether the key is an explicit one: readers look for the colon of an
    /// implicit key no further than 1024 characters (YAML 1.2.2, 7.4.2).
    fn key(&mut self, key: &str, path: &Path) -> bool {
        let text = string(key);
        let is_explicit = text.len() > 1000;
        if is_explicit {
            self.out.push_str("? ");
        }
        (self.mark)(path, self.out);
        self.out.push_str(&text);
        is_explicit
    }

    fn member(&mut self, item: &Value, indent: usize, path: &Path) {
        match item {
            Value::String(text) if literal_is_safe(text) => {
                self.out.push_str(" |\n");
                for line in text.lines() {
                    if !line.is_empty() {
                        self.pad(indent + 2);
                        (self.mark)(path, self.out);
                        self.out.push_str(line);
                    }
                    self.out.push('\n');
                }
            }
            Value::Array(items) if !items.is_empty() => {
                self.out.push('\n');
                self.pad(indent + 2);
                self.block(item, indent + 2, path);
            }
            Value::Object(_) if !members(item).is_empty() => {
                self.out.push('\n');
                self.pad(indent + 2);
                self.block(item, indent + 2, path);
            }
            scalar => {
                self.out.push(' ');
                self.flow(scalar, path);
                self.out.push('\n');
            }
        }
    }

    fn scalar(&mut self, value: &Value, path: &Path) {
        (self.mark)(path, self.out);
        let text = match value {
            Value::Bool(value) => value.to_string(),
            Value::Number(number) => self::number(number),
            Value::String(text) => string(text),
            _ => "null".to_owned(),
        };
        self.out.push_str(&text);
    }
}

/// The members of an object that are not null, sorted: the order inside
/// `serde_json` depends on a Cargo feature anywhere in the dependency graph.
fn members(value: &Value) -> Vec<(&str, &Value)> {
    let mut members: Vec<_> =
        value.as_object().into_iter().flatten().filter(|(_, item)| !item.is_null()).map(|(key, item)| (key.as_str(), item)).collect();
    members.sort_unstable_by_key(|(key, _)| *key);
    members
}

/// A number as every reader takes it: `1e21` is text to YAML 1.1, `1.0e+21` is not.
pub fn number(number: &Number) -> String {
    let text = number.to_string();
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let dot = if mantissa.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with(['-', '+']) { "" } else { "+" };
    format!("{mantissa}{dot}e{sign}{exponent}")
}

/// A string on one line: plain if nobody can misread it, else in double quotes.
pub fn string(text: &str) -> String {
    if plain_is_safe(text) { text.to_owned() } else { double_quoted(text) }
}

fn plain_is_safe(text: &str) -> bool {
    let is_word =
        |text: &str| word(text).is_some() || ["true", "false", "null", "inf", "nan"].iter().any(|word| text.eq_ignore_ascii_case(word));
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_./=@+%-".contains(&byte))
        && !is_word(text)
}

/// Literal blocks: one trailing line feed, and nothing at the edges of lines
/// on which readers differ (`yaml/go-yaml#383`: a tab at the start of a line).
fn literal_is_safe(text: &str) -> bool {
    text.len() > 1
        && text.ends_with('\n')
        && !text.ends_with("\n\n")
        && !text.starts_with([' ', '\n', '\t', '\u{feff}'])
        && text.lines().all(|line| !line.starts_with('\t') && !line.ends_with([' ', '\t']))
        && !text.chars().any(|c| c != '\n' && must_escape(c))
}

fn double_quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if must_escape(c) => {
                let code = u32::from(c);
                let _ = match code {
                    0..=0xff => write!(out, "\\x{code:02X}"),
                    0x100..=0xffff => write!(out, "\\u{code:04X}"),
                    _ => write!(out, "\\U{code:08X}"),
                };
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// What YAML does not let stand as it is, what some reader takes for a line
/// break, and the noncharacters that mark origins inside rendered text.
fn must_escape(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{a0}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fdd0}'..='\u{fdef}')
        || u32::from(c) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn block_is_what_a_person_would_write() {
        let value = json!({"rules": [{"level": "None", "users": ["system:kube-proxy"]}, {"level": "Metadata", "verbs": null}], "empty": [], "text": "a\nb\n"});
        insta::assert_snapshot!(block(&value, 0), @r#"
        empty: []
        rules:
          - level: None
            users:
              - "system:kube-proxy"
          - level: Metadata
        text: |
          a
          b
        "#);
    }

    #[test]
    fn flow_is_one_line() {
        assert_eq!(flow(&json!({"b": [1, "no", 1e21], "a": "x y"})), r#"{a: "x y", b: [1, "no", 1.0e+21]}"#);
    }

    #[test]
    fn long_keys_read_back() {
        let (plain, quoted) = ("k".repeat(1100), "k ".repeat(1100));
        let value = json!({&plain: {&quoted: [{&plain: 1}], "text": "a\nb\n"}, &quoted: "a\nb\n"});
        for text in [flow(&value), block(&value, 0), block(&value, 3)] {
            let read = crate::yaml::read(
                &crate::diagnostic::Source::anonymous("emitted", text.clone()),
                &mut crate::diagnostic::Diagnostics::new(),
            );
            assert_eq!(read.map(|node| node.to_json()).ok().as_ref(), Some(&value), "{text}");
            assert_eq!(serde_yaml::from_str::<Value>(&text).unwrap(), value);
        }
    }

    #[test]
    fn plain_only_when_nobody_misreads_it() {
        for text in [
            "no",
            "On",
            "1:30",
            "0o17",
            "=",
            "~",
            "",
            "-",
            "a: b",
            "a,b",
            "a #b",
            "NULL",
            "1_000",
            "a\u{85}b",
            "root:root",
            "{{x}}",
            "null",
        ] {
            assert!(string(text).starts_with('"'), "{text}");
        }
        for text in ["Metadata", "/etc/kubernetes/audit-policy.yaml", "audit.k8s.io/v1", "audit-log-maxage", "10s5"] {
            let quoted = string(text).starts_with('"');
            assert_eq!(quoted, text.starts_with('1'), "{text}");
        }
    }
}
