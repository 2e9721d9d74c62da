//! Reading a policy's rules one by one, as they are written, and saying why
//! each one does or does not match.
//!
//! Source: `kubernetes/apiserver pkg/audit/policy/checker.go`, whose order of
//! questions this keeps.

use super::types::{Decision, GroupResources, Policy, Request, Rule, Stage, Stages, Target};
use crate::diagnostic::human::quote;

/// What a policy says of a request, and why.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// What it says.
    pub decision: Decision,
    /// The stages at which an event is made, unless the handler panics.
    pub stages: Stages,
    /// Each rule up to the deciding one: why it does not match, or nothing if it does.
    pub trace: Vec<Option<String>>,
}

/// Asks the rules in order until one matches.
pub fn explain(policy: &Policy, request: &Request<'_>) -> Explanation {
    let mut trace = Vec::new();
    let mut matched = None;
    for (index, rule) in policy.rules.iter().enumerate() {
        let mismatch = mismatch(rule, request);
        let matches = mismatch.is_none();
        trace.push(mismatch);
        if matches {
            matched = Some(index);
            break;
        }
    }
    let decision = policy.decision(matched);
    let logged = decision.level != super::types::Level::None;
    let stages = stages(request).into_iter().filter(|stage| logged && !decision.omit_stages.contains(*stage)).collect();
    Explanation { decision, stages, trace }
}

/// The stages that a request goes through if nothing panics
/// (`pkg/endpoints/filters/audit.go`, `authn_audit.go`; what is long-running
/// is said by kube-apiserver's `BasicLongRunningRequestCheck`).
fn stages(request: &Request<'_>) -> Vec<Stage> {
    if request.user.is_none() {
        return vec![Stage::ResponseStarted];
    }
    let long_running = match request.target {
        Target::Resource { subresource, .. } => {
            ["watch", "proxy"].contains(&request.verb) || ["attach", "exec", "proxy", "log", "portforward"].contains(&subresource)
        }
        Target::Url(path) => ["watch", "proxy"].contains(&request.verb) || path.starts_with("/debug/pprof/"),
    };
    let all = [Stage::RequestReceived, Stage::ResponseStarted, Stage::ResponseComplete];
    all.into_iter().filter(|stage| long_running || *stage != Stage::ResponseStarted).collect()
}

/// The first thing about a request that a rule does not match, in a sentence.
pub fn mismatch(rule: &Rule, request: &Request<'_>) -> Option<String> {
    who(rule, request).or_else(|| {
        if !rule.verbs.is_empty() && !has(&rule.verbs, request.verb) {
            return Some(format!("the verb {} is not among `verbs`", quote(request.verb)));
        }
        if !rule.namespaces.is_empty() || !rule.resources.is_empty() {
            resource_mismatch(rule, &request.target)
        } else if !rule.non_resource_urls.is_empty() {
            url_mismatch(rule, &request.target)
        } else {
            None
        }
    })
}

fn who(rule: &Rule, request: &Request<'_>) -> Option<String> {
    let Some(user) = request.user else {
        let asks = !rule.users.is_empty() || !rule.user_groups.is_empty();
        return asks.then(|| "the rule asks for a user, and a request that failed authentication has none".to_owned());
    };
    if !rule.users.is_empty() && !user.name.is_some_and(|name| has(&rule.users, name)) {
        return Some(match user.name {
            Some(name) => format!("the user {} is not among `users`", quote(name)),
            None => "the rule is for certain `users`, and the question names none".to_owned(),
        });
    }
    if !rule.user_groups.is_empty() && !user.groups.iter().any(|group| has(&rule.user_groups, group)) {
        return Some(match user.groups {
            [] => "the user is in no group, and the rule asks for one of `userGroups`".to_owned(),
            [group] => format!("the group {} is not among `userGroups`", quote(group)),
            groups => {
                let groups: Vec<String> = groups.iter().map(|group| quote(group)).collect();
                format!("none of the groups {} is among `userGroups`", groups.join(", "))
            }
        });
    }
    None
}

fn resource_mismatch(rule: &Rule, target: &Target<'_>) -> Option<String> {
    let Target::Resource { group, resource, subresource, namespace, name } = *target else {
        return Some("the rule is for resources, and a URL is none".to_owned());
    };
    if !rule.namespaces.is_empty() && !has(&rule.namespaces, namespace) {
        return Some(if namespace.is_empty() {
            "the request is in no namespace, and `namespaces` does not list the empty one".to_owned()
        } else {
            format!("the namespace {} is not among `namespaces`", quote(namespace))
        });
    }
    if rule.resources.is_empty() || rule.resources.iter().any(|entry| entry.covers(target)) {
        return None;
    }
    let of_group = || rule.resources.iter().filter(|entry| entry.covers_group(group));
    let group = if group.is_empty() { "the core group".to_owned() } else { format!("the group {}", quote(group)) };
    if of_group().next().is_none() {
        return Some(format!("no entry of `resources` is for {group}"));
    }
    if !of_group().any(|entry| entry.covers_kind(resource, subresource)) {
        let kind = if subresource.is_empty() { resource.to_owned() } else { format!("{resource}/{subresource}") };
        return Some(format!("no entry of `resources` for {group} has {}", quote(&kind)));
    }
    Some(if name.is_empty() {
        "the request has no name, and the rule asks for one of `resourceNames`".to_owned()
    } else {
        format!("the name {} is not among `resourceNames`", quote(name))
    })
}

fn url_mismatch(rule: &Rule, target: &Target<'_>) -> Option<String> {
    let Target::Url(path) = *target else {
        return Some("the rule is for URLs that are no resources".to_owned());
    };
    let matches = rule.non_resource_urls.iter().any(|url| path_matches(url, path));
    (!matches).then(|| format!("none of `nonResourceURLs` matches {}", quote(path)))
}

/// Whether a rule's path covers a request's.
pub(super) fn path_matches(url: &str, path: &str) -> bool {
    url == "*" || url == path || url.ends_with('*') && path.starts_with(url.trim_end_matches('*'))
}

impl GroupResources {
    /// Whether an entry covers a resource request; a URL it never does.
    pub(super) fn covers(&self, target: &Target<'_>) -> bool {
        let Target::Resource { group, resource, subresource, name, .. } = *target else { return false };
        self.covers_group(group)
            && (self.resources.is_empty()
                || (self.resource_names.is_empty() || has(&self.resource_names, name)) && self.covers_kind(resource, subresource))
    }

    /// `*` is any group; API servers that do not know it refuse the policy.
    pub(super) fn covers_group(&self, group: &str) -> bool {
        self.group == group || self.group == "*"
    }

    pub(super) fn covers_kind(&self, resource: &str, subresource: &str) -> bool {
        self.resources.is_empty() || self.resources.iter().any(|pattern| kind_matches(pattern, resource, subresource))
    }
}

/// Whether one of `resources` covers a kind: `pods` without subresource only,
/// `pods/*` with and without.
fn kind_matches(pattern: &str, resource: &str, subresource: &str) -> bool {
    let exact = if subresource.is_empty() {
        pattern == resource
    } else {
        pattern.strip_prefix(resource).and_then(|rest| rest.strip_prefix('/')) == Some(subresource)
    };
    exact
        || pattern == "*"
        || !subresource.is_empty() && pattern.strip_prefix("*/") == Some(subresource)
        || pattern.strip_suffix("/*") == Some(resource)
}

pub(super) fn has(list: &[String], text: &str) -> bool {
    list.iter().any(|item| item == text)
}
