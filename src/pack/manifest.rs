//! pack.yaml.

use schemars::JsonSchema;
use semver::{Version, VersionReq};
use serde::Deserialize;

use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic};
use crate::target::PaletteInfo;

/// A pack.yaml: what the pack is, and what it is for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(title = "pack.yaml")]
pub struct Manifest {
    /// Always packwright.dev/v1alpha1.
    #[schemars(extend("const" = "packwright.dev/v1alpha1"))]
    pub api_version: String,
    /// Always Pack.
    #[schemars(extend("const" = "Pack"))]
    pub kind: String,
    /// The format that fixes merge rules, emitter, templates and archive layout.
    #[schemars(range(min = 1, max = 1))]
    pub format: u32,
    /// Who the pack is.
    pub metadata: Metadata,
    /// The Kubernetes minors that it supports, as a range such as ">=1.28, <1.38".
    #[serde(deserialize_with = "range")]
    #[schemars(with = "String")]
    pub kubernetes: VersionReq,
    /// The targets that are rendered unless others are asked for.
    #[schemars(length(min = 1))]
    pub targets: Vec<String>,
    /// The template that renders the control-plane patch.
    pub patch: String,
    /// What only Palette needs.
    pub palette: Option<Palette>,
}

/// Who the pack is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Metadata {
    /// Lower-case letters, digits and dashes.
    #[schemars(regex(pattern = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"))]
    pub name: String,
    /// SemVer 2, such as 1.2.0 or 1.2.0-rc.1; in quotes where it looks like a number.
    #[serde(deserialize_with = "version")]
    #[schemars(with = "String")]
    pub version: Version,
    /// The name that people see.
    pub display_name: Option<String>,
    /// One line.
    pub description: Option<String>,
}

/// What only Palette needs.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Palette {
    /// The profile layer.
    pub layer: String,
    /// The clouds that the pack is offered for.
    #[serde(default)]
    pub cloud_types: Vec<String>,
    /// The kind of add-on.
    pub addon_type: Option<String>,
}

impl From<&Palette> for PaletteInfo {
    fn from(palette: &Palette) -> Self {
        Self { layer: Some(palette.layer.clone()), cloud_types: palette.cloud_types.clone(), addon_type: palette.addon_type.clone() }
    }
}

fn version<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Version, D::Error> {
    let text = String::deserialize(deserializer)?;
    Version::parse(&text).map_err(|error| {
        serde::de::Error::custom(format!("metadata.version: {} is no SemVer version such as 1.2.0: {error}", quote(&text)))
    })
}

fn range<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<VersionReq, D::Error> {
    let text = String::deserialize(deserializer)?;
    VersionReq::parse(&text)
        .map_err(|error| serde::de::Error::custom(format!("kubernetes: {} is no range such as \">=1.28, <1.38\": {error}", quote(&text))))
}

/// A pack's name, which becomes a folder's and part of commands.
///
/// # Errors
/// `usage` when it is none.
pub fn check_name(name: &str) -> Result<(), Diagnostic> {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if name.len() <= 63 && name.starts_with(edge) && name.ends_with(edge) && name.chars().all(|c| edge(c) || c == '-') {
        return Ok(());
    }
    let message =
        format!("{} is no pack name: at most 63 lower-case letters, digits and dashes, with a letter or digit at both ends", quote(name));
    Err(Diagnostic::new(Code::Usage, message))
}
