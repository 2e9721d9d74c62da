//! Which requests reach a rule, found from the rules themselves.
//!
//! Each list of a rule asks for one of its texts, and an empty list asks
//! nothing. So of all the requests that a rule matches, few are the hardest to
//! match for the rules before it: those with one text of each list, and where a
//! list is empty with a text that no rule knows (of groups: with none at all).
//! A rule that matches such a request does so because it asks nothing there, and
//! then it matches every other text as well. These requests are the rule's
//! witnesses: earlier rules match all that the rule matches exactly if they
//! match each witness.
//!
//! Only what no request can have is left out: `*/*` asks for a resource that
//! would be called `*`, and `a/b/c` for a subresource with a slash.

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::ControlFlow;

use super::super::explain::has;
use super::super::matcher::Matcher;
use super::super::question::{AUTHENTICATED, UNAUTHENTICATED};
use super::super::types::{Decision, GroupResources, Policy, Request, Rule, Target, User};

/// How many decisions are asked for a policy: more than a person's policy
/// needs, and little enough that one made to be slow is not. What is beyond
/// stays undecided, and nothing is said.
const BUDGET: usize = 1_000_000;

/// A policy that is asked who decides.
pub struct Reach<'p> {
    /// The policy.
    pub policy: &'p Policy,
    matcher: Matcher,
    /// A text in none of the policy's.
    pub stranger: String,
    left: Cell<usize>,
}

/// The groups that a request has beside the one that a rule asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// None, as that of a failed authentication.
    Anyone,
    /// `system:authenticated`.
    Authenticated,
    /// `system:unauthenticated`.
    Unauthenticated,
}

/// A witness is not decided within the budget.
#[derive(Debug)]
pub struct Undecided;

impl<'p> Reach<'p> {
    /// Nothing if no text is left that the policy does not use.
    pub fn new(policy: &'p Policy) -> Option<Self> {
        Self::with_budget(policy, BUDGET)
    }

    /// As [`Reach::new`], with another number of decisions after which nothing is decided.
    pub fn with_budget(policy: &'p Policy, budget: usize) -> Option<Self> {
        let entries = |rule: &'p Rule| {
            rule.resources.iter().flat_map(|entry| std::iter::once(&entry.group).chain(&entry.resources).chain(&entry.resource_names))
        };
        let texts = policy.rules.iter().flat_map(|rule| {
            let lists = [&rule.users, &rule.user_groups, &rule.verbs, &rule.namespaces, &rule.non_resource_urls];
            lists.into_iter().flatten().chain(entries(rule))
        });
        let used: std::collections::BTreeSet<char> = texts.flat_map(|text| text.chars()).collect();
        // Of those that are for private use, so that it is also nobody's by accident.
        let stranger = ('\u{e000}'..='\u{f8ff}').find(|c| !used.contains(c))?.to_string();
        Some(Self { policy, matcher: Matcher::new(policy.clone()), stranger, left: Cell::new(budget) })
    }

    /// What the policy says of a request.
    pub fn decide(&self, request: &Request<'_>) -> Decision {
        self.matcher.decide(request)
    }

    /// Calls `each` with the witnesses of a rule, which need not be one of the
    /// policy's, and with who decides them, until it breaks.
    ///
    /// # Errors
    /// When there are more of them than are asked.
    pub fn witnesses(
        &self,
        rule: &Rule,
        who: Who,
        mut each: impl FnMut(&Request<'_>, Decision) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Undecided> {
        let users: Vec<Option<&str>> = match &rule.users[..] {
            [] => vec![None],
            users => users.iter().map(|user| Some(user.as_str())).collect(),
        };
        let groups: Vec<Vec<Cow<'_, str>>> = match &rule.user_groups[..] {
            [] => vec![who.groups()],
            groups => groups.iter().map(|group| who.with(group)).collect(),
        };
        let verbs = self.some_of(&rule.verbs);
        let paths = self.paths(rule);
        // Counted before they are made: short lists have many combinations.
        let targets = self.objects_count(rule).and_then(|objects| objects.checked_add(paths.len()));
        let of_each = [users.len(), groups.len(), verbs.len()];
        let count = targets.and_then(|targets| of_each.iter().try_fold(targets, |a, b| a.checked_mul(*b)));
        let left = count.and_then(|count| self.left.get().checked_sub(count)).ok_or(Undecided)?;
        self.left.set(left);
        let mut targets: Vec<Target<'_>> = paths.iter().map(|path| Target::Url(path)).collect();
        targets.extend(self.objects(rule));
        for name in &users {
            for groups in &groups {
                for verb in &verbs {
                    for target in &targets {
                        let request = Request { user: Some(User { name: *name, groups }), verb, target: *target };
                        if each(&request, self.decide(&request)).is_break() {
                            return Ok(ControlFlow::Break(()));
                        }
                    }
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Whether one of the policy's rules decides any request of a narrower one,
    /// as [`narrow`] makes them.
    ///
    /// # Errors
    /// When there are more of them than are asked.
    pub fn decides(&self, index: usize, narrowed: &Rule, who: Who) -> Result<bool, Undecided> {
        let by_it = |_: &Request<'_>, decision: Decision| {
            if decision.rule == Some(index) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        self.witnesses(narrowed, who, by_it).map(|flow| flow.is_break())
    }

    fn some_of<'a>(&'a self, list: &'a [String]) -> Vec<&'a str> {
        if list.is_empty() { vec![&self.stranger] } else { list.iter().map(String::as_str).collect() }
    }

    fn paths(&self, rule: &Rule) -> Vec<String> {
        if !rule.resources.is_empty() || !rule.namespaces.is_empty() {
            return Vec::new();
        }
        let path = |url: &String| match url.strip_suffix('*') {
            None => url.clone(),
            Some("") => format!("/{}", self.stranger),
            Some(prefix) => format!("{prefix}{}", self.stranger),
        };
        if rule.non_resource_urls.is_empty() { vec![path(&"*".to_owned())] } else { rule.non_resource_urls.iter().map(path).collect() }
    }

    /// How many [`Reach::objects`] there are; none where no number can say it.
    fn objects_count(&self, rule: &Rule) -> Option<usize> {
        if !rule.non_resource_urls.is_empty() {
            return Some(0);
        }
        let of_entry = |entry: &GroupResources| self.kinds(entry).len().checked_mul(self.names(entry).len());
        let of_namespace = if rule.resources.is_empty() {
            1
        } else {
            rule.resources.iter().try_fold(0_usize, |sum, entry| sum.checked_add(of_entry(entry)?))?
        };
        of_namespace.checked_mul(rule.namespaces.len().max(1))
    }

    fn objects<'a>(&'a self, rule: &'a Rule) -> Vec<Target<'a>> {
        let mut found = Vec::new();
        if !rule.non_resource_urls.is_empty() {
            return found;
        }
        let stranger = self.stranger.as_str();
        for namespace in self.some_of(&rule.namespaces) {
            if rule.resources.is_empty() {
                found.push(Target::Resource { group: stranger, resource: stranger, subresource: stranger, namespace, name: stranger });
            }
            for entry in &rule.resources {
                let group = if entry.group == "*" { stranger } else { entry.group.as_str() };
                let names = self.names(entry);
                for (resource, subresource) in self.kinds(entry) {
                    found.extend(names.iter().map(|name| Target::Resource { group, resource, subresource, namespace, name }));
                }
            }
        }
        found
    }

    fn names<'a>(&'a self, entry: &'a GroupResources) -> Vec<&'a str> {
        if entry.resources.is_empty() { vec![&self.stranger] } else { self.some_of(&entry.resource_names) }
    }

    fn kinds<'a>(&'a self, entry: &'a GroupResources) -> Vec<(&'a str, &'a str)> {
        let stranger = self.stranger.as_str();
        if entry.resources.is_empty() {
            return vec![(stranger, stranger)];
        }
        let kind = |pattern: &'a String| match pattern.split_once('/') {
            None if pattern == "*" => Some((stranger, stranger)),
            None => Some((pattern.as_str(), "")),
            Some(("*", "*" | "") | (_, "")) => None,
            Some((_, subresource)) if subresource.contains('/') => None,
            Some(("*", subresource)) => Some((stranger, subresource)),
            Some((resource, "*")) => Some((resource, stranger)),
            Some(kind) => Some(kind),
        };
        entry.resources.iter().filter_map(kind).collect()
    }
}

impl Who {
    fn groups(self) -> Vec<Cow<'static, str>> {
        match self {
            Who::Anyone => Vec::new(),
            Who::Authenticated => vec![Cow::Borrowed(AUTHENTICATED)],
            Who::Unauthenticated => vec![Cow::Borrowed(UNAUTHENTICATED)],
        }
    }

    /// Nobody is in both groups that Kubernetes gives.
    fn with(self, group: &str) -> Vec<Cow<'_, str>> {
        let mut groups = if group == AUTHENTICATED || group == UNAUTHENTICATED { Vec::new() } else { self.groups() };
        groups.push(Cow::Borrowed(group));
        groups
    }
}

/// The requests of a rule that have one of `verbs` and are for one kind of
/// object; nothing if it has none.
pub fn narrow(rule: &Rule, verbs: &[&str], group: &str, resource: &str, subresource: &str) -> Option<Rule> {
    let verbs: Vec<String> =
        verbs.iter().filter(|verb| rule.verbs.is_empty() || has(&rule.verbs, verb)).map(|verb| (*verb).to_owned()).collect();
    let kind = if subresource.is_empty() { resource.to_owned() } else { format!("{resource}/{subresource}") };
    let entry = |resource_names| GroupResources { group: group.to_owned(), resources: vec![kind.clone()], resource_names };
    let resources: Vec<GroupResources> = if rule.resources.is_empty() {
        vec![entry(Vec::new())]
    } else {
        let covering = rule.resources.iter().filter(|entry| entry.covers_group(group) && entry.covers_kind(resource, subresource));
        covering.map(|covering| entry(covering.resource_names.clone())).collect()
    };
    let any = rule.non_resource_urls.is_empty() && !verbs.is_empty() && !resources.is_empty();
    any.then(|| Rule { verbs, resources, ..rule.clone() })
}
