//! Every flag of kube-apiserver, by minor.
//!
//! `flags.tsv` is written by `ci/upstream --write` from the flag sets of the
//! server itself (`tests/upstream/apiserver/`): a line a flag, or several where
//! something changed. A field that upstream leaves empty is empty.

use std::sync::OnceLock;

use super::Minor;
use crate::diagnostic::nearest;

const CATALOGUE: &str = include_str!("flags.tsv");

/// A flag of kube-apiserver.
#[derive(Debug, PartialEq, Eq)]
pub struct Flag {
    /// The name without dashes.
    pub name: &'static str,
    /// What it was over the minors, oldest first; never empty. Minors may be
    /// missing between two of them, and are when a flag went and came back.
    pub states: Vec<State>,
}

/// A flag as it was over a range of minors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The first minor.
    pub first: Minor,
    /// The last minor.
    pub last: Minor,
    /// How its value is read.
    pub kind: FlagType,
    /// The default as one would write it; empty where there is none.
    pub default: &'static str,
    /// Whether upstream asks not to use it any more.
    pub deprecated: bool,
    /// The flags that upstream names instead of a deprecated one.
    pub instead: Vec<&'static str>,
}

/// How kube-apiserver reads a flag's value (`spf13/pflag`, `k8s.io/component-base cli/flag`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlagType {
    /// true or false.
    Bool,
    /// A whole number of that many bits.
    Int(u32),
    /// A whole number from 0 on, of that many bits.
    Uint(u32),
    /// How much is logged: a whole number from 0 on, in decimal.
    Level,
    /// A number of that many bits.
    Float(u32),
    /// Go's durations: 1m30s.
    Duration,
    /// Any text.
    Text,
    /// An IP address.
    Ip,
    /// Networks separated by commas: 10.0.0.0/8.
    Cidrs,
    /// Values separated by commas; each time the flag is given adds to them.
    List,
    /// Whole numbers separated by commas; each time the flag is given adds to them.
    Ints,
    /// One value a time; each time the flag is given adds one.
    Array,
    /// `name=true` and so on, separated by commas.
    Switches,
    /// `name=value` and so on, separated by commas.
    Map,
    /// The same, where quotes hold a value together that has commas in it.
    Pairs,
    /// One `name=value` a time.
    Entry,
    /// `name` or `name=value` and so on, separated by commas.
    Settings,
    /// `name:value` and so on, separated by commas; a name may have several values.
    Multimap,
    /// `certificate,key`, and after a colon the names that it is for.
    CertKeys,
    /// Two ports, first and last: 30000-32767.
    PortRange,
    /// An amount: 512Ki.
    Quantity,
    /// `pattern=N` and so on: how much parts of the program log.
    Vmodule,
    /// true, false or raw: prints the version and ends.
    Version,
}

impl FlagType {
    fn parse(name: &str) -> Self {
        match name {
            "bool" => Self::Bool,
            "int" | "int64" => Self::Int(64),
            "int32" => Self::Int(32),
            "uint" | "uint64" => Self::Uint(64),
            "uint32" => Self::Uint(32),
            "uint16" => Self::Uint(16),
            "float32" => Self::Float(32),
            "float64" => Self::Float(64),
            "level" => Self::Level,
            "duration" => Self::Duration,
            "ip" => Self::Ip,
            "cidrs" => Self::Cidrs,
            "list" => Self::List,
            "ints" => Self::Ints,
            "array" => Self::Array,
            "switches" => Self::Switches,
            "map" => Self::Map,
            "pairs" => Self::Pairs,
            "entry" => Self::Entry,
            "settings" => Self::Settings,
            "multimap" => Self::Multimap,
            "certKeys" => Self::CertKeys,
            "portRange" => Self::PortRange,
            "quantity" => Self::Quantity,
            "vmodule" => Self::Vmodule,
            "version" => Self::Version,
            _ => Self::Text,
        }
    }

    /// The type in one word, for lists and machines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int(_) => "int",
            Self::Uint(_) => "uint",
            Self::Level => "level",
            Self::Float(_) => "float",
            Self::Duration => "duration",
            Self::Text => "string",
            Self::Ip => "ip",
            Self::Cidrs => "cidrs",
            Self::List => "list",
            Self::Ints => "ints",
            Self::Array => "array",
            Self::Switches => "switches",
            Self::Map => "map",
            Self::Pairs => "pairs",
            Self::Entry => "entry",
            Self::Settings => "settings",
            Self::Multimap => "multimap",
            Self::CertKeys => "certKeys",
            Self::PortRange => "portRange",
            Self::Quantity => "quantity",
            Self::Vmodule => "vmodule",
            Self::Version => "version",
        }
    }

    /// What is expected, for people: `a whole number`.
    pub fn words(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Int(_) => "a whole number",
            Self::Uint(_) | Self::Level => "a whole number from 0 on",
            Self::Float(_) => "a number",
            Self::Duration => "a duration such as 1m30s",
            Self::Text => "text",
            Self::Ip => "an IP address",
            Self::Cidrs => "networks such as 10.0.0.0/8, separated by commas",
            Self::List => "values separated by commas",
            Self::Ints => "whole numbers separated by commas",
            Self::Array => "one value each time",
            Self::Switches => "name=true or name=false, separated by commas",
            Self::Map | Self::Pairs => "name=value, separated by commas",
            Self::Entry => "one name=value each time",
            Self::Settings => "name or name=value, separated by commas",
            Self::Multimap => "name:value, separated by commas",
            Self::CertKeys => "certificate,key or certificate,key:name,name",
            Self::PortRange => "a range of ports such as 30000-32767",
            Self::Quantity => "an amount such as 512Ki",
            Self::Vmodule => "pattern=N, separated by commas",
            Self::Version => "true, false or raw",
        }
    }

    /// What becomes of a flag that is given twice.
    pub fn repeated(self) -> Repeated {
        match self {
            Self::List | Self::Ints | Self::Array | Self::CertKeys => Repeated::Adds,
            Self::Switches | Self::Map | Self::Pairs | Self::Entry | Self::Settings | Self::Multimap => Repeated::Merges,
            _ => Repeated::LastWins,
        }
    }
}

/// What becomes of a flag that is given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeated {
    /// The last value counts.
    LastWins,
    /// The values are joined.
    Adds,
    /// The values are joined by name.
    Merges,
}

impl Repeated {
    /// One word for machines.
    pub fn name(self) -> &'static str {
        match self {
            Self::LastWins => "last",
            Self::Adds => "adds",
            Self::Merges => "merges",
        }
    }

    /// The same for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::LastWins => "the last value counts",
            Self::Adds => "the values are joined",
            Self::Merges => "the values are joined by name, and the last of a name counts",
        }
    }
}

impl Flag {
    /// What the flag is in `minor`, if it is there.
    pub fn at(&self, minor: Minor) -> Option<&State> {
        self.states.iter().find(|state| (state.first..=state.last).contains(&minor))
    }

    /// What the flag is in `minor`, or in the nearest minor that has it.
    pub fn near(&self, minor: Minor) -> Option<&State> {
        self.states.iter().min_by_key(|state| state.first.0.saturating_sub(minor.0).max(minor.0.saturating_sub(state.last.0)))
    }

    /// Where the flag is: `1.30 to 1.34`, `1.32 and newer`. None if it is in
    /// every minor of the catalogue.
    pub fn availability(&self) -> Option<String> {
        self.availability_within(minors())
    }

    fn availability_within(&self, (oldest, newest): (Minor, Minor)) -> Option<String> {
        let mut ranges: Vec<(Minor, Minor)> = Vec::new();
        for state in &self.states {
            match ranges.last_mut() {
                Some((_, last)) if last.0 + 1 == state.first.0 => *last = state.last,
                _ => ranges.push((state.first, state.last)),
            }
        }
        if ranges == [(oldest, newest)] {
            return None;
        }
        let words = |(first, last): &(Minor, Minor)| match (*first == oldest, *last == newest) {
            (true, false) => format!("{last} and older"),
            (false, true) => format!("{first} and newer"),
            _ if first == last => first.to_string(),
            _ => format!("{first} to {last}"),
        };
        Some(ranges.iter().map(words).collect::<Vec<_>>().join(", "))
    }
}

/// What a flag is otherwise than in the minor before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The first minor in which it is so.
    pub minor: Minor,
    /// What changed: `new`, `gone`, `default 0 -> 366`.
    pub what: String,
}

impl Flag {
    /// What changed after `from`, up to `to`.
    pub fn changes(&self, from: Minor, to: Minor) -> Vec<Change> {
        let mut changes = Vec::new();
        for minor in (from.0 + 1..=to.0).map(Minor) {
            let mut say = |what: String| changes.push(Change { minor, what });
            match (self.at(Minor(minor.0 - 1)), self.at(minor)) {
                (None, Some(_)) => say("new".to_owned()),
                (Some(_), None) => say("gone".to_owned()),
                (Some(old), Some(new)) => {
                    if old.kind != new.kind {
                        say(format!("type {} -> {}", old.kind.name(), new.kind.name()));
                    }
                    if old.default != new.default {
                        say(format!("default {} -> {}", shown(old.default), shown(new.default)));
                    }
                    match (old.deprecated, new.deprecated) {
                        (false, true) => say("deprecated".to_owned()),
                        (true, false) => say("no longer deprecated".to_owned()),
                        _ => {}
                    }
                }
                (None, None) => {}
            }
        }
        changes
    }
}

/// A default for people.
pub fn shown(default: &str) -> &str {
    if default.is_empty() { "none" } else { default }
}

/// Every flag, sorted by name. Read when it is first asked for.
pub fn all() -> &'static [Flag] {
    static ALL: OnceLock<Vec<Flag>> = OnceLock::new();
    ALL.get_or_init(|| read(CATALOGUE))
}

/// The flag of that name, without dashes.
pub fn find(name: &str) -> Option<&'static Flag> {
    let all = all();
    all.binary_search_by(|flag| flag.name.cmp(name)).ok().map(|index| &all[index])
}

/// The name in the catalogue that was meant by `name`, best one that `minor` has.
pub fn nearest_name(name: &str, minor: Minor) -> Option<&'static str> {
    let there = all().iter().filter(|flag| flag.at(minor).is_some()).map(|flag| flag.name);
    nearest(name, there).or_else(|| nearest(name, all().iter().map(|flag| flag.name)))
}

/// The oldest and the newest minor that the catalogue covers.
pub fn minors() -> (Minor, Minor) {
    let states = || all().iter().flat_map(|flag| &flag.states);
    let oldest = states().map(|state| state.first).min().unwrap_or(Minor(0));
    (oldest, states().map(|state| state.last).max().unwrap_or(Minor(0)))
}

/// Reads the catalogue's text. What is no line of it is passed over: the tests
/// hold the text against this, so there is none.
fn read(text: &'static str) -> Vec<Flag> {
    let mut flags: Vec<Flag> = Vec::new();
    for line in text.lines() {
        let mut fields = line.split('\t');
        let (Some(name), Some(range), Some(kind), Some(default), Some(deprecated)) =
            (fields.next(), fields.next(), fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let Some((first, last)) = range.split_once('-').and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?))) else {
            continue;
        };
        let state = State {
            first: Minor(first),
            last: Minor(last),
            kind: FlagType::parse(kind),
            default,
            deprecated: !deprecated.is_empty(),
            instead: deprecated.split(',').filter(|name| !name.is_empty() && *name != "yes").collect(),
        };
        match flags.last_mut() {
            Some(flag) if flag.name == name => flag.states.push(state),
            _ => flags.push(Flag { name, states: vec![state] }),
        }
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read_and_in_order() {
        let lines = CATALOGUE.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(all().iter().map(|flag| flag.states.len()).sum::<usize>(), lines);
        assert!(all().is_sorted_by(|a, b| a.name < b.name));
        for flag in all() {
            assert!(flag.states.iter().is_sorted_by(|a, b| a.last < b.first), "{}", flag.name);
            assert!(flag.states.iter().all(|state| state.first <= state.last), "{}", flag.name);
            assert!(flag.states.iter().flat_map(|state| &state.instead).all(|name| find(name).is_some()), "{}", flag.name);
        }
        let known = ["string", "severity"];
        for line in CATALOGUE.lines().filter(|line| !line.starts_with('#')) {
            let kind = line.split('\t').nth(2).unwrap();
            assert!(FlagType::parse(kind) != FlagType::Text || known.contains(&kind), "{kind} is read as text");
        }
    }

    #[test]
    fn the_catalogue_covers_what_packwright_knows() {
        let (oldest, newest) = minors();
        let known = crate::kubernetes::select_known(Some(&format!("{oldest}-{newest}"))).unwrap();
        assert_eq!(Some(&newest), crate::kubernetes::select_known(None).unwrap().last());
        assert!(crate::kubernetes::select_known(Some(&format!("1.{}", oldest.0 - 1))).is_err());
        assert!(known.iter().all(|minor| find("audit-policy-file").unwrap().at(*minor).is_some()));
    }

    #[test]
    fn a_flag_over_the_minors() {
        let flags = read("# x\na\t28-35\tint\t0\t\na\t36-37\tint\t366\tyes\nb\t30-31\tbool\tfalse\ta,c\n");
        let [a, b] = flags.as_slice() else { panic!("{flags:?}") };
        assert_eq!(a.at(Minor(35)).map(|state| (state.kind, state.default)), Some((FlagType::Int(64), "0")));
        assert_eq!(a.at(Minor(36)).map(|state| (state.default, state.deprecated, state.instead.len())), Some(("366", true, 0)));
        assert_eq!(b.at(Minor(30)).map(|state| &state.instead), Some(&vec!["a", "c"]));
        assert_eq!((b.at(Minor(29)), b.at(Minor(32))), (None, None));
        assert_eq!([20, 30, 35, 36, 40].map(|minor| a.near(Minor(minor)).map_or("", |state| state.default)), ["0", "0", "0", "366", "366"]);
        let change = |minor, what: &str| Change { minor: Minor(minor), what: what.to_owned() };
        assert_eq!(a.changes(Minor(34), Minor(37)), [change(36, "default 0 -> 366"), change(36, "deprecated")]);
        assert_eq!(a.changes(Minor(36), Minor(37)), []);
        assert_eq!(b.changes(Minor(28), Minor(37)), [change(30, "new"), change(32, "gone")]);
        assert_eq!(nearest_name("audit_log_pth", Minor(37)), Some("audit-log-path"));
    }

    #[test]
    fn where_a_flag_is() {
        let words = |ranges: &[(u16, u16)]| {
            let state = |&(first, last): &(u16, u16)| State {
                first: Minor(first),
                last: Minor(last),
                kind: FlagType::Text,
                default: "",
                deprecated: false,
                instead: Vec::new(),
            };
            Flag { name: "x", states: ranges.iter().map(state).collect() }.availability_within((Minor(28), Minor(37)))
        };
        assert_eq!(words(&[(28, 30), (31, 37)]), None);
        assert_eq!(words(&[(30, 37)]).as_deref(), Some("1.30 and newer"));
        assert_eq!(words(&[(28, 29), (30, 31)]).as_deref(), Some("1.31 and older"));
        assert_eq!(words(&[(28, 29), (31, 31), (33, 34)]).as_deref(), Some("1.29 and older, 1.31, 1.33 to 1.34"));
    }
}
