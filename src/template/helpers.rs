//! The helpers that templates have: where each may stand, what it may cost, and
//! where what it writes comes from. What they do is in [`functions`].

use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, Output, PathAndJson, RenderContext, RenderError, RenderErrorReason, ScopedJson,
};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use super::functions;
use super::marks::Origin;
use crate::kubernetes::Minor;
use crate::values::{Path, Step};

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
        ("yaml", functions::yaml as Write),
        ("toYaml", functions::to_yaml),
        ("json", functions::json_text),
        ("code", functions::code),
        ("shell", functions::shell),
        ("singleQuoted", functions::single_quoted),
    ] {
        registry.register_helper(name, Box::new(Writes(name, write, Arc::clone(budget))));
    }
    for (name, compute) in [
        ("dirname", functions::dirname as Compute),
        ("basename", functions::basename),
        ("default", functions::default),
        ("sha256", functions::sha256),
        ("base64", functions::base64),
        ("octal", functions::octal),
        ("concat", functions::concat),
        ("join", functions::join),
        ("words", functions::words),
        ("braces", functions::braces),
        ("doubleQuoted", functions::double_quoted),
        ("eq", functions::eq),
        ("ne", functions::ne),
        ("and", functions::and),
        ("or", functions::or),
        ("not", functions::not),
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
        let source = sources().find(|source| !functions::is_absent(source.value())).or_else(|| sources().next()).or(helper.param(0));
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
