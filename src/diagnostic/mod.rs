//! One diagnostic type for everything that can be wrong, and its printed forms.
//!
//! A diagnostic is data: a stable [`Code`], a message, the place to blame and a
//! way out. Who finds a fault never formats it; [`human`], [`json`], [`sarif`] and
//! [`github`] do.

mod code;
pub mod github;
pub mod human;
pub mod json;
pub mod sarif;
mod source;
mod suggest;

pub use code::{Class, Code};
pub use source::{Location, Source};
pub use suggest::nearest;

/// How much a diagnostic matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Works, but will hurt.
    Warning,
    /// Stops the API server, would silently log nothing, or was not understood.
    Error,
}

/// One finding.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// What kind of finding.
    pub code: Code,
    /// The code's own severity unless `--allow` or `--deny` changed it.
    pub severity: Severity,
    /// What is wrong, in one sentence, with the offending text.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The place to blame.
    pub location: Option<Location>,
    /// The value's path as `--set` would name it, where there is one.
    pub path: Option<String>,
    /// Other places that belong to the finding, with what each one is.
    pub related: Vec<(Location, String)>,
    /// The source line must not be shown: it holds a credential.
    pub redacted: bool,
}

impl Diagnostic {
    /// A finding with the code's own severity and no place yet.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.severity(),
            message: message.into(),
            help: None,
            location: None,
            path: None,
            related: Vec::new(),
            redacted: false,
        }
    }

    /// Blames a place.
    #[must_use]
    pub fn at(mut self, location: Location) -> Self {
        self.location = Some(location);
        self
    }

    /// Judges it otherwise than the code does, where the case is graver or lighter.
    #[must_use]
    pub fn with_severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Names the value.
    #[must_use]
    pub fn path(mut self, path: impl ToString) -> Self {
        self.path = Some(path.to_string());
        self
    }

    /// Adds a second place.
    #[must_use]
    pub fn related(mut self, location: Location, what: impl Into<String>) -> Self {
        self.related.push((location, what.into()));
        self
    }

    /// Hides the source line.
    #[must_use]
    pub fn redacted(mut self) -> Self {
        self.redacted = true;
        self
    }
}

/// Findings in the order they were made.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics {
    /// The findings.
    pub items: Vec<Diagnostic>,
}

impl Diagnostics {
    /// No findings.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.items.push(diagnostic);
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: Diagnostics) {
        self.items.extend(other.items);
    }

    /// Adds those of `other` that are not there yet: what was found for one minor
    /// is mostly found for the next.
    pub fn merge(&mut self, other: Diagnostics) {
        let key = |item: &Diagnostic| (item.code, item.message.clone(), item.location.as_ref().map(ToString::to_string));
        let mut seen: std::collections::BTreeSet<_> = self.items.iter().map(key).collect();
        self.items.extend(other.items.into_iter().filter(|item| seen.insert(key(item))));
    }

    /// Whether any finding is an error.
    pub fn has_errors(&self) -> bool {
        self.items.iter().any(|item| item.severity == Severity::Error)
    }

    /// `Ok(value)` unless there are errors.
    ///
    /// # Errors
    /// All findings, when one of them is an error. Otherwise they move to `rest`.
    pub fn into_result<T>(self, value: T, rest: &mut Diagnostics) -> Result<T, Diagnostics> {
        if self.has_errors() {
            return Err(self);
        }
        rest.extend(self);
        Ok(value)
    }

    /// The exit status: 0 without errors, else what the gravest error says.
    pub fn status(&self) -> u8 {
        let gravest = self.items.iter().filter(|item| item.severity == Severity::Error).map(|item| item.code.class()).max();
        match gravest {
            None => 0,
            Some(Class::Verdict) => 1,
            Some(Class::Input) => 2,
            Some(Class::Machine) => 3,
        }
    }

    /// Applies `--allow` and `--deny`: an allowed finding becomes a note, a
    /// denied one an error. What cannot be allowed stays.
    pub fn apply_levels(&mut self, allow: &[Code], deny: &[Code]) {
        for item in &mut self.items {
            if deny.contains(&item.code) {
                item.severity = Severity::Error;
            } else if allow.contains(&item.code) && item.code.can_be_allowed() {
                item.severity = Severity::Note;
            }
        }
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self { items: vec![diagnostic] }
    }
}
