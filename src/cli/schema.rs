//! `packwright schema`.

use clap::Args;

use super::output::{self, Format, Outcome, Output};
use crate::diagnostic::Diagnostics;
use crate::pack::{self, Manifest};
use crate::target::TargetContext;
use crate::values;

/// Print a JSON Schema: of a pack's values, of pack.yaml, of what target templates see
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  packwright schema kube-apiserver-audit > values.schema.json
  packwright schema pack
  packwright schema target-context")]
pub struct Schema {
    /// `pack` for pack.yaml, `target-context` for target templates, else a pack whose values schema is printed
    #[arg(value_name = "PACK|pack|target-context")]
    of: String,
}

impl Schema {
    pub fn run(self) -> Outcome {
        let schema = match self.of.as_str() {
            "pack" => schemars::schema_for!(Manifest).to_value(),
            "target-context" => schemars::schema_for!(TargetContext).to_value(),
            name => {
                let mut warnings = Diagnostics::new();
                match pack::load(name, &mut warnings).and_then(|source| values::Schema::parse(&source.schema)) {
                    Ok(schema) => schema.document,
                    Err(errors) => return Output::new(Format::Human).fail(errors),
                }
            }
        };
        output::write(pretty(&schema).as_bytes())?;
        Ok(0)
    }
}

fn pretty(schema: &serde_json::Value) -> String {
    serde_json::to_string_pretty(schema).unwrap_or_default() + "\n"
}
