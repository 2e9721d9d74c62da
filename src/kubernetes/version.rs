//! Kubernetes minors, as people write them.

use std::fmt;
use std::str::FromStr;

use semver::VersionReq;

use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic};

/// The NN of Kubernetes 1.NN. Patch releases do not change what an API server accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minor(pub u16);

/// The text is no Kubernetes version.
#[derive(Debug, thiserror::Error)]
#[error("not a Kubernetes version")]
pub struct NotAVersion;

impl FromStr for Minor {
    type Err = NotAVersion;

    /// `1.33`, `v1.33`, `1.33.4`, `v1.33.4-rc.1`.
    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let rest = text.strip_prefix("1.").ok_or(NotAVersion)?;
        let (minor, patch) = rest.split_once('.').map_or((rest, None), |(minor, patch)| (minor, Some(patch)));
        if minor.len() > 1 && minor.starts_with('0') || !minor.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotAVersion);
        }
        let patch_is_number = patch.is_none_or(|patch| semver::Version::parse(&format!("1.0.{patch}")).is_ok());
        let minor = minor.parse().map_err(|_| NotAVersion)?;
        if patch_is_number { Ok(Minor(minor)) } else { Err(NotAVersion) }
    }
}

impl fmt::Display for Minor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", self.0)
    }
}

impl serde::Serialize for Minor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The minors that `requirement` (a pack's or a target file's range) admits, ascending.
pub fn admitted(requirement: &VersionReq) -> Vec<Minor> {
    const NEWEST_CONCEIVABLE: u16 = 99;
    (0..=NEWEST_CONCEIVABLE).map(Minor).filter(|minor| admits(requirement, *minor)).collect()
}

/// Whether `requirement` admits a minor.
pub fn admits(requirement: &VersionReq, minor: Minor) -> bool {
    requirement.matches(&semver::Version::new(1, u64::from(minor.0), 0))
}

/// The minors of `--kubernetes-version`: one, or a range such as `1.31-1.34`.
/// Without it, the newest that the pack supports.
///
/// # Errors
/// `kubernetes-version` when the text is no version or range, or the pack
/// supports none or not all of it.
pub fn select(asked: Option<&str>, supported: &VersionReq) -> Result<Vec<Minor>, Diagnostic> {
    let admitted = admitted(supported);
    if admitted.is_empty() {
        return Err(fault(format!("the pack supports no Kubernetes minor: {supported}")));
    }
    among(asked, &admitted, "the pack")
}

/// As [`select`], of the minors that packwright knows.
///
/// # Errors
/// `kubernetes-version` when the text is no version or range, or not all of it is known.
pub fn select_known(asked: Option<&str>) -> Result<Vec<Minor>, Diagnostic> {
    among(asked, &super::resources::minors(), "packwright")
}

fn among(asked: Option<&str>, known: &[Minor], who: &str) -> Result<Vec<Minor>, Diagnostic> {
    let (Some(oldest), Some(newest)) = (known.first(), known.last()) else { return Ok(Vec::new()) };
    let Some(asked) = asked else { return Ok(vec![*newest]) };
    let help = format!("{who} supports {oldest} to {newest}; write one version such as {newest}, or a range such as {oldest}-{newest}");
    // A range first: `1.31.2-1.34.1` is also a version with a pre-release.
    let range =
        asked.match_indices('-').find_map(|(at, _)| Some((asked[..at].parse::<Minor>().ok()?, asked[at + 1..].parse::<Minor>().ok()?)));
    let parsed = range.or_else(|| asked.parse::<Minor>().ok().map(|minor| (minor, minor)));
    let Some((from, to)) = parsed else {
        return Err(fault(format!("{} is not a Kubernetes version", quote(asked))).help(help));
    };
    if from > to {
        return Err(fault(format!("the range {} begins after its end", quote(asked))).help(help));
    }
    let minors: Vec<Minor> = (from.0..=to.0).map(Minor).collect();
    match minors.iter().find(|minor| !known.contains(minor)) {
        None => Ok(minors),
        Some(minor) => Err(fault(format!("{who} does not support Kubernetes {minor}")).help(help)),
    }
}

fn fault(message: String) -> Diagnostic {
    Diagnostic::new(Code::KubernetesVersion, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_people_write() {
        let supported = VersionReq::parse(">=1.28, <1.38").unwrap();
        let ask = |text| select(Some(text), &supported).ok();
        for text in ["1.33", "v1.33", "1.33.4", "v1.33.0-rc.1"] {
            assert_eq!(ask(text), Some(vec![Minor(33)]), "{text}");
        }
        assert_eq!(ask("1.31-1.33"), Some(vec![Minor(31), Minor(32), Minor(33)]));
        assert_eq!(ask("1.31.2-1.33.1"), ask("1.31-1.33"));
        assert_eq!(select(None, &supported).unwrap(), [Minor(37)]);
        for text in ["", "1", "1.", "1.x", "2.33", "1.27", "1.38", "1.33-1.31", "1.30-1.99", "1.033", "latest", "1.33.x", "1.99999"] {
            assert_eq!(ask(text), None, "{text}");
        }
    }
}
