//! What a policy would have kept of logs that were written under another one.

mod event;
mod fast;
mod input;
mod outline;
mod tally;

use std::io;
use std::sync::{Mutex, mpsc};
use std::thread;

pub use event::Event;
pub use input::{Log, MAX_LINE, logs};
pub use tally::{Count, Tally, Unreadable};

use super::matcher::Matcher;
use input::{Block, TooLong};

/// A log that could not be read, or not to its end.
#[derive(Debug)]
pub struct Fault {
    /// Which of the logs.
    pub log: usize,
    /// Why.
    pub error: io::Error,
}

/// Reads logs once, in order, and counts what the policy would keep. Memory is
/// bounded by blocks and workers, however long the logs and their lines are.
/// `progress` is told of bytes read, after each block.
pub fn replay(matcher: &Matcher, logs: &[Log], workers: usize, mut progress: impl FnMut(u64)) -> (Tally, Vec<Fault>) {
    let workers = workers.max(1);
    let (send, receive) = mpsc::sync_channel::<Block>(workers);
    let (give_back, used) = mpsc::channel::<Vec<u8>>();
    let receive = Mutex::new(receive);
    let mut faults = Vec::new();
    let mut total = Tally::new(matcher.policy().rules.len());
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers)
            .map(|_| {
                let (receive, give_back) = (&receive, give_back.clone());
                scope.spawn(move || work(matcher, receive, &give_back))
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
                total.unreadable(Unreadable { log: index, line, why });
            };
            if let Err(error) = input::read(log, index, buffer, hand_on, too_long) {
                faults.push(Fault { log: index, error });
            }
        }
        drop(send);
        for worker in workers {
            match worker.join() {
                Ok(tally) => total.add(tally),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    (total, faults)
}

fn work(matcher: &Matcher, receive: &Mutex<mpsc::Receiver<Block>>, give_back: &mpsc::Sender<Vec<u8>>) -> Tally {
    let mut tally = Tally::new(matcher.policy().rules.len());
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
                Ok(event) => tally.count(&event, &matcher.decide(&event.request()), bytes.len() as u64),
                Err(why) => tally.unreadable(Unreadable { log: block.log, line, why }),
            }
        }
        let _ = give_back.send(block.bytes);
    }
    tally
}
