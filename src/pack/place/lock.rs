//! One build at a time in one output folder.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;

use super::PlaceError;

/// Locks the folder itself, so that no lock file remains. The lock ends with the returned file, or with the process,
/// however it ends.
pub(super) fn exclusive(directory: &Path, waiting: impl FnOnce()) -> Result<File, PlaceError> {
    let mut waiting = Some(waiting);
    loop {
        let folder = open(directory)?;
        let locked = match folder.try_lock() {
            Err(TryLockError::WouldBlock) => {
                if let Some(waiting) = waiting.take() {
                    waiting();
                }
                wait(&folder)
            }
            Err(TryLockError::Error(cause)) => Err(cause),
            Ok(()) => Ok(()),
        };
        // While this waited, somebody may have deleted the folder, and a third build made another of that name.
        match locked.and_then(|()| is_still(&folder, directory)) {
            Ok(true) => return Ok(folder),
            Ok(false) => {}
            Err(cause) => {
                return Err(PlaceError::Lock { path: directory.to_owned(), cause });
            }
        }
    }
}

fn wait(folder: &File) -> io::Result<()> {
    loop {
        match folder.lock() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

fn open(directory: &Path) -> Result<File, PlaceError> {
    let fail = |cause: io::Error| match cause.kind() {
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => PlaceError::NotAFolder { path: directory.to_owned() },
        _ => PlaceError::Directory { path: directory.to_owned(), cause },
    };
    // Asked before opening, which would wait for ever on a named pipe.
    match fs::metadata(directory) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => {
            return Err(PlaceError::NotAFolder { path: directory.to_owned() });
        }
        Err(error) if error.kind() == ErrorKind::NotFound => fs::create_dir_all(directory).map_err(fail)?,
        Err(error) => return Err(fail(error)),
    }
    File::open(directory).map_err(fail)
}

#[cfg(unix)]
fn is_still(folder: &File, directory: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let locked = folder.metadata()?;
    match fs::metadata(directory) {
        Ok(named) => Ok((locked.dev(), locked.ino()) == (named.dev(), named.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Elsewhere a folder that is open cannot be replaced.
#[cfg(not(unix))]
fn is_still(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}
