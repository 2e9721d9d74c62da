//! `packwright new`.

use std::fs;
use std::io;
use std::path::Path;

use clap::Args;

use super::output::{self, Format, Outcome, Output};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::pack;

/// Begin a pack source: a folder that builds
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  packwright new my-pack && packwright build my-pack")]
pub struct New {
    /// The pack's name, and the folder to make in the working directory
    name: String,
}

impl New {
    pub fn run(self) -> Outcome {
        let output = Output::writing(Format::Human);
        match self.write() {
            Ok(()) => {
                output.say(&format!("wrote {0}/; build it with `packwright build {0}`", self.name))?;
                Ok(0)
            }
            Err(errors) => output.fail(errors),
        }
    }

    /// Writes to a folder beside and renames it, so that there is no half pack.
    fn write(&self) -> Result<(), Diagnostics> {
        let files = pack::scaffold(&self.name)?;
        let destination = Path::new(&self.name);
        if destination.symlink_metadata().is_ok() {
            let message = format!("{} is there already", self.name);
            return Err(Diagnostic::new(Code::OutputRefused, message).help("choose another name, or move it away").into());
        }
        let fault = |error: io::Error| output::io_fault(&format!("cannot write {}", self.name), &error);
        let staging = tempfile::Builder::new().prefix(".packwright-new-").tempdir_in(".").map_err(fault)?;
        let inner = staging.path().join(&self.name);
        fs::create_dir(&inner).map_err(fault)?;
        for (name, text) in files {
            fs::write(inner.join(name), text).map_err(fault)?;
        }
        fs::rename(&inner, destination).map_err(fault)
    }
}
