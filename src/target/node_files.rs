//! node-files.tar: the shipped files with the node's paths, owners and modes,
//! for `tar -xpf node-files.tar -C /` on each control-plane node.

use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::pack::archive::{Entry, ustar};
use crate::patch::ControlPlanePatch;

/// The archive's bytes.
///
/// # Errors
/// `target-limit` when a path does not fit an archive.
pub fn tar(patch: &ControlPlanePatch) -> Result<Vec<u8>, Diagnostics> {
    let entries: Vec<Entry<'_>> = patch
        .shipped()
        .map(|(file, content)| {
            let (user, group) = file.owner.split_once(':').unwrap_or(("root", "root"));
            Entry {
                path: file.path.trim_start_matches('/'),
                mode: u32::from_str_radix(&file.permissions, 8).unwrap_or(0o600),
                uid: number(user),
                gid: number(group),
                uname: name(user),
                gname: name(group),
                content: content.text.as_bytes(),
            }
        })
        .collect();
    ustar(&entries).map_err(|error| {
        let diagnostic = Diagnostic::new(Code::TargetLimit, format!("node-files.tar: {error}"));
        patch.files.first().map_or(diagnostic.clone(), |file| diagnostic.at(file.location.clone())).into()
    })
}

/// A numeric owner goes by number. A named one goes by name, with root's number
/// beneath: a node that lacks the name gets a file that only root can read.
fn number(owner: &str) -> u64 {
    owner.parse().unwrap_or(if name(owner).is_empty() { u64::MAX } else { 0 })
}

fn name(owner: &str) -> &str {
    if owner.bytes().all(|byte| byte.is_ascii_digit()) { "" } else { owner }
}
