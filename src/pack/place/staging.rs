//! The folder in which a pack is completed before it is moved, and what becomes of it.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::commit::Moves;
use super::{Built, PlaceError};
use crate::pack::{archive, sha256};
use crate::parallel;

/// Its name is fixed: the lock sees to it that there is one at a time, and whatever lies there when a build starts is
/// left by one that was killed.
const NAME: &str = ".packwright-staging";

pub(super) struct Staging {
    /// The output folder.
    directory: PathBuf,
    root: PathBuf,
}

impl Staging {
    pub(super) fn of(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), root: directory.join(NAME) }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The new folder; after an exchange the old one.
    pub(super) fn folder(&self) -> PathBuf {
        self.root.join("folder")
    }

    /// The new archive; after an exchange the old one.
    pub(super) fn archive(&self) -> PathBuf {
        self.root.join("archive")
    }

    /// The new sidecar.
    pub(super) fn sidecar(&self) -> PathBuf {
        self.root.join("sidecar")
    }

    /// The old sidecar. Not in `old`: no later run can know whether it is still true.
    pub(super) fn old_sidecar(&self) -> PathBuf {
        self.root.join("old-sidecar")
    }

    /// What was renamed away, under its own name, and goes back there if that name is free.
    fn old(&self) -> PathBuf {
        self.root.join("old")
    }

    /// Where the old file or folder at `destination` is renamed to if it can't be exchanged. Made only then: removing
    /// a folder is the dearest thing that placing does.
    pub(super) fn aside(&self, destination: &Path) -> io::Result<PathBuf> {
        match create_folder(&self.old()) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let name: OsString = destination.file_name().map(OsString::from).unwrap_or_default();
        Ok(self.old().join(name))
    }

    /// Clears what a killed run left, after putting back what that run had renamed away.
    pub(super) fn sweep(&self, moves: &dyn Moves) -> Result<(), PlaceError> {
        self.put_back(moves).and_then(|()| self.discard()).map_err(|cause| PlaceError::Sweep { path: self.root.clone(), cause })
    }

    fn put_back(&self, moves: &dyn Moves) -> io::Result<()> {
        let entries = match fs::read_dir(self.old()) {
            // Not through a link: only what we made ourselves is ever moved from here.
            Ok(entries) if fs::symlink_metadata(&self.root)?.is_dir() => entries,
            Ok(_) => return Ok(()),
            Err(error) if is_absence(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let home = self.directory.join(entry.file_name());
            match fs::symlink_metadata(&home) {
                Err(error) if is_absence(&error) => moves.rename(&entry.path(), &home)?,
                Err(error) => return Err(error),
                Ok(_) => {}
            }
        }
        Ok(())
    }

    /// Deletes the staging folder with everything in it.
    pub(super) fn discard(&self) -> io::Result<()> {
        match fs::symlink_metadata(&self.root) {
            Ok(found) if found.is_dir() => {
                // In one step out of `old`, so that nothing half deleted is ever put back.
                let dropped = self.root.join("dropped");
                remove(&dropped)?;
                match fs::rename(self.old(), dropped) {
                    Err(error) if !is_absence(&error) => Err(error),
                    _ => remove(&self.root),
                }
            }
            _ => remove(&self.root),
        }
    }

    /// Writes the whole pack, and says the SHA-256 of its archive. To compress takes as long as to write the files, so
    /// both are done at once.
    pub(super) fn fill(&self, built: &Built<'_>) -> Result<String, PlaceError> {
        make_folder(&self.root)?;
        let archive = || archive::pack(built.stem, built.files).map(|bytes| (sha256(&bytes), bytes));
        let (archived, folder) = parallel::both(archive, || self.fill_folder(built));
        folder?;
        let (sha256, bytes) = archived.map_err(|cause| PlaceError::Archive { cause })?;
        write_file(&self.archive(), &bytes)?;
        let line = format!("{sha256}  {}.tar.gz\n", built.stem);
        write_file(&self.sidecar(), line.as_bytes())?;
        Ok(sha256)
    }

    fn fill_folder(&self, built: &Built<'_>) -> Result<(), PlaceError> {
        let folder = self.folder();
        make_folder(&folder)?;
        let mut made: HashSet<&str> = HashSet::new();
        for (path, content) in built.files {
            for (slash, _) in path.match_indices('/') {
                if made.insert(&path[..slash]) {
                    make_folder(&folder.join(&path[..slash]))?;
                }
            }
            write_file(&folder.join(path), content)?;
        }
        Ok(())
    }
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn make_folder(path: &Path) -> Result<(), PlaceError> {
    create_folder(path).map_err(|cause| PlaceError::Write { path: path.to_owned(), cause })
}

fn create_folder(path: &Path) -> io::Result<()> {
    fs::create_dir(path)?;
    fs::set_permissions(path, mode(0o755, || fs::metadata(path))?)
}

fn write_file(path: &Path, content: &[u8]) -> Result<(), PlaceError> {
    let write = || {
        let mut file = File::create_new(path)?;
        file.write_all(content)?;
        file.set_permissions(mode(0o644, || file.metadata())?)
    };
    write().map_err(|cause| PlaceError::Write { path: path.to_owned(), cause })
}

/// Exactly these permissions: what was asked for when creating has been cut by the umask, and a folder may have
/// inherited a group bit.
#[cfg(unix)]
fn mode(mode: u32, _: impl FnOnce() -> io::Result<fs::Metadata>) -> io::Result<fs::Permissions> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn mode(_: u32, current: impl FnOnce() -> io::Result<fs::Metadata>) -> io::Result<fs::Permissions> {
    current().map(|found| found.permissions())
}

/// Deletes a file or a whole folder, also one that its owner had protected from writing. Links are not followed.
fn remove(path: &Path) -> io::Result<()> {
    let gone = |result: io::Result<()>| match result {
        Err(error) if is_absence(&error) => Ok(()),
        other => other,
    };
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => match gone(fs::remove_dir_all(path)) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                unprotect(path)?;
                gone(fs::remove_dir_all(path))
            }
            other => other,
        },
        Ok(_) => gone(fs::remove_file(path)),
        Err(error) => gone(Err(error)),
    }
}

/// Lets the owner list and change every folder of a tree.
fn unprotect(folder: &Path) -> io::Result<()> {
    fs::set_permissions(folder, mode(0o700, || fs::metadata(folder))?)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            unprotect(&entry.path())?;
        }
    }
    Ok(())
}
