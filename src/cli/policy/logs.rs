//! Logs as arguments: read for any command, with what went wrong and how far it is.

use std::io::{self, IsTerminal as _, Write as _};
use std::thread;
use std::time::{Duration, Instant};

use crate::audit::replay::{Fault, Fold, Lines, Log, Scan, logs, scan};
use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Severity};

/// Folds the events of logs. What cannot be read is a finding; an error where
/// nothing could be read at all.
pub fn read<F: Fold>(arguments: &[String], workers: Option<usize>, new: impl Fn() -> F, found: &mut Diagnostics) -> (F, Lines) {
    let mut all = Vec::new();
    let mut faults = Diagnostics::new();
    for argument in arguments {
        match logs(argument) {
            Ok(logs) => all.extend(logs),
            Err(error) => faults.push(unreadable(argument, &error)),
        }
    }
    let workers = workers.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    let mut bar = Progress::new();
    let Scan { folded, lines, faults: of_logs } = scan(&all, workers, new, |bytes| bar.show(bytes));
    bar.clear();
    for Fault { log, error } in &of_logs {
        faults.push(unreadable(&all[*log].name(), error));
    }
    explain_lines(&lines, &all, &mut faults);
    if lines.events == 0 {
        faults.items.iter_mut().for_each(|item| item.severity = Severity::Error);
    }
    found.extend(faults);
    (folded, lines)
}

fn unreadable(name: &str, error: &io::Error) -> Diagnostic {
    Diagnostic::new(Code::LogUnreadable, format!("cannot read {}, or not to its end: {error}", quote(name)))
}

fn explain_lines(lines: &Lines, logs: &[Log], found: &mut Diagnostics) {
    for example in &lines.examples {
        let message = format!("{}:{} is no event: {}", logs[example.log].name(), example.line, example.why);
        found.push(Diagnostic::new(Code::LogUnreadable, message));
    }
    let more = lines.unreadable - lines.examples.len() as u64;
    if more > 0 {
        found.push(Diagnostic::new(Code::LogUnreadable, format!("{more} more lines are no events")));
    }
}

/// A number of bytes for people.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        10_000_000..10_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// A number of events for people.
pub fn events(count: u64) -> String {
    format!("{count} event{}", if count == 1 { "" } else { "s" })
}

/// What part one number is of another, in percent.
pub fn share(part: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { part as f64 * 100.0 / of as f64 }
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
