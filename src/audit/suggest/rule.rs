//! A suggestion as a rule.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::super::lint::lint;
use super::super::policy;
use super::super::replay::Count;
use super::harmless::{NODES, PATHS, What, Who};
use crate::diagnostic::{Diagnostics, Source};
use crate::kubernetes::{Minor, resources};
use crate::yaml::{self, emit};

/// A rule that leaves out requests, and how much that is.
#[derive(Debug)]
pub struct Suggestion {
    pub(super) of: Of,
    /// What it leaves out.
    pub count: Count,
}

/// One user, one verb and one kind of object.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Of {
    /// Nobody for the group of nodes.
    user: Option<String>,
    verb: String,
    what: Kind,
    /// The namespace, while it is the same for all.
    namespace: Option<String>,
}

/// As [`What`], to keep.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Object { group: String, name: String },
    Paths(usize),
}

impl Of {
    pub(super) fn new(who: Who<'_>, verb: &str, what: What<'_>, namespace: &str) -> Self {
        let user = match who {
            Who::User(name) => Some(name.to_owned()),
            Who::Nodes => None,
        };
        let what = match what {
            What::Kind(group, resource, "") => Kind::Object { group: group.to_owned(), name: resource.to_owned() },
            What::Kind(group, resource, subresource) => Kind::Object { group: group.to_owned(), name: format!("{resource}/{subresource}") },
            What::Paths(index) => Kind::Paths(index),
        };
        Self { user, verb: verb.to_owned(), what, namespace: Some(namespace.to_owned()) }
    }

    pub(super) fn add_namespace(&mut self, namespace: &str) {
        if self.namespace.as_deref().is_some_and(|known| known != namespace) {
            self.namespace = None;
        }
    }

    pub(super) fn merge(&mut self, other: &Of) {
        if self.namespace != other.namespace {
            self.namespace = None;
        }
    }

    /// The namespace, where naming it says anything.
    fn namespaces(&self) -> Option<&str> {
        let Kind::Object { group, name } = &self.what else { return None };
        let is_of_cluster = || resources::all().iter().any(|known| known.group == group && known.name == name && !known.namespaced);
        self.namespace.as_deref().filter(|namespace| !namespace.is_empty() || !is_of_cluster())
    }
}

impl Suggestion {
    /// The rule as a policy in JSON has it.
    pub fn rule(&self) -> Value {
        let mut rule = json!({"level": "None", "verbs": [self.of.verb]});
        match &self.of.user {
            Some(user) => rule["users"] = json!([user]),
            None => rule["userGroups"] = json!([NODES]),
        }
        match &self.of.what {
            Kind::Object { group, name } => rule["resources"] = json!([{"group": group, "resources": [name]}]),
            Kind::Paths(index) => rule["nonResourceURLs"] = json!(PATHS[*index]),
        }
        if let Some(namespace) = self.of.namespaces() {
            rule["namespaces"] = json!([namespace]);
        }
        rule
    }

    /// The rule as an item of `rules`, with the keys in the order in which people write them.
    pub fn yaml(&self) -> String {
        let rule = self.rule();
        let mut text = String::new();
        let keys = ["level", "users", "userGroups", "verbs", "resources", "nonResourceURLs", "namespaces"];
        for key in keys {
            let mark = if text.is_empty() { "- " } else { "  " };
            if let Some(value) = rule.get(key) {
                let _ = writeln!(text, "  {mark}{key}: {}", emit::flow(value));
            }
        }
        text
    }

    /// Whether API servers of each minor take the rule, and lint says nothing about it.
    pub fn is_sound(&self, minors: &[Minor]) -> bool {
        let head = format!("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n{}", self.yaml());
        // Before a rule for everything, as it will stand in a policy.
        let rest = head.len();
        let source = Source::anonymous("suggestion", head + "  - level: Metadata\n");
        let mut found = Diagnostics::new();
        let Ok(document) = yaml::read(&source, &mut found) else { return false };
        for minor in minors {
            match policy::decode(&document, *minor, &mut found) {
                Ok(policy) => found.merge(lint(&policy, &document, *minor)),
                Err(_) => return false,
            }
        }
        found.items.iter().all(|item| item.location.as_ref().is_some_and(|location| location.range.start >= rest))
    }
}
