//! The form that a person reads: the message, the line, the way out.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};

use super::{Diagnostic, Diagnostics, Location, Severity};

/// All findings as text, with a blank line between them; styled with ANSI
/// escapes, which the caller's stream strips where they are not wanted.
pub fn render(diagnostics: &Diagnostics) -> String {
    let mut text = String::new();
    for diagnostic in &diagnostics.items {
        text.push_str(&one(diagnostic));
        text.push_str("\n\n");
    }
    text
}

/// The closing line, such as `2 errors, 1 warning`; empty without findings.
pub fn summary(diagnostics: &Diagnostics) -> String {
    let count = |severity| diagnostics.items.iter().filter(|item| item.severity == severity).count();
    counted([count(Severity::Error), count(Severity::Warning), count(Severity::Note)])
}

/// The closing line of so many errors, warnings and notes.
pub fn counted(counts: [usize; 3]) -> String {
    let mut text = String::new();
    for (count, word) in counts.into_iter().zip(["error", "warning", "note"]).filter(|(count, _)| *count > 0) {
        let comma = if text.is_empty() { "" } else { ", " };
        let plural = if count == 1 { "" } else { "s" };
        let _ = write!(text, "{comma}{count} {word}{plural}");
    }
    text
}

fn one(diagnostic: &Diagnostic) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let mut group = level.primary_title(diagnostic.message.as_str()).id(diagnostic.code.name()).elements(Vec::<Element<'_>>::new());
    if let Some(location) = &diagnostic.location {
        group = place(group, location, "", AnnotationKind::Primary, diagnostic.redacted);
    }
    for (location, what) in &diagnostic.related {
        group = place(group, location, what, AnnotationKind::Context, diagnostic.redacted);
    }
    let Some(help) = &diagnostic.help else { return Renderer::styled().render(&[group]) };
    if diagnostic.location.is_none() && diagnostic.related.is_empty() {
        return Renderer::styled().render(&[group, Group::with_title(Level::HELP.secondary_title(help.as_str()))]);
    }
    Renderer::styled().render(&[group.element(Level::HELP.message(help.as_str()))])
}

fn place<'a>(group: Group<'a>, location: &'a Location, label: &'a str, kind: AnnotationKind, redacted: bool) -> Group<'a> {
    let source = &location.source;
    if redacted || source.text.is_empty() {
        let origin = Origin::path(source.name.as_str());
        if !source.is_file {
            return group.element(origin);
        }
        let (line, column) = location.position();
        return group.element(origin.line(line).char_column(column));
    }
    // Only the lines around the place: the renderer scans all it is given, and
    // a policy may have thousands of lines.
    let window = window(&source.text, location.range.start);
    let first_line = source.text[..window.start].matches('\n').count() + 1;
    let span = clip(&source.text, &location.range, &window);
    let annotation: Annotation<'a> = if label.is_empty() { kind.span(span) } else { kind.span(span).label(label) };
    group.element(Snippet::source(&source.text[window]).path(source.name.as_str()).line_start(first_line).annotation(annotation))
}

/// The byte range of the line that holds `at`, with one line before and after.
pub fn window(text: &str, at: usize) -> Range<usize> {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let line = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let start = text[..line.saturating_sub(1)].rfind('\n').map_or(0, |newline| newline + 1);
    let start = if line == 0 { 0 } else { start };
    let end_of_line = text[at..].find('\n').map_or(text.len(), |newline| at + newline + 1);
    let end = text[end_of_line..].find('\n').map_or(text.len(), |newline| end_of_line + newline + 1);
    start..end
}

/// `range` relative to `window`, cut at the end of its first line: a mapping
/// is blamed at its head, not underlined for a page.
fn clip(text: &str, range: &Range<usize>, window: &Range<usize>) -> Range<usize> {
    let start = range.start.clamp(window.start, window.end);
    let line_end = text[start..window.end].find('\n').map_or(window.end, |newline| start + newline);
    let end = range.end.clamp(start, line_end);
    start - window.start..end - window.start
}

/// User text for use inside a message: in backquotes, one line, control
/// characters escaped, shortened where it is long.
pub fn quote(text: &str) -> String {
    const LIMIT: usize = 60;
    match text.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("`{}…`", one_line(&text[..end])),
        None => format!("`{}`", one_line(text)),
    }
}

/// Text from outside on one line, control characters escaped: what a log names
/// must not forge lines of a report, or colour them.
pub fn one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Code, Source};

    #[test]
    fn shows_the_line_and_the_help() {
        let source = Source::file("prod.yaml", "log:\n  maxage: 30\n");
        let diagnostic =
            Diagnostic::new(Code::ValuesUnknownKey, "unknown key `maxage`").at(source.at(7..13)).help("did you mean `maxAge`?");
        let text = anstream::adapter::strip_str(&render(&diagnostic.into())).to_string();
        insta::assert_snapshot!(text, @r"
        error[values-unknown-key]: unknown key `maxage`
         --> prod.yaml:2:3
          |
        2 |   maxage: 30
          |   ^^^^^^
          |
          = help: did you mean `maxAge`?
        ");
    }

    #[test]
    fn a_credential_is_not_shown() {
        let source = Source::file("prod.yaml", "token: abc\n");
        let diagnostic = Diagnostic::new(Code::SecretInPack, "a token").at(source.at(7..10)).redacted();
        assert!(!render(&diagnostic.into()).contains("abc"));
    }
}
