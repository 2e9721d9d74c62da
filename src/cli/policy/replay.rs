//! `packwright policy replay`.

use std::fmt::Write as _;

use clap::Args;
use serde_json::{Value, json};

use super::logs::{self, share, size};
use super::{PolicyArgs, refuse};
use crate::audit::matcher::Matcher;
use crate::audit::replay::{Count, Lines, Tally};
use crate::audit::types::LEVELS;
use crate::cli::output::{Format, Outcome, Output};
use crate::diagnostic::Diagnostics;

/// Say what a policy would have kept of audit logs that were written under another one
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  packwright policy replay policy.yaml /var/log/kubernetes/audit
  zcat audit-*.log.gz | packwright policy replay policy.yaml - --format json

A log is JSON lines of audit.k8s.io/v1 events, compressed or not. Of a folder every file is read, and not its folders.
Lines that are no events are counted and passed over.")]
pub struct Replay {
    #[command(flatten)]
    policy: PolicyArgs,

    /// Audit logs: files, folders, or `-` for standard input
    #[arg(value_name = "LOG", required = true)]
    logs: Vec<String>,

    /// How many threads read events [default: one for each processor]
    #[arg(long, value_name = "COUNT")]
    workers: Option<usize>,

    /// The form of the report
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Replay {
    pub fn run(self) -> Outcome {
        let output = Output::new(self.format);
        let mut found = Diagnostics::new();
        let matcher = match self.policy.read(&mut found) {
            Ok(policy) => Matcher::new(policy),
            Err(errors) => return refuse(&output, found, errors),
        };
        let (tally, lines) = logs::read(&self.logs, self.workers, || Tally::new(&matcher), &mut found);
        let status = found.status();
        output.done("", &words(&tally), object(&tally, &lines), found)?;
        Ok(status)
    }
}

fn object(tally: &Tally<'_>, lines: &Lines) -> Value {
    let levels: serde_json::Map<String, Value> =
        LEVELS.iter().zip(tally.levels).map(|(level, events)| ((*level).to_owned(), json!(events))).collect();
    let none = tally.rules.len() - 1;
    let rules: Vec<Value> = tally
        .rules
        .iter()
        .enumerate()
        .filter(|(index, count)| *index < none || count.events > 0)
        .map(|(index, count)| json!({"rule": (index < none).then_some(index), "events": count.events, "bytes": count.bytes}))
        .collect();
    json!({
        "events": tally.all.events,
        "bytes": tally.all.bytes,
        "unreadable": lines.unreadable,
        "levels": levels,
        "omitted": tally.omitted,
        "rules": rules,
        "kept": {"events": tally.kept.events, "bytes": tally.kept.bytes},
        "dropped": {"events": tally.dropped, "bytes": tally.all.bytes - tally.kept.bytes},
        "unknown": tally.unknown,
    })
}

fn words(tally: &Tally<'_>) -> String {
    let policy = tally.matcher.policy();
    let mut text = String::new();
    let mut row = |name: &str, events: u64, bytes: Option<u64>| {
        let size = bytes.map(|bytes| format!("{:>12} {:>5.1}%", size(bytes), share(bytes, tally.all.bytes))).unwrap_or_default();
        let _ = writeln!(text, "{name:<28} {events:>12} {:>5.1}% {size}", share(events, tally.all.events));
    };
    row("events", tally.all.events, Some(tally.all.bytes));
    row("kept", tally.kept.events, Some(tally.kept.bytes));
    row("dropped", tally.dropped, Some(tally.all.bytes - tally.kept.bytes));
    row("  of them by stage", tally.omitted, None);
    row("level above what was logged", tally.unknown, None);
    for (level, events) in LEVELS.iter().zip(tally.levels) {
        row(&format!("level {level}"), events, None);
    }
    for (index, count) in tally.rules.iter().enumerate() {
        match policy.rules.get(index) {
            Some(rule) => row(&format!("rules[{index}] {}", rule.location), count.events, Some(count.bytes)),
            None if count.events > 0 => row("no rule", count.events, Some(count.bytes)),
            None => {}
        }
    }
    for (what, table) in [("user", &tally.users), ("verb", &tally.verbs), ("resource", &tally.resources)] {
        let mut rows: Vec<(&String, &Count)> = table.iter().collect();
        rows.sort_by_key(|(name, count)| (std::cmp::Reverse(count.bytes), *name));
        for (name, count) in rows.into_iter().take(10) {
            row(&format!("kept of {what} {name}"), count.events, Some(count.bytes));
        }
    }
    text
}
