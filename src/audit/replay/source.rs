//! A log in blocks of whole lines, whatever it lies in: a file, gzip, standard
//! input.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

/// What is read at once, in bytes: as much as a processor's own cache. What one
/// processor fills for another should no longer be in its cache when that reads it.
pub const BLOCK: usize = 1 << 20;
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

/// A log that is being read.
#[derive(Default)]
pub(super) struct Source {
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
    /// Reads on, into the block if it finds lines; nothing at the end.
    pub(super) fn read(&mut self, log: &Log, block: &mut Block) -> Option<Found> {
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
