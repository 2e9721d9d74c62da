//! Which requests change level between two policies, or stages, or managed
//! fields: exact, and found from the rules themselves.
//!
//! The space of requests is cut along the rules of both policies until each
//! piece has one level, or whatever is compared, under each. Pieces that differ
//! and are neighbours are put together again, and each is made as wide as it
//! goes. Where both policies go on with the same rules, nothing is cut.

mod kinds;
mod space;
mod traffic;
mod words;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::hash::Hash;
use std::ops::ControlFlow;

use foldhash::{HashMap, HashMapExt as _};

use super::types::{Level, Policy, Stages};
use space::{Lies, Part, Region, Set, Space};
pub use traffic::{Counts, Example, Row, Traffic, Verdict};
pub use words::Listed;

/// How many pieces are looked at: more than policies that people write need.
const LIMIT: usize = 200_000;
/// Of how many changes it is asked which are the widest that say the same.
const WIDEN_LIMIT: usize = 300;

/// The policies are too intricate to be compared.
#[derive(Debug, thiserror::Error)]
#[error("the policies have too many combinations of users, groups, verbs and resources to be compared")]
pub struct TooMany;

/// Requests of which something else is said: another level, or other omitted stages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<V = Level> {
    /// Users; an empty list is every user, also that of a failed authentication.
    pub users: Listed,
    /// Groups, of each of which lists the user must be in one.
    pub groups: Vec<Vec<String>>,
    /// Groups that the user is in none of.
    pub except_groups: Vec<String>,
    /// Verbs.
    pub verbs: Listed,
    /// `pods`, `pods/log`, `deployments.apps/scale`; `pods/*` with and without a
    /// subresource; `*` all of the core group, `*.apps` all of apps, `*.*` all;
    /// `*/log` that subresource of all of the core group, `*/` what has none.
    /// Empty for URLs, and for every request.
    pub resources: Listed,
    /// Namespaces.
    pub namespaces: Listed,
    /// Names of objects.
    pub names: Listed,
    /// Paths that are no resources; a trailing `*` is a prefix. Of two that match
    /// the longer has the last word. Empty for resources, and for every request.
    pub urls: Listed,
    /// What is said before.
    pub from: V,
    /// What is said after.
    pub to: V,
}

/// Which requests get another level; nothing if each keeps its own. Where two
/// changes describe one request, they say the same of it.
///
/// # Errors
/// When the policies are too intricate.
pub fn diff(old: &Policy, new: &Policy) -> Result<Vec<Change>, TooMany> {
    changes([old, new], |policy, rule| policy.decision(Some(rule)).level)
}

/// Of which requests that both policies log other stages are omitted. Where a
/// change describes a request that one of them does not log, it says nothing of it.
///
/// # Errors
/// When the policies are too intricate.
pub fn diff_stages(old: &Policy, new: &Policy) -> Result<Vec<Change<Stages>>, TooMany> {
    let stages = |policy: &Policy, rule: usize| {
        let decision = policy.decision(Some(rule));
        (decision.level != Level::None).then_some(decision.omit_stages)
    };
    Ok(changes([old, new], stages)?.into_iter().filter_map(known).collect())
}

/// From the bodies of which requests that both policies log managed fields are
/// taken out by one of them only. As with [`diff_stages`], what is not logged
/// may be described and is not meant.
///
/// # Errors
/// When the policies are too intricate.
pub fn diff_managed_fields(old: &Policy, new: &Policy) -> Result<Vec<Change<bool>>, TooMany> {
    let managed = |policy: &Policy, rule: usize| {
        let decision = policy.decision(Some(rule));
        (decision.level >= Level::Request).then_some(decision.omit_managed_fields)
    };
    // Requests for other paths have no bodies that are logged.
    Ok(changes([old, new], managed)?.into_iter().filter_map(known).filter(|change| change.urls == Listed::default()).collect())
}

fn known<V>(change: Change<Option<V>>) -> Option<Change<V>> {
    let Change { users, groups, except_groups, verbs, resources, namespaces, names, urls, from, to } = change;
    Some(Change { users, groups, except_groups, verbs, resources, namespaces, names, urls, from: from?, to: to? })
}

/// What is compared of the rules of two policies.
trait Value: Copy + Eq + Hash + Ord + Default {
    /// Whether it is as good as any other.
    fn is_moot(self) -> bool;
}

impl Value for Level {
    fn is_moot(self) -> bool {
        false
    }
}

impl<T: Copy + Eq + Hash + Ord> Value for Option<T> {
    fn is_moot(self) -> bool {
        self.is_none()
    }
}

fn changes<V: Value>(policies: [&Policy; 2], value: impl Fn(&Policy, usize) -> V) -> Result<Vec<Change<V>>, TooMany> {
    // Most policies say the same of every rule, but for their levels.
    let rules = policies.into_iter().flat_map(|policy| (0..policy.rules.len()).map(|rule| value(policy, rule)));
    let said: BTreeSet<V> = rules.chain([V::default()]).filter(|value| !value.is_moot()).collect();
    if said.len() < 2 {
        return Ok(Vec::new());
    }
    let resources = Space::of_resources(policies);
    let paths = Space::of_paths(policies);
    let in_resources = changed(&resources, policies, &value)?;
    let in_paths = changed(&paths, policies, &value)?;
    let mut changes = words::changes(&resources, &in_resources, &paths, &in_paths);
    changes.sort_by_key(|change| (change.from, change.to));
    Ok(changes)
}

/// A region and what is said of it before and after.
type Piece<V> = (Region, V, V);

fn changed<V: Value>(space: &Space, policies: [&Policy; 2], value: &impl Fn(&Policy, usize) -> V) -> Result<Vec<Piece<V>>, TooMany> {
    let [old, new] = policies.map(|policy| space.parts(policy, |rule| value(policy, rule)));
    let cut = Cut { old, new, left: Cell::new(LIMIT) };
    let mut found = Vec::new();
    let _ = cut.each(space.whole(), |piece| {
        if let Found::Changed(piece) = piece {
            found.push(piece);
        }
        ControlFlow::Continue(())
    })?;
    let found = merge(found);
    Ok(if found.len() > WIDEN_LIMIT { found } else { widen(space, &cut, found) })
}

/// What is found of a region.
enum Found<V> {
    /// The same is said of it.
    Same,
    /// What is said does not matter.
    Moot,
    /// Something else is said.
    Changed(Piece<V>),
}

/// Both policies' rules, along which regions are cut.
struct Cut<V> {
    old: Vec<Part<V>>,
    new: Vec<Part<V>>,
    left: Cell<usize>,
}

impl<V: Value> Cut<V> {
    /// Calls `f` with the pieces of a region, until it breaks.
    fn each(&self, region: Region, mut f: impl FnMut(Found<V>) -> ControlFlow<()>) -> Result<ControlFlow<()>, TooMany> {
        let (old, new): (Vec<&Part<V>>, Vec<&Part<V>>) = (self.old.iter().collect(), self.new.iter().collect());
        let mut todo = vec![(region, old, new)];
        while let Some((region, old, new)) = todo.pop() {
            self.left.set(self.left.get().checked_sub(1).ok_or(TooMany)?);
            let (old, old_rest) = reaching(&region, &old);
            let (new, new_rest) = reaching(&region, &new);
            let values = (one_value(&old, old_rest), one_value(&new, new_rest));
            let decided = match values {
                (Some(value), _) | (_, Some(value)) if value.is_moot() => Found::Moot,
                _ if old == new && old_rest == new_rest => Found::Same,
                (Some(from), Some(to)) if from == to => Found::Same,
                (Some(from), Some(to)) => Found::Changed((region, from, to)),
                _ => {
                    // Each part that lies across is in the way of one of the two values.
                    if let Some(across) = old.first().or(new.first()) {
                        let pieces = region.split(across).into_iter();
                        todo.extend(pieces.map(|piece| (piece, with_rest(&old, old_rest), with_rest(&new, new_rest))));
                    }
                    continue;
                }
            };
            if f(decided).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Whether all of a region changes from one value to the other, or does not
    /// matter. Not if that cannot be told.
    fn is_all(&self, region: &Region, from: V, to: V) -> bool {
        let same = |found: Found<V>| match found {
            Found::Moot => ControlFlow::Continue(()),
            Found::Changed((_, piece_from, piece_to)) if (piece_from, piece_to) == (from, to) => ControlFlow::Continue(()),
            Found::Changed(_) | Found::Same => ControlFlow::Break(()),
        };
        matches!(self.each(region.clone(), same), Ok(ControlFlow::Continue(())))
    }
}

/// Makes each piece as wide as what changes in the same way, which reads better
/// than pieces that do not overlap, and leaves out what others then say.
fn widen<V: Value>(space: &Space, cut: &Cut<V>, pieces: Vec<Piece<V>>) -> Vec<Piece<V>> {
    let mut wide: Vec<Piece<V>> = Vec::new();
    for (mut region, from, to) in pieces {
        let said = |wide: &[Piece<V>], region: &Region| wide.iter().any(|(other, f, t)| (*f, *t) == (from, to) && region.is_within(other));
        if said(&wide, &region) {
            continue;
        }
        for dimension in (0..region.sets.len()).rev() {
            let size = space.texts[dimension].size();
            let mut all = region.clone();
            all.sets[dimension] = Set::full(size);
            if cut.is_all(&all, from, to) {
                region = all;
                continue;
            }
            for number in (0..size).filter(|number| !region.sets[dimension].has(*number)).collect::<Vec<_>>() {
                let mut one = region.clone();
                one.sets[dimension] = Set::empty(size).with(number);
                if cut.is_all(&one, from, to) {
                    region.sets[dimension] = region.sets[dimension].clone().with(number);
                }
            }
        }
        for index in (0..region.some.len()).rev() {
            let mut without = region.clone();
            without.some.remove(index);
            if cut.is_all(&without, from, to) {
                region = without;
            }
        }
        for number in 0..space.groups.size() {
            let mut with = region.clone();
            with.none = with.none.without(&Set::empty(space.groups.size()).with(number));
            if region.none.has(number) && cut.is_all(&with, from, to) {
                region = with;
            }
        }
        wide.retain(|(other, f, t)| (*f, *t) != (from, to) || !other.is_within(&region));
        wide.push((region, from, to));
    }
    // The narrowest go first, if the others say it all.
    for index in (0..wide.len()).rev() {
        let (region, from, to) = &wide[index];
        let others: Vec<Part<V>> = wide
            .iter()
            .enumerate()
            .filter(|(other, (_, f, t))| *other != index && (f, t) == (from, to))
            .filter_map(|(_, (region, _, to))| region.as_part(*to))
            .collect();
        if is_covered(region.clone(), &others) {
            wide.remove(index);
        }
    }
    wide
}

/// Whether some parts together are around a region.
fn is_covered<V>(region: Region, parts: &[Part<V>]) -> bool {
    let mut todo = vec![region];
    for _ in 0..LIMIT {
        let Some(region) = todo.pop() else { return true };
        let (across, rest) = reaching(&region, &parts.iter().collect::<Vec<_>>());
        match (rest, across.first()) {
            (Some(_), _) => {}
            (None, Some(part)) => todo.extend(region.split(part)),
            (None, None) => return false,
        }
    }
    false
}

/// The parts that lie across a region, in order, up to the one around it, if there is one.
fn reaching<'p, V>(region: &Region, parts: &[&'p Part<V>]) -> (Vec<&'p Part<V>>, Option<&'p Part<V>>) {
    let mut across = Vec::new();
    for part in parts {
        match region.lies(part) {
            Lies::Apart => {}
            Lies::Across => across.push(*part),
            Lies::Around => return (across, Some(part)),
        }
    }
    (across, None)
}

fn with_rest<'p, V>(across: &[&'p Part<V>], rest: Option<&'p Part<V>>) -> Vec<&'p Part<V>> {
    across.iter().copied().chain(rest).collect()
}

/// What is said of the whole region, if it is but one thing.
fn one_value<V: Value>(across: &[&Part<V>], rest: Option<&Part<V>>) -> Option<V> {
    let value = rest.map(|part| part.value).unwrap_or_default();
    across.iter().all(|part| part.value == value).then_some(value)
}

/// Puts neighbours together, as long as there are any.
fn merge<V: Value>(mut pieces: Vec<Piece<V>>) -> Vec<Piece<V>> {
    loop {
        let before = pieces.len();
        let dimensions = pieces.first().map_or(0, |(region, _, _)| region.sets.len());
        for dimension in 0..dimensions {
            pieces = along(dimension, pieces);
        }
        if pieces.len() == before {
            return pieces;
        }
    }
}

/// Puts together what differs in one dimension only.
fn along<V: Value>(dimension: usize, pieces: Vec<Piece<V>>) -> Vec<Piece<V>> {
    let mut at: HashMap<Piece<V>, usize> = HashMap::new();
    let mut merged: Vec<Piece<V>> = Vec::new();
    for piece in pieces {
        let mut key = piece.clone();
        key.0.sets[dimension] = key.0.sets[dimension].without(&piece.0.sets[dimension]);
        match at.get(&key) {
            Some(index) => merged[*index].0.sets[dimension] = merged[*index].0.sets[dimension].or(&piece.0.sets[dimension]),
            None => {
                at.insert(key, merged.len());
                merged.push(piece);
            }
        }
    }
    merged
}
