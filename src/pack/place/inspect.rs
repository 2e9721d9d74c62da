//! What is at a destination before it is replaced, and what would be lost.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::PlaceError;
use crate::pack::archive::{self, MAX_BYTES};

const LOCK: &str = "pack.lock.yaml";
const SUMS: &str = "SHA256SUMS";

/// What is at a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Existing {
    /// Nothing, or an empty folder.
    Nothing,
    /// No folder, but a file where the archive goes.
    Archive {
        /// The lock of the pack in it; `None` if it is no pack that can be read.
        lock_text: Option<String>,
    },
    /// A folder that is no pack.
    NotAPack {
        /// What is missing.
        why: String,
    },
    /// A folder with a lock and sums: a pack, or what somebody made of one.
    Pack {
        /// The content of `pack.lock.yaml`.
        lock_text: String,
        /// Files of `SHA256SUMS` that are missing or have other content, and `SHA256SUMS` itself if it is damaged.
        changed: Vec<String>,
        /// Files and folders that are not listed; folders with `/` at the end.
        extra: Vec<String>,
    },
}

impl Existing {
    /// True if replacing this loses nothing that a build could not make again.
    pub fn is_intact(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Archive { lock_text } => lock_text.is_some(),
            Self::NotAPack { .. } => false,
            Self::Pack { changed, extra, .. } => changed.is_empty() && extra.is_empty(),
        }
    }
}

/// Looks at the folder `destination`, and at the archive and sidecar beside it.
///
/// A link at any of the three, or a file in place of a folder, or the reverse, is an error: no build made it.
pub fn inspect(destination: &Path) -> Result<Existing, PlaceError> {
    let folder = there(destination, Kind::Folder)?;
    let archive_path = beside(destination, ".tar.gz");
    let archive = there(&archive_path, Kind::File)?;
    let sidecar_path = beside(destination, ".tar.gz.sha256");
    let sidecar = there(&sidecar_path, Kind::File)?;
    if folder && !is_empty(destination)? {
        // A build replaces the archive together with the folder, so it must be a pack's as well.
        let vouched = archive && sidecar && vouches(&sidecar_path, &hash_of(&archive_path)?)?;
        if archive && !vouched && lock_in_archive(&archive_path)?.is_none() {
            return Ok(Existing::Archive { lock_text: None });
        }
        return inspect_folder(destination);
    }
    if archive {
        return Ok(Existing::Archive { lock_text: lock_in_archive(&archive_path)? });
    }
    Ok(Existing::Nothing)
}

fn beside(destination: &Path, ending: &str) -> PathBuf {
    let mut path = destination.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    File,
    Folder,
}

/// Whether something is at `path`; an error if it is not of this kind.
fn there(path: &Path, kind: Kind) -> Result<bool, PlaceError> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found.file_type(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(cause) => {
            return Err(PlaceError::Read { path: path.to_owned(), cause });
        }
    };
    let what = match kind {
        Kind::File if found.is_file() => return Ok(true),
        Kind::Folder if found.is_dir() => return Ok(true),
        _ if found.is_symlink() => "a symbolic link",
        _ if found.is_dir() => "a folder",
        _ if found.is_file() => "a file",
        _ => "a device, pipe or socket",
    };
    let expected = match kind {
        Kind::File => "a file of the pack",
        Kind::Folder => "the folder of the pack",
    };
    Err(PlaceError::Occupied { path: path.to_owned(), what, expected })
}

/// An error of reading, with the path that could not be read.
fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> PlaceError {
    let path = path.to_owned();
    move |cause| PlaceError::Read { path, cause }
}

fn is_empty(folder: &Path) -> Result<bool, PlaceError> {
    Ok(fs::read_dir(folder).map_err(unreadable(folder))?.next().is_none())
}

/// Whether a sidecar holds this hash.
fn vouches(sidecar: &Path, hash: &str) -> Result<bool, PlaceError> {
    let mut text = String::new();
    let file = File::open(sidecar).map_err(unreadable(sidecar))?;
    // One line; what is longer or no text is no sidecar.
    Ok(file.take(4096).read_to_string(&mut text).is_ok() && text.split_whitespace().next() == Some(hash))
}

fn lock_in_archive(path: &Path) -> Result<Option<String>, PlaceError> {
    let size = fs::metadata(path).map_err(unreadable(path))?.len();
    if size > MAX_BYTES as u64 {
        return Ok(None);
    }
    let bytes = fs::read(path).map_err(unreadable(path))?;
    let lock = archive::unpack(&bytes).ok().and_then(|(_, mut files)| files.remove(LOCK));
    Ok(lock.and_then(|text| String::from_utf8(text).ok()))
}

fn inspect_folder(folder: &Path) -> Result<Existing, PlaceError> {
    // Looked at before the rest, so as not to read through a folder that has nothing to do with packs.
    for name in [LOCK, SUMS] {
        let path = folder.join(name);
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_file() => {}
            Ok(_) => {
                return Ok(Existing::NotAPack { why: format!("its {name} is not a file") });
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Existing::NotAPack { why: format!("it has no {name}") });
            }
            Err(cause) => return Err(PlaceError::Read { path, cause }),
        }
    }
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read(&path).map_err(unreadable(&path)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    };
    let (lock_text, sums_text) = (read(LOCK)?, read(SUMS)?);
    let mut changed = Vec::new();
    // Damaged sums vouch for nothing, but they don't turn a pack (torn by a power loss, say) into something else.
    let mut sums: BTreeMap<&str, &str> = BTreeMap::new();
    for line in sums_text.lines() {
        match line.split_once("  ") {
            Some((hash, path)) if !path.is_empty() && sums.insert(path, hash).is_none() => {}
            _ => changed = vec![SUMS.to_owned()],
        }
    }
    let mut found = Vec::new();
    walk(folder, String::new(), &mut found)?;
    let mut extra = Vec::new();
    for Found { path, regular } in found {
        match sums.remove(path.as_str()) {
            Some(hash) if regular && hash_of(&folder.join(&path))? == hash => {}
            Some(_) => changed.push(path),
            None if path == SUMS => {}
            None => extra.push(path),
        }
    }
    changed.extend(sums.into_keys().map(str::to_owned));
    changed.sort();
    extra.sort();
    Ok(Existing::Pack { lock_text, changed, extra })
}

struct Found {
    path: String,
    regular: bool,
}

/// Everything below a folder but the folders that hold something. Links are not followed.
fn walk(folder: &Path, prefix: String, found: &mut Vec<Found>) -> Result<(), PlaceError> {
    for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
        let entry = entry.map_err(unreadable(folder))?;
        let kind = entry.file_type().map_err(unreadable(&entry.path()))?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if !kind.is_dir() {
            found.push(Found { path, regular: kind.is_file() });
        } else if is_empty(&entry.path())? {
            found.push(Found { path: path + "/", regular: false });
        } else {
            walk(&entry.path(), path + "/", found)?;
        }
    }
    Ok(())
}

fn hash_of(path: &Path) -> Result<String, PlaceError> {
    let mut file = File::open(path).map_err(unreadable(path))?;
    let mut hasher = Sha256::new();
    // In pieces: what somebody put there may be of any size.
    let mut piece = vec![0; 64 << 10];
    loop {
        match file.read(&mut piece) {
            Ok(0) => {
                return Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
            }
            Ok(count) => hasher.update(&piece[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(cause) => return Err(unreadable(path)(cause)),
        }
    }
}
