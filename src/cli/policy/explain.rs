//! `packwright policy explain`.

use std::fmt::Write as _;

use clap::Args;
use serde_json::{Value, json};

use super::{PolicyArgs, refuse};
use crate::audit::explain::{Explanation, explain};
use crate::audit::question::{Asker, Question, What};
use crate::audit::types::{Level, Policy};
use crate::cli::output::{Format, Outcome, Output};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};

/// Say what a policy logs of a request, which rule decides, and why no earlier one does
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  packwright policy explain policy.yaml get secrets/db -n prod --as alice --as-group system:authenticated
  packwright policy explain policy.yaml create pods/web --subresource exec -n prod
  packwright policy explain policy.yaml patch deployments.apps/web -n prod
  packwright policy explain policy.yaml get /healthz --unauthenticated

The request is taken as it is given. Without -n it is in no namespace, as when all namespaces are listed. Without --as
it is that of some authenticated user whom no rule names; with --as, of that user in exactly the groups given.")]
pub struct Explain {
    #[command(flatten)]
    policy: PolicyArgs,

    /// get, list, watch, create, update, patch, delete or deletecollection; for a URL the HTTP method in lower case
    #[arg(value_name = "VERB")]
    verb: String,

    /// What is asked for: `RESOURCE[.GROUP][/NAME]`, or a URL's path that begins with `/`
    #[arg(value_name = "RESOURCE|/URL")]
    what: String,

    /// The subresource: log, exec, status
    #[arg(long, value_name = "SUBRESOURCE")]
    subresource: Option<String>,

    /// The namespace of the request
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,

    /// The name of the user who asks
    #[arg(long = "as", value_name = "USER")]
    user: Option<String>,

    /// A group of the user; may be repeated
    #[arg(long = "as-group", value_name = "GROUP")]
    groups: Vec<String>,

    /// The request failed authentication (401), so there is no user
    #[arg(long, conflicts_with_all = ["user", "groups"])]
    unauthenticated: bool,

    /// The form of the report
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Explain {
    pub fn run(self) -> Outcome {
        let output = Output::new(self.format);
        let mut warnings = Diagnostics::new();
        let what =
            What::parse(&self.what, self.subresource, self.namespace).map_err(|why| Diagnostics::from(Diagnostic::new(Code::Usage, why)));
        let (what, policy) = match (what, self.policy.read(&mut warnings)) {
            (Ok(what), Ok(policy)) => (what, policy),
            (what, policy) => {
                let mut errors = what.err().unwrap_or_default();
                errors.extend(policy.err().unwrap_or_default());
                return refuse(&output, warnings, errors);
            }
        };
        let who = (!self.unauthenticated).then(|| Asker::new(self.user, self.groups));
        let question = Question { who, verb: self.verb, what };
        warnings.extend(question.oddities());
        let explanation = explain(&policy, &question.request());
        output.done("", &words(&policy, &question, &explanation), object(&explanation), warnings)
    }
}

fn object(explanation: &Explanation) -> Value {
    let decision = explanation.decision;
    let trace: Vec<Value> = explanation
        .trace
        .iter()
        .enumerate()
        .map(|(rule, mismatch)| json!({"rule": rule, "matched": mismatch.is_none(), "reason": mismatch.as_deref().unwrap_or(MATCHES)}))
        .collect();
    json!({
        "level": decision.level.name(),
        "rule": decision.rule,
        "stages": explanation.stages.names(),
        "omitStages": decision.omit_stages.names(),
        "omitManagedFields": decision.omit_managed_fields,
        "trace": trace,
    })
}

const MATCHES: &str = "everything that the rule asks for is so";

fn words(policy: &Policy, question: &Question, explanation: &Explanation) -> String {
    let decision = explanation.decision;
    let mut text = String::new();
    let by = match decision.rule {
        Some(index) => format!("by rules[{index}] at {}", policy.rules[index].location),
        None => "because no rule matches".to_owned(),
    };
    let _ = writeln!(text, "level:          {}, {by}", decision.level.name());
    let list = |names: Vec<&str>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let _ = writeln!(text, "stages:         {}", list(explanation.stages.names()));
    let _ = writeln!(text, "omitted stages: {}", list(decision.omit_stages.names()));
    // Of a URL and of a failed authentication only answers are logged, and of those the ones that are
    // API objects: failures and discovery documents, as real API servers show.
    let has_objects = question.who.is_some() && matches!(question.what, What::Resource { .. });
    let managed = match (decision.level, decision.omit_managed_fields) {
        (Level::None | Level::Metadata, _) => "no body is logged",
        (Level::Request, _) if !has_objects => "no body is logged",
        (Level::RequestResponse, _) if !has_objects => "no body that is logged has any",
        (_, true) => "left out of bodies",
        (_, false) => "kept in bodies",
    };
    let _ = writeln!(text, "managed fields: {managed}\n");
    let rows: Vec<(String, String, &str)> = explanation
        .trace
        .iter()
        .zip(&policy.rules)
        .enumerate()
        .map(|(index, (mismatch, rule))| (format!("rules[{index}]"), rule.location.to_string(), mismatch.as_deref().unwrap_or("matches")))
        .collect();
    let width = |of: fn(&(String, String, &str)) -> usize| rows.iter().map(of).max().unwrap_or_default();
    let (names, places) = (width(|row| row.0.len()), width(|row| row.1.chars().count()));
    for (name, place, reason) in &rows {
        let _ = writeln!(text, "{name:names$}  {place:places$}  {reason}");
    }
    text
}
