//! `packwright policy replay`.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use super::{PolicyArgs, refuse};
use crate::audit::matcher::Matcher;
use crate::audit::replay::{Count, Fault, Log, Tally, logs, replay};
use crate::audit::types::{LEVELS, Policy};
use crate::cli::output::{Format, Outcome, Output};
use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Severity};

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
        let mut all = Vec::new();
        for argument in &self.logs {
            match logs(argument) {
                Ok(logs) => all.extend(logs),
                Err(error) => found.push(unreadable(argument, &error)),
            }
        }
        let workers = self.workers.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
        let mut bar = Progress::new();
        let (tally, faults) = replay(&matcher, &all, workers, |bytes| bar.show(bytes));
        bar.clear();
        let failed = faults.len() + found.items.iter().filter(|item| item.code == Code::LogUnreadable).count();
        for Fault { log, error } in &faults {
            found.push(unreadable(&all[*log].name(), error));
        }
        explain_lines(&tally, &all, &mut found);
        if tally.all.events == 0 && (failed > 0 || tally.unreadable > 0) {
            found.items.iter_mut().filter(|item| item.code == Code::LogUnreadable).for_each(|item| item.severity = Severity::Error);
        }
        let status = found.status();
        output.done("", &words(matcher.policy(), &tally), object(&tally), found)?;
        Ok(status)
    }
}

fn unreadable(name: &str, error: &io::Error) -> Diagnostic {
    Diagnostic::new(Code::LogUnreadable, format!("cannot read {}, or not to its end: {error}", quote(name)))
}

fn explain_lines(tally: &Tally, logs: &[Log], found: &mut Diagnostics) {
    for example in &tally.examples {
        let message = format!("{}:{} is no event: {}", logs[example.log].name(), example.line, example.why);
        found.push(Diagnostic::new(Code::LogUnreadable, message));
    }
    let more = tally.unreadable - tally.examples.len() as u64;
    if more > 0 {
        found.push(Diagnostic::new(Code::LogUnreadable, format!("{more} more lines are no events")));
    }
}

fn object(tally: &Tally) -> Value {
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
        "unreadable": tally.unreadable,
        "levels": levels,
        "omitted": tally.omitted,
        "rules": rules,
        "kept": {"events": tally.kept.events, "bytes": tally.kept.bytes},
        "dropped": {"events": tally.dropped, "bytes": tally.all.bytes - tally.kept.bytes},
        "unknown": tally.unknown,
    })
}

fn words(policy: &Policy, tally: &Tally) -> String {
    let mut text = String::new();
    let share = |part: u64, of: u64| if of == 0 { 0.0 } else { part as f64 * 100.0 / of as f64 };
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

fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        10_000_000..10_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// How far it is, on a terminal.
struct Progress {
    shown: Option<Instant>,
    begun: Instant,
}

impl Progress {
    fn new() -> Self {
        Self { shown: None, begun: Instant::now() }
    }

    fn show(&mut self, bytes: u64) {
        const EVERY: Duration = Duration::from_millis(200);
        if self.shown.unwrap_or(self.begun).elapsed() < EVERY || !io::stderr().is_terminal() {
            return;
        }
        self.shown = Some(Instant::now());
        let rate = bytes as f64 / self.begun.elapsed().as_secs_f64();
        let _ = write!(io::stderr(), "\r{} read, {}/s   ", size(bytes), size(rate as u64));
    }

    fn clear(&mut self) {
        if self.shown.is_some() {
            let _ = write!(io::stderr(), "\r{:40}\r", "");
        }
    }
}
