//! Where a value was written: a named text and a byte range in it.

use std::ops::Range;
use std::sync::Arc;

/// A text that diagnostics can point into.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// The name as the user gave it: a path, `-`, or `--set #2`.
    pub name: String,
    /// The text after byte order mark and line endings were normalised.
    pub text: String,
    /// Whether `name` is a file's path. Command-line arguments and rendered
    /// documents have a position, but no file that could be opened.
    pub is_file: bool,
}

impl Source {
    /// A text read from the file `name`.
    pub fn file(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), text: text.into(), is_file: true })
    }

    /// A text that lies in no file: a command-line argument, a rendered document.
    pub fn anonymous(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), text: text.into(), is_file: false })
    }

    /// A location in this source; a range outside the text is clamped to it.
    pub fn at(self: &Arc<Self>, range: Range<usize>) -> Location {
        let end = range.end.min(self.text.len());
        Location { source: Arc::clone(self), range: range.start.min(end)..end }
    }

    /// The first byte of `line` (counted from 1), or the end of the text.
    pub fn line_start(&self, line: usize) -> usize {
        if line <= 1 {
            return 0;
        }
        self.text.match_indices('\n').nth(line - 2).map_or(self.text.len(), |(at, _)| at + 1)
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
        let before = &self.source.text[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        (line, before[line_start..].chars().count() + 1)
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
