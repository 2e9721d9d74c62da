//! Mounts: does the container see the files that its flags name, can it write
//! and rotate its log, and does no mount take another's place.
//!
//! Sources: kubernetes.io on hostPath volumes, `kubernetes/kubernetes
//! cmd/kubeadm/app/phases/controlplane/volumes.go`, `natefinch/lumberjack`.

use crate::audit::disk;
use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Severity};
use crate::kubernetes::Minor;
use crate::patch::{Arg, Body, ControlPlanePatch, NodeFile, Volume, has_macro};
use crate::yaml::Node;

/// Volumes that kubeadm gives the API server, of all kubeadm versions that packs
/// are for. A volume of one of these names takes the place of kubeadm's.
const RESERVED: &[&str] = &[
    "k8s-certs",
    "ca-certs",
    "etc-pki",
    "etc-pki-ca-trust",
    "etc-pki-tls-certs",
    "etc-ca-certificates",
    "usr-share-ca-certificates",
    "usr-local-share-ca-certificates",
];
/// The same, numbered: certificates of an external etcd.
const RESERVED_PREFIX: &str = "etcd-certs-";

/// Folders that kubeadm mounts itself and fills, or takes from the node.
const KUBEADM_MOUNTS: &[&str] = &[
    "/etc/kubernetes/pki",
    "/etc/ssl/certs",
    "/etc/ca-certificates",
    "/etc/pki",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
];

/// Of those, the two that every API server of kubeadm has, with their volumes.
const ALWAYS_MOUNTED: &[(&str, &str)] = &[("k8s-certs", "/etc/kubernetes/pki"), ("ca-certs", "/etc/ssl/certs")];

/// What the kubelet takes for Pods to run.
const MANIFESTS: &str = "/etc/kubernetes/manifests";

const LOG: &str = "audit-log-path";

/// Flags that name a file which the API server reads when it starts, beside
/// those whose names end in `-file`.
const FILE_FLAGS: &[&str] = &["authentication-config", "authorization-config", "encryption-provider-config"];

/// Every objection to the mounts of a patch on API servers of `minor`.
pub fn check(patch: &ControlPlanePatch, minor: Minor) -> Diagnostics {
    let mut found = Diagnostics::new();
    for arg in files_read(patch) {
        found.items.extend(file_read(patch, arg));
    }
    if let Some(arg) = patch.arg(LOG).filter(|arg| !arg.value.is_empty() && arg.value != "-" && !arg.has_macro()) {
        found.items.extend(log(patch, arg, minor));
    }
    for volume in &patch.volumes {
        found.items.extend(in_manifests(&volume.host_path).then(|| {
            manifests(format!("the volume {} mounts {} of the node", volume.name, quote(&volume.host_path))).at(volume.location.clone())
        }));
    }
    for (index, volume) in patch.volumes.iter().enumerate() {
        found.items.extend(same_mount(volume, &patch.volumes[..index]));
    }
    for file in &patch.files {
        found.items.extend(
            runs_as_pod(file).then(|| manifests(format!("the file {} is in {MANIFESTS}", quote(&file.path))).at(file.location.clone())),
        );
    }
    found
}

/// Volumes that are in the way of kubeadm's own.
pub fn beside_kubeadm(patch: &ControlPlanePatch) -> Diagnostics {
    Diagnostics { items: patch.volumes.iter().flat_map(|volume| [reserved(volume), kubeadms_mount(volume)]).flatten().collect() }
}

/// Files that a whole Pod lacks although kubeadm has volumes for their folders:
/// nobody adds those to a Pod. One without `--etcd-servers`, which every API
/// server must have, is a part of a Pod.
pub fn in_a_whole_pod(patch: &ControlPlanePatch) -> Diagnostics {
    if patch.arg("etcd-servers").is_none() || mounts_a_macro(patch) {
        return Diagnostics::new();
    }
    let lacks = |arg: &&Arg| is_kubeadms(&arg.value) && on_the_node(patch, &arg.value).is_none();
    Diagnostics { items: files_read(patch).filter(lacks).map(not_mounted).collect() }
}

/// The paths on the node of the files that flags name.
pub fn files_of_the_node(patch: &ControlPlanePatch) -> Vec<String> {
    files_read(patch).filter_map(|arg| on_the_node(patch, &arg.value)).map(|(_, path)| path).collect()
}

/// The flags of a patch that name a file to read, where it is known which.
pub(super) fn files_read(patch: &ControlPlanePatch) -> impl Iterator<Item = &Arg> {
    let names_a_file = |arg: &&Arg| arg.name.ends_with("-file") || FILE_FLAGS.contains(&arg.name.as_str());
    patch.args.iter().filter(names_a_file).filter(|arg| !arg.value.is_empty() && !arg.has_macro())
}

/// Whether a volume may mount any path, since a macro says which.
fn mounts_a_macro(patch: &ControlPlanePatch) -> bool {
    patch.volumes.iter().any(|volume| has_macro(&volume.mount_path))
}

/// The path on the node of a path in the container, and the volume that mounts it.
pub(crate) fn on_the_node<'p>(patch: &'p ControlPlanePatch, path: &str) -> Option<(&'p Volume, String)> {
    let covers = |volume: &&Volume| is_below(path, &volume.mount_path);
    let volume = patch.volumes.iter().filter(covers).max_by_key(|volume| trimmed(&volume.mount_path).len())?;
    let rest = &path[trimmed(&volume.mount_path).len()..];
    Some((volume, format!("{}{}", trimmed(&volume.host_path), rest.trim_end_matches('/'))))
}

/// Whether kubeadm mounts a folder that holds `path`, so that nobody else need.
pub(super) fn is_kubeadms(path: &str) -> bool {
    KUBEADM_MOUNTS.iter().any(|folder| is_below(path, folder))
}

fn trimmed(path: &str) -> &str {
    path.trim_end_matches('/')
}

/// Whether `path` is `folder` or below it.
pub(crate) fn is_below(path: &str, folder: &str) -> bool {
    trimmed(path).strip_prefix(trimmed(folder)).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn file_read(patch: &ControlPlanePatch, arg: &Arg) -> Vec<Diagnostic> {
    let path = arg.value.as_str();
    let is_audit = arg.name.starts_with("audit-");
    let mut found = Vec::new();
    let Some((volume, _)) = on_the_node(patch, path) else {
        if !is_kubeadms(path) && !mounts_a_macro(patch) {
            found.push(not_mounted(arg));
        }
        return found;
    };
    let is_the_file = trimmed(&volume.mount_path) == trimmed(path);
    let kind = volume.path_type.as_deref();
    let blame = |message: String, help: &str| {
        Diagnostic::new(Code::MountPathType, message).at(volume.location.clone()).related(arg.location.clone(), "read here").help(help)
    };
    let name = &volume.name;
    const WANTED: &str = "set pathType to File: then the Pod waits for the file, and says so";
    match (is_the_file, kind) {
        (true, Some("File")) | (false, None | Some("Directory" | "DirectoryOrCreate")) => {}
        (true, None) => found.push(blame(
            format!("the volume {name} mounts the file {} without a pathType: a file that is not there becomes a folder", quote(path)),
            WANTED,
        )),
        (true, Some("FileOrCreate")) => found.push(blame(
            format!(
                "the volume {name} has pathType FileOrCreate: a file that is not there becomes an empty one, which --{} cannot use",
                arg.name
            ),
            WANTED,
        )),
        (true, Some(kind)) => {
            let message = format!("the volume {name} mounts the file {} as {kind}, so --{} cannot be read", quote(path), arg.name);
            found.push(blame(message, WANTED).with_severity(if is_audit { Severity::Error } else { Severity::Warning }));
        }
        (false, Some(kind)) => {
            let message =
                format!("the volume {name} mounts the folder {} as {kind}, so --{} cannot be read", quote(&volume.mount_path), arg.name);
            let help = "set pathType to Directory, or mount the file itself";
            found.push(blame(message, help).with_severity(if is_audit { Severity::Error } else { Severity::Warning }));
        }
    }
    if is_the_file && !volume.read_only {
        let message = format!("the API server may write to the file {}, which it only reads", quote(path));
        found.push(
            Diagnostic::new(Code::MountReadOnly, message)
                .at(volume.location.clone())
                .help(format!("set readOnly of the volume {name}"))
                .with_severity(Severity::Note),
        );
    }
    found
}

fn not_mounted(arg: &Arg) -> Diagnostic {
    let message = format!("--{} names {}, and no volume mounts it into the container", arg.name, quote(&arg.value));
    let diagnostic = Diagnostic::new(Code::MountMissing, message)
        .at(arg.location.clone())
        .help("add a volume of the file: hostPath and mountPath its path, readOnly true, pathType File");
    // Of these it is known that the API server does not start without them.
    if arg.name.starts_with("audit-") { diagnostic.with_severity(Severity::Error) } else { diagnostic }
}

/// The log's folder must be mounted, as a folder, writable: rotation renames
/// the file and makes a new one beside it.
fn log(patch: &ControlPlanePatch, arg: &Arg, minor: Minor) -> Option<Diagnostic> {
    let path = arg.value.as_str();
    let folder = path.rsplit_once('/').map_or("/", |(folder, _)| if folder.is_empty() { "/" } else { folder });
    let Some((volume, _)) = on_the_node(patch, path) else {
        if mounts_a_macro(patch) {
            return None;
        }
        let message = format!("--{LOG} is {}, and no volume mounts its folder: the log is lost with the container", quote(path));
        let help = if path.starts_with("/dev/") {
            "write `-` for standard output; a device is rotated as a file would be".to_owned()
        } else {
            format!("add a volume with mountPath {} and pathType DirectoryOrCreate", quote(folder))
        };
        let mut diagnostic = Diagnostic::new(Code::MountMissing, message).at(arg.location.clone()).help(help);
        // Often one was meant for it, and is mounted elsewhere.
        if let Some(other) = patch.volumes.iter().find(|volume| volume.path_type.as_deref() == Some("DirectoryOrCreate")) {
            diagnostic = diagnostic.related(other.mount_at.clone(), format!("the volume {} is mounted at another path", other.name));
        }
        return Some(diagnostic);
    };
    let name = &volume.name;
    let blame = |code: Code, message: String, help: String| {
        Diagnostic::new(code, message).at(volume.location.clone()).related(arg.location.clone(), "the log").help(help)
    };
    let is_folder = |kind: &str| matches!(kind, "Directory" | "DirectoryOrCreate");
    let is_the_file = trimmed(&volume.mount_path) == trimmed(path);
    match volume.path_type.as_deref() {
        Some(kind) if is_the_file && is_folder(kind) => {
            let message = format!("the volume {name} mounts a folder where --{LOG} writes a file, and the API server does not start");
            let help = format!("mount the folder: mountPath {}", quote(folder));
            return Some(blame(Code::MountPathType, message, help).at(volume.mount_at.clone()).with_severity(Severity::Error));
        }
        Some(kind) if !is_the_file && !is_folder(kind) => {
            let message = format!("the volume {name} mounts the log's folder as {kind}, and the API server does not start");
            let help = "set pathType to DirectoryOrCreate".to_owned();
            return Some(blame(Code::MountPathType, message, help).with_severity(Severity::Error));
        }
        _ => {}
    }
    if volume.read_only {
        let message = format!("the volume {name} is read-only, so the log cannot be opened, and the API server does not start");
        return Some(
            blame(Code::MountReadOnly, message, "leave readOnly out, or set it to false".to_owned()).with_severity(Severity::Error),
        );
    }
    // Without rotation nothing is renamed.
    let rotates =
        minor < disk::NEW_DEFAULTS_SINCE || patch.arg("audit-log-maxsize").is_none_or(|size| size.value != "0" && !size.has_macro());
    if is_the_file && rotates {
        let message = format!("the volume {name} mounts the log file itself, which cannot be renamed: at the first rotation the log ends");
        let help = format!("mount its folder: hostPath and mountPath {}, pathType DirectoryOrCreate", quote(folder));
        return Some(blame(Code::MountSingleFile, message, help).at(volume.mount_at.clone()));
    }
    None
}

fn reserved(volume: &Volume) -> Option<Diagnostic> {
    let is_numbered = volume.name.strip_prefix(RESERVED_PREFIX).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
    if !is_numbered && !RESERVED.contains(&volume.name.as_str()) {
        return None;
    }
    let message = format!("kubeadm has a volume {} itself, and this one takes its place without a word", volume.name);
    let diagnostic = Diagnostic::new(Code::VolumeNameReserved, message).at(volume.location.clone()).help("give it another name");
    // The API server's own certificate is in there.
    let loses_pki = volume.name == "k8s-certs" && !is_below("/etc/kubernetes/pki", &volume.mount_path);
    Some(if loses_pki { diagnostic.with_severity(Severity::Error) } else { diagnostic })
}

/// A Pod with two mounts at one path is refused.
fn same_mount(volume: &Volume, before: &[Volume]) -> Option<Diagnostic> {
    let other = before.iter().find(|other| trimmed(&other.mount_path) == trimmed(&volume.mount_path))?;
    let message =
        format!("the volumes {} and {} have the same mountPath {}, and such a Pod is refused", other.name, volume.name, volume.mount_path);
    let diagnostic = Diagnostic::new(Code::VolumePathDuplicate, message)
        .at(volume.mount_at.clone())
        .related(other.mount_at.clone(), "mounted here as well")
        .help("mount one of them elsewhere");
    Some(diagnostic.with_severity(Severity::Error))
}

/// The same, with a mount that kubeadm makes; one of its name takes its place.
fn kubeadms_mount(volume: &Volume) -> Option<Diagnostic> {
    let same = |(name, path): &&(&str, &str)| trimmed(&volume.mount_path) == *path && volume.name != *name;
    let (_, path) = ALWAYS_MOUNTED.iter().find(same)?;
    let message = format!("the volume {} has the mountPath {path}, where kubeadm mounts its own, and such a Pod is refused", volume.name);
    let diagnostic = Diagnostic::new(Code::VolumePathDuplicate, message).at(volume.mount_at.clone());
    Some(diagnostic.help("leave it out: kubeadm mounts that folder of the node").with_severity(Severity::Error))
}

fn in_manifests(path: &str) -> bool {
    is_below(path, MANIFESTS)
}

/// Whether the kubelet runs a file that is not meant as a Pod. It passes over files whose names begin
/// with a dot, and runs the copy of a Pod as well, whatever its name ends with.
fn runs_as_pod(file: &NodeFile) -> bool {
    const POD: &str = "kind: Pod";
    let name = file.path.rsplit('/').next().unwrap_or_default();
    let may_be_a_pod = match &file.body {
        Body::Content(content) => match &content.document {
            Ok(document) => document.get("kind").and_then(Node::as_str) == Some("Pod"),
            // With templates in it, or several documents.
            Err(_) => content.text.lines().any(|line| line.trim_end() == POD),
        },
        Body::Secret { .. } | Body::Host => true,
    };
    let is_called_so = [".yaml", ".yml", ".json", ".manifest"].iter().any(|ending| name.ends_with(ending));
    in_manifests(&file.path) && !name.starts_with('.') && !(may_be_a_pod && is_called_so)
}

fn manifests(what: String) -> Diagnostic {
    let message = format!("{what}, where the kubelet takes every file for a Pod to run");
    Diagnostic::new(Code::MountManifestsDir, message).help("put it elsewhere, such as /etc/kubernetes/audit-policy.yaml")
}
