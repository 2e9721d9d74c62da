//! The helpers that templates have. Those that write do it safely for one
//! place: a YAML value, JSON, inline code in Markdown, a word of a shell
//! command. There is no way to write a value as it is.

use data_encoding::BASE64;
use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, JsonTruthy, Output, PathAndJson, RenderContext, RenderError, RenderErrorReason,
    ScopedJson,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use super::marks::{Origin, contains_mark};
use crate::kubernetes::Minor;
use crate::values::{Path, Step};
use crate::yaml::emit;

/// What a helper is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Writes a value; the only helpers that may stand alone in `{{ }}`.
    Output,
    /// Computes a value inside `( )`.
    Value,
    /// A block, `{{#name}}`.
    Block,
}

/// A helper as templates see it.
#[derive(Debug)]
pub struct Signature {
    /// Its name.
    pub name: &'static str,
    /// Where it may stand.
    pub role: Role,
    /// The fewest and the most arguments.
    pub arguments: (usize, usize),
}

/// Every helper. Anything else in a template is an error before rendering.
pub const HELPERS: &[Signature] = &[
    signature("yaml", Role::Output, 1, 1),
    signature("toYaml", Role::Output, 1, 2),
    signature("json", Role::Output, 1, 1),
    signature("code", Role::Output, 1, 1),
    signature("shell", Role::Output, 1, 1),
    signature("singleQuoted", Role::Output, 1, 1),
    signature("entries", Role::Value, 1, 1),
    signature("dirname", Role::Value, 1, 1),
    signature("basename", Role::Value, 1, 1),
    signature("default", Role::Value, 2, 2),
    signature("sha256", Role::Value, 1, 1),
    signature("base64", Role::Value, 1, 1),
    signature("octal", Role::Value, 1, 1),
    signature("concat", Role::Value, 2, 8),
    signature("join", Role::Value, 2, 2),
    signature("words", Role::Value, 1, 1),
    signature("braces", Role::Value, 1, 8),
    signature("doubleQuoted", Role::Value, 1, 1),
    signature("eq", Role::Value, 2, 2),
    signature("ne", Role::Value, 2, 2),
    signature("and", Role::Value, 2, 8),
    signature("or", Role::Value, 2, 8),
    signature("not", Role::Value, 1, 1),
    signature("kubernetesAtLeast", Role::Value, 1, 2),
    signature("if", Role::Block, 1, 1),
    signature("unless", Role::Block, 1, 1),
    signature("each", Role::Block, 1, 1),
    signature("with", Role::Block, 1, 1),
];

const fn signature(name: &'static str, role: Role, fewest: usize, most: usize) -> Signature {
    Signature { name, role, arguments: (fewest, most) }
}

/// What one rendering may still do: helpers pay for the values that they are
/// given, so that loops over large values end.
#[derive(Debug, Default)]
pub struct Budget(AtomicUsize);

impl Budget {
    /// Values and bytes that the helpers of one rendering may look at.
    const WORK: usize = 64 * 1024 * 1024;

    /// Begins a rendering.
    pub fn refill(&self) {
        self.0.store(Self::WORK, Ordering::Relaxed);
    }

    fn pay(&self, helper: &Helper<'_>) -> Result<(), RenderError> {
        fn size(value: &Value) -> usize {
            1 + match value {
                Value::String(text) => text.len(),
                Value::Array(items) => items.iter().map(size).sum(),
                Value::Object(map) => map.iter().map(|(key, item)| key.len() + size(item)).sum(),
                _ => 0,
            }
        }
        let cost: usize = helper.params().iter().map(|param| size(param.value())).sum();
        let left = self.0.load(Ordering::Relaxed).checked_sub(cost);
        self.0.store(left.unwrap_or_default(), Ordering::Relaxed);
        left.map(|_| ()).ok_or_else(|| failed(helper.name(), "the template's loops do more work than a template may"))
    }
}

/// Registers all helpers. `minor` is the Kubernetes minor being rendered for.
pub fn register(registry: &mut Handlebars<'static>, minor: Arc<AtomicU16>, budget: &Arc<Budget>) {
    registry.register_helper(MARK, Box::new(Mark));
    for (name, write) in [
        ("yaml", yaml as Write),
        ("toYaml", to_yaml),
        ("json", json_text),
        ("code", code),
        ("shell", shell),
        ("singleQuoted", single_quoted),
    ] {
        registry.register_helper(name, Box::new(Writes(name, write, Arc::clone(budget))));
    }
    for (name, compute) in [
        ("dirname", dirname as Compute),
        ("basename", basename),
        ("default", default),
        ("sha256", sha256),
        ("base64", base64),
        ("octal", octal),
        ("concat", concat),
        ("join", join),
        ("words", words),
        ("braces", braces),
        ("doubleQuoted", double_quoted),
        ("eq", eq),
        ("ne", ne),
        ("and", and),
        ("or", or),
        ("not", not),
    ] {
        registry.register_helper(name, Box::new(Computes(name, compute, Arc::clone(budget))));
    }
    registry.register_helper("entries", Box::new(Entries(Arc::clone(budget))));
    registry.register_helper("kubernetesAtLeast", Box::new(KubernetesAtLeast(minor)));
}

/// The internal helper that writes a mark; templates cannot name it.
pub const MARK: &str = "\u{fdd0}";

/// The name of the argument, put in before rendering, that is one of the values
/// which a computed argument may come from: `{{yaml (default a b)}}` comes from
/// `a`, or from `b` when `a` is absent.
pub fn origin_name(at: usize) -> String {
    format!("origin{at}")
}

struct Mark;

impl HelperDef for Mark {
    /// Writes past the indentation of partials: a mark is no content.
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let mark = helper.param(0).and_then(|mark| mark.value().as_str()).unwrap_or_default();
        Ok(out.write(mark)?)
    }
}

type Write = fn(&[&Value], Option<&Path>) -> Result<String, String>;
type Compute = fn(&[&Value]) -> Result<Value, String>;

fn failed(name: &str, why: &str) -> RenderError {
    RenderErrorReason::Other(format!("{name}: {why}")).into()
}

fn arguments<'h>(helper: &'h Helper<'_>) -> Vec<&'h Value> {
    helper.params().iter().map(PathAndJson::value).collect()
}

struct Writes(&'static str, Write, Arc<Budget>);

impl HelperDef for Writes {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        context: &'rc Context,
        render: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        self.2.pay(helper)?;
        let sources = || (0..helper.hash().len()).filter_map(|at| helper.hash().get(origin_name(at).as_str()));
        let source = sources().find(|source| !is_absent(source.value())).or_else(|| sources().next()).or(helper.param(0));
        let path = source.and_then(|param| origin(param, context, render));
        let text = (self.1)(&arguments(helper), path.as_ref()).map_err(|why| failed(self.0, &why))?;
        let mark = path.map(|path| Origin::value_mark(&path)).unwrap_or_default();
        Ok(ScopedJson::Derived(Value::String(mark + &text)))
    }
}

struct Computes(&'static str, Compute, Arc<Budget>);

impl HelperDef for Computes {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        self.2.pay(helper)?;
        (self.1)(&arguments(helper)).map(ScopedJson::Derived).map_err(|why| failed(self.0, &why))
    }
}

/// The path in the context of a helper's argument. Items of `entries` are
/// copies, so they carry the path of what they were copied from.
fn origin<'rc>(param: &PathAndJson<'rc>, context: &'rc Context, render: &RenderContext<'_, 'rc>) -> Option<Path> {
    if let Some(steps) = param.context_path() {
        return Some(typed(steps.iter().map(String::as_str), context.data(), Path::root()));
    }
    let relative = param.relative_path()?;
    let mut head = relative.as_str();
    let mut tail: Vec<&str> = Vec::new();
    while let Some((front, last)) = head.rsplit_once(['.', '/']) {
        tail.insert(0, last);
        head = front;
        let pointer = render.evaluate(context, &format!("{head}.{ENTRY_ORIGIN}")).ok()?;
        if let Some(pointer) = pointer.as_json().as_str() {
            let base = Path::from_pointer(pointer, context.data());
            let from_value = tail.first().is_some_and(|step| *step == "value");
            let steps = tail.iter().copied().skip(usize::from(from_value || tail.first().is_some_and(|step| *step == "key")));
            let value = context.data().pointer(pointer).unwrap_or(&Value::Null);
            return Some(typed(steps, value, base));
        }
    }
    None
}

/// Steps by name, told apart into keys and indices by the value they lead into.
fn typed<'s>(steps: impl Iterator<Item = &'s str>, value: &Value, mut path: Path) -> Path {
    let mut at = Some(value);
    for step in steps {
        let step = step.trim_start_matches('[').trim_end_matches(']');
        let index = at.filter(|value| value.is_array()).and_then(|_| step.parse::<usize>().ok());
        at = at.and_then(|value| match index {
            Some(index) => value.get(index),
            None => value.get(step),
        });
        path.0.push(index.map_or_else(|| Step::Key(step.to_owned()), Step::Index));
    }
    path
}

fn mark_of(path: Option<&Path>) -> impl Fn(&Path, &mut String) + '_ {
    move |path_of_scalar, out| {
        if path.is_some() {
            out.push_str(&Origin::value_mark(path_of_scalar));
        }
    }
}

fn yaml(arguments: &[&Value], path: Option<&Path>) -> Result<String, String> {
    let root = Path::root();
    Ok(emit::flow_marked(&present(arguments[0]), path.unwrap_or(&root), &mark_of(path)))
}

fn to_yaml(arguments: &[&Value], path: Option<&Path>) -> Result<String, String> {
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

fn is_absent(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => !map.is_empty() && map.values().all(is_absent),
        _ => false,
    }
}

fn json_text(arguments: &[&Value], _: Option<&Path>) -> Result<String, String> {
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
fn code(arguments: &[&Value], _: Option<&Path>) -> Result<String, String> {
    let text = scalar_text(arguments[0])?;
    let text: String = text.chars().map(|c| if c.is_control() || contains_mark(&c.to_string()) { ' ' } else { c }).collect();
    let text = text.replace('|', "\\|"); // a table's cell ends at a bare bar
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') || text.trim().is_empty() { " " } else { "" };
    Ok(format!("{fence}{pad}{text}{pad}{fence}"))
}

/// One word of a POSIX shell command.
fn shell(arguments: &[&Value], _: Option<&Path>) -> Result<String, String> {
    let text = scalar_text(arguments[0])?;
    if text.chars().any(char::is_control) || contains_mark(&text) {
        return Err("a word of a command must not hold control characters".to_owned());
    }
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_./-+:@%=,".contains(&byte));
    Ok(if plain { text } else { format!("'{}'", text.replace('\'', r"'\''")) })
}

/// A YAML scalar in single quotes, for readers that look at the quotes.
fn single_quoted(arguments: &[&Value], _: Option<&Path>) -> Result<String, String> {
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
fn dirname(arguments: &[&Value]) -> Result<Value, String> {
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

fn basename(arguments: &[&Value]) -> Result<Value, String> {
    let path = text(arguments[0])?;
    Ok(json!(path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()))
}

fn default(arguments: &[&Value]) -> Result<Value, String> {
    Ok(if is_absent(arguments[0]) { arguments[1].clone() } else { arguments[0].clone() })
}

fn sha256(arguments: &[&Value]) -> Result<Value, String> {
    let digest = Sha256::digest(text(arguments[0])?.as_bytes());
    Ok(Value::String(digest.iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// RFC 4648, with padding.
fn base64(arguments: &[&Value]) -> Result<Value, String> {
    Ok(Value::String(BASE64.encode(text(arguments[0])?.as_bytes())))
}

/// The number that octal digits such as `0600` mean, for readers that take a mode as a number.
fn octal(arguments: &[&Value]) -> Result<Value, String> {
    let digits = text(arguments[0])?;
    u32::from_str_radix(digits, 8).map(Value::from).map_err(|_| format!("expected octal digits, got {}", json!(digits)))
}

fn concat(arguments: &[&Value]) -> Result<Value, String> {
    arguments.iter().map(|argument| scalar_text(argument)).collect::<Result<String, _>>().map(Value::String)
}

fn join(arguments: &[&Value]) -> Result<Value, String> {
    let items = arguments[0].as_array().ok_or_else(|| format!("expected a list, got {}", arguments[0]))?;
    let items = items.iter().map(scalar_text).collect::<Result<Vec<_>, _>>()?;
    Ok(Value::String(items.join(text(arguments[1])?)))
}

/// Whether a list holds words alone, which no format with separators can mistake.
fn words(arguments: &[&Value]) -> Result<Value, String> {
    let is_word = |item: &Value| {
        scalar_text(item).is_ok_and(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.:/-".contains(&b)))
    };
    Ok(Value::Bool(arguments[0].as_array().is_some_and(|items| !items.is_empty() && items.iter().all(is_word))))
}

/// The arguments, one after the other, in the double braces of Go's templates.
fn braces(arguments: &[&Value]) -> Result<Value, String> {
    let inner = concat(arguments)?;
    Ok(Value::String(format!("{{{{{}}}}}", text(&inner)?)))
}

/// A text in double quotes, escaped as JSON and Go have it.
fn double_quoted(arguments: &[&Value]) -> Result<Value, String> {
    Ok(Value::String(json!(scalar_text(arguments[0])?).to_string()))
}

fn eq(arguments: &[&Value]) -> Result<Value, String> {
    Ok(Value::Bool(arguments[0] == arguments[1]))
}

fn ne(arguments: &[&Value]) -> Result<Value, String> {
    Ok(Value::Bool(arguments[0] != arguments[1]))
}

fn and(arguments: &[&Value]) -> Result<Value, String> {
    Ok(Value::Bool(arguments.iter().all(|value| value.is_truthy(false))))
}

fn or(arguments: &[&Value]) -> Result<Value, String> {
    Ok(Value::Bool(arguments.iter().any(|value| value.is_truthy(false))))
}

fn not(arguments: &[&Value]) -> Result<Value, String> {
    Ok(Value::Bool(!arguments[0].is_truthy(false)))
}

/// The member of an entry that holds the JSON pointer of its value.
pub const ENTRY_ORIGIN: &str = "origin";

/// A mapping as a list of `{key, value, origin}`, sorted by key. Members that
/// are null are left out.
struct Entries(Arc<Budget>);

impl HelperDef for Entries {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        self.0.pay(helper)?;
        let param = helper.param(0).ok_or_else(|| failed("entries", "expected a mapping"))?;
        let map = match param.value() {
            Value::Object(map) => map,
            Value::Null => return Ok(ScopedJson::Derived(json!([]))),
            other => return Err(failed("entries", &format!("expected a mapping, got {other}"))),
        };
        let escape = |step: &str| step.replace('~', "~0").replace('/', "~1");
        let base: Option<String> = param.context_path().map(|steps| steps.iter().map(|step| format!("/{}", escape(step))).collect());
        let mut members: Vec<_> = map.iter().filter(|(_, value)| !value.is_null()).collect();
        members.sort_unstable_by_key(|(key, _)| *key);
        let entries = members.into_iter().map(|(key, value)| {
            let origin = base.as_ref().map(|base| format!("{base}/{}", escape(key)));
            json!({"key": key, "value": value, ENTRY_ORIGIN: origin})
        });
        Ok(ScopedJson::Derived(entries.collect()))
    }
}

/// Whether the minor being rendered for, or the one given second, is at least the first.
struct KubernetesAtLeast(Arc<AtomicU16>);

impl HelperDef for KubernetesAtLeast {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let minor = |param: &PathAndJson<'_>| {
            let text = param.value().as_str().unwrap_or_default();
            text.parse::<Minor>().map_err(|_| failed("kubernetesAtLeast", "expected a minor in quotes, such as \"1.31\""))
        };
        let wanted = helper.param(0).map(minor).transpose()?.unwrap_or(Minor(0));
        let have = helper.param(1).map(minor).transpose()?.unwrap_or(Minor(self.0.load(Ordering::Relaxed)));
        Ok(ScopedJson::Derived(Value::Bool(have >= wanted)))
    }
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
