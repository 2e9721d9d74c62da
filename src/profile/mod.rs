//! Benchmarks: what an auditor asks of an API server's audit log, item by item,
//! with the evidence.

mod policy;

use std::sync::LazyLock;

use semver::VersionReq;
use serde::{Deserialize, Serialize};

use crate::audit::types::Policy;
use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Location, nearest};
use crate::kubernetes::{Minor, admits};
use crate::patch::ControlPlanePatch;

/// A benchmark.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Profile {
    /// The name for `--profile`.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// The minors that it is written for.
    pub kubernetes: VersionReq,
    /// Another profile that has the same items.
    same_as: Option<String>,
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Item {
    id: String,
    title: String,
    #[serde(default)]
    is_manual: bool,
    ask: Ask,
    fix: String,
    contradicts: Option<Contradiction>,
}

/// What an item asks; profiles.yaml says what each means.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum Ask {
    FlagSet(String),
    FlagAtLeast { flag: String, least: u64 },
    Concerns,
    Everything,
}

/// An item of another profile that no configuration meets beside this one.
#[derive(Debug, Clone, Deserialize)]
struct Contradiction {
    /// How the other profile's name begins.
    profile: String,
    id: String,
}

/// What is judged: an API server's flags, and its policy, as far as they are known.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'s> {
    /// The flags.
    pub patch: Option<&'s ControlPlanePatch>,
    /// The policy.
    pub policy: Option<&'s Policy>,
    /// The Kubernetes minor.
    pub minor: Minor,
    /// Where it begins, for what is not there.
    pub place: &'s Location,
}

/// Whether an item is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It is.
    Pass,
    /// It is not.
    Fail,
    /// Nothing speaks against it, and a person decides.
    Manual,
    /// The input is not about it.
    NotApplicable,
}

/// An item, judged.
#[derive(Debug, Clone, Serialize)]
pub struct Judged {
    /// The item's number in its benchmark.
    pub id: String,
    /// What it asks.
    pub title: String,
    /// The verdict.
    pub status: Status,
    /// Why, with the place.
    pub evidence: String,
    /// What would pass it; none where nothing is to be done.
    pub fix: Option<String>,
    /// The place to blame.
    #[serde(skip)]
    location: Option<Location>,
}

/// A profile's verdict on a subject.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The profile.
    pub name: String,
    /// The file that was judged; none for arguments.
    pub file: Option<String>,
    /// For which minor.
    pub kubernetes_version: Minor,
    /// Its items.
    pub items: Vec<Judged>,
}

/// The profiles as they are written. Through JSON, since YAML readers want tags for enums.
fn data() -> Result<Vec<Profile>, String> {
    let data: serde_json::Value = serde_yaml::from_str(include_str!("profiles.yaml")).map_err(|error| error.to_string())?;
    serde_json::from_value(data).map_err(|error| error.to_string())
}

static PROFILES: LazyLock<Vec<Profile>> = LazyLock::new(|| {
    // A test says that they read.
    let mut profiles = data().unwrap_or_default();
    let items =
        |name: &str, profiles: &[Profile]| profiles.iter().find(|profile| profile.name == name).map(|profile| profile.items.clone());
    for index in 0..profiles.len() {
        if let Some(items) = profiles[index].same_as.as_ref().and_then(|name| items(name, &profiles)) {
            profiles[index].items = items;
        }
    }
    profiles
});

/// The profiles of these names.
///
/// # Errors
/// `usage` for each that is not there.
pub fn named(names: &[String]) -> Result<Vec<&'static Profile>, Diagnostics> {
    let mut errors = Diagnostics::new();
    let mut found: Vec<&'static Profile> = Vec::new();
    for name in names {
        match PROFILES.iter().find(|profile| profile.name == *name) {
            Some(profile) if found.iter().any(|known| known.name == profile.name) => {}
            Some(profile) => found.push(profile),
            None => {
                let known: Vec<&str> = PROFILES.iter().map(|profile| profile.name.as_str()).collect();
                let help = match nearest(name, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("profiles are {}", known.join(", ")),
                };
                errors.push(Diagnostic::new(Code::Usage, format!("there is no profile {}", quote(name))).help(help));
            }
        }
    }
    if errors.has_errors() { Err(errors) } else { Ok(found) }
}

/// What cannot be met at once, of profiles that are asked for together.
pub fn contradictions(profiles: &[&Profile]) -> Diagnostics {
    let mut found = Diagnostics::new();
    for (index, profile) in profiles.iter().enumerate() {
        for item in &profile.items {
            let Some(other) = &item.contradicts else { continue };
            for second in profiles[index + 1..].iter().filter(|second| second.name.starts_with(&other.profile)) {
                let message =
                    format!("{} of {} and {} of {} cannot both be met by one policy", item.id, profile.name, other.id, second.name);
                let help = "CIS wants no body of a Secret, ConfigMap or TokenReview in the log, the STIG wants every body: choose one, and get a waiver for the other";
                found.push(Diagnostic::new(Code::ProfileConflict, message).help(help));
            }
        }
    }
    found
}

impl Profile {
    /// The verdict, and what is wrong as findings: each failed item, and that the
    /// profile is for other minors.
    pub fn judge(&self, subject: Subject<'_>) -> (Report, Diagnostics) {
        let mut found = Diagnostics::new();
        if !admits(&self.kubernetes, subject.minor) {
            let message = format!("{} is written for Kubernetes {}, and this is {}", self.title, self.kubernetes, subject.minor);
            found.push(Diagnostic::new(Code::ProfileVersion, message).at(subject.place.clone()));
        }
        let items: Vec<Judged> = self.items.iter().map(|item| item.judge(subject)).collect();
        for item in items.iter().filter(|item| item.status == Status::Fail) {
            let message = format!("{} {}, {}: {}", self.name, item.id, item.title, item.evidence);
            let mut diagnostic = Diagnostic::new(Code::ProfileItem, message);
            diagnostic.location = Some(item.location.clone().unwrap_or_else(|| subject.place.clone()));
            diagnostic.help = item.fix.as_ref().map(|fix| format!("of the pack: `{fix}`"));
            found.push(diagnostic);
        }
        let file = subject.place.source.is_file.then(|| subject.place.source.name.clone());
        (Report { name: self.name.clone(), file, kubernetes_version: subject.minor, items }, found)
    }
}

impl Item {
    fn judge(&self, subject: Subject<'_>) -> Judged {
        let (status, evidence, location) = match &self.ask {
            Ask::FlagSet(flag) => flag_set(flag, subject),
            Ask::FlagAtLeast { flag, least } => flag_at_least(flag, *least, subject),
            Ask::Concerns => policy::concerns(subject),
            Ask::Everything => policy::everything(subject),
        };
        let status = if self.is_manual && status == Status::Pass { Status::Manual } else { status };
        let fix = (status == Status::Fail).then(|| self.fix.clone());
        Judged { id: self.id.clone(), title: self.title.clone(), status, evidence, fix, location }
    }
}

/// A verdict with its evidence and the place to blame.
type Verdict = (Status, String, Option<Location>);

fn flag_set(name: &str, subject: Subject<'_>) -> Verdict {
    let Some(patch) = subject.patch else { return no_flags() };
    match patch.arg(name).filter(|arg| !arg.value.is_empty()) {
        Some(arg) => (Status::Pass, format!("--{name}={} ({})", arg.value, arg.location), Some(arg.location.clone())),
        None => (Status::Fail, format!("--{name} is not set"), None),
    }
}

fn flag_at_least(name: &str, least: u64, subject: Subject<'_>) -> Verdict {
    let Some(patch) = subject.patch else { return no_flags() };
    let Some(arg) = patch.arg(name) else {
        return (Status::Fail, format!("--{name} is not set, and a default does not count"), None);
    };
    let meets = arg.value.parse::<u64>().is_ok_and(|value| value >= least);
    let evidence = format!("--{name}={} ({}), and {least} or more is asked for", arg.value, arg.location);
    (if meets { Status::Pass } else { Status::Fail }, evidence, Some(arg.location.clone()))
}

fn no_flags() -> Verdict {
    (Status::NotApplicable, "the input has no flags".to_owned(), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_reads() {
        assert_eq!(data().map(|profiles| profiles.len()), Ok(4));
        assert!(PROFILES.iter().all(|profile| !profile.items.is_empty()));
    }
}
