//! Reading YAML into [`Node`]s, with every fault of the file reported at once.
//!
//! One document of JSON-compatible data: keys are strings, no key twice,
//! aliases expand within a budget, YAML 1.2 types. Kubernetes reads YAML 1.1,
//! so a plain scalar on which the two disagree stays text and draws a warning.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span, StructureStyle, Tag};

use super::node::{Data, Entry, Node};
use super::scalar::{self, Scalar};
use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Source};

/// The longest text that is read, in bytes. A values file has kilobytes.
pub const MAX_BYTES: usize = 8 * 1024 * 1024;
/// The deepest nesting of collections.
pub const MAX_DEPTH: usize = 64;
/// The most values in a document, those that aliases repeat counted each time.
pub const MAX_NODES: usize = 250_000;

/// Decodes a file: UTF-8, without byte order mark, every line ending a line feed.
///
/// # Errors
/// `yaml-syntax` when the bytes are not UTF-8 or too many.
pub fn decode(name: &str, bytes: impl Into<Cow<'static, [u8]>>) -> Result<Arc<Source>, Diagnostics> {
    let bytes = bytes.into();
    if bytes.len() > MAX_BYTES {
        let message = format!("{name} has {} bytes; at most {MAX_BYTES} are read", bytes.len());
        return Err(Diagnostic::new(Code::YamlSyntax, message).at(Source::file(name, "").at(0..0)).into());
    }
    let text = match bytes {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|error| (error, Cow::Borrowed(bytes))),
        Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).map_err(|error| (error.utf8_error(), Cow::Owned(error.into_bytes()))),
    };
    match text {
        Ok(text) => Ok(Source::file(name, normalise(text))),
        Err((error, bytes)) => {
            let at = error.valid_up_to();
            let byte = bytes[at];
            let valid = String::from_utf8_lossy(&bytes[..at]).into_owned();
            let source = Source::file(name, valid);
            let message = format!("{name} is not UTF-8 text: byte {at} is 0x{byte:02X}");
            let end = source.text.len();
            Err(Diagnostic::new(Code::YamlSyntax, message).at(source.at(end..end)).help("save the file as UTF-8").into())
        }
    }
}

/// Text as every input is taken: without byte order mark, lines ended by LF.
pub fn normalise(text: impl Into<Cow<'static, str>>) -> Cow<'static, str> {
    let text = text.into();
    let text = match text.strip_prefix('\u{feff}') {
        Some(rest) => Cow::Owned(rest.to_owned()),
        None => text,
    };
    if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")) } else { text }
}

/// Reads exactly one document; an empty text is an empty mapping.
///
/// # Errors
/// Every fault found, each at its place.
pub fn read(source: &Arc<Source>, warnings: &mut Diagnostics) -> Result<Node, Diagnostics> {
    let mut documents = read_all(source, warnings)?;
    match documents.len() {
        0 => Ok(Node { data: Data::Map(Vec::new()), location: source.at(0..0) }),
        1 => Ok(documents.remove(0)),
        count => {
            let second = documents[1].location.clone();
            let message = format!("expected one YAML document, found {count}");
            Err(Diagnostic::new(Code::YamlSyntax, message).at(second).help("split the file, or remove the `---` line").into())
        }
    }
}

/// Reads every document of a text; empty ones are left out.
///
/// # Errors
/// Every fault found, each at its place.
pub fn read_all(source: &Arc<Source>, warnings: &mut Diagnostics) -> Result<Vec<Node>, Diagnostics> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    let parser = Parser::new_from_str_with_options(&source.text, options);
    let mut reader = Reader { source, parser, anchors: HashMap::new(), nodes: 0, flows: 0, found: Diagnostics::new() };
    let documents = reader.documents();
    let mut found = reader.found;
    match documents {
        Ok(documents) => found.into_result(documents, warnings),
        Err(stop) => {
            found.push(*stop);
            Err(found)
        }
    }
}

struct Reader<'s, 'i> {
    source: &'s Arc<Source>,
    parser: Parser<'i, granit_parser::StrInput<'i>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    /// How many brackets and braces are open.
    flows: usize,
    found: Diagnostics,
}

/// A fault after which the rest of the text has no meaning.
type Stop = Box<Diagnostic>;

impl<'i> Reader<'_, 'i> {
    fn documents(&mut self) -> Result<Vec<Node>, Stop> {
        let mut documents = Vec::new();
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(documents),
                (Event::DocumentStart(..), _) => {
                    self.anchors.clear();
                    let (event, span) = self.next()?;
                    let node = self.node(event, &span, 0)?;
                    let empty = matches!(node.data, Data::Null) && node.location.text().trim().is_empty();
                    if !empty {
                        documents.push(node);
                    }
                }
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'i>, Span), Stop> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(Box::new(self.syntax(&error))),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn syntax(&self, error: &ScanError) -> Diagnostic {
        let marker = error.marker();
        let at = marker.byte_offset().unwrap_or_else(|| self.source.line_start(marker.line()) + marker.col());
        let location = self.source.at(at..at + 1);
        let line = location.position().0;
        let line_text = self.source.text.lines().nth(line - 1).unwrap_or_default();
        let indent = &line_text[..line_text.len() - line_text.trim_start().len()];
        let diagnostic = Diagnostic::new(Code::YamlSyntax, format!("not YAML: {}", error.info())).at(location);
        if indent.contains('\t') {
            diagnostic.help("this line is indented with a tab; YAML is indented with spaces")
        } else if error.info().contains("illegal placement of ':'") || error.info().contains("only valid inside a block") {
            diagnostic.help("a `[`, `{` or quote on a line before may lack its end")
        } else if error.info().starts_with("mapping values are not allowed") {
            diagnostic.help("indent keys of one mapping equally; put text that holds `: ` in quotes")
        } else {
            diagnostic
        }
    }

    fn node(&mut self, event: Event<'i>, span: &Span, depth: usize) -> Result<Node, Stop> {
        let range = self.range(span);
        self.count(1, &range)?;
        self.deep(depth, &range)?;
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                let range = if is_block { block_range(&self.source.text, range) } else { range };
                (self.scalar(&text, style, tag.as_deref(), range), anchor)
            }
            Event::SequenceStart(style, anchor, tag) => (self.within(style, |reader| reader.list(tag.as_deref(), range, depth))?, anchor),
            Event::MappingStart(style, anchor, tag) => (self.within(style, |reader| reader.map(tag.as_deref(), range, depth))?, anchor),
            Event::Alias(id) => return self.alias(id, range, depth),
            _ => (Node { data: Data::Null, location: self.source.at(range) }, 0),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn within<T>(&mut self, style: StructureStyle, read: impl FnOnce(&mut Self) -> T) -> T {
        let flow = usize::from(style == StructureStyle::Flow);
        self.flows += flow;
        let read = read(self);
        self.flows -= flow;
        read
    }

    fn deep(&self, depth: usize, range: &Range<usize>) -> Result<(), Stop> {
        if depth <= MAX_DEPTH {
            return Ok(());
        }
        let message = format!("collections are nested more than {MAX_DEPTH} deep");
        Err(Box::new(Diagnostic::new(Code::YamlSyntax, message).at(self.source.at(range.clone()))))
    }

    fn count(&mut self, nodes: usize, range: &Range<usize>) -> Result<(), Stop> {
        self.nodes += nodes;
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        let message = format!("the document has more than {MAX_NODES} values, counting what aliases repeat");
        Err(Box::new(Diagnostic::new(Code::YamlSyntax, message).at(self.source.at(range.clone()))))
    }

    fn alias(&mut self, id: usize, range: Range<usize>, depth: usize) -> Result<Node, Stop> {
        let Some(node) = self.anchors.get(&id).cloned() else {
            let message = "an alias inside the value that it stands for";
            return Err(Box::new(Diagnostic::new(Code::YamlSyntax, message).at(self.source.at(range))));
        };
        let size = size(&node);
        self.count(size, &range)?;
        self.deep(depth + node.height(), &range)?;
        Ok(node)
    }

    fn list(&mut self, tag: Option<&Tag>, range: Range<usize>, depth: usize) -> Result<Node, Stop> {
        self.refuse_tag(tag, "seq", &range);
        let mut items = Vec::new();
        let mut end = range.end;
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                end = end.max(self.range(&span).end);
                break;
            }
            items.push(self.node(event, &span, depth + 1)?);
        }
        Ok(Node { data: Data::List(items), location: self.source.at(range.start..end) })
    }

    fn map(&mut self, tag: Option<&Tag>, range: Range<usize>, depth: usize) -> Result<Node, Stop> {
        self.refuse_tag(tag, "map", &range);
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen: HashMap<String, usize> = HashMap::new();
        let mut merges = Vec::new();
        let mut end = range.end;
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                end = end.max(self.range(&span).end);
                break;
            }
            let plain_merge = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, ..) if text == "<<");
            let key = self.node(event, &span, depth + 1)?;
            let (event, span) = self.next()?;
            let value = self.node(event, &span, depth + 1)?;
            if plain_merge {
                merges.push(value);
                continue;
            }
            let Some(text) = key.as_str().map(str::to_owned) else {
                let written = quote(key.location.text().lines().next().unwrap_or_default());
                let message = format!("the key {written} is not text but {}", key.kind());
                self.found.push(Diagnostic::new(Code::YamlSyntax, message).at(key.location).help("put the key in quotes"));
                continue;
            };
            if let Some(first) = seen.get(&text) {
                let message = format!("the key {} is written twice in one mapping", quote(&text));
                let first = entries[*first].key_location.clone();
                self.found.push(Diagnostic::new(Code::YamlDuplicateKey, message).at(key.location).related(first, "first written here"));
                continue;
            }
            seen.insert(text.clone(), entries.len());
            entries.push(Entry { key: text, key_location: key.location, value });
        }
        for merge in merges {
            self.merge(&mut entries, merge);
        }
        Ok(Node { data: Data::Map(entries), location: self.source.at(range.start..end) })
    }

    /// `<<: *other`: keys that the mapping does not write itself. YAML 1.1 has
    /// it, and people share blocks of values with it.
    fn merge(&mut self, entries: &mut Vec<Entry>, merge: Node) {
        let sources = match merge.data {
            Data::Map(_) => vec![merge],
            Data::List(items) if items.iter().all(|item| matches!(item.data, Data::Map(_))) => items,
            _ => {
                let message = format!("`<<` merges mappings, and this is {}", merge.kind());
                self.found.push(Diagnostic::new(Code::YamlSyntax, message).at(merge.location));
                return;
            }
        };
        for source in sources {
            let Data::Map(more) = source.data else { continue };
            for entry in more {
                if !entries.iter().any(|known| known.key == entry.key) {
                    entries.push(entry);
                }
            }
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, range: Range<usize>) -> Node {
        let location = self.source.at(range.clone());
        let string = || Data::String(text.to_owned());
        let data = match tag.map(|tag| tag.core_suffix().unwrap_or("")) {
            None | Some("!") if style != ScalarStyle::Plain => string(),
            Some("str" | "!") => string(),
            None | Some("int" | "float" | "bool" | "null") => self.plain(text, &range),
            Some(_) => {
                self.refuse_tag(tag, "str", &range);
                string()
            }
        };
        Node { data, location }
    }

    fn plain(&mut self, text: &str, range: &Range<usize>) -> Data {
        let mark = (self.flows > 0 && text.contains('?')).then_some("between brackets, YAML 1.1 readers take the `?` for a key's");
        if let Some(why) = mark.or_else(|| scalar::ambiguity(text)) {
            let message = format!("{} is ambiguous: {why}; it is taken as text", quote(text));
            let diagnostic = Diagnostic::new(Code::YamlAmbiguousScalar, message).at(self.source.at(range.clone()));
            self.found.push(diagnostic.help(if scalar::word(text).is_some() {
                format!("write true or false, or \"{text}\" for the text")
            } else if mark.is_some() {
                "put it in quotes".to_owned()
            } else {
                format!("write a plain decimal number, or \"{text}\" for the text")
            }));
            return Data::Ambiguous(text.to_owned());
        }
        match scalar::resolve(text) {
            Scalar::Null => Data::Null,
            Scalar::Bool(value) => Data::Bool(value),
            Scalar::Number(number) => Data::Number(number),
            Scalar::String => Data::String(text.to_owned()),
            Scalar::Unrepresentable => {
                let message = format!("the number {} is out of the range that Kubernetes can carry", quote(text));
                self.found.push(
                    Diagnostic::new(Code::YamlSyntax, message).at(self.source.at(range.clone())).help("put it in quotes if it is text"),
                );
                Data::Null
            }
        }
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, natural: &str, range: &Range<usize>) {
        let Some(tag) = tag else { return };
        if tag.core_suffix() == Some(natural) || tag.suffix() == "!" {
            return;
        }
        let message = format!("the tag {} has no meaning here", quote(&tag.original()));
        self.found.push(Diagnostic::new(Code::YamlSyntax, message).at(self.source.at(range.clone())).help("remove the tag"));
    }

    fn range(&self, span: &Span) -> Range<usize> {
        span.byte_range().unwrap_or(0..0)
    }
}

/// A block scalar from its `|` or `>`: the parser's span begins at the content,
/// which may look like a header itself, and runs into the next line's indentation.
fn block_range(text: &str, span: Range<usize>) -> Range<usize> {
    let before = text[..span.start].trim_end();
    let line = before.rfind('\n').map_or(0, |newline| newline + 1);
    let is_header = |at: usize| {
        let tail = before[at + 1..].trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-')).trim_start();
        tail.is_empty() || tail.starts_with('#')
    };
    let header = before[line..].rmatch_indices(['|', '>']).map(|(at, _)| line + at).find(|at| is_header(*at));
    let start = header.unwrap_or(span.start);
    let end = span.start + text[span.clone()].trim_end_matches(' ').len();
    start..end.max(start)
}

fn size(node: &Node) -> usize {
    1 + node.items().iter().map(size).sum::<usize>() + node.entries().iter().map(|entry| size(&entry.value)).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_nest_no_deeper_than_what_is_written() {
        let mut text = "- &a0 [1]\n".to_owned();
        for level in 1..90 {
            text += &format!("- &a{level} {}*a{}{}\n", "[".repeat(50), level - 1, "]".repeat(50));
        }
        assert!(read(&Source::anonymous("test", text), &mut Diagnostics::new()).is_err());
    }

    #[test]
    fn a_block_begins_at_its_header_whatever_it_holds() {
        for (header, content) in
            [("|", "a\n"), ("|", "|\n    b\n"), (">-", ">x\n\n    b"), ("|2", " |\n"), ("| # why | how", "> \n"), ("|+", "\n"), ("|", "")]
        {
            for before in ["a: ", "- ", "- a: ", "a:\n  ", "b: |\n  |\na: "] {
                let text = format!("{before}{header}\n    {content}");
                let node = read(&Source::anonymous("test", text.clone()), &mut Diagnostics::new()).expect("YAML");
                let mut starts = Vec::new();
                node.visit_scalars(&mut |location| starts.push(location.range.start));
                assert_eq!(starts.into_iter().max(), Some(before.len()), "{text:?}");
            }
        }
    }
}
