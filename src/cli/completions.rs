//! `packwright completions`.

use clap::Args;
use clap_complete::Shell;

use super::output::{self, Outcome};

/// Print a shell's completion script
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  packwright completions bash > /etc/bash_completion.d/packwright
  packwright completions zsh > \"${fpath[1]}/_packwright\"")]
pub struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub fn run(self) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::command(), "packwright", &mut script);
        output::write(&script)?;
        Ok(0)
    }
}
