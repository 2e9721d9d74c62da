//! What a policy as a whole does otherwise than its author may think.

use std::ops::ControlFlow;

use super::super::policy::list;
use super::super::types::{Decision, GroupResources, Level, RESOURCE_VERBS, Request, Rule, Stage, Stages, Target};
use super::Written;
use super::reach::{Reach, Who, narrow};
use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Location, Severity};
use crate::kubernetes::{Minor, resources};
use crate::yaml::Node;

const METHODS: &[&str] = &["get", "head", "post", "put", "patch", "delete"];

/// What no rule matches is not logged, and a policy should say so itself.
pub(super) fn no_catch_all(reach: &Reach<'_>, found: &mut Diagnostics) {
    let Some(last) = reach.policy.rules.last() else { return };
    let falls_through = |rule: &Rule| [Who::Authenticated, Who::Unauthenticated].into_iter().any(|who| unmatched(reach, rule, who));
    let (objects, paths) = (falls_through(&everything(last, &RESOURCE_VERBS, true)), falls_through(&everything(last, METHODS, false)));
    let what = match (objects, paths) {
        (false, false) => return,
        (true, true) => "a request that no rule matches is not logged, and no last rule matches the rest",
        (true, false) => "a request for a resource that no rule matches is not logged, and no last rule matches the rest",
        (false, true) => "a request for a URL that is no resource, and that no rule matches, is not logged",
    };
    let diagnostic = Diagnostic::new(Code::PolicyNoCatchAll, what).at(last.location.clone());
    let diagnostic = diagnostic.help("end with a rule that has only a level: Metadata, or None if nothing more is wanted");
    // Objects are what a cluster is about.
    found.push(if objects { diagnostic } else { Diagnostic { severity: Severity::Note, ..diagnostic } });
}

/// A rule for every request with one of these verbs: for resources, or for the other paths.
fn everything(like: &Rule, verbs: &[&str], for_resources: bool) -> Rule {
    let all = GroupResources { group: "*".to_owned(), resources: Vec::new(), resource_names: Vec::new() };
    Rule {
        users: Vec::new(),
        user_groups: Vec::new(),
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        resources: if for_resources { vec![all] } else { Vec::new() },
        namespaces: Vec::new(),
        non_resource_urls: if for_resources { Vec::new() } else { vec!["*".to_owned()] },
        ..like.clone()
    }
}

fn unmatched(reach: &Reach<'_>, rule: &Rule, who: Who) -> bool {
    let by_none = |_: &Request<'_>, decision: Decision| {
        if decision.rule.is_none() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    matches!(reach.witnesses(rule, who, by_none), Ok(ControlFlow::Break(())))
}

/// A failed authentication has no user, and is logged at the stage
/// ResponseStarted only (`pkg/endpoints/filters/authn_audit.go`).
pub(super) fn lost_401(reach: &Reach<'_>, document: &Node, found: &mut Diagnostics) {
    let policy = reach.policy;
    let sees = |rule: &Rule| rule.users.is_empty() && rule.user_groups.is_empty() && rule.level != Level::None;
    let lost = |at: &Location, message: &str, help: &str| Diagnostic::new(Code::PolicyLost401, message).at(at.clone()).help(help);
    let started = |node: &Node| {
        list(node, "omitStages")
            .iter()
            .find(|stage| stage.as_str() == Some(Stage::ResponseStarted.name()))
            .map(|stage| stage.location.clone())
    };
    let omits = |stages: Stages| stages.contains(Stage::ResponseStarted);
    let help = "take ResponseStarted out of `omitStages`; only failed authentications and long-running requests reach that stage";
    if omits(policy.omit_stages) {
        if policy.rules.iter().any(sees) {
            let at = started(document).unwrap_or_else(|| document.location.clone());
            found.push(lost(
                &at,
                "requests that fail authentication (401) are logged at ResponseStarted only, which the policy omits",
                help,
            ));
        }
        return;
    }
    for (rule, node) in policy.rules.iter().zip(list(document, "rules")) {
        if sees(rule) && omits(rule.omit_stages) {
            let at = started(node).unwrap_or_else(|| rule.location.clone());
            found.push(lost(&at, "requests that fail authentication (401) are logged at ResponseStarted only, which the rule omits", help));
        }
    }
    let Some(last) = policy.rules.last() else { return };
    for (verbs, for_resources) in [(&RESOURCE_VERBS[..], true), (METHODS, false)] {
        let all = everything(last, verbs, for_resources);
        let logged = |who| {
            let check = |_: &Request<'_>, decision: Decision| match decision.level {
                Level::None => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            };
            matches!(reach.witnesses(&all, who, check), Ok(ControlFlow::Continue(())))
        };
        if logged(Who::Authenticated) && logged(Who::Unauthenticated) && unmatched(reach, &all, Who::Anyone) {
            let message =
                "requests that fail authentication (401) have no user and no group, and every rule that could log them asks for one";
            found.push(lost(&last.location, message, "end with a rule that names no user and no group"));
            return;
        }
    }
}

/// A list or watch of all namespaces is in none, and so past a rule for some.
pub(super) fn cluster_wide_list(reach: &Reach<'_>, rule: &Written<'_>, minor: Minor, found: &mut Diagnostics) {
    let namespaces = &rule.rule.namespaces;
    if namespaces.is_empty() || namespaces.iter().any(String::is_empty) || rule.rule.level == Level::None {
        return;
    }
    let mut worst: Option<(Decision, String)> = None;
    for (group, resource) in listed(rule.rule, minor, &reach.stranger) {
        let Some(narrowed) = narrow(rule.rule, &["list", "watch"], group, resource, "") else { continue };
        let lower = |request: &Request<'_>, decision: Decision| {
            let Target::Resource { group, resource, subresource, .. } = request.target else { return ControlFlow::Continue(()) };
            let wide = Request { target: Target::Resource { group, resource, subresource, namespace: "", name: "" }, ..*request };
            let wide_decision = reach.decide(&wide);
            let is_lower = answer(wide_decision.level) < answer(decision.level);
            if decision.rule == Some(rule.index) && is_lower && worst.as_ref().is_none_or(|(worst, _)| wide_decision.level < worst.level) {
                let what = if resource == reach.stranger { String::new() } else { format!(" of {}", quote(resource)) };
                worst = Some((wide_decision, format!("{}{what}", request.verb)));
            }
            ControlFlow::Continue(())
        };
        if reach.witnesses(&narrowed, Who::Authenticated, lower).is_err() {
            return;
        }
    }
    let Some((decision, what)) = worst else { return };
    let by = decision.rule.map_or("by no rule".to_owned(), |index| format!("by rules[{index}]"));
    let message = format!(
        "a {what} in all namespaces is in no namespace: rules[{}] does not match it, and it gets the level {} {by}",
        rule.index,
        decision.level.name()
    );
    let at = rule.node.get("namespaces").map_or(&rule.rule.location, |node| &node.location);
    let help = "add the empty namespace `\"\"` to `namespaces`, or a rule for list and watch";
    let mut diagnostic = Diagnostic::new(Code::PolicyClusterWideList, message).at(at.clone()).help(help);
    if let Some(index) = decision.rule {
        diagnostic =
            diagnostic.related(reach.policy.rules[index].location.clone(), format!("rules[{index}], level {}", decision.level.name()));
    }
    if decision.level != Level::None {
        diagnostic.severity = Severity::Note;
    }
    found.push(diagnostic);
}

/// What a level logs of a request that has no body itself: Request is no more than Metadata.
fn answer(level: Level) -> Level {
    if level == Level::Request { Level::Metadata } else { level }
}

/// The kinds of a rule that can be listed in all namespaces; of a whole group
/// those that Kubernetes serves, and of all groups one that nobody knows.
fn listed<'a>(rule: &'a Rule, minor: Minor, stranger: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut found = Vec::new();
    let served = |group: &'a str| resources::all().iter().filter(move |resource| resource.group == group && resource.is_in(minor));
    if rule.resources.is_empty() {
        found.push((stranger, stranger));
    }
    for entry in rule.resources.iter().filter(|entry| entry.resource_names.is_empty()) {
        let group = if entry.group == "*" { stranger } else { entry.group.as_str() };
        let patterns: Vec<&str> = if entry.resources.is_empty() { vec!["*"] } else { entry.resources.iter().map(String::as_str).collect() };
        for pattern in patterns {
            let kind = pattern.strip_suffix("/*").unwrap_or(pattern);
            if kind == "*" && pattern == "*" {
                let namespaced = || served(group).filter(|resource| resource.namespaced && resource.verbs.contains(&"list"));
                found.extend(namespaced().map(|resource| (resource.group, resource.name)));
                if namespaced().next().is_none() {
                    found.push((group, stranger));
                }
            } else if !kind.contains(['/', '*'])
                && served(group).filter(|resource| resource.name == kind).all(|resource| resource.namespaced)
            {
                found.push((group, kind));
            }
        }
    }
    found
}

/// What opens a way into a container.
const WAYS_IN: &[&str] = &["exec", "attach", "portforward"];

/// kubectl's older clients open a session with POST, which is create; WebSocket clients with GET.
pub(super) fn exec_create_only(reach: &Reach<'_>, rule: &Written<'_>, found: &mut Diagnostics) {
    let verbs = &rule.rule.verbs;
    let has = |verb: &str| verbs.iter().any(|item| item == verb);
    if rule.rule.level == Level::None || !has("create") || has("get") {
        return;
    }
    let Some((way, decision)) = WAYS_IN.iter().find_map(|way| Some((way, past(reach, rule, way)?))) else { return };
    let by = decision.rule.map_or("by no rule".to_owned(), |index| format!("by rules[{index}]"));
    let message = format!(
        "a WebSocket client opens `pods/{way}` with the verb `get`: rules[{}] does not match it, and it gets the level {} {by}",
        rule.index,
        decision.level.name()
    );
    let at = rule.node.get("verbs").map_or(&rule.rule.location, |node| &node.location);
    let help = "put a rule without `verbs` before it for pods/exec, pods/attach and pods/portforward";
    let mut diagnostic = Diagnostic::new(Code::PolicyExecCreateOnly, message).at(at.clone()).help(help);
    if let Some(index) = decision.rule {
        diagnostic =
            diagnostic.related(reach.policy.rules[index].location.clone(), format!("rules[{index}], level {}", decision.level.name()));
    }
    found.push(diagnostic);
}

/// Who decides a `get` of which the rule decides the `create`, if that is not logged.
/// There is no body in either, so that every level above None logs the same.
fn past(reach: &Reach<'_>, rule: &Written<'_>, way: &str) -> Option<Decision> {
    let narrowed = narrow(rule.rule, &["create"], "", "pods", way)?;
    let mut lost = None;
    let compare = |request: &Request<'_>, decision: Decision| {
        let get = reach.decide(&Request { verb: "get", ..*request });
        if decision.rule == Some(rule.index) && get.level == Level::None {
            lost = Some(get);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    };
    reach.witnesses(&narrowed, Who::Authenticated, compare).ok()?.is_break().then_some(lost)?
}
