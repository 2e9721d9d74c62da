//! `packwright flags`.

use std::fmt::Write as _;

use clap::Args;
use serde_json::{Value, json};

use super::output::{Format, Outcome, Output};
use crate::audit::flags::{choices, describe};
use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::kubernetes::flags::{self, Flag, State, shown};
use crate::kubernetes::{self, Minor, names};

/// Show the flags of kube-apiserver: their types and defaults, and what changed between Kubernetes versions
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  packwright flags                                           every flag of the newest version that is known
  packwright flags audit-log-maxsize                         one flag, over all versions
  packwright flags --kubernetes-version 1.36 --since 1.35    what an upgrade changes")]
pub struct Flags {
    /// The flag, without dashes
    #[arg(value_name = "NAME")]
    name: Option<String>,

    /// The Kubernetes version: 1.33, v1.33.4 [default: the newest that is known]
    #[arg(long, value_name = "VERSION")]
    kubernetes_version: Option<String>,

    /// Only what changed after this version
    #[arg(long, value_name = "VERSION")]
    since: Option<String>,

    /// The form of the report
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Flags {
    pub fn run(self) -> Outcome {
        let output = Output::new(self.format);
        match self.answer() {
            Ok((text, object)) => output.done("", &text, object, Diagnostics::new()),
            Err(errors) => output.fail(errors),
        }
    }

    /// What is printed for people, and for machines.
    fn answer(&self) -> Result<(String, Value), Diagnostics> {
        let minor = one(self.kubernetes_version.as_deref())?;
        let since = self.since.as_deref().map(|since| one(Some(since))).transpose()?;
        if let Some(since) = since.filter(|since| *since >= minor) {
            let message = format!("--since {since} is not before the Kubernetes version, {minor}");
            return Err(Diagnostic::new(Code::Usage, message).into());
        }
        match &self.name {
            None => Ok(list(minor, since)),
            Some(name) => {
                let flag = find(name, minor)?;
                if self.kubernetes_version.is_some() && since.is_none() && flag.at(minor).is_none() {
                    let there = flag.availability().unwrap_or_default();
                    let message = format!("kube-apiserver has --{} in Kubernetes {there}, not in {minor}", flag.name);
                    return Err(Diagnostic::new(Code::FlagUnavailable, message).into());
                }
                Ok(page(flag, minor, since))
            }
        }
    }
}

fn one(asked: Option<&str>) -> Result<Minor, Diagnostics> {
    let (oldest, newest) = flags::minors();
    match kubernetes::select_known(asked)?.as_slice() {
        [minor] if (oldest..=newest).contains(minor) => Ok(*minor),
        [minor] => {
            let message = format!("the flags of Kubernetes {minor} are not known, only those of {oldest} to {newest}");
            Err(Diagnostic::new(Code::KubernetesVersion, message).into())
        }
        _ => {
            let message = format!("{} is a range, and flags are shown for one version", quote(asked.unwrap_or_default()));
            let help = "write --since with the first and --kubernetes-version with the last version of the range";
            Err(Diagnostic::new(Code::Usage, message).help(help).into())
        }
    }
}

fn find(name: &str, minor: Minor) -> Result<&'static Flag, Diagnostics> {
    let name = name.trim_start_matches('-');
    flags::find(name).ok_or_else(|| {
        let diagnostic = Diagnostic::new(Code::Usage, format!("kube-apiserver has no flag {}", quote(name)));
        match flags::nearest_name(name, minor) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")).into(),
            None => diagnostic.help("`packwright flags` lists them").into(),
        }
    })
}

/// The flags of `minor`, a line each; or what changed since another, a line a change.
fn list(minor: Minor, since: Option<Minor>) -> (String, Value) {
    let mut rows = Vec::new();
    let mut objects = Vec::new();
    for flag in flags::all() {
        let changes = since.map(|since| flag.changes(since, minor)).unwrap_or_default();
        for change in &changes {
            rows.push([flag.name.to_owned(), change.minor.to_string(), change.what.clone()]);
        }
        let state = flag.at(minor);
        if let (None, Some(state)) = (since, state) {
            let marks = if state.deprecated { " (deprecated)" } else { "" };
            rows.push([flag.name.to_owned(), state.kind.name().to_owned(), format!("{}{marks}", state.default)]);
        }
        if since.is_none() && state.is_some() || !changes.is_empty() {
            let mut object = state.map_or_else(|| json!({}), state_object);
            object["name"] = json!(flag.name);
            object["about"] = json!(describe(flag.name));
            object["changes"] = changes_object(&changes);
            objects.push(object);
        }
    }
    let object = json!({"kubernetesVersion": minor, "since": since, "flags": objects});
    (columns(&rows), object)
}

/// Everything about one flag.
fn page(flag: &Flag, minor: Minor, since: Option<Minor>) -> (String, Value) {
    let (oldest, _) = flags::minors();
    let changes = flag.changes(since.unwrap_or(oldest), minor);
    let state = flag.at(minor);
    let mut text = format!("--{}\n", flag.name);
    if let Some(about) = describe(flag.name) {
        let _ = write!(text, "\n{}\n", wrapped(about));
    }
    let mut rows = vec![["Kubernetes".to_owned(), flag.availability().unwrap_or_else(|| "all versions that are known".to_owned())]];
    if let Some(state) = state.or(flag.states.last()) {
        let choices = choices(flag.name);
        let value = if choices.is_empty() { state.kind.words().to_owned() } else { choices.join(", ") };
        rows.push(["value".to_owned(), value]);
        rows.push([format!("default in {}", minor.min(state.last)), shown(state.default).to_owned()]);
        rows.push(["given twice".to_owned(), state.kind.repeated().words().to_owned()]);
        if state.deprecated {
            let instead: Vec<String> = state.instead.iter().map(|name| format!("; use --{name}")).collect();
            rows.push(["deprecated".to_owned(), format!("yes{}", instead.concat())]);
        }
    }
    let _ = write!(text, "\n{}", columns(&rows));
    if !changes.is_empty() {
        let rows: Vec<[String; 2]> = changes.iter().map(|change| [change.minor.to_string(), change.what.clone()]).collect();
        let _ = write!(text, "\nChanges:\n{}", columns(&rows));
    } else if let Some(since) = since {
        let _ = write!(text, "\nNothing changed from {since} to {minor}.\n");
    }
    let mut object = state.map_or_else(|| json!({}), state_object);
    if let Some(kind) = names::Kind::of_flag(flag.name) {
        let on = |name: &names::Name| if name.on { "on" } else { "off" };
        let locked = |name: &names::Name| if name.locked { "locked" } else { "" };
        let names: Vec<&names::Name> = names::of_minor(kind, minor).collect();
        let rows: Vec<[String; 3]> = names.iter().map(|name| [name.name, on(name), locked(name)].map(str::to_owned)).collect();
        let _ = write!(text, "\nEvery {} of {minor}, and its default:\n{}", kind.words(), columns(&rows));
        object["names"] = names.iter().map(|name| json!({"name": name.name, "default": name.on, "locked": name.locked})).collect();
    }
    object["name"] = json!(flag.name);
    object["about"] = json!(describe(flag.name));
    object["choices"] = json!(choices(flag.name));
    object["kubernetesVersion"] = json!(minor);
    object["since"] = json!(since);
    object["versions"] = flag
        .states
        .iter()
        .map(|state| {
            let mut object = state_object(state);
            object["first"] = json!(state.first);
            object["last"] = json!(state.last);
            object
        })
        .collect();
    object["changes"] = changes_object(&changes);
    (text, object)
}

fn state_object(state: &State) -> Value {
    json!({
        "type": state.kind.name(),
        "default": state.default,
        "repeated": state.kind.repeated().name(),
        "deprecated": state.deprecated,
        "instead": state.instead,
    })
}

fn changes_object(changes: &[flags::Change]) -> Value {
    changes.iter().map(|change| json!({"kubernetesVersion": change.minor, "what": change.what})).collect()
}

/// Rows with their columns below each other.
fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in rows {
        let line: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        let _ = writeln!(text, "{}", line.join("  ").trim_end());
    }
    text
}

/// Words in lines of at most 100 characters.
fn wrapped(words: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in words.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= 100 => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}
