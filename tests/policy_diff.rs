//! `packwright policy diff`: what it says is true of every request, in the
//! words in which it says it.

use std::borrow::Cow;
use std::fs;
use std::process::Command;

use packwright::audit::diff::{Change, Listed, diff, diff_managed_fields, diff_stages};
use packwright::audit::explain::explain;
use packwright::audit::types::{Decision, GroupResources, Level, Policy, Request, Rule, Stage, Stages, Target, User};
use packwright::diagnostic::Source;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

/// Whether a change describes a request, read as its documentation says.
fn describes<V>(change: &Change<V>, request: &Request<'_>) -> bool {
    let listed = |list: &Listed, text: &str| {
        (list.only.is_empty() || list.only.iter().any(|item| item == text)) && !list.except.iter().any(|item| item == text)
    };
    let name = request.user.and_then(|user| user.name).unwrap_or("somebody else");
    let groups = request.user.map_or(&[][..], |user| user.groups);
    let in_one = |list: &[String]| groups.iter().any(|group| list.iter().any(|item| item == group));
    let who = listed(&change.users, name) && change.groups.iter().all(|list| in_one(list)) && !in_one(&change.except_groups);
    let every = change.resources == Listed::default() && change.urls == Listed::default();
    let what = every
        || match request.target {
            Target::Url(path) => {
                let matches = |url: &String| url.strip_suffix('*').map_or(url == path, |prefix| path.starts_with(prefix));
                // Of two that match a path the longer one has the last word, and that without `*` before it.
                let longest = |list: &[String]| {
                    list.iter().filter(|url| matches(url)).map(|url| (url.trim_end_matches('*').len(), !url.ends_with('*'))).max()
                };
                longest(&change.urls.only).is_some_and(|only| longest(&change.urls.except).is_none_or(|except| except < only))
            }
            Target::Resource { group, resource, subresource, namespace, name } => {
                let matches = |text: &String| {
                    let (kind, sub) = text.split_once('/').map_or((text.as_str(), None), |(kind, sub)| (kind, Some(sub)));
                    let (wanted, of) = kind.split_once('.').unwrap_or((kind, ""));
                    let sub = match (wanted, sub) {
                        (_, Some("*")) | ("*", None) => true,
                        (_, sub) => sub.unwrap_or_default() == subresource,
                    };
                    sub && (wanted == "*" || wanted == resource) && (of == "*" || of == group)
                };
                change.resources.only.iter().any(matches)
                    && !change.resources.except.iter().any(matches)
                    && listed(&change.namespaces, namespace)
                    && listed(&change.names, name)
            }
        };
    who && listed(&change.verbs, request.verb) && what
}

fn some_of(words: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    prop_oneof![3 => Just(Vec::new()), 1 => vec(select(words).prop_map(str::to_owned), 1..3)]
}

fn rule() -> impl Strategy<Value = Rule> {
    let kinds = vec(select(&["pods", "pods/log", "pods/*", "*/log", "*", "*/*", "jobs"][..]).prop_map(str::to_owned), 0..3);
    let entry = (select(&["", "apps", "*"][..]), kinds, some_of(&["web", ""]))
        .prop_map(|(group, resources, resource_names)| GroupResources { group: group.to_owned(), resources, resource_names });
    let objects = (vec(entry, 0..3), some_of(&["", "default"])).prop_map(|(resources, namespaces)| (resources, namespaces, Vec::new()));
    let paths =
        some_of(&["*", "/*", "/healthz", "/healthz*", "/healthz/*", "/healthz/etcd"]).prop_map(|urls| (Vec::new(), Vec::new(), urls));
    let who = (some_of(&["alice", "bob"]), some_of(&["devs", "ops", "sec"]), some_of(&["get", "list"]));
    let omitted = (stages(), prop_oneof![2 => Just(None), 1 => any::<bool>().prop_map(Some)]);
    (select(&Level::ALL[..]), who, prop_oneof![3 => objects, 1 => paths], omitted).prop_map(
        |(level, (users, user_groups, verbs), (resources, namespaces, non_resource_urls), (omit_stages, omit_managed_fields))| Rule {
            level,
            users,
            user_groups,
            verbs,
            resources,
            namespaces,
            non_resource_urls,
            omit_stages,
            omit_managed_fields,
            location: Source::anonymous("rule", "").at(0..0),
        },
    )
}

fn stages() -> impl Strategy<Value = Stages> {
    prop_oneof![3 => Just(Vec::new()), 1 => vec(select(&Stage::ALL[..]), 1..3)].prop_map(|stages| stages.into_iter().collect())
}

fn policy(rules: Vec<Rule>) -> Policy {
    Policy { rules, omit_stages: Stages::default(), omit_managed_fields: false }
}

/// Two policies: unrelated, or one made of the other.
fn policies() -> impl Strategy<Value = (Policy, Policy)> {
    let edited = (vec(rule(), 1..5), any::<prop::sample::Index>(), rule(), 0..3).prop_map(|(rules, at, rule, edit)| {
        let mut new = rules.clone();
        let at = at.index(rules.len());
        match edit {
            0 => new.insert(at, rule),
            1 => new[at].level = rule.level,
            _ => new.rotate_left(at),
        }
        (policy(rules), policy(new))
    });
    prop_oneof![(vec(rule(), 1..4), vec(rule(), 1..4)).prop_map(|(old, new)| (policy(old), policy(new))), edited]
}

fn requests() -> Vec<(&'static str, Target<'static>)> {
    let mut targets: Vec<Target<'_>> =
        ["/healthz", "/healthz/etcd", "/healthz/other", "/healthzother", "/api"].into_iter().map(Target::Url).collect();
    for group in ["", "apps", "other"] {
        for resource in ["pods", "jobs", "other"] {
            for subresource in ["", "log", "other"] {
                for namespace in ["", "default", "other"] {
                    for name in ["", "web", "other"] {
                        targets.push(Target::Resource { group, resource, subresource, namespace, name });
                    }
                }
            }
        }
    }
    targets.into_iter().flat_map(|target| ["get", "list", "other"].map(|verb| (verb, target))).collect()
}

/// Who may ask, in which groups.
const GROUPS: [&[&str]; 7] = [&[], &["devs"], &["ops"], &["devs", "ops"], &["sec", "ops"], &["devs", "ops", "sec"], &["other"]];

/// Asks of every request what is said before and after, and what the changes that describe it say.
fn ask<V: Copy + PartialEq + std::fmt::Debug>(
    [old, new]: [&Policy; 2],
    changes: &[Change<V>],
    mut each: impl FnMut(&Request<'_>, [Decision; 2], Vec<(V, V)>) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    let requests = requests();
    for groups in GROUPS {
        let groups: Vec<Cow<'_, str>> = groups.iter().map(|group| Cow::Borrowed(*group)).collect();
        for name in ["alice", "bob", "carol"] {
            for (verb, target) in &requests {
                let request = Request { user: Some(User { name: Some(name), groups: &groups }), verb, target: *target };
                let decisions = [old, new].map(|policy| explain(policy, &request).decision);
                let describing = changes.iter().filter(|change| describes(change, &request));
                each(&request, decisions, describing.map(|change| (change.from, change.to)).collect())?;
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn a_request_changes_level_exactly_if_a_change_describes_it((old, new) in policies()) {
        let changes = diff(&old, &new).expect("not too many");
        ask([&old, &new], &changes, |request, [from, to], describing| {
            prop_assert_eq!(describing.is_empty(), from.level == to.level, "{:?}\n{:#?}", request, changes);
            prop_assert!(describing.iter().all(|levels| *levels == (from.level, to.level)), "{:?}\n{:#?}", request, changes);
            Ok(())
        })?;
    }

    /// Of requests that both log: what is said of others does not matter.
    #[test]
    fn stages_and_managed_fields_change_exactly_if_a_change_says_so((old, new) in policies(), all in (stages(), stages(), any::<bool>())) {
        let old = Policy { omit_stages: all.0, ..old };
        let new = Policy { omit_stages: all.1, omit_managed_fields: all.2, ..new };
        let changes = diff_stages(&old, &new).expect("not too many");
        ask([&old, &new], &changes, |request, [from, to], describing| {
            if from.level > Level::None && to.level > Level::None {
                let (from, to) = (from.omit_stages, to.omit_stages);
                prop_assert_eq!(describing.is_empty(), from == to, "{:?}\n{:#?}", request, changes);
                prop_assert!(describing.iter().all(|stages| *stages == (from, to)), "{:?}\n{:#?}", request, changes);
            }
            Ok(())
        })?;
        let changes = diff_managed_fields(&old, &new).expect("not too many");
        ask([&old, &new], &changes, |request, [from, to], describing| {
            if from.level >= Level::Request && to.level >= Level::Request && matches!(request.target, Target::Resource { .. }) {
                let (from, to) = (from.omit_managed_fields, to.omit_managed_fields);
                prop_assert_eq!(describing.is_empty(), from == to, "{:?}\n{:#?}", request, changes);
                prop_assert!(describing.iter().all(|omitted| *omitted == (from, to)), "{:?}\n{:#?}", request, changes);
            }
            Ok(())
        })?;
    }
}

fn run(old: &str, new: &str, more: &[&str]) -> String {
    run_in(&tempfile::tempdir().expect("a folder"), old, new, more)
}

fn run_in(folder: &tempfile::TempDir, old: &str, new: &str, more: &[&str]) -> String {
    let write = |name: &str, rules: &str| {
        fs::write(folder.path().join(name), format!("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n{rules}")).expect("written");
    };
    write("old.yaml", old);
    write("new.yaml", new);
    let output = Command::new(env!("CARGO_BIN_EXE_packwright"))
        .current_dir(folder.path())
        .args(["policy", "diff", "old.yaml", "new.yaml"])
        .args(more)
        .output()
        .expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    format!("{}{}status {}\n", text(output.stdout), text(output.stderr), output.status.code().expect("a status"))
}

const OLD: &str = r#"
- {level: None, users: [system:kube-proxy], verbs: [watch], resources: [{group: "", resources: [endpoints, services]}]}
- {level: None, userGroups: [system:authenticated], nonResourceURLs: ["/healthz*", /version]}
- {level: Metadata, resources: [{group: "", resources: [secrets, configmaps]}]}
- {level: Metadata}
"#;

#[test]
fn changes_read_like_rules() {
    let new = OLD.replace("level: None, users", "level: Metadata, users").replace("/version", "/healthz/etcd, /version, /livez");
    let narrower = OLD
        .replace("secrets, configmaps", "secrets")
        .replace("- {level: Metadata}", "- {level: RequestResponse, verbs: [create], resources: [{group: \"*\"}]}\n- {level: Metadata}");
    let nothing = "\n- level: None\n";
    let swapped = "\n- {level: Metadata}\n- {level: None}\n";
    insta::assert_snapshot!([run(OLD, &new, &[]), run(OLD, &narrower, &[]), run(OLD, nothing, &[]), run(swapped, nothing, &[])].join("\n"));
}

#[test]
fn what_differs_in_text_only_is_no_change() {
    let reordered = r#"
- {level: Metadata, resources: [{group: "", resources: [configmaps]}, {group: "", resources: [secrets]}]}
- {level: None, userGroups: [system:authenticated], nonResourceURLs: [/version, /healthz, "/healthz/*", "/healthz*"]}
- {level: None, users: [system:kube-proxy], verbs: [watch], resources: [{group: "", resources: [services]}]}
- {level: None, users: [system:kube-proxy], verbs: [watch], resources: [{group: "", resources: [endpoints, "*/*"]}]}
- {level: Metadata, resources: [{group: apps}]}
- {level: Metadata}
"#;
    assert_eq!(run(OLD, reordered, &[]), "every request keeps its level\nstatus 0\n");
    let said = run(OLD, reordered, &["--format", "json"]);
    let said: Value = serde_json::from_str(said.trim_end_matches("status 0\n")).expect("JSON");
    assert_eq!(said["changes"], json!([]));
}

#[test]
fn json_has_each_list_and_its_exceptions() {
    let said = run(OLD, &OLD.replace("[watch]", "[watch, list]"), &["--format", "json"]);
    let said: Value = serde_json::from_str(said.trim_end_matches("status 0\n")).expect("JSON");
    assert_eq!(
        said["changes"],
        json!([{
            "users": ["system:kube-proxy"], "groups": [], "andGroups": [], "verbs": ["list"], "resources": ["endpoints", "services"],
            "namespaces": [], "names": [], "urls": [], "from": "Metadata", "to": "None",
            "except": {"users": [], "groups": [], "verbs": [], "resources": [], "namespaces": [], "names": [], "urls": []},
        }])
    );
}

#[test]
fn a_policy_with_errors_is_refused() {
    insta::assert_snapshot!(run(OLD, "- {level: Metdata}\n", &[]));
}

#[test]
fn two_benchmarks_side_by_side() {
    let rules = |overlay: &str| {
        let rendered = Command::new(env!("CARGO_BIN_EXE_packwright"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["render", "kube-apiserver-audit", "-f", &format!("values/{overlay}.yaml")])
            .args(["--file", "files/etc/kubernetes/audit-policy.yaml"])
            .output()
            .expect("the binary runs");
        let text = String::from_utf8(rendered.stdout).expect("text");
        text.split_once("rules:\n").expect("rules").1.to_owned()
    };
    insta::assert_snapshot!(run(&rules("stig"), &rules("cis"), &[]));
}

fn event(level: &str, stage: &str, user: &str, verb: &str, more: &str) -> String {
    let user = if user.is_empty() { "{}".to_owned() } else { format!(r#"{{"username":"{user}","groups":["system:authenticated"]}}"#) };
    format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"{level}","stage":"{stage}","requestURI":"/livez","verb":"{verb}","user":{user}{more}}}"#
    ) + "\n"
}

const BODIES: &str = r#","requestObject":{"a":1},"responseObject":{"b":2}"#;
const POD: &str = r#","objectRef":{"resource":"pods","subresource":"log"}"#;
const SCALE: &str = r#","objectRef":{"resource":"deployments","apiGroup":"apps","subresource":"scale"}"#;

fn log() -> String {
    [
        event("Metadata", "ResponseComplete", "alice", "get", POD).repeat(3),
        event("Metadata", "ResponseComplete", "bob", "get", POD),
        event("Metadata", "RequestReceived", "bob", "get", POD),
        event("RequestResponse", "ResponseComplete", "carol", "patch", &format!("{SCALE}{BODIES}")),
        event("Metadata", "ResponseComplete", "carol", "create", SCALE),
        event("Metadata", "ResponseStarted", "", "get", ""),
        event("Metadata", "ResponseComplete", "dave", "delete", SCALE),
    ]
    .concat()
}

const BEFORE: &str = "
- {level: Metadata, resources: [{group: '', resources: [pods/log]}]}
- {level: None, verbs: [get]}
- {level: Metadata, verbs: [delete]}
- {level: Metadata}
";
const AFTER: &str = "
- {level: None, users: [alice], resources: [{group: '', resources: [pods/log]}]}
- {level: Metadata, omitStages: [RequestReceived], resources: [{group: '', resources: [pods/log]}]}
- {level: Request, verbs: [create, patch]}
- {level: Metadata}
";

/// What `policy replay` keeps of the log under a policy.
fn kept(folder: &tempfile::TempDir, file: &str) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_packwright"))
        .current_dir(folder.path())
        .args(["policy", "replay", file, "audit.log", "--format", "json"])
        .output()
        .expect("the binary runs");
    serde_json::from_slice::<Value>(&output.stdout).expect("JSON")["kept"].clone()
}

#[test]
fn changes_are_counted_over_a_log() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("audit.log"), log()).expect("written");
    insta::assert_snapshot!(run_in(&folder, BEFORE, AFTER, &["--log", "audit.log"]));
    let said = |more: &[&str]| -> Value {
        let said = run_in(&folder, BEFORE, AFTER, &[&["--format", "json", "--log", "audit.log"], more].concat());
        serde_json::from_str(said.trim_end_matches("status 0\n")).expect("JSON")
    };
    let log = &said(&[])["log"];
    assert_eq!((&log["events"], &log["bytes"]), (&json!(9), &json!(self::log().len())));
    assert_eq!(log["kept"], json!({"from": kept(&folder, "old.yaml"), "to": kept(&folder, "new.yaml")}));
    let changes: Vec<_> = log["changes"].as_array().expect("a list").iter().map(|row| (&row["rule"], &row["events"])).collect();
    // What is decided by another rule in the same way is no change.
    assert_eq!(
        changes,
        [
            (&json!({"from": 0, "to": 0}), &json!(3)),
            (&json!({"from": 3, "to": 2}), &json!(2)),
            (&json!({"from": 0, "to": 1}), &json!(1)),
            (&json!({"from": 1, "to": 3}), &json!(1)),
        ]
    );
    let body = r#","requestObject":{"a":1}"#.len() as u64;
    let raised = &log["changes"][1];
    assert_eq!(raised["unknown"], json!(1));
    assert_eq!(raised["kept"]["to"].as_u64().zip(raised["kept"]["from"].as_u64()).map(|(to, from)| to - from), Some(body));
    assert_eq!(log["changes"][0]["examples"], json!([{"user": "alice", "verb": "get", "resource": "pods/log", "events": 3}]));
    // However many read it, and however often.
    assert_eq!(&said(&["--workers", "1"])["log"], log);
    assert_eq!(said(&["audit.log"])["log"]["events"], json!(18));
}

#[test]
fn standard_input_is_one_policy_at_most() {
    let output = Command::new(env!("CARGO_BIN_EXE_packwright")).args(["policy", "diff", "-", "-"]).output().expect("the binary runs");
    let words = String::from_utf8(output.stderr).expect("text");
    assert!(output.status.code() == Some(2) && words.starts_with("error[usage]: standard input, `-`, is named more than once"), "{words}");
}

#[test]
fn a_log_that_cannot_be_read_does_not_stop_the_comparison() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("audit.log"), log() + "half a li").expect("written");
    let said = run_in(&folder, BEFORE, AFTER, &["--log", "audit.log", "nope.log"]);
    assert!(said.contains("cannot read `nope.log`") && said.contains("audit.log:10 is no event"), "{said}");
    assert!(said.contains("in the log 7 of 9 events change") && said.ends_with("status 0\n"), "{said}");
    let said = run_in(&folder, BEFORE, AFTER, &["--log", "nope.log"]);
    assert!(said.contains("alice") && said.ends_with("status 2\n"), "{said}");
}

#[test]
fn stages_and_managed_fields_are_said_beside_the_levels() {
    let bodies = "\n- {level: Request, verbs: [patch]}\n- {level: Request, verbs: [create]}\n";
    let old = OLD.replacen('\n', bodies, 1);
    let new = old
        .replace("- {level: Metadata}\n", "- {level: Metadata, omitStages: [RequestReceived]}\n")
        .replace("verbs: [patch]", "verbs: [patch], omitManagedFields: true");
    insta::assert_snapshot!(run(&old, &new, &[]));
    let said = run(&old, &new, &["--format", "json"]);
    let said: Value = serde_json::from_str(said.trim_end_matches("status 0\n")).expect("JSON");
    assert_eq!(said["changes"], json!([]));
    assert_eq!((&said["omitStages"][0]["from"], &said["omitStages"][0]["to"]), (&json!([]), &json!(["RequestReceived"])));
    assert_eq!((&said["omitManagedFields"][0]["except"]["verbs"], &said["omitManagedFields"][0]["to"]), (&json!(["create"]), &json!(true)));
}
