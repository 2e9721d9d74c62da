//! `packwright lint`.

use clap::{ArgMatches, Args};
use serde_json::{Value, json};

use super::inputs::WithArgs;
use super::output::{self, Outcome};
use crate::check;
use crate::diagnostic::{Class, Code, Diagnostic, Diagnostics, Severity, github, human, json as machine, sarif};
use crate::kubernetes;
use crate::lint::{self, Ask, Found};
use crate::profile::{self, Profile, Status, Subject};

/// Say what is wrong with packs, audit policies, and anybody's configuration of an API server
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  packwright lint kubeadm.yaml audit-policy.yaml
  packwright lint clusters/ --format github
  packwright lint kube-apiserver-audit -f prod.yaml --kubernetes-version 1.31-1.34
  packwright lint kubeadm.yaml policy.yaml --profile cis-1.12
  kubectl get kubeadmcontrolplanes --all-namespaces -o yaml | packwright lint -

Documents are told apart by their content: audit Policies, kubeadm ClusterConfigurations, KubeadmControlPlanes and
their templates, ClusterClasses, static Pods of kube-apiserver, kind configs, and values of Palette's kubernetes,
edge-k8s and edge-k3s packs. Files that hold one control plane and one policy together are one configuration; of a
folder each file stands alone, and files of other kinds are passed over.

A comment `# packwright: allow CODE reason` makes findings of its line, or of the line below it, notes; before the
first line of a file, those of the whole file. `packwright explain CODE` says more about a finding.")]
pub struct Lint {
    /// Packs, files, folders, or `-` for standard input
    #[arg(value_name = "INPUT", required = true)]
    inputs: Vec<String>,

    #[command(flatten)]
    with: WithArgs,

    /// Judge by a benchmark: cis-1.10, cis-1.11, cis-1.12, stig. May be repeated
    #[arg(long, value_name = "PROFILE", help_heading = "Checks")]
    profile: Vec<String>,

    /// The form of the report
    #[arg(long, value_enum, default_value_t)]
    format: Form,
}

/// The form of the report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// For people.
    #[default]
    Human,
    /// `{diagnostics, profiles}`.
    Json,
    /// SARIF 2.1.0, for code scanning and editors.
    Sarif,
    /// Workflow commands of GitHub Actions.
    Github,
}

impl Lint {
    pub fn run(self, matches: &ArgMatches) -> Outcome {
        let mut report = Report {
            form: self.format,
            allow: Vec::new(),
            deny: Vec::new(),
            items: Vec::new(),
            reports: Vec::new(),
            documents: 0,
            counts: [0; 3],
            status: 0,
            failed: None,
        };
        match self.with.levels() {
            Ok((allow, deny)) => (report.allow, report.deny) = (allow, deny),
            Err(errors) => {
                report.add(errors.into(), false);
                return report.end();
            }
        }
        let profiles = match profile::named(&self.profile) {
            Ok(profiles) => profiles,
            Err(errors) => {
                report.add(errors.into(), false);
                return report.end();
            }
        };
        let (inputs, unread) = lint::inputs(&self.inputs);
        let is_all_read = unread.items.is_empty();
        report.add(unread.into(), false);
        report.add(profile::contradictions(&profiles).into(), false);
        if is_all_read && inputs.packs.is_empty() && self.with.is_about_a_pack() {
            let message = "values, targets, templates and names are a pack's, and no input is a pack";
            report.add(Diagnostics::from(Diagnostic::new(Code::Usage, message)).into(), false);
            return report.end();
        }
        for pack in &inputs.packs {
            report.add(self.pack(pack, &profiles, matches), false);
        }
        let minors = match self.with.kubernetes_version.as_deref().map(|asked| kubernetes::select_known(Some(asked))).transpose() {
            Ok(minors) => minors,
            Err(fault) => {
                report.add(Diagnostics::from(fault).into(), false);
                return report.end();
            }
        };
        lint::lint(&inputs.plain, Ask { minors: minors.as_deref(), profiles: &profiles }, |found| report.add(found, true));
        report.end()
    }

    /// What `build` would say of a pack.
    fn pack(&self, pack: &str, profiles: &[&'static Profile], matches: &ArgMatches) -> Found {
        let mut found = Diagnostics::new();
        let plan = match self.with.plan(pack, matches, &mut found) {
            Ok(plan) => plan,
            Err(errors) => {
                found.extend(errors);
                return found.into();
            }
        };
        found.extend(check::secrets_in_values(&plan.values));
        let mut reports = Vec::new();
        match plan.patch(&mut found) {
            Ok(patch) => {
                found.extend(check::secrets_in_patch(&patch));
                found.extend(plan.check(&patch));
                if let Err(errors) = plan.documents(&patch, &mut found) {
                    found.extend(errors);
                }
                for minor in &plan.minors {
                    let policy = check::policy(&patch, *minor);
                    let subject =
                        Subject { patch: Some(&patch), policy: policy.as_ref(), minor: *minor, place: &plan.values.root.location };
                    let judged = lint::judge(profiles, subject);
                    found.merge(judged.diagnostics);
                    reports.extend(judged.reports);
                }
            }
            Err(errors) => found.extend(errors),
        }
        lint::apply_comments(&mut found);
        Found { diagnostics: found, reports, documents: 1 }
    }
}

/// What was found so far, told or to be told.
struct Report {
    form: Form,
    allow: Vec<Code>,
    deny: Vec<Code>,
    /// Findings in the form that is written at the end.
    items: Vec<Value>,
    /// The verdicts of benchmarks.
    reports: Vec<profile::Report>,
    /// How much was linted.
    documents: usize,
    /// Errors, warnings and notes.
    counts: [usize; 3],
    status: u8,
    /// Why nothing can be told any more.
    failed: Option<std::io::Error>,
}

impl Report {
    /// Tells findings. A fault of a linted file is a verdict, as of a file that
    /// nobody could read at all.
    fn add(&mut self, found: Found, of_files: bool) {
        let Found { diagnostics: mut found, reports, documents } = found;
        self.documents += documents;
        found.apply_levels(&self.allow, &self.deny);
        check::redact_findings(&mut found);
        for item in &found.items {
            self.counts[match item.severity {
                Severity::Error => 0,
                Severity::Warning => 1,
                Severity::Note => 2,
            }] += 1;
            if item.severity == Severity::Error {
                self.status = self.status.max(status(item, of_files));
            }
        }
        let told = match self.form {
            Form::Human => output::explain(&found).and_then(|()| reports.iter().try_for_each(|report| output::say(&words(report)))),
            Form::Github => output::write(found.items.iter().map(|item| github::line(item) + "\n").collect::<String>().as_bytes()),
            Form::Json => {
                self.items.extend(machine::list(&found).into_iter().filter_map(|item| serde_json::to_value(item).ok()));
                Ok(())
            }
            Form::Sarif => {
                self.items.extend(found.items.iter().map(sarif::result));
                Ok(())
            }
        };
        self.reports.extend(reports);
        if let Err(error) = told {
            self.failed.get_or_insert(error);
        }
    }

    fn end(self) -> Outcome {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let object = match self.form {
            Form::Human => {
                let words = human::counted(self.counts);
                output::say(&match (words.is_empty(), self.documents) {
                    (false, _) => words,
                    (true, 0) => "there was nothing to lint".to_owned(),
                    (true, 1) => "nothing found".to_owned(),
                    (true, documents) => format!("nothing found in {documents} documents"),
                })?;
                return Ok(self.status);
            }
            Form::Github => return Ok(self.status),
            Form::Json => json!({"diagnostics": self.items, "profiles": self.reports}),
            Form::Sarif => sarif::log(self.items),
        };
        let mut text = serde_json::to_string_pretty(&object).map_err(std::io::Error::other)?;
        text.push('\n');
        output::write(text.as_bytes())?;
        Ok(self.status)
    }
}

/// A benchmark's items, a line each.
fn words(report: &profile::Report) -> String {
    let of = report.file.as_ref().map(|file| format!(" of {file}")).unwrap_or_default();
    let mut text = format!("{}{of}, Kubernetes {}:\n", report.name, report.kubernetes_version);
    for item in &report.items {
        let status = match item.status {
            Status::Pass => "pass",
            Status::Fail => "FAIL",
            Status::Manual => "manual",
            Status::NotApplicable => "not applicable",
        };
        text.push_str(&format!("  {:<9} {:<15} {}: {}\n", item.id, status, item.title, item.evidence));
    }
    text
}

fn status(item: &Diagnostic, of_files: bool) -> u8 {
    match item.code.class() {
        Class::Machine => 3,
        Class::Input if !of_files || matches!(item.code, Code::DocumentUnknown | Code::InputMissing) => 2,
        _ => 1,
    }
}
