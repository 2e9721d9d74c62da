//! A policy compiled for many requests: who, verb, resource and namespace are
//! each looked up once and leave few rules to be read, if any.

use std::collections::BTreeSet;

use super::explain::{has, path_matches};
use super::types::{Decision, GroupResources, Policy, Request, Rule, Target};

/// Decides as [`super::explain::explain`] does, without saying why.
#[derive(Debug)]
pub struct Matcher {
    policy: Policy,
    users: Index<Set>,
    groups: Index<Set>,
    verbs: Index<Set>,
    /// By API group, and then by resource: those that entries of the group itself list.
    kinds: Index<Index<Set>>,
    /// By resource: those that entries of the group `*` list, and what these can match.
    of_any_group: Index<Set>,
    namespaces: Index<Set>,
    /// Rules that a URL can match.
    urls: Set,
    /// Rules that ask for no user and no group.
    anybody: Set,
    /// Rules that ask for groups.
    grouped: Set,
    /// Rules that tell no objects and no subresources apart: what a resource's kind
    /// says of them is all, if it has no subresource.
    plain: Set,
}

/// A set of rules: bit `index % 64` of word `index / 64`.
type Set = Box<[u64]>;

/// What is known of each text of one field.
#[derive(Debug)]
struct Index<T> {
    /// Texts that some rule lists, by length, ends and text: few have the length of the
    /// one that is sought, and hardly another one its ends as well.
    listed: Vec<Listed<T>>,
    /// Where those of each length begin; the last but one is for all that are longer.
    starts: [usize; LENGTHS + 1],
    /// For every other text.
    other: T,
}

#[derive(Debug)]
struct Listed<T> {
    ends: (u64, u64),
    text: String,
    value: T,
}

/// How many lengths are told apart, in bytes.
const LENGTHS: usize = 64;

impl<T> Index<T> {
    /// `value` gives what is known of a text, or of those that are not listed.
    fn new<'p>(texts: impl Iterator<Item = &'p str>, value: impl Fn(Option<&str>) -> T) -> Self {
        let texts: BTreeSet<_> = texts.map(|text| (length(text), ends(text), text)).collect();
        let starts = std::array::from_fn(|start| texts.iter().filter(|(length, ..)| *length < start).count());
        let listed = texts.into_iter().map(|(_, ends, text)| Listed { ends, text: text.to_owned(), value: value(Some(text)) }).collect();
        Self { listed, starts, other: value(None) }
    }

    #[inline]
    fn get(&self, text: &str) -> &T {
        self.find(text).unwrap_or(&self.other)
    }

    /// Nothing if the text is not listed.
    #[inline]
    fn find(&self, text: &str) -> Option<&T> {
        let length = length(text);
        let same = self.listed.get(self.starts[length]..self.starts[length + 1]).unwrap_or_default();
        if same.is_empty() {
            return None;
        }
        let ends = ends(text);
        let from = if same.len() > 8 { same.partition_point(|listed| listed.ends < ends) } else { 0 };
        let mut alike = same.iter().skip(from).take_while(|listed| listed.ends <= ends).filter(|listed| listed.ends == ends);
        alike.find(|listed| text.len() <= 16 || listed.text == text).map(|listed| &listed.value)
    }
}

fn length(text: &str) -> usize {
    text.len().min(LENGTHS - 1)
}

/// The first and the last eight bytes, by which texts of one length differ nearly
/// always, and always if it is at most sixteen.
#[inline]
fn ends(text: &str) -> (u64, u64) {
    let bytes = text.as_bytes();
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return (u64::from_be_bytes(*first), u64::from_be_bytes(*last));
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return (u32::from_be_bytes(*first).into(), u32::from_be_bytes(*last).into());
    }
    (bytes.iter().fold(0, |all, byte| all << 8 | u64::from(*byte)), 0)
}

fn set(rules: &[Rule], belongs: impl Fn(&Rule) -> bool) -> Set {
    let mut words = vec![0_u64; rules.len().div_ceil(64)];
    for (index, _) in rules.iter().enumerate().filter(|(_, rule)| belongs(rule)) {
        words[index / 64] |= 1 << (index % 64);
    }
    words.into()
}

/// The rules that each text of a field can match; a rule that lists none can match any.
fn by(rules: &[Rule], field: impl Fn(&Rule) -> &[String]) -> Index<Set> {
    let belongs = |rule: &Rule, text: Option<&str>| field(rule).is_empty() || text.is_some_and(|text| has(field(rule), text));
    Index::new(rules.iter().flat_map(&field).map(String::as_str), |text| set(rules, |rule| belongs(rule, text)))
}

/// The rules that can match each resource that entries of such a group list,
/// whatever its subresource, by entries of `covers`.
fn by_kind<'p>(rules: &'p [Rule], lists: impl Fn(&GroupResources) -> bool, covers: impl Fn(&GroupResources) -> bool) -> Index<Set> {
    let listed = rules.iter().flat_map(|rule| &rule.resources).filter(|entry| lists(entry)).flat_map(|entry| &entry.resources);
    let belongs = |rule: &Rule, kind: Option<&str>| match &rule.resources[..] {
        [] => rule.non_resource_urls.is_empty() || !rule.namespaces.is_empty(),
        entries => entries.iter().any(|entry| covers(entry) && may_cover(entry, kind)),
    };
    Index::new(listed.flat_map(|pattern: &'p String| kinds(pattern)), |kind| set(rules, |rule| belongs(rule, kind)))
}

/// The resources that a pattern may name. `pods/log` is the subresource `log` of
/// `pods`; and since a log may name any resource, it is also the resource `pods/log`.
fn kinds(pattern: &str) -> impl Iterator<Item = &str> {
    pattern.match_indices('/').map(|(at, _)| &pattern[..at]).chain([pattern])
}

/// Whether an entry may cover a resource, or one that no rule lists.
fn may_cover(entry: &GroupResources, kind: Option<&str>) -> bool {
    let any = |pattern: &String| {
        pattern == "*" || pattern.starts_with("*/") || kind.is_some_and(|kind| kinds(pattern).any(|named| named == kind))
    };
    entry.resources.is_empty() || entry.resources.iter().any(any)
}

fn is_plain(rule: &Rule) -> bool {
    let tells_apart =
        |entry: &GroupResources| !entry.resource_names.is_empty() || entry.resources.iter().any(|pattern| pattern.contains('/'));
    !rule.resources.iter().any(tells_apart)
}

impl Matcher {
    /// Compiles a policy.
    pub fn new(policy: Policy) -> Self {
        let rules = &policy.rules;
        Self {
            users: by(rules, |rule| &rule.users),
            groups: by(rules, |rule| &rule.user_groups),
            verbs: by(rules, |rule| &rule.verbs),
            kinds: Index::new(rules.iter().flat_map(|rule| &rule.resources).map(|entry| entry.group.as_str()), |group| {
                // No group is called `*`, and a group that nobody lists is covered as such a one is.
                let group = group.unwrap_or("*");
                by_kind(rules, |entry| entry.group == group && group != "*", |entry| entry.covers_group(group))
            }),
            of_any_group: by_kind(rules, |entry| entry.group == "*", |entry| entry.group == "*"),
            namespaces: by(rules, |rule| &rule.namespaces),
            urls: set(rules, |rule| rule.resources.is_empty() && rule.namespaces.is_empty()),
            anybody: set(rules, |rule| rule.users.is_empty() && rule.user_groups.is_empty()),
            grouped: set(rules, |rule| !rule.user_groups.is_empty()),
            plain: set(rules, is_plain),
            policy,
        }
    }

    /// The policy that was compiled.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What the policy says of a request.
    pub fn decide(&self, request: &Request<'_>) -> Decision {
        self.policy.decision(self.first(request))
    }

    /// The rules that can match a resource: those of either set.
    fn kinds(&self, group: &str, resource: &str) -> [&Set; 2] {
        let of_group = self.kinds.get(group);
        match of_group.find(resource) {
            Some(listed) => [listed; 2],
            None => [&of_group.other, self.of_any_group.get(resource)],
        }
    }

    fn first(&self, request: &Request<'_>) -> Option<usize> {
        let verbs = self.verbs.get(request.verb);
        let users = match request.user {
            None => &self.anybody,
            Some(user) => user.name.map_or(&self.users.other, |name| self.users.get(name)),
        };
        let (kinds, namespaces) = match request.target {
            Target::Resource { group, resource, namespace, .. } => (self.kinds(group, resource), self.namespaces.get(namespace)),
            Target::Url(_) => ([&self.urls; 2], &self.urls),
        };
        let has_no_subresource = matches!(request.target, Target::Resource { subresource: "", .. });
        for word in 0..verbs.len() {
            let mut candidates = verbs[word] & users[word] & (kinds[0][word] | kinds[1][word]) & namespaces[word];
            if candidates & self.grouped[word] != 0
                && let Some(user) = request.user
            {
                candidates &= user.groups.iter().fold(self.groups.other[word], |rules, group| rules | self.groups.get(group)[word]);
            }
            while candidates != 0 {
                let index = word * 64 + candidates.trailing_zeros() as usize;
                let is_certain = has_no_subresource && self.plain[word] >> (index % 64) & 1 == 1;
                if is_certain || covers(&self.policy.rules[index], &request.target) {
                    return Some(index);
                }
                candidates &= candidates - 1;
            }
        }
        None
    }
}

/// Whether a rule that can match by everything else covers what is asked for.
fn covers(rule: &Rule, target: &Target<'_>) -> bool {
    match *target {
        Target::Resource { .. } => rule.resources.is_empty() || rule.resources.iter().any(|entry| entry.covers(target)),
        Target::Url(path) => rule.non_resource_urls.is_empty() || rule.non_resource_urls.iter().any(|url| path_matches(url, path)),
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::super::explain::explain;
    use super::super::types::{GroupResources, Level, Stage, Stages, User};
    use super::*;
    use crate::diagnostic::Source;

    fn some_of(words: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
        let list = proptest::collection::vec(proptest::sample::select(words).prop_map(str::to_owned), 1..4);
        prop_oneof![2 => Just(Vec::new()), 1 => list]
    }

    const USERS: &[&str] = &["alice", "bob", "system:apiserver", "*", ""];
    const GROUPS: &[&str] = &["system:authenticated", "system:masters", "system:nodes", "*"];
    const VERBS: &[&str] = &["get", "list", "create", "*"];
    const API_GROUPS: &[&str] = &["", "apps", "*"];
    const RESOURCES: &[&str] = &["pods", "pods/log", "pods/*", "*/log", "*", "*/*", "secrets", "", "/log", "pods/"];
    const NAMES: &[&str] = &["web", "*", ""];
    const NAMESPACES: &[&str] = &["default", "kube-system", ""];
    const URLS: &[&str] = &["*", "/healthz", "/healthz*", "/api/*", "/"];
    const PATHS: &[&str] = &["/healthz", "/healthzfoo", "/api", "/api/", "/api/v1", "/"];
    const STAGES: &[Stage] = &Stage::ALL;

    fn stages() -> impl Strategy<Value = Stages> {
        proptest::collection::vec(proptest::sample::select(STAGES), 0..3).prop_map(Stages::from_iter)
    }

    fn entry() -> impl Strategy<Value = GroupResources> {
        (proptest::sample::select(API_GROUPS), some_of(RESOURCES), some_of(NAMES))
            .prop_map(|(group, resources, resource_names)| GroupResources { group: group.to_owned(), resources, resource_names })
    }

    fn rule() -> impl Strategy<Value = Rule> {
        let what = prop_oneof![
            (proptest::collection::vec(entry(), 0..3), some_of(NAMESPACES)).prop_map(|(r, n)| (r, n, Vec::new())),
            some_of(URLS).prop_map(|urls| (Vec::new(), Vec::new(), urls)),
        ];
        let who = (some_of(USERS), some_of(GROUPS), some_of(VERBS));
        (proptest::sample::select(&Level::ALL[..]), who, what, stages(), proptest::option::of(any::<bool>())).prop_map(
            |(level, (users, user_groups, verbs), (resources, namespaces, non_resource_urls), omit_stages, omit_managed_fields)| Rule {
                level,
                users,
                user_groups,
                verbs,
                resources,
                namespaces,
                non_resource_urls,
                omit_stages,
                omit_managed_fields,
                location: Source::anonymous("rule", "").at(0..0),
            },
        )
    }

    #[test]
    fn a_text_is_found_among_others_of_its_length_and_its_ends() {
        let middles = ["alpha", "gamma", "delta", "sigma", "kappa", "omega"];
        let name = |middle: &str, end: char| format!("system:serviceaccount:{middle}:control{end}r");
        let listed: Vec<String> = middles.iter().flat_map(|middle| ['l', 'm', 'n'].map(|end| name(middle, end))).collect();
        let rule = |text: &String| Rule {
            level: Level::None,
            users: vec![text.clone()],
            user_groups: Vec::new(),
            verbs: Vec::new(),
            resources: Vec::new(),
            namespaces: Vec::new(),
            non_resource_urls: Vec::new(),
            omit_stages: Stages::default(),
            omit_managed_fields: None,
            location: Source::anonymous("rule", "").at(0..0),
        };
        let rules: Vec<Rule> = listed.iter().map(rule).collect();
        let matcher = Matcher::new(Policy { rules, omit_stages: Stages::default(), omit_managed_fields: false });
        let decided = |name: &str| {
            let user = Some(User { name: Some(name), groups: &[] });
            matcher.decide(&Request { user, verb: "get", target: Target::Url("/") }).rule
        };
        for (index, text) in listed.iter().enumerate() {
            assert_eq!(decided(text), Some(index), "{text}");
        }
        assert_eq!(decided(&name("theta", 'm')), None);
        assert_eq!(decided(&name("alpha", 'o')), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn a_compiled_policy_decides_as_its_rules_read(
            rules in prop_oneof![9 => proptest::collection::vec(rule(), 1..8), 1 => proptest::collection::vec(rule(), 60..140)],
            omit_stages in stages(),
            omit_managed_fields in any::<bool>(),
            user in proptest::option::weighted(0.9, (proptest::option::of(proptest::sample::select(USERS)), proptest::sample::subsequence(GROUPS, 0..3))),
            verb in proptest::sample::select(VERBS),
            group in proptest::sample::select(API_GROUPS),
            resource in proptest::sample::select(&["pods", "secrets", "pods/log", "*", ""][..]),
            subresource in proptest::sample::select(&["", "log", "*"][..]),
            namespace in proptest::sample::select(NAMESPACES),
            name in proptest::sample::select(NAMES),
            path in proptest::option::of(proptest::sample::select(PATHS)),
        ) {
            let policy = Policy { rules, omit_stages, omit_managed_fields };
            let target = path.map_or(Target::Resource { group, resource, subresource, namespace, name }, Target::Url);
            let user = user.map(|(name, groups)| (name, groups.into_iter().map(Cow::from).collect::<Vec<_>>()));
            let user = user.as_ref().map(|(name, groups)| User { name: *name, groups });
            let request = Request { user, verb, target };
            let plain = explain(&policy, &request).decision;
            prop_assert_eq!(Matcher::new(policy).decide(&request), plain);
        }
    }
}
