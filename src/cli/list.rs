//! `packwright list`.

use std::fmt::Write as _;

use clap::Args;
use serde_json::{Value, json};

use super::output::{Format, Outcome, Output};
use crate::diagnostic::Diagnostics;
use crate::{pack, target};

/// List the packs and targets inside this binary
#[derive(Debug, Args)]
pub struct List {
    /// The form of the report
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl List {
    pub fn run(self) -> Outcome {
        let output = Output::new(self.format);
        let mut warnings = Diagnostics::new();
        let mut text = String::from("Packs:\n");
        let mut packs: Vec<Value> = Vec::new();
        for name in pack::bundled_packs().into_keys() {
            let manifest = match pack::load(name, &mut warnings) {
                Ok(source) => source.manifest,
                Err(errors) => return output.fail(errors),
            };
            let metadata = manifest.metadata;
            let _ = writeln!(text, "  {name} {}  {}", metadata.version, metadata.description.as_deref().unwrap_or_default());
            packs.push(json!({
                "name": name,
                "version": metadata.version.to_string(),
                "description": metadata.description,
                "kubernetes": manifest.kubernetes.to_string(),
                "targets": manifest.targets,
            }));
        }
        let templates = pack::bundled_templates();
        text.push_str("Targets:\n");
        for name in target::names(&templates) {
            let _ = writeln!(text, "  {name}");
        }
        output.done("", &text, json!({"packs": packs, "targets": target::names(&templates)}), Diagnostics::new())
    }
}
