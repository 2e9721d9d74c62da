//! Reading logs in blocks of whole lines, whatever they lie in: files, folders
//! of rotated files, gzip, standard input.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

/// What is read at once, in bytes.
pub const BLOCK: usize = 1 << 20;
/// The longest line that is read, in bytes. What an API server writes is bounded by what etcd stores.
pub const MAX_LINE: usize = 8 << 20;

/// Whole lines of a log.
#[derive(Debug, Default)]
pub struct Block {
    /// The lines, each with its line feed; the last of a log may lack it.
    pub bytes: Vec<u8>,
    /// Which log.
    pub log: usize,
    /// How many lines of the log come before.
    pub line: u64,
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
    fn open(&self) -> io::Result<Box<dyn Read>> {
        let mut source: Box<dyn Read> = match self {
            Log::Stdin => Box::new(io::stdin().lock()),
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

/// Where a line was longer than [`MAX_LINE`].
pub struct TooLong {
    /// Its number, from 1.
    pub line: u64,
    /// Its length in bytes, with its line feed.
    pub bytes: u64,
}

/// Reads a log to its end, handing on blocks of whole lines. `buffer` gives
/// each block its memory; `hand_on` may refuse to go on.
///
/// # Errors
/// That the log cannot be opened or read on; what came before was handed on.
pub fn read(
    log: &Log,
    index: usize,
    mut buffer: impl FnMut() -> Vec<u8>,
    mut hand_on: impl FnMut(Block),
    mut too_long: impl FnMut(TooLong),
) -> io::Result<()> {
    let mut source = log.open()?;
    let mut block = Block { bytes: buffer(), log: index, line: 0 };
    // Of a line that is too long: its bytes so far, all thrown away.
    let mut skipped = 0_u64;
    loop {
        let room = if block.bytes.len() < BLOCK { BLOCK } else { block.bytes.len() * 2 };
        let before = block.bytes.len();
        let read = source.by_ref().take((room - before) as u64).read_to_end(&mut block.bytes);
        let ended = !matches!(read, Ok(count) if count > 0);
        if skipped > 0 {
            let end = memchr::memchr(b'\n', &block.bytes).map(|at| at + 1);
            skipped += end.unwrap_or(block.bytes.len()) as u64;
            block.bytes.drain(..end.unwrap_or(block.bytes.len()));
            if end.is_some() || ended {
                block.line += 1;
                too_long(TooLong { line: block.line, bytes: skipped });
                skipped = 0;
            }
        } else if let Some(end) = memchr::memrchr(b'\n', &block.bytes).map(|at| at + 1) {
            let mut next = Block { bytes: buffer(), log: index, line: block.line };
            next.bytes.extend_from_slice(&block.bytes[end..]);
            block.bytes.truncate(end);
            next.line += memchr::memchr_iter(b'\n', &block.bytes).count() as u64;
            hand_on(std::mem::replace(&mut block, next));
        } else if block.bytes.len() > MAX_LINE {
            skipped = block.bytes.len() as u64;
            block.bytes = buffer();
        }
        if ended {
            if !block.bytes.is_empty() {
                hand_on(block);
            }
            return read.map(|_| ());
        }
    }
}
