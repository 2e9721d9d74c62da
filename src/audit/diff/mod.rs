//! Which requests change level between two policies: exact, and found from the
//! rules themselves.
//!
//! The space of requests is cut along the rules of both policies until each
//! piece has one level under each. Pieces that differ and are neighbours are put
//! together again, and each is made as wide as it goes. Where both policies go on
//! with the same rules, nothing is cut.

mod space;
mod traffic;
mod words;

use std::cell::Cell;
use std::ops::ControlFlow;

use foldhash::{HashMap, HashMapExt as _};

use super::types::{Level, Policy};
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

/// Requests that get another level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
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
    /// The level before.
    pub from: Level,
    /// The level after.
    pub to: Level,
}

/// What changes from one policy to another; nothing if each request keeps its
/// level. Where two changes describe one request, they say the same of it.
///
/// # Errors
/// When the policies are too intricate.
pub fn diff(old: &Policy, new: &Policy) -> Result<Vec<Change>, TooMany> {
    let policies = [old, new];
    let resources = Space::of_resources(policies);
    let paths = Space::of_paths(policies);
    let in_resources = changed(&resources, policies)?;
    let in_paths = changed(&paths, policies)?;
    let mut changes = words::changes(&resources, &in_resources, &paths, &in_paths);
    changes.sort_by_key(|change| (change.from, change.to));
    Ok(changes)
}

/// A region and its levels before and after.
type Piece = (Region, Level, Level);

fn changed(space: &Space, policies: [&Policy; 2]) -> Result<Vec<Piece>, TooMany> {
    let cut = Cut { old: space.parts(policies[0]), new: space.parts(policies[1]), left: Cell::new(LIMIT) };
    let mut found = Vec::new();
    let _ = cut.each(space.whole(), |piece| {
        found.extend(piece);
        ControlFlow::Continue(())
    })?;
    let found = merge(found);
    Ok(if found.len() > WIDEN_LIMIT { found } else { widen(space, &cut, found) })
}

/// Both policies' rules, along which regions are cut.
struct Cut {
    old: Vec<Part>,
    new: Vec<Part>,
    left: Cell<usize>,
}

impl Cut {
    /// Calls `f` with the pieces of a region that change, and with nothing for
    /// each piece that does not, until it breaks.
    fn each(&self, region: Region, mut f: impl FnMut(Option<Piece>) -> ControlFlow<()>) -> Result<ControlFlow<()>, TooMany> {
        let mut todo: Vec<(Region, Vec<&Part>, Vec<&Part>)> = vec![(region, self.old.iter().collect(), self.new.iter().collect())];
        while let Some((region, old, new)) = todo.pop() {
            self.left.set(self.left.get().checked_sub(1).ok_or(TooMany)?);
            let (old, old_rest) = reaching(&region, &old);
            let (new, new_rest) = reaching(&region, &new);
            let levels = (one_level(&old, old_rest), one_level(&new, new_rest));
            let decided = match levels {
                _ if old == new && old_rest == new_rest => Some(None),
                (Some(from), Some(to)) => Some((from != to).then_some((from, to))),
                _ => None,
            };
            if let Some(levels) = decided {
                if f(levels.map(|(from, to)| (region, from, to))).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                continue;
            }
            // Each part that lies across is in the way of one of the two levels.
            if let Some(across) = old.first().or(new.first()) {
                todo.extend(region.split(across).into_iter().map(|piece| (piece, with_rest(&old, old_rest), with_rest(&new, new_rest))));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Whether all of a region changes from one level to the other. Not if that cannot be told.
    fn is_all(&self, region: &Region, from: Level, to: Level) -> bool {
        let same = |piece: Option<Piece>| match piece {
            Some((_, piece_from, piece_to)) if (piece_from, piece_to) == (from, to) => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        };
        matches!(self.each(region.clone(), same), Ok(ControlFlow::Continue(())))
    }
}

/// Makes each piece as wide as what changes in the same way, which reads better
/// than pieces that do not overlap, and leaves out what others then say.
fn widen(space: &Space, cut: &Cut, pieces: Vec<Piece>) -> Vec<Piece> {
    let mut wide: Vec<Piece> = Vec::new();
    for (mut region, from, to) in pieces {
        let said = |wide: &[Piece], region: &Region| wide.iter().any(|(other, f, t)| (*f, *t) == (from, to) && region.is_within(other));
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
        let others: Vec<Part> = wide
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
fn is_covered(region: Region, parts: &[Part]) -> bool {
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
fn reaching<'p>(region: &Region, parts: &[&'p Part]) -> (Vec<&'p Part>, Option<&'p Part>) {
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

fn with_rest<'p>(across: &[&'p Part], rest: Option<&'p Part>) -> Vec<&'p Part> {
    across.iter().copied().chain(rest).collect()
}

/// The level of the whole region, if there is but one.
fn one_level(across: &[&Part], rest: Option<&Part>) -> Option<Level> {
    let level = rest.map(|part| part.level).unwrap_or_default();
    across.iter().all(|part| part.level == level).then_some(level)
}

/// Puts neighbours together, as long as there are any.
fn merge(mut pieces: Vec<Piece>) -> Vec<Piece> {
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
fn along(dimension: usize, pieces: Vec<Piece>) -> Vec<Piece> {
    let mut at: HashMap<Piece, usize> = HashMap::new();
    let mut merged: Vec<Piece> = Vec::new();
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
