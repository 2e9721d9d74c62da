//! `packwright render`.

use std::mem::ManuallyDrop;

use clap::{ArgMatches, Args};

use super::inputs::InputArgs;
use super::output::{self, Format, Outcome, Output};
use crate::check;
use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, nearest};
use crate::pack::Plan;

/// Print what a pack renders, without the checks of meaning and without writing anything
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  packwright render kube-apiserver-audit -f prod.yaml
  packwright render kube-apiserver-audit --file files/etc/kubernetes/audit-policy.yaml
  packwright render kube-apiserver-audit --target kubeadm --file kubeadm/node-files.tar | tar -tvf -

Credentials among the values are shown as their sha256.")]
pub struct Render {
    #[command(flatten)]
    inputs: InputArgs,

    /// Print exactly the bytes of one file, by its path in the pack
    #[arg(long, value_name = "PATH")]
    file: Option<String>,
}

impl Render {
    pub fn run(self, matches: &ArgMatches) -> Outcome {
        let mut warnings = Diagnostics::new();
        let rendered = self.inputs.plan(matches, &mut warnings).and_then(|mut plan| render(&mut plan, self.file.as_deref(), &mut warnings));
        match rendered {
            Ok(bytes) => {
                check::redact_findings(&mut warnings);
                output::explain(&warnings)?;
                output::write(&bytes)?;
                Ok(0)
            }
            Err(errors) => {
                warnings.extend(errors);
                Output::new(Format::Human).fail(warnings)
            }
        }
    }
}

fn render(plan: &mut Plan, file: Option<&str>, warnings: &mut Diagnostics) -> Result<Vec<u8>, Diagnostics> {
    check::redact(&mut plan.values);
    let patch = ManuallyDrop::new(plan.patch(warnings)?);
    check::secrets_in_patch(&patch).into_result((), warnings)?;
    let Some(path) = file else {
        let documents = plan.texts(&patch, warnings)?;
        let texts = documents.iter().filter(|document| document.path != "README.md");
        let mut joined = Vec::new();
        for document in texts {
            joined.extend_from_slice(format!("---\n# {}\n", document.path).as_bytes());
            joined.extend_from_slice(&document.bytes);
            if !joined.ends_with(b"\n") {
                joined.push(b'\n');
            }
        }
        return Ok(joined);
    };
    if let Some(document) = plan.document(&patch, path, warnings)? {
        return Ok(document.bytes);
    }
    let documents = plan.documents(&patch, warnings)?;
    let mut pack = plan.assemble(&patch, documents)?;
    if let Some(bytes) = pack.files.remove(path) {
        return Ok(bytes);
    }
    let names = pack.files.keys().map(String::as_str);
    let diagnostic = Diagnostic::new(Code::Usage, format!("the pack has no file {}", quote(path)));
    Err(match nearest(path, names.clone()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => {
            diagnostic.help(format!("its files are {}", names.filter(|name| !name.starts_with("source/")).collect::<Vec<_>>().join(", ")))
        }
    }
    .into())
}
