//! What lint says of policies: each code where it belongs, and silence where
//! a policy is right.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use packwright::audit::lint::lint;
use packwright::audit::policy;
use packwright::diagnostic::{Diagnostics, Severity, Source};
use packwright::kubernetes::Minor;
use packwright::yaml;

/// The findings on a policy with these rules: severity, code, line of the
/// rules' text, message and help.
fn said(rules: &str) -> String {
    said_of(&format!("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n{}", indent(rules)), 3, Minor(37))
}

fn indent(rules: &str) -> String {
    rules.lines().map(|line| format!("  {line}\n")).collect()
}

fn said_of(text: &str, before: usize, minor: Minor) -> String {
    let document = yaml::read(&Source::file("policy.yaml", text.to_owned()), &mut Diagnostics::new()).expect("YAML");
    let mut found = Diagnostics::new();
    let policy = policy::decode(&document, minor, &mut found).unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
    found.extend(lint(&policy, &document, minor));
    let mut said = String::new();
    for item in &found.items {
        assert!(item.severity != Severity::Error, "{item:?}");
        let line = |at: &packwright::diagnostic::Location| at.position().0 - before;
        let severity = if item.severity == Severity::Note { "note" } else { "warning" };
        let at = item.location.as_ref().map(line).expect("a place");
        let related: String = item.related.iter().map(|(at, what)| format!(" [{}: {what}]", line(at))).collect();
        let help = item.help.as_ref().expect("help");
        let _ = writeln!(said, "{at}: {severity}[{}]: {}{related}\n   {help}", item.code, item.message);
    }
    said
}

/// Ends a policy so that nothing but its rules is to blame.
const REST: &str = "\n- {level: None, userGroups: [system:authenticated, system:unauthenticated]}\n- level: Metadata\n";

#[test]
fn names_that_kubernetes_does_not_serve() {
    insta::assert_snapshot!(said(
        &(r#"- level: Metadata
  resources:
    - group: ""
      resources:
        - pod
        - Secrets
        - ConfigMap
        - po
        - log
        - pods/exce
        - foo/status
        - "*/resise"
        - deployments
        - apps/deployments
        - frobs
    - {group: apps, resources: [deployments/scale, "deployments/*", "*/status", secrets]}
    - {group: core, resources: [pods]}
    - {group: v1}
    - {group: rbac, resources: [role]}
    - {group: storge.k8s.io}
    - {group: settings.k8s.io}
    - {group: extensions, resources: [ingresses]}
    - {group: nodots}
    - {group: "*", resources: [Pod, pod, widgets, deployments]}
    - {group: example.com, resources: [Widgets, widget]}
    - {group: resource.k8s.io, resources: [resourceclasses]}"#
            .to_owned()
            + REST)
    ));
}

#[test]
fn names_that_are_right_or_may_be() {
    let rules = r#"- level: Metadata
  resources:
    - {group: "", resources: [pods, pods/log, "pods/*", "*/status", "*"]}
    - {group: metrics.k8s.io, resources: [pods, nodes]}
    - {group: gateway.networking.k8s.io, resources: [httproutes]}
    - {group: cluster.x-k8s.io, resources: [clusters]}
    - {group: "*", resources: [widgets, "*/scale"]}
    - {group: events.k8s.io}"#;
    let found = said(&(rules.to_owned() + REST));
    assert!(!found.contains("policy-unknown-resource"), "{found}");
}

#[test]
fn a_resource_of_another_minor_is_only_worth_knowing() {
    let policy = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- {level: Metadata, resources: [{group: resource.k8s.io, resources: [deviceclasses]}]}\n- {level: None, userGroups: [system:authenticated, system:unauthenticated]}\n- level: Metadata\n";
    assert_eq!(said_of(policy, 3, Minor(31)), "");
    insta::assert_snapshot!(said_of(policy, 3, Minor(30)));
}

#[test]
fn what_no_cluster_could_match() {
    insta::assert_snapshot!(said(
        &(r#"- level: None
  users: ["*", "system:serviceaccount:kube-system:*", "system:node:*", "ali*", alice]
  userGroups: ["*", "system:*"]
  namespaces: ["*", "kube-*", Prod]
- {level: Metadata, resources: [{group: "", resources: ["*/*"]}]}
- {level: Metadata, resources: [{group: "", resources: [pods], resourceNames: ["*"]}]}
- {level: Metadata, verbs: [create, deletecollection], resources: [{group: "", resources: [pods], resourceNames: [web]}]}
- {level: Metadata, verbs: [connect, post], resources: [{group: "", resources: [pods/exec]}]}
- {level: None, verbs: [list, create], nonResourceURLs: [/healthz]}
- {level: None, nonResourceURLs: [/api/v1/pods, "/apis/apps/v1/deployments*", "/livez?verbose"]}
- {level: Metadata, namespaces: [kube-system], resources: [{group: "", resources: [nodes, nodes/status, pods, namespaces]}]}"#
            .to_owned()
            + REST)
    ));
}

#[test]
fn what_looks_dead_and_is_not() {
    let rules = r#"- {level: None, verbs: [get, head], nonResourceURLs: ["/api*", "/apis/*", "/api/v1*", /api/v1/, "*"]}
- {level: Metadata, verbs: [create], resources: [{group: "", resources: [pods/exec], resourceNames: [web]}]}
- {level: Metadata, verbs: [deletecollection], resources: [{group: "", resources: [pods], resourceNames: [""]}]}
- {level: Metadata, namespaces: [default, ""], resources: [{group: "", resources: [nodes, secrets]}]}
- {level: Metadata, users: ["system:serviceaccount:a:b", "a b"], namespaces: [a-1]}"#;
    let found = said(&(rules.to_owned() + REST));
    assert!(!found.contains("policy-rule-dead"), "{found}");
}

#[test]
fn rules_that_never_decide() {
    insta::assert_snapshot!(said(
        r#"- {level: Metadata, resources: [{group: "", resources: [pods]}]}
- {level: Request, verbs: [create], resources: [{group: "", resources: [pods]}]}
- {level: None, users: [alice, bob], nonResourceURLs: ["/healthz*"]}
- {level: None, users: [alice], nonResourceURLs: [/healthz, "/healthz/*"]}
- {level: Metadata, namespaces: [a], resources: [{group: "", resources: ["secrets", configmaps]}]}
- {level: Metadata, namespaces: [""], resources: [{group: "", resources: ["*"]}]}
- {level: RequestResponse, namespaces: [a, ""], verbs: [get], resources: [{group: "", resources: [secrets]}]}
- {level: Metadata, verbs: [get], resources: [{group: apps}]}
- {level: Metadata, resources: [{group: apps}, {group: batch}]}
- {level: None, verbs: [get, list], resources: [{group: apps, resources: ["*/scale"]}]}
- {level: Metadata}
- {level: None, users: [carol]}"#
    ));
}

#[test]
fn resources_that_a_rule_never_decides_of() {
    // That of configmaps has the same level, and does no harm.
    let rules = r#"- {level: Metadata, resources: [{group: "", resources: [pods, configmaps]}]}
- {level: Metadata, verbs: [get], resources: [{group: "", resources: [services]}]}
- {level: None, verbs: [get, list], resources: [{group: "", resources: [nodes, pods, services]}]}
- {level: Metadata, resources: [{group: "", resources: [configmaps, endpoints]}]}"#;
    insta::assert_snapshot!(said(&(rules.to_owned() + REST)));
}

#[test]
fn rules_that_decide_something_yet() {
    // Each would be covered if subresources, groups, names, cluster scope or the rest did not count.
    let rules = r#"- {level: Metadata, resources: [{group: "", resources: [pods]}]}
- {level: Request, resources: [{group: "", resources: [pods/status]}]}
- {level: Request, resources: [{group: "", resources: ["pods/*"]}]}
- {level: Metadata, namespaces: [kube-system], resources: [{group: "", resources: [services]}]}
- {level: Request, namespaces: [kube-system, ""], resources: [{group: "", resources: [services]}]}
- {level: Metadata, resources: [{group: "", resources: [endpoints], resourceNames: [a, b]}]}
- {level: Request, resources: [{group: "", resources: [endpoints], resourceNames: [a, c]}]}
- {level: Metadata, userGroups: [a], resources: [{group: apps, resources: ["*/scale"]}]}
- {level: Request, users: [x], resources: [{group: apps, resources: ["*/scale"]}]}
- {level: Request, userGroups: [a, b], resources: [{group: apps, resources: [deployments/scale]}]}
- {level: None, nonResourceURLs: [/healthz, "/healthz/*"]}
- {level: None, nonResourceURLs: ["/healthz*"]}
- {level: Metadata, verbs: [get, list, watch], resources: [{group: batch}]}
- {level: Request, verbs: [get, create], resources: [{group: batch}]}"#;
    let found = said(&(rules.to_owned() + REST));
    assert!(!found.contains("policy-rule-shadowed"), "{found}");
}

#[test]
fn a_policy_without_a_last_rule_for_everything() {
    let quiet = "- {level: None, resources: [{group: coordination.k8s.io}, {group: \"\", resources: [events]}]}\n- {level: None, userGroups: [system:unauthenticated], nonResourceURLs: [\"*\"]}\n";
    insta::assert_snapshot!(said(&format!("{quiet}- {{level: Metadata, resources: [{{group: apps}}]}}\n")));
    insta::assert_snapshot!(said(&format!("{quiet}- {{level: Metadata, resources: [{{group: \"*\"}}]}}\n")));
    for last in [
        "level: None",
        "level: Metadata",
        "{level: None, verbs: [get, list, watch, create, update, patch, delete, deletecollection, post, put, head]}",
    ] {
        let found = said(&format!("{quiet}- {{level: Metadata, resources: [{{group: apps}}]}}\n- {last}\n"));
        assert!(!found.contains("policy-no-catch-all"), "{found}");
    }
}

/// What short lists have together is counted, and not made.
#[test]
fn lists_with_many_combinations_are_linted_quickly() {
    let list = |prefix: &str, count: usize| (0..count).map(|n| format!("{prefix}{n}")).collect::<Vec<_>>().join(",");
    let (namespaces, resources, names) = (list("n", 1500), list("r", 1500), list("x", 20));
    let rules = format!(
        "- {{level: Request, namespaces: [{namespaces}], resources: [{{group: e.io, resources: [{resources}], resourceNames: [{names}]}}]}}\n- level: Metadata\n"
    );
    let begun = std::time::Instant::now();
    said(&rules);
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}

#[test]
fn bodies_that_hold_credentials() {
    let rules = r#"- {level: Metadata, namespaces: [a], resources: [{group: "", resources: [secrets]}]}
- {level: Request, verbs: [get, list, watch, delete], resources: [{group: ""}, {group: authentication.k8s.io}]}
- {level: Request, verbs: [create], resources: [{group: "", resources: [serviceaccounts/token]}]}
- {level: Request, namespaces: [kube-system], resources: [{group: "", resources: [configmaps]}]}
- {level: Request, namespaces: [prod], resources: [{group: "", resources: ["*"]}]}
- {level: RequestResponse, resources: [{group: "", resources: ["*"]}]}
- {level: RequestResponse, resources: [{group: "*"}]}"#;
    insta::assert_snapshot!(said(&(rules.to_owned() + REST)));
    let safe = r#"- {level: Metadata, userGroups: [system:authenticated], resources: [{group: "", resources: [secrets, configmaps, serviceaccounts/token]}, {group: authentication.k8s.io, resources: [tokenreviews]}]}
- {level: RequestResponse, verbs: [create, update, get, list, patch]}"#;
    let found = said(&(safe.to_owned() + REST));
    assert!(!found.contains("policy-secret-bodies"), "{found}");
}

#[test]
fn failed_authentications_that_are_not_logged() {
    let policy =
        |head: &str, rules: &str| said_of(&format!("apiVersion: audit.k8s.io/v1\nkind: Policy\n{head}rules:\n{rules}"), 2, Minor(37));
    let lost =
        |found: String| found.lines().filter(|line| line.contains("policy-lost-401")).map(|line| format!("{line}\n")).collect::<String>();
    let of_policy = policy("omitStages: [RequestReceived, ResponseStarted]\n", "- level: Metadata\n");
    let of_rule = policy("", "- {level: Metadata, omitStages: [ResponseStarted]}\n");
    let of_groups = policy("", "- {level: Metadata, userGroups: [system:authenticated, system:unauthenticated]}\n");
    insta::assert_snapshot!([lost(of_policy), lost(of_rule), lost(of_groups)].concat());
    for (head, rules) in [
        ("omitStages: [RequestReceived]\n", "- level: Metadata\n"),
        ("omitStages: [ResponseStarted]\n", "- level: None\n"),
        ("", "- {level: Metadata, users: [a], omitStages: [ResponseStarted]}\n- level: Metadata\n"),
        ("", "- {level: None, userGroups: [system:authenticated, system:unauthenticated]}\n"),
    ] {
        assert_eq!(lost(policy(head, rules)), "");
    }
}

#[test]
fn lists_of_all_namespaces_that_pass_a_rule() {
    let rules = r#"- {level: Metadata, namespaces: [kube-system], resources: [{group: "", resources: [secrets]}]}
- {level: RequestResponse, namespaces: [prod], verbs: [list, create], resources: [{group: apps}]}
- {level: Metadata, namespaces: [kube-system], verbs: [create], resources: [{group: batch}]}
- {level: Metadata, namespaces: [kube-system, ""], resources: [{group: policy}]}
- {level: Metadata, namespaces: [kube-system], resources: [{group: "", resources: [pods/log, namespaces]}]}
- {level: Metadata, resources: [{group: apps}]}
- {level: Request, namespaces: [prod], resources: [{group: networking.k8s.io}]}
- {level: Metadata, resources: [{group: networking.k8s.io}]}"#;
    let found = said(&(rules.to_owned() + REST));
    let found: Vec<&str> = found.split_inclusive('\n').skip_while(|line| !line.contains("cluster-wide")).collect();
    insta::assert_snapshot!(found.concat());
}

#[test]
fn exec_by_websocket_that_passes_a_rule() {
    let rule = |rules: &str| {
        let found = said(rules);
        found.lines().filter(|line| line.contains("policy-exec-create-only")).map(|line| format!("{line}\n")).collect::<String>()
    };
    let only = "- {level: Metadata, verbs: [create], resources: [{group: \"\", resources: [pods/exec, pods/attach]}]}\n";
    let whole = "- {level: Request, verbs: [create, update, patch, delete], resources: [{group: \"\"}]}\n";
    insta::assert_snapshot!([rule(&format!("{only}- level: None\n")), rule(whole), rule(&format!("{only}{REST}"))].concat());
    assert_eq!(rule(&format!("{only}- level: Metadata\n")), "");
    assert_eq!(
        rule(&format!(
            "- {{level: Metadata, resources: [{{group: \"\", resources: [pods/exec, pods/attach, pods/portforward]}}]}}\n{whole}"
        )),
        ""
    );
    assert_eq!(rule("- {level: None, verbs: [create], resources: [{group: \"\", resources: [pods/exec]}]}\n"), "");
}

#[test]
fn what_a_cluster_repeats() {
    insta::assert_snapshot!(said(
        "- {level: RequestResponse, verbs: [patch], resources: [{group: \"\", resources: [nodes/status]}]}\n- level: Metadata\n"
    ));
    assert_eq!(said("- level: Metadata\n"), "");
}

#[test]
fn the_bundled_policies_are_right() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = String::new();
    for overlay in ["none", "recommended", "cis", "stig", "webhook", "tutorial", "palette-pxk"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_packwright"));
        command.current_dir(root).args(["render", "kube-apiserver-audit", "--file", "files/etc/kubernetes/audit-policy.yaml"]);
        if overlay != "none" {
            command.args(["-f", &format!("values/{overlay}.yaml")]);
        }
        let policy = folder.path().join("policy.yaml");
        let rendered = command.output().expect("the binary runs").stdout;
        let rendered = if rendered.is_empty() { render_palette(root) } else { rendered };
        fs::write(&policy, rendered).expect("written");
        let linted = Command::new(env!("CARGO_BIN_EXE_packwright"))
            .current_dir(folder.path())
            .args(["policy", "lint", "policy.yaml", "--kubernetes-version", "1.28-1.37"])
            .output()
            .expect("the binary runs");
        assert_eq!(linted.status.code(), Some(0));
        let stderr = String::from_utf8(linted.stderr).expect("text");
        let titles: Vec<&str> = stderr.lines().filter(|line| line.contains("[policy-") || line.starts_with("nothing")).collect();
        let _ = writeln!(all, "{overlay}:\n{}", titles.join("\n"));
    }
    insta::assert_snapshot!(all);
}

/// Palette's own path of the policy.
fn render_palette(root: &Path) -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_packwright"))
        .current_dir(root)
        .args(["render", "kube-apiserver-audit", "-f", "values/palette-pxk.yaml", "--set", "policy.path=/etc/kubernetes/audit-policy.yaml"])
        .args(["--file", "files/etc/kubernetes/audit-policy.yaml"])
        .output()
        .expect("the binary runs");
    output.stdout
}

#[test]
fn a_policy_that_is_refused_is_not_linted_further() {
    let folder = tempfile::tempdir().expect("a folder");
    let lint = |policy: &str, more: &[&str]| {
        fs::write(folder.path().join("policy.yaml"), policy).expect("written");
        let output = Command::new(env!("CARGO_BIN_EXE_packwright"))
            .current_dir(folder.path())
            .args(["policy", "lint", "policy.yaml"])
            .args(more)
            .output()
            .expect("the binary runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        format!("{}{}status {}\n", text(output.stdout), text(output.stderr), output.status.code().expect("a status"))
    };
    let bad =
        lint("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- {level: Metdata, resources: [{group: \"\", resources: [pod]}]}\n", &[]);
    let old = lint(
        "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- {level: Metadata, resources: [{group: \"*\"}]}\n- level: Metadata\n",
        &["--kubernetes-version", "1.35-1.36"],
    );
    let json = lint(
        "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- {level: None, resources: [{group: \"\", resources: [pod]}]}\n- level: Metadata\n",
        &["--format", "json", "--kubernetes-version", "1.28-1.37"],
    );
    insta::assert_snapshot!([bad, old, json].join("\n"));
}

/// Each code's page has an input that triggers it, and what is said of it.
#[test]
fn the_pages_say_what_lint_says() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/codes.md")).expect("the page");
    let mut checked = 0;
    for section in page.split("\n### ").filter(|section| section.contains("\n$ packwright policy lint policy.yaml\n")) {
        let block =
            |language: &str| section.split(&format!("```{language}\n")).nth(1).and_then(|rest| rest.split("```").next()).expect("a block");
        let said = said_of(&format!("apiVersion: audit.k8s.io/v1\nkind: Policy\n{}", block("yaml")), 2, Minor(37));
        for line in block("console").lines().skip(1) {
            let line = line.trim_start_matches("  = help: ");
            assert!(said.contains(line), "{line}\nis not in\n{said}");
        }
        checked += 1;
    }
    assert_eq!(checked, 9);
}
