//! What helpers write and compute. Those that write do it safely for one place:
//! a YAML value, JSON, inline code in Markdown, a word of a shell command. There
//! is no way to write a value as it is.

use data_encoding::BASE64;
use handlebars::JsonTruthy;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::marks::{Origin, contains_mark};
use crate::values::Path;
use crate::yaml::emit;

fn mark_of(path: Option<&Path>) -> impl Fn(&Path, &mut String) + '_ {
    move |path_of_scalar, out| {
        if path.is_some() {
            out.push_str(&Origin::value_mark(path_of_scalar));
        }
    }
}

pub(super) fn yaml(arguments: &[&Value], path: Option<&Path>) -> Result<String, String> {
    let root = Path::root();
    Ok(emit::flow_marked(&present(arguments[0]), path.unwrap_or(&root), &mark_of(path)))
}

pub(super) fn to_yaml(arguments: &[&Value], path: Option<&Path>) -> Result<String, String> {
    const WIDEST: u64 = 64;
    let indent = match arguments.get(1) {
        None => 0,
        Some(indent) => indent.as_u64().filter(|indent| *indent <= WIDEST).ok_or("the indent is a number of spaces up to 64")?,
    };
    let root = Path::root();
    let indent = usize::try_from(indent).unwrap_or_default();
    let text = emit::block_marked(&present(arguments[0]), indent, path.unwrap_or(&root), &mark_of(path));
    Ok(text.strip_suffix('\n').map(str::to_owned).unwrap_or(text))
}

/// Without members that are null or hold nothing but nulls: those are what the
/// schema declares and the values lack.
fn present(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let present = map.iter().filter(|(_, item)| !is_absent(item)).map(|(key, item)| (key.clone(), self::present(item)));
            Value::Object(present.collect())
        }
        Value::Array(items) => items.iter().map(present).collect(),
        scalar => scalar.clone(),
    }
}

pub(super) fn is_absent(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => !map.is_empty() && map.values().all(is_absent),
        _ => false,
    }
}

pub(super) fn json_text(arguments: &[&Value], _: Option<&Path>) -> Result<String, String> {
    let text = sorted_json(&present(arguments[0]));
    Ok(text.replace('\u{fdd0}', "\\ufdd0").replace('\u{fdd1}', "\\ufdd1").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029"))
}

fn sorted_json(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut members: Vec<_> = map.iter().collect();
            members.sort_unstable_by_key(|(key, _)| *key);
            let members: Vec<String> = members.into_iter().map(|(key, item)| format!("{}: {}", json!(key), sorted_json(item))).collect();
            format!("{{{}}}", members.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(sorted_json).collect::<Vec<_>>().join(", ")),
        scalar => scalar.to_string(),
    }
}

/// Inline code in Markdown (CommonMark 6.1): a fence longer than any run of
/// backquotes inside; line breaks become spaces.
pub(super) fn code(arguments: &[&Value], _: Option<&Path>) -> Result<String, String> {
    let text = scalar_text(arguments[0])?;
    let text: String = text.chars().map(|c| if c.is_control() || contains_mark(&c.to_string()) { ' ' } else { c }).collect();
    let text = text.replace('|', "\\|"); // a table's cell ends at a bare bar
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') || text.trim().is_empty() { " " } else { "" };
    Ok(format!("{fence}{pad}{text}{pad}{fence}"))
}

/// One word of a POSIX shell command.
pub(super) fn shell(arguments: &[&Value], _: Option<&Path>) -> Result<String, String> {
    let text = scalar_text(arguments[0])?;
    if text.chars().any(char::is_control) || contains_mark(&text) {
        return Err("a word of a command must not hold control characters".to_owned());
    }
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_./-+:@%=,".contains(&byte));
    Ok(if plain { text } else { format!("'{}'", text.replace('\'', r"'\''")) })
}

/// A YAML scalar in single quotes, for readers that look at the quotes.
pub(super) fn single_quoted(arguments: &[&Value], _: Option<&Path>) -> Result<String, String> {
    let text = scalar_text(arguments[0])?;
    if text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')) || contains_mark(&text) {
        return Err("a text in single quotes must not hold control characters or line breaks".to_owned());
    }
    Ok(format!("'{}'", text.replace('\'', "''")))
}

fn scalar_text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(emit::number(number)),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Null => Err("the value is null".to_owned()),
        _ => Err("the value is a collection".to_owned()),
    }
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("expected text, got {value}"))
}

/// As Go's `path.Dir` of a clean path, which is what decides where kube-apiserver makes the
/// log's directory: without trailing slash, `/` for the root.
pub(super) fn dirname(arguments: &[&Value]) -> Result<Value, String> {
    if arguments[0].is_null() {
        return Ok(Value::Null);
    }
    let path = text(arguments[0])?;
    Ok(match path.rsplit_once('/') {
        None => json!("."),
        Some((directory, _)) if directory.trim_end_matches('/').is_empty() => json!("/"),
        Some((directory, _)) => json!(directory.trim_end_matches('/')),
    })
}

pub(super) fn basename(arguments: &[&Value]) -> Result<Value, String> {
    let path = text(arguments[0])?;
    Ok(json!(path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()))
}

pub(super) fn default(arguments: &[&Value]) -> Result<Value, String> {
    Ok(if is_absent(arguments[0]) { arguments[1].clone() } else { arguments[0].clone() })
}

pub(super) fn sha256(arguments: &[&Value]) -> Result<Value, String> {
    let digest = Sha256::digest(text(arguments[0])?.as_bytes());
    Ok(Value::String(digest.iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// RFC 4648, with padding.
pub(super) fn base64(arguments: &[&Value]) -> Result<Value, String> {
    Ok(Value::String(BASE64.encode(text(arguments[0])?.as_bytes())))
}

/// The number that octal digits such as `0600` mean, for readers that take a mode as a number.
pub(super) fn octal(arguments: &[&Value]) -> Result<Value, String> {
    let digits = text(arguments[0])?;
    u32::from_str_radix(digits, 8).map(Value::from).map_err(|_| format!("expected octal digits, got {}", json!(digits)))
}

pub(super) fn concat(arguments: &[&Value]) -> Result<Value, String> {
    arguments.iter().map(|argument| scalar_text(argument)).collect::<Result<String, _>>().map(Value::String)
}

pub(super) fn join(arguments: &[&Value]) -> Result<Value, String> {
    let items = arguments[0].as_array().ok_or_else(|| format!("expected a list, got {}", arguments[0]))?;
    let items = items.iter().map(scalar_text).collect::<Result<Vec<_>, _>>()?;
    Ok(Value::String(items.join(text(arguments[1])?)))
}

/// Whether a list holds words alone, which no format with separators can mistake.
pub(super) fn words(arguments: &[&Value]) -> Result<Value, String> {
    let is_word = |item: &Value| {
        scalar_text(item).is_ok_and(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.:/-".contains(&b)))
    };
    Ok(Value::Bool(arguments[0].as_array().is_some_and(|items| !items.is_empty() && items.iter().all(is_word))))
}

/// The arguments, one after the other, in the double braces of Go's templates.
pub(super) fn braces(arguments: &[&Value]) -> Result<Value, String> {
    let inner = concat(arguments)?;
    Ok(Value::String(format!("{{{{{}}}}}", text(&inner)?)))
}

/// A text in double quotes, escaped as JSON and Go have it.
pub(super) fn double_quoted(arguments: &[&Value]) -> Result<Value, String> {
    Ok(Value::String(json!(scalar_text(arguments[0])?).to_string()))
}

pub(super) fn eq(arguments: &[&Value]) -> Result<Value, String> {
    Ok(Value::Bool(arguments[0] == arguments[1]))
}

pub(super) fn ne(arguments: &[&Value]) -> Result<Value, String> {
    Ok(Value::Bool(arguments[0] != arguments[1]))
}

pub(super) fn and(arguments: &[&Value]) -> Result<Value, String> {
    Ok(Value::Bool(arguments.iter().all(|value| value.is_truthy(false))))
}

pub(super) fn or(arguments: &[&Value]) -> Result<Value, String> {
    Ok(Value::Bool(arguments.iter().any(|value| value.is_truthy(false))))
}

pub(super) fn not(arguments: &[&Value]) -> Result<Value, String> {
    Ok(Value::Bool(!arguments[0].is_truthy(false)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_rfc_4648() {
        for (plain, encoded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(&[&json!(plain)]).unwrap(), json!(encoded));
        }
    }

    #[test]
    fn words_for_markdown_and_shell() {
        assert_eq!(code(&[&json!("a`b")], None).unwrap(), "``a`b``");
        assert_eq!(code(&[&json!("`")], None).unwrap(), "`` ` ``");
        assert_eq!(shell(&[&json!("it's")], None).unwrap(), r"'it'\''s'");
        assert!(shell(&[&json!("a\nb")], None).is_err());
    }

    #[test]
    fn directories_as_go_sees_them() {
        for (path, directory) in [("/a/b", "/a"), ("/a", "/"), ("a", "."), ("/a/b/", "/a/b")] {
            assert_eq!(dirname(&[&json!(path)]).unwrap(), json!(directory));
        }
    }
}
