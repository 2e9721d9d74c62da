//! `packwright policy lint`.

use clap::Args;
use serde_json::json;

use super::PolicyArgs;
use crate::audit::lint::lint;
use crate::cli::output::{Format, Outcome, Output};
use crate::diagnostic::{Diagnostics, human};

/// Say what is wrong with a policy: what the API server refuses, and what it takes and should not
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  packwright policy lint policy.yaml
  packwright policy lint policy.yaml --kubernetes-version 1.31-1.34 --format json

The exit status is 1 if the API server would refuse the policy; warnings and notes do not change it.")]
pub struct Lint {
    #[command(flatten)]
    policy: PolicyArgs,

    /// The form of the report
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Lint {
    pub fn run(self) -> Outcome {
        let output = Output::new(self.format);
        let mut found = Diagnostics::new();
        match self.policy.read_document(&mut found) {
            Ok((policy, document, minors)) => {
                for minor in minors {
                    found.merge(lint(&policy, &document, minor));
                }
            }
            Err(errors) => found.extend(errors),
        }
        let words = match human::summary(&found) {
            none if none.is_empty() => "nothing to say against the policy".to_owned(),
            some => some,
        };
        output.verdict(&words, json!({}), found)
    }
}
