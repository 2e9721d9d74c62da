//! Documents that belong together: what they say of one API server, checked as
//! a pack's patch is.

use std::sync::Arc;

use super::{Ask, Found};
use crate::audit;
use crate::audit::types::Policy;
use crate::check;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Location, Severity, Source};
use crate::kubernetes::flags::{self, FlagType, Repeated};
use crate::kubernetes::{Minor, resources};
use crate::patch::{Arg, Body, ControlPlanePatch, NodeFile};
use crate::profile::{Profile, Subject};
use crate::target::read::{Kind, Reading, read_for, unambiguous};
use crate::yaml::{self, Node};

/// The documents of a file, or of files that belong together.
#[derive(Debug, Default)]
pub struct Documents {
    /// What configures an API server.
    pub control_planes: Vec<(Kind, Node)>,
    /// Audit policies.
    pub policies: Vec<Node>,
}

impl Documents {
    /// The documents of a file; those of other kinds are passed over.
    ///
    /// # Errors
    /// That the file is no YAML.
    pub fn read(source: &Arc<Source>, warnings: &mut Diagnostics) -> Result<Self, Diagnostics> {
        let mut documents = Self::default();
        for document in yaml::read_all(source, warnings)?.into_iter().flat_map(members) {
            if is_policy(&document) {
                audit::policy::settle(&document, warnings);
                documents.policies.push(document);
            } else if let Some(kind) = Kind::of(&document).filter(|kind| *kind != Kind::PalettePresets) {
                // Presets change a part of values, and are nothing by themselves.
                let meant = unambiguous(kind, &document);
                let is_meant = |item: &Diagnostic| item.location.as_ref().is_some_and(|at| meant.contains(&at));
                warnings.items.retain(|item| item.code != Code::YamlAmbiguousScalar || !is_meant(item));
                documents.control_planes.push((kind, document));
            }
        }
        Ok(documents)
    }

    /// Whether there is nothing to lint.
    pub fn is_empty(&self) -> bool {
        self.control_planes.is_empty() && self.policies.is_empty()
    }

    /// These and others.
    pub fn and(mut self, others: Self) -> Self {
        self.control_planes.extend(others.control_planes);
        self.policies.extend(others.policies);
        self
    }

    /// Everything to be said of them. One policy beside one control plane is the
    /// policy of that control plane.
    pub fn lint(&self, ask: Ask<'_>) -> Found {
        let mut found = Found { documents: self.control_planes.len() + self.policies.len(), ..Found::default() };
        if let ([(kind, document)], [policy]) = (self.control_planes.as_slice(), self.policies.as_slice()) {
            for minor in version(*kind, document, ask.minors) {
                found.add(of_both(*kind, document, minor, Some(policy), ask));
            }
            return found;
        }
        for (kind, document) in &self.control_planes {
            for minor in version(*kind, document, ask.minors) {
                found.add(of_both(*kind, document, minor, None, ask));
            }
        }
        for document in &self.policies {
            for minor in ask.minors.map_or_else(newest, <[Minor]>::to_vec) {
                let (policy, diagnostics) = policy(document, minor);
                found.add(diagnostics.into());
                let subject = Subject { patch: None, policy: policy.as_ref(), minor, place: &document.location };
                found.add(judge(ask.profiles, subject));
            }
        }
        found
    }
}

/// The verdicts of profiles on a subject.
pub fn judge(profiles: &[&'static Profile], subject: Subject<'_>) -> Found {
    let mut found = Found::default();
    for profile in profiles {
        let (report, diagnostics) = profile.judge(subject);
        found.diagnostics.extend(diagnostics);
        found.reports.push(report);
    }
    found
}

/// The objects of a List, as kubectl writes several; or the document itself.
fn members(document: Node) -> Vec<Node> {
    let is_list = document.get("kind").and_then(Node::as_str) == Some("List");
    match document.get("items") {
        Some(items) if is_list => items.items().to_vec(),
        _ => vec![document],
    }
}

/// An audit policy, also one with a misspelt kind or a version that is gone.
fn is_policy(document: &Node) -> bool {
    let text = |key| document.get(key).and_then(Node::as_str).unwrap_or_default();
    // Logs are of that API as well.
    (text("apiVersion").starts_with("audit.k8s.io/") && !text("kind").starts_with("Event"))
        || (text("kind") == "Policy" && document.get("rules").is_some() && document.get("spec").is_none())
}

fn newest() -> Vec<Minor> {
    resources::minors().last().copied().into_iter().collect()
}

/// The minors to lint for: those asked for, else the document's own, else the
/// newest that is known.
fn version(kind: Kind, document: &Node, minors: Option<&[Minor]>) -> Vec<Minor> {
    if let Some(minors) = minors {
        return minors.to_vec();
    }
    let reading = read_for(kind, document, None, &mut Diagnostics::new());
    let own = reading.kubernetes_version.and_then(|version| version.as_str()?.parse().ok());
    own.map_or_else(newest, |minor| vec![minor])
}

/// The policy, unless the API server would refuse it, and what is said of it.
fn policy(document: &Node, minor: Minor) -> (Option<Policy>, Diagnostics) {
    let mut found = Diagnostics::new();
    let policy = audit::policy::decode(document, minor, &mut found).map_err(|errors| found.extend(errors)).ok();
    if let Some(policy) = &policy {
        found.extend(audit::lint::lint(policy, document, minor));
    }
    (policy, found)
}

/// A control plane with its policy, which may be a document beside it.
fn of_both(kind: Kind, document: &Node, minor: Minor, beside: Option<&Node>, ask: Ask<'_>) -> Found {
    let mut found = Diagnostics::new();
    let patch = control_plane(kind, document, minor, beside, &mut found);
    let mut decoded = None;
    if let Some(beside) = beside {
        let (policy, diagnostics) = policy(beside, minor);
        found.extend(diagnostics);
        decoded = policy;
    }
    let policy = decoded.or_else(|| check::policy(&patch, minor));
    let mut all = Found::from(found);
    all.extend(judge(ask.profiles, Subject { patch: Some(&patch), policy: policy.as_ref(), minor, place: &document.location }));
    all
}

/// The patch that a document is, and what is said of it. A document that only
/// configures other things is no fault, and is nothing that benchmarks ask for.
fn control_plane(kind: Kind, document: &Node, minor: Minor, policy: Option<&Node>, found: &mut Diagnostics) -> ControlPlanePatch {
    let reading = read_for(kind, document, Some(minor), found);
    let is_empty = reading.args.is_empty() && reading.volumes.is_empty() && reading.files.is_empty();
    let mounts: Vec<(String, Location)> = reading.mounts.iter().map(|mount| (mount.path.clone(), mount.location.clone())).collect();
    let other_mounts = reading.other_mounts.clone();
    let mut patch = patch(reading, minor, found);
    if is_empty {
        return patch;
    }
    // What kind mounts into its node is on the machine.
    for path in check::mounts::files_of_the_node(&patch) {
        if let Some((_, location)) = mounts.iter().find(|(mount, _)| check::mounts::is_below(&path, mount)) {
            patch.files.push(there(path, location.clone()));
        }
    }
    if let (Some(policy), Some(flag)) = (policy, patch.arg("audit-policy-file")) {
        let path = check::mounts::on_the_node(&patch, &flag.value).map_or_else(|| flag.value.clone(), |(_, path)| path);
        if !patch.files.iter().any(|file| file.path == path) {
            // It is linted as a document of its own; here it is only there.
            patch.files.push(there(path, policy.location.clone()));
        }
    }
    let is_unread = found.items.iter().any(|item| item.code == Code::DocumentUnread);
    let mut of_patch = check::server(&patch, minor, policy);
    // A static Pod is what kubeadm wrote, or somebody without it; K3s has its own.
    if !matches!(kind, Kind::StaticPod | Kind::PaletteEdgeK3s) {
        of_patch.extend(check::beside_kubeadm(&patch));
    }
    if kind == Kind::StaticPod {
        of_patch.extend(check::mounts::in_a_whole_pod(&patch));
    }
    of_patch.items.retain_mut(|item| match item.code {
        Code::MountMissing | Code::MountSingleFile | Code::MountReadOnly | Code::MountPathType | Code::FileMissing
            if is_elsewhere(item, &patch, &other_mounts) =>
        {
            false
        }
        Code::FileMissing => {
            if matches!(kind, Kind::KubeadmV1beta3 | Kind::KubeadmV1beta4 | Kind::StaticPod) {
                item.severity = Severity::Note;
                item.help = Some("see to it that it is there on every control-plane node; this document cannot carry it".to_owned());
            }
            // What a class's template puts there is not known.
            !is_unread
        }
        // K3s runs the API server on the node itself, in no container.
        Code::MountMissing | Code::MountSingleFile | Code::MountReadOnly | Code::MountPathType => kind != Kind::PaletteEdgeK3s,
        // What is filled in later cannot be judged now.
        Code::FlagType | Code::FlagValue => !patch.args.iter().any(|arg| arg.has_macro() && Some(&arg.location) == item.location.as_ref()),
        _ => true,
    });
    found.extend(of_patch);
    patch
}

/// Whether a finding is about a flag whose file is in a mount of `others` and in no host path's.
fn is_elsewhere(item: &Diagnostic, patch: &ControlPlanePatch, others: &[String]) -> bool {
    let is_about = |arg: &&Arg| item.location.as_ref() == Some(&arg.location) || item.related.iter().any(|(at, _)| *at == arg.location);
    patch.args.iter().filter(is_about).any(|arg| {
        // The innermost mount is the one that counts.
        let host = check::mounts::on_the_node(patch, &arg.value).map_or(0, |(volume, _)| volume.mount_path.trim_end_matches('/').len());
        others.iter().any(|other| other.trim_end_matches('/').len() >= host && check::mounts::is_below(&arg.value, other))
    })
}

/// A file that is on the node.
fn there(path: String, location: Location) -> NodeFile {
    NodeFile { path, owner: "root:root".to_owned(), permissions: "0600".to_owned(), body: Body::Host, location }
}

/// The reading as a patch, whose names are unique: of a flag the last value
/// counts, as for the API server, or all of them where they add up.
fn patch(reading: Reading, minor: Minor, found: &mut Diagnostics) -> ControlPlanePatch {
    let Reading { mut args, mut volumes, mut files, .. } = reading;
    args.sort_by(|a, b| a.name.cmp(&b.name));
    volumes.sort_by(|a, b| a.name.cmp(&b.name));
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let kind = |arg: &Arg| flags::find(&arg.name).and_then(|flag| flag.at(minor)).map(|state| state.kind);
    let last_wins = |arg: &Arg| kind(arg).is_none_or(|kind| kind.repeated() == Repeated::LastWins);
    for pair in args.windows(2).filter(|pair| pair[0].name == pair[1].name && last_wins(&pair[1])) {
        let message = format!("--{} is given twice, and only the last value counts", pair[1].name);
        found.push(twice(Code::FlagDuplicate, message, &pair[0].location, &pair[1].location));
    }
    for pair in volumes.windows(2).filter(|pair| pair[0].name == pair[1].name) {
        let message = format!("the volume {} is given twice, and such a Pod is refused", pair[1].name);
        found.push(twice(Code::VolumeNameDuplicate, message, &pair[0].location, &pair[1].location));
    }
    let mut kept: Vec<Arg> = Vec::new();
    for arg in args {
        match kept.last_mut().filter(|last| last.name == arg.name) {
            // One value a time: each would have to be judged alone.
            Some(last) if last_wins(&arg) || matches!(kind(&arg), Some(FlagType::Array | FlagType::Entry | FlagType::CertKeys)) => {
                *last = arg
            }
            Some(last) => last.value = format!("{},{}", last.value, arg.value),
            None => kept.push(arg),
        }
    }
    volumes.dedup_by(|b, a| a.name == b.name);
    files.dedup_by(|b, a| a.path == b.path);
    ControlPlanePatch { args: kept, volumes, files }
}

fn twice(code: Code, message: String, first: &Location, second: &Location) -> Diagnostic {
    Diagnostic::new(code, message).at(second.clone()).related(first.clone(), "given here as well").help("remove one of the two")
}
