//! `packwright policy` and the cases of a pack, on the command line.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn packwright(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_packwright")).current_dir(folder).args(arguments).output().expect("the binary runs")
}

/// Status, standard output and standard error as a person sees them.
fn shown(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    format!("{}{}status {}", text(&output.stdout), text(&output.stderr), output.status.code().expect("a status"))
}

const POLICY: &str = r#"apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    users: [system:kube-proxy]
    verbs: [watch]
    resources:
      - group: ""
        resources: [endpoints, services]
  - level: Metadata
    resources:
      - group: ""
        resources: [secrets, configmaps]
  - level: None
    nonResourceURLs: ["/healthz*"]
  - level: RequestResponse
"#;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("policy.yaml"), POLICY).expect("written");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

#[test]
fn explain_shows_the_rule_and_what_the_others_lack() {
    let folder = folder(&[]);
    let explain = |line: &str| {
        let words: Vec<&str> = ["policy", "explain", "policy.yaml"].into_iter().chain(line.split(' ')).collect();
        format!("$ packwright policy explain policy.yaml {line}\n{}\n", shown(&packwright(folder.path(), &words)))
    };
    let all: Vec<String> = [
        "get secrets/db -n prod",
        "watch services --as system:kube-proxy --as-group system:authenticated",
        "get /healthz/etcd",
        "get pods --unauthenticated",
        "create pods/web -n prod --as alice",
        "list /api/v1/pods?limit=1",
        "get .apps",
        "get /healthz -n prod",
    ]
    .map(explain)
    .into();
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn cases_pass_or_show_the_rule_that_decides() {
    let folder = folder(&[
        ("good.yaml", "cases:\n  - {verb: get, what: secrets/db, level: Metadata}\n"),
        (
            "bad.yaml",
            "cases:\n  - {verb: get, what: secrets/db, level: Metadata}\n  - name: probes are seen\n    verb: get\n    what: /healthz\n    level: Metadata\n  - {verb: list, what: pods, level: RequestResponse, stages: [RequestReceived]}\n",
        ),
        (
            "ugly.yaml",
            "cases:\n  - {verb: get, what: secrets, level: Metdata}\n  - {verb: get, waht: pods, level: None}\n  - {verb: get, what: /x, namespace: prod, as: a, unauthenticated: true, level: None, stages: [Done]}\n  - 7\n",
        ),
        ("empty.yaml", "{}\n"),
        ("broken.yaml", "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metdata}]\n"),
    ]);
    let test = |policy: &str, cases: &str| {
        let output = packwright(folder.path(), &["policy", "test", policy, "--cases", cases]);
        format!("$ packwright policy test {policy} --cases {cases}\n{}\n", shown(&output))
    };
    let all = [
        test("policy.yaml", "good.yaml"),
        test("policy.yaml", "bad.yaml"),
        test("policy.yaml", "ugly.yaml"),
        test("policy.yaml", "empty.yaml"),
        test("broken.yaml", "good.yaml"),
        test("policy.yaml", "nope.yaml"),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

/// The policies that are shipped do what their comments say, for every minor.
#[test]
fn the_bundled_policies_pass_their_cases() {
    for overlay in ["default", "recommended"] {
        let values = format!("{ROOT}/values/{overlay}.yaml");
        let mut render = vec!["render", "kube-apiserver-audit", "--file", "files/etc/kubernetes/audit-policy.yaml"];
        if overlay != "default" {
            render.extend(["-f", &values]);
        }
        let folder = tempfile::tempdir().expect("a folder");
        let policy = packwright(folder.path(), &render);
        assert!(policy.status.success(), "{}", shown(&policy));
        fs::write(folder.path().join("policy.yaml"), policy.stdout).expect("written");
        let cases = format!("{ROOT}/tests/policy-cases/{overlay}.yaml");
        let test = packwright(folder.path(), &["policy", "test", "policy.yaml", "--cases", &cases, "--kubernetes-version", "1.28-1.37"]);
        assert_eq!(test.status.code(), Some(0), "{overlay}: {}", shown(&test));
    }
}

#[test]
fn a_build_holds_the_policy_against_the_cases_of_its_pack() {
    let folder = folder(&[]);
    let root = folder.path();
    let copied = Command::new("cp").args(["-r", &format!("{ROOT}/packs/kube-apiserver-audit")]).arg(root.join("p")).status();
    assert!(copied.expect("cp runs").success());
    fs::create_dir_all(root.join("p/tests")).expect("made");
    fs::write(root.join("p/tests/policy.yaml"), "cases:\n  - {verb: get, what: secrets, level: Metadata}\n").expect("written");
    let build = |more: &[&str]| packwright(root, &[&["build", "p", "-o", "dist"], more].concat());
    assert_eq!(build(&[]).status.code(), Some(0));
    let none = build(&["--set-json", r#"policy.rules=[{"level":"None"}]"#, "--name", "q"]);
    let errors = String::from_utf8_lossy(&none.stderr);
    assert_eq!(none.status.code(), Some(1), "{errors}");
    assert!(
        errors.contains(
            "error[policy-case-failed]: get secrets: the policy gives None, and the case expects Metadata\n --> p/tests/policy.yaml:2:39"
        ),
        "{errors}"
    );
    assert!(!root.join("dist/q-1.0.0").exists());
    assert_eq!(
        build(&["--set-json", r#"policy.rules=[{"level":"None"}]"#, "--name", "q", "--allow", "policy-case-failed"]).status.code(),
        Some(0)
    );
}
