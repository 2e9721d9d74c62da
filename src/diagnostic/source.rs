//! Where a value was written: a named text and a byte range in it.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// A text that diagnostics can point into.
#[derive(Debug)]
pub struct Source {
    /// The name as the user gave it: a path, `-`, or `--set #2`.
    pub name: String,
    /// The text after byte order mark and line endings were normalised.
    pub text: Cow<'static, str>,
    /// Whether `name` is a file's path. Command-line arguments and rendered
    /// documents have a position, but no file that could be opened.
    pub is_file: bool,
    /// Where each line begins, once somebody asked.
    lines: OnceLock<Vec<usize>>,
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.text, self.is_file) == (&other.name, &other.text, other.is_file)
    }
}

impl Eq for Source {}

impl Source {
    /// A text read from the file `name`.
    pub fn file(name: impl Into<String>, text: impl Into<Cow<'static, str>>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), text: text.into(), is_file: true, lines: OnceLock::new() })
    }

    /// A text that lies in no file: a command-line argument, a rendered document.
    pub fn anonymous(name: impl Into<String>, text: impl Into<Cow<'static, str>>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), text: text.into(), is_file: false, lines: OnceLock::new() })
    }

    /// Whether the text is part of the binary, and so was looked at by its tests.
    pub fn is_bundled(&self) -> bool {
        matches!(self.text, Cow::Borrowed(_)) && self.name.starts_with("bundled:")
    }

    /// A location in this source. A range outside the text is clamped to it, and
    /// one that begins or ends inside a character is widened to hold it: parsers
    /// say where a fault begins, and the byte after is not always a boundary.
    pub fn at(self: &Arc<Self>, range: Range<usize>) -> Location {
        let (mut start, mut end) = (range.start.min(self.text.len()), range.end.min(self.text.len()));
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        while !self.text.is_char_boundary(end) {
            end += 1;
        }
        Location { source: Arc::clone(self), range: start..end.max(start) }
    }

    /// The first byte of `line` (counted from 1), or the end of the text.
    pub fn line_start(&self, line: usize) -> usize {
        self.lines().get(line.saturating_sub(1)).copied().unwrap_or(self.text.len())
    }

    /// The line, from 1, that holds the byte `at`.
    pub fn line_of(&self, at: usize) -> usize {
        self.lines().partition_point(|start| *start <= at)
    }

    fn lines(&self) -> &[usize] {
        self.lines.get_or_init(|| {
            let breaks = self.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
            std::iter::once(0).chain(breaks).collect()
        })
    }
}

/// A byte range in a [`Source`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The text that the range counts in.
    pub source: Arc<Source>,
    /// Bytes, always within `source.text`.
    pub range: Range<usize>,
}

impl Location {
    /// Line and column, both from 1; the column counts characters, not bytes.
    pub fn position(&self) -> (usize, usize) {
        let mut start = self.range.start;
        while !self.source.text.is_char_boundary(start) {
            start -= 1;
        }
        let line = self.source.line_of(start);
        let column = self.source.text[self.source.line_start(line)..start].chars().count() + 1;
        (line, column)
    }

    /// The file that holds it, for tools that open files: not standard input, and
    /// nothing of the binary.
    pub fn file(&self) -> Option<&str> {
        let name = self.source.name.as_str();
        (self.source.is_file && name != "-" && !name.starts_with("bundled:")).then_some(name)
    }

    /// The offending text itself.
    pub fn text(&self) -> &str {
        self.source.text.get(self.range.clone()).unwrap_or_default()
    }
}

impl std::fmt::Display for Location {
    /// `file:line:column`; for a command-line argument only its name.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.source.is_file {
            return f.write_str(&self.source.name);
        }
        let (line, column) = self.position();
        write!(f, "{}:{line}:{column}", self.source.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_whole_characters() {
        let source = Source::file("v.yaml", "a\u{feff}b\n");
        let location = source.at(1..2);
        assert_eq!(location.range, 1..4);
        assert_eq!(source.at(3..9).range, 1..6);
        assert_eq!(location.to_string(), "v.yaml:1:2");
    }
}
