//! An audit policy as its reader understands it, and the requests that it is
//! asked about.
//!
//! Sources: `kubernetes/apiserver pkg/apis/audit/types.go` and
//! `pkg/authorization/authorizer/interfaces.go` (Attributes).

use std::borrow::Cow;

use crate::diagnostic::Location;

/// The levels, from nothing to both bodies.
pub const LEVELS: &[&str] = &["None", "Metadata", "Request", "RequestResponse"];
/// The stages of a request at which an event can be made.
pub const STAGES: &[&str] = &["RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"];

/// The verbs of requests for resources.
pub const RESOURCE_VERBS: [&str; 8] = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];

/// How much of a request is logged, ascending.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// No event.
    #[default]
    None,
    /// Who, what, when, and how it ended.
    Metadata,
    /// The request's body as well.
    Request,
    /// Both bodies.
    RequestResponse,
}

impl Level {
    /// Every level, ascending.
    pub const ALL: [Level; 4] = [Level::None, Level::Metadata, Level::Request, Level::RequestResponse];

    /// The level of that exact name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }

    /// As a policy writes it.
    pub fn name(self) -> &'static str {
        LEVELS[self as usize]
    }
}

/// When in a request's life an event is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The audit handler has the request.
    RequestReceived,
    /// The headers of a long-running request's answer are sent, or authentication failed.
    ResponseStarted,
    /// The answer is complete.
    ResponseComplete,
    /// The handler panicked.
    Panic,
}

impl Stage {
    /// Every stage, in the order of a request's life.
    pub const ALL: [Stage; 4] = [Stage::RequestReceived, Stage::ResponseStarted, Stage::ResponseComplete, Stage::Panic];

    /// The stage of that exact name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }

    /// As a policy writes it.
    pub fn name(self) -> &'static str {
        STAGES[self as usize]
    }
}

/// A set of stages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stages(u8);

impl Stages {
    /// Whether the stage is in the set.
    pub fn contains(self, stage: Stage) -> bool {
        self.0 & (1 << stage as u8) != 0
    }

    /// The stages of either set.
    #[must_use]
    pub fn union(self, other: Stages) -> Self {
        Self(self.0 | other.0)
    }

    /// In the order of a request's life.
    pub fn iter(self) -> impl Iterator<Item = Stage> {
        Stage::ALL.into_iter().filter(move |stage| self.contains(*stage))
    }

    /// The stages' names.
    pub fn names(self) -> Vec<&'static str> {
        self.iter().map(Stage::name).collect()
    }
}

impl FromIterator<Stage> for Stages {
    fn from_iter<I: IntoIterator<Item = Stage>>(stages: I) -> Self {
        Self(stages.into_iter().fold(0, |set, stage| set | 1 << stage as u8))
    }
}

/// A policy that an API server takes.
#[derive(Debug, Clone)]
pub struct Policy {
    /// In order; the first that matches decides.
    pub rules: Vec<Rule>,
    /// Stages that are never emitted.
    pub omit_stages: Stages,
    /// What a rule without `omitManagedFields` does.
    pub omit_managed_fields: bool,
}

/// One rule. An empty list asks nothing.
#[derive(Debug, Clone)]
pub struct Rule {
    /// What is logged of a request that matches.
    pub level: Level,
    /// Names of users.
    pub users: Vec<String>,
    /// Groups, of which the user must be in one.
    pub user_groups: Vec<String>,
    /// Verbs.
    pub verbs: Vec<String>,
    /// Kinds of objects, of which the request's must be one.
    pub resources: Vec<GroupResources>,
    /// Namespaces; the empty one is that of cluster-wide requests.
    pub namespaces: Vec<String>,
    /// Paths that are no resources; a trailing `*` is a prefix.
    pub non_resource_urls: Vec<String>,
    /// Stages that are not emitted, beside the policy's.
    pub omit_stages: Stages,
    /// Overrides the policy's.
    pub omit_managed_fields: Option<bool>,
    /// Where the rule was written.
    pub location: Location,
}

/// Resources of one API group.
#[derive(Debug, Clone)]
pub struct GroupResources {
    /// The group; empty is the core group, `*` any.
    pub group: String,
    /// `pods`, `pods/log`, `pods/*`, `*/status`, `*`. Empty is all of the group.
    pub resources: Vec<String>,
    /// Names of objects; empty is every name.
    pub resource_names: Vec<String>,
}

/// What an API server knows of a request when it consults its policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// Who asks; nobody if authentication failed.
    pub user: Option<User<'a>>,
    /// The verb; for a URL the HTTP method in lower case.
    pub verb: &'a str,
    /// What is asked for.
    pub target: Target<'a>,
}

/// Who asks: the real user, not the impersonated one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User<'a> {
    /// The name; `None` is some user whom no rule names.
    pub name: Option<&'a str>,
    /// Exactly these groups.
    pub groups: &'a [Cow<'a, str>],
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// An object or a collection of objects.
    Resource {
        /// The API group, empty for the core group.
        group: &'a str,
        /// The resource, such as `pods`.
        resource: &'a str,
        /// The subresource, or empty.
        subresource: &'a str,
        /// The namespace, empty if the request is cluster-wide.
        namespace: &'a str,
        /// The object's name, empty if the request has none.
        name: &'a str,
    },
    /// Any other path, without the query.
    Url(&'a str),
}

/// What a policy says of a request: the API server's RequestAuditConfig, and
/// the rule that said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// The index of the rule, if any matched.
    pub rule: Option<usize>,
    /// What is logged.
    pub level: Level,
    /// Stages that are not emitted: the policy's and the rule's.
    pub omit_stages: Stages,
    /// Whether managed fields are taken out of bodies.
    pub omit_managed_fields: bool,
}

impl Policy {
    /// What follows if that rule is the first to match.
    pub fn decision(&self, rule: Option<usize>) -> Decision {
        let decided = rule.and_then(|index| self.rules.get(index));
        Decision {
            rule,
            level: decided.map(|rule| rule.level).unwrap_or_default(),
            omit_stages: self.omit_stages.union(decided.map(|rule| rule.omit_stages).unwrap_or_default()),
            omit_managed_fields: decided.and_then(|rule| rule.omit_managed_fields).unwrap_or(self.omit_managed_fields),
        }
    }
}
