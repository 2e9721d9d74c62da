//! What is wrong with a template before it is rendered.
//!
//! Handlebars' strict mode has holes (`{{#if missing}}`, arguments of `and`,
//! by design: `sunng87/handlebars-rust#579`), mutually recursive partials end
//! the process, and a bare `{{x}}` writes a value as it is. So the syntax tree
//! is walked: only known helpers, only paths that the schema declares, no bare
//! value, partials that end.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use handlebars::template::{BlockParam, HelperTemplate, Parameter, TemplateElement};
use handlebars::{Path as TemplatePath, Template};
use serde_json::{Value, json};

use super::helpers::{ENTRY_ORIGIN, HELPERS, Role};
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
pub fn check(templates: &Templates<'_>) -> Diagnostics {
    let mut included = BTreeSet::new();
    for (template, _) in templates.compiled.values() {
        partials(template, &mut included);
    }
    let mut found = Diagnostics::new();
    let root = templates.schema.document.clone();
    let inclusions = Cell::new(0);
    for (name, (template, source)) in templates.compiled {
        if included.contains(name) && !only_includes_itself(templates, name) {
            continue;
        }
        let mut walk = Walk { templates, source, chain: vec![name.clone()], found: &mut found, root: &root, inclusions: &inclusions };
        walk.template(template, &mut vec![Scope::new(root.clone())], 0);
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
#[derive(Clone)]
struct Scope {
    this: Value,
    named: Vec<(String, Value)>,
    in_each: bool,
}

impl Scope {
    fn new(this: Value) -> Self {
        Self { this, named: Vec::new(), in_each: false }
    }
}

struct Walk<'w, 't> {
    templates: &'w Templates<'t>,
    source: &'w Arc<Source>,
    chain: Vec<String>,
    found: &'w mut Diagnostics,
    root: &'w Value,
    inclusions: &'w Cell<usize>,
}

impl Walk<'_, '_> {
    fn template(&mut self, template: &Template, scopes: &mut Vec<Scope>, depth: usize) {
        for (index, element) in template.elements.iter().enumerate() {
            let at = template.mapping.get(index).map_or_else(|| self.source.at(0..0), |mapping| place(self.source, mapping.0, mapping.1));
            if depth > MAX_DEPTH {
                self.fault(&at, format!("blocks and partials are nested more than {MAX_DEPTH} deep"));
                return;
            }
            match element {
                TemplateElement::RawString(_) | TemplateElement::Comment(_) => {}
                TemplateElement::Expression(expression) | TemplateElement::HtmlExpression(expression) => {
                    self.expression(expression, &at, scopes)
                }
                TemplateElement::HelperBlock(block) => self.block(block, &at, scopes, depth),
                TemplateElement::PartialExpression(partial) => {
                    if !partial.params.is_empty() || !partial.hash.is_empty() {
                        self.fault(&at, "a partial takes no arguments: it sees what its includer sees".to_owned());
                    }
                    match partial_name(&partial.name) {
                        Some(name) => self.partial(&name, &at, scopes, depth),
                        None => self.fault(&at, "a partial's name must be written out".to_owned()),
                    }
                }
                _ => self.fault(&at, "decorators and inline partials are not supported".to_owned()),
            }
        }
    }

    fn partial(&mut self, name: &str, at: &Location, scopes: &[Scope], depth: usize) {
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
        let here = scopes.last().map_or_else(|| self.root.clone(), |scope| scope.this.clone());
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

    fn expression(&mut self, expression: &HelperTemplate, at: &Location, scopes: &[Scope]) {
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
                self.found.push(Diagnostic::new(Code::TemplateBareValue, message).at(at.clone()).help(help));
            }
        }
    }

    /// Checks a call's arguments; what it returns, as a schema.
    fn call(&mut self, call: &HelperTemplate, at: &Location, scopes: &[Scope]) -> Value {
        let name = call.name.as_name().unwrap_or_default();
        let Some(helper) = HELPERS.iter().find(|helper| helper.name == name) else {
            self.unknown_helper(name, at);
            return json!(true);
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
        let shapes: Vec<Value> = call.params.iter().map(|param| self.argument(param, at, scopes)).collect();
        let first = shapes.into_iter().next().unwrap_or(json!(true));
        match name {
            "entries" => self.entries(&first, at),
            "default" | "with" | "each" => first,
            "eq" | "ne" | "and" | "or" | "not" | "kubernetesAtLeast" => json!({"type": "boolean"}),
            _ => json!({"type": "string"}),
        }
    }

    fn entries(&mut self, shape: &Value, at: &Location) -> Value {
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

    fn argument(&mut self, param: &Parameter, at: &Location, scopes: &[Scope]) -> Value {
        match param {
            Parameter::Literal(_) => json!(true),
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
                _ => json!(true),
            },
            _ => json!(true),
        }
    }

    fn path(&mut self, raw: &str, at: &Location, scopes: &[Scope]) -> Value {
        let mut rest = raw;
        let mut up = 0;
        while let Some(above) = rest.strip_prefix("../") {
            up += 1;
            rest = above;
        }
        let Some(scope) = scopes.len().checked_sub(1 + up).and_then(|index| scopes.get(index)) else {
            self.fault(at, format!("{} climbs out of the template", quote(raw)));
            return json!(true);
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
            return json!(true);
        }
        let mut steps = steps(rest);
        let anything = json!(true);
        let mut shape = &scope.this;
        let mut walked = Vec::new();
        if steps.first().is_some_and(|step| step == "@root") {
            steps.remove(0);
            shape = self.root;
        } else if let Some((name, named)) = scopes.iter().rev().flat_map(|scope| &scope.named).find(|(name, _)| steps.first() == Some(name))
        {
            walked.push(name.clone());
            shape = named;
            steps.remove(0);
        }
        for step in steps {
            let is_index = step.bytes().all(|byte| byte.is_ascii_digit()) && !step.is_empty();
            let member = if is_index { self.templates.schema.items(shape) } else { self.templates.schema.member(shape, &step) };
            shape = match member {
                Member::Declared(schema) => schema,
                Member::Any => &anything,
                Member::Undeclared => {
                    self.undeclared(raw, &step, &walked, &shape.clone(), at);
                    return json!(true);
                }
            };
            walked.push(step);
        }
        shape.clone()
    }

    fn undeclared(&mut self, raw: &str, step: &str, walked: &[String], shape: &Value, at: &Location) {
        let keys = self.templates.schema.keys(shape);
        let parent = if walked.is_empty() { String::new() } else { format!(" in `{}`", walked.join(".")) };
        let message = format!("{} asks for {}, which the schema does not declare{parent}", quote(raw), quote(step));
        let diagnostic = Diagnostic::new(Code::TemplateError, message).at(at.clone());
        self.found.push(match nearest(step, keys.iter().copied()) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None if keys.is_empty() => diagnostic.help("declare it in the pack's values.schema.json"),
            None => diagnostic.help(format!("declared are {}", keys.join(", "))),
        });
    }

    fn block(&mut self, block: &HelperTemplate, at: &Location, scopes: &mut Vec<Scope>, depth: usize) {
        let name = block.name.as_name().unwrap_or_default();
        if !HELPERS.iter().any(|helper| helper.name == name && helper.role == Role::Block) {
            self.fault(at, format!("{{{{#{name}}}}} is no block; blocks are if, unless, each and with"));
            return;
        }
        let shape = self.call(block, at, scopes);
        let scope = match name {
            "each" => {
                let item = match self.templates.schema.items(&shape) {
                    Member::Declared(item) => item.clone(),
                    Member::Any if shape != json!(true) => json!(true),
                    _ => {
                        self.fault(at, "`each` takes a list; write {{#each (entries x) as |e|}} for a mapping".to_owned());
                        json!(true)
                    }
                };
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

    fn unknown_helper(&mut self, name: &str, at: &Location) {
        let names = HELPERS.iter().map(|helper| helper.name);
        let near = nearest(name, names.clone()).map(|near| format!("did you mean `{near}`?"));
        let help = near.unwrap_or_else(|| format!("helpers are {}", names.collect::<Vec<_>>().join(", ")));
        self.found.push(Diagnostic::new(Code::TemplateError, format!("there is no helper {}", quote(name))).at(at.clone()).help(help));
    }

    fn fault(&mut self, at: &Location, message: String) {
        self.found.push(Diagnostic::new(Code::TemplateError, message).at(at.clone()));
    }
}

fn named(block: &HelperTemplate, item: &Value) -> Vec<(String, Value)> {
    let name = |param: &Parameter| param.as_name().unwrap_or_default().to_owned();
    match &block.block_param {
        Some(BlockParam::Single(value)) => vec![(name(value), item.clone())],
        Some(BlockParam::Pair((value, key))) => vec![(name(value), item.clone()), (name(key), json!(true))],
        _ => Vec::new(),
    }
}

/// The names in a path such as `a.b/[c d].this`.
fn steps(raw: &str) -> Vec<String> {
    let mut steps = Vec::new();
    let mut rest = raw;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('[') {
            let (name, tail) = after.split_once(']').unwrap_or((after, ""));
            steps.push(name.to_owned());
            rest = tail.trim_start_matches(['.', '/']);
            continue;
        }
        let (name, tail) = rest.split_once(['.', '/']).unwrap_or((rest, ""));
        if !name.is_empty() && name != "this" {
            steps.push(name.to_owned());
        }
        rest = tail;
    }
    steps
}

/// The place at a line and column (both from 1), to the end of the line.
pub fn place(source: &Arc<Source>, line: usize, column: usize) -> Location {
    let start = source.line_start(line);
    let line_text = source.text[start..].split('\n').next().unwrap_or_default();
    let skip = line_text.char_indices().nth(column.saturating_sub(1)).map_or(line_text.len(), |(at, _)| at);
    source.at(start + skip..start + line_text.trim_end().len().max(skip))
}
