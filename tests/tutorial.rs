//! The how-to that people follow by hand: its 14 flags, two volumes and policy,
//! from one overlay, for kubeadm of every minor.

use std::collections::BTreeMap;
use std::process::Command;

use serde::Deserialize;

const FLAGS: &[(&str, &str)] = &[
    ("audit-log-batch-buffer-size", "10000"),
    ("audit-log-batch-max-size", "5"),
    ("audit-log-compress", "true"),
    ("audit-log-format", "json"),
    ("audit-log-maxage", "30"),
    ("audit-log-maxbackup", "100"),
    ("audit-log-maxsize", "50"),
    ("audit-log-mode", "batch"),
    ("audit-log-path", "/var/log/kubernetes/audit/audit.log"),
    ("audit-log-truncate-enabled", "true"),
    ("audit-log-truncate-max-batch-size", "10485760"),
    ("audit-log-truncate-max-event-size", "102400"),
    ("audit-log-version", "audit.k8s.io/v1"),
    ("audit-policy-file", "/etc/kubernetes/audit-policy.yaml"),
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    api_server: ApiServer,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ApiServer {
    extra_args: serde_yaml::Value,
    extra_volumes: serde_yaml::Value,
}

fn render(versions: &str, file: &str) -> Option<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_packwright"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["render", "packs/kube-apiserver-audit", "-f", "values/tutorial.yaml", "--kubernetes-version", versions, "--file", file])
        .output()
        .expect("the binary runs");
    output.status.success().then(|| String::from_utf8(output.stdout).expect("text"))
}

fn config(versions: &str, file: &str) -> ApiServer {
    serde_yaml::from_str::<Config>(&render(versions, file).expect("the document")).expect("YAML").api_server
}

const V1BETA3: &str = "kubeadm/cluster-configuration.v1beta3.yaml";
const V1BETA4: &str = "kubeadm/cluster-configuration.v1beta4.yaml";

#[test]
fn a_list_of_strings_from_1_31_on() {
    let list: Vec<BTreeMap<String, String>> = serde_yaml::from_value(config("1.33", V1BETA4).extra_args).expect("a list");
    let flags: Vec<(&str, &str)> = list.iter().map(|arg| (arg["name"].as_str(), arg["value"].as_str())).collect();
    assert_eq!(flags, FLAGS);
    assert!(render("1.33", V1BETA3).is_none());
}

#[test]
fn a_map_of_strings_up_to_1_30() {
    let map: BTreeMap<String, String> = serde_yaml::from_value(config("1.30", V1BETA3).extra_args).expect("a map of strings");
    let flags: Vec<(&str, &str)> = map.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(flags, FLAGS);
    assert!(render("1.30", V1BETA4).is_none());
}

#[test]
fn both_across_the_border_with_the_same_volumes() {
    let expected: serde_yaml::Value = serde_yaml::from_str(
        "- {name: audit, hostPath: /etc/kubernetes/audit-policy.yaml, mountPath: /etc/kubernetes/audit-policy.yaml, readOnly: true, pathType: File}\n\
         - {name: audit-log, hostPath: /var/log/kubernetes/audit/, mountPath: /var/log/kubernetes/audit/, pathType: DirectoryOrCreate}\n",
    )
    .expect("YAML");
    for file in [V1BETA3, V1BETA4] {
        assert_eq!(config("1.28-1.34", file).extra_volumes, expected);
    }
}

#[test]
fn its_policy() {
    let policy = render("1.33", "files/etc/kubernetes/audit-policy.yaml").expect("the policy");
    assert_eq!(policy, "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n  - level: Metadata\n");
}
