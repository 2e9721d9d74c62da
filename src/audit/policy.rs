//! Whether an API server takes an audit policy, decided as it does: strictly,
//! since an unknown field makes a rule broader without a word.
//!
//! Sources: `kubernetes/apiserver pkg/audit/policy/reader.go` and
//! `pkg/apis/audit/validation/validation.go`.

use super::types::{GroupResources, LEVELS, Level, Policy, Rule, STAGES, Stage, Stages};
use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Location, nearest};
use crate::kubernetes::Minor;
use crate::yaml::scalar::in_kubernetes;
use crate::yaml::{Data, Node};

/// Verbs of resource requests, and HTTP methods in lower case for the others
/// (`pkg/endpoints/request/requestinfo.go`).
const VERBS: &[&str] = &[
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
    "proxy",
    "head",
    "post",
    "put",
    "options",
    "connect",
    "trace",
];
/// The minor that first admits `group: "*"` (`kubernetes/kubernetes#135262`).
const GROUP_WILDCARD_SINCE: Minor = Minor(36);

const POLICY_FIELDS: &[&str] = &["apiVersion", "kind", "metadata", "rules", "omitStages", "omitManagedFields"];
const RULE_FIELDS: &[&str] =
    &["level", "users", "userGroups", "verbs", "resources", "namespaces", "nonResourceURLs", "omitStages", "omitManagedFields"];
const GROUP_FIELDS: &[&str] = &["group", "resources", "resourceNames"];

/// The policy that API servers of `minor` make of a document.
///
/// # Errors
/// Everything that is wrong with it, if any of it is an error; otherwise that moves to `warnings`.
pub fn decode(policy: &Node, minor: Minor, warnings: &mut Diagnostics) -> Result<Policy, Diagnostics> {
    let (policy, found) = examine(policy, minor);
    found.into_result(policy, warnings)
}

/// Leaves out of what was found in reading YAML what [`decode`] decides for a policy:
/// whether a word without quotes is text to the API server.
pub fn settle(policy: &Node, found: &mut Diagnostics) {
    let judged = policy.entries().iter().filter(|entry| entry.key != "metadata").map(|entry| &entry.value.location);
    let judged: Vec<&Location> = judged.collect();
    let within =
        |at: &Location| judged.iter().any(|of| of.source == at.source && of.range.start <= at.range.start && at.range.end <= of.range.end);
    found.items.retain(|item| item.code != Code::YamlAmbiguousScalar || !item.location.as_ref().is_some_and(within));
}

/// The policy as far as it can be understood, and everything that is wrong with it.
fn examine(policy: &Node, minor: Minor) -> (Policy, Diagnostics) {
    let mut check = Check { minor, found: Diagnostics::new() };
    if !matches!(policy.data, Data::Map(_)) {
        check.push(Code::PolicySyntax, policy, format!("an audit policy is a mapping, not {}", policy.kind()));
        return (Policy { rules: Vec::new(), omit_stages: Stages::default(), omit_managed_fields: false }, check.found);
    }
    check.fields(policy, "a policy", POLICY_FIELDS);
    check.head(policy);
    let omit_stages = check.stages(policy);
    let omit_managed_fields = check.boolean(policy, "omitManagedFields").unwrap_or_default();
    let mut decoded = Vec::new();
    match policy.get("rules") {
        Some(rules) if matches!(rules.data, Data::List(_)) && !rules.items().is_empty() => {
            decoded = rules.items().iter().filter_map(|rule| check.rule(rule)).collect();
        }
        Some(rules) if !matches!(rules.data, Data::List(_) | Data::Null) => {
            check.push(Code::PolicySyntax, rules, format!("`rules` is a list, not {}", rules.kind()));
        }
        rules => {
            check.push(
                Code::PolicyEmpty,
                rules.unwrap_or(policy),
                "the policy has no rules, and the API server does not start with such a policy".to_owned(),
            );
        }
    }
    (Policy { rules: decoded, omit_stages, omit_managed_fields }, check.found)
}

/// The first minor that takes policies of no other version than v1 (`pkg/audit/policy/reader.go`).
const V1_ALONE_SINCE: Minor = Minor(24);

struct Check {
    minor: Minor,
    found: Diagnostics,
}

impl Check {
    fn push(&mut self, code: Code, at: &Node, message: String) {
        self.found.push(Diagnostic::new(code, message).at(at.location.clone()));
    }

    fn fields(&mut self, node: &Node, what: &str, known: &[&'static str]) {
        for entry in node.entries() {
            if known.contains(&entry.key.as_str()) {
                continue;
            }
            let message = format!(
                "{what} has no field {}; the API server drops it and goes on, so the rest matches more than was meant",
                quote(&entry.key)
            );
            let diagnostic = Diagnostic::new(Code::PolicyUnknownField, message).at(entry.key_location.clone());
            self.found.push(match nearest(&entry.key, known.iter().copied()) {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic.help(format!("its fields are {}", known.join(", "))),
            });
        }
    }

    fn head(&mut self, policy: &Node) {
        // The API server looks for these two in any case (`encoding/json`), and only for these.
        let any_case = |key: &str| policy.entries().iter().find(|entry| entry.key.eq_ignore_ascii_case(key)).map(|entry| &entry.value);
        match any_case("apiVersion").and_then(Node::as_str) {
            Some("audit.k8s.io/v1") => {}
            Some("audit.k8s.io/v1beta1" | "audit.k8s.io/v1alpha1") if self.minor < V1_ALONE_SINCE => {}
            other => {
                let written = other.map_or("absent".to_owned(), quote);
                let at = any_case("apiVersion").unwrap_or(policy);
                self.push(Code::PolicyVersion, at, format!("apiVersion must be `audit.k8s.io/v1`, and it is {written}"));
            }
        }
        // Without a kind it is taken for a policy.
        if let Some(kind) = any_case("kind")
            && !matches!(kind.data, Data::Null)
            && !matches!(kind.as_str(), Some("" | "Policy"))
        {
            self.push(
                Code::PolicyInvalid,
                kind,
                format!("kind must be `Policy`, not {}", quote(kind.as_str().unwrap_or(kind.type_name()))),
            );
        }
    }

    fn rule(&mut self, rule: &Node) -> Option<Rule> {
        if !matches!(rule.data, Data::Map(_)) {
            self.push(Code::PolicySyntax, rule, format!("a rule is a mapping, not {}", rule.kind()));
            return None;
        }
        self.fields(rule, "a rule", RULE_FIELDS);
        let level = match rule.get("level").filter(|level| !matches!(level.data, Data::Null)) {
            None => {
                self.push(Code::PolicyInvalid, rule, "the rule lacks `level`".to_owned());
                None
            }
            Some(level) => self.one_of(level, "level", LEVELS).and_then(Level::parse),
        };
        let mut strings = |key| self.strings(rule, key);
        let (users, user_groups, verbs) = (strings("users"), strings("userGroups"), strings("verbs"));
        let (namespaces, non_resource_urls) = (strings("namespaces"), strings("nonResourceURLs"));
        let omit_managed_fields = self.boolean(rule, "omitManagedFields");
        let omit_stages = self.stages(rule);
        for verb in list(rule, "verbs") {
            self.verb(verb);
        }
        for url in list(rule, "nonResourceURLs") {
            self.url(url);
        }
        if let Some(resources) = rule.get("resources")
            && !matches!(resources.data, Data::List(_) | Data::Null)
        {
            self.push(Code::PolicySyntax, resources, format!("`resources` is a list, not {}", resources.kind()));
        }
        let resources = list(rule, "resources").iter().filter_map(|group| self.group(group)).collect();
        let urls = rule.get("nonResourceURLs").filter(|urls| !urls.items().is_empty());
        if let Some(urls) = urls
            && (!list(rule, "resources").is_empty() || !list(rule, "namespaces").is_empty())
        {
            self.push(Code::PolicyInvalid, urls, "a rule has either nonResourceURLs, or resources and namespaces, not both".to_owned());
        }
        let location = rule.location.clone();
        Some(Rule {
            level: level?,
            users,
            user_groups,
            verbs,
            resources,
            namespaces,
            non_resource_urls,
            omit_stages,
            omit_managed_fields,
            location,
        })
    }

    fn group(&mut self, group: &Node) -> Option<GroupResources> {
        if !matches!(group.data, Data::Map(_)) {
            self.push(
                Code::PolicySyntax,
                group,
                format!("a resources entry is a mapping with `group` and `resources`, not {}", group.kind()),
            );
            return None;
        }
        self.fields(group, "a resources entry", GROUP_FIELDS);
        let resources = self.strings(group, "resources");
        let resource_names = self.strings(group, "resourceNames");
        let name = group.get("group").filter(|name| !matches!(name.data, Data::Null));
        if let Some(name) = name {
            match name.as_str() {
                None => self.push(Code::PolicySyntax, name, format!("`group` is text, not {}", name.kind())),
                Some(text) if self.is_other_type(name, "group", text) => {}
                Some("*") if self.minor >= GROUP_WILDCARD_SINCE => {}
                Some("*") => {
                    let message = format!(
                        "group `*` is admitted from Kubernetes {GROUP_WILDCARD_SINCE} on, and this is for older API servers as well"
                    );
                    self.push(Code::PolicyInvalid, name, message);
                }
                Some(text) if text.is_empty() || is_dns_subdomain(text) => {}
                Some(text) => {
                    let message = format!("group {} is no API group; write it in lower case and without a version", quote(text));
                    self.push(Code::PolicyInvalid, name, message);
                }
            }
        }
        if let Some(names) = group.get("resourceNames").filter(|names| !names.items().is_empty())
            && list(group, "resources").is_empty()
        {
            self.push(Code::PolicyInvalid, names, "resourceNames needs `resources` beside it".to_owned());
        }
        let group = name.and_then(Node::as_str).unwrap_or_default().to_owned();
        Some(GroupResources { group, resources, resource_names })
    }

    fn verb(&mut self, verb: &Node) {
        let Some(text) = verb.as_str() else { return };
        if VERBS.contains(&text) {
            return;
        }
        let message = format!("no request has the verb {}, so the rule never matches for it", quote(text));
        let diagnostic = Diagnostic::new(Code::PolicyUnknownVerb, message).at(verb.location.clone());
        self.found.push(match nearest(text, VERBS.iter().copied()) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None if text == "*" => diagnostic.help("leave `verbs` out to match every verb"),
            None => diagnostic.help(format!("verbs are {}", VERBS.join(", "))),
        });
    }

    fn url(&mut self, url: &Node) {
        let Some(text) = url.as_str() else { return };
        if text == "*" {
            return;
        }
        if !text.starts_with('/') {
            self.push(Code::PolicyInvalid, url, format!("the path {} must begin with `/`", quote(text)));
        } else if text.strip_suffix('*').unwrap_or(text).contains('*') {
            self.push(Code::PolicyInvalid, url, format!("in {} the `*` must be the last character", quote(text)));
        }
    }

    fn stages(&mut self, node: &Node) -> Stages {
        // One that is no text is said once, not again as no stage.
        self.strings(node, "omitStages");
        let texts = list(node, "omitStages").iter().filter(|stage| stage.as_str().is_some());
        texts.filter_map(|stage| self.one_of(stage, "omitStages", STAGES)).filter_map(Stage::parse).collect()
    }

    fn one_of(&mut self, node: &Node, what: &str, known: &[&'static str]) -> Option<&'static str> {
        let Some(text) = node.as_str() else {
            self.push(Code::PolicySyntax, node, format!("`{what}` is text, not {}", node.kind()));
            return None;
        };
        let found = known.iter().copied().find(|known| *known == text);
        if found.is_none() {
            let diagnostic =
                Diagnostic::new(Code::PolicyInvalid, format!("{} is no {what}; the API server refuses the policy", quote(text)))
                    .at(node.location.clone());
            self.found.push(match nearest(text, known.iter().copied()) {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic.help(format!("one of {}", known.join(", "))),
            });
        }
        found
    }

    fn strings(&mut self, node: &Node, key: &str) -> Vec<String> {
        let Some(value) = node.get(key).filter(|value| !matches!(value.data, Data::Null)) else { return Vec::new() };
        if !matches!(value.data, Data::List(_)) {
            self.push(Code::PolicySyntax, value, format!("`{key}` is a list, not {}", value.kind()));
        }
        let mut texts = Vec::new();
        for item in value.items() {
            match item.as_str() {
                None => self.push(Code::PolicySyntax, item, format!("`{key}` is a list of text, and this is {}", item.kind())),
                Some(text) if self.is_other_type(item, key, text) => {}
                Some(text) => texts.push(text.to_owned()),
            }
        }
        texts
    }

    /// Whether text without quotes is none to the API server, which then does not start.
    fn is_other_type(&mut self, node: &Node, key: &str, text: &str) -> bool {
        let Data::Ambiguous(_) = node.data else { return false };
        let Some(kind) = in_kubernetes(text) else { return false };
        let message = format!("`{key}` is text, and {} without quotes is {kind} to the API server, which refuses the policy", quote(text));
        self.found.push(Diagnostic::new(Code::PolicySyntax, message).at(node.location.clone()).help(format!("write \"{text}\"")));
        true
    }

    fn boolean(&mut self, node: &Node, key: &str) -> Option<bool> {
        let value = node.get(key)?;
        let is = value.as_bool();
        if is.is_none() && !matches!(value.data, Data::Null) {
            self.push(Code::PolicySyntax, value, format!("`{key}` is true or false, not {}", value.kind()));
        }
        is
    }
}

/// The items of the list at `key`; none if there is no list.
pub(super) fn list<'n>(node: &'n Node, key: &str) -> &'n [Node] {
    node.get(key).map(Node::items).unwrap_or_default()
}

/// RFC 1123, as `k8s.io/apimachinery pkg/util/validation` has it.
fn is_dns_subdomain(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() <= 253
        && text.split('.').all(|label| label.starts_with(edge) && label.ends_with(edge) && label.chars().all(|c| edge(c) || c == '-'))
}

#[cfg(test)]
mod tests {
    use super::VERBS;
    use crate::audit::types::RESOURCE_VERBS;

    #[test]
    fn a_rule_may_have_every_verb_of_resources() {
        assert_eq!(VERBS.get(..RESOURCE_VERBS.len()), Some(&RESOURCE_VERBS[..]));
    }
}
