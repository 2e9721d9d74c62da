//! Linting a folder of 10,000 policies and kubeadm configurations, beside the
//! YAML reader alone over the same files, both with every core:
//! `cargo bench --bench lint`. docs/performance.md says how to read it.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use packwright::diagnostic::Diagnostics;
use packwright::lint::{Ask, Inputs, inputs, lint};
use packwright::{pack, yaml};

const FILES: usize = 10_000;

/// The folder, made once and deleted with the process's last reference to it.
static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    for index in 0..FILES {
        fs::write(folder.path().join(format!("{index:05}.yaml")), if index % 2 == 0 { policy(index) } else { kubeadm(index) })
            .expect("written");
    }
    folder
});

fn main() {
    let sizes = files().iter().map(|path| fs::metadata(path).expect("a file").len()).collect::<Vec<_>>();
    let mut sorted = sizes.clone();
    sorted.sort_unstable();
    println!("{} files, {} bytes, median {}", sizes.len(), sizes.iter().sum::<u64>(), sorted[sorted.len() / 2]);
    divan::main();
    fs::remove_dir_all(FOLDER.path()).expect("deleted");
}

/// A policy of some thirty rules, each file its own.
fn policy(index: usize) -> String {
    let mut text = String::from("apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n");
    for rule in 0..12 {
        let resource = ["pods", "deployments", "services", "nodes", "endpoints", "leases"][(index + rule) % 6];
        let group = ["", "apps", "", "", "", "coordination.k8s.io"][(index + rule) % 6];
        let _ = write!(
            text,
            "  # What the controller {index}-{rule} does, over and over.\n  - level: {}\n    users: [\"system:serviceaccount:team-{rule}:controller-{index}\"]\n    verbs: [get, list, watch]\n    resources:\n      - group: \"{group}\"\n        resources: [{resource}]\n",
            ["None", "Metadata", "Request"][rule % 3]
        );
    }
    text.push_str("  - level: Metadata\n");
    text
}

fn kubeadm(index: usize) -> String {
    let mut text = format!(
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.35.{}\nclusterName: cluster-{index}\ncontrolPlaneEndpoint: cluster-{index}.example.com:6443\nnetworking:\n  podSubnet: 10.{}.0.0/16\n  serviceSubnet: 10.96.0.0/12\napiServer:\n  certSANs:\n",
        index % 9,
        index % 250
    );
    for name in 0..20 {
        let _ = writeln!(text, "    - api-{name}.cluster-{index}.example.com");
    }
    text.push_str("  extraArgs:\n");
    for (name, value) in [
        ("audit-policy-file", "/etc/kubernetes/audit/policy.yaml"),
        ("audit-log-path", "/var/log/kubernetes/audit/audit.log"),
        ("audit-log-maxage", "30"),
        ("audit-log-maxbackup", "10"),
        ("audit-log-maxsize", "100"),
        ("audit-log-mode", "batch"),
        ("audit-log-batch-max-wait", "1s"),
        ("profiling", "false"),
        ("enable-admission-plugins", "NodeRestriction,AlwaysPullImages"),
        ("max-requests-inflight", "800"),
    ] {
        let _ = writeln!(text, "    - name: {name}\n      value: \"{value}\"");
    }
    text.push_str("  extraVolumes:\n");
    for (name, path, read_only) in [("audit", "/etc/kubernetes/audit", true), ("audit-log", "/var/log/kubernetes/audit", false)] {
        let _ = writeln!(
            text,
            "    - name: {name}\n      hostPath: {path}\n      mountPath: {path}\n      readOnly: {read_only}\n      pathType: DirectoryOrCreate"
        );
    }
    text
}

fn files() -> Vec<PathBuf> {
    (0..FILES).map(|index| FOLDER.path().join(format!("{index:05}.yaml"))).collect()
}

fn folder() -> Inputs {
    inputs(&[FOLDER.path().to_string_lossy().into_owned()]).0
}

/// All that `packwright lint FOLDER` does but printing.
#[divan::bench(sample_count = 10)]
fn lint_folder() -> usize {
    let mut count = 0;
    lint(&folder().plain, Ask::default(), |found| count += found.diagnostics.items.len());
    count
}

/// The floor: the same files read and parsed.
#[divan::bench(sample_count = 10)]
fn read_yaml_alone() -> usize {
    let plain = folder().plain;
    let (next, nodes) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        while let Some(file) = plain.found.get(next.fetch_add(1, Ordering::Relaxed)) {
            let source = pack::load_layer(file).expect("a file");
            let documents = yaml::read_all(&source, &mut Diagnostics::new()).expect("YAML");
            nodes.fetch_add(documents.len(), Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        for _ in 1..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
        work();
    });
    nodes.into_inner()
}
