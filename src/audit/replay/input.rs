//! Reading logs in blocks of whole lines, whatever they lie in: files, folders
//! of rotated files, gzip, standard input.
//!
//! Whoever works on lines reads them too, into memory of its own, which stays in
//! the cache of its processor. Each worker has a log to itself while there are
//! enough of them; then they take turns at what is left.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use flate2::read::MultiGzDecoder;

/// What is read at once, in bytes: with what is made of it, less than a
/// processor's own cache.
pub const BLOCK: usize = 1 << 18;
/// The longest line that is read, in bytes. What an API server writes is bounded by what etcd stores.
pub const MAX_LINE: usize = 8 << 20;

/// Whole lines of a log, and room for the next ones.
#[derive(Debug, Default)]
pub struct Block {
    /// What was read, then room.
    bytes: Vec<u8>,
    /// Where each line ends, behind its line feed; the last of a log may lack it.
    ends: Vec<usize>,
    /// How many lines of the log come before.
    before: u64,
}

impl Block {
    /// All lines.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.ends.last().copied().unwrap_or(0)]
    }

    /// The number of each line, from 1, and where it ends in the bytes.
    pub fn ends(&self) -> impl Iterator<Item = (u64, usize)> {
        (self.before + 1..).zip(self.ends.iter().copied())
    }
}

/// A log by its name.
#[derive(Debug, Clone)]
pub enum Log {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

impl Log {
    /// The log as the user named it.
    pub fn name(&self) -> String {
        match self {
            Log::Stdin => "-".to_owned(),
            Log::File(path) => path.display().to_string(),
        }
    }

    /// The text, decompressed if it is compressed. A file that grows is read to
    /// where it ended when it was opened.
    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        let mut source: Box<dyn Read + Send> = match self {
            Log::Stdin => Box::new(io::stdin()),
            Log::File(path) => {
                let file = File::open(path)?;
                let metadata = file.metadata()?;
                if metadata.is_file() { Box::new(file.take(metadata.len())) } else { Box::new(file) }
            }
        };
        let mut head = Vec::with_capacity(2);
        source.by_ref().take(2).read_to_end(&mut head)?;
        let is_gzip = head == [0x1f, 0x8b];
        let whole = io::Cursor::new(head).chain(source);
        Ok(if is_gzip { Box::new(MultiGzDecoder::new(io::BufReader::with_capacity(1 << 16, whole))) } else { Box::new(whole) })
    }
}

/// The logs of an argument: itself, or the files of a folder by name.
///
/// # Errors
/// That the folder cannot be listed.
pub fn logs(argument: &str) -> io::Result<Vec<Log>> {
    if argument == "-" {
        return Ok(vec![Log::Stdin]);
    }
    let path = Path::new(argument);
    if !path.is_dir() {
        return Ok(vec![Log::File(path.to_owned())]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        if path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files.into_iter().map(Log::File).collect())
}

/// What was read of a log.
pub enum Found {
    /// Lines, in the block that was given.
    Lines,
    /// A line longer than [`MAX_LINE`].
    TooLong {
        /// Its number, from 1.
        line: u64,
        /// Its length in bytes, with its line feed.
        bytes: u64,
    },
    /// The log cannot be opened or read on; what came before was found before.
    Fault(io::Error),
}

/// Logs, read by several workers at once.
pub struct Input<'l> {
    logs: &'l [Log],
    state: Mutex<State>,
}

struct State {
    /// The first log that nobody has begun.
    next: usize,
    /// What was begun, and has not ended.
    begun: Vec<Shared>,
}

type Shared = Arc<Mutex<Source>>;

/// What one worker reads.
#[derive(Default)]
pub struct Worker {
    own: Option<Shared>,
}

impl<'l> Input<'l> {
    /// Nothing of these logs is read yet.
    pub fn new(logs: &'l [Log]) -> Self {
        Self { logs, state: Mutex::new(State { next: 0, begun: Vec::new() }) }
    }

    /// Reads on, into the block if it finds lines, and says in which log; nothing
    /// when all is read.
    pub fn read(&self, worker: &mut Worker, block: &mut Block) -> Option<(usize, Found)> {
        loop {
            let own = match &worker.own {
                Some(own) => own.clone(),
                None => worker.own.insert(self.begin().or_else(|| self.join())?).clone(),
            };
            let mut source = match own.try_lock() {
                Ok(source) => source,
                Err(TryLockError::Poisoned(error)) => error.into_inner(),
                Err(TryLockError::WouldBlock) => {
                    // Better a log of its own than to wait.
                    if let Some(other) = self.begin() {
                        worker.own = Some(other);
                        continue;
                    }
                    lock(&own)
                }
            };
            let log = source.log;
            if let Some(found) = source.read(&self.logs[log], block) {
                return Some((log, found));
            }
            drop(source);
            lock(&self.state).begun.retain(|other| !Arc::ptr_eq(other, &own));
            worker.own = None;
        }
    }

    fn begin(&self) -> Option<Shared> {
        let mut state = lock(&self.state);
        let log = state.next;
        (log < self.logs.len()).then(|| {
            state.next += 1;
            let source = Arc::new(Mutex::new(Source { log, ..Source::default() }));
            state.begun.push(source.clone());
            source
        })
    }

    fn join(&self) -> Option<Shared> {
        lock(&self.state).begun.first().cloned()
    }
}

/// A worker that panics ends the program; until then others may go on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A log that is being read.
#[derive(Default)]
struct Source {
    log: usize,
    /// Nothing until it is opened, and when it has ended.
    text: Option<Box<dyn Read + Send>>,
    is_opened: bool,
    /// Why it ended before its end, if that is still to be told.
    fault: Option<io::Error>,
    /// Lines that were read.
    lines: u64,
    /// Read already: the beginning of the next line, or more.
    rest: Vec<u8>,
}

impl Source {
    fn read(&mut self, log: &Log, block: &mut Block) -> Option<Found> {
        if !self.is_opened {
            self.is_opened = true;
            match log.open() {
                Ok(text) => self.text = Some(text),
                Err(error) => self.fault = Some(error),
            }
        }
        block.ends.clear();
        block.before = self.lines;
        // One long line must not make every block large for ever.
        if block.bytes.len() > 2 * BLOCK {
            block.bytes = Vec::new();
        }
        let mut filled = self.rest.len();
        let mut room = BLOCK.max(filled);
        block.bytes.resize(room.max(block.bytes.len()), 0);
        block.bytes[..filled].copy_from_slice(&self.rest);
        self.rest.clear();
        let mut looked = 0;
        loop {
            filled += self.fill(&mut block.bytes[filled..room]);
            block.ends.extend(memchr::memchr_iter(b'\n', &block.bytes[looked..filled]).map(|at| looked + at + 1));
            looked = filled;
            if block.ends.is_empty() && filled > MAX_LINE {
                return Some(self.pass(&mut block.bytes, filled as u64));
            }
            if !block.ends.is_empty() || self.text.is_none() {
                break;
            }
            room = (2 * room).min(MAX_LINE + 1);
            block.bytes.resize(room, 0);
        }
        let end = block.ends.last().copied().unwrap_or(0);
        if self.text.is_some() {
            self.rest.extend_from_slice(&block.bytes[end..filled]);
        } else if end < filled {
            block.ends.push(filled);
        }
        self.lines += block.ends.len() as u64;
        if block.ends.is_empty() { self.fault.take().map(Found::Fault) } else { Some(Found::Lines) }
    }

    /// Reads until the room is full or the log at its end: how many bytes.
    fn fill(&mut self, room: &mut [u8]) -> usize {
        let mut filled = 0;
        while let Some(text) = &mut self.text
            && filled < room.len()
        {
            match text.read(&mut room[filled..]) {
                Ok(0) => self.text = None,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.text = None;
                    self.fault = Some(error);
                }
            }
        }
        filled
    }

    /// Passes over the rest of a line that is too long, of which so many bytes were read.
    fn pass(&mut self, room: &mut [u8], mut bytes: u64) -> Found {
        loop {
            let filled = self.fill(room);
            let end = memchr::memchr(b'\n', &room[..filled]).map(|at| at + 1);
            bytes += end.unwrap_or(filled) as u64;
            if end.is_some() || self.text.is_none() {
                self.rest.extend_from_slice(&room[end.unwrap_or(filled)..filled]);
                self.lines += 1;
                return Found::TooLong { line: self.lines, bytes };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::thread;

    use flate2::Compression;
    use flate2::write::GzEncoder;

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
            assert!(lines(&logs[..1], workers) == expected[..403], "{workers} workers, one log");
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
