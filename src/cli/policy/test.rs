//! `packwright policy test`.

use clap::Args;
use serde_json::{Value, json};

use super::{PolicyArgs, refuse};
use crate::audit::cases;
use crate::cli::output::{Format, Outcome, Output};
use crate::diagnostic::Diagnostics;
use crate::{pack, yaml};

/// Hold a policy against cases: requests, each with the level that must come of it
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  packwright policy test policy.yaml --cases cases.yaml

A case says of a request what `policy explain` asks: verb, what, subresource, namespace, as, groups, unauthenticated.
It expects a level, and stages if it names them:
  cases:
    - name: bodies of secrets are never logged
      verb: update
      what: secrets/db
      namespace: prod
      level: Metadata

The exit status is 1 if a case fails.")]
pub struct Test {
    #[command(flatten)]
    policy: PolicyArgs,

    /// A file of cases; may be repeated
    #[arg(long, value_name = "FILE", required = true)]
    cases: Vec<String>,

    /// The form of the report
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Test {
    pub fn run(self) -> Outcome {
        let output = Output::new(self.format);
        let mut warnings = Diagnostics::new();
        let mut errors = Diagnostics::new();
        let mut all = Vec::new();
        for file in &self.cases {
            match pack::load_layer(file).and_then(|source| cases::read(&yaml::read(&source, &mut warnings)?)) {
                Ok(cases) => all.extend(cases),
                Err(found) => errors.extend(found),
            }
        }
        let policy = self.policy.read(&mut warnings).map_err(|found| errors.extend(found));
        let (Ok(policy), false) = (policy, errors.has_errors()) else { return refuse(&output, warnings, errors) };
        let mut failed = 0;
        let results: Vec<Value> = all
            .iter()
            .map(|case| {
                let (explanation, finding) = case.run(&policy);
                let passed = finding.is_none();
                failed += usize::from(!passed);
                warnings.items.extend(finding);
                let decision = explanation.decision;
                json!({"name": case.name, "passed": passed, "expected": case.level.name(), "level": decision.level.name(), "rule": decision.rule})
            })
            .collect();
        let words = format!("{} of {} cases pass", all.len() - failed, all.len());
        output.verdict(&words, json!({"cases": results, "passed": all.len() - failed, "failed": failed}), warnings)
    }
}
