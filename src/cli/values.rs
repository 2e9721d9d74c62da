//! `packwright values`.

use std::mem::ManuallyDrop;

use clap::{ArgMatches, Args};
use serde_json::{Value, json};

use super::inputs::InputArgs;
use super::output::{Format, Outcome, Output};
use crate::check;
use crate::diagnostic::Diagnostics;
use crate::yaml::emit;

/// Print the merged values, or where each one was written
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  packwright values kube-apiserver-audit -f prod.yaml
  packwright values kube-apiserver-audit -f prod.yaml --set log.maxAge=60 --origins

Credentials are shown as their sha256.")]
pub struct Values {
    #[command(flatten)]
    inputs: InputArgs,

    /// One line a value: path, value, and the file:line:column or option that set it
    #[arg(long)]
    origins: bool,

    /// The form of the report
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Values {
    pub fn run(self, matches: &ArgMatches) -> Outcome {
        let output = Output::new(self.format);
        let mut warnings = Diagnostics::new();
        let mut values = match self.inputs.plan(matches, &mut warnings) {
            Ok(plan) => ManuallyDrop::into_inner(plan).values,
            Err(errors) => {
                warnings.extend(errors);
                return output.fail(warnings);
            }
        };
        check::redact(&mut values);
        let leaves = values.leaves();
        let origins: Vec<(String, Value, String)> =
            leaves.iter().map(|leaf| (leaf.path.to_string(), leaf.value.to_json(), leaf.value.location.to_string())).collect();
        let text = if self.origins {
            origins.iter().map(|(path, value, origin)| format!("{path}\t{}\t{origin}\n", emit::flow(value))).collect()
        } else {
            emit::block(&values.root.to_json(), 0)
        };
        let origins: Vec<Value> =
            origins.into_iter().map(|(path, value, origin)| json!({"path": path, "value": value, "origin": origin})).collect();
        output.done("", &text, json!({"values": values.root.to_json(), "origins": origins}), warnings)
    }
}
