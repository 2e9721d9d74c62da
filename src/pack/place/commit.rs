//! The renames that make a staged pack the one that is seen, and back if one of them fails.

use std::io;
use std::path::{Path, PathBuf};

use super::staging::Staging;
use super::{Existing, PlaceError, Placed};

/// The two ways to move; tests take one away, or make either fail.
pub(super) trait Moves {
    /// Swaps two names, both of which exist, in one step.
    fn exchange(&self, a: &Path, b: &Path) -> io::Result<()>;
    /// Renames, in one step, over what is there if that is a file or an empty folder.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
}

/// What the operating system offers.
pub(super) struct System;

impl Moves for System {
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    fn exchange(&self, a: &Path, b: &Path) -> io::Result<()> {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        // "Invalid" is how Linux says that this file system doesn't know the flag.
        let unsupported = [Errno::NOSYS, Errno::INVAL, Errno::NOTSUP, Errno::OPNOTSUPP];
        match renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE) {
            Err(error) if unsupported.contains(&error) => Err(io::ErrorKind::Unsupported.into()),
            other => Ok(other?),
        }
    }

    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    fn exchange(&self, _: &Path, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }
}

/// Moves the staged pack into place, all of it or nothing.
pub(super) fn commit(moves: &dyn Moves, staging: &Staging, placed: &Placed, existing: &Existing) -> Result<(), PlaceError> {
    let mut steps = Steps { moves, staging, done: Vec::new() };
    steps.all(placed, existing).map_err(|(path, cause)| match steps.undo() {
        Ok(()) => PlaceError::Replace { path, cause },
        Err(undo) => PlaceError::Torn { path, cause, undo, staging: staging.root().to_owned() },
    })
}

enum Step {
    Exchanged(PathBuf, PathBuf),
    Renamed(PathBuf, PathBuf),
}

struct Steps<'a> {
    moves: &'a dyn Moves,
    staging: &'a Staging,
    done: Vec<Step>,
}

impl Steps<'_> {
    /// The order is the promise. The old sidecar goes first and the new one comes last, so that whenever one is
    /// there, folder and archive are those it speaks of. The last rename is the point of no return.
    fn all(&mut self, placed: &Placed, existing: &Existing) -> Result<(), (PathBuf, io::Error)> {
        let staging = self.staging;
        let at = |path: &Path| {
            let path = path.to_owned();
            move |cause| (path, cause)
        };
        if placed.sidecar.exists() {
            self.rename(&placed.sidecar, &staging.old_sidecar()).map_err(at(&placed.sidecar))?;
        }
        match existing {
            Existing::Nothing | Existing::Archive { .. } => self.rename(&staging.folder(), &placed.directory),
            Existing::NotAPack { .. } | Existing::Pack { .. } => self.replace(&staging.folder(), &placed.directory),
        }
        .map_err(at(&placed.directory))?;
        if placed.archive.exists() {
            self.replace(&staging.archive(), &placed.archive)
        } else {
            self.rename(&staging.archive(), &placed.archive)
        }
        .map_err(at(&placed.archive))?;
        self.rename(&staging.sidecar(), &placed.sidecar).map_err(at(&placed.sidecar))
    }

    fn replace(&mut self, new: &Path, destination: &Path) -> io::Result<()> {
        match self.moves.exchange(new, destination) {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                // A reader that looks between these two finds nothing. Killed here, the next run puts the old back.
                self.rename(destination, &self.staging.aside(destination)?)?;
                self.rename(new, destination)
            }
            Err(error) => Err(error),
            Ok(()) => {
                self.done.push(Step::Exchanged(new.to_owned(), destination.to_owned()));
                Ok(())
            }
        }
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.moves.rename(from, to)?;
        self.done.push(Step::Renamed(from.to_owned(), to.to_owned()));
        Ok(())
    }

    /// Takes everything back, the sidecar last. Stops at the first failure: without the sidecar nothing claims that
    /// folder and archive agree.
    fn undo(&mut self) -> io::Result<()> {
        while let Some(step) = self.done.pop() {
            match step {
                Step::Exchanged(a, b) => self.moves.exchange(&a, &b)?,
                Step::Renamed(from, to) => self.moves.rename(&to, &from)?,
            }
        }
        Ok(())
    }
}
