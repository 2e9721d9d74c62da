//! A built pack is a pack source: it builds to the same bytes, and takes layers.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn packwright(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_packwright")).current_dir(folder).args(arguments).output().expect("the binary runs")
}

fn build(folder: &Path, arguments: &[&str]) -> Value {
    let output = packwright(folder, &[&["build", "--format", "json"], arguments].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn without_new_input_the_bytes_are_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    fs::write(here.join("a.yaml"), "log: {maxAge: 40}\nextraArgs: {event-ttl: 2h}\n").expect("an overlay");
    fs::write(here.join("policy.yaml"), "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Request}]\n").expect("a policy");
    let original = build(
        here,
        &[
            "kube-apiserver-audit",
            "--set",
            "log.maxSize=200",
            "-f",
            "a.yaml",
            "--set-file",
            "policy.content=policy.yaml",
            "--set-string",
            "extraArgs.v=2",
            "--kubernetes-version",
            "1.29-1.33",
            "--name",
            "mine",
            "--pack-version",
            "2.0.0-rc.1",
        ],
    );
    for pack in ["dist/mine-2.0.0-rc.1", "dist/mine-2.0.0-rc.1.tar.gz"] {
        let again = build(here, &[pack, "-o", "again"]);
        assert_eq!((&again["digest"], &again["archiveSha256"]), (&original["digest"], &original["archiveSha256"]), "{pack}");
    }
    // Setting what is set already changes the inputs, not the node configuration.
    let same_patch = build(here, &["dist/mine-2.0.0-rc.1", "--set", "log.maxAge=40", "-o", "more"]);
    assert_eq!(same_patch["patchDigest"], original["patchDigest"]);
    assert_ne!(same_patch["digest"], original["digest"]);
    let other = build(here, &["dist/mine-2.0.0-rc.1.tar.gz", "--set", "log.maxAge=41", "-o", "other"]);
    assert_ne!(other["patchDigest"], original["patchDigest"]);
}

#[test]
fn the_report_says_where_and_what() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = build(folder.path(), &["kube-apiserver-audit", "--kubernetes-version", "1.33"]);
    assert_eq!(report["name"], "kube-apiserver-audit");
    assert_eq!(report["kubernetesVersions"], serde_json::json!(["1.33"]));
    let directory = folder.path().join(report["directory"].as_str().expect("a path"));
    for file in report["files"].as_array().expect("files") {
        let bytes = fs::read(directory.join(file["path"].as_str().expect("a path"))).expect("the file");
        assert_eq!(file["sha256"], packwright::pack::sha256(&bytes));
        assert_eq!(file["size"], bytes.len());
    }
    let left: Vec<String> = fs::read_dir(folder.path().join("dist"))
        .expect("dist")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[test]
fn a_new_pack_builds() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(packwright(folder.path(), &["new", "mine"]).status.success());
    build(folder.path(), &["mine"]);
}

#[test]
fn credentials_are_printed_as_their_digest() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("v.yaml"), "files:\n  /etc/k:\n    content: |\n      users: [{user: {token: s3cr3t}}]\n")
        .expect("an overlay");
    for arguments in [
        &["values", "kube-apiserver-audit", "-f", "v.yaml"][..],
        &["values", "kube-apiserver-audit", "-f", "v.yaml", "--origins"],
        &["render", "kube-apiserver-audit", "-f", "v.yaml"],
        &["build", "kube-apiserver-audit", "-f", "v.yaml"],
    ] {
        let output = packwright(folder.path(), arguments);
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(!text.contains("s3cr3t"), "{arguments:?}: {text}");
        assert!(text.contains(if arguments[0] == "build" { "secret-in-pack" } else { "sha256:" }), "{arguments:?}: {text}");
    }
    assert!(!folder.path().join("dist").exists());
}
