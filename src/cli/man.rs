//! `packwright man`.

use std::fs;
use std::path::PathBuf;

use clap::Args;

use super::output::{self, Format, Outcome, Output};

/// Write the manual pages into a folder
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  packwright man /usr/local/share/man/man1")]
pub struct Man {
    /// The folder, made if it is missing
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl Man {
    pub fn run(self) -> Outcome {
        let what = format!("cannot write manual pages to {}", self.folder.display());
        let written = fs::create_dir_all(&self.folder).and_then(|()| clap_mangen::generate_to(super::command(), &self.folder));
        match written {
            Ok(()) => Ok(0),
            Err(error) => Output::writing(Format::Human).fail(output::io_fault(&what, &error)),
        }
    }
}
