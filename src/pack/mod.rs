//! Packs: their sources, building them, and the bytes of what is built.

pub mod archive;
mod build;
mod bundled;
mod lock;
mod manifest;
pub mod place;
mod scaffold;
mod source;

pub use build::{Inputs, Pack, Plan, plan};
pub use bundled::{packs as bundled_packs, templates as bundled_templates};
pub use lock::{Lock, SUMS};
pub use manifest::Manifest;
pub use scaffold::scaffold;
pub use source::{Files, PackSource, from_files, is_pack, load, load_layer, load_templates};

use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Source};
use crate::values::{Path, Schema, Values};
use crate::yaml;

/// The format that this release writes and reads.
pub const FORMAT: u32 = 1;

/// Bytes as lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The SHA-256 of `bytes` in lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Reads a YAML file into a type. On failure the type's schema says everything
/// that is wrong, each at its place; serde would stop at the first.
///
/// # Errors
/// `yaml-syntax`, and `code` for what does not fit.
pub fn typed<T: DeserializeOwned + JsonSchema>(source: &Arc<Source>, code: Code, warnings: &mut Diagnostics) -> Result<T, Diagnostics> {
    let node = yaml::read(source, warnings)?;
    let mut found = Diagnostics::new();
    if !source.is_bundled() {
        found = Schema::from_value(schemars::schema_for!(T).to_value()).check(&node)?;
    }
    if !found.has_errors() {
        match serde_json::from_value(node.to_json()) {
            Ok(value) => return Ok(value),
            Err(error) => {
                // Where a message begins with a path, that value is to blame.
                let message = error.to_string();
                let path = message.split(':').next().and_then(|path| Path::parse(path).ok()).unwrap_or_default();
                found.push(Diagnostic::new(code, message).at(Values { root: node }.location(&path)));
            }
        }
    }
    let name = source.name.rsplit('/').next().unwrap_or_default();
    for item in &mut found.items {
        item.code = code;
        item.message = item.message.replace("the top of the values", name);
    }
    Err(found)
}
