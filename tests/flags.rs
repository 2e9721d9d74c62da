//! `packwright flags`, as a person and as a program see it.

use std::process::Command;

/// Exit status, standard output, standard error.
fn flags(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_packwright")).arg("flags").args(arguments).output().expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code().expect("a status"), text(output.stdout), text(output.stderr))
}

#[test]
fn one_flag() {
    let (status, out, err) = flags(&["audit-log-maxsize"]);
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(out.starts_with("--audit-log-maxsize\n\nThe size in MiB"), "{out}");
    assert!(out.contains("\ndefault in 1.37  100\n"), "{out}");
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
