//! Linting what people have: audit policies, and every document that configures
//! an API server, whoever wrote it.
//!
//! A document becomes a control-plane patch (`target::read`), which is checked
//! as a pack's patch is (`check`). What a kind of document cannot say is not
//! held against it.

mod allow;
mod configuration;
mod input;

use std::sync::Arc;

pub use allow::apply as apply_comments;
pub use configuration::judge;
pub use input::{Inputs, Plain, inputs};

use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Location, Severity, Source};
use crate::kubernetes::Minor;
use crate::profile::{Profile, Report};
use crate::{pack, parallel};
use configuration::Documents;

/// How many files are linted before their findings are handed on, so that
/// memory does not grow with a folder.
const BATCH: usize = 512;

/// What to lint for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ask<'a> {
    /// The minors that were asked for; without them each document is linted for
    /// the version that it names, and else for the newest that is known.
    pub minors: Option<&'a [Minor]>,
    /// Benchmarks to judge by.
    pub profiles: &'a [&'static Profile],
}

/// What is said of one file, or of files that belong together.
#[derive(Debug, Default)]
pub struct Found {
    /// Findings.
    pub diagnostics: Diagnostics,
    /// The verdicts of benchmarks.
    pub reports: Vec<Report>,
    /// How many documents were linted.
    pub documents: usize,
}

impl From<Diagnostics> for Found {
    fn from(diagnostics: Diagnostics) -> Self {
        Self { diagnostics, ..Self::default() }
    }
}

impl Found {
    /// Adds what is not there yet: of several minors most is said of each.
    fn add(&mut self, other: Found) {
        self.diagnostics.merge(other.diagnostics);
        self.reports.extend(other.reports);
        self.documents += other.documents;
    }

    fn extend(&mut self, other: Found) {
        self.diagnostics.extend(other.diagnostics);
        self.reports.extend(other.reports);
        self.documents += other.documents;
    }
}

/// What is said of files that belong together, and of each of many: handed on
/// file by file, in the order of the files.
pub fn lint(plain: &Plain, ask: Ask<'_>, mut hand_on: impl FnMut(Found)) {
    if !plain.named.is_empty() {
        hand_on(named(&plain.named, ask));
    }
    for files in plain.found.chunks(BATCH) {
        let each = |file: &String| pack::load_layer(file).map_or_else(Found::from, |source| one(&source, ask));
        parallel::map(files, each).into_iter().for_each(&mut hand_on);
    }
}

/// A word that is refused where it stands is not called ambiguous as well. Then comments apply.
fn settle(found: &mut Diagnostics) {
    let refused: Vec<Location> =
        found.items.iter().filter(|item| item.severity == Severity::Error).filter_map(|item| item.location.clone()).collect();
    found.items.retain(|item| item.code != Code::YamlAmbiguousScalar || !item.location.as_ref().is_some_and(|at| refused.contains(at)));
    apply_comments(found);
}

/// Files that a person named: together they are one configuration if they hold
/// exactly one control-plane document and one policy.
fn named(sources: &[Arc<Source>], ask: Ask<'_>) -> Found {
    let mut found = Found::default();
    let mut all = Vec::new();
    for source in sources {
        match Documents::read(source, &mut found.diagnostics) {
            Ok(documents) => all.push((source, documents)),
            Err(errors) => found.diagnostics.extend(errors),
        }
    }
    for (source, documents) in &all {
        if documents.is_empty() {
            let message = format!("{} holds no document that configures an API server, and no audit policy", quote(&source.name));
            let help = "lint takes an audit Policy, a kubeadm ClusterConfiguration, a KubeadmControlPlane(Template), a ClusterClass, a static Pod of kube-apiserver, a kind config, and values of Palette's kubernetes, edge-k8s and edge-k3s packs";
            found.diagnostics.push(Diagnostic::new(Code::DocumentUnknown, message).at(source.at(0..0)).help(help));
        }
    }
    let (control_planes, policies) = all.iter().fold((0, 0), |(control_planes, policies), (_, documents)| {
        (control_planes + documents.control_planes.len(), policies + documents.policies.len())
    });
    if control_planes == 1 && policies == 1 {
        let whole = all.into_iter().fold(Documents::default(), |whole, (_, documents)| whole.and(documents));
        found.extend(whole.lint(ask));
    } else {
        all.into_iter().for_each(|(_, documents)| found.extend(documents.lint(ask)));
    }
    settle(&mut found.diagnostics);
    found
}

/// One file of a folder, where most files are none of ours.
fn one(source: &Arc<Source>, ask: Ask<'_>) -> Found {
    if !input::may_concern(&source.text) {
        return Found::default();
    }
    let mut found = Found::default();
    match Documents::read(source, &mut found.diagnostics) {
        Ok(documents) if documents.is_empty() => return Found::default(),
        Ok(documents) => found.extend(documents.lint(ask)),
        // Helm's templates and logs are not YAML, and nobody's fault.
        Err(_) if source.name.ends_with(".json") || source.text.contains("{{") => return Found::default(),
        Err(errors) => found.diagnostics.extend(errors),
    }
    settle(&mut found.diagnostics);
    found
}
