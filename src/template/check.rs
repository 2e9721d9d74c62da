//! What is wrong with a template before it is rendered.
//!
//! Handlebars' strict mode has holes (`{{#if missing}}`, arguments of `and`,
//! by design: `sunng87/handlebars-rust#579`), mutually recursive partials end
//! the process, and a bare `{{x}}` writes a value as it is. So the syntax tree
//! is walked: only known helpers, only paths that the schema declares, no bare
//! value, partials that end.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use handlebars::template::{BlockParam, HelperTemplate, Parameter, TemplateElement};
use handlebars::{Path as TemplatePath, Template};
use serde_json::{Value, json};

use super::helpers::{ENTRY_ORIGIN, HELPERS, Role};
use super::shape::{Shape, anything, item_of, steps, walk};
use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Location, Source, nearest};
use crate::values::{Member, Schema};
use std::sync::Arc;

/// The deepest nesting of blocks, partials included.
const MAX_DEPTH: usize = 64;
const CYCLE: &str = "the partial includes itself";
/// The most inclusions of partials, counting what each included one includes:
/// 30 that include the next one twice would be walked for hours.
const MAX_INCLUSIONS: usize = 10_000;

/// Compiled templates of one folder, with their texts.
pub struct Templates<'t> {
    /// By file name.
    pub compiled: &'t BTreeMap<String, (Template, Arc<Source>)>,
    /// What the templates may read.
    pub schema: &'t Schema,
}

/// Checks every template from where it starts: on its own, unless another
/// includes it; then with the context of each inclusion.
pub fn check<'t>(templates: &'t Templates<'t>) -> Diagnostics {
    let mut included = BTreeSet::new();
    for (template, _) in templates.compiled.values() {
        partials(template, &mut included);
    }
    let mut found = Diagnostics::new();
    let root = &templates.schema.document;
    let inclusions = Cell::new(0);
    for (name, (template, source)) in templates.compiled {
        if included.contains(name) && !only_includes_itself(templates, name) {
            continue;
        }
        let mut walk = Walk { templates, source, chain: vec![name.clone()], found: &mut found, root, inclusions: &inclusions };
        walk.template(template, &mut vec![Scope::new(Cow::Borrowed(root))], 0);
    }
    found
}

/// Whether a template is part of an inclusion cycle that nothing outside
/// enters: then it must be walked on its own, or the cycle is never seen.
fn only_includes_itself(templates: &Templates<'_>, name: &str) -> bool {
    let mut reached = BTreeSet::new();
    let mut todo = vec![name.to_owned()];
    while let Some(next) = todo.pop() {
        let mut direct = BTreeSet::new();
        if let Some((template, _)) = templates.compiled.get(&next) {
            partials(template, &mut direct);
        }
        todo.extend(direct.into_iter().filter(|partial| reached.insert(partial.clone())));
    }
    reached.contains(name)
}

fn partials(template: &Template, names: &mut BTreeSet<String>) {
    for element in &template.elements {
        match element {
            TemplateElement::PartialExpression(partial) => names.extend(partial_name(&partial.name)),
            TemplateElement::HelperBlock(block) => {
                for body in block.template.iter().chain(&block.inverse) {
                    partials(body, names);
                }
            }
            _ => {}
        }
    }
}

fn partial_name(name: &Parameter) -> Option<String> {
    match name {
        Parameter::Literal(Value::String(text)) => Some(text.clone()),
        Parameter::Name(text) => Some(text.clone()),
        Parameter::Path(_) => name.as_name().map(str::to_owned),
        _ => None,
    }
}

/// What `this` is at a place of a template: a schema, and named block parameters.
struct Scope<'s> {
    this: Shape<'s>,
    named: Vec<(String, Shape<'s>)>,
    in_each: bool,
}

impl<'s> Scope<'s> {
    fn new(this: Shape<'s>) -> Self {
        Self { this, named: Vec::new(), in_each: false }
    }
}

/// Line and column of an element, from 1. Places are made of it when something is wrong.
type At = (usize, usize);

struct Walk<'w, 't> {
    templates: &'t Templates<'t>,
    source: &'w Arc<Source>,
    chain: Vec<String>,
    found: &'w mut Diagnostics,
    root: &'t Value,
    inclusions: &'w Cell<usize>,
}

impl<'t> Walk<'_, 't> {
    fn template(&mut self, template: &Template, scopes: &mut Vec<Scope<'t>>, depth: usize) {
        for (index, element) in template.elements.iter().enumerate() {
            let at = template.mapping.get(index).map_or((1, 1), |mapping| (mapping.0, mapping.1));
            if depth > MAX_DEPTH {
                self.fault(at, format!("blocks and partials are nested more than {MAX_DEPTH} deep"));
                return;
            }
            match element {
                TemplateElement::RawString(_) | TemplateElement::Comment(_) => {}
                TemplateElement::Expression(expression) | TemplateElement::HtmlExpression(expression) => {
                    self.expression(expression, at, scopes)
                }
                TemplateElement::HelperBlock(block) => self.block(block, at, scopes, depth),
                TemplateElement::PartialExpression(partial) => {
                    if !partial.params.is_empty() || !partial.hash.is_empty() {
                        self.fault(at, "a partial takes no arguments: it sees what its includer sees".to_owned());
                    }
                    match partial_name(&partial.name) {
                        Some(name) => self.partial(&name, at, scopes, depth),
                        None => self.fault(at, "a partial's name must be written out".to_owned()),
                    }
                }
                _ => self.fault(at, "decorators and inline partials are not supported".to_owned()),
            }
        }
    }

    fn partial(&mut self, name: &str, at: At, scopes: &[Scope<'t>], depth: usize) {
        let Some((template, source)) = self.templates.compiled.get(name) else {
            let names = self.templates.compiled.keys().map(String::as_str);
            let near = nearest(name, names).map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default();
            self.fault(at, format!("there is no template {}{near}", quote(name)));
            return;
        };
        if self.chain.iter().any(|known| known == name) {
            // One cycle is reached from each of its members.
            if self.found.items.iter().any(|item| item.message.starts_with(CYCLE)) {
                return;
            }
            let chain = self.chain.join(" → ");
            self.fault(at, format!("{CYCLE}: {chain} → {name}"));
            return;
        }
        let inclusions = self.inclusions.get() + 1;
        if inclusions > MAX_INCLUSIONS {
            if inclusions == MAX_INCLUSIONS + 1 {
                self.inclusions.set(inclusions);
                self.fault(at, format!("partials include each other more than {MAX_INCLUSIONS} times"));
            }
            return;
        }
        self.inclusions.set(inclusions);
        self.chain.push(name.to_owned());
        let here = scopes.last().map_or(Cow::Borrowed(self.root), |scope| scope.this.clone());
        let mut walk = Walk {
            templates: self.templates,
            source,
            chain: self.chain.clone(),
            found: self.found,
            root: self.root,
            inclusions: self.inclusions,
        };
        walk.template(template, &mut vec![Scope::new(here)], depth + 1);
        self.chain.pop();
    }

    fn expression(&mut self, expression: &HelperTemplate, at: At, scopes: &[Scope<'t>]) {
        let name = expression.name.as_name().unwrap_or_default();
        let bare = expression.params.is_empty() && expression.hash.is_empty();
        match HELPERS.iter().find(|helper| helper.name == name) {
            Some(helper) if helper.role == Role::Output => {
                self.call(expression, at, scopes);
            }
            Some(_) if !bare => self.fault(at, format!("`{name}` writes nothing safely by itself; write {{{{yaml ({name} ...)}}}}")),
            None if !bare => self.unknown_helper(name, at),
            _ => {
                let message = format!("{{{{{name}}}}} writes the value as it is, so the value could break out of its place");
                let help = format!("write {{{{yaml {name}}}}} for a YAML value, {{{{toYaml {name} 2}}}} for an indented block");
                self.found.push(Diagnostic::new(Code::TemplateBareValue, message).at(self.place(at)).help(help));
            }
        }
    }

    /// Checks a call's arguments; what it returns, as a schema.
    fn call(&mut self, call: &HelperTemplate, at: At, scopes: &[Scope<'t>]) -> Shape<'t> {
        let name = call.name.as_name().unwrap_or_default();
        let Some(helper) = HELPERS.iter().find(|helper| helper.name == name) else {
            self.unknown_helper(name, at);
            return anything();
        };
        let (fewest, most) = helper.arguments;
        let count = call.params.len();
        if count < fewest || count > most || !call.hash.is_empty() {
            let wanted = if fewest == most { fewest.to_string() } else { format!("{fewest} to {most}") };
            self.fault(
                at,
                format!(
                    "`{name}` takes {wanted} argument{} without names, not {}",
                    if wanted == "1" { "" } else { "s" },
                    count + call.hash.len()
                ),
            );
        }
        let shapes: Vec<Shape<'t>> = call.params.iter().map(|param| self.argument(param, at, scopes)).collect();
        let first = shapes.into_iter().next().unwrap_or_else(anything);
        match name {
            "entries" => Cow::Owned(self.entries(&first, at)),
            "default" | "with" | "each" => first,
            "eq" | "ne" | "and" | "or" | "not" | "kubernetesAtLeast" => Cow::Owned(json!({"type": "boolean"})),
            "octal" => Cow::Owned(json!({"type": "integer"})),
            _ => Cow::Owned(json!({"type": "string"})),
        }
    }

    fn entries(&mut self, shape: &Value, at: At) -> Value {
        let shape = self.templates.schema.resolve(shape);
        let value = match self.templates.schema.member(shape, "\u{0}") {
            Member::Declared(schema) => schema.clone(),
            Member::Any => json!(true),
            Member::Undeclared if shape.get("properties").is_some() => json!(true),
            Member::Undeclared => {
                self.fault(at, "`entries` takes a mapping".to_owned());
                json!(true)
            }
        };
        let item = json!({"type": "object", "additionalProperties": false, "properties": {"key": {"type": "string"}, "value": value, ENTRY_ORIGIN: {"type": "string"}}});
        json!({"type": "array", "items": item})
    }

    fn argument(&mut self, param: &Parameter, at: At, scopes: &[Scope<'t>]) -> Shape<'t> {
        match param {
            Parameter::Literal(_) => anything(),
            Parameter::Path(TemplatePath::Relative((_, raw)) | TemplatePath::Local((_, _, raw))) | Parameter::Name(raw) => {
                self.path(raw, at, scopes)
            }
            Parameter::Subexpression(sub) => match sub.as_element() {
                TemplateElement::Expression(call) => {
                    let role = HELPERS.iter().find(|helper| Some(helper.name) == call.name.as_name()).map(|helper| helper.role);
                    if matches!(role, Some(Role::Output | Role::Block)) {
                        self.fault(at, format!("`{}` cannot stand inside ( )", call.name.as_name().unwrap_or_default()));
                    }
                    self.call(call, at, scopes)
                }
                _ => anything(),
            },
            _ => anything(),
        }
    }

    fn path(&mut self, raw: &str, at: At, scopes: &[Scope<'t>]) -> Shape<'t> {
        let mut rest = raw;
        let mut up = 0;
        while let Some(above) = rest.strip_prefix("../") {
            up += 1;
            rest = above;
        }
        let Some(scope) = scopes.len().checked_sub(1 + up).and_then(|index| scopes.get(index)) else {
            self.fault(at, format!("{} climbs out of the template", quote(raw)));
            return anything();
        };
        if let Some(local) = rest.strip_prefix('@')
            && local != "root"
            && !local.starts_with("root.")
            && !local.starts_with("root/")
        {
            let known = scope.in_each && matches!(local, "index" | "key" | "first" | "last");
            if !known {
                self.fault(at, format!("{} has no value here; inside {{{{#each}}}} there are @index, @first and @last", quote(raw)));
            }
            return anything();
        }
        let mut steps = steps(rest);
        let root = Cow::Borrowed(self.root);
        let mut start = &scope.this;
        let mut walked = Vec::new();
        if steps.first().is_some_and(|step| step == "@root") {
            steps.remove(0);
            start = &root;
        } else if let Some((name, named)) = scopes.iter().rev().flat_map(|scope| &scope.named).find(|(name, _)| steps.first() == Some(name))
        {
            walked.push(name.clone());
            start = named;
            steps.remove(0);
        }
        let found = match start {
            Cow::Borrowed(start) => walk(self.templates.schema, start, &steps).map(Cow::Borrowed),
            Cow::Owned(start) => walk(self.templates.schema, start, &steps).map(|shape| Cow::Owned(shape.clone())),
        };
        found.unwrap_or_else(|missing| {
            walked.extend(steps[..missing.step].iter().cloned());
            self.undeclared(raw, &steps[missing.step], &walked, missing.of, at);
            anything()
        })
    }

    fn undeclared(&mut self, raw: &str, step: &str, walked: &[String], shape: &Value, at: At) {
        let keys = self.templates.schema.keys(shape);
        let parent = if walked.is_empty() { String::new() } else { format!(" in `{}`", walked.join(".")) };
        let message = format!("{} asks for {}, which the schema does not declare{parent}", quote(raw), quote(step));
        let diagnostic = Diagnostic::new(Code::TemplateError, message).at(self.place(at));
        self.found.push(match nearest(step, keys.iter().copied()) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None if keys.is_empty() => diagnostic.help("declare it in the pack's values.schema.json"),
            None => diagnostic.help(format!("declared are {}", keys.join(", "))),
        });
    }

    fn block(&mut self, block: &HelperTemplate, at: At, scopes: &mut Vec<Scope<'t>>, depth: usize) {
        let name = block.name.as_name().unwrap_or_default();
        if !HELPERS.iter().any(|helper| helper.name == name && helper.role == Role::Block) {
            self.fault(at, format!("{{{{#{name}}}}} is no block; blocks are if, unless, each and with"));
            return;
        }
        let shape = self.call(block, at, scopes);
        let scope = match name {
            "each" => {
                let items = match &shape {
                    Cow::Borrowed(shape) => item_of(self.templates.schema, shape).map(Cow::Borrowed),
                    Cow::Owned(shape) => item_of(self.templates.schema, shape).map(|item| Cow::Owned(item.clone())),
                };
                let item = items.unwrap_or_else(|| {
                    self.fault(at, "`each` takes a list; write {{#each (entries x) as |e|}} for a mapping".to_owned());
                    anything()
                });
                Some(Scope { named: named(block, &item), this: item, in_each: true })
            }
            "with" => Some(Scope { named: named(block, &shape), this: shape, in_each: false }),
            _ => None,
        };
        let pushed = scope.is_some();
        scopes.extend(scope);
        if let Some(body) = &block.template {
            self.template(body, scopes, depth + 1);
        }
        if pushed {
            scopes.pop();
        }
        if let Some(inverse) = &block.inverse {
            self.template(inverse, scopes, depth + 1);
        }
    }

    fn unknown_helper(&mut self, name: &str, at: At) {
        let names = HELPERS.iter().map(|helper| helper.name);
        let near = nearest(name, names.clone()).map(|near| format!("did you mean `{near}`?"));
        let help = near.unwrap_or_else(|| format!("helpers are {}", names.collect::<Vec<_>>().join(", ")));
        self.found.push(Diagnostic::new(Code::TemplateError, format!("there is no helper {}", quote(name))).at(self.place(at)).help(help));
    }

    fn place(&self, at: At) -> Location {
        place(self.source, at.0, at.1)
    }

    fn fault(&mut self, at: At, message: String) {
        self.found.push(Diagnostic::new(Code::TemplateError, message).at(self.place(at)));
    }
}

fn named<'s>(block: &HelperTemplate, item: &Shape<'s>) -> Vec<(String, Shape<'s>)> {
    let name = |param: &Parameter| param.as_name().unwrap_or_default().to_owned();
    match &block.block_param {
        Some(BlockParam::Single(value)) => vec![(name(value), item.clone())],
        Some(BlockParam::Pair((value, key))) => vec![(name(value), item.clone()), (name(key), anything())],
        _ => Vec::new(),
    }
}

/// The place at a line and column (both from 1), to the end of the line.
pub fn place(source: &Arc<Source>, line: usize, column: usize) -> Location {
    let start = source.line_start(line);
    let line_text = source.text[start..].split('\n').next().unwrap_or_default();
    let skip = line_text.char_indices().nth(column.saturating_sub(1)).map_or(line_text.len(), |(at, _)| at);
    source.at(start + skip..start + line_text.trim_end().len().max(skip))
}
