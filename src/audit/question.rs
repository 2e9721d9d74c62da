//! A request as a person describes it, in the words of `kubectl auth can-i`.

use std::borrow::Cow;

use super::types::{RESOURCE_VERBS, Request, Target, User};
use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};

/// Everybody who is authenticated is in this group (`pkg/authentication/group`).
pub const AUTHENTICATED: &str = "system:authenticated";
/// Whoever authenticates as nobody is in this one.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";

/// A request that a policy is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Who asks; nobody if authentication failed.
    pub who: Option<Asker>,
    /// The verb.
    pub verb: String,
    /// What is asked for.
    pub what: What,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    name: Option<String>,
    groups: Vec<Cow<'static, str>>,
}

impl Asker {
    /// That user in exactly these groups; without a name any authenticated
    /// user, who is in these groups as well.
    pub fn new(name: Option<String>, groups: Vec<String>) -> Self {
        let mut groups: Vec<Cow<'static, str>> = groups.into_iter().map(Cow::Owned).collect();
        if name.is_none() && !groups.iter().any(|group| group == AUTHENTICATED) {
            groups.push(Cow::Borrowed(AUTHENTICATED));
        }
        Self { name, groups }
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Fields as in [`Target::Resource`].
    Resource {
        /// The API group.
        group: String,
        /// The resource.
        resource: String,
        /// The subresource, or empty.
        subresource: String,
        /// The namespace, or empty.
        namespace: String,
        /// The name, or empty.
        name: String,
    },
    /// A path that is no resource.
    Url(String),
}

impl What {
    /// Reads `/path`, or `RESOURCE[.GROUP][/NAME]`: up to the first slash, the
    /// resource is what comes before the first dot, the group what comes after.
    ///
    /// # Errors
    /// What is wrong, in one sentence.
    pub fn parse(text: &str, subresource: Option<String>, namespace: Option<String>) -> Result<Self, String> {
        if text.starts_with('/') {
            return match (subresource, namespace) {
                (None, None) => Ok(Self::Url(text.to_owned())),
                (Some(_), _) => Err(format!("{} is a URL, and a URL has no subresource", quote(text))),
                (_, Some(_)) => Err(format!("{} is a URL, and a URL is in no namespace", quote(text))),
            };
        }
        let (kind, name) = text.split_once('/').unwrap_or((text, ""));
        let (resource, group) = kind.split_once('.').unwrap_or((kind, ""));
        if resource.is_empty() {
            return Err(format!("{} names no resource; write RESOURCE[.GROUP][/NAME], or a path that begins with `/`", quote(text)));
        }
        Ok(Self::Resource {
            group: group.to_owned(),
            resource: resource.to_owned(),
            subresource: subresource.unwrap_or_default(),
            namespace: namespace.unwrap_or_default(),
            name: name.to_owned(),
        })
    }
}

impl Question {
    /// The request as a policy sees it.
    pub fn request(&self) -> Request<'_> {
        let target = match &self.what {
            What::Resource { group, resource, subresource, namespace, name } => {
                Target::Resource { group, resource, subresource, namespace, name }
            }
            What::Url(path) => Target::Url(path),
        };
        let user = self.who.as_ref().map(|who| User { name: who.name.as_deref(), groups: &who.groups });
        Request { user, verb: &self.verb, target }
    }

    /// Why no API server would see the request as it is given: notes, since the
    /// answer is still the right one to what was asked.
    pub fn oddities(&self) -> Diagnostics {
        let mut found = Diagnostics::new();
        let mut odd = |message: String, help: String| found.push(Diagnostic::new(Code::PolicyOddRequest, message).help(help));
        if let Some(who) = &self.who
            && !who.groups.iter().any(|group| group == AUTHENTICATED || group == UNAUTHENTICATED)
        {
            odd(
                format!("the user is neither in {AUTHENTICATED} nor in {UNAUTHENTICATED}, and every user is in one of them"),
                format!("add the group {AUTHENTICATED}"),
            );
        }
        match &self.what {
            What::Resource { name, subresource, .. } => {
                let verb = self.verb.as_str();
                if verb != "proxy" && !RESOURCE_VERBS.contains(&verb) {
                    odd(
                        format!("no request for a resource has the verb {}", quote(verb)),
                        format!("the verbs are {}, proxy", RESOURCE_VERBS.join(", ")),
                    );
                } else if !name.is_empty() && (verb == "deletecollection" || verb == "create" && subresource.is_empty()) {
                    odd(format!("a {verb} request has no name when the policy is consulted"), "leave the name out".to_owned());
                }
            }
            What::Url(path) => {
                const METHODS: &[&str] = &["get", "head", "post", "put", "patch", "delete", "options", "connect", "trace"];
                if !METHODS.contains(&self.verb.as_str()) {
                    let message = format!("no request for a URL has the verb {}", quote(&self.verb));
                    odd(message, format!("it is the HTTP method in lower case: {}", METHODS.join(", ")));
                }
                if path.contains('?') {
                    odd("a policy sees the path of a request without its query".to_owned(), "leave out what begins with `?`".to_owned());
                } else if is_resource_path(path) {
                    let message = format!("an API server takes {} for a resource", quote(path));
                    odd(message, "ask for RESOURCE[.GROUP][/NAME] instead".to_owned());
                }
            }
        }
        found
    }
}

/// Whether an API server reads a resource out of a path: after `/api/VERSION/`
/// or `/apis/GROUP/VERSION/` comes more (`pkg/endpoints/request/requestinfo.go`).
pub(super) fn is_resource_path(path: &str) -> bool {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match parts.first() {
        Some(&"api") => parts.len() > 2,
        Some(&"apis") => parts.len() > 3,
        _ => false,
    }
}
