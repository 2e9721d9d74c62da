//! `packwright flags`, as a person and as a program see it.

use std::process::Command;

use serde_json::Value;

/// Exit status, standard output, standard error.
fn flags(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_packwright")).arg("flags").args(arguments).output().expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code().expect("a status"), text(output.stdout), text(output.stderr))
}

fn json(arguments: &[&str]) -> Value {
    let (status, out, _) = flags(&[arguments, &["--format", "json"]].concat());
    assert_eq!(status, 0);
    serde_json::from_str(&out).expect("JSON")
}

#[test]
fn one_flag_over_all_versions() {
    let (status, out, err) = flags(&["audit-log-maxsize"]);
    assert_eq!((status, err.as_str()), (0, ""));
    assert_eq!(
        out,
        "--audit-log-maxsize\n\n\
         The size in MiB at which the file is renamed and a new one begun. 0 means 100 up to Kubernetes 1.35,\n\
         and from 1.36 on that the file is never rotated.\n\n\
         Kubernetes       all versions that are known\n\
         value            a whole number\n\
         default in 1.37  100\n\
         given twice      the last value counts\n\n\
         Changes:\n\
         1.36  default 0 -> 100\n"
    );
    let (_, older, _) = flags(&["audit-log-maxsize", "--kubernetes-version", "1.35"]);
    assert!(older.contains("default in 1.35  0\n") && !older.contains("Changes"), "{older}");
    let (_, unchanged, _) = flags(&["audit-log-maxsize", "--since", "1.36"]);
    assert!(unchanged.ends_with("\nNothing changed from 1.36 to 1.37.\n"), "{unchanged}");
}

#[test]
fn a_list_and_what_changed() {
    let (status, out, _) = flags(&["--kubernetes-version", "1.35"]);
    assert_eq!(status, 0);
    let line = out.lines().find(|line| line.starts_with("audit-webhook-batch-initial-backoff ")).expect("the line");
    assert_eq!(line.split_whitespace().collect::<Vec<_>>(), ["audit-webhook-batch-initial-backoff", "duration", "10s", "(deprecated)"]);
    assert!(out.lines().count() > 100 && out.lines().is_sorted());
    let (_, changed, _) = flags(&["--kubernetes-version", "1.36", "--since", "1.35"]);
    let audit: Vec<String> = changed
        .lines()
        .filter(|line| line.starts_with("audit-"))
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        audit,
        ["audit-log-maxage 1.36 default 0 -> 366", "audit-log-maxbackup 1.36 default 0 -> 100", "audit-log-maxsize 1.36 default 0 -> 100"]
    );
}

#[test]
fn for_machines() {
    let page = json(&["audit-log-maxage"]);
    assert_eq!(page["name"], "audit-log-maxage");
    assert_eq!((&page["type"], &page["default"], &page["repeated"]), (&"int".into(), &"366".into(), &"last".into()));
    assert_eq!(page["versions"][0]["last"], "1.35");
    assert_eq!(page["changes"], serde_json::json!([{"kubernetesVersion": "1.36", "what": "default 0 -> 366"}]));
    assert!(page["about"].as_str().is_some_and(|about| about.starts_with("Days that")));
    let mode = json(&["audit-log-mode"]);
    assert_eq!(mode["choices"], serde_json::json!(["batch", "blocking", "blocking-strict"]));
    let names = json(&["enable-admission-plugins"])["names"].clone();
    assert!(
        names
            .as_array()
            .is_some_and(|names| names.contains(&serde_json::json!({"name": "NodeRestriction", "default": false, "locked": false})))
    );
    let list = json(&["--kubernetes-version", "1.35"]);
    assert_eq!(list["kubernetesVersion"], "1.35");
    let flags = list["flags"].as_array().expect("flags");
    assert!(flags.iter().any(|flag| flag["name"] == "authorization-mode" && flag["type"] == "list" && flag["repeated"] == "adds"));
    let old = flags.iter().find(|flag| flag["name"] == "audit-webhook-batch-initial-backoff").expect("the flag");
    assert_eq!((&old["deprecated"], &old["instead"]), (&true.into(), &serde_json::json!(["audit-webhook-initial-backoff"])));
}

#[test]
fn what_is_asked_wrongly() {
    let (status, _, err) = flags(&["audit_log_max_sise"]);
    assert_eq!(status, 2);
    assert!(err.starts_with("error[usage]: kube-apiserver has no flag `audit_log_max_sise`"), "{err}");
    assert!(err.contains("did you mean `audit-log-maxsize`?"), "{err}");
    for (arguments, text) in [
        (["--kubernetes-version", "1.36-1.37"], "is a range"),
        (["--kubernetes-version", "1.20"], "does not support Kubernetes 1.20"),
        (["--since", "1.37"], "is not before the Kubernetes version"),
    ] {
        let (status, out, err) = flags(&arguments);
        assert_eq!((status, out.as_str()), (2, ""), "{arguments:?}");
        assert!(err.contains(text), "{err}");
    }
}

#[test]
fn a_flag_that_a_version_does_not_have() {
    let (status, _, err) = flags(&["tls-curve-preferences", "--kubernetes-version", "1.35"]);
    assert_eq!(status, 1);
    assert!(
        err.starts_with("error[flag-unavailable]: kube-apiserver has --tls-curve-preferences in Kubernetes 1.36 and newer, not in 1.35"),
        "{err}"
    );
    let (_, page, _) = flags(&["tls-curve-preferences", "--since", "1.35"]);
    assert!(page.contains("Kubernetes       1.36 and newer\n"), "{page}");
    assert!(page.ends_with("Changes:\n1.36  new\n"), "{page}");
}
