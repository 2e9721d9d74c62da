//! The loudest requests of a log that no benchmark asks for, as rules that leave
//! them out.
//!
//! A rule has one user, one verb and one kind of object, and matches the log's
//! requests of these and no others, so what it saves is what was counted, and
//! the rules do not take from each other. One request that must stay, such as a
//! refused one, and there is no such rule.

mod harmless;
mod rule;

use foldhash::{HashMap, HashMapExt as _};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::matcher::Matcher;
use super::replay::{Count, Event, Fold};
use super::types::{Level, Stage, Target};
use harmless::{What, Who};
use rule::Of;
pub use rule::Suggestion;

/// The most kinds of requests that one worker counts one by one.
const MAX_GROUPS: usize = 20_000;
/// The longest names that are looked at, in bytes: longer than Kubernetes has.
const MAX_NAMES: usize = 2_000;

/// Who is asked about, and what is kept today.
#[derive(Debug, Clone, Copy)]
pub struct Question<'q> {
    /// Only what this policy keeps is counted; without one, everything.
    pub matcher: Option<&'q Matcher>,
    /// Users outside `system:` who are no persons.
    pub machines: &'q [String],
}

/// The kinds of requests of a log that may be left out.
#[derive(Debug)]
pub struct Groups<'q> {
    question: Question<'q>,
    /// What is kept today.
    pub all: Count,
    /// Of it, what may be left out and was not counted one by one, for there were too many kinds.
    pub others: Count,
    groups: HashMap<Vec<u8>, Group>,
    /// How many of them there may be.
    room: usize,
    /// Whether there were more.
    is_full: bool,
    /// Room to write a key.
    key: Vec<u8>,
}

/// Requests of one user, with one verb, for one kind.
#[derive(Debug)]
struct Group {
    of: Of,
    count: Count,
    must_stay: bool,
}

/// Where requests are counted.
enum Place<'g> {
    Found(&'g mut Group),
    NoRoom,
    Stays,
}

/// How it ended, and for whom it was done.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    response_status: Option<Status>,
    impersonated_user: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
struct Status {
    #[serde(default)]
    code: i64,
}

impl Outcome {
    /// Refused, or done in another's name. What cannot be read may be anything.
    fn must_stay(line: &[u8]) -> bool {
        serde_json::from_slice(line).map_or(true, |outcome: Outcome| {
            outcome.impersonated_user.is_some() || outcome.response_status.is_some_and(|status| [401, 403].contains(&status.code))
        })
    }
}

impl<'q> Groups<'q> {
    /// Nothing yet.
    pub fn new(question: Question<'q>) -> Self {
        let (all, others) = (Count::default(), Count::default());
        Self { question, all, others, groups: HashMap::new(), room: MAX_GROUPS, is_full: false, key: Vec::new() }
    }

    /// The loudest first, and of the same size by name. Those of which nothing is kept are left out.
    pub fn suggestions(self) -> Vec<Suggestion> {
        let may_go = self.groups.into_values().filter(|group| !group.must_stay && group.count.events > 0);
        let mut found: Vec<Suggestion> = may_go.map(|group| Suggestion { of: group.of, count: group.count }).collect();
        found.sort_by(|a, b| b.count.bytes.cmp(&a.count.bytes).then_with(|| a.of.cmp(&b.of)));
        found
    }

    /// What is kept today of an event.
    fn kept(&self, event: &Event<'_>, line: &[u8]) -> Count {
        let bytes = line.len() as u64;
        let Some(matcher) = self.question.matcher else { return Count { events: 1, bytes } };
        let decision = matcher.decide(&event.request());
        if decision.level == Level::None || decision.omit_stages.contains(event.stage) {
            return Count::default();
        }
        Count { events: 1, bytes: bytes.saturating_sub(event.bytes_above(decision.level)) }
    }

    /// The requests of those, if they may be left out at all.
    fn group(&mut self, who: Who<'_>, verb: &str, what: What<'_>, namespace: &str) -> Place<'_> {
        if !harmless::may_be_left_out(who, verb, what, self.question.machines) || !self.write_key(who, verb, what) {
            return Place::Stays;
        }
        if !self.groups.contains_key(&self.key) {
            if self.groups.len() >= self.room {
                self.is_full = true;
                return Place::NoRoom;
            }
            let group = Group { of: Of::new(who, verb, what, namespace), count: Count::default(), must_stay: false };
            self.groups.insert(self.key.clone(), group);
        }
        self.groups.get_mut(&self.key).map_or(Place::NoRoom, Place::Found)
    }

    /// Lengths go in as well, so that no two are written alike.
    fn write_key(&mut self, who: Who<'_>, verb: &str, what: What<'_>) -> bool {
        self.key.clear();
        let user = match who {
            Who::User(name) => name,
            Who::Nodes => "",
        };
        let (kind, paths) = match what {
            What::Kind(group, resource, subresource) => ([group, resource, subresource], 0),
            What::Paths(index) => ([""; 3], index),
        };
        for text in [user, verb].into_iter().chain(kind) {
            self.key.extend_from_slice(&(text.len() as u64).to_le_bytes());
            self.key.extend_from_slice(text.as_bytes());
        }
        self.key.push(paths as u8);
        self.key.len() <= MAX_NAMES
    }
}

impl Fold for Groups<'_> {
    fn event(&mut self, event: &Event<'_>, line: &[u8]) {
        let kept = self.kept(event, line);
        self.all.add(kept);
        let request = event.request();
        let (Some(user), Some(who), Some(what)) = (request.user, harmless::who(&request), harmless::what(&request)) else { return };
        let namespace = match request.target {
            Target::Resource { namespace, .. } => namespace,
            Target::Url(_) => "",
        };
        // A rule for the group of nodes would match it.
        let is_false_node = harmless::is_false_node(&user);
        if is_false_node && let Place::Found(nodes) = self.group(Who::Nodes, request.verb, what, namespace) {
            nodes.must_stay = true;
        }
        let must_stay = is_false_node || harmless::is_powerful(&user) || event.stage == Stage::Panic;
        match self.group(who, request.verb, what, namespace) {
            Place::Found(group) => {
                group.of.add_namespace(namespace);
                group.must_stay = group.must_stay || must_stay || Outcome::must_stay(line);
                group.count.add(kept);
            }
            Place::NoRoom => self.others.add(kept),
            Place::Stays => {}
        }
    }

    /// What one of the two had no room for was not seen whole, and is one of the others.
    fn add(&mut self, other: Self) {
        self.all.add(other.all);
        self.others.add(other.others);
        let others = &mut self.others;
        if other.is_full {
            self.groups.retain(|key, group| {
                let stays = other.groups.contains_key(key);
                if !stays && !group.must_stay {
                    others.add(group.count);
                }
                stays
            });
        }
        for (key, group) in other.groups {
            match self.groups.get_mut(&key) {
                Some(own) => own.add(group),
                None if self.is_full && group.must_stay => {}
                None if self.is_full => others.add(group.count),
                None => {
                    self.groups.insert(key, group);
                }
            }
        }
        self.is_full |= other.is_full;
    }
}

impl Group {
    fn add(&mut self, other: Group) {
        self.of.merge(&other.of);
        self.count.add(other.count);
        self.must_stay |= other.must_stay;
    }
}

#[cfg(test)]
mod tests {
    use super::{Event, Fold as _, Groups, Question};

    /// What a worker with that much room makes of watches.
    fn groups(room: usize, events: &[(&str, u16)]) -> Groups<'static> {
        let mut groups = Groups { room, ..Groups::new(Question { matcher: None, machines: &[] }) };
        for (resource, code) in events {
            let line = format!(
                r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","stage":"ResponseComplete","verb":"watch","user":{{"username":"system:kube-scheduler"}},"objectRef":{{"resource":"{resource}"}},"responseStatus":{{"code":{code}}}}}"#
            );
            groups.event(&Event::read(Ok(&line)).expect("an event"), line.as_bytes());
        }
        groups
    }

    fn suggested(groups: Groups<'_>) -> (Vec<(String, u64)>, u64) {
        let others = groups.others.events;
        let name = |rule: &serde_json::Value| rule["resources"][0]["resources"][0].as_str().unwrap_or_default().to_owned();
        let mut found: Vec<_> = groups.suggestions().iter().map(|found| (name(&found.rule()), found.count.events)).collect();
        found.sort();
        (found, others)
    }

    fn both(mut one: Groups<'static>, other: Groups<'static>) -> (Vec<(String, u64)>, u64) {
        one.add(other);
        suggested(one)
    }

    /// The refused watch of pods must not be forgotten because it had no room.
    #[test]
    fn what_one_worker_had_no_room_for_is_not_suggested() {
        let nodes = |events: u64| ("nodes".to_owned(), events);
        let small = || groups(1, &[("nodes", 200), ("pods", 403), ("nodes", 200)]);
        let large = || groups(9, &[("pods", 200), ("nodes", 200), ("services", 200)]);
        assert_eq!(suggested(small()), (vec![nodes(2)], 1));
        assert_eq!(both(small(), large()), (vec![nodes(3)], 3));
        assert_eq!(both(large(), small()), (vec![nodes(3)], 3));
        let none = groups(9, &[]);
        assert_eq!(both(none, small()), (vec![nodes(2)], 1));
    }

    #[test]
    fn a_refusal_that_another_worker_saw_counts() {
        let (found, _) = both(groups(9, &[("pods", 200), ("nodes", 200)]), groups(9, &[("pods", 403), ("nodes", 404)]));
        assert_eq!(found, [("nodes".to_owned(), 2)]);
    }
}
