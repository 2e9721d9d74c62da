//! What a document must hold, asked field by field. A fault is reported at its
//! place and reading goes on, so that all faults of a document are told at once.

use super::scalar::in_kubernetes;
use super::{Data, Node, emit};
use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Location, nearest};

/// A reader of one document.
pub struct Fields {
    /// What was wrong so far.
    pub found: Diagnostics,
    /// The code of a field of the wrong shape.
    pub shape: Code,
    /// The code of a value that nothing can be done with.
    pub value: Code,
    /// Whether only the text of what is a document itself is wanted, such as a file's content.
    pub shallow: bool,
}

impl Fields {
    /// A reader that reports with these codes.
    pub fn new(shape: Code, value: Code) -> Self {
        Self { found: Diagnostics::new(), shape, value, shallow: false }
    }

    /// Reports a value that nothing can be done with.
    pub fn invalid(&mut self, at: &Location, message: String) {
        self.found.push(Diagnostic::new(self.value, message).at(at.clone()));
    }

    /// Reports a field of the wrong shape.
    pub fn malformed(&mut self, at: &Location, message: String) {
        self.found.push(Diagnostic::new(self.shape, message).at(at.clone()));
    }

    /// Reports each field that is none of `known`.
    pub fn only(&mut self, node: &Node, what: &str, known: &[&str]) {
        for entry in node.entries() {
            if !known.contains(&entry.key.as_str()) {
                let near = nearest(&entry.key, known.iter().copied()).map(|near| format!("; did you mean `{near}`?"));
                let message = format!("{what} has no field {}{}", quote(&entry.key), near.unwrap_or_default());
                self.malformed(&entry.key_location, message);
            }
        }
    }

    /// A mapping; absent and null are nothing.
    pub fn mapping<'n>(&mut self, node: &'n Node, key: &str) -> Option<&'n Node> {
        let value = node.get(key).filter(|value| !matches!(value.data, Data::Null))?;
        if !matches!(value.data, Data::Map(_)) {
            self.malformed(&value.location, format!("`{key}` must be a mapping, not {}", value.kind()));
        }
        Some(value)
    }

    /// The mapping at the end of a path of keys.
    pub fn descend<'n>(&mut self, node: &'n Node, keys: &[&str]) -> Option<&'n Node> {
        keys.iter().try_fold(node, |node, key| self.mapping(node, key))
    }

    /// The items of a list; absent and null are none.
    pub fn list<'n>(&mut self, node: &'n Node, key: &str) -> &'n [Node] {
        let Some(value) = node.get(key).filter(|value| !matches!(value.data, Data::Null)) else { return &[] };
        if !matches!(value.data, Data::List(_)) {
            self.malformed(&value.location, format!("`{key}` must be a list, not {}", value.kind()));
        }
        value.items()
    }

    /// The text of a scalar, whatever its type; absent and null are nothing.
    pub fn text(&mut self, node: &Node, what: &str, key: &str) -> Option<(String, Location)> {
        let value = node.get(key)?;
        match scalar_text(value) {
            Some(text) => Some((text, value.location.clone())),
            None if matches!(value.data, Data::Null) => None,
            None => {
                self.invalid(&value.location, format!("{what}: `{key}` must be text, not {}", value.kind()));
                None
            }
        }
    }

    /// As [`Fields::text`], and reports what is not there.
    pub fn required(&mut self, node: &Node, what: &str, key: &str) -> Option<(String, Location)> {
        let text = self.text(node, what, key);
        if text.is_none() && !node.get(key).is_some_and(|value| matches!(value.data, Data::List(_) | Data::Map(_))) {
            self.invalid(&node.location, format!("{what} lacks `{key}`"));
        }
        text
    }

    /// As [`Fields::text`], for a reader that takes a string and nothing else:
    /// a number or boolean is reported, and still read.
    pub fn string(&mut self, node: &Node, what: &str, key: &str) -> Option<(String, Location)> {
        let text = self.text(node, what, key)?;
        self.must_be_string(node.get(key)?, &format!("{what}: `{key}`"));
        Some(text)
    }

    /// Reports a scalar that is not written as text.
    pub fn must_be_string(&mut self, value: &Node, what: &str) {
        let kind = match &value.data {
            Data::Bool(_) | Data::Number(_) => Some(value.kind()),
            Data::Ambiguous(text) => in_kubernetes(text),
            _ => None,
        };
        if let Some(kind) = kind {
            let written = scalar_text(value).unwrap_or_default();
            let diagnostic = Diagnostic::new(self.shape, format!("{what} must be text, not {kind}"));
            self.found.push(diagnostic.at(value.location.clone()).help(format!("write it in quotes: \"{written}\"")));
        }
    }
}

/// The text of a scalar that is not null. `10.0` was written as a whole number.
pub fn scalar_text(node: &Node) -> Option<String> {
    match &node.data {
        Data::String(text) | Data::Ambiguous(text) => Some(text.clone()),
        Data::Bool(value) => Some(value.to_string()),
        Data::Number(number) => Some(match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 1e15 => format!("{float:.0}"),
            _ => emit::number(number),
        }),
        Data::Null | Data::List(_) | Data::Map(_) => None,
    }
}
