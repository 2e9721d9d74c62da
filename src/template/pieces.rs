//! Compiling a template in pieces.
//!
//! The parser finds the line of each tag by counting from the start, so one
//! long template costs the square of its length: more than all else that a
//! command does. Cut at the starts of lines where no block is open, the pieces
//! compile to the same elements. What is unusual is compiled as one piece.

use std::ops::Range;

use handlebars::Template;
use handlebars::template::TemplateElement;

/// The shortest piece worth cutting, in bytes.
const SHORTEST: usize = 400;

/// The template, or none when a piece does not compile: then the whole says why.
pub fn compile(text: &str, name: &str) -> Option<Template> {
    let mut whole: Option<Template> = None;
    let mut line = 0;
    for piece in cut(text) {
        let mut compiled = Template::compile_with_name(&text[piece.clone()], name.to_owned()).ok()?;
        shift(&mut compiled, line);
        line += text[piece].matches('\n').count();
        match &mut whole {
            None => whole = Some(compiled),
            Some(whole) => {
                whole.elements.append(&mut compiled.elements);
                whole.mapping.append(&mut compiled.mapping);
            }
        }
    }
    whole
}

/// Where to cut. White space control (`~`), raw blocks and comments reach
/// beyond their own line, so a template that has them stays whole.
fn cut(text: &str) -> Vec<Range<usize>> {
    let unusual = text.contains('~') || text.contains("{{{{") || text.contains("{{!") || text.contains("\\{{");
    if unusual {
        return std::iter::once(0..text.len()).collect();
    }
    let mut pieces = Vec::new();
    let (mut start, mut at, mut open) = (0, 0, 0_usize);
    for line in text.split_inclusive('\n') {
        // A tag that is not closed on its line makes the rest one piece.
        if line.matches("{{").count() != line.matches("}}").count() {
            break;
        }
        if open == 0 && at - start >= SHORTEST {
            pieces.push(start..at);
            start = at;
        }
        open = (open + line.matches("{{#").count()).saturating_sub(line.matches("{{/").count());
        at += line.len();
    }
    pieces.push(start..text.len());
    pieces
}

fn shift(template: &mut Template, lines: usize) {
    for place in &mut template.mapping {
        place.0 += lines;
    }
    for element in &mut template.elements {
        if let TemplateElement::HelperBlock(block) = element {
            for body in [&mut block.template, &mut block.inverse].into_iter().flatten() {
                shift(body, lines);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Elements with neighbouring texts joined: a cut may fall between lines of one.
    fn joined(template: Template) -> Vec<(TemplateElement, usize)> {
        let mut elements: Vec<(TemplateElement, usize)> = Vec::new();
        for (index, element) in template.elements.into_iter().enumerate() {
            match (elements.last_mut(), element) {
                (Some((TemplateElement::RawString(text), _)), TemplateElement::RawString(more)) => text.push_str(&more),
                (_, element) => elements.push((element, template.mapping[index].0)),
            }
        }
        elements.retain(|(element, _)| !matches!(element, TemplateElement::RawString(text) if text.is_empty()));
        elements
    }

    fn same(text: &str) {
        let whole = Template::compile_with_name(text, "t".to_owned());
        let pieces = compile(text, "t");
        match (whole, pieces) {
            (Ok(whole), Some(pieces)) => {
                let (whole, pieces) = (joined(whole), joined(pieces));
                let calls = |list: &[(TemplateElement, usize)]| -> Vec<(TemplateElement, usize)> {
                    list.iter().filter(|(element, _)| !matches!(element, TemplateElement::RawString(_))).cloned().collect()
                };
                assert_eq!(calls(&whole), calls(&pieces), "{text}");
                let elements = |list: Vec<(TemplateElement, usize)>| list.into_iter().map(|(element, _)| element).collect::<Vec<_>>();
                assert_eq!(elements(whole), elements(pieces), "{text}");
            }
            (Err(_), None) => {}
            (whole, pieces) => panic!("{text}: {} but {}", whole.is_ok(), pieces.is_some()),
        }
    }

    #[test]
    fn bundled_templates_compile_alike() {
        for (path, source) in crate::pack::bundled_templates() {
            if path.ends_with(".hbs") {
                same(&source.text);
            }
        }
        for files in crate::pack::bundled_packs().values() {
            for (path, bytes) in files {
                if path.ends_with(".hbs") {
                    same(&String::from_utf8_lossy(bytes));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn pieces_compile_alike(lines in proptest::collection::vec(prop_oneof![
            Just("key: {{yaml a.b}}\n"), Just("{{#if x}}\n"), Just("{{/if}}\n"), Just("{{else}}\n"), Just("  - plain text, of some length, to reach the cut\n"), Just("\n"),
            Just("  {{#each xs as |x|}}\n"), Just("  {{/each}}\n"), Just("a {{#if x}}b{{/if}} c {{yaml (default x 1)}}\n"), Just("{{> part}}\n"), Just("  {{> part}}\n"), Just("   \n"), Just("}}\n"), Just("x {{\n"),
        ], 0..60)) {
            same(&lines.concat());
        }
    }
}
