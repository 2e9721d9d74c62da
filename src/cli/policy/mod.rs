//! `packwright policy`: an audit policy as something that can be asked.

mod coverage;
mod diff;
mod explain;
mod lint;
mod logs;
mod replay;
mod rotation;
mod suggest;
mod test;
mod traffic;

use std::sync::Arc;

use clap::{Args, Subcommand};

use super::output::{Outcome, Output};
use crate::audit::{policy, types};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Source};
use crate::kubernetes::{self, Minor};
use crate::pack;
use crate::yaml::{self, Node};

/// Ask an audit policy: what is logged of a request, and why
#[derive(Debug, Args)]
pub struct Policy {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Coverage(coverage::CoverageCommand),
    Diff(diff::Diff),
    Explain(explain::Explain),
    Lint(lint::Lint),
    Replay(replay::Replay),
    Suggest(suggest::Suggest),
    Test(test::Test),
}

impl Policy {
    pub fn run(self) -> Outcome {
        match self.command {
            Command::Coverage(command) => command.run(),
            Command::Diff(command) => command.run(),
            Command::Explain(command) => command.run(),
            Command::Lint(command) => command.run(),
            Command::Replay(command) => command.run(),
            Command::Suggest(command) => command.run(),
            Command::Test(command) => command.run(),
        }
    }
}

/// Standard input can be read once.
///
/// # Errors
/// `usage` if it is named twice.
fn once<'a>(inputs: impl IntoIterator<Item = &'a String>) -> Result<(), Diagnostics> {
    if inputs.into_iter().filter(|input| *input == "-").count() < 2 {
        return Ok(());
    }
    let diagnostic = Diagnostic::new(Code::Usage, "standard input, `-`, is named more than once, and can be read once");
    Err(diagnostic.help("put all but one of them into files").into())
}

/// The policy that a command is about.
#[derive(Debug, Args)]
struct PolicyArgs {
    /// The file of the audit policy; `-` is standard input
    #[arg(value_name = "POLICY")]
    policy: String,

    /// The Kubernetes version: 1.33, v1.33.4, or a range 1.31-1.34 [default: the newest that is known]
    #[arg(long, value_name = "VERSION")]
    kubernetes_version: Option<String>,
}

impl PolicyArgs {
    /// Reads the policy, which every minor that was asked for must take.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    fn read(&self, warnings: &mut Diagnostics) -> Result<types::Policy, Diagnostics> {
        self.read_document(warnings).map(|(policy, _, _)| policy)
    }

    /// As [`PolicyArgs::read`], with what the policy was decoded from and the minors.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    fn read_document(&self, warnings: &mut Diagnostics) -> Result<(types::Policy, Node, Vec<Minor>), Diagnostics> {
        read(&self.policy, self.kubernetes_version.as_deref(), warnings)
    }
}

/// Reads the policy in a file, which every minor that was asked for must take.
///
/// # Errors
/// Everything that is wrong with it.
fn read(file: &str, version: Option<&str>, warnings: &mut Diagnostics) -> Result<(types::Policy, Node, Vec<Minor>), Diagnostics> {
    let minors = kubernetes::select_known(version)?;
    let source: Arc<Source> = pack::load_layer(file)?;
    let document = yaml::read(&source, warnings).map_err(|mut errors| {
        errors.items.iter_mut().filter(|item| item.code == Code::YamlSyntax).for_each(|item| item.code = Code::PolicySyntax);
        errors
    })?;
    policy::settle(&document, warnings);
    // What a policy means is the same for every minor that takes it, and
    // the oldest is the strictest.
    let policy = policy::decode(&document, minors[0], warnings)?;
    Ok((policy, document, minors))
}

/// Reports that the policy or the question was not understood: here that is
/// no verdict on the policy.
fn refuse(output: &Output, mut warnings: Diagnostics, errors: Diagnostics) -> Outcome {
    warnings.extend(errors);
    output.fail(warnings).map(|status| status.max(2))
}
