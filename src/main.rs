//! Parses the command line, runs, and maps errors to an exit status.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(packwright::cli::run(std::env::args_os()))
}
