//! Files on the node: is there somebody who puts them there, who may change
//! them, and do they fit what carries them.

use super::mounts;
use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::patch::{Body, ControlPlanePatch, NodeFile, has_macro};

/// The smallest bound of user data among clouds: EC2's. Files travel in it
/// where Cluster API makes the machines, unless the provider stores it apart.
const SMALLEST_USER_DATA: usize = 16 * 1024;

/// Every objection to the files of a patch.
pub fn check(patch: &ControlPlanePatch) -> Diagnostics {
    let mut found = Diagnostics::new();
    found.items.extend(missing(patch));
    for file in &patch.files {
        found.items.extend(permissions(patch, file));
    }
    found.items.extend(too_large(patch));
    found
}

/// A mounted file that the pack neither ships nor says to be there.
fn missing(patch: &ControlPlanePatch) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for arg in mounts::files_read(patch) {
        let Some((volume, path)) = mounts::on_the_node(patch, &arg.value) else { continue };
        if has_macro(&path) || patch.files.iter().any(|file| file.path == path || has_macro(&file.path)) || mounts::is_kubeadms(&path) {
            continue;
        }
        let message = format!("--{} is read from {} of the node, and nothing puts it there", arg.name, quote(&path));
        found.push(
            Diagnostic::new(Code::FileMissing, message)
                .at(arg.location.clone())
                .related(volume.location.clone(), "mounted here")
                .help("add it to `files`: with its content, or with `host: true` if it is on each node already"),
        );
    }
    found
}

/// What the pack ships with modes that let others in.
fn permissions(patch: &ControlPlanePatch, file: &NodeFile) -> Option<Diagnostic> {
    if matches!(file.body, Body::Host) {
        return None; // whoever puts it there sets its mode
    }
    let mode = u32::from_str_radix(&file.permissions, 8).ok()?;
    let path = quote(&file.path);
    let message = if mode & 0o022 != 0 {
        let what = if is_read(patch, file) { "what the API server does" } else { "it" };
        format!("the file {path} has mode {}, so others than its owner may change {what}", file.permissions)
    } else if mode & 0o044 != 0 && holds_credentials(patch, file) {
        format!("the file {path} has mode {}, so others than its owner may read the credentials in it", file.permissions)
    } else {
        return None;
    };
    Some(Diagnostic::new(Code::FilePermissions, message).at(file.location.clone()).help("set its permissions to \"0600\""))
}

/// Kubeconfigs of webhooks, keys of encryption at rest, static tokens.
fn holds_credentials(patch: &ControlPlanePatch, file: &NodeFile) -> bool {
    let secret = |name: &str| name.ends_with("webhook-config-file") || matches!(name, "encryption-provider-config" | "token-auth-file");
    let is_public = [".crt", ".pub", "cert.pem", "ca.pem"].iter().any(|ending| file.path.ends_with(ending));
    (matches!(file.body, Body::Secret { .. }) && !is_public)
        || mounts::files_read(patch).any(|arg| secret(&arg.name) && is_behind(patch, &arg.value, file))
}

/// Whether a flag names the file.
fn is_read(patch: &ControlPlanePatch, file: &NodeFile) -> bool {
    mounts::files_read(patch).any(|arg| is_behind(patch, &arg.value, file))
}

/// Whether a path in the container is that file of the node.
fn is_behind(patch: &ControlPlanePatch, path: &str, file: &NodeFile) -> bool {
    mounts::on_the_node(patch, path).is_some_and(|(_, path)| path == file.path)
}

fn too_large(patch: &ControlPlanePatch) -> Option<Diagnostic> {
    let total: usize = patch.shipped().map(|(_, content)| content.text.len()).sum();
    let (largest, _) = patch.shipped().max_by_key(|(_, content)| content.text.len())?;
    if total <= SMALLEST_USER_DATA {
        return None;
    }
    let message = format!(
        "the files have {total} bytes together, and EC2 takes {SMALLEST_USER_DATA} bytes of user data, which is how Cluster API brings them to a machine"
    );
    let help =
        "on other clouds it is 32 KiB and more; where it does not fit, ship less, or bring the file by a Secret: `secret: {name, key}`";
    Some(Diagnostic::new(Code::FileTooLarge, message).at(largest.location.clone()).help(help))
}
