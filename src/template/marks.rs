//! Origins that survive rendering.
//!
//! Before every piece of output stands a private mark that says where the piece
//! comes from: a values path for what a helper wrote, a template line for the
//! rest. The sink takes the marks out again and remembers them by position, so
//! that a fault at any byte of the rendered text has somebody to blame. The
//! marks are Unicode noncharacters, which the emitter escapes in values and
//! which templates must not contain.

use std::borrow::Cow;
use std::io;
use std::ops::Range;

use handlebars::Output;

use crate::values::Path;

const OPEN: char = '\u{fdd0}';
const CLOSE: char = '\u{fdd1}';

/// Where a piece of rendered text comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A line (from 1) of a template.
    Template(String, usize),
    /// A value of the context, as a path in `--set` notation.
    Value(String),
}

impl Origin {
    /// The mark to write before the piece.
    pub fn mark(&self) -> String {
        match self {
            Origin::Template(name, line) => format!("{OPEN}{line} {}{CLOSE}", escape(name)),
            Origin::Value(path) => format!("{OPEN}={}{CLOSE}", escape(path)),
        }
    }

    /// The mark for a values path.
    pub fn value_mark(path: &Path) -> String {
        Origin::Value(path.to_string()).mark()
    }

    /// What a mark without its ends says.
    fn parse(label: &str) -> Option<Self> {
        match label.strip_prefix('=') {
            Some(path) => Some(Origin::Value(unescape(path))),
            None => label.split_once(' ').and_then(|(line, name)| Some(Origin::Template(unescape(name), line.parse().ok()?))),
        }
    }
}

/// A text that may stand in a mark.
fn escape(text: &str) -> Cow<'_, str> {
    // Both noncharacters begin with the byte 0xEF.
    if !text.bytes().any(|byte| byte == b'%' || byte == 0xef) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace('%', "%25").replace(OPEN, "%0").replace(CLOSE, "%1"))
}

fn unescape(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    text.replace("%0", OPEN.encode_utf8(&mut [0; 4])).replace("%1", CLOSE.encode_utf8(&mut [0; 4])).replace("%25", "%")
}

/// Whether a text holds what would be taken for a mark.
pub fn contains_mark(text: &str) -> bool {
    text.contains(OPEN) || text.contains(CLOSE)
}

/// A rendered text and the origin of each of its pieces.
#[derive(Debug, Clone, Default)]
pub struct Traced {
    /// The text, without marks.
    pub text: String,
    pieces: Vec<(usize, Origin)>,
}

impl Traced {
    /// The origin of the byte at `at`.
    pub fn origin(&self, at: usize) -> Option<&Origin> {
        let after = self.pieces.partition_point(|(start, _)| *start <= at);
        self.pieces[..after].last().map(|(_, origin)| origin)
    }

    /// The template line that was being rendered at the byte `at`.
    pub fn template_origin(&self, at: usize) -> Option<&Origin> {
        let after = self.pieces.partition_point(|(start, _)| *start <= at);
        self.pieces[..after].iter().rev().map(|(_, origin)| origin).find(|origin| matches!(origin, Origin::Template(..)))
    }

    /// The pieces that a value wrote, each from its mark to the next.
    pub fn value_pieces(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        self.pieces.iter().enumerate().filter(|(_, (_, origin))| matches!(origin, Origin::Value(_))).map(|(index, (start, _))| {
            let end = self.pieces.get(index + 1).map_or(self.text.len(), |(next, _)| *next);
            *start..end
        })
    }
}

/// The sink of a rendering: takes out the marks, and bounds steps and bytes.
/// Time is never a bound, so that a build does not depend on the machine.
pub struct Sink {
    traced: Traced,
    /// A mark that has been opened and not yet closed.
    partial: Option<String>,
    steps: usize,
}

impl Sink {
    /// The most pieces that one template may write, loops counted out.
    pub const MAX_STEPS: usize = 1_000_000;
    /// The longest text that one template may render, in bytes.
    pub const MAX_BYTES: usize = 8 * 1024 * 1024;

    /// An empty sink.
    pub fn new() -> Self {
        Self { traced: Traced::default(), partial: None, steps: 0 }
    }

    /// What was rendered.
    pub fn finish(self) -> Traced {
        self.traced
    }

    fn close(&mut self, label: &str) -> io::Result<()> {
        self.steps += 1;
        if self.steps > Self::MAX_STEPS {
            return Err(io::Error::other(format!("the template writes more than {} pieces", Self::MAX_STEPS)));
        }
        let origin = Origin::parse(label).ok_or_else(|| io::Error::other("a mark says nothing"))?;
        let at = self.traced.text.len();
        match self.traced.pieces.last_mut() {
            Some((last, known)) if *last == at => *known = origin,
            _ => self.traced.pieces.push((at, origin)),
        }
        Ok(())
    }
}

impl Output for Sink {
    fn write(&mut self, segment: &str) -> io::Result<()> {
        let mut rest = segment;
        while !rest.is_empty() {
            let delimiter = if self.partial.is_some() { CLOSE } else { OPEN };
            let (piece, after) = match rest.split_once(delimiter) {
                Some((piece, after)) => (piece, Some(after)),
                None => (rest, None),
            };
            match &mut self.partial {
                Some(label) => label.push_str(piece),
                None => self.traced.text.push_str(piece),
            }
            if after.is_some() {
                match self.partial.take() {
                    Some(label) => self.close(&label)?,
                    None => self.partial = Some(String::new()),
                }
            }
            rest = after.unwrap_or_default();
        }
        if self.traced.text.len() > Self::MAX_BYTES {
            return Err(io::Error::other(format!("the template renders more than {} bytes", Self::MAX_BYTES)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_leave_the_text_and_name_its_origin() {
        let mut sink = Sink::new();
        let value = Origin::Value("a[\"x%0%25\u{fdd0}\n\u{fdd1}\"]".to_owned());
        for piece in ["a: ".to_owned(), value.mark() + "1", Origin::Template("t".to_owned(), 2).mark() + "\n"] {
            sink.write(&piece).unwrap();
        }
        let traced = sink.finish();
        assert_eq!(traced.text, "a: 1\n");
        assert_eq!(traced.origin(0), None);
        assert_eq!(traced.origin(3), Some(&value));
        assert_eq!(traced.origin(4), Some(&Origin::Template("t".to_owned(), 2)));
        assert_eq!(traced.value_pieces().next(), Some(3..4));
    }
}
