//! Rules that log bodies in which credentials are.
//!
//! A body of a request is logged from level Request on, that of the answer from
//! RequestResponse on. A watch's answer is never logged. A list of all Secrets
//! has their content, a token request's answer a live token, a token review's
//! request the token that is reviewed.

use super::super::types::{Level, Rule};
use super::and;
use super::reach::{Reach, Who, narrow};
use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Severity};

/// What holds credentials, and which requests carry them in what is asked and
/// in what is answered.
struct Holder {
    group: &'static str,
    resource: &'static str,
    subresource: &'static str,
    asked: &'static [&'static str],
    answered: &'static [&'static str],
}

const READ_OR_WRITTEN: &[&str] = &["get", "list", "create", "update", "patch", "deletecollection"];
const HOLDERS: &[Holder] = &[
    Holder { group: "", resource: "secrets", subresource: "", asked: &["create", "update", "patch"], answered: READ_OR_WRITTEN },
    Holder { group: "", resource: "serviceaccounts", subresource: "token", asked: &[], answered: &["create"] },
    Holder { group: "authentication.k8s.io", resource: "tokenreviews", subresource: "", asked: &["create"], answered: &["create"] },
    Holder { group: "", resource: "configmaps", subresource: "", asked: &["create", "update", "patch"], answered: READ_OR_WRITTEN },
];

pub(super) fn check(reach: &Reach<'_>, found: &mut Diagnostics) {
    for (index, rule) in reach.policy.rules.iter().enumerate().filter(|(_, rule)| rule.level >= Level::Request) {
        let held: Vec<&Holder> = HOLDERS.iter().filter(|holder| logs(reach, index, rule, holder)).collect();
        let Some(first) = held.first() else { continue };
        let names: Vec<String> = held.iter().map(|holder| quote(&holder.name())).collect();
        let message = format!("rules[{index}] logs bodies of {} at level {}", and(&names), rule.level.name());
        let what: Vec<String> = HOLDERS.iter().map(Holder::name).collect();
        let help = format!("put a rule of level Metadata before it, without users or verbs, for {}", and(&what));
        let diagnostic = Diagnostic::new(Code::PolicySecretBodies, message).at(rule.location.clone()).help(help);
        // ConfigMaps should not hold credentials, and often do.
        let only_config = first.resource == "configmaps";
        found.push(if only_config { Diagnostic { severity: Severity::Note, ..diagnostic } } else { diagnostic });
    }
}

fn logs(reach: &Reach<'_>, index: usize, rule: &Rule, holder: &Holder) -> bool {
    let verbs = if rule.level == Level::RequestResponse { holder.answered } else { holder.asked };
    // A request that fails authentication has no body, and one that is anonymous is answered without.
    narrow(rule, verbs, holder.group, holder.resource, holder.subresource)
        .is_some_and(|narrowed| reach.decides(index, &narrowed, Who::Authenticated).unwrap_or(false))
}

impl Holder {
    fn name(&self) -> String {
        if self.subresource.is_empty() { self.resource.to_owned() } else { format!("{}/{}", self.resource, self.subresource) }
    }
}
