//! Places inside a text that is itself a value: a policy in a values file.

use crate::diagnostic::Location;

/// For an offset into `content`, which was written at `written`, the place in
/// the person's own file: exact for a whole file (`--set-file`) and for a
/// literal block, the whole value for anything else.
pub fn place(written: &Location, content: &str, at: &Location) -> Location {
    let source = &written.source;
    if source.text == content {
        return source.at(at.range.clone());
    }
    if !written.text().starts_with('|') {
        return written.clone();
    }
    let before = &content[..at.range.start.min(content.len())];
    let line = before.matches('\n').count();
    let column = before.len() - before.rfind('\n').map_or(0, |newline| newline + 1);
    let header = source.text[..written.range.start].matches('\n').count() + 1;
    let start = source.line_start(header + 1 + line);
    let block_line = |number: usize| source.text[source.line_start(number)..].split('\n').next().unwrap_or_default();
    let first = content.lines().position(|line| !line.trim().is_empty()).unwrap_or_default();
    let written_line = block_line(header + 1 + first);
    let indent = written_line.len().saturating_sub(content.lines().nth(first).unwrap_or_default().len());
    let start = start + indent + column;
    source.at(start..start + at.range.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Diagnostics, Source};

    #[test]
    fn points_into_the_block() {
        let source = Source::file("v.yaml", "policy:\n  content: |\n\n    a: 1\n    rules:\n      - level: X\n");
        let node = crate::yaml::read(&source, &mut Diagnostics::new()).unwrap();
        let content = node.get("policy").and_then(|policy| policy.get("content")).unwrap();
        let text = content.as_str().unwrap();
        let inner = Source::anonymous("content", text.to_owned());
        let at = text.find('X').unwrap();
        let place = place(&content.location, text, &inner.at(at..at + 1));
        assert_eq!((place.to_string(), place.text()), ("v.yaml:6:16".to_owned(), "X"));
    }
}
