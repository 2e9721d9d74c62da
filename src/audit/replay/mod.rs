//! Reading the logs of an API server, and what a policy would have kept of them.

mod event;
mod fast;
mod input;
mod lines;
mod outline;
mod source;
mod span;
mod tally;

use std::convert::Infallible;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

pub use event::Event;
pub use lines::{Lines, Unreadable};
pub use source::{Log, MAX_LINE, logs};
pub use span::Span;
pub use tally::{Count, NOBODY, Parts, Tally, write_resource};

use input::{Input, Worker};
use source::{Block, Found};

/// How often `progress` is told.
const EVERY: Duration = Duration::from_millis(100);

/// What is made of the events of logs: each worker makes its own, and in the
/// end they are added up. Who takes which event is left open.
pub trait Fold: Send {
    /// Takes an event, and its line with the line feed.
    fn event(&mut self, event: &Event<'_>, line: &[u8]);

    /// Adds what another worker made.
    fn add(&mut self, other: Self);
}

/// What came of logs.
#[derive(Debug)]
pub struct Scan<F> {
    /// What was made of the events.
    pub folded: F,
    /// How many lines were events, and which were not.
    pub lines: Lines,
    /// The logs that could not be read, or not to their ends.
    pub faults: Vec<Fault>,
}

/// A log that could not be read, or not to its end.
#[derive(Debug)]
pub struct Fault {
    /// Which of the logs.
    pub log: usize,
    /// Why.
    pub error: io::Error,
}

/// Reads logs once and folds their events. Memory is bounded by blocks, workers
/// and what they make, however long the logs and their lines are. `progress` is
/// told of bytes read, now and then.
pub fn scan<F: Fold>(logs: &[Log], workers: usize, new: impl Fn() -> F, mut progress: impl FnMut(u64)) -> Scan<F> {
    let mut scan = Scan { folded: new(), lines: Lines::default(), faults: Vec::new() };
    let (input, bytes) = (Input::new(logs), AtomicU64::new(0));
    // Nothing is ever sent: it closes when the last worker is gone.
    let (working, done) = mpsc::channel::<Infallible>();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers.max(1))
            .map(|_| {
                let (input, bytes, working, folded) = (&input, &bytes, working.clone(), new());
                scope.spawn(move || {
                    let _working = working;
                    work(folded, input, bytes)
                })
            })
            .collect();
        drop(working);
        while let Err(RecvTimeoutError::Timeout) = done.recv_timeout(EVERY) {
            progress(bytes.load(Ordering::Relaxed));
        }
        for worker in workers {
            match worker.join() {
                Ok(part) => {
                    scan.folded.add(part.folded);
                    scan.lines.add(part.lines);
                    scan.faults.extend(part.faults);
                }
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    scan.faults.sort_by_key(|fault| fault.log);
    scan
}

fn work<F: Fold>(folded: F, input: &Input<'_>, read: &AtomicU64) -> Scan<F> {
    let mut scan = Scan { folded, lines: Lines::default(), faults: Vec::new() };
    let (mut worker, mut block) = (Worker::default(), Block::default());
    while let Some((log, found)) = input.read(&mut worker, &mut block) {
        match found {
            Found::Lines => {
                read.fetch_add(block.bytes().len() as u64, Ordering::Relaxed);
                each(&mut scan, log, &block);
            }
            Found::TooLong { line, bytes } => {
                let why = format!("the line has {bytes} bytes, and at most {MAX_LINE} are read");
                scan.lines.unreadable(Unreadable { log, line, why });
            }
            Found::Fault(error) => scan.faults.push(Fault { log, error }),
        }
    }
    scan
}

fn each<F: Fold>(scan: &mut Scan<F>, log: usize, block: &Block) {
    // One check of the whole is cheaper than one of each string.
    let all = simdutf8::basic::from_utf8(block.bytes()).ok();
    let mut start = 0;
    for (line, end) in block.ends() {
        let bytes = &block.bytes()[start..end];
        let text = all.and_then(|all| all.get(start..end)).ok_or(bytes);
        start = end;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match Event::read(text) {
            Ok(event) => {
                scan.lines.events += 1;
                scan.folded.event(&event, bytes);
            }
            Err(why) => scan.lines.unreadable(Unreadable { log, line, why }),
        }
    }
}
