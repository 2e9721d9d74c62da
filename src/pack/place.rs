//! Puts a built pack where people will look for it: `DIR/STEM/`, `DIR/STEM.tar.gz`, `DIR/STEM.tar.gz.sha256`.
//!
//! Whatever happens (an error, a full disk, `kill -9`, two builds at once) these hold:
//!
//! * The folder and the archive are each a whole pack or not there. Neither is ever half written.
//! * If the sidecar (`.sha256`) is there, then folder, archive and sidecar are of one build.
//! * An error leaves the pack that was there before as it was, sidecar included.
//! * After a success the folder `DIR` holds nothing of ours but the three.
//!
//! How: under an exclusive lock on `DIR` itself everything is first written to one staging folder beside the
//! destination, so that a full disk strikes before anything is touched. Then only renames follow: the old sidecar
//! out, the folder, the archive, the new sidecar in. Each can be taken back until the last one is done. Where the
//! operating system or file system cannot exchange two names in one step, the old one is first renamed into the
//! staging folder, and the next run puts it back if this one was killed just then.
//!
//! Nothing is synced to the disk: that would cost more than the entire build. After a power loss a file may be
//! torn; `SHA256SUMS` and the sidecar show it, and building again gives the same bytes.

mod commit;
mod error;
mod inspect;
mod lock;
mod staging;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::pack::archive::check_names;
use commit::{Moves, System, commit};
pub use error::PlaceError;
pub use inspect::{Existing, inspect};
use staging::Staging;

/// A built pack, complete in memory.
#[derive(Debug, Clone, Copy)]
pub struct Built<'a> {
    /// `NAME-VERSION`: the name of the folder, and of the archive before `.tar.gz`.
    pub stem: &'a str,
    /// Every file of the pack by its path in the folder, `SHA256SUMS` included.
    pub files: &'a BTreeMap<String, Vec<u8>>,
}

/// Where a pack was put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The folder.
    pub directory: PathBuf,
    /// The `.tar.gz`.
    pub archive: PathBuf,
    /// The `.tar.gz.sha256`.
    pub sidecar: PathBuf,
    /// The archive's SHA-256 in lower case hexadecimal.
    pub archive_sha256: String,
    /// What remains of the replaced pack because it could not be deleted. The new pack is whole all the same; the
    /// next build tries again.
    pub leftover: Option<PathBuf>,
}

impl Placed {
    fn new(directory: &Path, stem: &str) -> Self {
        Self {
            archive_sha256: String::new(),
            directory: directory.join(stem),
            archive: directory.join(format!("{stem}.tar.gz")),
            sidecar: directory.join(format!("{stem}.tar.gz.sha256")),
            leftover: None,
        }
    }
}

/// Writes a pack into `directory`, which is made if it is missing: its folder, the archive of it, and the sidecar.
///
/// If another build has the folder, `waiting` is called once, and then this waits for as long as that build takes.
/// Once nobody else can change anything, `may_replace` is told what is at the destination and decides: its error is
/// returned as it is, and nothing was changed. A link, or a file where a folder belongs (or the other way round),
/// is refused without asking.
pub fn place<E: From<PlaceError>>(
    built: &Built<'_>,
    directory: &Path,
    waiting: impl FnOnce(),
    may_replace: impl FnOnce(&Existing) -> Result<(), E>,
) -> Result<Placed, E> {
    place_with(&System, built, directory, waiting, may_replace)
}

fn place_with<E: From<PlaceError>>(
    moves: &dyn Moves,
    built: &Built<'_>,
    directory: &Path,
    waiting: impl FnOnce(),
    may_replace: impl FnOnce(&Existing) -> Result<(), E>,
) -> Result<Placed, E> {
    check(built)?;
    let _lock = lock::exclusive(directory, waiting)?;
    let staging = Staging::of(directory);
    staging.sweep(moves)?;

    let mut placed = Placed::new(directory, built.stem);
    let existing = inspect(&placed.directory)?;
    may_replace(&existing)?;

    let filled = staging.fill(built).and_then(|sha256| {
        placed.archive_sha256 = sha256;
        commit(moves, &staging, &placed, &existing)
    });
    match filled {
        Ok(()) => {
            placed.leftover = staging.discard().err().map(|_| staging.root().to_owned());
            Ok(placed)
        }
        // The staging folder may hold the only copy of the old pack.
        Err(error @ PlaceError::Torn { .. }) => Err(error.into()),
        Err(error) => {
            // The first error is the one to tell. What can't be deleted now is swept by the next run.
            let _ = staging.discard();
            Err(error.into())
        }
    }
}

/// Nothing may be written outside the folder, whatever the caller let through.
fn check(built: &Built<'_>) -> Result<(), PlaceError> {
    if built.stem.contains('/') || built.stem.starts_with('.') {
        return Err(PlaceError::Stem { stem: built.stem.to_owned() });
    }
    let paths: Vec<String> = built.files.keys().map(|path| format!("{}/{path}", built.stem)).collect();
    check_names(paths.iter().map(String::as_str)).map_err(|cause| PlaceError::Names { cause })
}
