//! What benchmarks ask of the policy itself, answered by the matcher and not by
//! the policy's text.

use std::ops::ControlFlow;

use super::{Status, Subject, Verdict};
use crate::audit::lint::reach::{Reach, Who, narrow};
use crate::audit::types::{GroupResources, Level, Policy, RESOURCE_VERBS, Rule, Stages};
use crate::diagnostic::Location;

/// Group, resource and subresource.
type Kind = (&'static str, &'static str, &'static str);

/// CIS 3.2.2: at level Metadata only.
const WITHOUT_BODIES: &[Kind] = &[("", "secrets", ""), ("", "configmaps", ""), ("authentication.k8s.io", "tokenreviews", "")];

/// CIS 3.2.2: logged at all, with the verbs that count.
const LOGGED: &[(&[Kind], &[&str])] = &[
    (WITHOUT_BODIES, &RESOURCE_VERBS),
    (&[("", "pods", ""), ("apps", "deployments", "")], &["create", "update", "patch", "delete", "deletecollection"]),
    (&[("", "pods", "exec"), ("", "pods", "portforward"), ("", "pods", "proxy"), ("", "services", "proxy")], &["get", "create"]),
];

/// The key security concerns of CIS 3.2.2. Requests of anybody whom the policy
/// does not name are asked about; whom it names, a person must weigh.
pub(super) fn concerns(subject: Subject<'_>) -> Verdict {
    let Some(policy) = subject.policy else { return no_policy() };
    let Some(reach) = Reach::new(policy) else { return undecided() };
    let mut faults: Vec<(String, Option<Location>)> = Vec::new();
    for kind in WITHOUT_BODIES {
        faults.extend(bodies(&reach, policy, *kind));
    }
    for (kinds, verbs) in LOGGED {
        for kind in *kinds {
            match least(&reach, &asking(*kind, verbs)) {
                Some((Level::None, verb)) => faults.push((format!("{verb} of {} is not logged", name(*kind)), None)),
                Some(_) => {}
                None => return undecided(),
            }
        }
    }
    match least(&reach, &Rule { resources: Vec::new(), ..asking(("", "", ""), &[]) }) {
        Some((Level::None, _)) => {
            faults.push(("requests that no rule is about are not logged, and Metadata is the least".to_owned(), None))
        }
        Some(_) => {}
        None => return undecided(),
    }
    match faults.into_iter().reduce(|(text, place), (more, other)| (format!("{text}; {more}"), place.or(other))) {
        Some((evidence, location)) => (Status::Fail, evidence, location),
        None => {
            (Status::Pass, "every concern that the item names is covered; whom the policy exempts, a person must weigh".to_owned(), None)
        }
    }
}

/// The rule that logs bodies of a kind that must be without.
fn bodies(reach: &Reach<'_>, policy: &Policy, kind: Kind) -> Option<(String, Option<Location>)> {
    let (group, resource, subresource) = kind;
    let logs = |index: usize, rule: &Rule| {
        rule.level >= Level::Request
            && narrow(rule, &RESOURCE_VERBS, group, resource, subresource)
                .is_some_and(|narrowed| reach.decides(index, &narrowed, Who::Authenticated).unwrap_or(false))
    };
    let (index, rule) = policy.rules.iter().enumerate().find(|(index, rule)| logs(*index, rule))?;
    let text = format!("rules[{index}] ({}) logs {} at level {}", rule.location, name(kind), rule.level.name());
    Some((text, Some(rule.location.clone())))
}

/// STIG V-242403: the policy that the check shows, and nothing else.
pub(super) fn everything(subject: Subject<'_>) -> Verdict {
    let Some(policy) = subject.policy else { return no_policy() };
    let fail = |evidence: String, location: Option<Location>| (Status::Fail, evidence, location);
    let [rule] = policy.rules.as_slice() else {
        let second = policy.rules.get(1).map(|rule| rule.location.clone());
        return fail(format!("the policy has {} rules, and the check wants one", policy.rules.len()), second);
    };
    let asks = !(rule.users.is_empty()
        && rule.user_groups.is_empty()
        && rule.verbs.is_empty()
        && rule.resources.is_empty()
        && rule.namespaces.is_empty()
        && rule.non_resource_urls.is_empty());
    let place = Some(rule.location.clone());
    if rule.level != Level::RequestResponse || asks {
        return fail(format!("rules[0] ({}) does not log every request at level RequestResponse", rule.location), place);
    }
    let decision = policy.decision(Some(0));
    if decision.omit_stages != Stages::default() || decision.omit_managed_fields {
        return fail("the policy leaves out stages or managed fields, and the check's does not".to_owned(), place);
    }
    (Status::Pass, format!("one rule, for everything, at level RequestResponse ({})", rule.location), place)
}

/// The lowest level of the requests that a rule would match, and a verb of them.
fn least(reach: &Reach<'_>, asked: &Rule) -> Option<(Level, String)> {
    let mut least: Option<(Level, String)> = None;
    let each = |request: &crate::audit::types::Request<'_>, decision: crate::audit::types::Decision| {
        if least.as_ref().is_none_or(|(level, _)| decision.level < *level) {
            least = Some((decision.level, request.verb.to_owned()));
        }
        ControlFlow::Continue(())
    };
    // Nothing breaks off.
    let _ = reach.witnesses(asked, Who::Authenticated, each).ok()?;
    least
}

/// A rule that matches requests for a kind.
fn asking((group, resource, subresource): Kind, verbs: &[&str]) -> Rule {
    let name = if subresource.is_empty() { resource.to_owned() } else { format!("{resource}/{subresource}") };
    Rule {
        level: Level::Metadata,
        users: Vec::new(),
        user_groups: Vec::new(),
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        resources: vec![GroupResources { group: group.to_owned(), resources: vec![name], resource_names: Vec::new() }],
        namespaces: Vec::new(),
        non_resource_urls: Vec::new(),
        omit_stages: Stages::default(),
        omit_managed_fields: None,
        location: crate::diagnostic::Source::anonymous("a question", "").at(0..0),
    }
}

fn name((_, resource, subresource): Kind) -> String {
    if subresource.is_empty() { format!("`{resource}`") } else { format!("`{resource}/{subresource}`") }
}

fn no_policy() -> Verdict {
    (Status::Manual, "the policy is not part of the input, or the API server would refuse it".to_owned(), None)
}

fn undecided() -> Verdict {
    (Status::Manual, "the policy has too many combinations to be decided".to_owned(), None)
}
