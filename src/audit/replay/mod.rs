//! Reading the logs of an API server, and what a policy would have kept of them.

mod event;
mod input;
mod lines;
mod span;
mod tally;

use std::io;
use std::sync::{Mutex, mpsc};
use std::thread;

pub use event::Event;
pub use input::{Log, MAX_LINE, logs};
pub use lines::{Lines, Unreadable};
pub use span::Span;
pub use tally::{Count, NOBODY, Tally, write_resource};

use input::{Block, TooLong};

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

/// Reads logs once, in order, and folds their events. Memory is bounded by
/// blocks, workers and what they make, however long the logs and their lines
/// are. `progress` is told of bytes read, after each block.
pub fn scan<F: Fold>(logs: &[Log], workers: usize, new: impl Fn() -> F, mut progress: impl FnMut(u64)) -> Scan<F> {
    let workers = workers.max(1);
    let (send, receive) = mpsc::sync_channel::<Block>(workers);
    let (give_back, used) = mpsc::channel::<Vec<u8>>();
    let receive = Mutex::new(receive);
    let mut scan = Scan { folded: new(), lines: Lines::default(), faults: Vec::new() };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers)
            .map(|_| {
                let (receive, give_back) = (&receive, give_back.clone());
                let folded = new();
                scope.spawn(move || work(folded, receive, &give_back))
            })
            .collect();
        let mut bytes = 0;
        for (index, log) in logs.iter().enumerate() {
            let buffer = || {
                let mut buffer = used.try_recv().unwrap_or_default();
                buffer.clear();
                // One long line must not make every block large for ever.
                buffer.shrink_to(2 * input::BLOCK);
                buffer.reserve(input::BLOCK);
                buffer
            };
            let hand_on = |block: Block| {
                bytes += block.bytes.len() as u64;
                progress(bytes);
                // Fails only when every worker is gone, and then there is nobody to tell.
                let _ = send.send(block);
            };
            let too_long = |TooLong { line, bytes }| {
                let why = format!("the line has {bytes} bytes, and at most {MAX_LINE} are read");
                scan.lines.unreadable(Unreadable { log: index, line, why });
            };
            if let Err(error) = input::read(log, index, buffer, hand_on, too_long) {
                scan.faults.push(Fault { log: index, error });
            }
        }
        drop(send);
        for worker in workers {
            match worker.join() {
                Ok((folded, lines)) => {
                    scan.folded.add(folded);
                    scan.lines.add(lines);
                }
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    scan
}

fn work<F: Fold>(mut folded: F, receive: &Mutex<mpsc::Receiver<Block>>, give_back: &mpsc::Sender<Vec<u8>>) -> (F, Lines) {
    let mut lines = Lines::default();
    loop {
        let next = match receive.lock() {
            Ok(receive) => receive.recv(),
            Err(_) => break,
        };
        let Ok(block) = next else { break };
        // One check of the whole is cheaper than one of each string.
        let all = std::str::from_utf8(&block.bytes).ok();
        let mut start = 0;
        let ends = memchr::memchr_iter(b'\n', &block.bytes).map(|at| at + 1);
        let rest = (!block.bytes.ends_with(b"\n")).then_some(block.bytes.len());
        for (line, end) in (block.line + 1..).zip(ends.chain(rest)) {
            let bytes = &block.bytes[start..end];
            let text = all.and_then(|all| all.get(start..end)).ok_or(bytes);
            start = end;
            if bytes.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match Event::read(text) {
                Ok(event) => {
                    lines.events += 1;
                    folded.event(&event, bytes);
                }
                Err(why) => lines.unreadable(Unreadable { log: block.log, line, why }),
            }
        }
        let _ = give_back.send(block.bytes);
    }
    (folded, lines)
}
