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

/// The flag for [`Rotation::max_size`].
pub const MAX_SIZE: &str = "audit-log-maxsize";
/// The flag for [`Rotation::max_backup`].
pub const MAX_BACKUP: &str = "audit-log-maxbackup";
/// The flag for [`Rotation::max_age`].
pub const MAX_AGE: &str = "audit-log-maxage";

/// What rotates the log, and what prunes its rotated files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// The size at which the file is rotated, in MiB; none when it never is, and then nothing is pruned.
    pub max_size: Option<u64>,
    /// How many rotated files are kept; none for all.
    pub max_backup: Option<u64>,
    /// How many days a rotated file is kept; none for ever.
    pub max_age: Option<u64>,
}

/// What a rotation keeps for certain: events as old as this are still there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retained {
    /// In days; none for ever.
    pub days: Option<f64>,
    /// Which of the flags comes first.
    pub by: Option<&'static str>,
}

impl Rotation {
    /// Of flags with those values on `minor`; one that is not set has its default.
    pub fn new(max_size: Option<u64>, max_backup: Option<u64>, max_age: Option<u64>, minor: Minor) -> Self {
        let new = minor >= NEW_DEFAULTS_SINCE;
        let or_all = |value: Option<u64>, default: u64| match value {
            None if new => Some(default),
            None | Some(0) => None,
            some => some,
        };
        let max_size = match max_size {
            Some(0) if new => None,
            Some(0) | None => Some(100),
            some => some,
        };
        Self { max_size, max_backup: or_all(max_backup, 100), max_age: or_all(max_age, 366) }
    }

    /// The most that the log takes, in MiB: the rotated files and the one that
    /// is written. None when nothing bounds it.
    pub fn mebibytes(self) -> Option<u64> {
        self.max_size.zip(self.max_backup).and_then(|(size, count)| size.checked_mul(count.checked_add(1)?))
    }

    /// How long events are kept of a log that grows by so many bytes a day.
    /// Files are pruned when another one is full, and the one that is written
    /// may be empty, so only the rotated ones count. A file's age is that of its
    /// last event (`natefinch/lumberjack` `millRunOnce`).
    pub fn retained(self, bytes_a_day: f64) -> Retained {
        let Some(size) = self.max_size else { return Retained { days: None, by: None } };
        let by_count = self.max_backup.map(|count| (count as f64 * size as f64 * MIB / bytes_a_day, MAX_BACKUP));
        let by_age = self.max_age.map(|days| (days as f64, MAX_AGE));
        match [by_count, by_age].into_iter().flatten().min_by(|a, b| a.0.total_cmp(&b.0)) {
            Some((days, by)) if days.is_finite() => Retained { days: Some(days), by: Some(by) },
            _ => Retained { days: None, by: None },
        }
    }
}

/// Bytes of the unit of maxsize: lumberjack calls it a megabyte.
const MIB: f64 = (1 << 20) as f64;

/// What the patch's flags let the log grow to on `minor`; none without a log file.
pub fn budget(patch: &ControlPlanePatch, minor: Minor) -> Option<Disk> {
    let path = patch.arg("audit-log-path").map(|arg| arg.value.clone()).filter(|path| !path.is_empty() && path != "-")?;
    // What is no number bounds nothing.
    let number = |name: &str| patch.arg(name).map(|arg| arg.value.parse::<u64>()).transpose().ok();
    let rotation = number(MAX_SIZE).zip(number(MAX_BACKUP));
    let mebibytes = rotation.and_then(|(size, count)| Rotation::new(size, count, None, minor).mebibytes());
    Some(Disk { path, mebibytes })
}

#[cfg(test)]
mod tests {
    use super::{MAX_AGE, MAX_BACKUP, Minor, Retained, Rotation};

    const OLD: Minor = Minor(35);
    const NEW: Minor = Minor(36);

    #[test]
    fn what_comes_first_of_count_and_age_bounds_what_is_kept() {
        let kept = |size, count, age, bytes| Rotation::new(Some(size), Some(count), Some(age), NEW).retained(bytes);
        let hundred_mib = f64::from(100 << 20);
        assert_eq!(kept(100, 10, 30, hundred_mib), Retained { days: Some(10.0), by: Some(MAX_BACKUP) });
        assert_eq!(kept(100, 10, 7, hundred_mib), Retained { days: Some(7.0), by: Some(MAX_AGE) });
        assert_eq!(kept(100, 0, 7, hundred_mib), Retained { days: Some(7.0), by: Some(MAX_AGE) });
        assert_eq!(kept(100, 10, 0, hundred_mib * 2.0), Retained { days: Some(5.0), by: Some(MAX_BACKUP) });
        assert_eq!(kept(100, 10, 0, 0.0), Retained { days: None, by: None });
        assert_eq!(kept(0, 10, 30, hundred_mib), Retained { days: None, by: None });
    }

    #[test]
    fn a_flag_that_is_not_set_has_the_default_of_its_minor() {
        let rotation = |max_size, max_backup, max_age| Rotation { max_size, max_backup, max_age };
        assert_eq!(Rotation::new(None, None, None, OLD), rotation(Some(100), None, None));
        assert_eq!(Rotation::new(None, None, None, NEW), rotation(Some(100), Some(100), Some(366)));
        assert_eq!(Rotation::new(Some(0), Some(5), Some(0), OLD), rotation(Some(100), Some(5), None));
        assert_eq!(Rotation::new(Some(0), Some(5), Some(0), NEW), rotation(None, Some(5), None));
    }
}
