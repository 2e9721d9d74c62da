//! What a policy logs of everything that Kubernetes serves: the level of each
//! verb on each resource, and who gets another one.
//!
//! The level of a cell is that of the ordinary request: of a user in
//! `system:authenticated` whom no rule names, for an object whose name and
//! namespace no rule names. For which requests of the cell a rule decides
//! otherwise is found from the rules, as [`super::lint::reach`] does.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::lint::names::is_foreign;
use super::lint::reach::{Reach, Who, narrow};
use super::lint::shadow::shadow;
use super::question::{AUTHENTICATED, UNAUTHENTICATED};
use super::types::{Level, Policy, RESOURCE_VERBS, Request, Rule, Stage, Target, User};
use crate::kubernetes::{Minor, resources};

/// Who asks for a URL: an authenticated user, an anonymous one, one whose authentication failed.
pub const CALLERS: [&str; 3] = ["authenticated", "anonymous", "failed authentication"];
/// Paths of an API server that clients, probes and operators ask for.
const PATHS: &[&str] = &[
    "/",
    "/api",
    "/api/v1",
    "/apis",
    "/apis/apps/v1",
    "/debug/pprof/profile",
    "/healthz",
    "/healthz/etcd",
    "/livez",
    "/livez/etcd",
    "/logs",
    "/metrics",
    "/openapi/v2",
    "/openapi/v3",
    "/readyz",
    "/readyz/etcd",
    "/version",
];
/// How many decisions the rules may take that decide otherwise.
const BUDGET: usize = 50_000_000;

/// The answer.
#[derive(Debug)]
pub struct Coverage {
    /// Resources by group and name; last what Kubernetes does not serve itself.
    pub rows: Vec<Row>,
    /// Paths that are no resources.
    pub urls: Vec<UrlRow>,
    /// Rules of level None that decide something and name users or groups.
    pub exempt: Vec<usize>,
    /// Some rules' share in the cells could not be told: there are too many combinations.
    pub undecided: bool,
}

/// A resource, and the level of each of its verbs.
#[derive(Debug)]
pub struct Row {
    /// The API group; nothing for custom resources that the policy does not name.
    pub group: Option<String>,
    /// The resource, with its subresource.
    pub name: String,
    /// Whether its objects lie in namespaces.
    pub namespaced: bool,
    /// One for each of [`RESOURCE_VERBS`], if the resource has the verb.
    pub cells: [Option<Cell>; 8],
}

/// What becomes of the requests with one verb for one resource.
#[derive(Debug)]
pub struct Cell {
    /// What is logged of the ordinary one.
    pub level: Level,
    /// The rule that says so.
    pub rule: Option<usize>,
    /// Rules that give others another level: by user, group, namespace or name.
    pub others: Vec<usize>,
}

/// A path, and the level for each of [`CALLERS`].
#[derive(Debug)]
pub struct UrlRow {
    /// The path; a trailing `*` stands for what nobody names.
    pub path: String,
    /// The level and the rule that says so.
    pub cells: [(Level, Option<usize>); 3],
}

/// What a policy logs of the resources that API servers of any of `minors` serve.
/// Nothing if the policy uses each text that could stand for an unknown one.
pub fn coverage(policy: &Policy, minors: &[Minor]) -> Option<Coverage> {
    let reach = Reach::with_budget(policy, BUDGET)?;
    let mut undecided = false;
    let mut rows: Vec<Row> = kinds(policy, minors)
        .into_iter()
        .map(|kind| {
            let cells = RESOURCE_VERBS.map(|verb| kind.verbs.contains(&verb).then(|| cell(&reach, &kind, verb, &mut undecided)));
            Row { group: kind.group.map(str::to_owned), name: kind.name.to_owned(), namespaced: kind.namespaced, cells }
        })
        .collect();
    rows.sort_by(|a, b| (a.group.is_none(), &a.group, &a.name).cmp(&(b.group.is_none(), &b.group, &b.name)));
    let urls = paths(policy).into_iter().map(|path| url(&reach, path)).collect();
    let named = |rule: &Rule| rule.level == Level::None && !(rule.users.is_empty() && rule.user_groups.is_empty());
    let exempt = policy.rules.iter().enumerate().filter(|(_, rule)| named(rule)).map(|(index, _)| index);
    let exempt = exempt.filter(|index| shadow(&reach, *index).is_none()).collect();
    Some(Coverage { rows, urls, exempt, undecided })
}

/// A row before it is asked for.
struct Kind<'a> {
    group: Option<&'a str>,
    name: &'a str,
    namespaced: bool,
    verbs: Vec<&'a str>,
}

fn kinds<'p>(policy: &'p Policy, minors: &[Minor]) -> Vec<Kind<'p>> {
    let served = || resources::all().iter().filter(|resource| minors.iter().any(|minor| resource.is_in(*minor)));
    let mut kinds: Vec<Kind<'_>> = Vec::new();
    for resource in served() {
        match kinds.iter_mut().find(|kind| (kind.group, kind.name) == (Some(resource.group), resource.name)) {
            Some(kind) => kind.verbs.extend(&resource.verbs),
            None => kinds.push(Kind {
                group: Some(resource.group),
                name: resource.name,
                namespaced: resource.namespaced,
                verbs: resource.verbs.clone(),
            }),
        }
    }
    // Custom resources that the policy names, of which nobody knows more than the name.
    let entries = policy.rules.iter().flat_map(|rule| &rule.resources).filter(|entry| is_foreign(&entry.group));
    let named: BTreeSet<(&str, &str)> = entries
        .flat_map(|entry| {
            let names = entry.resources.iter().filter(|name| !name.contains('*')).map(String::as_str);
            names.chain([OTHERS]).map(|name| (entry.group.as_str(), name))
        })
        .collect();
    kinds.extend(named.into_iter().map(|(group, name)| Kind {
        group: Some(group),
        name,
        namespaced: true,
        verbs: RESOURCE_VERBS.to_vec(),
    }));
    kinds.push(Kind { group: None, name: OTHERS, namespaced: true, verbs: RESOURCE_VERBS.to_vec() });
    kinds
}

/// The name of the row of what no rule names.
pub const OTHERS: &str = "*";

fn cell(reach: &Reach<'_>, kind: &Kind<'_>, verb: &str, undecided: &mut bool) -> Cell {
    let stranger = reach.stranger.as_str();
    let group = kind.group.unwrap_or(stranger);
    let (resource, subresource) = kind.name.split_once('/').unwrap_or((kind.name, ""));
    let resource = if resource == OTHERS { stranger } else { resource };
    let nameless = verb == "deletecollection" || verb == "create" && subresource.is_empty();
    let name = if nameless || verb == "list" || verb == "watch" { "" } else { stranger };
    let itself = kind.group == Some("") && resource == "namespaces";
    let namespace = if kind.namespaced || itself && !name.is_empty() { stranger } else { "" };
    let groups = [Cow::Borrowed(AUTHENTICATED)];
    let target = Target::Resource { group, resource, subresource, namespace, name };
    let ordinary = reach.decide(&Request { user: Some(User { name: None, groups: &groups }), verb, target });
    let mut others = Vec::new();
    for (index, rule) in reach.policy.rules.iter().enumerate() {
        if rule.level == ordinary.level || !rule.verbs.is_empty() && !rule.verbs.iter().any(|listed| listed == verb) {
            continue;
        }
        let Some(mut narrowed) = narrow(rule, &[verb], group, resource, subresource) else { continue };
        // Only requests that there are: an object of a namespace is written in one, and some have no name.
        if !rule.namespaces.is_empty() {
            let across = verb == "list" || verb == "watch";
            let possible = |namespace: &String| itself || if namespace.is_empty() { !kind.namespaced || across } else { kind.namespaced };
            narrowed.namespaces.retain(possible);
            if narrowed.namespaces.is_empty() {
                continue;
            }
        } else if !kind.namespaced && !itself {
            narrowed.namespaces.push(String::new());
        }
        if nameless {
            narrowed.resources.retain(|entry| entry.resource_names.is_empty() || entry.resource_names.iter().any(String::is_empty));
            narrowed.resources.iter_mut().for_each(|entry| entry.resource_names = vec![String::new()]);
        }
        if narrowed.resources.is_empty() {
            continue;
        }
        match reach.decides(index, &narrowed, Who::Authenticated) {
            Ok(true) => others.push(index),
            Ok(false) => {}
            Err(_) => *undecided = true,
        }
    }
    Cell { level: ordinary.level, rule: ordinary.rule, others }
}

fn paths(policy: &Policy) -> BTreeSet<&str> {
    let named = policy.rules.iter().flat_map(|rule| &rule.non_resource_urls).map(String::as_str);
    PATHS.iter().copied().chain(named.filter(|path| *path != "*")).collect()
}

fn url(reach: &Reach<'_>, path: &str) -> UrlRow {
    let asked = match path.strip_suffix('*') {
        Some(prefix) => format!("{prefix}{}", reach.stranger),
        None => path.to_owned(),
    };
    let decide = |groups: Option<&[Cow<'_, str>]>, name| {
        let user = groups.map(|groups| User { name, groups });
        let decision = reach.decide(&Request { user, verb: "get", target: Target::Url(&asked) });
        // A failed authentication goes through one stage only.
        let is_lost = user.is_none() && decision.omit_stages.contains(Stage::ResponseStarted);
        (if is_lost { Level::None } else { decision.level }, decision.rule)
    };
    let cells = [
        decide(Some(&[Cow::Borrowed(AUTHENTICATED)]), None),
        decide(Some(&[Cow::Borrowed(UNAUTHENTICATED)]), Some("system:anonymous")),
        decide(None, None),
    ];
    UrlRow { path: path.to_owned(), cells }
}

impl Coverage {
    /// How many cells of the resources have each level, in the order of [`Level::ALL`].
    pub fn levels(&self) -> [usize; 4] {
        let mut counts = [0; 4];
        self.rows.iter().flat_map(|row| &row.cells).flatten().for_each(|cell| counts[cell.level as usize] += 1);
        counts
    }
}
