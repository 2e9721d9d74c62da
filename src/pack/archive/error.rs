//! What can be wrong with an archive.

use thiserror::Error;

/// Why an archive could not be written, or was not accepted.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The path could not be unpacked safely everywhere.
    #[error("the path {path:?} cannot be in an archive: {why}")]
    Path {
        /// The offending path.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The path doesn't fit the name fields of ustar.
    #[error("the path {path:?} is too long for an archive: it must split at a '/' into at most 155 and at most 100 bytes")]
    TooLong {
        /// The offending path.
        path: String,
    },
    /// The same path twice.
    #[error("the archive would hold {path:?} twice")]
    Duplicate {
        /// The offending path.
        path: String,
    },
    /// Two paths that are one on some file systems.
    #[error(
        "{path:?} and {other:?} cannot both be in an archive: they differ only in letter case, or one is a file where the other needs a folder"
    )]
    Collision {
        /// The later of the two.
        path: String,
        /// The one it collides with.
        other: String,
    },
    /// Owner, group or mode that ustar cannot express.
    #[error("{path:?} cannot be in an archive: its {field} {value:?} does not fit the tar header")]
    Field {
        /// The path of the entry.
        path: String,
        /// The header field.
        field: &'static str,
        /// Its value.
        value: String,
    },
    /// No files at all, where a pack needs some.
    #[error("an archive of a pack must hold at least one file")]
    Empty,
    /// More files than [`MAX_ENTRIES`](super::MAX_ENTRIES).
    #[error("the archive holds more than {limit} files")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// More bytes than allowed.
    #[error("the archive holds more than the {limit} bytes that an archive of its size may unpack to")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// Not our gzip.
    #[error("not a .tar.gz that packwright wrote: {why}")]
    Gzip {
        /// What is wrong with it.
        why: &'static str,
    },
    /// Not our tar.
    #[error("not a tar archive that packwright wrote: at byte {offset}: {why}")]
    Tar {
        /// Where in the (uncompressed) archive.
        offset: usize,
        /// What is wrong there.
        why: &'static str,
    },
    /// A link, a device, a folder, an extension header.
    #[error("the archive holds {path:?}, which is {kind}: only regular files are accepted")]
    NotAFile {
        /// The path of the entry.
        path: String,
        /// What it is.
        kind: &'static str,
    },
    /// The files of a pack don't lie in one top-level folder.
    #[error("an archive of a pack has one top-level folder, and {path:?} does not lie in it")]
    Root {
        /// The path that doesn't fit.
        path: String,
    },
    /// Repacking what was read gives other bytes.
    #[error("the archive is not the one that packing its own files gives: it was made or changed by another program")]
    NotCanonical,
}
