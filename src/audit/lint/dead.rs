//! Rules, and entries of their lists, that no request of any cluster matches:
//! a wildcard where texts are compared as they are, a name for requests that
//! have none, the path of a resource where resources are not looked for.

use super::super::policy::list;
use super::super::question::is_resource_path;
use super::Written;
use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::kubernetes::resources;
use crate::yaml::Node;

/// What a request for a path that is no resource can have for a verb.
const METHODS: &[&str] = &["get", "head", "post", "put", "patch", "delete", "options", "connect", "trace"];
/// Verbs that `policy.rs` knows, and that no request for a resource has.
const NOT_FOR_RESOURCES: &[(&str, &str)] = &[
    ("head", "a HEAD request for a resource has the verb `get`"),
    ("post", "did you mean `create`?"),
    ("put", "did you mean `update`?"),
    ("connect", "exec, attach and port-forward have the verb `create`, or `get` from WebSocket clients"),
    ("options", "an OPTIONS request for a resource has an empty verb"),
    ("trace", "a TRACE request for a resource has an empty verb"),
];

pub(super) fn check(rule: &Written<'_>, found: &mut Diagnostics) {
    texts(rule, found);
    verbs(rule, found);
    names(rule, found);
    scope(rule, found);
    patterns(rule, found);
    paths(rule, found);
}

/// Lists whose texts are compared as they are.
fn texts(rule: &Written<'_>, found: &mut Diagnostics) {
    let compared = [
        ("users", "user", "leave `users` out to match every user"),
        ("userGroups", "group", "leave `userGroups` out to match every group"),
        ("namespaces", "namespace", "leave `namespaces` out to match every namespace, and what is in none"),
    ];
    for (key, what, everything) in compared {
        for (node, text) in strings(rule.node, key) {
            let help = match text.strip_suffix('*') {
                Some("") => everything.to_owned(),
                Some(prefix) if key == "users" => match prefix
                    .strip_prefix("system:serviceaccount:")
                    .and_then(|rest| rest.strip_suffix(':'))
                {
                    Some("") => "the group system:serviceaccounts has every service account".to_owned(),
                    Some(namespace) => format!("the group system:serviceaccounts:{namespace} has the service accounts of that namespace"),
                    None if prefix == "system:node:" => "the group system:nodes has every kubelet".to_owned(),
                    None => "name each user, or a group that they are in".to_owned(),
                },
                _ if text.contains('*') => format!("name each {what}"),
                _ if key == "namespaces" && !text.is_empty() && !is_label(text) => {
                    let message = format!("no namespace can be called {}, so the rule never matches for it", quote(text));
                    found.push(dead(node, message).help("a namespace has small letters, digits and `-`"));
                    continue;
                }
                _ => continue,
            };
            let message =
                format!("`{key}` are compared as they are, and no {what} is called {}, so the rule never matches for it", quote(text));
            found.push(dead(node, message).help(help));
        }
    }
    for entry in list(rule.node, "resources") {
        for (node, text) in strings(entry, "resourceNames").filter(|(_, text)| text.contains('*')) {
            let help = if text == "*" { "leave `resourceNames` out to match every name" } else { "name each object" };
            let message = format!("`resourceNames` are compared as they are, and {} is no pattern", quote(text));
            found.push(dead(node, message).help(help));
        }
    }
}

/// Verbs that are none for what the rule is about.
fn verbs(rule: &Written<'_>, found: &mut Diagnostics) {
    let for_urls = !rule.rule.non_resource_urls.is_empty();
    let for_resources = !rule.rule.resources.is_empty() || !rule.rule.namespaces.is_empty();
    for (node, verb) in strings(rule.node, "verbs") {
        if for_urls && ["list", "watch", "create", "update", "deletecollection", "proxy"].contains(&verb) {
            let message = format!("no request for a URL has the verb {}, so the rule never matches for it", quote(verb));
            let help = match verb {
                "create" => "did you mean `post`?".to_owned(),
                "update" => "did you mean `put`?".to_owned(),
                _ => format!("it is the HTTP method in small letters: {}", METHODS.join(", ")),
            };
            found.push(dead(node, message).help(help));
        } else if for_resources && let Some((_, help)) = NOT_FOR_RESOURCES.iter().find(|(known, _)| *known == verb) {
            let message = format!("no request for a resource has the verb {}, so the rule never matches for it", quote(verb));
            found.push(dead(node, message).help(*help));
        }
    }
}

/// Names asked of requests that have none. A subresource's create has one.
fn names(rule: &Written<'_>, found: &mut Diagnostics) {
    let verbs = &rule.rule.verbs;
    for (node, entry) in list(rule.node, "resources").iter().zip(&rule.rule.resources) {
        let collections = entry.resources.iter().all(|pattern| !pattern.contains(['/', '*']));
        let nameless = |verb: &String| verb == "deletecollection" || verb == "create" && collections;
        let Some(names) = node.get("resourceNames") else { continue };
        if entry.resource_names.is_empty() || entry.resource_names.iter().any(String::is_empty) || verbs.is_empty() {
            continue;
        }
        if verbs.iter().all(nameless) {
            let verbs: Vec<String> = verbs.iter().map(|verb| quote(verb)).collect();
            let message =
                format!("a request to {} has no name when the policy is consulted, so these names never match", super::or(&verbs));
            found.push(dead(names, message).help("leave `resourceNames` out"));
        }
    }
}

/// Namespaces asked of resources that are in none. A Namespace is in itself.
fn scope(rule: &Written<'_>, found: &mut Diagnostics) {
    if rule.rule.namespaces.is_empty() || rule.rule.namespaces.iter().any(String::is_empty) {
        return;
    }
    for (entry, node) in rule.rule.resources.iter().zip(list(rule.node, "resources")) {
        for (node, name) in strings(node, "resources") {
            let kind = name.split('/').next().unwrap_or_default();
            if (entry.group.as_str(), kind) == ("", "namespaces") {
                continue;
            }
            let mut served = resources::all().iter().filter(|resource| resource.group == entry.group && resource.name == kind).peekable();
            if served.peek().is_some() && served.all(|resource| !resource.namespaced) {
                let message = format!("{} are in no namespace, and the rule asks for one of `namespaces`", quote(kind));
                found.push(dead(node, message).help("add the empty namespace `\"\"`, or move them to a rule without `namespaces`"));
            }
        }
    }
}

/// `*/*` is what nobody writes who knows that it matches nothing.
fn patterns(rule: &Written<'_>, found: &mut Diagnostics) {
    for entry in list(rule.node, "resources") {
        for (node, _) in strings(entry, "resources").filter(|(_, name)| *name == "*/*") {
            let message = "`*/*` matches no resource and no subresource".to_owned();
            found.push(dead(node, message).help("`*` matches all resources and their subresources"));
        }
    }
}

/// Paths that an API server takes for those of resources.
fn paths(rule: &Written<'_>, found: &mut Diagnostics) {
    for (node, url) in strings(rule.node, "nonResourceURLs") {
        let path = url.strip_suffix('*').unwrap_or(url);
        // What follows a path of a resource is one as well.
        if is_resource_path(path) {
            let message = format!("an API server takes {} for a resource, so the rule never matches for it", quote(url));
            found.push(dead(node, message).help("name the resource in a rule with `resources`"));
        }
        if path.contains('?') {
            let message = format!("a policy sees paths without their query, so {} never matches", quote(url));
            found.push(dead(node, message).help("leave out what begins with `?`"));
        }
    }
}

fn strings<'n>(node: &'n Node, key: &str) -> impl Iterator<Item = (&'n Node, &'n str)> {
    list(node, key).iter().filter_map(|item| Some((item, item.as_str()?)))
}

fn dead(node: &Node, message: String) -> Diagnostic {
    Diagnostic::new(Code::PolicyRuleDead, message).at(node.location.clone())
}

/// RFC 1123, without the length: a name that is too long is none either, but nobody writes one.
fn is_label(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(edge) && text.ends_with(edge) && text.chars().all(|c| edge(c) || c == '-')
}
