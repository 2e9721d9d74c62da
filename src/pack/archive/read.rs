//! Reading archives back: whatever this module would not have written is refused.

use std::collections::BTreeMap;

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use super::{ArchiveError, BLOCK, GZIP_HEADER, MAX_BYTES, MAX_ENTRIES, OwnedEntry};
use super::{check_names, header, tar, unpacked_limit};

/// Decompresses what [`gzip`](super::gzip) wrote: its header, one member, nothing after it, at most `limit` bytes.
pub fn gunzip(bytes: &[u8], limit: usize) -> Result<Vec<u8>, ArchiveError> {
    let refuse = |why| Err(ArchiveError::Gzip { why });
    let Some(rest) = bytes.strip_prefix(&GZIP_HEADER) else {
        return refuse("its gzip header is another one");
    };
    let Some((deflated, [c0, c1, c2, c3, s0, s1, s2, s3])) = rest.split_last_chunk::<8>() else {
        return refuse("it is cut short");
    };
    // The stated length is the bound: nothing grows while inflating, and a lie is found out by the inflater.
    let size = u32::from_le_bytes([*s0, *s1, *s2, *s3]) as usize;
    if size > limit {
        return Err(ArchiveError::TooLarge { limit });
    }
    let mut out = vec![0; size];
    let mut state = Box::<DecompressorOxide>::default();
    let (status, consumed, written) = decompress(&mut state, deflated, &mut out, 0, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF);
    match status {
        TINFLStatus::Done if written != size => refuse("its length is not the one it states"),
        TINFLStatus::Done if consumed != deflated.len() => refuse("something follows its compressed data"),
        TINFLStatus::Done if crc32fast::hash(&out) != u32::from_le_bytes([*c0, *c1, *c2, *c3]) => {
            refuse("its checksum is wrong: it was damaged")
        }
        TINFLStatus::Done => Ok(out),
        TINFLStatus::HasMoreOutput => refuse("its length is not the one it states"),
        TINFLStatus::FailedCannotMakeProgress | TINFLStatus::NeedsMoreInput => refuse("it is cut short"),
        _ => refuse("its compressed data is damaged"),
    }
}

/// Reads what [`ustar`](super::ustar) wrote, and nothing else.
///
/// Every header is written again from what was read of it and compared, so that no field can say anything that is
/// not in the result.
pub fn read_tar(bytes: &[u8]) -> Result<Vec<OwnedEntry>, ArchiveError> {
    if bytes.len() > MAX_BYTES {
        return Err(ArchiveError::TooLarge { limit: MAX_BYTES });
    }
    let mut entries: Vec<OwnedEntry> = Vec::new();
    let mut offset = 0;
    loop {
        let refuse = |why| Err(ArchiveError::Tar { offset, why });
        let Some((block, rest)) = bytes[offset..].split_first_chunk::<BLOCK>() else {
            return refuse("it is cut short");
        };
        if *block == [0; BLOCK] {
            if *rest != [0; BLOCK] {
                return refuse("it does not end with exactly two blocks of zeros");
            }
            break;
        }
        if entries.len() == MAX_ENTRIES {
            return Err(ArchiveError::TooMany { limit: MAX_ENTRIES });
        }
        let (mut entry, size) = read_header(block, offset)?;
        let padded = size.next_multiple_of(BLOCK);
        if padded > rest.len() {
            return refuse("a file in it is cut short");
        }
        let (content, padding) = rest[..padded].split_at(size);
        if padding.iter().any(|byte| *byte != 0) {
            return refuse("the padding after a file is not zeros");
        }
        entry.content = content.to_vec();
        if header(&entry.as_entry()).as_ref() != Ok(block) {
            return refuse("a file's header is not written as packwright writes it");
        }
        if entries.last().is_some_and(|last| last.path.as_bytes() > entry.path.as_bytes()) {
            return refuse("its files are not sorted by path");
        }
        entries.push(entry);
        offset += BLOCK + padded;
    }
    check_names(entries.iter().map(|entry| entry.path.as_str()))?;
    Ok(entries)
}

/// The entry that a header describes, still without content, and the content's size.
fn read_header(block: &[u8; BLOCK], offset: usize) -> Result<(OwnedEntry, usize), ArchiveError> {
    let tar_error = |why| ArchiveError::Tar { offset, why };
    let header = ::tar::Header::from_byte_slice(block);
    let Some(ustar) = header.as_ustar() else {
        return Err(tar_error("it is no POSIX (ustar) header"));
    };
    let text = |field: &[u8]| {
        let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
        String::from_utf8(field[..end].to_vec()).map_err(|_| tar_error("a name in the header is not UTF-8"))
    };
    let (prefix, name) = (text(&ustar.prefix)?, text(&ustar.name)?);
    let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
    if let Some(kind) = special(ustar.typeflag[0]) {
        return Err(ArchiveError::NotAFile { path, kind });
    }
    let number = |_| tar_error("a number in the header cannot be read");
    let size = header.entry_size().map_err(number)?;
    let entry = OwnedEntry {
        path,
        mode: header.mode().map_err(number)?,
        uid: header.uid().map_err(number)?,
        gid: header.gid().map_err(number)?,
        uname: text(&ustar.uname)?,
        gname: text(&ustar.gname)?,
        content: Vec::new(),
    };
    match usize::try_from(size) {
        Ok(size) if size <= MAX_BYTES => Ok((entry, size)),
        _ => Err(ArchiveError::TooLarge { limit: MAX_BYTES }),
    }
}

/// What an entry is that is no regular file.
fn special(typeflag: u8) -> Option<&'static str> {
    Some(match typeflag {
        b'0' => return None,
        b'1' => "a hard link",
        b'2' => "a symbolic link",
        b'3' | b'4' => "a device",
        b'5' => "a folder",
        b'6' => "a named pipe",
        b'x' | b'g' | b'L' | b'K' => "an extension header",
        _ => "of an unknown type",
    })
}

/// Reads the `.tar.gz` of a pack: the name of its top-level folder, and its files by path inside that folder.
///
/// An archive is valid only if its gzip header is ours and packing its files again gives the same tar. The
/// compressed bytes themselves are not compared: `NAME-VERSION.tar.gz.sha256` is for that.
pub fn unpack(archive: &[u8]) -> Result<(String, BTreeMap<String, Vec<u8>>), ArchiveError> {
    if archive.len() > MAX_BYTES {
        return Err(ArchiveError::TooLarge { limit: MAX_BYTES });
    }
    let bytes = gunzip(archive, unpacked_limit(archive.len()))?;
    let entries = read_tar(&bytes)?;
    let first = entries.first().ok_or(ArchiveError::Empty)?;
    let root = match first.path.split_once('/') {
        Some((root, _)) => root.to_owned(),
        None => {
            return Err(ArchiveError::Root { path: first.path.clone() });
        }
    };
    let mut files = BTreeMap::new();
    for entry in entries {
        match entry.path.strip_prefix(&root).and_then(|rest| rest.strip_prefix('/')) {
            Some(path) => files.insert(path.to_owned(), entry.content),
            None => return Err(ArchiveError::Root { path: entry.path }),
        };
    }
    // Owner and mode are compared by this, too.
    if tar(&root, &files)? != bytes {
        return Err(ArchiveError::NotCanonical);
    }
    Ok((root, files))
}
