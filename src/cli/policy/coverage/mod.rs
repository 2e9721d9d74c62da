//! `packwright policy coverage`.

mod html;

use std::fmt::Write as _;

use clap::Args;
use serde_json::{Value, json};

use super::{PolicyArgs, refuse};
use crate::audit::coverage::{self, CALLERS, Coverage, OTHERS, Row};
use crate::audit::lint::lint;
use crate::audit::types::{Level, Policy, RESOURCE_VERBS, Rule};
use crate::cli::output::{self, Format, Outcome, Output};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::kubernetes::Minor;

/// Show what a policy logs of everything that Kubernetes serves: resource by verb, URLs, and who is exempt
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  packwright policy coverage policy.yaml
  packwright policy coverage policy.yaml --kubernetes-version 1.33 --format html > coverage.html

A level is that of an authenticated user, an object and a namespace that no rule names. `*` says that rules decide
otherwise for some that they do name. The HTML page is one file that asks for nothing from elsewhere.")]
pub struct CoverageCommand {
    #[command(flatten)]
    policy: PolicyArgs,

    /// The form of the report
    #[arg(long, value_enum, default_value_t)]
    format: Form,
}

/// The form of the report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// For people, in a terminal.
    #[default]
    Human,
    /// For machines, on standard output.
    Json,
    /// A page for a browser, on standard output.
    Html,
}

/// What a report is of.
struct Report<'a> {
    file: &'a str,
    policy: &'a Policy,
    minors: &'a [Minor],
    coverage: &'a Coverage,
    findings: &'a Diagnostics,
}

impl CoverageCommand {
    pub fn run(self) -> Outcome {
        let output = Output::new(if self.format == Form::Json { Format::Json } else { Format::Human });
        let mut found = Diagnostics::new();
        let (policy, document, minors) = match self.policy.read_document(&mut found) {
            Ok(read) => read,
            Err(errors) => return refuse(&output, found, errors),
        };
        let Some(coverage) = coverage::coverage(&policy, &minors) else {
            let why = "the policy uses every character that could stand for an unknown text";
            return refuse(&output, found, Diagnostic::new(Code::PolicyInvalid, why).into());
        };
        for minor in &minors {
            found.merge(lint(&policy, &document, *minor));
        }
        crate::check::redact_findings(&mut found);
        let report = Report { file: &self.policy.policy, policy: &policy, minors: &minors, coverage: &coverage, findings: &found };
        match self.format {
            Form::Html => {
                output::write(html::page(&report).as_bytes())?;
                Ok(0)
            }
            _ => output.done("", &words(&report), object(&report), found.clone()),
        }
    }
}

fn object(report: &Report<'_>) -> Value {
    let coverage = report.coverage;
    let cells = |row: &Row| -> serde_json::Map<String, Value> {
        let cells = RESOURCE_VERBS.iter().zip(&row.cells).filter_map(|(verb, cell)| Some((verb, cell.as_ref()?)));
        cells
            .map(|(verb, cell)| {
                ((*verb).to_owned(), json!({"level": cell.level.name(), "rule": cell.rule, "others": others(report.policy, &cell.others)}))
            })
            .collect()
    };
    let resources: Vec<Value> = coverage
        .rows
        .iter()
        .map(|row| json!({"group": row.group, "resource": row.name, "namespaced": row.namespaced, "verbs": cells(row)}))
        .collect();
    let urls: Vec<Value> = coverage
        .urls
        .iter()
        .map(|row| {
            let callers =
                CALLERS.iter().zip(row.cells).map(|(who, (level, rule))| ((*who).to_owned(), json!({"level": level.name(), "rule": rule})));
            json!({"url": row.path, "callers": callers.collect::<serde_json::Map<_, _>>()})
        })
        .collect();
    let exempt: Vec<Value> = coverage.exempt.iter().map(|index| rule_object(*index, &report.policy.rules[*index])).collect();
    json!({"kubernetesVersions": report.minors, "resources": resources, "urls": urls, "exempt": exempt, "undecided": coverage.undecided})
}

fn others(policy: &Policy, rules: &[usize]) -> Vec<Value> {
    rules.iter().map(|index| json!({"rule": index, "level": policy.rules[*index].level.name()})).collect()
}

fn rule_object(index: usize, rule: &Rule) -> Value {
    let resources: Vec<String> = resources(rule);
    json!({
        "rule": index,
        "users": rule.users,
        "groups": rule.user_groups,
        "verbs": rule.verbs,
        "resources": resources,
        "namespaces": rule.namespaces,
        "urls": rule.non_resource_urls,
    })
}

/// `pods`, `deployments.apps`, `*.apps` as `policy explain` takes them, with names if they are asked for.
fn resources(rule: &Rule) -> Vec<String> {
    let of = |group: &str, name: &str| if group.is_empty() { name.to_owned() } else { format!("{name}.{group}") };
    let entries = rule.resources.iter().flat_map(|entry| {
        let all = [OTHERS.to_owned()];
        let names = if entry.resources.is_empty() { all.to_vec() } else { entry.resources.clone() };
        let suffix = if entry.resource_names.is_empty() { String::new() } else { format!(" called {}", entry.resource_names.join(", ")) };
        names.into_iter().map(move |name| of(&entry.group, &name) + &suffix).collect::<Vec<_>>()
    });
    entries.collect()
}

/// What a rule asks for, list by list: the name of the list and what it holds.
fn asks(rule: &Rule) -> Vec<(&'static str, Vec<String>)> {
    let quoted = |list: &[String]| list.iter().map(|text| if text.is_empty() { "\"\"".to_owned() } else { text.clone() }).collect();
    let lists: [(&'static str, Vec<String>); 6] = [
        ("users", quoted(&rule.users)),
        ("groups", quoted(&rule.user_groups)),
        ("verbs", quoted(&rule.verbs)),
        ("resources", resources(rule)),
        ("namespaces", quoted(&rule.namespaces)),
        ("URLs", quoted(&rule.non_resource_urls)),
    ];
    lists.into_iter().filter(|(_, list)| !list.is_empty()).collect()
}

/// What a row is called.
fn name(row: &Row) -> String {
    match (&row.group, row.name.as_str()) {
        (None, _) => "custom resources".to_owned(),
        (Some(group), OTHERS) => format!("all else of {group}"),
        (Some(group), name) if group.is_empty() => name.to_owned(),
        (Some(group), name) => match name.split_once('/') {
            Some((resource, subresource)) => format!("{resource}.{group}/{subresource}"),
            None => format!("{name}.{group}"),
        },
    }
}

/// A level in as few letters as a column has.
fn short(level: Level) -> &'static str {
    match level {
        Level::None => "-",
        Level::Metadata => "meta",
        Level::Request => "req",
        Level::RequestResponse => "resp",
    }
}

fn words(report: &Report<'_>) -> String {
    let coverage = report.coverage;
    let mut text = String::from("- nothing   meta Metadata   req Request   resp RequestResponse   * rules decide otherwise for some\n\n");
    let names: Vec<String> = coverage.rows.iter().map(name).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default();
    let mut line = |name: &str, cells: &[String]| {
        let cells: String = cells.iter().map(|cell| format!("  {cell:<6}")).collect();
        let _ = writeln!(text, "{}", format!("{name:width$}{cells}").trim_end());
    };
    line("", &RESOURCE_VERBS.map(str::to_owned));
    for (row, name) in coverage.rows.iter().zip(&names) {
        let cells = row.cells.iter().map(|cell| match cell {
            None => String::new(),
            Some(cell) => format!("{}{}", short(cell.level), if cell.others.is_empty() { "" } else { "*" }),
        });
        line(name, &cells.collect::<Vec<_>>());
    }
    let width = coverage.urls.iter().map(|row| row.path.chars().count()).max().unwrap_or_default();
    let _ = writeln!(text, "\n{:width$}  {}", "", CALLERS.join("  "));
    for row in &coverage.urls {
        let cells: String = CALLERS.iter().zip(row.cells).map(|(who, (level, _))| format!("  {:<1$}", short(level), who.len())).collect();
        let _ = writeln!(text, "{}", format!("{:width$}{cells}", row.path).trim_end());
    }
    if !coverage.exempt.is_empty() {
        let _ = writeln!(text, "\nNothing is logged of:");
    }
    for index in &coverage.exempt {
        let rule = &report.policy.rules[*index];
        let asks: Vec<String> = asks(rule).into_iter().map(|(what, list)| format!("{what} {}", list.join(", "))).collect();
        let _ = writeln!(text, "rules[{index}] {}: {}", rule.location, asks.join("; "));
    }
    if coverage.undecided {
        let _ = writeln!(text, "\nNot every `*` could be told: some rules have too many combinations.");
    }
    text
}
