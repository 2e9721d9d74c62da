//! The command line: one file per command, each arguments, call, print.
//!
//! Exit status: 0 done, 1 understood and the verdict is negative, 2 not
//! understood, 3 the machine failed. JSON goes to standard output, also on
//! failure; people's words go to standard error.

mod build;
mod completions;
mod explain;
mod flags;
mod inputs;
mod lint;
mod list;
mod man;
mod new;
mod output;
mod policy;
mod render;
mod schema;
mod values;

use std::ffi::OsString;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::diagnostic::{Code, Diagnostic};
use output::{Format, Output};

/// Renders, checks and packs kube-apiserver configuration, so that audit
/// logging is on when a cluster is created.
#[derive(Debug, Parser)]
#[command(name = "packwright", version, propagate_version = true, max_term_width = 100, after_help = EXIT_STATUS)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_STATUS: &str = "\
Exit status: 0 done (warnings too), 1 a check failed, 2 the input was not understood, 3 the machine failed.

Example, from nothing to a pack:
  packwright build kube-apiserver-audit --kubernetes-version 1.33 --set log.maxAge=60";

#[derive(Debug, Subcommand)]
enum Command {
    Build(build::Build),
    Render(render::Render),
    Values(values::Values),
    Lint(lint::Lint),
    Policy(policy::Policy),
    Explain(explain::Explain),
    Flags(flags::Flags),
    Schema(schema::Schema),
    List(list::List),
    New(new::New),
    Completions(completions::Completions),
    Man(man::Man),
}

/// Runs a command line; the exit status.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let matches = match Cli::command().try_get_matches_from(&arguments) {
        Ok(matches) => matches,
        Err(error) => return usage(&error, &arguments),
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, &arguments),
    };
    let nothing = ArgMatches::default();
    let matches = matches.subcommand().map_or(&nothing, |(_, matches)| matches);
    let outcome = match cli.command {
        Command::Build(command) => command.run(matches),
        Command::Render(command) => command.run(matches),
        Command::Values(command) => command.run(matches),
        Command::Lint(command) => command.run(matches),
        Command::Policy(command) => command.run(),
        Command::Explain(command) => command.run(),
        Command::Flags(command) => command.run(),
        Command::Schema(command) => command.run(),
        Command::List(command) => command.run(),
        Command::New(command) => command.run(),
        Command::Completions(command) => command.run(),
        Command::Man(command) => command.run(),
    };
    output::status(outcome)
}

/// What clap has to say: help and version on standard output, faults as every
/// other fault is reported.
fn usage(error: &clap::Error, arguments: &[OsString]) -> u8 {
    if !error.use_stderr() {
        let _ = error.print();
        return 0;
    }
    let text: Vec<&str> = arguments.iter().filter_map(|argument| argument.to_str()).collect();
    let wants_json = text.contains(&"--format=json") || text.windows(2).any(|pair| pair == ["--format", "json"]);
    if wants_json {
        let text = error.to_string();
        let mut paragraphs =
            text.trim_start_matches("error: ").split("\n\n").map(|lines| lines.split_whitespace().collect::<Vec<_>>().join(" "));
        let mut diagnostic = Diagnostic::new(Code::Usage, paragraphs.next().unwrap_or_default());
        diagnostic.help = paragraphs.find_map(|paragraph| paragraph.strip_prefix("tip: ").map(str::to_owned));
        return output::status(Output::new(Format::Json).fail(diagnostic.into()));
    }
    let _ = error.print();
    2
}

/// The command with everything that completions, man pages and reference need.
pub fn command() -> clap::Command {
    Cli::command()
}
