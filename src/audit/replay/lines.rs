//! The lines of logs that are events, and those that are not.

/// How many unreadable lines are shown.
const SHOWN: usize = 5;

/// A line that is no event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unreadable {
    /// Which of the logs.
    pub log: usize,
    /// Its number, from 1.
    pub line: u64,
    /// Why.
    pub why: String,
}

/// What was found in the lines of logs.
#[derive(Debug, Default)]
pub struct Lines {
    /// How many lines are events.
    pub events: u64,
    /// How many are not.
    pub unreadable: u64,
    /// The first of them.
    pub examples: Vec<Unreadable>,
}

impl Lines {
    /// Counts a line that is no event.
    pub(super) fn unreadable(&mut self, line: Unreadable) {
        self.unreadable += 1;
        self.examples.push(line);
        if self.examples.len() > 4 * SHOWN {
            self.trim();
        }
    }

    /// Adds what another worker found.
    pub(super) fn add(&mut self, other: Lines) {
        self.events += other.events;
        self.unreadable += other.unreadable;
        self.examples.extend(other.examples);
        self.trim();
    }

    fn trim(&mut self) {
        self.examples.sort();
        self.examples.truncate(SHOWN);
    }
}
