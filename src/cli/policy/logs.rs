//! Logs as arguments: read for any command, with what went wrong and how far it is.

use std::fs::{File, Metadata};
use std::io::{self, IsTerminal as _, Read as _, Seek as _, SeekFrom, Write as _};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use crate::audit::replay::{Fault, Fold, Lines, Log, Scan, logs, scan};
use crate::diagnostic::human::{one_line, quote};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Severity};

/// Who reads logs.
#[derive(Debug, Args)]
pub struct Workers {
    /// How many threads read events [default: one for each processor]
    #[arg(long, value_name = "COUNT", requires = "logs", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
}

/// Folds the events of logs. What cannot be read is a finding; an error where
/// nothing could be read at all.
pub fn read<F: Fold>(arguments: &[String], workers: &Workers, new: impl Fn() -> F, found: &mut Diagnostics) -> (F, Lines) {
    let mut all = Vec::new();
    let mut faults = Diagnostics::new();
    for argument in arguments {
        match logs(argument) {
            Ok(logs) if logs.is_empty() => {
                let message = format!("the folder {} holds no file", quote(argument));
                faults.push(
                    Diagnostic::new(Code::LogUnreadable, message).help("name the folder of the logs itself: folders in it are not read"),
                );
            }
            Ok(logs) => all.extend(logs),
            Err(error) => faults.push(unreadable(argument, &error)),
        }
    }
    let workers = workers.workers.map_or_else(|| thread::available_parallelism().map_or(1, usize::from), usize::from);
    let mut bar = Progress::new(&all);
    let Scan { folded, lines, faults: of_logs } = scan(&all, workers, new, |bytes| bar.show(bytes));
    bar.clear();
    for Fault { log, error } in &of_logs {
        faults.push(unreadable(&all[*log].name(), error));
    }
    explain_lines(&lines, &all, &mut faults);
    if lines.events == 0 {
        faults.items.iter_mut().for_each(|item| item.severity = Severity::Error);
        if faults.items.is_empty() {
            faults.push(Diagnostic::new(Code::LogUnreadable, "the logs hold no event"));
        }
    }
    found.extend(faults);
    (folded, lines)
}

fn unreadable(name: &str, error: &io::Error) -> Diagnostic {
    Diagnostic::new(Code::LogUnreadable, format!("cannot read {}, or not to its end: {error}", quote(name)))
}

fn explain_lines(lines: &Lines, logs: &[Log], found: &mut Diagnostics) {
    for example in &lines.examples {
        let message = format!("{}:{} is no event: {}", one_line(&logs[example.log].name()), example.line, example.why);
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
    /// The bytes of all logs, if they can be told beforehand.
    total: Option<u64>,
    shown: Option<Instant>,
    begun: Instant,
}

impl Progress {
    fn new(logs: &[Log]) -> Self {
        let is_seen = io::stderr().is_terminal();
        let total = if is_seen { logs.iter().map(expected).sum() } else { None };
        Self { total, shown: None, begun: Instant::now() }
    }

    fn show(&mut self, bytes: u64) {
        const EVERY: Duration = Duration::from_millis(200);
        if self.shown.unwrap_or(self.begun).elapsed() < EVERY || !io::stderr().is_terminal() {
            return;
        }
        self.shown = Some(Instant::now());
        let line = progress(bytes, self.total, self.begun.elapsed().as_secs_f64());
        let _ = write!(io::stderr(), "\r{line:WIDTH$}");
    }

    fn clear(&mut self) {
        if self.shown.is_some() {
            let _ = write!(io::stderr(), "\r{:WIDTH$}\r", "");
        }
    }
}

/// As long as the longest line, so that none leaves anything of the one before.
const WIDTH: usize = 50;

fn progress(bytes: u64, total: Option<u64>, seconds: f64) -> String {
    let rate = bytes as f64 / seconds;
    // A log that grew is longer than was told.
    match total.filter(|total| bytes <= *total && bytes > 0) {
        Some(total) => {
            let left = (total - bytes) as f64 / rate;
            let left = if left < 100.0 { format!("{left:.0} s") } else { format!("{:.0} min", left / 60.0) };
            format!("{:.0}% of {}, {}/s, {left} left", share(bytes, total).floor(), size(total), size(rate as u64))
        }
        None => format!("{} read, {}/s", size(bytes), size(rate as u64)),
    }
}

/// How many bytes of text a log has. Of a compressed one the last four bytes say
/// so (RFC 1952, ISIZE), unless there are several in one or it is above 4 GiB:
/// then they are most often less than what is compressed, and nothing is told.
fn expected(log: &Log) -> Option<u64> {
    let Log::File(path) = log else { return None };
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok().filter(Metadata::is_file)?.len();
    let mut head = [0; 2];
    if length < 18 || file.read_exact(&mut head).is_err() || head != [0x1f, 0x8b] {
        return Some(length);
    }
    let mut tail = [0; 4];
    file.seek(SeekFrom::End(-4)).and_then(|_| file.read_exact(&mut tail)).ok()?;
    Some(u64::from(u32::from_le_bytes(tail))).filter(|text| *text >= length)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::{Log, WIDTH, expected, progress};

    #[test]
    fn progress_is_told_with_what_is_left_where_the_whole_is_known() {
        assert_eq!(progress(250_000_000, Some(1_000_000_000), 0.5), "25% of 1000.0 MB, 500.0 MB/s, 2 s left");
        assert_eq!(progress(10_000, Some(100_000_000_000), 1.0), "0% of 100.0 GB, 10.0 kB/s, 166667 min left");
        assert_eq!(progress(250_000_000, None, 0.5), "250.0 MB read, 500.0 MB/s");
        assert_eq!(progress(11, Some(10), 1.0), "11 B read, 11 B/s");
        let longest = progress(9_999_999_999, Some(9_999_999_999_999), 20.0);
        assert!(longest.len() <= WIDTH, "{longest}");
    }

    #[test]
    fn the_size_of_the_text_is_known_before_it_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).expect("written");
            expected(&Log::File(path))
        };
        let text = b"a line\n".repeat(1000);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&text).expect("compressed");
        let gzip = gzip.finish().expect("finished");
        let several = [&gzip[..], &[0x1f, 0x8b], &[0; 30]].concat();
        assert_eq!(log("plain.log", &text), Some(7000));
        assert_eq!(log("empty.log", b""), Some(0));
        assert_eq!(log("one.gz", &gzip), Some(7000));
        assert_eq!(log("several.gz", &several), None);
        assert_eq!((expected(&Log::Stdin), expected(&Log::File(folder.path().join("nope")))), (None, None));
        assert_eq!(expected(&Log::File(folder.path().to_owned())), None);
    }
}
