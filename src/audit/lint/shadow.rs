//! Rules that never decide, since earlier ones match whatever they match.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::super::explain::mismatch;
use super::super::types::{Decision, Level, Request};
use super::and;
use super::reach::{Reach, Who};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};

pub(super) fn check(reach: &Reach<'_>, found: &mut Diagnostics) {
    for (index, rule) in reach.policy.rules.iter().enumerate() {
        let Some(covering) = shadow(reach, index) else { continue };
        let names: Vec<String> = covering.iter().map(|index| format!("rules[{index}]")).collect();
        let message = match &names[..] {
            [one] => format!("rules[{index}] never decides: {one} comes first and matches every request that it matches"),
            names => format!("rules[{index}] never decides: {} come first and together match every request that it matches", and(names)),
        };
        let levels: Vec<Level> = covering.iter().map(|index| reach.policy.rules[*index].level).collect();
        let help = if levels.iter().all(|level| *level == rule.level) {
            "leave it out: the level is the same".to_owned()
        } else {
            format!("move it before {}, or leave it out", names[0])
        };
        let mut diagnostic = Diagnostic::new(Code::PolicyRuleShadowed, message).at(rule.location.clone()).help(help);
        for (index, name) in covering.iter().zip(&names) {
            let other = &reach.policy.rules[*index];
            diagnostic = diagnostic.related(other.location.clone(), format!("{name}, level {}", other.level.name()));
        }
        found.push(diagnostic);
    }
}

/// The earlier rules that match everything that a rule matches: one if one
/// does, otherwise those that do it together. Nothing if a request reaches the
/// rule, and nothing if it cannot be told.
pub fn shadow(reach: &Reach<'_>, index: usize) -> Option<Vec<usize>> {
    let rule = reach.policy.rules.get(index)?;
    let mut deciding = BTreeSet::new();
    let reached = reach.witnesses(rule, Who::Anyone, |_, decision: Decision| match decision.rule {
        Some(first) if first < index => {
            deciding.insert(first);
            ControlFlow::Continue(())
        }
        _ => ControlFlow::Break(()),
    });
    // Without any witness the rule is dead by itself, and that is said elsewhere.
    if !matches!(reached, Ok(ControlFlow::Continue(()))) || deciding.is_empty() {
        return None;
    }
    let alone = |earlier: &usize| {
        let covers = |request: &Request<'_>, _: Decision| match mismatch(&reach.policy.rules[*earlier], request) {
            None => ControlFlow::Continue(()),
            Some(_) => ControlFlow::Break(()),
        };
        matches!(reach.witnesses(rule, Who::Anyone, covers), Ok(ControlFlow::Continue(())))
    };
    // One that covers all of it need not be the first to match: ask every earlier one.
    if deciding.len() > 1
        && let Some(one) = (0..index).find(alone)
    {
        return Some(vec![one]);
    }
    Some(deciding.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::super::super::explain::explain;
    use super::super::super::types::{GroupResources, Policy, Rule, Stages, Target, User};
    use super::*;
    use crate::diagnostic::Source;

    /// What requests have: what the rules below name, and one text more of each.
    const USERS: &[Option<&str>] = &[Some("alice"), Some("bob"), None];
    const GROUPS: &[&[&str]] = &[&[], &["devs"], &["ops"], &["devs", "ops"], &["other"]];
    const VERBS: &[&str] = &["get", "list", "other"];
    const API_GROUPS: &[&str] = &["", "apps", "other"];
    const KINDS: &[(&str, &str)] = &[("pods", ""), ("pods", "log"), ("pods", "other"), ("other", "log"), ("other", ""), ("other", "other")];
    const NAMESPACES: &[&str] = &["", "default", "other"];
    const NAMES: &[&str] = &["", "web", "other"];
    const PATHS: &[&str] = &["/healthz", "/healthz/etcd", "/healthzother", "/api", "/other"];

    fn some_of(words: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
        // Most lists are empty, or hardly any rule would be covered.
        prop_oneof![4 => Just(Vec::new()), 1 => vec(select(words).prop_map(str::to_owned), 1..3)]
    }

    fn rule() -> impl Strategy<Value = Rule> {
        let kinds = vec(select(&["pods", "pods/log", "pods/*", "*/log", "*", "*/*"][..]).prop_map(str::to_owned), 0..3);
        let entry = (select(&["", "", "apps", "*"][..]), kinds, some_of(&["web", ""]))
            .prop_map(|(group, resources, resource_names)| GroupResources { group: group.to_owned(), resources, resource_names });
        let objects = (vec(entry, 0..3), some_of(&["", "default"])).prop_map(|(resources, namespaces)| (resources, namespaces, Vec::new()));
        let paths = some_of(&["*", "/*", "/healthz", "/healthz*", "/healthz/*"]).prop_map(|urls| (Vec::new(), Vec::new(), urls));
        let who = (some_of(&["alice", "bob"]), some_of(&["devs", "ops"]), some_of(&["get", "list"]));
        (who, prop_oneof![3 => objects, 1 => paths]).prop_map(
            |((users, user_groups, verbs), (resources, namespaces, non_resource_urls))| Rule {
                level: Level::Metadata,
                users,
                user_groups,
                verbs,
                resources,
                namespaces,
                non_resource_urls,
                omit_stages: Stages::default(),
                omit_managed_fields: None,
                location: Source::anonymous("rule", "").at(0..0),
            },
        )
    }

    /// Whether any request of the small universe reaches each rule.
    fn reached(policy: &Policy) -> Vec<bool> {
        let mut reached = vec![false; policy.rules.len()];
        let mut ask = |request: Request<'_>| {
            if let Some(rule) = explain(policy, &request).decision.rule {
                reached[rule] = true;
            }
        };
        let targets: Vec<Target<'_>> = PATHS.iter().map(|path| Target::Url(path)).chain(objects()).collect();
        for groups in GROUPS {
            let groups: Vec<Cow<'_, str>> = groups.iter().map(|group| Cow::Borrowed(*group)).collect();
            for verb in VERBS {
                for target in &targets {
                    USERS.iter().for_each(|name| ask(Request { user: Some(User { name: *name, groups: &groups }), verb, target: *target }));
                    ask(Request { user: None, verb, target: *target });
                }
            }
        }
        reached
    }

    fn objects() -> impl Iterator<Item = Target<'static>> {
        API_GROUPS.iter().flat_map(|group| {
            KINDS.iter().flat_map(move |(resource, subresource)| {
                NAMESPACES.iter().flat_map(move |namespace| {
                    NAMES.iter().map(move |name| Target::Resource { group, resource, subresource, namespace, name })
                })
            })
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn a_rule_is_shadowed_exactly_if_no_request_reaches_it(rules in vec(rule(), 2..6)) {
            let policy = Policy { rules, omit_stages: Stages::default(), omit_managed_fields: false };
            let reach = Reach::new(&policy).expect("a stranger");
            for (index, reached) in reached(&policy).into_iter().enumerate() {
                let shadow = shadow(&reach, index);
                prop_assert!(!(reached && shadow.is_some()), "rules[{}] is reached, and said to be shadowed by {:?}", index, shadow);
                let dead = policy.rules[index].resources.iter().all(|entry| !entry.resources.is_empty() && entry.resources.iter().all(|kind| kind == "*/*"));
                let dead = dead && !policy.rules[index].resources.is_empty();
                prop_assert!(reached || dead || shadow.is_some(), "rules[{}] is not reached, and nobody says so", index);
                // Who is blamed covers it: without the others the rule is as unreachable.
                if let Some(covering) = shadow {
                    let rules: Vec<Rule> = covering.iter().chain([&index]).map(|index| policy.rules[*index].clone()).collect();
                    let alone = Policy { rules, ..policy.clone() };
                    let said = super::shadow(&Reach::new(&alone).expect("a stranger"), covering.len());
                    prop_assert!(said.is_some(), "rules {:?} do not cover rules[{}]", covering, index);
                }
            }
        }
    }
}
