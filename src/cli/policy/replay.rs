//! `packwright policy replay`.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::BuildHasher;

use clap::Args;
use serde_json::{Value, json};

use super::logs::{self, Workers, share, size};
use super::rotation::RotationArgs;
use super::{PolicyArgs, once, refuse};
use crate::audit::disk::{MAX_AGE, MAX_BACKUP, NEW_DEFAULTS_SINCE, Retained, Rotation};
use crate::audit::matcher::Matcher;
use crate::audit::replay::{Count, Lines, Parts, Tally};
use crate::audit::types::LEVELS;
use crate::cli::output::{Format, Outcome, Output};
use crate::diagnostic::Diagnostics;
use crate::diagnostic::human::one_line;

/// Say what a policy would have kept of audit logs that were written under another one
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  packwright policy replay policy.yaml /var/log/kubernetes/audit
  zcat audit-*.log.gz | packwright policy replay policy.yaml - --format json
  packwright policy replay policy.yaml audit.log --pack kube-apiserver-audit -f prod.yaml
  packwright policy replay policy.yaml audit.log --audit-log-maxsize 100 --audit-log-maxbackup 10

A log is JSON lines of audit.k8s.io/v1 events, compressed or not. Of a folder every file is read,
and not its folders. Lines that are no events are counted and passed over. What is kept a day is
told from logs that span an hour or more. With a rotation, from flags or a pack, it is said how
long that keeps the log.")]
pub struct Replay {
    #[command(flatten)]
    policy: PolicyArgs,

    /// Audit logs: files, folders, or `-` for standard input
    #[arg(value_name = "LOG", required = true)]
    logs: Vec<String>,

    #[command(flatten)]
    workers: Workers,

    #[command(flatten)]
    rotation: RotationArgs,

    /// The form of the report
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Replay {
    pub fn run(self) -> Outcome {
        let output = Output::new(self.format);
        let mut found = Diagnostics::new();
        let read = once([&self.policy.policy].into_iter().chain(&self.logs)).and_then(|()| self.policy.read_document(&mut found)).and_then(
            |(policy, _, minors)| {
                let newest = minors.last().copied().unwrap_or(NEW_DEFAULTS_SINCE);
                let rotation = self.rotation.read(self.policy.kubernetes_version.as_deref(), newest, &mut found)?;
                Ok((Matcher::new(policy), rotation))
            },
        );
        let (matcher, rotation) = match read {
            Ok(read) => read,
            Err(errors) => return refuse(&output, found, errors),
        };
        let (tally, lines) = logs::read(&self.logs, &self.workers, || Tally::new(&matcher), &mut found);
        let status = found.status();
        output.done("", &words(&tally, rotation), object(&tally, &lines, rotation), found)?;
        Ok(status)
    }
}

fn object(tally: &Tally<'_>, lines: &Lines, rotation: Option<Rotation>) -> Value {
    let count = |Count { events, bytes }: Count| json!({"events": events, "bytes": bytes});
    let levels: serde_json::Map<String, Value> =
        LEVELS.iter().zip(tally.levels).map(|(level, parts)| ((*level).to_owned(), json!(parts.all.events))).collect();
    let none = tally.rules.len() - 1;
    let rules: Vec<Value> = tally
        .rules
        .iter()
        .enumerate()
        .filter(|(index, parts)| *index < none || parts.all.events > 0)
        .map(|(index, Parts { all, .. })| json!({"rule": (index < none).then_some(index), "events": all.events, "bytes": all.bytes}))
        .collect();
    let names = |table| -> Vec<Value> {
        let object = |(name, parts): (&str, Parts)| json!({"name": name, "kept": count(parts.kept), "dropped": count(parts.dropped())});
        loudest(table).into_iter().map(object).collect()
    };
    json!({
        "events": tally.all.all.events,
        "bytes": tally.all.all.bytes,
        "unreadable": lines.unreadable,
        "levels": levels,
        "omitted": tally.omitted,
        "rules": rules,
        "kept": count(tally.all.kept),
        "dropped": count(tally.all.dropped()),
        "unknown": tally.unknown,
        "users": names(&tally.users),
        "verbs": names(&tally.verbs),
        "resources": names(&tally.resources),
        "span": tally.span.ends().map(|(from, to)| json!({"from": from, "to": to, "seconds": tally.span.seconds()})),
        "perDay": per_day(tally).map(|(events, bytes)| json!({"events": events.round() as u64, "bytes": bytes.round() as u64})),
        "retention": rotation.map(|rotation| {
            let retained = per_day(tally).map(|(_, bytes)| rotation.retained(bytes));
            json!({
                "maxSize": rotation.max_size,
                "maxBackup": rotation.max_backup,
                "maxAge": rotation.max_age,
                "days": retained.and_then(|retained| retained.days),
                "by": retained.and_then(|retained| retained.by),
            })
        }),
    })
}

/// By what is kept of them, and then by what is not.
fn loudest<S: BuildHasher>(table: &HashMap<String, Parts, S>) -> Vec<(&str, Parts)> {
    let mut names: Vec<_> = table.iter().map(|(name, parts)| (name.as_str(), *parts)).collect();
    names.sort_unstable_by_key(|(name, parts)| (Reverse(parts.kept.bytes), Reverse(parts.all.bytes), *name));
    names
}

/// Events and bytes that are kept a day at the rate of the log, if it is long enough to tell.
fn per_day(tally: &Tally<'_>) -> Option<(f64, f64)> {
    tally.span.per_day(tally.all.kept.events).zip(tally.span.per_day(tally.all.kept.bytes))
}

/// What that is a day, and how long the log is kept then.
fn prediction(tally: &Tally<'_>, rotation: Option<Rotation>) -> String {
    let (Some(seconds), Some((events, bytes))) = (tally.span.seconds(), per_day(tally)) else {
        return match tally.span.seconds() {
            Some(seconds) => format!("kept a day: the log spans {}, and of less than an hour that is not told\n", duration(seconds)),
            None => "kept a day: no event says when it was\n".to_owned(),
        };
    };
    // What the policy adds to the log is not in it.
    let (more, bound) = if tally.unknown > 0 { (" or more", "at most") } else { ("", "at least") };
    let mut text = format!(
        "kept a day: {}{more} in {events:.0} events, at the rate of this log, which spans {}\n",
        size(bytes as u64),
        duration(seconds)
    );
    let Some(rotation) = rotation else { return text };
    text += &match (rotation.retained(bytes), rotation.max_size, rotation.max_backup) {
        (_, None, _) => "retained: until the disk is full, since nothing rotates the log (audit-log-maxsize is 0)\n".to_owned(),
        (Retained { days: None, .. }, ..) if tally.all.kept.bytes == 0 => "retained: nothing is kept\n".to_owned(),
        (Retained { days: None, .. }, ..) => "retained: for ever, since nothing prunes rotated files\n".to_owned(),
        (Retained { days: Some(days), by: Some(MAX_BACKUP) }, Some(size), Some(count)) => {
            format!("retained: {bound} {days:.1} days, which is what {count} rotated files of {size} MiB hold ({MAX_BACKUP})\n")
        }
        (Retained { days: Some(days), .. }, ..) => format!("retained: {bound} {days:.1} days ({MAX_AGE})\n"),
    };
    text
}

fn duration(seconds: f64) -> String {
    match seconds {
        ..120.0 => format!("{seconds:.0} s"),
        ..7200.0 => format!("{:.0} min", seconds / 60.0),
        ..172_800.0 => format!("{:.1} h", seconds / 3600.0),
        _ => format!("{:.1} days", seconds / 86_400.0),
    }
}

/// How wide the column of names may be, in characters.
const MAX_WIDTH: usize = 64;
/// How many users, verbs and resources are shown.
const SHOWN: usize = 10;

fn words(tally: &Tally<'_>, rotation: Option<Rotation>) -> String {
    let policy = tally.matcher.policy();
    let mut rows = vec![("all".to_owned(), tally.all)];
    rows.extend(LEVELS.iter().zip(tally.levels).map(|(level, parts)| (format!("level {level}"), parts)));
    for (index, parts) in tally.rules.iter().enumerate() {
        match policy.rules.get(index) {
            Some(rule) => rows.push((format!("rules[{index}] {}", rule.location), *parts)),
            None if parts.all.events > 0 => rows.push(("no rule".to_owned(), *parts)),
            None => {}
        }
    }
    for (what, table) in [("user", &tally.users), ("verb", &tally.verbs), ("resource", &tally.resources)] {
        let names = loudest(table);
        rows.extend(names.iter().take(SHOWN).map(|(name, parts)| (format!("{what} {}", one_line(name)), *parts)));
        if let Some(others @ [_, ..]) = names.get(SHOWN..) {
            let mut sum = Parts::default();
            others.iter().for_each(|(_, parts)| sum.add(*parts));
            rows.push((format!("{} other {what}{}", others.len(), if others.len() == 1 { "" } else { "s" }), sum));
        }
    }
    // A name of any length is shown whole, and does not push the other rows aside.
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default().min(MAX_WIDTH);
    let mut text = format!("{:<width$} {:>12} {:>10} {:>6} {:>15} {:>10}\n", "", "kept: events", "bytes", "", "dropped: events", "bytes");
    for (name, parts) in rows {
        let _ = write!(text, "{name:<width$}");
        for (count, width) in [(parts.kept, 12), (parts.dropped(), 15)] {
            let _ = write!(text, " {:>width$} {:>10} {:>5.1}%", count.events, size(count.bytes), share(count.bytes, tally.all.all.bytes));
        }
        text.push('\n');
    }
    let _ = writeln!(
        text,
        "\nevents dropped by their stage: {}\nevents kept at a level above what was logged: {}\n",
        tally.omitted, tally.unknown
    );
    text.push_str(&prediction(tally, rotation));
    text
}
