//! Sets of kinds of objects in the words of a policy: what a region is in three
//! dimensions (API group, resource, subresource) reads as one list.

use super::space::{API, RESOURCE, Region, SUBRESOURCE, Set, Space};
use super::words::{Listed, kind};

/// Of more kinds than this no shorter list is looked for.
const MAX_KINDS: usize = 200_000;

/// A longer list reads no better than several rows.
const MAX_LIST: usize = 60;

/// Every kind that two policies can tell apart, by number.
pub(super) struct Kinds<'s> {
    space: &'s Space,
    sizes: [usize; 3],
}

/// A number of each dimension's texts, or any.
type Pattern = [Option<usize>; 3];

impl<'s> Kinds<'s> {
    /// Nothing if there are too many.
    pub(super) fn new(space: &'s Space) -> Option<Self> {
        let sizes = [API, RESOURCE, SUBRESOURCE].map(|dimension| space.texts[dimension].size());
        (sizes.iter().product::<usize>() <= MAX_KINDS).then_some(Self { space, sizes })
    }

    fn count(&self) -> usize {
        self.sizes.iter().product()
    }

    /// The kinds of some regions together, in the shortest list that is found, if one list can say it.
    pub(super) fn listed<'r>(&self, regions: impl Iterator<Item = &'r Region>) -> Option<Listed> {
        let mut wanted = Set::empty(self.count());
        for region in regions {
            let of = [API, RESOURCE, SUBRESOURCE].map(|dimension| &region.sets[dimension]);
            let has = |dimension: usize, number: &usize| of[dimension].has(*number);
            for api in (0..self.sizes[0]).filter(|number| has(0, number)) {
                for resource in (0..self.sizes[1]).filter(|number| has(1, number)) {
                    for subresource in (0..self.sizes[2]).filter(|number| has(2, number)) {
                        wanted = wanted.with(self.number([api, resource, subresource]));
                    }
                }
            }
        }
        let list = |patterns: Vec<Pattern>| patterns.iter().map(|pattern| self.text(pattern)).collect::<Vec<_>>();
        let only = self.cover(&wanted).map(|only| Listed { only: list(only), except: Vec::new() });
        // All but some, of everything or of the groups that have any.
        let groups = (0..self.sizes[0]).filter(|api| self.cells([Some(*api), None, None]).any(|cell| wanted.has(cell))).collect::<Vec<_>>();
        let of_groups = groups.iter().map(|api| [Some(*api), None, None]).collect::<Vec<_>>();
        let all_but = [vec![[None; 3]], of_groups].into_iter().filter_map(|only| {
            // What stands for all other groups has no name.
            if only.iter().any(|pattern| pattern[0] == Some(self.sizes[0] - 1)) {
                return None;
            }
            let all = only.iter().fold(Set::empty(self.count()), |all, pattern| all.or(&self.set(*pattern)));
            let except = self.cover(&all.without(&wanted))?;
            Some(Listed { only: list(only), except: list(except) })
        });
        only.into_iter().chain(all_but).min_by_key(|listed| listed.only.len() + listed.except.len())
    }

    fn number(&self, [api, resource, subresource]: [usize; 3]) -> usize {
        (api * self.sizes[1] + resource) * self.sizes[2] + subresource
    }

    /// The numbers of the kinds that a pattern is.
    fn cells(&self, pattern: Pattern) -> impl Iterator<Item = usize> {
        let sizes = self.sizes;
        let range = move |dimension: usize| match pattern[dimension] {
            Some(number) => number..number + 1,
            None => 0..sizes[dimension],
        };
        let of = move |api, resource| range(2).map(move |subresource| (api * sizes[1] + resource) * sizes[2] + subresource);
        range(0).flat_map(move |api| range(1).flat_map(move |resource| of(api, resource)))
    }

    fn set(&self, pattern: Pattern) -> Set {
        self.cells(pattern).fold(Set::empty(self.count()), Set::with)
    }

    /// Patterns that are exactly these kinds together, the widest first; nothing
    /// if some of them have no name of their own.
    fn cover(&self, wanted: &Set) -> Option<Vec<Pattern>> {
        let mut found: Vec<(Pattern, Set)> = Vec::new();
        let mut covered = Set::empty(self.count());
        for pattern in WIDTHS.into_iter().flat_map(|wide| self.patterns(wide)) {
            if self.cells(pattern).all(|cell| wanted.has(cell)) && !self.cells(pattern).all(|cell| covered.has(cell)) {
                let cells = self.set(pattern);
                covered = covered.or(&cells);
                found.push((pattern, cells));
                if found.len() > MAX_LIST || wanted.is_within(&covered) {
                    break;
                }
            }
        }
        // What was taken early may be said by what came later.
        for index in (0..found.len()).rev() {
            let others = found.iter().enumerate().filter(|(other, _)| *other != index);
            let rest = others.fold(Set::empty(self.count()), |all, (_, (_, cells))| all.or(cells));
            if found[index].1.is_within(&rest) {
                found.remove(index);
            }
        }
        wanted.is_within(&covered).then(|| found.into_iter().map(|(pattern, _)| pattern).collect())
    }

    /// Every pattern that is any in these dimensions and has a text in the others.
    fn patterns(&self, any: [bool; 3]) -> impl Iterator<Item = Pattern> {
        // The last number stands for all other texts.
        let numbers = |dimension: usize| {
            let named = 0..self.sizes[dimension] - 1;
            if any[dimension] { vec![None] } else { named.map(Some).collect::<Vec<_>>() }
        };
        let [apis, resources, subresources] = [0, 1, 2].map(numbers);
        apis.into_iter().flat_map(move |api| {
            let subresources = subresources.clone();
            resources
                .clone()
                .into_iter()
                .flat_map(move |resource| subresources.clone().into_iter().map(move |subresource| [api, resource, subresource]))
        })
    }

    fn text(&self, pattern: &Pattern) -> String {
        let text =
            |dimension: usize, at: usize| pattern[at].and_then(|number| self.space.texts[dimension].0.get(number)).map(String::as_str);
        let (resource, subresource) = (text(RESOURCE, 1), text(SUBRESOURCE, 2));
        let subresource = match (resource, subresource) {
            // Without one a resource has its subresources only with `/*`.
            (Some(_), None) => Some("*"),
            (Some(_), Some("")) => None,
            (_, subresource) => subresource,
        };
        kind(text(API, 0).unwrap_or("*"), resource.unwrap_or("*"), subresource)
    }
}

/// In which dimensions patterns are any, the widest first: all; `*.apps`,
/// `pods.*/*`, `*.*/log`; `*.apps/log`, `pods/*`, `pods.*/log`; `pods/log`.
const WIDTHS: [[bool; 3]; 8] = [
    [true, true, true],
    [false, true, true],
    [true, false, true],
    [true, true, false],
    [false, true, false],
    [false, false, true],
    [true, false, false],
    [false, false, false],
];
