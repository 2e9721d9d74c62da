//! Linting what people have: audit policies, and every document that configures
//! an API server, whoever wrote it.
//!
//! A document becomes a control-plane patch (`target::read`), which is checked
//! as a pack's patch is (`check`). What a kind of document cannot say is not
//! held against it.

mod allow;
mod configuration;
mod input;

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

pub use allow::apply as apply_comments;
pub use input::{Inputs, Plain, inputs};

use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Source};
use crate::kubernetes::Minor;
use crate::pack;
use configuration::Documents;

/// How many files are linted before their findings are handed on, so that
/// memory does not grow with a folder.
const BATCH: usize = 512;

/// What is said of files that belong together, or of each of many.
///
/// `minors` are those that were asked for; without them each document is
/// linted for the version that it names, and else for the newest that is known.
/// Findings are handed on file by file, in the order of the files.
pub fn lint(plain: &Plain, minors: Option<&[Minor]>, mut hand_on: impl FnMut(Diagnostics)) {
    hand_on(named(&plain.named, minors));
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    for files in plain.found.chunks(BATCH) {
        let results: Vec<Mutex<Diagnostics>> = files.iter().map(|_| Mutex::default()).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            while let (index, Some(file)) = {
                let index = next.fetch_add(1, Ordering::Relaxed);
                (index, files.get(index))
            } {
                let found = pack::load_layer(file).map_or_else(|errors| errors, |source| one(&source, minors));
                if let Some(Ok(mut result)) = results.get(index).map(Mutex::lock) {
                    *result = found;
                }
            }
        };
        thread::scope(|scope| {
            for _ in 1..workers.min(files.len()) {
                // Without another thread this one does all.
                let _ = thread::Builder::new().spawn_scoped(scope, work);
            }
            work();
        });
        for result in results {
            hand_on(result.into_inner().unwrap_or_default());
        }
    }
}

/// Files that a person named: together they are one configuration if they hold
/// exactly one control-plane document and one policy.
fn named(sources: &[Arc<Source>], minors: Option<&[Minor]>) -> Diagnostics {
    let mut found = Diagnostics::new();
    let mut all = Vec::new();
    for source in sources {
        match Documents::read(source, &mut found) {
            Ok(documents) => all.push((source, documents)),
            Err(errors) => found.extend(errors),
        }
    }
    for (source, documents) in &all {
        if documents.is_empty() {
            let message = format!("{} holds no document that configures an API server, and no audit policy", quote(&source.name));
            let help = "lint takes an audit Policy, a kubeadm ClusterConfiguration, a KubeadmControlPlane(Template), a ClusterClass, a static Pod of kube-apiserver, a kind config, and values of Palette's kubernetes, edge-k8s and edge-k3s packs";
            found.push(Diagnostic::new(Code::DocumentUnknown, message).at(source.at(0..0)).help(help));
        }
    }
    let (control_planes, policies) = all.iter().fold((0, 0), |(control_planes, policies), (_, documents)| {
        (control_planes + documents.control_planes.len(), policies + documents.policies.len())
    });
    if control_planes == 1 && policies == 1 {
        let whole = all.into_iter().fold(Documents::default(), |whole, (_, documents)| whole.and(documents));
        found.extend(whole.lint(minors));
    } else {
        all.into_iter().for_each(|(_, documents)| found.extend(documents.lint(minors)));
    }
    apply_comments(&mut found);
    found
}

/// One file of a folder, where most files are none of ours.
fn one(source: &Arc<Source>, minors: Option<&[Minor]>) -> Diagnostics {
    if !input::may_concern(&source.text) {
        return Diagnostics::new();
    }
    let mut found = Diagnostics::new();
    match Documents::read(source, &mut found) {
        Ok(documents) => found.extend(documents.lint(minors)),
        Err(errors) => found.extend(errors),
    }
    apply_comments(&mut found);
    found
}
