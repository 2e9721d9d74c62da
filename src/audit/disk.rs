//! How much disk the audit log can take on each control-plane node.

use crate::kubernetes::Minor;
use crate::patch::ControlPlanePatch;

/// The audit log's disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// The log's path in the container.
    pub path: String,
    /// The most that it takes, in MiB; none when nothing bounds it.
    pub mebibytes: Option<u64>,
}

/// The minor from which maxsize 0 turns rotation off, and the defaults are
/// 366 days, 100 files and 100 MiB (`kubernetes/kubernetes#136478`).
pub const NEW_DEFAULTS_SINCE: Minor = Minor(36);

/// What the patch's flags let the log grow to on `minor`; none without a log file.
pub fn budget(patch: &ControlPlanePatch, minor: Minor) -> Option<Disk> {
    let path = patch.arg("audit-log-path").map(|arg| arg.value.clone()).filter(|path| !path.is_empty() && path != "-")?;
    let number = |name: &str| patch.arg(name).map(|arg| arg.value.parse::<u64>());
    let new = minor >= NEW_DEFAULTS_SINCE;
    let max_size = match number("audit-log-maxsize") {
        Some(Ok(0)) if new => None,
        Some(Ok(0)) | None => Some(100),
        Some(size) => size.ok(),
    };
    let max_backup = match number("audit-log-maxbackup") {
        None if new => Some(100),
        None | Some(Ok(0)) => None,
        Some(count) => count.ok(),
    };
    let mebibytes = max_size.zip(max_backup).and_then(|(size, count)| size.checked_mul(count.checked_add(1)?));
    Some(Disk { path, mebibytes })
}
