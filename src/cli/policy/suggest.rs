//! `packwright policy suggest`.

use std::fmt::Write as _;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde_json::{Value, json};

use super::logs::{self, Workers, events, share, size};
use super::{once, read, refuse};
use crate::audit::matcher::Matcher;
use crate::audit::replay::{Count, Lines};
use crate::audit::suggest::{Groups, Question, Suggestion};
use crate::cli::output::{Format, Outcome, Output};
use crate::diagnostic::Diagnostics;
use crate::kubernetes::{self, Minor};

/// How many rules are tried for each that is shown: of a log that was made up
/// none might be sound.
const TRIES: usize = 20;

/// Say which rules would leave the most out of audit logs without leaving out what benchmarks ask for
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  packwright policy suggest /var/log/kubernetes/audit > rules.yaml
  packwright policy suggest audit.log --policy policy.yaml --limit 5

Each rule has one user, one verb and one kind of object, and leaves out exactly what is counted
beside it. They go to the top of a policy's `rules`, in any number and order.

Never left out are: whatever people and administrators do; Secrets, ConfigMaps, tokens, roles,
certificates, webhooks and whatever is called like them; sessions in containers, proxies and logs;
writes, but for Leases, Events, endpoints and status by those whose work it is; who is anonymous;
and every kind of request of which one was refused, made in another's name or ended in a panic.
People are all users whose names do not begin with `system:`, unless --machine names them.")]
pub struct Suggest {
    /// Audit logs: files, folders, or `-` for standard input
    #[arg(value_name = "LOG", required = true)]
    logs: Vec<String>,

    /// Count only what this policy would keep [default: everything that is logged]
    #[arg(long, value_name = "POLICY")]
    policy: Option<String>,

    /// How many rules to suggest at most
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    limit: usize,

    /// A user outside `system:` who is no person; may be repeated
    #[arg(long = "machine", value_name = "USER", value_parser = NonEmptyStringValueParser::new())]
    machines: Vec<String>,

    /// The Kubernetes version: 1.33, v1.33.4, or a range 1.31-1.34 [default: the newest that is known]
    #[arg(long, value_name = "VERSION")]
    kubernetes_version: Option<String>,

    #[command(flatten)]
    workers: Workers,

    /// The form of the report
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Suggest {
    pub fn run(self) -> Outcome {
        let output = Output::new(self.format);
        let mut found = Diagnostics::new();
        let (matcher, minors) = match self.read_policy(&mut found) {
            Ok(read) => read,
            Err(errors) => return refuse(&output, found, errors),
        };
        let question = Question { matcher: matcher.as_ref(), machines: &self.machines };
        let (groups, lines) = logs::read(&self.logs, &self.workers, || Groups::new(question), &mut found);
        let (all, others) = (groups.all, groups.others);
        let tried = groups.suggestions().into_iter().take(self.limit.saturating_mul(TRIES));
        let rules: Vec<Suggestion> = tried.filter(|rule| rule.is_sound(&minors)).take(self.limit).collect();
        let status = found.status();
        output.done(&words(&rules, all, others, &lines), &text(&rules, all), object(&rules, all, others), found)?;
        Ok(status)
    }

    fn read_policy(&self, warnings: &mut Diagnostics) -> Result<(Option<Matcher>, Vec<Minor>), Diagnostics> {
        once(self.policy.iter().chain(&self.logs))?;
        let version = self.kubernetes_version.as_deref();
        match &self.policy {
            Some(file) => read(file, version, warnings).map(|(policy, _, minors)| (Some(Matcher::new(policy)), minors)),
            None => Ok((None, kubernetes::select_known(version)?)),
        }
    }
}

fn object(rules: &[Suggestion], all: Count, others: Count) -> Value {
    let count = |count: Count| json!({"events": count.events, "bytes": count.bytes});
    let rules: Vec<Value> =
        rules.iter().map(|rule| json!({"rule": rule.rule(), "events": rule.count.events, "bytes": rule.count.bytes})).collect();
    json!({"rules": rules, "all": count(all), "others": count(others)})
}

/// Rules as a file has them, each after what it saves.
fn text(rules: &[Suggestion], all: Count) -> String {
    let mut text = String::new();
    for rule in rules {
        let bytes = rule.count.bytes;
        let _ = writeln!(text, "  # {}, {}, {:.1}%", events(rule.count.events), size(bytes), share(bytes, all.bytes));
        text += &rule.yaml();
    }
    text
}

fn words(rules: &[Suggestion], all: Count, others: Count, lines: &Lines) -> String {
    let mut together = Count::default();
    rules.iter().for_each(|rule| together.add(rule.count));
    let mut words = match rules.len() {
        0 if lines.events == 0 => "no rule to suggest: no event was read".to_owned(),
        0 if all.events == 0 => "no rule to suggest: the policy keeps nothing of the log".to_owned(),
        0 => "no rule to suggest".to_owned(),
        count => format!(
            "{count} {} out {} of {} events, {} of {} ({:.1}%)",
            if count == 1 { "rule leaves" } else { "rules leave" },
            together.events,
            all.events,
            size(together.bytes),
            size(all.bytes),
            share(together.bytes, all.bytes)
        ),
    };
    if others.events > 0 {
        let _ = write!(
            words,
            "\n{}, {}, are of too many kinds to be counted one by one, and in no rule",
            events(others.events),
            size(others.bytes)
        );
    }
    words
}
