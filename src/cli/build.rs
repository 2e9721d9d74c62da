//! `packwright build`.

use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args};
use serde_json::{Value, json};

use super::inputs::InputArgs;
use super::output::{Format, Outcome, Output};
use crate::check;
use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Source};
use crate::lint;
use crate::pack::place::{self, Built, Existing, PlaceError, Placed};
use crate::pack::{Lock, Pack};

/// Check, render and write a pack: a folder, the same as .tar.gz, and its checksum
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  packwright build kube-apiserver-audit
  packwright build kube-apiserver-audit -f prod.yaml --kubernetes-version 1.31-1.34
  packwright build dist/kube-apiserver-audit-1.0.0 --set log.maxAge=60 --replace
  packwright build ./my-pack --format json | jq -r .digest

The digest goes to standard output: it commits to every byte of the pack.")]
pub struct Build {
    #[command(flatten)]
    inputs: InputArgs,

    /// The folder to write to
    #[arg(short, long, value_name = "DIR", default_value = "dist")]
    output: PathBuf,

    /// Replace a pack that was built from other inputs, or that was changed since
    #[arg(long)]
    replace: bool,

    /// The form of the report
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Build {
    pub fn run(self, matches: &ArgMatches) -> Outcome {
        let output = Output::writing(self.format);
        let mut warnings = Diagnostics::new();
        // What is wrong with them is found again, and told, where the pack is planned.
        let (allow, deny) = self.inputs.with.levels().unwrap_or_default();
        let built = make(&self.inputs, matches, &mut warnings).and_then(|pack| {
            let built = Built { stem: &pack.stem, files: &pack.files };
            let waiting = || {
                let _ = output.say("waiting for another build into this folder");
            };
            let placed = place::place(&built, &self.output, waiting, |existing| {
                may_replace(existing, &self.output.join(&pack.stem), &pack.lock, self.replace)
            })
            .map_err(|refused| refused.0)?;
            Ok((pack, placed))
        });
        warnings.apply_levels(&allow, &deny);
        match built {
            Ok((pack, placed)) => {
                let minors = pack.lock.minors.join(", ");
                let words = format!(
                    "built {} for Kubernetes {minors}: {}, and {}",
                    pack.stem,
                    placed.directory.display(),
                    placed.archive.display()
                );
                output.done(&words, &format!("{}\n", pack.digest), report(&pack, &placed), warnings)
            }
            Err(mut errors) => {
                errors.apply_levels(&[], &deny);
                warnings.extend(errors);
                output.fail(warnings)
            }
        }
    }
}

fn make(inputs: &InputArgs, matches: &ArgMatches, warnings: &mut Diagnostics) -> Result<Pack, Diagnostics> {
    let mut plan = inputs.plan(matches, warnings)?;
    check::secrets_in_values(&plan.values).into_result((), warnings)?;
    let patch = plan.patch(warnings)?;
    let mut found = check::secrets_in_patch(&patch);
    found.extend(plan.check(&patch));
    found.extend(std::mem::take(warnings));
    let mut allowed = lint::apply_comments(&mut found);
    found.apply_levels(&plan.allow, &plan.deny);
    found.into_result((), warnings)?;
    let mut found = Diagnostics::new();
    let documents = plan.documents(&patch, &mut found)?;
    allowed.extend(lint::apply_comments(&mut found));
    found.apply_levels(&plan.allow, &plan.deny);
    found.into_result((), warnings)?;
    // The lock tells of every code of which something was allowed.
    plan.allow.extend(allowed);
    plan.allow.sort_unstable();
    plan.allow.dedup();
    plan.assemble(&patch, documents)
}

/// Why a pack was not put in its place.
struct Refused(Diagnostics);

impl From<PlaceError> for Refused {
    fn from(error: PlaceError) -> Self {
        let code = match &error {
            PlaceError::Archive { .. } => Code::TargetLimit,
            _ if error.is_machine() => Code::Io,
            _ => Code::OutputRefused,
        };
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        let text = error.to_string();
        let message = if text.ends_with(cause.trim_start_matches(": ")) { text } else { text + &cause };
        Self(Diagnostic::new(code, message).into())
    }
}

/// Another pack, or what a person changed, is not lost by a build.
fn may_replace(existing: &Existing, destination: &Path, lock: &Lock, replace: bool) -> Result<(), Refused> {
    let refuse = |message: String, help: &str| Err(Refused(Diagnostic::new(Code::OutputRefused, message).help(help).into()));
    let at = quote(&destination.display().to_string());
    const HELP: &str = "build with --replace to replace it, with -o to another folder, or with --pack-version as another version";
    let lock_text = match existing {
        Existing::Nothing => return Ok(()),
        Existing::NotAPack { why } => {
            return refuse(format!("{at} is no pack, and is not replaced: {why}"), "move it away, or choose another folder with -o");
        }
        Existing::Pack { lock_text, .. } => Some(lock_text),
        Existing::Archive { lock_text: None } => {
            return refuse(
                format!("{} is no pack's archive, and is not replaced", quote(&format!("{}.tar.gz", destination.display()))),
                "move it away, or choose another folder with -o",
            );
        }
        Existing::Archive { lock_text } => lock_text.as_ref(),
    };
    if let Existing::Pack { extra, .. } = existing
        && !extra.is_empty()
    {
        let message = format!("the pack at {at} holds files that are not its own: {}", extra.join(", "));
        return refuse(message, "move them away first; a build replaces the whole folder");
    }
    if replace {
        return Ok(());
    }
    if let Existing::Pack { changed, .. } = existing
        && !changed.is_empty()
    {
        return refuse(format!("the pack at {at} was changed after it was built: {}", changed.join(", ")), HELP);
    }
    let known = lock_text
        .and_then(|text| Lock::read(&Source::anonymous("the lock at the destination", text.clone()), &mut Diagnostics::new()).ok());
    match known {
        Some(known) => match known.differs_from(lock) {
            Some(what) => refuse(format!("the pack at {at} was built from {what}"), HELP),
            None => Ok(()),
        },
        None => refuse(format!("the lock of the pack at {at} cannot be read"), HELP),
    }
}

fn report(pack: &Pack, placed: &Placed) -> Value {
    let files: Vec<Value> = pack
        .files
        .iter()
        .map(|(path, bytes)| json!({"path": path, "sha256": pack.digests.get(path), "size": bytes.len(), "mode": "0644"}))
        .collect();
    json!({
        "name": pack.lock.name,
        "version": pack.lock.version,
        "kubernetesVersions": pack.lock.minors,
        "digest": pack.digest,
        "patchDigest": pack.patch_digest,
        "directory": placed.directory.to_string_lossy(),
        "archive": placed.archive.to_string_lossy(),
        "archiveSha256": placed.archive_sha256,
        "files": files,
        "packwright": env!("CARGO_PKG_VERSION"),
    })
}
