//! Compiling a template that is plain: text, output tags such as
//! `{{yaml log.path}}`, and blocks of the built-in helpers.
//!
//! Nearly every template is, and the library's parser, which is made for all of
//! Handlebars and finds each tag's line by counting from the start, takes longer
//! than all else that a command does. So the syntax tree of a plain template is
//! made here, in one pass. It is the tree that the library makes, element by
//! element (a property says so); whatever is not plain is left to the library,
//! faults included.

use std::collections::HashMap;
use std::sync::LazyLock;

use handlebars::template::{BlockParam, HelperTemplate, Parameter, Subexpression, TemplateElement, TemplateMapping};
use handlebars::{Path, PathSeg, Template};
use serde_json::Value;

/// The helpers that write a value.
const WRITERS: [&str; 6] = ["yaml", "toYaml", "json", "code", "shell", "singleQuoted"];
/// The helpers that open a block.
const BLOCKS: [&str; 4] = ["if", "unless", "each", "with"];

/// The compiled template, or none when it is for the library to compile.
pub fn compile(text: &str, name: &str) -> Option<Template> {
    if text.contains('\r') {
        return None;
    }
    let mut reader = Reader { text, at: 0, line: 1, line_start: 0, trim: false, open: Vec::new(), templates: vec![Template::new()] };
    while let Some(start) = find_pair(&text[reader.at..], '{').map(|found| reader.at + found) {
        let inner = &text[start + 2..];
        let inner = &inner[..find_pair(inner, '}')?];
        if text[..start].ends_with('\\') || !is_whole(inner) {
            return None;
        }
        reader.tag(start, inner)?;
    }
    reader.raw(text.len());
    let mut template = reader.templates.pop().filter(|_| reader.open.is_empty())?;
    template.name = Some(name.to_owned());
    Some(template)
}

/// A call of a helper as it stands in a syntax tree.
pub fn call(helper: &str, params: Vec<Parameter>) -> TemplateElement {
    *Subexpression::new(Parameter::Name(helper.to_owned()), params, HashMap::new()).element
}

/// A block whose opening tag has a line of its own, and a place. The library
/// makes these only by parsing; one is parsed, the others are copies.
static STANDALONE: LazyLock<Option<(HelperTemplate, TemplateMapping)>> = LazyLock::new(|| {
    let mut template = Template::compile("{{#if a}}\n{{/if}}").ok()?;
    match template.elements.pop()? {
        TemplateElement::HelperBlock(mut block) => {
            (block.template, block.inverse) = (None, None);
            Some((*block, template.mapping.pop()?))
        }
        _ => None,
    }
});

fn block(name: &str, params: Vec<Parameter>, standalone: bool) -> Option<HelperTemplate> {
    if standalone {
        let mut block = STANDALONE.as_ref()?.0.clone();
        (block.name, block.params) = (Parameter::Name(name.to_owned()), params);
        return Some(block);
    }
    match call(name, params) {
        TemplateElement::Expression(mut call) => {
            call.block = true;
            Some(*call)
        }
        _ => None,
    }
}

struct Reader<'t> {
    text: &'t str,
    /// Up to where the text is read, and the line there.
    at: usize,
    line: usize,
    line_start: usize,
    /// Whether the text that comes next begins with the rest of a line that a
    /// block's tag has to itself.
    trim: bool,
    /// The blocks that are open, and whether each had its `{{else}}`.
    open: Vec<(HelperTemplate, bool)>,
    /// The bodies that are open, the whole template first.
    templates: Vec<Template>,
}

impl Reader<'_> {
    /// The tag at `start`; none when the template is not plain.
    fn tag(&mut self, start: usize, inner: &str) -> Option<()> {
        self.raw(start);
        let end = start + inner.len() + 4;
        let place = self.place();
        if let Some(tag) = inner.strip_prefix('#') {
            let standalone = self.standalone(start, end);
            let (name, arguments) = tag.split_once(' ')?;
            let (arguments, named) = match arguments.split_once(" as |") {
                Some((arguments, named)) => (arguments, Some(named.strip_suffix('|').filter(|name| is_name(name))?)),
                None => (arguments, None),
            };
            let name = BLOCKS.iter().find(|block| **block == name)?;
            let mut helper = block(name, parameters(arguments)?, standalone)?;
            helper.block_param = named.map(|name| BlockParam::Single(Parameter::Name(name.to_owned())));
            self.templates.last_mut()?.mapping.extend(place);
            self.open.push((helper, false));
            self.templates.push(Template::new());
        } else if inner == "else" {
            self.standalone(start, end);
            let (block, has_else) = self.open.last_mut().filter(|(_, has_else)| !has_else)?;
            *has_else = true;
            block.template = self.templates.pop();
            self.templates.push(Template::new());
        } else if let Some(name) = inner.strip_prefix('/') {
            self.standalone(start, end);
            let (mut block, has_else) = self.open.pop().filter(|(block, _)| block.name.as_name() == Some(name))?;
            let body = if has_else { &mut block.inverse } else { &mut block.template };
            *body = self.templates.pop();
            self.templates.last_mut()?.elements.push(TemplateElement::HelperBlock(Box::new(block)));
        } else {
            let (name, arguments) = inner.split_once(' ')?;
            let helper = WRITERS.iter().find(|writer| **writer == name)?;
            let element = call(helper, parameters(arguments)?);
            let template = self.templates.last_mut()?;
            template.elements.push(element);
            template.mapping.extend(place);
        }
        self.at = end;
        Some(())
    }

    /// The text up to `end`, as one element.
    fn raw(&mut self, end: usize) {
        let text = &self.text[self.at..end];
        if text.is_empty() {
            return;
        }
        if std::mem::take(&mut self.trim) {
            let rest = text.trim_start_matches([' ', '\t']);
            self.advance(end - rest.strip_prefix('\n').unwrap_or(rest).len());
        }
        let kept = &self.text[self.at..end];
        let place = self.place();
        if let Some(template) = self.templates.last_mut() {
            template.elements.push(TemplateElement::RawString(kept.to_owned()));
            template.mapping.extend(place);
        }
        self.advance(end);
    }

    fn advance(&mut self, end: usize) {
        for (at, _) in self.text[self.at..end].match_indices('\n') {
            self.line += 1;
            self.line_start = self.at + at + 1;
        }
        self.at = end;
    }

    /// Whether a block's tag has its line to itself. Then the line is no text:
    /// what stands before the tag is taken back, what follows will be left out.
    fn standalone(&mut self, start: usize, end: usize) -> bool {
        let (before, after) = (&self.text[..start], &self.text[end..]);
        let ends_line = after.is_empty() || after.trim_start_matches([' ', '\t']).starts_with('\n');
        let indent = before.trim_end_matches([' ', '\t']);
        let begins_line = indent.is_empty() || indent.ends_with('\n');
        if ends_line
            && begins_line
            && let Some(TemplateElement::RawString(text)) = self.templates.last_mut().and_then(|template| template.elements.last_mut())
        {
            text.truncate(text.trim_end_matches([' ', '\t']).len());
        }
        self.trim = ends_line && begins_line;
        self.trim
    }

    /// Line and column of what is read next, as the library counts them.
    fn place(&self) -> Option<TemplateMapping> {
        let mut place = STANDALONE.as_ref()?.1.clone();
        (place.0, place.1) = (self.line, self.text[self.line_start..self.at].chars().count() + 1);
        Some(place)
    }
}

/// Where a brace first stands twice. Searching for two characters costs more
/// to set up than most tags are long.
pub fn find_pair(text: &str, brace: char) -> Option<usize> {
    text.match_indices(brace).map(|(at, _)| at).find(|at| text[at + 1..].starts_with(brace))
}

/// Whether the text between `{{` and the next `}}` is a whole tag on one line,
/// without white space control, comments, escapes and triple braces.
fn is_whole(inner: &str) -> bool {
    let mut quote = None;
    for c in inner.chars() {
        match (quote, c) {
            (_, '\\' | '~' | '\n') | (None, '{' | '}') => return false,
            (Some(open), _) if open == c => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            _ => {}
        }
    }
    quote.is_none() && !inner.starts_with('!')
}

/// Arguments with one space between them, at least one.
fn parameters(text: &str) -> Option<Vec<Parameter>> {
    let mut params = Vec::new();
    let mut rest = text;
    loop {
        let end = match rest.chars().next()? {
            '(' => closing(rest)?,
            '"' => rest[1..].find('"')? + 2,
            _ => rest.find(' ').unwrap_or(rest.len()),
        };
        let (argument, after) = rest.split_at(end);
        params.push(parameter(argument)?);
        match after.strip_prefix(' ') {
            Some(more) => rest = more,
            None => return after.is_empty().then_some(params),
        }
    }
}

/// Where a parenthesis that `text` begins with ends.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut quoted) = (0_usize, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at + 1);
        }
    }
    None
}

fn parameter(text: &str) -> Option<Parameter> {
    if let Some(inner) = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')) {
        let (name, arguments) = inner.split_once(' ').filter(|(name, _)| is_name(name))?;
        return Some(Parameter::Subexpression(Subexpression::new(
            Parameter::Name(name.to_owned()),
            parameters(arguments)?,
            HashMap::new(),
        )));
    }
    if let Some(inner) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        return (!inner.contains(char::is_control)).then(|| Parameter::Literal(Value::from(inner)));
    }
    match text {
        "null" => return Some(Parameter::Literal(Value::Null)),
        "true" | "false" => return Some(Parameter::Literal(Value::from(text == "true"))),
        _ => {}
    }
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        let number = text.parse::<u32>().ok().filter(|number| number.to_string() == text);
        return number.map(|number| Parameter::Literal(Value::from(number)));
    }
    if let Some(local) = text.strip_prefix('@') {
        return (is_name(local) && local != "root").then(|| Parameter::Path(Path::Local((0, local.to_owned(), text.to_owned()))));
    }
    let segments = text.split('.').map(|part| is_name(part).then(|| PathSeg::Named(part.to_owned())));
    Some(Parameter::Path(Path::Relative((segments.collect::<Option<_>>()?, text.to_owned()))))
}

/// A name that means nothing else anywhere in Handlebars.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !["true", "false", "null", "as", "else", "this"].contains(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The elements with their places, but for those of texts: the library takes
    /// that of the first character that is no white space.
    fn elements(template: Template) -> Vec<(TemplateElement, Option<(usize, usize)>)> {
        let mut all: Vec<(TemplateElement, Option<(usize, usize)>)> = Vec::new();
        let mut mapping = template.mapping.into_iter();
        for mut element in template.elements {
            let place = mapping.next().map(|place| (place.0, place.1));
            match &mut element {
                TemplateElement::RawString(_) => all.push((element, None)),
                TemplateElement::HelperBlock(block) => {
                    let bodies = [block.template.take(), block.inverse.take()];
                    all.push((element, place));
                    for body in bodies {
                        all.push((TemplateElement::Comment("body".to_owned()), None));
                        all.extend(body.map(elements).unwrap_or_default());
                    }
                    all.push((TemplateElement::Comment("end".to_owned()), None));
                }
                _ => all.push((element, place)),
            }
        }
        all
    }

    /// Whether the template is plain; then it must compile as the library has it.
    fn same(text: &str) -> bool {
        let Some(plain) = compile(text, "t") else { return false };
        let library = Template::compile_with_name(text, "t".to_owned()).map_err(|error| error.to_string());
        assert_eq!(Ok(elements(plain)), library.map(elements), "{text}");
        true
    }

    #[test]
    fn bundled_templates_are_plain() {
        for (path, source) in crate::pack::bundled_templates() {
            if path.ends_with(".hbs") {
                assert!(same(&source.text), "{path}");
            }
        }
        for files in crate::pack::bundled_packs().values() {
            for (path, bytes) in files {
                if path.ends_with(".hbs") {
                    assert!(same(&String::from_utf8_lossy(bytes)), "{path}");
                }
            }
        }
    }

    /// Well-formed templates, nearly all of them plain.
    fn well_formed() -> impl Strategy<Value = String> {
        let plain = proptest::sample::select(vec![
            "key: {{yaml a.b}}\n",
            "{{yaml x}}{{toYaml a.b.c 4}}\n",
            "é {{yaml (default x (dirname \"a)b\"))}} {{code \"a 'quoted' word\"}}\n",
            "{{singleQuoted (concat \"${\" x \"}\")}}\n",
            "- {name: {{yaml x}}, value: {{yaml (default x.y \"a\")}}}\n",
            "{{yaml true}} {{yaml 7}} {{json null}}\n",
            "a {{#if x}}b{{/if}} c {{yaml (default x 1)}} d\n",
            "{{#if (not @first)}}, {{/if}}{{code @index}} \n",
            "{{#with a as |b|}}{{json b}}{{/with}} {{#unless (or a.b 1 null \"é\")}}\n{{/unless}}  \n",
            "text\n",
            "   \n",
            "\n",
        ]);
        let other = proptest::sample::select(vec![
            "{{yaml ../x}} {{yaml this}} {{yaml -1}} {{code @root}}\n",
            "{{yaml x }}{{ yaml x}}{{yaml  x}}\n",
            "{{yaml x.[a b]}} {{json x y=1}} {{other x}} {{x}}\n",
            "{{yaml\nx}} {{yaml (default\nx 1)}} {{yaml x}}\n",
            "  {{> part}}\n",
            "\\{{yaml x}}\n",
            "{{~yaml x~}}\n",
            "{{!-- {{yaml x}} --}}\n",
            "{{{yaml x}}}\n",
            "{{yaml \"}}\"}}\n",
            "{{code \"{{yaml x}}\"}}\n",
            "{{yaml null.x}} {{yaml as.x}}\n",
            "{{yaml 012}}\n",
            "{{#if x}}{{else if y}}{{/if}}\n",
            "}}\n",
            "x {{\n",
        ]);
        let leaf = prop_oneof![200 => plain, 1 => other].prop_map(str::to_owned);
        leaf.prop_recursive(4, 60, 8, |inner| {
            let body = proptest::collection::vec(inner, 0..8).prop_map(|lines| lines.concat());
            prop_oneof![
                3 => body.clone(),
                1 => body.clone().prop_map(|body| format!("{{{{#if x}}}}\n{body}{{{{/if}}}}\n")),
                1 => (body.clone(), body.clone()).prop_map(|(a, b)| format!("  {{{{#each xs as |x|}}}}\n{a}{{{{else}}}}\n{b}  {{{{/each}}}}\n")),
                1 => (body.clone(), body).prop_map(|(a, b)| format!("{{{{#if x}}}}{a}{{{{else}}}} {b}{{{{/if}}}}")),
            ]
        })
    }

    proptest! {
        #[test]
        fn plain_templates_compile_alike(text in well_formed(), lines in 0..40_usize) {
            same(&text);
            same(&text.split_inclusive('\n').take(lines).collect::<String>()); // most often with a block left open
        }
    }
}
