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

/// What a policy would have kept.
#[derive(Debug)]
pub struct Tally<'m> {
    /// The policy.
    pub matcher: &'m Matcher,
    /// Every event, with its bytes as recorded.
    pub all: Count,
    /// Events by the level that the policy gives them, whatever their stage.
    pub levels: [u64; 4],
    /// Events above None whose stage the policy omits.
    pub omitted: u64,
    /// By deciding rule, as recorded; the last is "no rule".
    pub rules: Vec<Count>,
    /// What is kept: above None, stage not omitted, without the bodies that the new level leaves out.
    pub kept: Count,
    /// Events that are not kept.
    pub dropped: u64,
    /// Kept events whose new level is above the recorded one: the log lacks what would be added.
    pub unknown: u64,
    /// The time that the events are about.
    pub span: Span,
    /// What is kept, by user, verb and resource.
    pub users: HashMap<String, Count>,
    /// By verb.
    pub verbs: HashMap<String, Count>,
    /// By resource with group and subresource, or `URL`.
    pub resources: HashMap<String, Count>,
    /// Room to write the name of a resource.
    resource: String,
}

impl<'m> Tally<'m> {
    /// Nothing yet.
    pub fn new(matcher: &'m Matcher) -> Self {
        Self {
            matcher,
            all: Count::default(),
            levels: [0; 4],
            omitted: 0,
            rules: vec![Count::default(); matcher.policy().rules.len() + 1],
            kept: Count::default(),
            dropped: 0,
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
        let bytes = line.len() as u64;
        let request = event.request();
        let decision = self.matcher.decide(&request);
        self.all.add(Count { events: 1, bytes });
        self.levels[decision.level as usize] += 1;
        let none = self.rules.len() - 1;
        self.rules[decision.rule.unwrap_or(none)].add(Count { events: 1, bytes });
        self.span.add(event.time());
        let omitted = decision.omit_stages.contains(event.stage);
        if decision.level == Level::None || omitted {
            self.omitted += u64::from(decision.level != Level::None);
            self.dropped += 1;
            return;
        }
        self.unknown += u64::from(decision.level > event.level);
        let kept = Count { events: 1, bytes: bytes.saturating_sub(event.bytes_above(decision.level)) };
        self.kept.add(kept);
        name(&mut self.users, request.user.and_then(|user| user.name).unwrap_or(NOBODY), kept);
        name(&mut self.verbs, request.verb, kept);
        match request.target {
            Target::Resource { group: "", resource, subresource: "", .. } => name(&mut self.resources, resource, kept),
            target => {
                self.resource.clear();
                write_resource(&mut self.resource, &target);
                name(&mut self.resources, &self.resource, kept);
            }
        }
    }

    fn add(&mut self, other: Self) {
        self.all.add(other.all);
        self.kept.add(other.kept);
        self.levels.iter_mut().zip(other.levels).for_each(|(own, other)| *own += other);
        self.rules.iter_mut().zip(other.rules).for_each(|(own, other)| own.add(other));
        self.omitted += other.omitted;
        self.dropped += other.dropped;
        self.unknown += other.unknown;
        self.span.merge(&other.span);
        for (own, other) in [(&mut self.users, other.users), (&mut self.verbs, other.verbs), (&mut self.resources, other.resources)] {
            other.into_iter().for_each(|(text, count)| name(own, &text, count));
        }
    }
}

fn name(table: &mut HashMap<String, Count>, text: &str, count: Count) {
    if let Some(known) = table.get_mut(text) {
        known.add(count);
    } else {
        let text = if table.len() < MAX_NAMES { text } else { "others" };
        table.entry(text.to_owned()).or_default().add(count);
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
