//! Checks of meaning, on the patch: what ships is checked, not what was meant.

pub mod audit_options;
pub mod files;
pub mod flags;
pub mod mounts;
pub mod secret;
pub mod types;

use std::sync::Arc;

use crate::audit;
use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Location, Source};
use crate::kubernetes::Minor;
use crate::patch::{ControlPlanePatch, NodeFile};
use crate::values::{Path, Values};
use crate::yaml::{self, Data, Node};

/// Every objection to a patch on API servers of `minor` that kubeadm sets up.
pub fn patch(patch: &ControlPlanePatch, minor: Minor) -> Diagnostics {
    let mut found = server(patch, minor, None);
    found.extend(beside_kubeadm(patch));
    found
}

/// What is in the way of what kubeadm itself sets and mounts.
pub fn beside_kubeadm(patch: &ControlPlanePatch) -> Diagnostics {
    let mut found = flags::managed(patch);
    found.extend(mounts::beside_kubeadm(patch));
    found
}

/// Every objection to what API servers of `minor` are given, whoever runs them.
/// The options are judged with the policy beside the patch, if it ships none.
pub fn server(patch: &ControlPlanePatch, minor: Minor, beside: Option<&Node>) -> Diagnostics {
    let mut found = flags::check(patch, minor);
    found.extend(audit_options::check(patch, minor, beside));
    found.extend(mounts::check(patch, minor));
    found.extend(files::check(patch));
    for (file, content) in patch.shipped() {
        if !is_policy(patch, file) {
            continue;
        }
        match &content.document {
            Ok(document) => match audit::policy::decode(document, minor, &mut found) {
                Ok(policy) => found.extend(audit::lint::lint(&policy, document, minor)),
                Err(errors) => found.extend(errors),
            },
            Err(errors) => {
                for error in &errors.items {
                    let mut error = error.clone();
                    error.code = Code::PolicySyntax;
                    found.push(error);
                }
            }
        }
    }
    found
}

/// The policy that a patch ships, unless the API server would refuse it.
pub fn policy(patch: &ControlPlanePatch, minor: Minor) -> Option<audit::types::Policy> {
    let (_, content) = patch.shipped().find(|(file, _)| is_policy(patch, file))?;
    audit::policy::decode(content.document.as_ref().ok()?, minor, &mut Diagnostics::new()).ok()
}

/// What the policies of a patch do otherwise than a file of cases expects. A
/// policy with errors is not asked: [`patch`] tells of those.
pub fn policy_cases(patch: &ControlPlanePatch, minor: Minor, source: &Arc<Source>) -> Diagnostics {
    let mut found = Diagnostics::new();
    let cases = match yaml::read(source, &mut found).and_then(|document| audit::cases::read(&document)) {
        Ok(cases) => cases,
        Err(errors) => return errors,
    };
    for (_, content) in patch.shipped().filter(|(file, _)| is_policy(patch, file)) {
        let Ok(document) = &content.document else { continue };
        if let Ok(policy) = audit::policy::decode(document, minor, &mut Diagnostics::new()) {
            found.items.extend(cases.iter().filter_map(|case| case.run(&policy).1));
        }
    }
    found
}

/// The policy is the file that --audit-policy-file names, seen through the mounts.
fn is_policy(patch: &ControlPlanePatch, file: &NodeFile) -> bool {
    let Some(flag) = patch.arg("audit-policy-file") else { return false };
    let path = mounts::on_the_node(patch, &flag.value).map_or_else(|| flag.value.clone(), |(_, path)| path);
    path == file.path
}

/// Credentials among the values.
pub fn secrets_in_values(values: &Values) -> Diagnostics {
    let mut found = Diagnostics::new();
    for leaf in values.leaves() {
        let text = match &leaf.value.data {
            Data::String(text) | Data::Ambiguous(text) => text.clone(),
            Data::Number(number) => number.to_string(),
            _ => continue,
        };
        if let Some(what) = secret::in_value(&leaf.path, &text) {
            let message = format!("`{}` holds {what}, and a pack is readable by whoever gets it", leaf.path);
            found.push(refuse(message).at(leaf.value.location.clone()).path(&leaf.path));
        }
    }
    found
}

/// Credentials in what would ship: templates can hold them too.
pub fn secrets_in_patch(patch: &ControlPlanePatch) -> Diagnostics {
    let mut found = Diagnostics::new();
    for arg in &patch.args {
        if let Some(what) = secret::in_text(&arg.value) {
            found.push(refuse(format!("the value of --{} holds {what}", arg.name)).at(arg.location.clone()));
        }
    }
    for (file, content) in patch.shipped() {
        if let Some(what) = secret::in_text(&content.text) {
            found.push(refuse(format!("the file {} holds {what}", quote(&file.path))).at(file.location.clone()));
        }
    }
    found
}

/// A credential that would ship.
pub(crate) fn refuse(message: String) -> Diagnostic {
    let help = "put it on the nodes by other means and mark the file `host: true`, or name a Secret with `secret: {name, key}`";
    Diagnostic::new(Code::SecretInPack, message).help(help).redacted()
}

/// Replaces every credential among the values by its sha256, for printing.
pub fn redact(values: &mut Values) {
    fn walk(node: &mut Node, path: &Path) {
        match &mut node.data {
            Data::String(text) | Data::Ambiguous(text) if secret::in_value(path, text).is_some() => {
                *text = format!("sha256:{}", crate::pack::sha256(text.as_bytes()));
            }
            Data::Number(number) if secret::in_value(path, &number.to_string()).is_some() => {
                node.data = Data::String(format!("sha256:{}", crate::pack::sha256(number.to_string().as_bytes())));
            }
            Data::List(items) => items.iter_mut().enumerate().for_each(|(index, item)| walk(item, &path.item(index))),
            Data::Map(entries) => entries.iter_mut().for_each(|entry| walk(&mut entry.value, &path.key(&entry.key))),
            _ => {}
        }
    }
    walk(&mut values.root, &Path::root());
}

/// Hides what a finding would show of a credential: its source lines, and the
/// text that its message quotes. A fault beside a password is still a fault.
pub fn redact_findings(found: &mut Diagnostics) {
    for item in &mut found.items {
        let places = item.location.iter().chain(item.related.iter().map(|(location, _)| location));
        item.redacted |= places.map(shown).any(|lines| secret::in_text(&lines).is_some());
        if secret::in_text(&item.message).is_some() {
            item.message = format!("{} (the text holds a credential and is not shown)", item.code.reason());
        }
        item.help.take_if(|help| secret::in_text(help).is_some());
    }
}

/// The text that a finding shows of a place; an assignment as YAML would have it.
fn shown(location: &Location) -> String {
    let text = &location.source.text;
    if location.source.is_file {
        return text[crate::diagnostic::human::window(text, location.range.start)].to_owned();
    }
    match text.split_once('=').map(|(path, value)| (Path::parse(path), value)) {
        Some((Ok(path), value)) if secret::in_value(&path, value).is_some() => format!("password: {value}"),
        _ => text.to_string(),
    }
}
