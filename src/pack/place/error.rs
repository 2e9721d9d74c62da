//! Why a pack could not be put in its place.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::pack::archive::ArchiveError;

/// Why a pack could not be put in its place. Each text says what state things are in.
///
/// The operating system's words are part of the text, so `source()` doesn't repeat them.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// The name of the pack is none that a folder beside others could have.
    #[error("a pack cannot be called {stem:?}: the name must not contain '/' nor start with '.'")]
    Stem {
        /// The `NAME-VERSION` asked for.
        stem: String,
    },
    /// A path in the pack would be unsafe to write.
    #[error("the pack was not written: {cause}")]
    Names {
        /// What is wrong with which path.
        cause: ArchiveError,
    },
    /// The files do not fit an archive.
    #[error("the pack cannot be archived: {cause}")]
    Archive {
        /// What does not fit.
        cause: ArchiveError,
    },
    /// The output folder, or one above it, is a file.
    #[error("cannot write to {path}: it, or a folder on the way to it, is a file; name a folder for the output")]
    NotAFolder {
        /// The output folder asked for.
        path: PathBuf,
    },
    /// The output folder cannot be made or opened.
    #[error("cannot open or make the output folder {path}: {cause}")]
    Directory {
        /// The output folder asked for.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// The file system cannot lock, so two builds could mix.
    #[error("cannot lock the output folder {path}: {cause}; build on a local disk and copy the pack from there")]
    Lock {
        /// The output folder.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// Something that packwright would never have put there.
    #[error("{path} is {what}, where {expected} belongs: it is never replaced; move it away, or name another output folder")]
    Occupied {
        /// Where the pack would go.
        path: PathBuf,
        /// What is there.
        what: &'static str,
        /// What would be put there.
        expected: &'static str,
    },
    /// What is at the destination cannot be read, so nobody knows whether it may be replaced.
    #[error("cannot read {path}, which the new pack would replace: {cause}; nothing was changed")]
    Read {
        /// What could not be read.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// An earlier run was killed, and what it left cannot be cleared.
    #[error("cannot clear {path}, which a build that was interrupted left behind: {cause}; delete it and build again")]
    Sweep {
        /// The remains.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// The new pack cannot be written. The old one was not touched.
    #[error("cannot write {path}: {cause}; no pack was written, and what was there is unchanged")]
    Write {
        /// The file or folder being written.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// The new pack was written but cannot be put in the place of the old one, which is as it was.
    #[error("cannot put the new {path} in its place: {cause}{}; what was there is unchanged", hint(.cause))]
    Replace {
        /// The destination.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// As [`PlaceError::Replace`], and the steps before it could not be taken back either.
    #[error(
        "cannot put the new {path} in its place: {cause}; and the step before could not be taken back: {undo}. \
         Folder and archive may be of different builds (there is no .sha256 then): build again when the disk is well; \
         until then do not delete {staging}, which holds the rest"
    )]
    Torn {
        /// The destination that failed.
        path: PathBuf,
        /// What the operating system said at first.
        cause: io::Error,
        /// What it said to putting things back.
        undo: io::Error,
        /// Where the rest lies.
        staging: PathBuf,
    },
}

impl PlaceError {
    /// True if the machine failed (disk, permission), false if what was asked for is refused.
    pub fn is_machine(&self) -> bool {
        match self {
            Self::Stem { .. } | Self::Names { .. } | Self::Archive { .. } | Self::NotAFolder { .. } | Self::Occupied { .. } => false,
            Self::Directory { .. }
            | Self::Lock { .. }
            | Self::Read { .. }
            | Self::Sweep { .. }
            | Self::Write { .. }
            | Self::Replace { .. }
            | Self::Torn { .. } => true,
        }
    }
}

/// The operating system's "invalid cross-device link" helps nobody.
fn hint(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::CrossesDevices | io::ErrorKind::ResourceBusy => {
            " (the old one is a mount, or lies in a lower layer of a container image: delete it first)"
        }
        _ => "",
    }
}
