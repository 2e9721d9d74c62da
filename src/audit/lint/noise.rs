//! What a cluster repeats every few seconds, and a policy logs.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::super::question::{AUTHENTICATED, UNAUTHENTICATED};
use super::super::types::{Level, Policy, Request, Target, User};
use super::and;
use super::reach::Reach;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};

/// A request that every cluster makes all the time, and from which level on it is noise.
struct Habit {
    what: &'static str,
    user: &'static str,
    groups: &'static [&'static str],
    verb: &'static str,
    target: Target<'static>,
    from: Level,
}

const NODE: &str = "system:node:node-1";
const NODE_GROUPS: &[&str] = &["system:nodes", AUTHENTICATED];

const fn object(
    group: &'static str,
    resource: &'static str,
    subresource: &'static str,
    namespace: &'static str,
    name: &'static str,
) -> Target<'static> {
    Target::Resource { group, resource, subresource, namespace, name }
}

/// Kubelets renew a Lease every ten seconds, the leaders of the control plane
/// every two; probes ask each second to each ten; Events are a log already.
/// Reports of status are told only where both bodies, whole objects, are logged.
const HABITS: &[Habit] = &[
    Habit {
        what: "lease renewals of nodes",
        user: NODE,
        groups: NODE_GROUPS,
        verb: "update",
        target: object("coordination.k8s.io", "leases", "", "kube-node-lease", "node-1"),
        from: Level::Metadata,
    },
    Habit {
        what: "leader election of the control plane",
        user: "system:kube-scheduler",
        groups: &[AUTHENTICATED],
        verb: "update",
        target: object("coordination.k8s.io", "leases", "", "kube-system", "kube-scheduler"),
        from: Level::Metadata,
    },
    Habit {
        what: "Events",
        user: NODE,
        groups: NODE_GROUPS,
        verb: "create",
        target: object("", "events", "", "default", ""),
        from: Level::Metadata,
    },
    Habit {
        what: "health checks",
        user: "system:anonymous",
        groups: &[UNAUTHENTICATED],
        verb: "get",
        target: Target::Url("/readyz"),
        from: Level::Metadata,
    },
    Habit {
        what: "status reports of nodes with both bodies",
        user: NODE,
        groups: NODE_GROUPS,
        verb: "patch",
        target: object("", "nodes", "status", "", "node-1"),
        from: Level::RequestResponse,
    },
];

pub(super) fn check(reach: &Reach<'_>, found: &mut Diagnostics) {
    if keeps_everything(reach.policy) {
        return;
    }
    let mut by_rule: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for habit in HABITS {
        let groups: Vec<Cow<'_, str>> = habit.groups.iter().map(|group| Cow::Borrowed(*group)).collect();
        let user = User { name: Some(habit.user), groups: &groups };
        let decision = reach.decide(&Request { user: Some(user), verb: habit.verb, target: habit.target });
        if let Some(rule) = decision.rule.filter(|_| decision.level >= habit.from) {
            by_rule.entry(rule).or_default().push(habit.what.to_owned());
        }
    }
    for (index, habits) in by_rule {
        let rule = &reach.policy.rules[index];
        let message = format!("rules[{index}] logs {}, at level {}: most of what a log is filled with", and(&habits), rule.level.name());
        let help = "put rules of level None before it that name whose noise it is; values/recommended.yaml has them";
        found.push(Diagnostic::new(Code::PolicyNoise, message).at(rule.location.clone()).help(help));
    }
}

/// Metadata of every request and nothing else is what somebody wants who says just that.
fn keeps_everything(policy: &Policy) -> bool {
    matches!(&policy.rules[..], [rule] if rule.level == Level::Metadata)
}
