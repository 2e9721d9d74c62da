//! The page: one file, without scripts, that loads nothing. Levels are said in
//! words as well as in colour, and in the colours that the reader's system has.

use std::fmt::Write as _;

use super::{Report, asks, name, short};
use crate::audit::coverage::{CALLERS, Cell, Row};
use crate::audit::types::{Level, RESOURCE_VERBS};
use crate::diagnostic::Severity;

/// The whole page.
pub(super) fn page(report: &Report<'_>) -> String {
    let file = escape(if report.file == "-" { "standard input" } else { report.file });
    let minors: Vec<String> = report.minors.iter().map(ToString::to_string).collect();
    let mut html = String::from("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    html.push_str(
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n",
    );
    html.push_str("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n");
    let _ = writeln!(html, "<title>What {file} logs</title>\n<style>\n{}</style>\n</head>\n<body>", include_str!("page.css"));
    html.push_str("<a class=\"skip\" href=\"#resources\">Skip to the resources</a>\n");
    let rules = report.policy.rules.len();
    let plural = if rules == 1 { "" } else { "s" };
    let _ = writeln!(
        html,
        "<header>\n<h1>What the audit policy logs</h1>\n<p class=\"of\"><b>{file}</b>, {rules} rule{plural}, Kubernetes {}</p>\n</header>\n<main>",
        escape(&minors.join(", "))
    );
    glance(report, &mut html);
    findings(report, &mut html);
    resources(report, &mut html);
    urls(report, &mut html);
    rule_list(report, &mut html);
    html.push_str("</main>\n</body>\n</html>\n");
    html
}

/// What somebody wants to know first: the resource and the verb that stand for it.
const QUESTIONS: [(&str, &str, &str, &str); 8] = [
    ("Reading Secrets", "", "secrets", "get"),
    ("Writing Secrets", "", "secrets", "update"),
    ("Requesting tokens", "", "serviceaccounts/token", "create"),
    ("Sessions in containers", "", "pods/exec", "create"),
    ("Changing permissions", "rbac.authorization.k8s.io", "clusterrolebindings", "create"),
    ("Changing workloads", "apps", "deployments", "patch"),
    ("Reading workloads", "", "pods", "list"),
    ("Deleting Events", "", "events", "delete"),
];

fn glance(report: &Report<'_>, html: &mut String) {
    let coverage = report.coverage;
    html.push_str("<section aria-labelledby=\"glance\">\n<h2 id=\"glance\">At a glance</h2>\n<ul class=\"cards\">\n");
    let mut card = |what: &str, level: Level, some: bool| {
        let some = if some { "<span class=\"some\">otherwise for some</span>" } else { "" };
        let _ = writeln!(
            html,
            "<li><span class=\"what\">{what}</span><span class=\"level {}\">{}</span>{some}</li>",
            class(level),
            level.name()
        );
    };
    for (what, group, name, verb) in QUESTIONS {
        let row = coverage.rows.iter().find(|row| row.group.as_deref() == Some(group) && row.name == name);
        let column = RESOURCE_VERBS.iter().position(|column| *column == verb);
        if let Some(cell) = row.zip(column).and_then(|(row, column)| row.cells[column].as_ref()) {
            card(what, cell.level, !cell.others.is_empty());
        }
    }
    if let Some(cell) = coverage.rows.last().and_then(|row| row.cells[3].as_ref()) {
        card("Custom resources", cell.level, !cell.others.is_empty());
    }
    if let Some(row) = coverage.urls.iter().find(|row| row.path == "/") {
        card("Failed authentication", row.cells[2].0, false);
    }
    html.push_str("</ul>\n");
    let counts = coverage.levels();
    let all: usize = counts.iter().sum();
    html.push_str("<div class=\"bar\" aria-hidden=\"true\">");
    for (level, count) in Level::ALL.iter().zip(counts).filter(|(_, count)| *count > 0) {
        let _ = write!(html, "<span class=\"{}\" style=\"flex-grow:{count}\"></span>", class(*level));
    }
    html.push_str("</div>\n<p class=\"legend\">");
    for (level, count) in Level::ALL.iter().zip(counts) {
        let share = (count * 100 + all / 2).checked_div(all).unwrap_or_default();
        let _ = write!(html, "<span><i class=\"{}\">{}</i> {} {share}&#8239;%</span> ", class(*level), short(*level), level.name());
    }
    html.push_str("of the verbs of all resources</p>\n</section>\n");
}

fn findings(report: &Report<'_>, html: &mut String) {
    html.push_str("<section aria-labelledby=\"findings\">\n<h2 id=\"findings\">What the linter says</h2>\n");
    if report.findings.items.is_empty() {
        html.push_str("<p>Nothing.</p>\n</section>\n");
        return;
    }
    html.push_str("<ul class=\"findings\">\n");
    for item in &report.findings.items {
        let word = if item.severity == Severity::Note { "note" } else { "warning" };
        let line = item.location.as_ref().map(|at| format!(" <span class=\"at\">line {}</span>", at.position().0)).unwrap_or_default();
        let help = item.help.as_ref().map(|help| format!("<br><span class=\"help\">{}</span>", escape(help))).unwrap_or_default();
        let _ =
            writeln!(html, "<li class=\"{word}\"><b>{word}</b> <code>{}</code>{line}<br>{}{help}</li>", item.code, escape(&item.message));
    }
    html.push_str("</ul>\n</section>\n");
}

fn resources(report: &Report<'_>, html: &mut String) {
    let coverage = report.coverage;
    html.push_str("<section aria-labelledby=\"resources\">\n<h2 id=\"resources\">Resources</h2>\n");
    html.push_str("<p>The level of a request of an authenticated user, for an object and in a namespace that no rule names, and the number of the rule that decides. The last column has the rules that decide otherwise for some users, groups, namespaces or names.</p>\n");
    if coverage.undecided {
        html.push_str("<p>Not all of the last column could be told: some rules have too many combinations.</p>\n");
    }
    html.push_str("<div class=\"scroll\" role=\"region\" aria-labelledby=\"resources\" tabindex=\"0\">\n<table>\n<thead><tr><th scope=\"col\">Resource</th>");
    for verb in RESOURCE_VERBS {
        // A long word may break where it is made of two.
        let verb = verb.replace("deletecollection", "delete&shy;collection");
        let _ = write!(html, "<th scope=\"col\">{verb}</th>");
    }
    html.push_str("<th scope=\"col\">Otherwise</th></tr></thead>\n");
    let mut group: Option<&Option<String>> = None;
    for row in &coverage.rows {
        if group != Some(&row.group) {
            let title = match row.group.as_deref() {
                None => "Everything else",
                Some("") => "core",
                Some(name) => name,
            };
            let end = if group.is_some() { "</tbody>\n" } else { "" };
            let _ = writeln!(html, "{end}<tbody>\n<tr class=\"group\"><th scope=\"colgroup\" colspan=\"10\">{}</th></tr>", escape(title));
            group = Some(&row.group);
        }
        let title = if row.group.is_some() && row.name != super::OTHERS { row.name.clone() } else { name(row) };
        let _ = write!(html, "<tr><th scope=\"row\">{}</th>", escape(&title));
        row.cells.iter().for_each(|cell| html.push_str(&level_cell(cell.as_ref())));
        let _ = writeln!(html, "<td class=\"also\">{}</td></tr>", also(report, row));
    }
    html.push_str("</tbody>\n</table>\n</div>\n</section>\n");
}

fn level_cell(cell: Option<&Cell>) -> String {
    let Some(cell) = cell else { return "<td class=\"no\"></td>".to_owned() };
    let star = if cell.others.is_empty() { "" } else { "*" };
    decided(cell.level, cell.rule, star)
}

/// A cell for eyes, and the same in words for ears.
fn decided(level: Level, rule: Option<usize>, star: &str) -> String {
    let (number, by) = match rule {
        Some(rule) => (rule.to_string(), format!("by rule {rule}")),
        None => (String::new(), "by no rule".to_owned()),
    };
    let some = if star.is_empty() { "" } else { ", otherwise for some" };
    format!(
        "<td class=\"{}\"><span aria-hidden=\"true\">{}{star} <small>{number}</small></span><span class=\"ear\">{} {by}{some}</span></td>",
        class(level),
        short(level),
        level.name()
    )
}

fn also(report: &Report<'_>, row: &Row) -> String {
    let mut rules: Vec<usize> = row.cells.iter().flatten().flat_map(|cell| cell.others.iter().copied()).collect();
    rules.sort_unstable();
    rules.dedup();
    let link = |index: &usize| format!("<a href=\"#rule-{index}\">{index} {}</a>", short_word(report.policy.rules[*index].level));
    rules.iter().map(link).collect::<Vec<_>>().join(", ")
}

fn short_word(level: Level) -> &'static str {
    if level == Level::None { "none" } else { short(level) }
}

fn urls(report: &Report<'_>, html: &mut String) {
    html.push_str("<section aria-labelledby=\"urls\">\n<h2 id=\"urls\">URLs that are no resources</h2>\n<p>The level of a GET request, by who asks.</p>\n");
    html.push_str("<div class=\"scroll\" role=\"region\" aria-labelledby=\"urls\" tabindex=\"0\">\n<table class=\"narrow\">\n<thead><tr><th scope=\"col\">Path</th>");
    for who in CALLERS {
        let _ = write!(html, "<th scope=\"col\">{who}</th>");
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for row in &report.coverage.urls {
        let cells: String = row.cells.iter().map(|(level, rule)| decided(*level, *rule, "")).collect();
        let _ = writeln!(html, "<tr><th scope=\"row\">{}</th>{cells}</tr>", escape(&row.path));
    }
    html.push_str("</tbody>\n</table>\n</div>\n</section>\n");
}

fn rule_list(report: &Report<'_>, html: &mut String) {
    html.push_str("<section aria-labelledby=\"rules\">\n<h2 id=\"rules\">Rules</h2>\n<p>The first that matches decides. Who is exempt: rules of level None that name users or groups.</p>\n<ol start=\"0\" class=\"rules\">\n");
    for (index, rule) in report.policy.rules.iter().enumerate() {
        let exempt = if report.coverage.exempt.contains(&index) { " <span class=\"some\">exempt</span>" } else { "" };
        let _ = write!(
            html,
            "<li id=\"rule-{index}\"><b>{index}</b> <span class=\"level {}\">{}</span>{exempt} <span class=\"at\">line {}</span>",
            class(rule.level),
            rule.level.name(),
            rule.location.position().0
        );
        let asks = asks(rule);
        if asks.is_empty() {
            html.push_str(" every request");
        }
        for (what, list) in asks {
            let _ = write!(html, "<br>{what}: {}", escape(&list.join(", ")));
        }
        html.push_str("</li>\n");
    }
    html.push_str("</ol>\n</section>\n");
}

fn class(level: Level) -> &'static str {
    ["none", "meta", "req", "resp"][level as usize]
}

/// Text that a policy's author wrote, as text of the page.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
