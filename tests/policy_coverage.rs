//! `packwright policy coverage`: each level is the one that `explain` gives,
//! each exception is one, and the page stands alone.

use std::borrow::Cow;
use std::fs;
use std::process::{Command, Output};

use packwright::audit::coverage::coverage;
use packwright::audit::explain::explain;
use packwright::audit::policy;
use packwright::audit::types::{Policy, RESOURCE_VERBS, Request, Target, User};
use packwright::diagnostic::{Diagnostics, Source};
use packwright::kubernetes::Minor;
use packwright::yaml;
use serde_json::{Value, json};

const POLICY: &str = r#"apiVersion: audit.k8s.io/v1
kind: Policy
rules:
  - level: None
    users: [system:kube-proxy, "<script>alert(1)</script>"]
    verbs: [watch]
    resources:
      - group: ""
        resources: [endpoints, services]
  - level: None
    userGroups: [system:nodes]
    namespaces: [kube-node-lease]
    resources:
      - group: coordination.k8s.io
        resources: [leases]
  - level: Metadata
    resources:
      - group: ""
        resources: [secrets, configmaps, serviceaccounts/token]
      - group: authentication.k8s.io
        resources: [tokenreviews]
  - level: None
    userGroups: [system:authenticated]
    nonResourceURLs: [/healthz*]
  - level: RequestResponse
    namespaces: [prod, ""]
    resources:
      - group: apps
      - group: rbac.authorization.k8s.io
  - level: Request
    verbs: [create, deletecollection]
    resources:
      - group: ""
        resources: [pods]
        resourceNames: [web]
      - group: example.com
        resources: [widgets]
  - level: None
    namespaces: [""]
    resources:
      - group: batch
  - level: Request
    namespaces: [kube-system]
    resources:
      - group: ""
        resources: [nodes, namespaces]
  - level: Metadata
  - level: None
    users: [late]
"#;

fn packwright(format: &str, policy: &str) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("policy.yaml"), policy).expect("written");
    Command::new(env!("CARGO_BIN_EXE_packwright"))
        .current_dir(folder.path())
        .args(["policy", "coverage", "policy.yaml", "--kubernetes-version", "1.33", "--format", format])
        .output()
        .expect("the binary runs")
}

fn text(output: Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn decoded(text: &str) -> Policy {
    let document = yaml::read(&Source::file("policy.yaml", text.to_owned()), &mut Diagnostics::new()).expect("YAML");
    policy::decode(&document, Minor(33), &mut Diagnostics::new()).expect("a policy")
}

#[test]
fn a_terminal_shows_levels_exceptions_urls_and_who_is_exempt() {
    let all = text(packwright("human", POLICY));
    let names = [
        "endpoints ",
        "events ",
        "leases",
        "pods ",
        "secrets ",
        "serviceaccounts/token",
        "deployments.apps",
        "roles",
        "clusterroles.",
        "nodes ",
        "all else",
        "widgets",
        "custom",
        "/healthz",
        "/ ",
    ];
    let shown: Vec<&str> = all
        .lines()
        .enumerate()
        .filter(|(index, line)| *index < 3 || line.starts_with(' ') || names.iter().any(|name| line.starts_with(name)))
        .map(|(_, line)| line)
        .collect();
    let exempt = all.split_once("Nothing is logged of:").expect("somebody").1;
    insta::assert_snapshot!(format!("{}\n{exempt}", shown.join("\n")));
}

#[test]
fn json_has_the_same() {
    let said: Value = serde_json::from_str(&text(packwright("json", POLICY))).expect("JSON");
    assert_eq!(said["kubernetesVersions"], json!(["1.33"]));
    let row = |group: Value, name: &str| {
        said["resources"]
            .as_array()
            .expect("rows")
            .iter()
            .find(|row| row["group"] == group && row["resource"] == name)
            .expect("a row")
            .clone()
    };
    assert_eq!(
        row(json!(""), "services")["verbs"]["watch"],
        json!({"level": "Metadata", "rule": 8, "others": [{"rule": 0, "level": "None"}]})
    );
    assert_eq!(row(json!(""), "secrets")["verbs"]["get"], json!({"level": "Metadata", "rule": 2, "others": []}));
    // A list can be of all namespaces, an update cannot; what is in no namespace is reached by "".
    let deployments = row(json!("apps"), "deployments");
    assert_eq!(deployments["verbs"]["update"]["others"], json!([{"rule": 4, "level": "RequestResponse"}]));
    assert_eq!(
        row(json!("rbac.authorization.k8s.io"), "clusterroles")["verbs"]["get"],
        json!({"level": "RequestResponse", "rule": 4, "others": []})
    );
    // Rules for what is in no namespace, and for a namespace.
    let jobs = row(json!("batch"), "jobs");
    assert_eq!(jobs["verbs"]["list"]["others"], json!([{"rule": 6, "level": "None"}]));
    assert_eq!(jobs["verbs"]["update"]["others"], json!([]));
    assert_eq!(row(json!(""), "nodes")["verbs"]["get"]["others"], json!([]));
    assert_eq!(row(json!(""), "namespaces")["verbs"]["get"]["others"], json!([{"rule": 7, "level": "Request"}]));
    // Neither a create nor a deletecollection has a name that rules[5] could ask for.
    assert_eq!(row(json!(""), "pods")["verbs"]["create"]["others"], json!([]));
    assert_eq!(row(json!("example.com"), "widgets")["verbs"]["create"], json!({"level": "Request", "rule": 5, "others": []}));
    assert_eq!(row(Value::Null, "*")["verbs"]["get"], json!({"level": "Metadata", "rule": 8, "others": []}));
    let url = said["urls"].as_array().expect("rows").iter().find(|row| row["url"] == "/healthz").expect("a row");
    assert_eq!(url["callers"]["authenticated"], json!({"level": "None", "rule": 3}));
    assert_eq!(url["callers"]["failed authentication"], json!({"level": "Metadata", "rule": 8}));
    let exempt: Vec<&Value> = said["exempt"].as_array().expect("rules").iter().map(|rule| &rule["rule"]).collect();
    assert_eq!(exempt, [0, 1, 3]);
    assert!(row(json!(""), "pods")["verbs"].get("proxy").is_none() && row(json!(""), "pods/log")["verbs"].get("list").is_none());
}

#[test]
fn each_cell_is_what_explain_says() {
    let root = env!("CARGO_MANIFEST_DIR");
    for overlay in ["recommended", "cis", "stig"] {
        let rendered = Command::new(env!("CARGO_BIN_EXE_packwright"))
            .current_dir(root)
            .args([
                "render",
                "kube-apiserver-audit",
                "-f",
                &format!("values/{overlay}.yaml"),
                "--file",
                "files/etc/kubernetes/audit-policy.yaml",
            ])
            .output()
            .expect("the binary runs");
        let policy = decoded(&String::from_utf8(rendered.stdout).expect("text"));
        let mut cells = 0;
        for row in coverage(&policy, &[Minor(33)]).expect("an answer").rows {
            let group = row.group.as_deref().unwrap_or("nobody.example");
            let (resource, subresource) = row.name.split_once('/').unwrap_or((&row.name, ""));
            for (verb, cell) in RESOURCE_VERBS.iter().zip(&row.cells) {
                let Some(cell) = cell else { continue };
                let nameless = ["list", "watch", "deletecollection"].contains(verb) || *verb == "create" && subresource.is_empty();
                let namespace = if row.namespaced || resource == "namespaces" && !nameless { "anywhere" } else { "" };
                let name = if nameless { "" } else { "anything" };
                let groups = [Cow::Borrowed("system:authenticated")];
                let user = Some(User { name: Some("anybody"), groups: &groups });
                let target = Target::Resource { group, resource, subresource, namespace, name };
                let decision = explain(&policy, &Request { user, verb, target }).decision;
                assert_eq!((cell.level, cell.rule), (decision.level, decision.rule), "{overlay}: {verb} {group} {}", row.name);
                cells += 1;
            }
        }
        assert!(cells > 500);
    }
}

#[test]
fn the_page_stands_alone_and_shows_text_as_text() {
    let page = text(packwright("html", POLICY));
    assert!(page.starts_with("<!doctype html>\n<html lang=\"en\">") && page.ends_with("</html>\n"));
    for loads in ["<script", "<img", "<link", "<iframe", "@import", "url(", "http:", "https:", "src="] {
        assert!(!page.contains(loads), "{loads}");
    }
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    for scheme in ["prefers-color-scheme: dark", "default-src 'none'", "tabindex=\"0\"", "class=\"skip\""] {
        assert!(page.contains(scheme), "{scheme}");
    }
    // Each link leads somewhere.
    for link in page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(page.contains(&format!("id=\"{link}\"")), "{link}");
    }
    // What is coloured is also said.
    let cells =
        page.matches("<td class=\"").count() - page.matches("<td class=\"no\"").count() - page.matches("<td class=\"also\"").count();
    assert_eq!(cells, page.matches("<span class=\"ear\">").count());
}

#[test]
fn a_failed_authentication_is_lost_with_its_stage() {
    let policy = |head: &str| decoded(&format!("apiVersion: audit.k8s.io/v1\nkind: Policy\n{head}rules:\n- level: Metadata\n"));
    let lost = |head: &str| coverage(&policy(head), &[Minor(33)]).expect("an answer").urls[0].cells.map(|(level, _)| level.name());
    assert_eq!(lost("omitStages: [RequestReceived]\n"), ["Metadata", "Metadata", "Metadata"]);
    assert_eq!(lost("omitStages: [ResponseStarted]\n"), ["Metadata", "Metadata", "None"]);
}

#[test]
fn a_policy_with_errors_is_refused() {
    let output = packwright("html", "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: []\n");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
}
