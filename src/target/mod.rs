//! Targets: the ways in which a cluster is created, each a folder of templates
//! that turn the patch into the documents of that way.

mod annotation;
mod cluster_api;
mod context;
mod definition;
mod node_files;
pub mod read;
mod render;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use context::{PackInfo, PaletteInfo, TargetContext};
pub use definition::{Definition, TargetFile};
pub use render::{Document, Output, Request, readme, render};

use crate::diagnostic::Source;

/// The file that makes a folder a target.
pub const DEFINITION: &str = "target.yaml";
/// The template of the pack's generated README, beside the targets.
pub const README: &str = "README.md.hbs";

/// Templates by path below the templates folder: `kubeadm/target.yaml`, `README.md.hbs`.
pub type TemplateSet = BTreeMap<String, Arc<Source>>;

/// The names of the targets in a set.
pub fn names(set: &TemplateSet) -> Vec<&str> {
    let mut names: Vec<&str> = set.keys().filter_map(|path| path.strip_suffix(&format!("/{DEFINITION}"))).collect();
    names.sort_unstable();
    names
}

/// The files of one target by name inside its folder.
pub fn files<'s>(set: &'s TemplateSet, target: &str) -> BTreeMap<&'s str, &'s Arc<Source>> {
    let prefix = format!("{target}/");
    set.iter().filter_map(|(path, source)| path.strip_prefix(&prefix).map(|name| (name, source))).collect()
}
