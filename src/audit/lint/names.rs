//! Groups and resources that Kubernetes does not serve. Names are compared as
//! they are, so a rule for `pod` or `Pods` matches nothing, and nobody says so.

use super::super::policy::list;
use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Severity, nearest};
use crate::kubernetes::Minor;
use crate::kubernetes::resources::{self, Resource};
use crate::yaml::Node;

/// Groups below k8s.io that Kubernetes does not serve itself and that many
/// clusters have: metrics, and custom resources of Kubernetes' own projects.
const ADD_ONS: &[&str] = &[
    "autoscaling.k8s.io",
    "custom.metrics.k8s.io",
    "external.metrics.k8s.io",
    "gateway.networking.k8s.io",
    "groupsnapshot.storage.k8s.io",
    "metrics.k8s.io",
    "policy.networking.k8s.io",
    "scheduling.sigs.k8s.io",
    "snapshot.storage.k8s.io",
];

/// Groups that are gone, and the minor that no longer had them. Old policies keep them.
const GONE: &[(&str, u16)] = &[("auditregistration.k8s.io", 19), ("extensions", 22), ("settings.k8s.io", 20)];

/// Checks each entry of a rule's `resources`. Of minors outside the table nothing is known, and
/// nothing is said.
pub(super) fn check(rule: &Node, minor: Minor, found: &mut Diagnostics) {
    if !resources::knows(minor) {
        return;
    }
    for entry in list(rule, "resources") {
        let group_node = entry.get("group");
        let group = group_node.and_then(Node::as_str).unwrap_or_default();
        let names = list(entry, "resources").iter().filter_map(|node| Some((node, node.as_str()?)));
        let served: Vec<&Resource> = resources::all().iter().filter(|resource| group == "*" || resource.group == group).collect();
        if !served.is_empty() {
            names.for_each(|(node, name)| found.items.extend(resource(node, name, group, &served, minor)));
        } else if is_foreign(group) {
            // Of custom resources only the form is known (apiextensions' validation of plural names).
            found.items.extend(names.filter(|(_, name)| has_capital(name)).map(|(node, name)| {
                warn(node, format!("no resource is called {}, so the rule never matches for it", quote(name))).help(small(name))
            }));
        } else if let Some(node) = group_node {
            found.push(unknown_group(node, group, list(entry, "resources")));
        }
    }
}

/// Whether a group can be that of custom resources or of an aggregated API
/// server. Those of custom resources have a dot; below k8s.io they are few.
pub fn is_foreign(group: &str) -> bool {
    ADD_ONS.contains(&group) || group.contains('.') && !group.ends_with(".k8s.io")
}

fn unknown_group(node: &Node, group: &str, names: &[Node]) -> Diagnostic {
    let message = format!("Kubernetes serves no API group {}, so the rule never matches for it", quote(group));
    let groups = || resources::all().iter().map(|resource| resource.group).filter(|group| !group.is_empty());
    fn short(group: &str) -> &str {
        group.strip_suffix(".k8s.io").unwrap_or(group)
    }
    let first_label = |known: &&str| known.split('.').next() == group.split('.').next();
    // The suffix that all have does not make two groups alike.
    let near = || nearest(short(group), groups().map(short)).and_then(|near| groups().find(|known| short(known) == near));
    let home = names.iter().filter_map(Node::as_str).find_map(|name| resources::all().iter().find(|resource| resource.name == name));
    let gone = GONE.iter().find(|(gone, _)| *gone == group);
    let help = match (group, home) {
        ("core" | "v1", _) => "the core group is written `\"\"`".to_owned(),
        (_, Some(home)) => format!("{} {} in {}", quote(home.name), be(home.name), the(home.group)),
        _ => match (gone, groups().find(first_label).or_else(near)) {
            (Some((_, minor)), _) => format!("leave it out: Kubernetes {} removed it", Minor(*minor)),
            (None, Some(near)) => format!("did you mean `{near}`?"),
            (None, None) => "a group of custom resources has a dot in its name, such as example.com".to_owned(),
        },
    };
    warn(node, message).help(help)
}

fn resource(node: &Node, name: &str, group: &str, served: &[&Resource], minor: Minor) -> Option<Diagnostic> {
    let (kind, subresource) = name.split_once('/').map_or((name, None), |(kind, subresource)| (kind, Some(subresource)));
    let fits = |resource: &&&Resource| {
        let known = resource.name.split_once('/').map_or((resource.name, None), |(kind, subresource)| (kind, Some(subresource)));
        match (kind, subresource) {
            ("*", None | Some("*")) => true, // `*/*` is dead whatever is served
            ("*", Some(_)) => known.1 == subresource,
            (_, Some("*")) => known == (kind, None),
            (_, Some("")) => false,
            _ => known == (kind, subresource),
        }
    };
    let matching: Vec<&&Resource> = served.iter().filter(fits).collect();
    if let Some(first) = matching.first() {
        // One policy serves clusters through their upgrades: only worth knowing.
        let only_elsewhere = !name.contains('*') && !matching.iter().any(|resource| resource.is_in(minor));
        return only_elsewhere.then(|| {
            let message = format!("{} {} served by Kubernetes {} only", quote(name), be(name), first.minors());
            let diagnostic = warn(node, message).help("on API servers of other versions no request matches it");
            Diagnostic { severity: Severity::Note, ..diagnostic }
        });
    }
    // With every group come those of custom resources, whose names are anyone's choice.
    if group == "*" && !has_capital(name) && meant(name, served).is_none() {
        return None;
    }
    let of = if group == "*" { "Kubernetes".to_owned() } else { the(group) };
    let known_kind = served.iter().any(|resource| resource.name == kind);
    let message = match subresource {
        Some(subresource) if kind == "*" => {
            format!("no resource of {of} has a subresource {}, so the rule never matches for it", quote(subresource))
        }
        Some(subresource) if known_kind => {
            format!("{} have no subresource {}, so the rule never matches for it", quote(kind), quote(subresource))
        }
        _ => format!("{of} has no resource {}, so the rule never matches for it", quote(name)),
    };
    let help = meant(name, served).map(|near| format!("did you mean {}?", quote(&near))).or_else(|| elsewhere(name, group));
    let diagnostic = warn(node, message);
    Some(match help {
        Some(help) => diagnostic.help(help),
        None if has_capital(name) => diagnostic.help(small(name)),
        None => diagnostic.help("resources are the plural names that `kubectl api-resources` lists"),
    })
}

/// The resource that somebody meant who wrote it in the singular, with
/// capitals, as a kind, in kubectl's short form, or with a slip.
fn meant(name: &str, served: &[&Resource]) -> Option<String> {
    let folded = name.to_lowercase();
    let (kind, subresource) = folded.split_once('/').map_or((folded.as_str(), None), |(kind, rest)| (kind, Some(rest)));
    let plurals = || served.iter().filter(|resource| !resource.name.contains('/'));
    let is = |resource: &&&Resource| {
        resource.name == kind || resource.singular == kind || resource.kind.to_lowercase() == kind || resource.short.contains(&kind)
    };
    let near = || nearest(kind, plurals().map(|resource| resource.name));
    let plural = plurals().find(is).map(|resource| resource.name).or_else(near);
    let subresources = || served.iter().filter_map(|resource| resource.name.split_once('/').map(|(_, known)| known));
    match (plural, subresource) {
        (_, Some(subresource)) if kind == "*" => nearest(subresource, subresources()).map(|near| format!("*/{near}")),
        (Some(plural), None) => Some(plural.to_owned()),
        (Some(plural), Some("*")) => Some(format!("{plural}/*")),
        (Some(plural), Some(subresource)) => {
            let full = format!("{plural}/{subresource}");
            let known = || served.iter().map(|resource| resource.name).filter(|name| name.starts_with(&format!("{plural}/")));
            let slip = || nearest(subresource, known().filter_map(|name| name.split_once('/').map(|(_, known)| known)));
            known().find(|name| *name == full).map(str::to_owned).or_else(|| Some(format!("{plural}/{}", slip()?)))
        }
        // `log` alone is meant to be pods/log.
        (None, None) => {
            let of = |resource: &&&Resource| resource.name.split_once('/').is_some_and(|(_, known)| known == kind);
            served.iter().find(of).map(|resource| resource.name.to_owned())
        }
        (None, Some(_)) => None,
    }
}

/// Where a resource is that the group lacks.
fn elsewhere(name: &str, group: &str) -> Option<String> {
    let all = resources::all();
    if let Some(home) = all.iter().find(|resource| resource.name == name && resource.group != group) {
        return Some(format!("{} {} in {}", quote(name), be(name), the(home.group)));
    }
    // `apps/deployments` and `deployments.apps`, which are kubectl's and others' ways to write it.
    let (first, second) = name.split_once('/').or_else(|| name.split_once('.'))?;
    let of = |resource: &&Resource| {
        let in_group = |text: &str| !resource.group.is_empty() && resource.group.split('.').next() == text.split('.').next();
        resource.name == second && (in_group(first) || first == "v1") || resource.name == first && in_group(second)
    };
    let home = all.iter().find(of)?;
    Some(format!("write the resource as {}, and its group `\"{}\"` in `group`", quote(home.name), home.group))
}

fn warn(node: &Node, message: String) -> Diagnostic {
    Diagnostic::new(Code::PolicyUnknownResource, message).at(node.location.clone())
}

fn the(group: &str) -> String {
    if group.is_empty() { "the core group".to_owned() } else { format!("the group {}", quote(group)) }
}

fn be(name: &str) -> &'static str {
    if name.contains('/') { "is" } else { "are" }
}

fn has_capital(name: &str) -> bool {
    name.chars().any(char::is_uppercase)
}

fn small(name: &str) -> String {
    format!("resources are written in small letters: {}", quote(&name.to_lowercase()))
}
