//! Archives whose bytes depend on nothing but their content.
//!
//! A pack is shipped as `NAME-VERSION.tar.gz`, the files for a kubeadm node as `node-files.tar`. Both are written
//! here and read back here. What is read must be exactly what this module would write, so a link, a device, a
//! `..`, a second file of the same name or bytes hidden in padding never reach the disk.
//!
//! The layout, which a pack's format fixes:
//!
//! * **tar**: POSIX ustar, regular files only, sorted by the bytes of the full path, mtime 0. A path longer than
//!   100 bytes is split at the last `/` that leaves a prefix of at most 155 bytes. The archive ends with exactly two
//!   zero blocks and is *not* padded to a 10 KiB record. Those are the bytes of
//!   `tar --format=ustar --blocking-factor=1 --mtime=@0 --numeric-owner` with the files named in that order.
//! * **gzip**: a ten byte header with every optional part empty (no name, no time, XFL 0, OS 255 "unknown"), one
//!   deflate stream of zlib-rs at [`LEVEL`], CRC-32 and length.

mod error;
mod names;
mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use zlib_rs::{DeflateConfig, ReturnCode, compress_bound, compress_slice};

pub use error::ArchiveError;
pub(crate) use names::check as check_names;
pub use read::{gunzip, read_tar, unpack};

/// The compression level of a format 1 archive. Another level is other bytes, and so another format.
///
/// Level 6 makes a pack smaller by some four percent, and takes twice the time.
///
/// zlib-rs is called directly rather than through flate2, whose backend, and so whose bytes, any crate in the
/// dependency graph can change by enabling a feature. Its vector instructions are for comparing and moving bytes: what
/// it finds, and so what it writes, is the same on every processor.
pub const LEVEL: i32 = 3;

/// The most files one archive may hold.
pub const MAX_ENTRIES: usize = 4096;

/// The most bytes an archive may have, compressed or not. Packs are some hundred kilobytes.
pub const MAX_BYTES: usize = 64 << 20;

/// An archive that unpacks to more than [`RATIO_FREE_BYTES`] may not unpack to more than this many times its size.
const MAX_RATIO: usize = 100;

/// Up to this size the ratio doesn't matter: nothing is exhausted by it, and honest text can compress very well.
const RATIO_FREE_BYTES: usize = 16 << 20;

const BLOCK: usize = 512;

/// Magic, deflate, no flags, mtime 0, XFL 0, operating system unknown.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// The mode of every file of a pack.
const PACK_MODE: u32 = 0o644;

/// One file to be written to an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Relative, `/` between components.
    pub path: &'a str,
    /// Permission bits, at most `0o7777`.
    pub mode: u32,
    /// Numeric owner.
    pub uid: u64,
    /// Numeric group.
    pub gid: u64,
    /// Name of the owner, or empty. Where it exists, tar running as root prefers it to the number.
    pub uname: &'a str,
    /// Name of the group, or empty.
    pub gname: &'a str,
    /// The bytes of the file.
    pub content: &'a [u8],
}

/// One file read from an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedEntry {
    /// Relative, `/` between components.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// Numeric owner.
    pub uid: u64,
    /// Numeric group.
    pub gid: u64,
    /// Name of the owner, or empty.
    pub uname: String,
    /// Name of the group, or empty.
    pub gname: String,
    /// The bytes of the file.
    pub content: Vec<u8>,
}

impl OwnedEntry {
    /// The same entry, borrowed, as [`ustar`] takes it.
    pub fn as_entry(&self) -> Entry<'_> {
        Entry {
            path: &self.path,
            mode: self.mode,
            uid: self.uid,
            gid: self.gid,
            uname: &self.uname,
            gname: &self.gname,
            content: &self.content,
        }
    }
}

/// The tar of a pack: every file below one folder `root`, mode 0644, owner and group 0 without names.
pub fn tar(root: &str, files: &BTreeMap<String, Vec<u8>>) -> Result<Vec<u8>, ArchiveError> {
    if root.contains('/') {
        let why = "the top-level folder of a pack is one plain name";
        return Err(ArchiveError::Path { path: root.to_owned(), why });
    }
    if files.is_empty() {
        return Err(ArchiveError::Empty);
    }
    let paths: Vec<String> = files.keys().map(|path| format!("{root}/{path}")).collect();
    let entries: Vec<Entry<'_>> = paths.iter().zip(files.values()).map(|(path, content)| pack_entry(path, content)).collect();
    ustar(&entries)
}

fn pack_entry<'a>(path: &'a str, content: &'a [u8]) -> Entry<'a> {
    Entry { path, mode: PACK_MODE, uid: 0, gid: 0, uname: "", gname: "", content }
}

/// A ustar archive of `entries`, in whatever order they come. No entries give an archive of two zero blocks.
pub fn ustar(entries: &[Entry<'_>]) -> Result<Vec<u8>, ArchiveError> {
    check_names(entries.iter().map(|entry| entry.path))?;
    let mut sorted: Vec<&Entry<'_>> = entries.iter().collect();
    sorted.sort_by_key(|entry| entry.path.as_bytes());

    // Each entry takes less than its content and two blocks more; saturating, since the check comes after.
    let size = entries.iter().fold(2 * BLOCK, |sum, entry| sum.saturating_add(entry.content.len() + 2 * BLOCK));
    if size > MAX_BYTES {
        return Err(ArchiveError::TooLarge { limit: MAX_BYTES });
    }
    let mut out = Vec::with_capacity(size);
    for entry in sorted {
        out.extend_from_slice(&header(entry)?);
        out.extend_from_slice(entry.content);
        out.resize(out.len().next_multiple_of(BLOCK), 0);
    }
    out.resize(out.len() + 2 * BLOCK, 0);
    Ok(out)
}

/// The header block of an entry, field by field: the setters of the `tar` crate fall back to GNU forms for numbers
/// that don't fit and normalise paths, and both would be silent.
fn header(entry: &Entry<'_>) -> Result<[u8; BLOCK], ArchiveError> {
    let mut block = tar::Header::new_ustar();
    let (prefix, name) = split(entry.path)?;
    let field = |field, value: String| ArchiveError::Field { path: entry.path.to_owned(), field, value };
    let fits = |value: u64, digits: u32| value < 1 << (3 * digits);
    if entry.mode > 0o7777 {
        return Err(field("mode", format!("{:o}", entry.mode)));
    }
    for (what, id) in [("owner", entry.uid), ("group", entry.gid)] {
        if !fits(id, 7) {
            return Err(field(what, id.to_string()));
        }
    }
    for (what, text) in [("owner", entry.uname), ("group", entry.gname)] {
        // One of the 32 bytes ends the name.
        if text.len() > 31 || text.contains(char::is_control) {
            return Err(field(what, text.to_owned()));
        }
    }
    let size = entry.content.len() as u64;
    if !fits(size, 11) {
        return Err(field("size", size.to_string()));
    }

    let Some(ustar) = block.as_ustar_mut() else {
        unreachable!("new_ustar makes a ustar header");
    };
    put(&mut ustar.name, name);
    put(&mut ustar.prefix, prefix);
    put(&mut ustar.mode, &format!("{:07o}", entry.mode));
    put(&mut ustar.uid, &format!("{:07o}", entry.uid));
    put(&mut ustar.gid, &format!("{:07o}", entry.gid));
    put(&mut ustar.size, &format!("{size:011o}"));
    put(&mut ustar.mtime, "00000000000");
    ustar.typeflag = *b"0";
    put(&mut ustar.uname, entry.uname);
    put(&mut ustar.gname, entry.gname);
    put(&mut ustar.dev_major, "0000000");
    put(&mut ustar.dev_minor, "0000000");
    // The checksum is taken with its own field as blanks.
    ustar.cksum = *b"        ";
    let sum: u32 = block.as_bytes().iter().map(|byte| u32::from(*byte)).sum();
    put(&mut block.as_old_mut().cksum, &format!("{sum:06o}\0 "));
    Ok(*block.as_bytes())
}

/// Copies text to the start of a zeroed field. The callers have checked that it fits.
fn put(field: &mut [u8], text: &str) {
    field[..text.len()].copy_from_slice(text.as_bytes());
}

/// Splits a path into the prefix and name of a ustar header, as GNU tar does.
fn split(path: &str) -> Result<(&str, &str), ArchiveError> {
    if path.len() <= 100 {
        return Ok(("", path));
    }
    let window = &path.as_bytes()[..path.len().min(156)];
    let slash = window.iter().rposition(|byte| *byte == b'/');
    match slash.map(|slash| (&path[..slash], &path[slash + 1..])) {
        Some((prefix, name)) if name.len() <= 100 => Ok((prefix, name)),
        _ => Err(ArchiveError::TooLong { path: path.to_owned() }),
    }
}

/// Compresses to the one gzip member that these bytes have in this format.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0; GZIP_HEADER.len() + compress_bound(bytes.len())];
    let (head, room) = out.split_at_mut(GZIP_HEADER.len());
    head.copy_from_slice(&GZIP_HEADER);
    // A negative window is how zlib is told to leave out its own header.
    let config = DeflateConfig { window_bits: -15, ..DeflateConfig::new(LEVEL) };
    let (deflated, ReturnCode::Ok) = compress_slice(room, bytes, config) else {
        unreachable!("the room is what zlib says is enough");
    };
    let length = GZIP_HEADER.len() + deflated.len();
    out.truncate(length);
    out.extend_from_slice(&crc32fast::hash(bytes).to_le_bytes());
    // The format says "modulo 2^32".
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out
}

/// The `.tar.gz` of a pack: what [`unpack`] accepts.
pub fn pack(root: &str, files: &BTreeMap<String, Vec<u8>>) -> Result<Vec<u8>, ArchiveError> {
    let tar = tar(root, files)?;
    let archive = gzip(&tar);
    // Nothing is built that could not be unpacked again.
    let limit = unpacked_limit(archive.len());
    if tar.len() > limit {
        return Err(ArchiveError::TooLarge { limit });
    }
    Ok(archive)
}

fn unpacked_limit(compressed: usize) -> usize {
    compressed.saturating_mul(MAX_RATIO).clamp(RATIO_FREE_BYTES, MAX_BYTES)
}
