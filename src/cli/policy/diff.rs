//! `packwright policy diff`.

use std::fmt::Write as _;

use clap::Args;
use serde_json::{Value, json};

use super::{logs, read, refuse, traffic};
use crate::audit::diff::{Change, Listed, Traffic, diff};
use crate::audit::matcher::Matcher;
use crate::cli::output::{Format, Outcome, Output};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};

/// How many examples are given of each change in a log.
const EXAMPLES: usize = 3;

/// Say which requests get another level under another policy
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  packwright policy diff old.yaml new.yaml
  packwright policy diff old.yaml new.yaml --log /var/log/kubernetes/audit

The changes are exact: a request that none of them describes keeps its level, and where two describe one they say the
same. What a change does not mention does not matter to it. Resources are RESOURCE[.GROUP][/SUBRESOURCE]: pods, deployments.apps/scale; pods/* is with
and without a subresource, *.apps all of apps, *.* all of every group, and */ what has no subresource.

With --log the events of logs are asked about as well: how many of them change level, by the rules that decide before and
after, and whose they are.")]
pub struct Diff {
    /// The file of the policy before; `-` is standard input
    #[arg(value_name = "OLD")]
    old: String,

    /// The file of the policy after
    #[arg(value_name = "NEW")]
    new: String,

    /// The Kubernetes version: 1.33, v1.33.4, or a range 1.31-1.34 [default: the newest that is known]
    #[arg(long, value_name = "VERSION")]
    kubernetes_version: Option<String>,

    /// Count what changes in audit logs as well: files, folders, or `-` for standard input
    #[arg(long, value_name = "LOG", num_args = 1..)]
    log: Vec<String>,

    /// How many threads read events [default: one for each processor]
    #[arg(long, value_name = "COUNT", requires = "log")]
    workers: Option<usize>,

    /// The form of the report
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Diff {
    pub fn run(self) -> Outcome {
        let output = Output::new(self.format);
        let mut warnings = Diagnostics::new();
        let mut errors = Diagnostics::new();
        let mut policy = |file: &str| match read(file, self.kubernetes_version.as_deref(), &mut warnings) {
            Ok((policy, _, _)) => Some(policy),
            Err(found) => {
                errors.merge(found);
                None
            }
        };
        let (Some(old), Some(new)) = (policy(&self.old), policy(&self.new)) else { return refuse(&output, warnings, errors) };
        let changes = match diff(&old, &new) {
            Ok(changes) => changes,
            Err(too_many) => return refuse(&output, warnings, Diagnostic::new(Code::Usage, too_many.to_string()).into()),
        };
        let mut object = json!({"changes": changes.iter().map(object).collect::<Vec<_>>()});
        let mut text = words(&changes);
        if !self.log.is_empty() {
            let (old, new) = (Matcher::new(old), Matcher::new(new));
            let (traffic, _) = logs::read(&self.log, self.workers, || Traffic::new(&old, &new), &mut warnings);
            let totals = [traffic.all, traffic.before, traffic.after];
            let rows = traffic.rows(EXAMPLES);
            object["log"] = traffic::object(totals, &rows);
            text.push('\n');
            text += &traffic::words(totals, &rows, [old.policy(), new.policy()]);
        }
        let status = warnings.status();
        output.done("", &text, object, warnings)?;
        Ok(status)
    }
}

/// Each list as a rule has it, empty for any; `except` has what is not meant.
fn object(change: &Change) -> Value {
    let (first, more) = change.groups.split_first().map_or((&[][..], &[][..]), |(first, more)| (&first[..], more));
    json!({
        "users": change.users.only,
        "groups": first,
        "andGroups": more,
        "verbs": change.verbs.only,
        "resources": change.resources.only,
        "namespaces": change.namespaces.only,
        "names": change.names.only,
        "urls": change.urls.only,
        "except": {
            "users": change.users.except,
            "groups": change.except_groups,
            "verbs": change.verbs.except,
            "resources": change.resources.except,
            "namespaces": change.namespaces.except,
            "names": change.names.except,
            "urls": change.urls.except,
        },
        "from": change.from.name(),
        "to": change.to.name(),
    })
}

fn words(changes: &[Change]) -> String {
    if changes.is_empty() {
        return "every request keeps its level\n".to_owned();
    }
    let mut text = String::new();
    for change in changes {
        let _ = writeln!(text, "{} -> {}", change.from.name(), change.to.name());
        let mut row = |what: &str, list: &Listed| {
            let (only, except) = (list_of(&list.only), list_of(&list.except));
            let _ = match (list.only.is_empty(), list.except.is_empty()) {
                (true, true) => Ok(()),
                (false, true) => writeln!(text, "  {what:<11} {only}"),
                (true, false) => writeln!(text, "  {what:<11} all but {except}"),
                (false, false) => writeln!(text, "  {what:<11} {only}; but not {except}"),
            };
        };
        row("users", &change.users);
        for groups in &change.groups {
            row("groups", &Listed { only: groups.clone(), except: Vec::new() });
        }
        row("groups", &Listed { only: Vec::new(), except: change.except_groups.clone() });
        row("verbs", &change.verbs);
        row("resources", &change.resources);
        row("namespaces", &change.namespaces);
        row("names", &change.names);
        row("URLs", &change.urls);
        text.push('\n');
    }
    let plural = if changes.len() == 1 { "kind of request changes" } else { "kinds of requests change" };
    let _ = writeln!(text, "{} {plural} level", changes.len());
    text
}

fn list_of(texts: &[String]) -> String {
    let shown = |text: &String| if text.is_empty() { "\"\"".to_owned() } else { text.clone() };
    texts.iter().map(shown).collect::<Vec<_>>().join(", ")
}
