//! Regions in the words of a policy.

use super::kinds::Kinds;
use super::space::{API, NAME, NAMESPACE, PATH, RESOURCE, Region, SUBRESOURCE, Set, Space, Texts, USER, VERB};
use super::{Change, Piece};

/// Texts that are meant, or every text but some. Both lists empty is every text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    /// These, if there are any.
    pub only: Vec<String>,
    /// And not these.
    pub except: Vec<String>,
}

impl Texts {
    fn listed(&self, set: &Set) -> Listed {
        let texts = |wanted: bool| {
            self.0.iter().enumerate().filter(|(number, _)| set.has(*number) == wanted).map(|(_, text)| text.clone()).collect()
        };
        if self.has_others(set) {
            Listed { only: Vec::new(), except: texts(false) }
        } else {
            Listed { only: texts(true), except: Vec::new() }
        }
    }

    fn has_others(&self, set: &Set) -> bool {
        set.has(self.0.len())
    }
}

/// All pieces in words. One for all resources and one for all paths of the same
/// users and verbs are one for every request.
pub(super) fn changes<V: Copy + PartialEq>(
    resources: &Space,
    in_resources: &[Piece<V>],
    paths: &Space,
    in_paths: &[Piece<V>],
) -> Vec<Change<V>> {
    let objects = of_kinds(resources, in_resources);
    let mut urls: Vec<Change<V>> = in_paths.iter().map(|piece| of_paths(paths, piece)).collect();
    let mut all = Vec::new();
    for object in objects {
        let every = Change { resources: Listed::default(), ..object.clone() };
        let is_every = object.resources.only == ["*.*"]
            && object.resources.except.is_empty()
            && object.namespaces == Listed::default()
            && object.names == Listed::default();
        let same = |url: &Change<V>| {
            Change { urls: Listed::default(), ..url.clone() } == every && url.urls.only == ["*"] && url.urls.except.is_empty()
        };
        match urls.iter().position(same).filter(|_| is_every) {
            Some(index) => {
                urls.remove(index);
                all.push(every);
            }
            None => all.push(object),
        }
    }
    all.extend(urls);
    unite(all)
}

/// Pieces that differ in the kinds of objects only are one change, if one list says it shorter.
fn of_kinds<V: Copy + PartialEq>(space: &Space, pieces: &[Piece<V>]) -> Vec<Change<V>> {
    let mut groups: Vec<(Region, Vec<&Piece<V>>)> = Vec::new();
    for piece in pieces {
        let mut others = piece.0.clone();
        for dimension in [API, RESOURCE, SUBRESOURCE] {
            others.sets[dimension] = Set::empty(space.texts[dimension].size());
        }
        let same =
            |(region, of): &&mut (Region, Vec<&Piece<V>>)| *region == others && of.iter().all(|of| (of.1, of.2) == (piece.1, piece.2));
        match groups.iter_mut().find(same) {
            Some((_, of)) => of.push(piece),
            None => groups.push((others, vec![piece])),
        }
    }
    let kinds = Kinds::new(space);
    let mut changes = Vec::new();
    for (_, pieces) in groups {
        let each: Vec<Change<V>> = pieces.iter().map(|piece| of_resources(space, piece)).collect();
        let together = kinds.as_ref().and_then(|kinds| kinds.listed(pieces.iter().map(|(region, ..)| region)));
        let length = |listed: &Listed| listed.only.len() + listed.except.len();
        let before: usize = each.iter().map(|change| length(&change.resources)).sum();
        match (together, each.first()) {
            (Some(resources), Some(first)) if length(&resources) < before => changes.push(Change { resources, ..first.clone() }),
            _ => changes.extend(each),
        }
    }
    changes
}

/// Changes that differ in one list only are one, with both lists in one: what is
/// in either is in that, as long as the same is excepted.
fn unite<V: Copy + PartialEq>(mut changes: Vec<Change<V>>) -> Vec<Change<V>> {
    type Of<V> = fn(&mut Change<V>) -> Option<&mut Vec<String>>;
    let lists: [Of<V>; 7] = [
        |change| Some(&mut change.resources.only),
        |change| Some(&mut change.users.only),
        |change| Some(&mut change.verbs.only),
        |change| Some(&mut change.urls.only),
        |change| Some(&mut change.namespaces.only),
        |change| Some(&mut change.names.only),
        |change| if let [groups] = &mut change.groups[..] { Some(groups) } else { None },
    ];
    loop {
        let before = changes.len();
        for list in lists {
            let mut united: Vec<Change<V>> = Vec::new();
            for mut change in changes {
                // An empty list is no list of some texts: it is any.
                let texts = list(&mut change).map(std::mem::take).filter(|texts| !texts.is_empty());
                let other = united.iter_mut().find(|other| {
                    let mut without = (*other).clone();
                    let is_some = list(&mut without).map(std::mem::take).is_some_and(|texts| !texts.is_empty());
                    texts.is_some() && is_some && without == change
                });
                match (texts, other) {
                    (Some(texts), Some(other)) => {
                        if let Some(own) = list(other) {
                            own.extend(texts);
                            own.sort();
                            own.dedup();
                        }
                    }
                    (texts, _) => {
                        if let Some((own, texts)) = list(&mut change).zip(texts) {
                            *own = texts;
                        }
                        united.push(change);
                    }
                }
            }
            changes = united;
        }
        if changes.len() == before {
            return changes;
        }
    }
}

fn who<V>(space: &Space, region: &Region, from: V, to: V) -> Change<V> {
    let groups = |set: &Set| space.groups.listed(set).only;
    Change {
        users: space.texts[USER].listed(&region.sets[USER]),
        groups: region.some.iter().map(groups).collect(),
        except_groups: groups(&region.none),
        verbs: space.texts[VERB].listed(&region.sets[VERB]),
        resources: Listed::default(),
        namespaces: Listed::default(),
        names: Listed::default(),
        urls: Listed::default(),
        from,
        to,
    }
}

fn of_resources<V: Copy>(space: &Space, (region, from, to): &Piece<V>) -> Change<V> {
    let listed = |dimension: usize| space.texts[dimension].listed(&region.sets[dimension]);
    Change {
        resources: resources(&listed(API), &listed(RESOURCE), &listed(SUBRESOURCE)),
        namespaces: listed(NAMESPACE),
        names: listed(NAME),
        ..who(space, region, *from, *to)
    }
}

fn or_any(listed: &Listed) -> Vec<&str> {
    if listed.only.is_empty() { vec!["*"] } else { listed.only.iter().map(String::as_str).collect() }
}

/// `RESOURCE[.GROUP][/SUBRESOURCE]`.
pub(super) fn kind(group: &str, resource: &str, subresource: Option<&str>) -> String {
    let group = if group.is_empty() { String::new() } else { format!(".{group}") };
    match subresource {
        None => format!("{resource}{group}"),
        Some(subresource) => format!("{resource}{group}/{subresource}"),
    }
}

fn resources(groups: &Listed, resources: &Listed, subresources: &Listed) -> Listed {
    let mut listed = Listed::default();
    for group in or_any(groups) {
        for resource in or_any(resources) {
            match (&subresources.only[..], resource) {
                ([], "*") => listed.only.push(kind(group, "*", None)),
                ([], _) => listed.only.push(kind(group, resource, Some("*"))),
                (some, "*") => listed.only.extend(some.iter().map(|subresource| kind(group, "*", Some(subresource)))),
                (some, _) => listed.only.extend(some.iter().map(|subresource| {
                    let subresource = (!subresource.is_empty()).then_some(subresource.as_str());
                    kind(group, resource, subresource)
                })),
            }
        }
    }
    listed.except.extend(groups.except.iter().map(|group| kind(group, "*", None)));
    listed.except.extend(resources.except.iter().map(|resource| kind("*", resource, Some("*"))));
    listed.except.extend(subresources.except.iter().map(|subresource| kind("*", "*", Some(subresource))));
    listed
}

fn of_paths<V: Copy>(space: &Space, (region, from, to): &Piece<V>) -> Change<V> {
    Change { urls: paths(&space.texts[PATH], &region.sets[PATH]), ..who(space, region, *from, *to) }
}

/// Paths with a `*` are all that begin so, and so the longer ones among them
/// that are not meant are exceptions.
fn paths(texts: &Texts, set: &Set) -> Listed {
    let has = |path: &str| texts.0.iter().position(|known| known == path).is_some_and(|number| set.has(number));
    let all = texts.has_others(set);
    // What stands for everything that begins so: of the texts around a path the longest.
    let around = |path: &str| {
        let prefix = |known: &&String| {
            *known != path && known.strip_suffix('*').is_some_and(|prefix| path.trim_end_matches('*').starts_with(prefix))
        };
        texts.0.iter().filter(prefix).max_by_key(|known| known.len()).map_or(all, |known| has(known))
    };
    let mut listed = Listed { only: if all { vec!["*".to_owned()] } else { Vec::new() }, except: Vec::new() };
    for path in &texts.0 {
        match (has(path), around(path)) {
            (true, false) => listed.only.push(path.clone()),
            (false, true) => listed.except.push(path.clone()),
            _ => {}
        }
    }
    listed
}
