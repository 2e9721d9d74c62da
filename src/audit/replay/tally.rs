//! Counting, in as much memory as the policy and a few names take.

use foldhash::HashMap;

use super::Fold;
use super::event::Event;
use super::span::Span;
use crate::audit::matcher::Matcher;
use crate::audit::types::{Level, Target};

/// The most names that are counted one by one in each table. More are one group.
const MAX_NAMES: usize = 10_000;

/// The user of a request that failed authentication.
pub const NOBODY: &str = "nobody: failed authentication";

/// Events and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// How many.
    pub events: u64,
    /// Their bytes, with line feeds.
    pub bytes: u64,
}

impl Count {
    /// Adds as many.
    pub fn add(&mut self, other: Count) {
        self.events += other.events;
        self.bytes += other.bytes;
    }
}

/// Some events, and what a policy would have kept of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Parts {
    /// As recorded.
    pub all: Count,
    /// Above None, stage not omitted, without the bodies that the new level leaves out.
    pub kept: Count,
}

impl Parts {
    /// Adds as many.
    pub fn add(&mut self, other: Parts) {
        self.all.add(other.all);
        self.kept.add(other.kept);
    }

    /// The rest: events that are not kept, and bytes that are not, also of events that are.
    pub fn dropped(&self) -> Count {
        Count { events: self.all.events - self.kept.events, bytes: self.all.bytes - self.kept.bytes }
    }
}

/// What a policy would have kept of a log.
#[derive(Debug)]
pub struct Tally<'m> {
    /// The policy.
    pub matcher: &'m Matcher,
    /// Every event.
    pub all: Parts,
    /// By the level that the policy gives, whatever their stage.
    pub levels: [Parts; 4],
    /// Events above None whose stage the policy omits.
    pub omitted: u64,
    /// By deciding rule; the last is "no rule".
    pub rules: Vec<Parts>,
    /// Kept events whose new level is above the recorded one: the log lacks what would be added.
    pub unknown: u64,
    /// The time that the events are about.
    pub span: Span,
    /// By user.
    pub users: HashMap<String, Parts>,
    /// By verb.
    pub verbs: HashMap<String, Parts>,
    /// By resource with group and subresource, or `URLs`.
    pub resources: HashMap<String, Parts>,
    /// Room to write the name of a resource.
    resource: String,
}

impl<'m> Tally<'m> {
    /// Nothing yet.
    pub fn new(matcher: &'m Matcher) -> Self {
        Self {
            matcher,
            all: Parts::default(),
            levels: [Parts::default(); 4],
            omitted: 0,
            rules: vec![Parts::default(); matcher.policy().rules.len() + 1],
            unknown: 0,
            span: Span::default(),
            users: HashMap::default(),
            verbs: HashMap::default(),
            resources: HashMap::default(),
            resource: String::new(),
        }
    }
}

impl Fold for Tally<'_> {
    fn event(&mut self, event: &Event<'_>, line: &[u8]) {
        let all = Count { events: 1, bytes: line.len() as u64 };
        let request = event.request();
        let decision = self.matcher.decide(&request);
        let omitted = decision.omit_stages.contains(event.stage);
        let kept = if decision.level == Level::None || omitted {
            self.omitted += u64::from(decision.level != Level::None);
            Count::default()
        } else {
            self.unknown += u64::from(decision.level > event.level);
            Count { events: 1, bytes: all.bytes.saturating_sub(event.bytes_above(decision.level)) }
        };
        let parts = Parts { all, kept };
        self.all.add(parts);
        self.levels[decision.level as usize].add(parts);
        let none = self.rules.len() - 1;
        self.rules[decision.rule.unwrap_or(none)].add(parts);
        self.span.add(event.time());
        name(&mut self.users, request.user.and_then(|user| user.name).unwrap_or(NOBODY), parts);
        name(&mut self.verbs, request.verb, parts);
        match request.target {
            Target::Resource { group: "", resource, subresource: "", .. } => name(&mut self.resources, resource, parts),
            target => {
                self.resource.clear();
                write_resource(&mut self.resource, &target);
                name(&mut self.resources, &self.resource, parts);
            }
        }
    }

    fn add(&mut self, other: Self) {
        self.all.add(other.all);
        self.levels.iter_mut().zip(other.levels).for_each(|(own, other)| own.add(other));
        self.rules.iter_mut().zip(other.rules).for_each(|(own, other)| own.add(other));
        self.omitted += other.omitted;
        self.unknown += other.unknown;
        self.span.merge(&other.span);
        for (own, other) in [(&mut self.users, other.users), (&mut self.verbs, other.verbs), (&mut self.resources, other.resources)] {
            other.into_iter().for_each(|(text, parts)| name(own, &text, parts));
        }
    }
}

fn name(table: &mut HashMap<String, Parts>, text: &str, parts: Parts) {
    if let Some(known) = table.get_mut(text) {
        known.add(parts);
    } else {
        let text = if table.len() < MAX_NAMES { text } else { "others" };
        table.entry(text.to_owned()).or_default().add(parts);
    }
}

/// `RESOURCE[.GROUP][/SUBRESOURCE]`, or `URLs`.
pub fn write_resource(text: &mut String, target: &Target<'_>) {
    let Target::Resource { group, resource, subresource, .. } = *target else {
        text.push_str("URLs");
        return;
    };
    text.push_str(resource);
    for (mark, part) in [('.', group), ('/', subresource)].into_iter().filter(|(_, part)| !part.is_empty()) {
        text.push(mark);
        text.push_str(part);
    }
}
