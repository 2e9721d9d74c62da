//! `packwright policy diff`.

use std::fmt::Write as _;

use clap::Args;
use serde_json::{Value, json};

use super::logs::Workers;
use super::{logs, once, read, refuse, traffic};
use crate::audit::diff::{Change, Listed, TooMany, Traffic, diff, diff_managed_fields, diff_stages};
use crate::audit::matcher::Matcher;
use crate::audit::types::{Level, Policy, Stages};
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

The changes are exact: a request that none of them describes keeps its level, and where two
describe one they say the same. What a change does not mention does not matter to it. Omitted
stages are compared of requests that both policies log, managed fields of those whose bodies both
log.

Resources are RESOURCE[.GROUP][/SUBRESOURCE]: pods, deployments.apps/scale; pods/* is with and
without a subresource, *.apps all of apps, *.* all of every group, and */ what has no subresource.

With --log the events of logs are asked about as well: how many of them change level, by the rules
that decide before and after, and whose they are.")]
pub struct Diff {
    /// The file of the policy before; `-` is standard input
    #[arg(value_name = "OLD")]
    old: String,

    /// The file of the policy after, or `-`
    #[arg(value_name = "NEW")]
    new: String,

    /// The Kubernetes version: 1.33, v1.33.4, or a range 1.31-1.34 [default: the newest that is known]
    #[arg(long, value_name = "VERSION")]
    kubernetes_version: Option<String>,

    /// Count what changes in audit logs as well: files, folders, or `-` for standard input. Takes all that follows, so
    /// it comes after the policies
    #[arg(long = "log", value_name = "LOG", num_args = 1..)]
    logs: Vec<String>,

    #[command(flatten)]
    workers: Workers,

    /// The form of the report
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Diff {
    pub fn run(self) -> Outcome {
        let output = Output::new(self.format);
        let mut warnings = Diagnostics::new();
        let mut errors = Diagnostics::new();
        if let Err(errors) = once([&self.old, &self.new].into_iter().chain(&self.logs)) {
            return refuse(&output, warnings, errors);
        }
        let mut policy = |file: &str| match read(file, self.kubernetes_version.as_deref(), &mut warnings) {
            Ok((policy, _, _)) => Some(policy),
            Err(found) => {
                errors.merge(found);
                None
            }
        };
        let (Some(old), Some(new)) = (policy(&self.old), policy(&self.new)) else { return refuse(&output, warnings, errors) };
        let Differences { levels, stages, managed_fields } = match Differences::new(&old, &new) {
            Ok(found) => found,
            Err(too_many) => return refuse(&output, warnings, Diagnostic::new(Code::Usage, too_many.to_string()).into()),
        };
        let mut object = json!({
            "changes": levels.iter().map(|change| object(change, |level| json!(level.name()))).collect::<Vec<_>>(),
            "omitStages": stages.iter().map(|change| object(change, |stages| json!(stages.names()))).collect::<Vec<_>>(),
            "omitManagedFields": managed_fields.iter().map(|change| object(change, |omitted| json!(omitted))).collect::<Vec<_>>(),
        });
        let mut text = words(&levels, &stages, &managed_fields);
        if !self.logs.is_empty() {
            let (old, new) = (Matcher::new(old), Matcher::new(new));
            let (traffic, _) = logs::read(&self.logs, &self.workers, || Traffic::new(&old, &new), &mut warnings);
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

struct Differences {
    levels: Vec<Change>,
    stages: Vec<Change<Stages>>,
    managed_fields: Vec<Change<bool>>,
}

impl Differences {
    fn new(old: &Policy, new: &Policy) -> Result<Self, TooMany> {
        Ok(Self { levels: diff(old, new)?, stages: diff_stages(old, new)?, managed_fields: diff_managed_fields(old, new)? })
    }
}

/// Each list as a rule has it, empty for any; `except` has what is not meant.
fn object<V: Copy>(change: &Change<V>, said: impl Fn(V) -> Value) -> Value {
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
        "from": said(change.from),
        "to": said(change.to),
    })
}

fn words(levels: &[Change], stages: &[Change<Stages>], managed_fields: &[Change<bool>]) -> String {
    let mut text = match levels.len() {
        0 => "every request keeps its level\n".to_owned(),
        1 => "1 kind of request changes level\n".to_owned(),
        count => format!("{count} kinds of requests change level\n"),
    };
    let mut levels: Vec<&Change> = levels.iter().collect();
    levels.sort_by_key(|change| kind_of(change));
    for of_kind in levels.chunk_by(|a, b| kind_of(a) == kind_of(b)) {
        let _ = writeln!(text, "\n{}:", ["no longer logged", "logged with less", "logged with more", "newly logged"][kind_of(of_kind[0])]);
        of_kind.iter().for_each(|change| row(&mut text, change, &format!("{} -> {}", change.from.name(), change.to.name())));
    }
    if !stages.is_empty() {
        text += "\nof what both log, other stages are omitted:\n";
        let names = |stages: Stages| if stages == Stages::default() { "none".to_owned() } else { stages.names().join(", ") };
        stages.iter().for_each(|change| row(&mut text, change, &format!("{} -> {}", names(change.from), names(change.to))));
    }
    if !managed_fields.is_empty() {
        text += "\nof the bodies that both log, managed fields are kept or left out:\n";
        let name = |omitted: bool| if omitted { "left out" } else { "kept" };
        managed_fields.iter().for_each(|change| row(&mut text, change, &format!("{} -> {}", name(change.from), name(change.to))));
    }
    text
}

/// What is lost comes first.
fn kind_of(change: &Change) -> usize {
    match (change.from, change.to) {
        (_, Level::None) => 0,
        (Level::None, _) => 3,
        (from, to) if to < from => 1,
        _ => 2,
    }
}

fn row<V>(text: &mut String, change: &Change<V>, what: &str) {
    let _ = writeln!(text, "\n{what}");
    let before = text.len();
    let mut line = |what: &str, list: &Listed| {
        let (only, except) = (list_of(&list.only), list_of(&list.except));
        let _ = match (list.only.is_empty(), list.except.is_empty()) {
            (true, true) => Ok(()),
            (false, true) => writeln!(text, "  {what:<11} {only}"),
            (true, false) => writeln!(text, "  {what:<11} all but {except}"),
            (false, false) => writeln!(text, "  {what:<11} {only}; but not {except}"),
        };
    };
    line("users", &change.users);
    for groups in &change.groups {
        line("groups", &Listed { only: groups.clone(), except: Vec::new() });
    }
    line("groups", &Listed { only: Vec::new(), except: change.except_groups.clone() });
    line("verbs", &change.verbs);
    line("resources", &change.resources);
    line("namespaces", &change.namespaces);
    line("names", &change.names);
    line("URLs", &change.urls);
    if text.len() == before {
        *text += "  every request\n";
    }
}

fn list_of(texts: &[String]) -> String {
    let shown = |text: &String| if text.is_empty() { "\"\"".to_owned() } else { text.clone() };
    texts.iter().map(shown).collect::<Vec<_>>().join(", ")
}
