//! The feature gates and admission plugins of kube-apiserver, by minor: names
//! that it refuses to start with when it does not know them.
//!
//! `names.tsv` is written by `ci/upstream --write` from the server's own
//! registries (`tests/upstream/apiserver/`): a line a name, or several where
//! something changed.

use std::sync::OnceLock;

use super::Minor;
use crate::diagnostic::nearest;

const CATALOGUE: &str = include_str!("names.tsv");

/// What a name is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A feature gate.
    Gate,
    /// An admission plugin.
    Plugin,
}

impl Kind {
    /// The kind of name that a flag takes, if it takes any.
    pub fn of_flag(flag: &str) -> Option<Self> {
        match flag {
            "feature-gates" => Some(Self::Gate),
            "admission-control" | "disable-admission-plugins" | "enable-admission-plugins" => Some(Self::Plugin),
            _ => None,
        }
    }

    /// For people: `feature gate`.
    pub fn words(self) -> &'static str {
        match self {
            Self::Gate => "feature gate",
            Self::Plugin => "admission plugin",
        }
    }
}

/// A name over a range of minors in which nothing changes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    /// What it is of.
    pub kind: Kind,
    /// The name.
    pub name: &'static str,
    /// The first minor.
    pub first: Minor,
    /// The last minor.
    pub last: Minor,
    /// Whether it is on unless it is turned off.
    pub on: bool,
    /// Whether it cannot be changed.
    pub locked: bool,
}

/// Every name of a kind, sorted by name and minor. Read when it is first asked for.
pub fn all(kind: Kind) -> impl Iterator<Item = &'static Name> {
    static ALL: OnceLock<Vec<Name>> = OnceLock::new();
    ALL.get_or_init(|| CATALOGUE.lines().filter_map(read).collect()).iter().filter(move |name| name.kind == kind)
}

/// Every name of a kind in `minor`, sorted.
pub fn of_minor(kind: Kind, minor: Minor) -> impl Iterator<Item = &'static Name> {
    all(kind).filter(move |known| (known.first..=known.last).contains(&minor))
}

/// The name in `minor`, if it is there.
pub fn find(kind: Kind, name: &str, minor: Minor) -> Option<&'static Name> {
    of_minor(kind, minor).find(|known| known.name == name)
}

/// The last minor of the catalogue that has the name.
pub fn last_minor(kind: Kind, name: &str) -> Option<Minor> {
    all(kind).filter(|known| known.name == name).map(|known| known.last).max()
}

/// The first minor of the catalogue that has the name.
pub fn first_minor(kind: Kind, name: &str) -> Option<Minor> {
    all(kind).filter(|known| known.name == name).map(|known| known.first).min()
}

/// The name of `minor` that was meant by `name`.
pub fn nearest_name(kind: Kind, name: &str, minor: Minor) -> Option<&'static str> {
    nearest(name, of_minor(kind, minor).map(|known| known.name))
}

/// `gate/NAME<tab>28-33<tab>gate<tab>true<tab>locked`.
fn read(line: &'static str) -> Option<Name> {
    let mut fields = line.split('\t');
    let (name, range, _, on, locked) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let (kind, name) = name.split_once('/')?;
    let kind = if kind == "gate" { Kind::Gate } else { Kind::Plugin };
    let (first, last) = range.split_once('-')?;
    let minor = |text: &str| text.parse().map(Minor).ok();
    Some(Name { kind, name, first: minor(first)?, last: minor(last)?, on: on == "true", locked: locked == "locked" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::flags;

    #[test]
    fn every_line_is_read_for_the_minors_of_the_flags() {
        let lines = CATALOGUE.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(all(Kind::Gate).chain(all(Kind::Plugin)).count(), lines);
        let (oldest, newest) = flags::minors();
        for minor in (oldest.0..=newest.0).map(Minor) {
            assert!(find(Kind::Gate, "AllAlpha", minor).is_some_and(|gate| !gate.on && !gate.locked), "{minor}");
            assert!(find(Kind::Plugin, "NodeRestriction", minor).is_some_and(|plugin| !plugin.on), "{minor}");
            assert!(find(Kind::Plugin, "PodSecurityPolicy", minor).is_none(), "{minor}");
        }
        assert_eq!(nearest_name(Kind::Plugin, "NodeRestrictions", newest), Some("NodeRestriction"));
    }
}
