//! The requests that two policies can tell apart, as a space of few dimensions.
//!
//! Of each dimension only the texts matter that one of the policies names, and
//! one more that stands for all others. A rule is a union of boxes in this
//! space, and so is what is left when one box is taken from another.

use std::collections::{BTreeMap, BTreeSet};

use super::super::types::{Policy, Rule};

/// Dimensions of requests for resources.
pub(super) const USER: usize = 0;
pub(super) const VERB: usize = 1;
pub(super) const NAMESPACE: usize = 2;
pub(super) const API: usize = 3;
pub(super) const RESOURCE: usize = 4;
pub(super) const SUBRESOURCE: usize = 5;
pub(super) const NAME: usize = 6;
/// The third dimension of requests for other paths.
pub(super) const PATH: usize = 2;

/// A set of the texts of a dimension, by number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Set(Box<[u64]>);

impl Set {
    pub(super) fn empty(size: usize) -> Self {
        Self(vec![0; size.div_ceil(64)].into())
    }

    pub(super) fn full(size: usize) -> Self {
        (0..size).fold(Self::empty(size), |set, number| set.with(number))
    }

    pub(super) fn with(mut self, number: usize) -> Self {
        self.0[number / 64] |= 1 << (number % 64);
        self
    }

    pub(super) fn has(&self, number: usize) -> bool {
        self.0[number / 64] & 1 << (number % 64) != 0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(a, b)| a & !b == 0)
    }

    pub(super) fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(a, b)| a & b != 0)
    }

    fn combine(&self, other: &Self, f: impl Fn(u64, u64) -> u64) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| f(*a, *b)).collect())
    }

    pub(super) fn and(&self, other: &Self) -> Self {
        self.combine(other, |a, b| a & b)
    }

    pub(super) fn or(&self, other: &Self) -> Self {
        self.combine(other, |a, b| a | b)
    }

    pub(super) fn without(&self, other: &Self) -> Self {
        self.combine(other, |a, b| a & !b)
    }
}

/// The texts of a dimension. The number after the last is that of every other text.
#[derive(Debug)]
pub(super) struct Texts(pub(super) Vec<String>);

impl Texts {
    fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        Self(texts.into_iter().collect::<BTreeSet<_>>().into_iter().map(str::to_owned).collect())
    }

    pub(super) fn size(&self) -> usize {
        self.0.len() + 1
    }

    fn set<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> Set {
        let number = |text: &str| self.0.binary_search_by(|known| known.as_str().cmp(text)).ok();
        texts.into_iter().filter_map(number).fold(Set::empty(self.size()), Set::with)
    }

    /// What a list of a rule lets through: everything, if it is empty.
    fn list(&self, list: &[String]) -> Set {
        if list.is_empty() { Set::full(self.size()) } else { self.set(list.iter().map(String::as_str)) }
    }
}

/// The requests for resources, or those for other paths.
#[derive(Debug)]
pub(super) struct Space {
    /// The texts of each dimension. Paths are told apart by what matches them:
    /// a text that ends in `*` stands for all that begin so and match nothing longer.
    pub(super) texts: Vec<Texts>,
    /// The groups that users are in.
    pub(super) groups: Texts,
}

/// Part of a rule, as one box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part<V> {
    sets: Vec<Set>,
    /// The user is in one of these groups.
    groups: Option<Set>,
    /// What the rule says, as far as it is compared.
    pub(super) value: V,
}

/// Requests that lie in each of `sets`, whose user is in one group of each of
/// `some`, and in none of `none`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Region {
    pub(super) sets: Vec<Set>,
    pub(super) some: Vec<Set>,
    pub(super) none: Set,
}

/// How a part of a rule lies to a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lies {
    Apart,
    Across,
    Around,
}

impl Region {
    pub(super) fn lies<V>(&self, part: &Part<V>) -> Lies {
        let mut lies = Lies::Around;
        for (own, set) in self.sets.iter().zip(&part.sets) {
            if !own.meets(set) {
                return Lies::Apart;
            }
            if !own.is_within(set) {
                lies = Lies::Across;
            }
        }
        match &part.groups {
            Some(groups) if groups.is_within(&self.none) => Lies::Apart,
            Some(groups) if !self.some.iter().any(|some| some.is_within(groups)) => Lies::Across,
            _ => lies,
        }
    }

    /// The pieces of a region that a part lies across: the one inside comes last.
    pub(super) fn split<V>(mut self, part: &Part<V>) -> Vec<Region> {
        let mut pieces = Vec::new();
        for (dimension, set) in part.sets.iter().enumerate() {
            if self.sets[dimension].is_within(set) {
                continue;
            }
            let mut outside = self.clone();
            outside.sets[dimension] = outside.sets[dimension].without(set);
            pieces.push(outside);
            self.sets[dimension] = self.sets[dimension].and(set);
        }
        if let Some(groups) = &part.groups
            && !self.some.iter().any(|some| some.is_within(groups))
        {
            pieces.extend(self.clone().outside_of(groups));
            self.some.push(groups.without(&self.none));
            // What is weaker than another says nothing.
            let some = self.some.clone();
            let weaker = |a: &Set, at: usize| some.iter().enumerate().any(|(other, b)| b.is_within(a) && (b != a || other < at));
            let mut at = 0;
            self.some.retain(|set| {
                at += 1;
                !weaker(set, at - 1)
            });
            self.some.sort();
        }
        pieces.push(self);
        pieces
    }

    pub(super) fn is_within(&self, other: &Region) -> bool {
        self.sets.iter().zip(&other.sets).all(|(own, set)| own.is_within(set))
            && other.some.iter().all(|groups| self.some.iter().any(|own| own.is_within(groups)))
            && other.none.is_within(&self.none)
    }

    /// The same as part of a rule, if a rule can say it.
    pub(super) fn as_part<V>(&self, value: V) -> Option<Part<V>> {
        let groups = match &self.some[..] {
            [] => None,
            [groups] => Some(groups.clone()),
            _ => return None,
        };
        self.none.is_empty().then(|| Part { sets: self.sets.clone(), groups, value })
    }

    fn outside_of(mut self, groups: &Set) -> Option<Region> {
        self.none = self.none.or(groups);
        self.some = self.some.iter().map(|some| some.without(groups)).collect();
        self.some.sort();
        self.some.dedup();
        (!self.some.iter().any(Set::is_empty)).then_some(self)
    }
}

impl Space {
    /// Of requests for resources.
    pub(super) fn of_resources(policies: [&Policy; 2]) -> Self {
        let rules = || policies.into_iter().flat_map(|policy| &policy.rules);
        let entries = || rules().flat_map(|rule| &rule.resources);
        let kinds = || entries().flat_map(|entry| &entry.resources).filter_map(|pattern| kind(pattern));
        let texts = |list: fn(&Rule) -> &Vec<String>| Texts::new(rules().flat_map(list).map(String::as_str));
        Self {
            texts: vec![
                texts(|rule| &rule.users),
                texts(|rule| &rule.verbs),
                texts(|rule| &rule.namespaces),
                Texts::new(entries().map(|entry| entry.group.as_str()).filter(|group| *group != "*")),
                Texts::new(kinds().filter_map(|(resource, _)| resource)),
                Texts::new(kinds().filter_map(|(_, subresource)| subresource).chain([""])),
                Texts::new(entries().flat_map(|entry| &entry.resource_names).map(String::as_str)),
            ],
            groups: texts(|rule| &rule.user_groups),
        }
    }

    /// Of requests for other paths.
    pub(super) fn of_paths(policies: [&Policy; 2]) -> Self {
        let rules = || policies.into_iter().flat_map(|policy| &policy.rules);
        let texts = |list: fn(&Rule) -> &Vec<String>| Texts::new(rules().flat_map(list).map(String::as_str));
        let paths =
            Texts::new(rules().flat_map(|rule| &rule.non_resource_urls).map(String::as_str).filter(|url| *url != "*" && *url != "/*"));
        Self { texts: vec![texts(|rule| &rule.users), texts(|rule| &rule.verbs), paths], groups: texts(|rule| &rule.user_groups) }
    }

    /// Every request.
    pub(super) fn whole(&self) -> Region {
        let sets = self.texts.iter().map(|texts| Set::full(texts.size())).collect();
        Region { sets, some: Vec::new(), none: Set::empty(self.groups.size()) }
    }

    fn is_of_paths(&self) -> bool {
        self.texts.len() == PATH + 1
    }

    /// A policy's rules as boxes, in order, each with what `value` makes of its index.
    pub(super) fn parts<V: Copy>(&self, policy: &Policy, value: impl Fn(usize) -> V) -> Vec<Part<V>> {
        policy.rules.iter().enumerate().flat_map(|(index, rule)| self.rule(rule, value(index))).collect()
    }

    fn rule<V: Copy>(&self, rule: &Rule, value: V) -> Vec<Part<V>> {
        let for_resources = !rule.resources.is_empty() || !rule.namespaces.is_empty();
        let groups = (!rule.user_groups.is_empty()).then(|| self.groups.list(&rule.user_groups));
        let mut sets = vec![self.texts[USER].list(&rule.users), self.texts[VERB].list(&rule.verbs)];
        let part = |sets: Vec<Set>| Part { sets, groups: groups.clone(), value };
        if self.is_of_paths() {
            sets.push(self.paths(&rule.non_resource_urls));
            return if for_resources { Vec::new() } else { vec![part(sets)] };
        }
        if !for_resources && !rule.non_resource_urls.is_empty() {
            return Vec::new();
        }
        sets.push(self.texts[NAMESPACE].list(&rule.namespaces));
        let full = |dimension: usize| Set::full(self.texts[dimension].size());
        if rule.resources.is_empty() {
            sets.extend([API, RESOURCE, SUBRESOURCE, NAME].map(full));
            return vec![part(sets)];
        }
        // Entries that differ in their group only are one box.
        let mut boxes: BTreeMap<(Set, Set, Set), Set> = BTreeMap::new();
        for entry in &rule.resources {
            let group = if entry.group == "*" { full(API) } else { self.texts[API].set([entry.group.as_str()]) };
            for (resource, subresource) in self.kinds(&entry.resources) {
                let names = if entry.resources.is_empty() { full(NAME) } else { self.texts[NAME].list(&entry.resource_names) };
                let groups = boxes.entry((resource, subresource, names)).or_insert_with(|| Set::empty(self.texts[API].size()));
                *groups = groups.or(&group);
            }
        }
        let whole = |((resource, subresource, names), group): ((Set, Set, Set), Set)| {
            part(sets.iter().cloned().chain([group, resource, subresource, names]).collect())
        };
        boxes.into_iter().map(whole).collect()
    }

    /// The boxes of an entry's list: one for each set of subresources.
    fn kinds(&self, patterns: &[String]) -> Vec<(Set, Set)> {
        let (resources, subresources) = (&self.texts[RESOURCE], &self.texts[SUBRESOURCE]);
        let full = || (Set::full(resources.size()), Set::full(subresources.size()));
        if patterns.is_empty() {
            return vec![full()];
        }
        let mut boxes: BTreeMap<Set, Set> = BTreeMap::new();
        for (resource, subresource) in patterns.iter().filter_map(|pattern| kind(pattern)) {
            let subresource = subresource.map_or_else(|| full().1, |subresource| subresources.set([subresource]));
            let resource = resource.map_or_else(|| full().0, |resource| resources.set([resource]));
            let all = boxes.entry(subresource).or_insert_with(|| Set::empty(resources.size()));
            *all = all.or(&resource);
        }
        boxes.into_iter().map(|(subresource, resource)| (resource, subresource)).collect()
    }

    /// The kinds of paths that a list lets through.
    fn paths(&self, urls: &[String]) -> Set {
        let texts = &self.texts[PATH];
        if urls.is_empty() || urls.iter().any(|url| url == "*" || url == "/*") {
            return Set::full(texts.size());
        }
        let lets = |known: &String| {
            urls.iter().any(|url| match url.strip_suffix('*') {
                // What begins with a longer text begins with the shorter one.
                Some(prefix) => known.trim_end_matches('*').starts_with(prefix),
                None => url == known,
            })
        };
        let numbers = texts.0.iter().enumerate().filter(|(_, known)| lets(known)).map(|(number, _)| number);
        numbers.fold(Set::empty(texts.size()), Set::with)
    }
}

/// A pattern's resource and subresource, where nothing is any: `pods` has the
/// empty subresource. Nothing at all for one that no request matches.
pub(super) fn kind(pattern: &str) -> Option<(Option<&str>, Option<&str>)> {
    match pattern.split_once('/') {
        None if pattern == "*" => Some((None, None)),
        None => Some((Some(pattern), Some(""))),
        Some(("*", "*") | (_, "")) => None,
        Some((_, subresource)) if subresource.contains('/') => None,
        Some(("*", subresource)) => Some((None, Some(subresource))),
        Some((resource, "*")) => Some((Some(resource), None)),
        Some((resource, subresource)) => Some((Some(resource), Some(subresource))),
    }
}
