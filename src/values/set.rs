//! The `--set` family: one assignment each, applied left to right.

use std::sync::Arc;

use serde_json::Value;

use super::path::{Path, Step};
use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Location, Source};
use crate::yaml::scalar::{self, Scalar};
use crate::yaml::{Data, Entry, Node, normalise};

/// How the text right of the `=` becomes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// `--set`: as a plain scalar in a values file would be read.
    Set,
    /// `--set-string`: always text.
    SetString,
    /// `--set-json`: any JSON value.
    SetJson,
    /// `--set-file`: the content of a file, as text.
    SetFile,
}

impl Kind {
    /// The option's name without dashes.
    pub fn option(self) -> &'static str {
        match self {
            Kind::Set => "set",
            Kind::SetString => "set-string",
            Kind::SetJson => "set-json",
            Kind::SetFile => "set-file",
        }
    }
}

/// One assignment: `path=text`, and for `--set-file` the file's content.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// Which option.
    pub kind: Kind,
    /// The path as given.
    pub path: String,
    /// The value's text; for `--set-file` the file's content.
    pub value: String,
}

impl Assignment {
    /// Splits `K=V`. The path may hold `=` inside `["..."]`, so the first `=`
    /// that leaves a readable path counts. `position` counts the options from 1.
    ///
    /// # Errors
    /// `values-set`, pointing into the argument.
    pub fn parse(kind: Kind, argument: &str, position: usize) -> Result<Self, Diagnostic> {
        let source = Source::anonymous(format!("--{} #{position}", kind.option()), argument.to_owned());
        let mut first_error = None;
        for (at, _) in argument.match_indices('=') {
            match Path::parse(&argument[..at]) {
                Ok(_) => return Ok(Self { kind, path: argument[..at].to_owned(), value: argument[at + 1..].to_owned() }),
                Err(error) => first_error.get_or_insert(error),
            };
        }
        let (at, why) = first_error.unwrap_or_else(|| (argument.len(), "expected `=`".to_owned()));
        let message = format!("cannot read {}: {why}", quote(argument));
        let help = "write path=value, such as `log.maxAge=30` or `files[\"/etc/x.yaml\"].content=text`";
        Err(Diagnostic::new(Code::ValuesSet, message).at(source.at(at..at + 1)).help(help))
    }

    /// The value with its place. `position` counts assignments from 1 over the
    /// whole command line, all kinds together; `--set-file` is placed in its file.
    ///
    /// # Errors
    /// `values-set` when `--set-json` is not JSON.
    pub fn resolve(&self, position: usize, file: Option<&Arc<Source>>) -> Result<(Path, Node), Diagnostic> {
        let argument = format!("{}={}", self.path, if file.is_some() { "" } else { &self.value });
        let source = Source::anonymous(format!("--{} #{position}", self.kind.option()), argument);
        let location = source.at(self.path.len() + 1..source.text.len());
        let path = Path::parse(&self.path).map_err(|(at, why)| {
            Diagnostic::new(Code::ValuesSet, format!("cannot read {}: {why}", quote(&self.path))).at(source.at(at..at + 1))
        })?;
        let data = match self.kind {
            Kind::SetString => Data::String(self.value.clone()),
            Kind::SetFile => Data::String(normalise(self.value.clone()).into_owned()),
            Kind::Set => match scalar::resolve(&self.value) {
                Scalar::Null => Data::Null,
                Scalar::Bool(value) => Data::Bool(value),
                Scalar::Number(number) => Data::Number(number),
                Scalar::String | Scalar::Unrepresentable => Data::String(self.value.clone()),
            },
            Kind::SetJson => {
                let value: Value = serde_json::from_str(&self.value).map_err(|error| {
                    let message = format!("the value of {} is not JSON: {error}", quote(&self.path));
                    Diagnostic::new(Code::ValuesSet, message).at(location.clone())
                })?;
                return Ok((path, Node::from_json(value, &location)));
            }
        };
        let location = match file {
            Some(file) => file.at(0..file.text.len()),
            None => location,
        };
        Ok((path, Node { data, location }))
    }
}

/// Puts `value` at `path` inside `root`: mappings on the way are made where
/// they are missing, list items are edited in place. Null removes a key.
///
/// # Errors
/// `values-set` when an index is past the end of its list, or the path leads
/// through a scalar.
pub fn assign(root: &mut Node, path: &Path, value: Node) -> Result<(), Diagnostic> {
    let location = value.location.clone();
    let fail = |taken: usize, why: String| {
        let here = Path(path.0[..taken].to_vec());
        let what = if taken == 0 { "the values".to_owned() } else { format!("`{here}`") };
        Diagnostic::new(Code::ValuesSet, format!("cannot set `{path}`: {what} {why}")).at(location.clone()).path(path)
    };
    let mut node = root;
    for (taken, step) in path.0.iter().enumerate() {
        let last = taken + 1 == path.0.len();
        match step {
            Step::Index(index) => {
                let kind = node.kind();
                let Data::List(items) = &mut node.data else {
                    return Err(fail(taken, format!("is {kind}, not a list")).help("use --set-json to write a whole list"));
                };
                let count = items.len();
                let Some(item) = items.get_mut(*index) else {
                    return Err(fail(
                        taken,
                        format!("has {count} item{}, counted from 0, so there is no [{index}]", if count == 1 { "" } else { "s" }),
                    )
                    .help("use --set-json to write a whole list"));
                };
                node = item;
            }
            Step::Key(key) => {
                if matches!(node.data, Data::Null) {
                    node.data = Data::Map(Vec::new());
                    node.location = location.clone();
                }
                let kind = node.kind();
                let Data::Map(entries) = &mut node.data else { return Err(fail(taken, format!("is {kind}, not a mapping"))) };
                if last && matches!(value.data, Data::Null) {
                    entries.retain(|entry| entry.key != *key);
                    return Ok(());
                }
                node = member(entries, key, &location);
            }
        }
    }
    let patched = std::mem::replace(node, Node { data: Data::Null, location });
    *node = super::merge::patch(patched, value);
    Ok(())
}

/// The member `key` of a mapping, made if it is missing.
fn member<'n>(entries: &'n mut Vec<Entry>, key: &str, location: &Location) -> &'n mut Node {
    let index = entries.iter().position(|entry| entry.key == key).unwrap_or_else(|| {
        let value = Node { data: Data::Null, location: location.clone() };
        entries.push(Entry { key: key.to_owned(), key_location: location.clone(), value });
        entries.len() - 1
    });
    &mut entries[index].value
}
