//! pack.lock.yaml: what went into a pack, and what came out.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::typed;
use crate::diagnostic::{Code, Diagnostics, Source};
use crate::yaml::emit;

/// The lock's file name.
pub const FILE: &str = "pack.lock.yaml";
/// The sums' file name: every file but itself, in `sha256sum`'s format.
pub const SUMS: &str = "SHA256SUMS";

/// A lock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Lock {
    /// The pack format.
    pub format: u32,
    /// The pack's name, after `--name`.
    pub name: String,
    /// The pack's version, after `--pack-version`.
    pub version: String,
    /// The minors that it was checked and rendered for.
    pub minors: Vec<String>,
    /// The targets.
    pub targets: Vec<String>,
    /// The codes that `--allow` silenced.
    #[serde(default)]
    pub allowed: Vec<String>,
    /// The codes that `--deny` raised.
    #[serde(default)]
    pub denied: Vec<String>,
    /// The merged values.
    pub values: Value,
    /// Every file of `source/`.
    pub inputs: Vec<Input>,
    /// Every other file but the lock and the sums.
    pub outputs: Vec<OutputFile>,
    /// The files that go to the nodes.
    #[serde(default)]
    pub node_files: Vec<NodeFileEntry>,
}

/// A file that went in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The path in the pack.
    pub path: String,
    /// Its SHA-256.
    pub sha256: String,
}

/// A file that came out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputFile {
    /// The path in the pack.
    pub path: String,
    /// Its SHA-256.
    pub sha256: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its mode in the pack, always 0644.
    pub mode: String,
}

/// A file for the nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeFileEntry {
    /// The path on the node.
    pub path: String,
    /// user:group.
    pub owner: String,
    /// Four octal digits.
    pub permissions: String,
    /// The content's SHA-256; absent when the pack does not ship it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sha256: Option<String>,
}

impl Lock {
    /// The lock's bytes.
    pub fn to_yaml(&self) -> String {
        emit::block(&serde_json::to_value(self).unwrap_or_default(), 0)
    }

    /// Reads a lock.
    ///
    /// # Errors
    /// `pack-invalid` for everything that does not fit.
    pub fn read(source: &Arc<Source>, warnings: &mut Diagnostics) -> Result<Self, Diagnostics> {
        typed(source, Code::PackInvalid, warnings)
    }

    /// What of the inputs, minors or targets is not as in `other`, in words;
    /// none when a build of one may replace the other.
    pub fn differs_from(&self, other: &Lock) -> Option<&'static str> {
        if self.inputs != other.inputs {
            Some("other inputs")
        } else if self.minors != other.minors {
            Some("other Kubernetes minors")
        } else if self.targets != other.targets {
            Some("other targets")
        } else {
            None
        }
    }
}
