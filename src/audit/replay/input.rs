//! Reading several logs at once.
//!
//! Whoever works on lines reads them too, into memory of its own, which stays in
//! the cache of its processor. Each worker has a log to itself while there are
//! enough of them; then they take turns at what is left. Who reads does so for
//! those who wait as well: what reads slowly, as a compressed log does, is read
//! without a pause.

use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::source::{Block, Found, Log, Source};

/// Logs, read by several workers at once.
pub struct Input<'l> {
    logs: &'l [Log],
    state: Mutex<State>,
}

struct State {
    /// The first log that nobody has begun.
    next: usize,
    /// What was begun, and has not ended.
    begun: Vec<Arc<Desk>>,
}

/// What one worker reads.
#[derive(Default)]
pub struct Worker {
    own: Option<Arc<Desk>>,
}

impl<'l> Input<'l> {
    /// Nothing of these logs is read yet.
    pub fn new(logs: &'l [Log]) -> Self {
        Self { logs, state: Mutex::new(State { next: 0, begun: Vec::new() }) }
    }

    /// Reads on, into the block if it finds lines, and says in which log; nothing
    /// when all is read. Only when every log is begun do workers share one.
    pub fn read(&self, worker: &mut Worker, block: &mut Block) -> Option<(usize, Found)> {
        loop {
            let own = match &worker.own {
                Some(own) => own.clone(),
                None => worker.own.insert(self.begin().or_else(|| self.join())?).clone(),
            };
            if let Some(found) = own.read(&self.logs[own.log], block) {
                return Some((own.log, found));
            }
            lock(&self.state).begun.retain(|other| !Arc::ptr_eq(other, &own));
            worker.own = None;
        }
    }

    fn begin(&self) -> Option<Arc<Desk>> {
        let mut state = lock(&self.state);
        let log = state.next;
        (log < self.logs.len()).then(|| {
            state.next += 1;
            let desk = Arc::new(Desk::new(log));
            state.begun.push(desk.clone());
            desk
        })
    }

    fn join(&self) -> Option<Arc<Desk>> {
        lock(&self.state).begun.first().cloned()
    }
}

/// A worker that panics ends the program; until then others may go on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where workers meet who read the same log.
struct Desk {
    log: usize,
    tray: Mutex<Tray>,
    /// A block was filled, or nobody reads any more.
    changed: Condvar,
}

/// There are as many blocks in it as workers that wait.
struct Tray {
    /// The log, while nobody reads it.
    source: Option<Source>,
    has_ended: bool,
    /// To be filled.
    empty: Vec<Block>,
    /// To be taken.
    full: Vec<Block>,
}

impl Desk {
    fn new(log: usize) -> Self {
        let tray = Tray { source: Some(Source::default()), has_ended: false, empty: Vec::new(), full: Vec::new() };
        Self { log, tray: Mutex::new(tray), changed: Condvar::new() }
    }

    /// Takes what was read, or reads, also for those who wait meanwhile; nothing
    /// when the log has ended.
    fn read(&self, log: &Log, block: &mut Block) -> Option<Found> {
        let mut tray = lock(&self.tray);
        let mut is_waiting = false;
        let source = loop {
            if let Some(full) = tray.full.pop() {
                let own = mem::replace(block, full);
                if !is_waiting {
                    // For the one who waits for what was taken.
                    tray.empty.push(own);
                }
                return Some(Found::Lines);
            }
            if tray.has_ended {
                return None;
            }
            if let Some(source) = tray.source.take() {
                break source;
            }
            if !mem::replace(&mut is_waiting, true) {
                tray.empty.push(mem::take(block));
            }
            tray = self.changed.wait(tray).unwrap_or_else(PoisonError::into_inner);
        };
        if is_waiting {
            *block = tray.empty.pop().unwrap_or_default();
        }
        drop(tray);
        let mut reading = Reading { desk: self, source, has_ended: false };
        loop {
            let found = reading.source.read(log, block);
            let mut tray = lock(&self.tray);
            let empty = if matches!(found, Some(Found::Lines)) { tray.empty.pop() } else { None };
            let Some(empty) = empty else {
                drop(tray);
                reading.has_ended = found.is_none();
                return found;
            };
            tray.full.push(mem::replace(block, empty));
            drop(tray);
            self.changed.notify_one();
        }
    }
}

/// Somebody reads; when they stop, and be it by a panic, another may.
struct Reading<'d> {
    desk: &'d Desk,
    source: Source,
    has_ended: bool,
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        let mut tray = lock(&self.desk.tray);
        tray.has_ended = self.has_ended;
        tray.source = (!self.has_ended).then(|| mem::take(&mut self.source));
        self.desk.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::Write as _;
    use std::path::Path;
    use std::thread;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::super::source::{BLOCK, MAX_LINE};
    use super::*;

    /// Every line: its log, number and text; of one too long: no text, but its length.
    fn lines(logs: &[Log], workers: usize) -> Vec<(usize, u64, Result<Vec<u8>, u64>)> {
        let input = Input::new(logs);
        let work = || {
            let (mut worker, mut block, mut lines) = (Worker::default(), Block::default(), Vec::new());
            while let Some((log, found)) = input.read(&mut worker, &mut block) {
                match found {
                    Found::Lines => {
                        let mut start = 0;
                        for (line, end) in block.ends() {
                            lines.push((log, line, Ok(block.bytes()[start..end].to_vec())));
                            start = end;
                        }
                        assert_eq!(start, block.bytes().len());
                    }
                    Found::TooLong { line, bytes } => lines.push((log, line, Err(bytes))),
                    Found::Fault(error) => panic!("{error}"),
                }
            }
            lines
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            let mut lines: Vec<_> = workers.into_iter().flat_map(|worker| worker.join().expect("it ends")).collect();
            lines.sort();
            lines
        })
    }

    /// A line of so many bytes with its line feed.
    fn line(bytes: usize) -> Vec<u8> {
        let mut line: Vec<u8> = (1..bytes).map(|at| b'a' + (at % 26) as u8).collect();
        line.push(b'\n');
        line
    }

    fn write(folder: &Path, name: &str, lines: &[Vec<u8>], compress: bool) -> Log {
        let path = folder.join(name);
        let text = lines.concat();
        if compress {
            let mut gzip = GzEncoder::new(File::create(&path).expect("a file"), Compression::fast());
            gzip.write_all(&text).and_then(|()| gzip.finish().map(|_| ())).expect("written");
        } else {
            fs::write(&path, text).expect("written");
        }
        Log::File(path)
    }

    #[test]
    fn every_line_is_read_once_and_has_its_number_whoever_reads_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut logs = Vec::new();
        let mut expected = Vec::new();
        for log in 0..5 {
            let mut content: Vec<_> = (0..400).map(|index| line(1 + (index * 7919 * (log + 1)) % 5000)).collect();
            content.insert(20, line(BLOCK + log));
            content.insert(90, line(5 * BLOCK));
            content.push(b"no line feed".to_vec());
            logs.push(write(folder.path(), &log.to_string(), &content, log % 2 == 1));
            expected.extend(content.into_iter().zip(1..).map(|(text, number)| (log, number, Ok(text))));
        }
        for workers in [1, 2, 8] {
            assert!(lines(&logs, workers) == expected, "{workers} workers");
            // Alone, a log is shared: one that is read fast, and a compressed one.
            for (log, expected) in expected.chunks(403).enumerate() {
                let alone: Vec<_> = expected.iter().cloned().map(|(_, line, text)| (0, line, text)).collect();
                assert!(lines(&logs[log..=log], workers) == alone, "{workers} workers, log {log} alone");
            }
        }
    }

    #[test]
    fn a_line_is_too_long_or_not_wherever_it_begins() {
        let folder = tempfile::tempdir().expect("a folder");
        for before in [0, 1, BLOCK - 1, BLOCK] {
            let mut content = vec![line(before), line(MAX_LINE + 1), line(3), line(MAX_LINE + 2), line(4)];
            content.retain(|line| line.len() > 1 || before == 1);
            let last = vec![b'x'; MAX_LINE + 1];
            content.push(last);
            let log = write(folder.path(), "log", &content, false);
            let expected: Vec<_> = content
                .into_iter()
                .zip(1..)
                .map(|(text, number)| {
                    let is_long = text.strip_suffix(b"\n").unwrap_or(&text).len() > MAX_LINE;
                    (0, number, if is_long { Err(text.len() as u64) } else { Ok(text) })
                })
                .collect();
            assert!(lines(&[log], 1) == expected, "after {before} bytes");
        }
    }
}
