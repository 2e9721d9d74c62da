//! Layered values: which value wins, and where it was written.

mod merge;
mod path;
mod quick;
mod schema;
mod set;

use std::sync::Arc;

pub use path::{Path, Step};
pub use schema::{Member, Schema};
pub use set::{Assignment, Kind};

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Location, Source};
use crate::yaml::{self, Data, Node};

/// The deepest nesting of values: the lock, which holds them, must read too.
const MAX_DEPTH: usize = yaml::MAX_DEPTH - 4;

/// One layer over the pack's own values.yaml.
#[derive(Debug, Clone)]
pub enum Layer {
    /// `-f FILE`.
    File(Arc<Source>),
    /// `--set` and its kin; for `--set-file` with the file, so that faults in
    /// its content can be placed.
    Set(Assignment, Option<Arc<Source>>),
}

/// Merged values.
#[derive(Debug, Clone)]
pub struct Values {
    /// The merged tree: each node knows the layer that it came from.
    pub root: Node,
}

/// One leaf of the merged values.
#[derive(Debug)]
pub struct Leaf<'v> {
    /// Its path.
    pub path: Path,
    /// Its value: a scalar or an empty collection.
    pub value: &'v Node,
}

impl Values {
    /// Reads the pack's values and every layer, left to right.
    ///
    /// # Errors
    /// Every fault of every layer.
    pub fn load(base: &Arc<Source>, layers: &[Layer], warnings: &mut Diagnostics) -> Result<Self, Diagnostics> {
        let mut found = Diagnostics::new();
        let mut root = Node { data: Data::Map(Vec::new()), location: base.at(0..0) };
        let mut sets = 0;
        let base = Layer::File(Arc::clone(base));
        for layer in std::iter::once(&base).chain(layers) {
            let applied = match layer {
                Layer::File(source) => read_mapping(source, warnings).map(|node| root = merge::patch(take(&mut root), node)),
                Layer::Set(assignment, file) => {
                    sets += 1;
                    assignment
                        .resolve(sets, file.as_ref())
                        .and_then(|(path, value)| set::assign(&mut root, &path, value))
                        .map_err(Diagnostics::from)
                }
            };
            if let Err(errors) = applied {
                found.extend(errors);
            }
        }
        if root.height() > MAX_DEPTH {
            let message = format!("values are nested more than {MAX_DEPTH} deep");
            found.push(Diagnostic::new(Code::ValuesInvalid, message).at(deepest(&root).location.clone()));
        }
        found.into_result(Self { root }, warnings)
    }

    /// Every leaf, in the order written.
    pub fn leaves(&self) -> Vec<Leaf<'_>> {
        let mut leaves = Vec::new();
        collect(&self.root, Path::root(), &mut leaves);
        leaves
    }

    /// The place of the value at `path`, or of the nearest value above it.
    pub fn location(&self, path: &Path) -> Location {
        let mut node = &self.root;
        for step in &path.0 {
            let next = match step {
                Step::Key(key) => node.get(key),
                Step::Index(index) => node.items().get(*index),
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node.location.clone()
    }
}

fn deepest(node: &Node) -> &Node {
    let below = node.items().iter().chain(node.entries().iter().map(|entry| &entry.value));
    below.max_by_key(|node| node.height()).map_or(node, deepest)
}

fn take(root: &mut Node) -> Node {
    let empty = Node { data: Data::Null, location: root.location.clone() };
    std::mem::replace(root, empty)
}

fn read_mapping(source: &Arc<Source>, warnings: &mut Diagnostics) -> Result<Node, Diagnostics> {
    let node = yaml::read(source, warnings)?;
    if matches!(node.data, Data::Map(_)) {
        return Ok(node);
    }
    let message = format!("values are a mapping of keys to values, and this is {}", node.kind());
    Err(Diagnostic::new(Code::ValuesInvalid, message).at(node.location).into())
}

fn collect<'v>(node: &'v Node, path: Path, leaves: &mut Vec<Leaf<'v>>) {
    match &node.data {
        Data::Map(entries) if !entries.is_empty() => {
            for entry in entries {
                collect(&entry.value, path.key(&entry.key), leaves);
            }
        }
        Data::List(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                collect(item, path.item(index), leaves);
            }
        }
        _ => leaves.push(Leaf { path, value: node }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_nest_no_deeper_than_a_lock_can() {
        let base = Source::file("values.yaml", "a: 1\n");
        for (depth, reads) in [(40, true), (62, false), (100, false), (30_000, false)] {
            let set = |kind, path: &str, value: String| Layer::Set(Assignment { kind, path: path.to_owned(), value }, None);
            let json = set(Kind::SetJson, "b", format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
            let path = set(Kind::Set, &format!("b{}", ".b".repeat(depth)), "1".to_owned());
            for layer in [json, path] {
                assert_eq!(Values::load(&base, &[layer], &mut Diagnostics::new()).is_ok(), reads, "{depth}");
            }
        }
    }
}
