//! What changes from one policy to another, counted over a log.

use std::cmp::Ordering;

use foldhash::HashMap;

use super::super::matcher::Matcher;
use super::super::replay::{Count, Event, Fold, NOBODY, write_resource};
use super::super::types::{Decision, Level, Target};

/// How many examples of one row are kept when there are twice as many: the
/// loudest. One that is dropped and comes again is counted from there, so where
/// there are very many their numbers may be too low.
const MAX_EXAMPLES: usize = 500;

/// Events of a log under two policies.
#[derive(Debug)]
pub struct Traffic<'m> {
    old: &'m Matcher,
    new: &'m Matcher,
    /// Every event, as recorded.
    pub all: Count,
    /// What the old policy keeps.
    pub before: Count,
    /// What the new policy keeps.
    pub after: Count,
    rows: HashMap<Key, Changed>,
    /// Room to write an example.
    example: String,
}

/// Who decides before and after, and what.
type Key = (Verdict, Verdict);

/// What a policy says of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Verdict {
    /// The level.
    pub level: Level,
    /// Whether the event's stage is omitted.
    pub is_omitted: bool,
    /// The rule that decides, if any.
    pub rule: Option<usize>,
}

#[derive(Debug, Default)]
struct Changed {
    counts: Counts,
    examples: HashMap<String, u64>,
}

/// How many events change, and what they take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// As recorded.
    pub recorded: Count,
    /// Bytes that the old policy keeps.
    pub before: u64,
    /// Bytes that the new policy keeps.
    pub after: u64,
    /// Events that get a level above the recorded one: the log lacks what would be added.
    pub unknown: u64,
}

/// Events that two rules decide differently.
#[derive(Debug)]
pub struct Row {
    /// Under the old policy.
    pub from: Verdict,
    /// Under the new policy.
    pub to: Verdict,
    /// How many.
    pub counts: Counts,
    /// Whose most of them are.
    pub examples: Vec<Example>,
}

/// Events of one user, with one verb, for one kind of object.
#[derive(Debug, PartialEq, Eq)]
pub struct Example {
    /// The user.
    pub user: String,
    /// The verb.
    pub verb: String,
    /// `RESOURCE[.GROUP][/SUBRESOURCE]`, or a path.
    pub resource: String,
    /// How many.
    pub events: u64,
}

impl Verdict {
    fn new(decision: &Decision, event: &Event<'_>) -> Self {
        let is_omitted = decision.level != Level::None && decision.omit_stages.contains(event.stage);
        Self { level: decision.level, is_omitted, rule: decision.rule }
    }

    fn is_kept(self) -> bool {
        self.level != Level::None && !self.is_omitted
    }

    /// What is kept of an event.
    fn kept(self, event: &Event<'_>, bytes: u64) -> Count {
        if self.is_kept() { Count { events: 1, bytes: bytes.saturating_sub(event.bytes_above(self.level)) } } else { Count::default() }
    }
}

impl<'m> Traffic<'m> {
    /// Nothing yet.
    pub fn new(old: &'m Matcher, new: &'m Matcher) -> Self {
        let (all, before, after) = (Count::default(), Count::default(), Count::default());
        Self { old, new, all, before, after, rows: HashMap::default(), example: String::new() }
    }

    /// What changes, most bytes first, each with so many examples at most.
    pub fn rows(self, examples: usize) -> Vec<Row> {
        let mut rows: Vec<Row> = self
            .rows
            .into_iter()
            .map(|((from, to), changed)| Row { from, to, counts: changed.counts, examples: loudest(changed.examples, examples) })
            .collect();
        rows.sort_by(|a, b| b.counts.recorded.bytes.cmp(&a.counts.recorded.bytes).then((a.from, a.to).cmp(&(b.from, b.to))));
        rows
    }
}

impl Fold for Traffic<'_> {
    fn event(&mut self, event: &Event<'_>, line: &[u8]) {
        let bytes = line.len() as u64;
        let request = event.request();
        let [from, to] = [self.old, self.new].map(|matcher| Verdict::new(&matcher.decide(&request), event));
        let (before, after) = (from.kept(event, bytes), to.kept(event, bytes));
        self.all.add(Count { events: 1, bytes });
        self.before.add(before);
        self.after.add(after);
        if from.level == to.level && from.is_kept() == to.is_kept() {
            return;
        }
        let row = self.rows.entry((from, to)).or_default();
        let unknown = u64::from(to.is_kept() && to.level > event.level);
        row.counts.add(Counts { recorded: Count { events: 1, bytes }, before: before.bytes, after: after.bytes, unknown });
        self.example.clear();
        for text in [request.user.and_then(|user| user.name).unwrap_or(NOBODY), request.verb] {
            self.example.push_str(text);
            self.example.push('\0');
        }
        match request.target {
            Target::Url(path) => self.example.push_str(path),
            target => write_resource(&mut self.example, &target),
        }
        count(&mut row.examples, &self.example, 1);
    }

    fn add(&mut self, other: Self) {
        self.all.add(other.all);
        self.before.add(other.before);
        self.after.add(other.after);
        for (key, changed) in other.rows {
            let row = self.rows.entry(key).or_default();
            row.counts.add(changed.counts);
            changed.examples.iter().for_each(|(example, events)| count(&mut row.examples, example, *events));
        }
    }
}

impl Counts {
    fn add(&mut self, other: Counts) {
        self.recorded.add(other.recorded);
        self.before += other.before;
        self.after += other.after;
        self.unknown += other.unknown;
    }
}

fn count(table: &mut HashMap<String, u64>, example: &str, events: u64) {
    if let Some(known) = table.get_mut(example) {
        *known += events;
        return;
    }
    if table.len() >= 2 * MAX_EXAMPLES {
        let mut all: Vec<(String, u64)> = table.drain().collect();
        all.sort_unstable_by(by_loudness);
        table.extend(all.into_iter().take(MAX_EXAMPLES));
    }
    table.insert(example.to_owned(), events);
}

fn by_loudness((a, of_a): &(String, u64), (b, of_b): &(String, u64)) -> Ordering {
    of_b.cmp(of_a).then_with(|| a.cmp(b))
}

fn loudest(table: HashMap<String, u64>, examples: usize) -> Vec<Example> {
    let mut all: Vec<(String, u64)> = table.into_iter().collect();
    all.sort_unstable_by(by_loudness);
    let split = |(example, events): (String, u64)| {
        let mut parts = example.splitn(3, '\0').map(str::to_owned);
        let mut next = || parts.next().unwrap_or_default();
        Example { user: next(), verb: next(), resource: next(), events }
    };
    all.into_iter().take(examples).map(split).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loudest_is_found_among_very_many() {
        let mut table = HashMap::default();
        for index in 0..5000 {
            count(&mut table, &format!("u{index:04}\0get\0pods"), 1);
            if index > 700 && index % 3 == 0 {
                count(&mut table, "loud\0get\0pods", 1);
            }
        }
        assert!(table.len() <= 2 * MAX_EXAMPLES);
        let loudest = loudest(table, 1);
        assert_eq!((loudest[0].user.as_str(), loudest[0].events), ("loud", 1433));
    }
}
