//! A YAML value in which every key and every value knows where it was written.

use serde_json::{Map, Number, Value};

use super::scalar;
use crate::diagnostic::Location;

/// A value and its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// What was written.
    pub data: Data,
    /// Where: a scalar's whole text; a collection from its first to its last entry.
    pub location: Location,
}

/// What a node holds: JSON's types, with mappings in the order written.
#[derive(Debug, Clone)]
pub enum Data {
    /// Nothing.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer or a finite float.
    Number(Number),
    /// Text.
    String(String),
    /// Text without quotes that other YAML readers take for something else
    /// ([`ambiguity`](super::scalar::ambiguity)).
    Ambiguous(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping with unique keys.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key was written.
    pub key_location: Location,
    /// The value.
    pub value: Node,
}

impl Node {
    /// The value of `key`, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// The entries of a mapping; none for anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.data {
            Data::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; none for anything else.
    pub fn items(&self) -> &[Node] {
        match &self.data {
            Data::List(items) => items,
            _ => &[],
        }
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.data {
            Data::String(text) | Data::Ambiguous(text) => Some(text),
            _ => None,
        }
    }

    /// The boolean that YAML readers of Kubernetes take this for: they know the words
    /// of YAML 1.1.
    pub fn as_bool(&self) -> Option<bool> {
        match &self.data {
            Data::Bool(value) => Some(*value),
            Data::Ambiguous(word) => scalar::word(word),
            _ => None,
        }
    }

    /// The name of the type, in the words of JSON Schema.
    pub fn type_name(&self) -> &'static str {
        match &self.data {
            Data::Null => "null",
            Data::Bool(_) => "boolean",
            Data::Number(number) if number.is_f64() => "number",
            Data::Number(_) => "integer",
            Data::String(_) | Data::Ambiguous(_) => "string",
            Data::List(_) => "list",
            Data::Map(_) => "mapping",
        }
    }

    /// The type's name as a sentence takes it.
    pub fn kind(&self) -> &'static str {
        match self.type_name() {
            "boolean" => "a boolean",
            "number" => "a number",
            "integer" => "an integer",
            "string" => "text",
            "list" => "a list",
            "mapping" => "a mapping",
            null => null,
        }
    }

    /// How deep collections are nested; 0 for a scalar.
    pub fn height(&self) -> usize {
        match &self.data {
            Data::List(items) => 1 + items.iter().map(Node::height).max().unwrap_or_default(),
            Data::Map(entries) => 1 + entries.iter().map(|entry| entry.value.height()).max().unwrap_or_default(),
            _ => 0,
        }
    }

    /// The same value without places.
    pub fn to_json(&self) -> Value {
        match &self.data {
            Data::Null => Value::Null,
            Data::Bool(value) => Value::Bool(*value),
            Data::Number(number) => Value::Number(number.clone()),
            Data::String(text) | Data::Ambiguous(text) => Value::String(text.clone()),
            Data::List(items) => Value::Array(items.iter().map(Node::to_json).collect()),
            Data::Map(entries) => {
                Value::Object(entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect::<Map<_, _>>())
            }
        }
    }

    /// A value that was written at one place as a whole, such as `--set-json`'s.
    pub fn from_json(value: Value, location: &Location) -> Self {
        let data = match value {
            Value::Null => Data::Null,
            Value::Bool(value) => Data::Bool(value),
            Value::Number(number) => Data::Number(number),
            Value::String(text) => Data::String(text),
            Value::Array(items) => Data::List(items.into_iter().map(|item| Node::from_json(item, location)).collect()),
            Value::Object(map) => Data::Map(
                map.into_iter()
                    .map(|(key, value)| Entry { key, key_location: location.clone(), value: Node::from_json(value, location) })
                    .collect(),
            ),
        };
        Self { data, location: location.clone() }
    }

    /// Replaces every place by what `f` makes of it, keys included.
    pub fn relocate(&mut self, f: &impl Fn(&Location) -> Location) {
        self.location = f(&self.location);
        match &mut self.data {
            Data::List(items) => items.iter_mut().for_each(|item| item.relocate(f)),
            Data::Map(entries) => {
                for entry in entries {
                    entry.key_location = f(&entry.key_location);
                    entry.value.relocate(f);
                }
            }
            _ => {}
        }
    }

    /// Calls `f` with the place of every scalar and every key.
    pub fn visit_scalars<'a>(&'a self, f: &mut impl FnMut(&'a Location)) {
        match &self.data {
            Data::List(items) => items.iter().for_each(|item| item.visit_scalars(f)),
            Data::Map(entries) => {
                for entry in entries {
                    f(&entry.key_location);
                    entry.value.visit_scalars(f);
                }
            }
            _ => f(&self.location),
        }
    }
}
