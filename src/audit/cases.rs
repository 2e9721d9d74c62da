//! Expectations of a policy as data: who, verb, what, and the level that must
//! come of it.

use super::explain::{Explanation, explain};
use super::question::{Asker, Question, What};
use super::types::{LEVELS, Level, Policy, STAGES, Stage, Stages};
use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Location, nearest};
use crate::yaml::{Data, Fields, Node};

/// One expectation.
#[derive(Debug, Clone)]
pub struct Case {
    /// What the case is called, or the request in the words of `policy explain`.
    pub name: String,
    /// The request.
    pub question: Question,
    /// The level that must come of it.
    pub level: Level,
    /// The stages at which there must be an event, where the case says so.
    pub stages: Option<Stages>,
    /// Where the level was written.
    pub location: Location,
}

const FIELDS: &[&str] = &["name", "as", "groups", "unauthenticated", "verb", "what", "subresource", "namespace", "level", "stages"];

/// Reads a file of cases.
///
/// # Errors
/// `policy-cases`: everything in it that is no case.
pub fn read(document: &Node) -> Result<Vec<Case>, Diagnostics> {
    let mut fields = Fields::new(Code::PolicyCases, Code::PolicyCases);
    fields.only(document, "a file of cases", &["cases"]);
    let items = fields.list(document, "cases");
    if items.is_empty() && fields.found.items.is_empty() {
        fields.malformed(&document.location, "the file holds no `cases`".to_owned());
    }
    let cases = items.iter().filter_map(|item| case(item, &mut fields)).collect();
    fields.found.into_result(cases, &mut Diagnostics::new())
}

fn case(item: &Node, fields: &mut Fields) -> Option<Case> {
    if !matches!(item.data, Data::Map(_)) {
        fields.malformed(&item.location, format!("a case is a mapping, not {}", item.kind()));
        return None;
    }
    fields.only(item, "a case", FIELDS);
    let what = "a case";
    let name = fields.text(item, what, "name").map(|(name, _)| name);
    let asker = fields.text(item, what, "as").map(|(name, _)| name);
    let groups = strings(item, "groups", fields);
    let unauthenticated = match item.get("unauthenticated").map(|value| (&value.data, &value.location)) {
        None => false,
        Some((Data::Bool(value), _)) => *value,
        Some((_, location)) => {
            fields.malformed(location, "`unauthenticated` is true or false".to_owned());
            false
        }
    };
    if unauthenticated && (asker.is_some() || item.get("groups").is_some()) {
        fields.invalid(
            &item.location,
            "a request that failed authentication has no user: a case has `unauthenticated`, or `as` and `groups`".to_owned(),
        );
    }
    let verb = fields.required(item, what, "verb");
    let asked = fields.required(item, what, "what");
    let subresource = fields.text(item, what, "subresource").map(|(text, _)| text);
    let namespace = fields.text(item, what, "namespace").map(|(text, _)| text);
    let level = fields.required(item, what, "level");
    let stages = item.get("stages").map(|_| {
        let names = strings(item, "stages", fields);
        names.iter().filter_map(|name| known(name, "stage", STAGES, Stage::parse, &item.location, fields)).collect()
    });
    let (level, location) = level?;
    let level = known(&level, "level", LEVELS, Level::parse, &location, fields);
    let ((verb, _), (asked, at)) = (verb?, asked?);
    let parsed = What::parse(&asked, subresource, namespace).map_err(|why| fields.invalid(&at, why)).ok()?;
    let who = (!unauthenticated).then(|| Asker::new(asker, groups));
    let name = name.unwrap_or_else(|| format!("{verb} {asked}"));
    Some(Case { name, question: Question { who, verb, what: parsed }, level: level?, stages, location })
}

fn known<T>(name: &str, what: &str, names: &[&'static str], parse: fn(&str) -> Option<T>, at: &Location, fields: &mut Fields) -> Option<T> {
    let parsed = parse(name);
    if parsed.is_none() {
        let diagnostic = Diagnostic::new(Code::PolicyCases, format!("{} is no {what}", quote(name))).at(at.clone());
        fields.found.push(match nearest(name, names.iter().copied()) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help(format!("one of {}", names.join(", "))),
        });
    }
    parsed
}

fn strings(item: &Node, key: &str, fields: &mut Fields) -> Vec<String> {
    let mut texts = Vec::new();
    for value in fields.list(item, key) {
        match value.as_str() {
            Some(text) => texts.push(text.to_owned()),
            None => fields.malformed(&value.location, format!("`{key}` is a list of text, and this is {}", value.kind())),
        }
    }
    texts
}

impl Case {
    /// What the policy says, and the finding if that is not what is expected.
    pub fn run(&self, policy: &Policy) -> (Explanation, Option<Diagnostic>) {
        let explanation = explain(policy, &self.question.request());
        let decision = explanation.decision;
        let stages = self.stages.filter(|stages| *stages != explanation.stages);
        let message = if decision.level != self.level {
            let by = if decision.rule.is_some() { "" } else { ", for no rule matches" };
            format!("{}: the policy gives {}{by}, and the case expects {}", self.name, decision.level.name(), self.level.name())
        } else if let Some(stages) = stages {
            let names = |stages: Stages| if stages == Stages::default() { "none".to_owned() } else { stages.names().join(", ") };
            format!("{}: the stages are {}, and the case expects {}", self.name, names(explanation.stages), names(stages))
        } else {
            return (explanation, None);
        };
        let mut failed = Diagnostic::new(Code::PolicyCaseFailed, message).at(self.location.clone());
        if let Some(rule) = decision.rule.and_then(|index| policy.rules.get(index)) {
            failed = failed.related(rule.location.clone(), "this rule decides");
        }
        (explanation, Some(failed))
    }
}
