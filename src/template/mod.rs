//! Handlebars, made safe for configuration.
//!
//! Templates see data and nothing else: no file, network, time or environment.
//! They are checked against a schema before rendering ([`check`]), every value
//! is written by a helper that fits its place ([`helpers`]), and every byte of
//! the output knows where it came from ([`marks`]).

mod check;
mod functions;
mod helpers;
mod marks;
mod plain;
mod shape;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use handlebars::template::{Parameter, Subexpression, TemplateElement};
use handlebars::{Handlebars, RenderContext, RenderError, Renderable, Template};
use serde_json::Value;

pub use handlebars::Context;
pub use marks::{Origin, Traced};

use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Location, Source};
use crate::kubernetes::Minor;
use crate::values::Schema;
use crate::yaml::{self, Node};

/// The templates of one folder, compiled and checked.
pub struct Engine {
    registry: Handlebars<'static>,
    sources: BTreeMap<String, Arc<Source>>,
    minor: Arc<AtomicU16>,
    budget: Arc<helpers::Budget>,
    checked: bool,
}

/// Whether all of these templates are those of the binary.
pub fn are_bundled(templates: &BTreeMap<String, Arc<Source>>) -> bool {
    templates.values().all(|source| source.is_bundled())
}

impl Engine {
    /// Compiles `templates` (by file name) and checks them against the schema
    /// of what they will be given. Without a schema they are not checked: that is
    /// for templates of the binary alone, which its tests check.
    ///
    /// # Errors
    /// Every fault of every template.
    pub fn compile(templates: &BTreeMap<String, Arc<Source>>, schema: Option<&Schema>) -> Result<Self, Diagnostics> {
        let mut found = Diagnostics::new();
        let mut compiled = BTreeMap::new();
        for (name, source) in templates {
            match compile(name, source) {
                Ok(template) => {
                    compiled.insert(name.clone(), (template, Arc::clone(source)));
                }
                Err(diagnostic) => found.push(*diagnostic),
            }
        }
        if !found.has_errors()
            && let Some(schema) = schema
        {
            found = check::check(&check::Templates { compiled: &compiled, schema });
        }
        if found.has_errors() {
            return Err(found);
        }
        let minor = Arc::new(AtomicU16::new(0));
        let mut registry = Handlebars::new();
        registry.set_strict_mode(true);
        registry.register_escape_fn(handlebars::no_escape);
        let budget = Arc::new(helpers::Budget::default());
        helpers::register(&mut registry, Arc::clone(&minor), &budget);
        let mut sources = BTreeMap::new();
        for (name, (mut template, source)) in compiled {
            instrument(&mut template, &name, &source);
            registry.register_template(&name, template);
            sources.insert(name, source);
        }
        Ok(Self { registry, sources, minor, budget, checked: schema.is_some() })
    }

    /// Whether the templates were checked; those of the binary need not be.
    pub fn is_checked(&self) -> bool {
        self.checked
    }

    /// Whether there is a template of that name.
    pub fn has(&self, name: &str) -> bool {
        self.sources.contains_key(name)
    }

    /// The names of the templates.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sources.keys().map(String::as_str)
    }

    /// Renders one template. `locate` says where a value of the context, named
    /// by its path, was written.
    ///
    /// # Errors
    /// `template-error` with the template's line.
    pub fn render<'e>(&'e self, name: &str, context: &Context, minor: Minor, locate: &'e Locate<'e>) -> Result<Rendered<'e>, Diagnostics> {
        self.minor.store(minor.0, Ordering::Relaxed);
        self.budget.refill();
        let mut sink = marks::Sink::new();
        let Some(template) = self.registry.get_template(name) else {
            return Err(Diagnostic::new(Code::TemplateError, format!("there is no template {}", quote(name))).into());
        };
        let mut render = RenderContext::new(template.name.as_ref());
        template.render(&self.registry, context, &mut render, &mut sink).map_err(|error| self.blame(name, &error))?;
        Ok(Rendered { engine: self, name: name.to_owned(), traced: sink.finish(), locate })
    }

    fn blame(&self, name: &str, error: &RenderError) -> Diagnostic {
        let name = error.template_name.as_deref().unwrap_or(name);
        let diagnostic = Diagnostic::new(
            Code::TemplateError,
            format!("cannot render {name}: {}", error.reason().to_string().trim_start_matches("IO Error: ")),
        );
        match (self.sources.get(name), error.line_no, error.column_no) {
            (Some(source), Some(line), Some(column)) => diagnostic.at(check::place(source, line, column)),
            (Some(source), ..) => diagnostic.at(source.at(0..0)),
            _ => diagnostic,
        }
    }
}

/// Says where the context's value at a path was written.
pub type Locate<'l> = dyn Fn(&str) -> Option<Location> + 'l;

/// What a template rendered.
pub struct Rendered<'e> {
    engine: &'e Engine,
    name: String,
    traced: Traced,
    locate: &'e Locate<'e>,
}

impl Rendered<'_> {
    /// The text.
    pub fn text(&self) -> &str {
        &self.traced.text
    }

    /// Who is to blame for the byte at `at`: the values leaf that was written
    /// there, else the template's line.
    pub fn location(&self, at: usize) -> Option<Location> {
        self.place(self.traced.origin(at)?)
    }

    fn place(&self, origin: &Origin) -> Option<Location> {
        match origin {
            Origin::Template(name, line) => self.engine.sources.get(name).map(|source| {
                let indent = source.text[source.line_start(*line)..].chars().take_while(|c| *c == ' ').count();
                check::place(source, *line, indent + 1)
            }),
            Origin::Value(path) => (self.locate)(path),
        }
    }

    /// The text read back as one YAML document, every node placed where its
    /// text came from.
    ///
    /// # Errors
    /// `template-error` when the text is not one YAML document, or when a value
    /// does not stand alone in it.
    pub fn read(&self) -> Result<Node, Diagnostics> {
        let mut node = self.read_unplaced()?;
        let fallback = self.engine.sources.get(&self.name).map_or_else(|| node.location.clone(), |template| template.at(0..0));
        node.relocate(&|location| self.location(location.range.start).unwrap_or_else(|| fallback.clone()));
        Ok(node)
    }

    /// As [`Rendered::read`], with the places in the rendered text: enough where
    /// nobody is blamed.
    ///
    /// # Errors
    /// Those of [`Rendered::read`], placed as they are there.
    pub fn read_unplaced(&self) -> Result<Node, Diagnostics> {
        let source = Source::anonymous(format!("what {} renders", self.name), self.traced.text.clone());
        let fallback = self.engine.sources.get(&self.name).map_or_else(|| source.at(0..0), |template| template.at(0..0));
        let relocate = |location: &Location| self.location(location.range.start).unwrap_or_else(|| fallback.clone());
        // What helpers write is YAML, so a fault of syntax is the template's, also
        // at a value; two values of one name are the values' own.
        let blame = |code: Code, location: &Location| {
            let template = (code == Code::YamlSyntax).then(|| self.traced.template_origin(location.range.start)).flatten();
            template.and_then(|origin| self.place(origin)).unwrap_or_else(|| relocate(location))
        };
        let mut ignored = Diagnostics::new();
        let node = yaml::read(&source, &mut ignored).map_err(|mut errors| {
            for error in &mut errors.items {
                if let Some(location) = error.location.take() {
                    let line = location.position().0;
                    let text = source.text.lines().nth(line - 1).unwrap_or_default().trim();
                    error.help = Some(format!("line {line} of the rendered text is {}", quote(text)));
                    error.location = Some(blame(error.code, &location));
                }
                for (location, _) in &mut error.related {
                    *location = blame(error.code, location);
                }
                error.code = Code::TemplateError;
                error.message = format!("{} renders invalid YAML: {}", self.name, error.message);
            }
            errors
        })?;
        self.refuse_embedded(&node)?;
        Ok(node)
    }

    /// A value must be a scalar of its own. `"x-{{yaml v}}"` would work until
    /// a value needs quotes.
    fn refuse_embedded(&self, node: &Node) -> Result<(), Diagnostics> {
        let mut scalars = HashMap::new();
        let mut spans = Vec::new();
        node.visit_scalars(&mut |location| {
            let range = location.range.clone();
            let is_block = self.traced.text[range.clone()].starts_with(['|', '>']);
            scalars.insert(range.start, range.end);
            if !is_block && !range.is_empty() {
                spans.push(range);
            }
        });
        spans.sort_unstable_by_key(|range| range.start);
        let mut found = Diagnostics::new();
        for piece in self.traced.value_pieces().filter(|piece| !piece.is_empty()) {
            let stands_alone = match scalars.get(&piece.start) {
                Some(end) => *end <= piece.end,
                None => {
                    let before = spans.partition_point(|range| range.start < piece.start);
                    spans[..before].last().is_none_or(|range| range.end <= piece.start)
                }
            };
            if !stands_alone {
                let line = self.traced.text[..piece.start].matches('\n').count();
                let text = self.traced.text.lines().nth(line).unwrap_or_default().trim();
                let message = format!("{} writes a value inside other text, where it cannot be kept safe: {}", self.name, quote(text));
                let at = self.traced.origin(piece.start.saturating_sub(1)).and_then(|_| self.location(piece.start.saturating_sub(1)));
                let mut diagnostic =
                    Diagnostic::new(Code::TemplateError, message).help("let {{yaml ...}} be the whole value, without quotes around it");
                diagnostic.location = at;
                found.push(diagnostic);
            }
        }
        found.into_result((), &mut Diagnostics::new())
    }
}

fn compile(name: &str, source: &Arc<Source>) -> Result<Template, Box<Diagnostic>> {
    let fault = |message: String| Box::new(Diagnostic::new(Code::TemplateError, message));
    if marks::contains_mark(&source.text) {
        return Err(fault("the template holds the characters U+FDD0 or U+FDD1, which are reserved".to_owned()).map_at(source.at(0..0)));
    }
    if let Some(at) = too_deep(&source.text) {
        return Err(fault("blocks or parentheses are nested too deep".to_owned()).map_at(source.at(at..at + 2)));
    }
    if let Some(template) = plain::compile(&source.text, name) {
        return Ok(template);
    }
    Template::compile_with_name(&source.text, name.to_owned()).map_err(|error| {
        let location = match error.pos() {
            Some((line, column)) => check::place(source, line, column),
            None => source.at(0..0),
        };
        let reason = error.reason().to_string();
        let mut diagnostic = fault(format!("not a Handlebars template: {reason}")).map_at(location);
        if reason.contains("invalid handlebars syntax") {
            // The grammar's own list of what it expected helps nobody.
            diagnostic.message = "not a Handlebars template from here on".to_owned();
            diagnostic.help = Some("a `{{` before it may lack its `}}`, or a block such as {{#if}} its {{/if}}".to_owned());
        }
        diagnostic
    })
}

trait At {
    fn map_at(self, location: Location) -> Self;
}

impl At for Box<Diagnostic> {
    fn map_at(mut self, location: Location) -> Self {
        self.location = Some(location);
        self
    }
}

/// Where nesting passes what the parser, which recurses, takes on any stack.
fn too_deep(text: &str) -> Option<usize> {
    const DEEPEST: usize = 64;
    let (mut blocks, mut chained) = (0_usize, 0_usize);
    let mut next = plain::find_pair(text, '{');
    while let Some(at) = next {
        let tag = text[at..].trim_start_matches('{').trim_start_matches('~');
        let tag = &tag[..plain::find_pair(tag, '}').unwrap_or(tag.len())];
        next = plain::find_pair(&text[at + 2..], '{').map(|found| at + 2 + found);
        let words = tag.trim_matches(['~', ' ']);
        if words.starts_with('#') || (words.starts_with('^') && words.len() > 1) {
            blocks += 1;
        } else if words.starts_with('/') {
            blocks = blocks.saturating_sub(1);
            if blocks == 0 {
                chained = 0;
            }
        } else if words.starts_with("else ") {
            chained += 1; // each is a block inside the one before
        }
        let mut parentheses = 0_usize;
        let too_many = tag.bytes().any(|byte| {
            match byte {
                b'(' | b'[' => parentheses += 1,
                b')' | b']' => parentheses = parentheses.saturating_sub(1),
                _ => {}
            }
            parentheses > DEEPEST
        });
        if blocks > DEEPEST || chained > DEEPEST || too_many {
            return Some(at);
        }
    }
    None
}

/// Puts a mark before every piece that the template writes, and a step into
/// every block, so that what is rendered can be traced and loops are bounded.
fn instrument(template: &mut Template, name: &str, source: &Arc<Source>) {
    let elements = std::mem::take(&mut template.elements);
    let mapping = std::mem::take(&mut template.mapping);
    for (index, mut element) in elements.into_iter().enumerate() {
        let place = mapping.get(index).cloned().or_else(|| mapping.last().cloned());
        let (line, column) = place.as_ref().map_or((1, 1), |place| (place.0, place.1));
        let push = |template: &mut Template, element| {
            template.elements.push(element);
            template.mapping.extend(place.clone());
        };
        let mark = |line| Origin::Template(name.to_owned(), line).mark();
        match &mut element {
            TemplateElement::RawString(text) => *text = mark_lines(text, source, (line, column), mark),
            TemplateElement::Expression(_) | TemplateElement::HtmlExpression(_) | TemplateElement::PartialExpression(_) => {
                if let TemplateElement::Expression(call) = &mut element
                    && let Some(Parameter::Subexpression(argument)) = call.params.first()
                {
                    let origins = computed_from(argument);
                    call.hash.extend(origins.into_iter().enumerate().map(|(at, origin)| (helpers::origin_name(at), origin)));
                }
                // Text before the tag on its line has marked the line already.
                let marked =
                    matches!(template.elements.last(), Some(TemplateElement::RawString(text)) if !text.ends_with('\n') && !text.is_empty());
                if !marked {
                    push(template, step(mark(line)));
                }
            }
            TemplateElement::HelperBlock(block) => {
                for body in [&mut block.template, &mut block.inverse].into_iter().flatten() {
                    instrument(body, name, source);
                    body.elements.insert(0, step(mark(line)));
                    body.mapping.splice(0..0, place.clone());
                }
            }
            _ => {}
        }
        push(template, element);
    }
}

/// The paths that a computed argument may be computed from, in the order in
/// which they are asked: all arguments of `default`, the first of anything else.
fn computed_from(call: &Subexpression) -> Vec<Parameter> {
    let params = call.params().map(Vec::as_slice).unwrap_or_default();
    let asked = if call.name() == "default" { params.len() } else { 1 };
    let origins = params.iter().take(asked).map(|param| match param {
        path @ Parameter::Path(_) => vec![path.clone()],
        Parameter::Subexpression(inner) => computed_from(inner),
        _ => Vec::new(),
    });
    origins.flatten().collect()
}

fn mark_lines(text: &str, source: &Arc<Source>, (line, column): (usize, usize), mark: impl Fn(usize) -> String) -> String {
    // White space around standalone blocks is trimmed away, so the text may
    // begin later than its element does.
    let line_start = source.line_start(line);
    let start = source.text[line_start..].char_indices().nth(column - 1).map_or(source.text.len(), |(at, _)| line_start + at);
    let rest = &source.text[start..];
    let skipped = if rest.starts_with(text) { 0 } else { rest.find(text).unwrap_or_default() };
    let first = line + rest[..skipped].matches('\n').count();
    let mut marked = String::with_capacity(text.len() * 2);
    for (offset, piece) in text.split_inclusive('\n').enumerate() {
        if !piece.starts_with('\n') {
            marked.push_str(&mark(first + offset));
        }
        marked.push_str(piece);
    }
    marked
}

/// An element that calls the internal helper which writes `mark`.
fn step(mark: String) -> TemplateElement {
    plain::call(helpers::MARK, vec![Parameter::Literal(Value::String(mark))])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn render(files: &[(&str, &str)]) -> Result<String, Diagnostics> {
        let templates = files.iter().map(|(name, text)| ((*name).to_owned(), Source::file(*name, (*text).to_owned()))).collect();
        let schema = Schema::from_value(json!({"properties": {"a": {"type": "integer"}}}));
        let engine = Engine::compile(&templates, Some(&schema))?;
        Ok(engine.render(files[0].0, &Context::from(json!({"a": 1})), Minor(30), &|_| None)?.text().to_owned())
    }

    #[test]
    fn partials_keep_their_indentation() {
        let rendered = render(&[("m", "x:\n  {{> p}}\ny: {{> q}}\n"), ("p", "k: {{yaml a}}\nl: 2\n"), ("q", "{{yaml a}}")]);
        assert_eq!(rendered.ok().as_deref(), Some("x:\n  k: 1\n  l: 2\ny: 1\n"));
    }

    #[test]
    fn partials_that_double_end() {
        let mut files: Vec<(String, String)> =
            (0..40).map(|n| (format!("t{n:02}"), format!("{{{{> t{0:02}}}}}{{{{> t{0:02}}}}}", n + 1))).collect();
        files.push(("t40".to_owned(), String::new()));
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert!(render(&files).is_err());
        assert!(render(&files[36..]).is_ok());
    }
}
