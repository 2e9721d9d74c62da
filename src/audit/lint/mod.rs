//! What an API server takes in a policy and should not: rules that never
//! decide, names that do not exist, requests that are logged too much or not at
//! all. Warnings and notes only; nothing of it stops a build.

mod dead;
pub mod names;
mod noise;
pub mod reach;
mod rules;
mod secrets;
pub mod shadow;

use super::policy::list;
use super::types::{Policy, Rule};
use crate::diagnostic::Diagnostics;
use crate::kubernetes::Minor;
use crate::yaml::Node;
use reach::Reach;

/// Everything to be said of a policy that API servers of `minor` take.
/// `document` is what the policy was decoded from, and has the places.
pub fn lint(policy: &Policy, document: &Node, minor: Minor) -> Diagnostics {
    let mut found = Diagnostics::new();
    let nodes = list(document, "rules");
    for (index, (rule, node)) in policy.rules.iter().zip(nodes).enumerate() {
        names::check(node, minor, &mut found);
        dead::check(&Written { index, rule, node }, &mut found);
    }
    let Some(reach) = Reach::new(policy) else { return found };
    shadow::check(&reach, document, &mut found);
    rules::no_catch_all(&reach, &mut found);
    rules::lost_401(&reach, document, &mut found);
    secrets::check(&reach, &mut found);
    for (index, (rule, node)) in policy.rules.iter().zip(nodes).enumerate() {
        rules::cluster_wide_list(&reach, &Written { index, rule, node }, minor, &mut found);
        rules::exec_create_only(&reach, &Written { index, rule, node }, &mut found);
    }
    noise::check(&reach, &mut found);
    found
}

/// A rule and what it was decoded from.
struct Written<'a> {
    index: usize,
    rule: &'a Rule,
    node: &'a Node,
}

/// Things in a row, as a sentence lists them.
pub(crate) fn and(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// Things of which one is meant.
fn or(items: &[String]) -> String {
    and(items).replace(" and ", " or ")
}
