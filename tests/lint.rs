//! `packwright lint` on documents that people have.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

const KUBEADM: &str = "apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.35.2
apiServer:
  extraArgs:
    - name: audit-policy-file
      value: /etc/kubernetes/audit/policy.yaml
    - name: audit-log-path
      value: /var/log/kubernetes/audit/audit.log
    - name: audit-log-maxage
      value: \"30\"
    - name: audit-log-maxbackup
      value: \"10\"
    - name: audit-log-maxsize
      value: \"100\"
  extraVolumes:
    - {name: audit, hostPath: /etc/kubernetes/audit, mountPath: /etc/kubernetes/audit, readOnly: true, pathType: DirectoryOrCreate}
    - {name: audit-log, hostPath: /var/log/kubernetes/audit, mountPath: /var/log/kubernetes/audit, readOnly: false, pathType: DirectoryOrCreate}
";
const POLICY: &str = "apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    userGroups: [system:nodes]
    resources: [{group: coordination.k8s.io, resources: [leases]}]
  - level: Metadata
";

struct Run {
    status: i32,
    out: String,
    err: String,
}

impl Run {
    /// `severity code file:line`, in the order told.
    fn findings(&self) -> Vec<String> {
        let report: Value = serde_json::from_str(&self.out).expect("JSON");
        let show = |item: &Value| {
            let text = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
            format!("{} {} {}:{}", text("severity"), text("code"), text("file"), item["line"])
        };
        // The policy here logs what a cluster repeats, and is not what is asked about.
        let found = report["diagnostics"].as_array().expect("a list").iter();
        found.filter(|item| item["code"] != "policy-noise").map(show).collect()
    }
}

/// The same with another text on standard input, without what is said of files
/// that the document cannot carry.
fn of_stdin(text: &str) -> (Vec<String>, i32) {
    let run = lint(Path::new("."), &["-", JSON[0], JSON[1]], text);
    (run.findings().into_iter().filter(|finding| !finding.contains("file-missing")).collect(), run.status)
}

fn lint(folder: &Path, arguments: &[&str], input: &str) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_packwright"))
        .current_dir(folder)
        .arg("lint")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Run { status: output.status.code().expect("a status"), out: text(output.stdout), err: text(output.stderr) }
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }
    folder
}

const JSON: [&str; 2] = ["--format", "json"];

#[test]
fn a_control_plane_and_its_policy_are_one_configuration() {
    let folder = folder(&[("kubeadm.yaml", KUBEADM), ("policy.yaml", POLICY)]);
    let run = lint(folder.path(), &["kubeadm.yaml", "policy.yaml", JSON[0], JSON[1]], "");
    assert_eq!((run.findings(), run.status), (vec![], 0), "{}", run.out);
    // Alone, nobody puts the policy on the node, and a kubeadm configuration cannot.
    let run = lint(folder.path(), &["kubeadm.yaml", JSON[0], JSON[1]], "");
    assert_eq!((run.findings(), run.status), (vec!["note file-missing kubeadm.yaml:7".to_owned()], 0));
    // In a folder each file stands alone; in one file documents are together.
    let run = lint(folder.path(), &[".", JSON[0], JSON[1]], "");
    assert_eq!(run.findings(), ["note file-missing ./kubeadm.yaml:7"]);
    let run = lint(folder.path(), &["-", JSON[0], JSON[1]], &format!("{KUBEADM}---\n{POLICY}"));
    assert_eq!(run.findings(), [""; 0]);
}

#[test]
fn a_mode_is_judged_with_the_policy_beside_it() {
    let strict = KUBEADM.replace("  extraVolumes", "    - name: audit-log-mode\n      value: blocking-strict\n  extraVolumes");
    let found = of_stdin(&format!("{strict}---\n{POLICY}"));
    assert_eq!(found, (vec!["warning audit-strict-without-request-received -:17".to_owned()], 0));
    assert_eq!(of_stdin(&format!("{strict}---\n{}", POLICY.replace("omitStages: [RequestReceived]\n", ""))).0, [""; 0]);
    assert_eq!(of_stdin(&strict).0, [""; 0]);
}

#[test]
fn the_version_is_the_documents_own_unless_given() {
    let policy = POLICY.replace("coordination.k8s.io", "\"*\"");
    let at = |version: &str| format!("{}---\n{policy}", KUBEADM.replace("v1.35.2", version));
    assert_eq!(lint(Path::new("."), &["-", JSON[0], JSON[1]], &at("v1.35.2")).findings(), ["error policy-invalid -:26"]);
    assert_eq!(lint(Path::new("."), &["-", JSON[0], JSON[1]], &at("v1.36.0")).findings(), [""; 0]);
    let asked = lint(Path::new("."), &["-", "--kubernetes-version", "1.35-1.36", JSON[0], JSON[1]], &at("v1.36.0"));
    assert_eq!((asked.findings(), asked.status), (vec!["error policy-invalid -:26".to_owned()], 1));
}

#[test]
fn faults_of_a_file_are_a_verdict_and_unknown_files_are_not() {
    let folder = folder(&[
        ("broken.yaml", "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [\n"),
        ("other.yaml", "apiVersion: v1\nkind: Service\n"),
        ("charts/web/templates/x.yaml", "{{ if .Values.audit }}\na: [\n"),
        (".hidden/policy.yaml", "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: []\n"),
    ]);
    let run = lint(folder.path(), &["broken.yaml", JSON[0], JSON[1]], "");
    assert_eq!((run.findings(), run.status), (vec!["error yaml-syntax broken.yaml:3".to_owned()], 1));
    // Of a folder, what is none of ours is passed over.
    let run = lint(folder.path(), &["charts", JSON[0], JSON[1]], "");
    assert_eq!((run.findings(), run.status), (vec![], 0));
    let run = lint(folder.path(), &["other.yaml", JSON[0], JSON[1]], "");
    assert_eq!((run.findings(), run.status), (vec!["error document-unknown other.yaml:1".to_owned()], 2));
    // What cannot be read does not hide what can.
    let run = lint(folder.path(), &["missing.yaml", "broken.yaml", JSON[0], JSON[1]], "");
    let findings = run.findings();
    assert_eq!((&findings[1..], run.status), (&["error yaml-syntax broken.yaml:3".to_owned()][..], 2), "{}", run.out);
    assert!(run.out.contains("missing.yaml"), "{}", run.out);
}

#[test]
fn comments_allow_what_a_person_means() {
    let faulty = KUBEADM.replace("value: \"30\"", "value: thirty # packwright: allow flag-type the template fills it in");
    assert_eq!(of_stdin(&faulty), (vec!["note flag-type -:11".to_owned()], 0));
    let before = KUBEADM.replace("      value: \"30\"", "      # packwright: allow flag-type filled in\n      value: thirty");
    assert_eq!(of_stdin(&before), (vec!["note flag-type -:12".to_owned()], 0));
    let head = format!("# packwright: allow flag-type filled in\n{}", KUBEADM.replace("\"30\"", "thirty"));
    assert_eq!(of_stdin(&head), (vec!["note flag-type -:12".to_owned()], 0));
    // Another line, another code, no reason: not allowed.
    for (comment, extra) in [
        ("# packwright: allow flag-value filled in", None),
        ("# packwright: allow flag-type", Some("warning allow-comment -:11")),
        ("# packwright: allow flag-tpye filled in", Some("warning allow-comment -:11")),
        ("# packwright: allow yaml-syntax it is meant", Some("warning allow-comment -:11")),
    ] {
        let found = of_stdin(&KUBEADM.replace("\"30\"", &format!("thirty {comment}")));
        let expected: Vec<String> = ["error flag-type -:11"].into_iter().chain(extra).map(str::to_owned).collect();
        assert_eq!(found, (expected, 1), "{comment}");
    }
}

#[test]
fn what_a_kind_of_document_cannot_say_is_not_held_against_it() {
    let pod = "apiVersion: v1
kind: Pod
metadata: {name: kube-apiserver, namespace: kube-system}
spec:
  containers:
    - name: kube-apiserver
      image: registry.k8s.io/kube-apiserver:v1.35.0
      command:
        - kube-apiserver
        - --advertise-address=10.0.0.1
        - --secure-port=6443
        - --service-account-key-file=/etc/kubernetes/pki/sa.pub
        - --service-account-key-file=/etc/kubernetes/pki/sa-old.pub
        - --audit-log-maxage=1
        - --audit-log-maxage=2
      volumeMounts: [{mountPath: /etc/kubernetes/pki, name: k8s-certs, readOnly: true}]
  volumes: [{hostPath: {path: /etc/kubernetes/pki, type: DirectoryOrCreate}, name: k8s-certs}]
";
    let run = lint(Path::new("."), &["-", JSON[0], JSON[1]], pod);
    assert_eq!(run.findings(), ["error flag-duplicate -:15"], "{}", run.out);
    // K3s has no container, and no mounts.
    let k3s = "cluster:
  config: |
    kube-apiserver-arg:
      - audit-log-path=/var/log/apiserver/audit.log
      - audit-policy-file=/etc/kubernetes/audit-policy.yaml
      - audit-log-maxage=30
      - audit-log-maxbackup=10
      - audit-log-maxsize=100
";
    let run = lint(Path::new("."), &["-", JSON[0], JSON[1]], k3s);
    assert!(!run.out.contains("mount-"), "{}", run.out);
}

#[test]
fn a_whole_pod_needs_the_mounts_that_kubeadm_would_make() {
    let pod = |flags: &str, mount: &str| {
        format!(
            "apiVersion: v1
kind: Pod
metadata: {{name: kube-apiserver, namespace: kube-system}}
spec:
  containers:
    - name: kube-apiserver
      image: registry.k8s.io/kube-apiserver:v1.35.0
      command: [kube-apiserver, {flags}--service-account-key-file=/etc/kubernetes/pki/sa.pub]
      volumeMounts: [{{mountPath: {mount}, name: k8s-certs, readOnly: true}}]
  volumes: [{{hostPath: {{path: {mount}, type: DirectoryOrCreate}}, name: k8s-certs}}]
"
        )
    };
    let etcd = "--etcd-servers=https://127.0.0.1:2379, ";
    assert_eq!(of_stdin(&pod(etcd, "/etc/kubernetes/pki")), (vec![], 0));
    // Another volume took the name of the one with the certificates.
    assert_eq!(of_stdin(&pod(etcd, "/var/log/audit")), (vec!["warning mount-missing -:8".to_owned()], 0));
    // A part of a Pod is merged with what has the rest.
    assert_eq!(of_stdin(&pod("", "/var/log/audit")), (vec![], 0));
}

#[test]
fn a_policy_in_a_volume_that_is_no_host_path_is_mounted() {
    let pod = |volume: &str, more: &str| {
        format!(
            "apiVersion: v1
kind: Pod
metadata: {{name: kube-apiserver, namespace: kube-system}}
spec:
  containers:
    - name: kube-apiserver
      image: registry.k8s.io/kube-apiserver:v1.35.0
      command: [kube-apiserver, --audit-policy-file=/etc/kubernetes/audit/policy.yaml, --audit-log-path=-]
      volumeMounts:
        - {{mountPath: /etc/kubernetes/audit, name: policy, readOnly: true}}
{more}  volumes:
    - {{name: policy, {volume}}}
    - {{name: etc, hostPath: {{path: /etc/kubernetes, type: File}}}}
"
        )
    };
    let etc = |path: &str| format!("        - {{mountPath: {path}, name: etc, readOnly: true}}\n");
    for volume in ["configMap: {name: audit}", "secret: {secretName: audit}", "projected: {sources: []}", "emptyDir: {}"] {
        assert_eq!(of_stdin(&pod(volume, "")), (vec![], 0), "{volume}");
        // A host path around it does not hold the policy.
        assert_eq!(of_stdin(&pod(volume, &etc("/etc"))), (vec![], 0), "{volume}");
        // One inside of it does.
        let inside = of_stdin(&pod(volume, &etc("/etc/kubernetes/audit/policy.yaml")));
        assert_eq!(inside, (vec![], 0), "{volume}");
    }
    let elsewhere = pod("configMap: {name: audit}", "").replace("mountPath: /etc/kubernetes/audit", "mountPath: /etc/kubernetes/audits");
    assert_eq!(of_stdin(&elsewhere), (vec!["error mount-missing -:8".to_owned()], 1));
    let inside = pod("configMap: {name: audit}", &etc("/etc/kubernetes/audit/policy.yaml")).replace("type: File", "type: Directory");
    assert_eq!(of_stdin(&inside), (vec!["error mount-path-type -:11".to_owned()], 1));
}

#[test]
fn patches_of_a_class_that_exclude_each_other_give_nothing_twice() {
    let patch = |condition: &str, days: &str| {
        format!(
            "    - name: audit
      enabledIf: '{{{{ {condition} }}}}'
      definitions:
        - selector: {{apiVersion: controlplane.cluster.x-k8s.io/v1beta1, kind: KubeadmControlPlaneTemplate, matchResources: {{controlPlane: true}}}}
          jsonPatches:
            - {{op: add, path: /spec/template/spec/kubeadmConfigSpec/clusterConfiguration/apiServer/extraArgs/audit-log-maxage, value: '{days}'}}
            - op: add
              path: /spec/template/spec/kubeadmConfigSpec/clusterConfiguration/apiServer/extraVolumes
              value: [{{name: log, hostPath: /var/log/audit, mountPath: /var/log/audit, pathType: DirectoryOrCreate}}]
"
        )
    };
    let (short, long) = (patch("not .long", "7"), patch(".long", "90"));
    let class = |patches: &str| {
        let (found, _) = of_stdin(&format!("apiVersion: cluster.x-k8s.io/v1beta1\nkind: ClusterClass\nspec:\n  patches:\n{patches}"));
        found.into_iter().filter(|finding| finding.contains("duplicate")).collect::<Vec<_>>()
    };
    assert_eq!(class(&format!("{short}{long}")), [""; 0]);
}

#[test]
fn a_mode_with_a_leading_0_is_what_kairos_wants() {
    let values = "stages:
  initramfs:
    - files:
        - {path: /etc/kubernetes/audit.yaml, permissions: 0600, owner: 010, content: \"a: 1\"}
        - {path: /etc/kubernetes/other.yaml, permissions: 0888, content: \"a: 1\"}
cluster:
  config: |
    clusterConfiguration: {apiServer: {extraArgs: {audit-log-path: \"-\"}}}
permissions: 0600
";
    let ambiguous = |text: &str| of_stdin(text).0.into_iter().filter(|finding| finding.contains("ambiguous")).collect::<Vec<_>>();
    let elsewhere = ["warning yaml-ambiguous-scalar -:4", "warning yaml-ambiguous-scalar -:9"];
    assert_eq!(ambiguous(values), elsewhere, "the owner, and what is none of a file's");
    assert!(of_stdin(values).0.contains(&"error document-invalid -:5".to_owned()), "what is no mode");
    let k3s =
        values.replace("clusterConfiguration: {apiServer: {extraArgs: {audit-log-path: \"-\"}}}", "kube-apiserver-arg: [audit-log-path=-]");
    assert_eq!(ambiguous(&k3s), elsewhere);
}

#[test]
fn kubeadm_mounts_the_folder_of_certificates_that_it_is_told() {
    let server = "apiServer: {extraArgs: [{name: oidc-ca-file, value: /srv/pki/oidc.crt}]}";
    let kubeadm = |dir: &str| format!("apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n{dir}{server}\n");
    let control_plane = |dir: &str| {
        format!(
            "apiVersion: controlplane.cluster.x-k8s.io/v1beta2\nkind: KubeadmControlPlane\nspec:\n  version: v1.35.0\n  \
             kubeadmConfigSpec:\n    clusterConfiguration:\n      {dir}      {server}\n"
        )
    };
    let edge = |dir: &str| format!("cluster:\n  config: |\n    clusterConfiguration:\n      {dir}      {server}\n");
    let missing = |text: &str| of_stdin(text).0.into_iter().filter(|finding| finding.contains("mount-missing")).count();
    for document in [&kubeadm as &dyn Fn(&str) -> String, &control_plane, &edge] {
        for (dir, expected) in
            [("certificatesDir: /srv/pki\n", 0), ("certificatesDir: /srv/pk\n", 1), ("certificatesDir: ''\n", 1), ("\n", 1)]
        {
            assert_eq!(missing(&document(dir)), expected, "{}", document(dir));
        }
    }
}

#[test]
fn a_pack_is_linted_as_it_would_be_built() {
    let folder = folder(&[("over.yaml", "log:\n  truncate: {maxBatchSize: 1}\n")]);
    let run = lint(folder.path(), &["kube-apiserver-audit", "-f", "over.yaml", "--kubernetes-version", "1.35", JSON[0], JSON[1]], "");
    assert_eq!((run.findings(), run.status), (vec!["error audit-truncate-order over.yaml:2".to_owned()], 1), "{}", run.out);
    let run = lint(folder.path(), &["kube-apiserver-audit", "--set", "log.maxage=1", JSON[0], JSON[1]], "");
    assert_eq!(run.status, 2, "values that do not fit are no verdict");
}

#[test]
fn flags_that_cannot_be_exposed_as_they_are() {
    let expose = "expose:
  audit-log-maxagee: {name: days}
  audit-log-maxage: {name: days, minimum: 31}
  audit-log-maxbackup: {name: backups, maximum: 99}
  audit-log-maxsize: {name: size, type: boolean}
  audit-log-mode: {name: mode, enum: [blocking]}
  audit-log-format: {name: form}
  audit-log-version: {name: form}
";
    let folder = folder(&[("expose.yaml", expose)]);
    let run = lint(folder.path(), &["kube-apiserver-audit", "-f", "expose.yaml", JSON[0], JSON[1]], "");
    // A value that does not fit is blamed where it stands.
    let expected = [
        "error values-invalid bundled:kube-apiserver-audit/values.yaml:37",
        "error values-invalid expose.yaml:2",
        "error values-invalid bundled:kube-apiserver-audit/values.yaml:38",
        "error values-invalid bundled:kube-apiserver-audit/values.yaml:39",
        "error values-invalid bundled:kube-apiserver-audit/values.yaml:34",
        "error values-invalid expose.yaml:8",
    ];
    assert_eq!(run.findings(), expected, "{}", run.out);
    // A template of one's own may write anything.
    let run = Command::new("bash")
        .args([
            "-c",
            "\"$0\" new demo && echo 'expose: {event-ttl: {nam: ttl}}' >> demo/control-plane.yaml.hbs && \"$0\" lint demo --format github",
        ])
        .arg(env!("CARGO_BIN_EXE_packwright"))
        .current_dir(folder.path())
        .output()
        .expect("a shell");
    let said = String::from_utf8(run.stdout).expect("text");
    let told = said
        .lines()
        .any(|line| line.starts_with("::error ") && line.contains("title=values-invalid::expose of --event-ttl: unknown field `nam`"));
    assert!(told, "{said}{}", String::from_utf8_lossy(&run.stderr));
}

#[test]
fn forms_for_code_scanning_and_workflows() {
    let faulty = KUBEADM.replace("audit-log-maxage", "audit-log-maxagee");
    let folder = folder(&[("a b.yaml", &faulty), ("policy.yaml", POLICY)]);
    let run = lint(folder.path(), &["a b.yaml", "policy.yaml", "--format", "github"], "");
    let expected = "::error file=a b.yaml,line=11,col=14,title=flag-unknown::kube-apiserver has no flag --audit-log-maxagee";
    assert!(run.out.lines().any(|line| line.starts_with(expected)), "{}", run.out);
    let run = lint(folder.path(), &["a b.yaml", "policy.yaml", "--format", "sarif"], "");
    let log: Value = serde_json::from_str(&run.out).expect("JSON");
    let result = &log["runs"][0]["results"][0];
    assert_eq!(log["version"], "2.1.0");
    assert_eq!(result["ruleId"], "flag-unknown");
    let index = result["ruleIndex"].as_u64().expect("a number") as usize;
    assert_eq!(log["runs"][0]["tool"]["driver"]["rules"][index]["id"], "flag-unknown");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!((&place["artifactLocation"]["uri"], &place["region"]["startLine"]), (&"a%20b.yaml".into(), &11.into()));
    // People's words go to standard error.
    let run = lint(folder.path(), &["a b.yaml", "policy.yaml"], "");
    assert!(run.out.is_empty() && run.err.contains("error[flag-unknown]") && run.err.contains("1 error"), "{}", run.err);
}

/// `id status` of each item of each profile, in order.
fn verdicts(run: &Run) -> Vec<String> {
    let report: Value = serde_json::from_str(&run.out).expect("JSON");
    let items =
        report["profiles"].as_array().expect("a list").iter().flat_map(|profile| profile["items"].as_array().expect("a list").clone());
    items.map(|item| format!("{} {}", item["id"].as_str().unwrap_or_default(), item["status"].as_str().unwrap_or_default())).collect()
}

#[test]
fn benchmarks_judge_item_by_item() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let of_pack = |overlay: &str, profile: &str| {
        lint(root, &["kube-apiserver-audit", "-f", overlay, "--kubernetes-version", "1.33", "--profile", profile, JSON[0], JSON[1]], "")
    };
    let cis = of_pack("values/cis.yaml", "cis-1.12");
    assert_eq!(verdicts(&cis), ["1.2.16 pass", "1.2.17 pass", "1.2.18 pass", "1.2.19 pass", "3.2.1 manual", "3.2.2 manual"], "{}", cis.out);
    assert_eq!(cis.status, 0);
    // The how-to's 50 MB miss 1.2.19, at the line that says so.
    let tutorial = of_pack("values/tutorial.yaml", "cis-1.12");
    assert_eq!(verdicts(&tutorial)[3], "1.2.19 fail");
    let maxsize = fs::read_to_string(root.join("values/tutorial.yaml")).expect("the overlay");
    let line = maxsize.lines().position(|line| line.trim_start().starts_with("maxSize:")).expect("a line") + 1;
    assert!(tutorial.findings().contains(&format!("error profile-item values/tutorial.yaml:{line}")), "{:?}", tutorial.findings());
    assert_eq!(tutorial.status, 1);
    let stig = of_pack("values/stig.yaml", "stig");
    assert!(verdicts(&stig).iter().all(|item| item.ends_with(" pass")), "{}", stig.out);
    // Each other's policy fails.
    assert_eq!(verdicts(&of_pack("values/stig.yaml", "cis-1.12"))[5], "3.2.2 fail");
    assert_eq!(verdicts(&of_pack("values/cis.yaml", "stig"))[1], "V-242403 fail");
}

#[test]
fn benchmarks_say_what_they_cannot_know() {
    let policy = lint(Path::new("."), &["-", "--profile", "cis-1.12", "--kubernetes-version", "1.33", JSON[0], JSON[1]], POLICY);
    assert_eq!(verdicts(&policy)[0], "1.2.16 not-applicable");
    let alone = lint(Path::new("."), &["-", "--profile", "cis-1.12", JSON[0], JSON[1]], KUBEADM);
    assert_eq!(verdicts(&alone)[5], "3.2.2 manual");
    assert!(alone.findings().contains(&"note profile-version -:1".to_owned()), "{:?}", alone.findings());
    let both = lint(Path::new("."), &["-", "--profile", "cis-1.12", "--profile", "stig", JSON[0], JSON[1]], POLICY);
    assert!(both.findings()[0].starts_with("warning profile-conflict"), "{:?}", both.findings());
    assert_eq!(lint(Path::new("."), &["-", "--profile", "cis-1.2", JSON[0], JSON[1]], POLICY).status, 2);
}

#[test]
fn cis_3_2_2_fails_where_a_concern_is_not_met() {
    let judged = |rules: &str| {
        let policy = format!("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n{rules}");
        let run = lint(Path::new("."), &["-", "--profile", "cis-1.12", "--kubernetes-version", "1.33", JSON[0], JSON[1]], &policy);
        let report: Value = serde_json::from_str(&run.out).expect("JSON");
        let item = &report["profiles"][0]["items"][5];
        format!("{}: {}", item["status"].as_str().unwrap_or_default(), item["evidence"].as_str().unwrap_or_default())
    };
    for (rules, expected) in [
        ("- level: Metadata\n", "manual: every concern"),
        ("- level: RequestResponse\n", "fail: rules[0] (-:4:3) logs `secrets` at level RequestResponse"),
        (
            "- {level: Request, users: [alice], resources: [{group: '', resources: [configmaps]}]}\n- level: Metadata\n",
            "fail: rules[0] (-:4:3) logs `configmaps`",
        ),
        (
            "- {level: None, resources: [{group: '', resources: [pods/exec]}]}\n- level: Metadata\n",
            "fail: get of `pods/exec` is not logged",
        ),
        (
            "- {level: None, verbs: [delete], resources: [{group: apps}]}\n- level: Metadata\n",
            "fail: delete of `deployments` is not logged",
        ),
        (
            "- {level: Metadata, resources: [{group: ''}, {group: apps}, {group: authentication.k8s.io}]}\n",
            "fail: requests that no rule is about",
        ),
    ] {
        let found = judged(rules);
        assert!(found.starts_with(expected), "{rules}\n  {found}");
    }
}

#[test]
fn a_control_plane_without_audit_is_judged_and_its_policy_read() {
    let bare = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.33.0\n";
    let judged = lint(Path::new("."), &["-", "--profile", "cis-1.12", JSON[0], JSON[1]], bare);
    assert_eq!(verdicts(&judged)[0], "1.2.16 fail");
    assert_eq!(judged.status, 1);
    let broken = format!("{bare}---\n{}", POLICY.replace("level: Metadata", "level: Nonsense"));
    let run = lint(Path::new("."), &["-", JSON[0], JSON[1]], &broken);
    assert_eq!((run.findings(), run.status), (vec!["error policy-invalid -:12".to_owned()], 1));
}

#[test]
fn flags_that_add_up_are_read_together() {
    let pod = |flags: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - name: kube-apiserver\n      image: kube-apiserver:v1.35.0\n      command:\n        - kube-apiserver\n{flags}"
        )
    };
    let run = lint(
        Path::new("."),
        &["-", JSON[0], JSON[1]],
        &pod("        - --feature-gates=NopeNope=true\n        - --feature-gates=AllBeta=true\n"),
    );
    assert_eq!(run.findings(), ["error flag-value -:9"], "{}", run.out);
    let run = lint(
        Path::new("."),
        &["-", JSON[0], JSON[1]],
        &pod("        - --enable-admission-plugins=NodeRestriction\n        - --enable-admission-plugins=AlwaysPullImages\n"),
    );
    assert_eq!(run.findings(), [""; 0], "{}", run.out);
}

#[test]
fn lists_and_folders_of_others() {
    let indented = |text: &str| text.lines().map(|line| format!("    {line}\n")).collect::<String>();
    let list = format!("apiVersion: v1\nkind: List\nitems:\n  -\n{}", indented(&KUBEADM.replace("maxage", "maxagee")));
    let run = lint(Path::new("."), &["-", JSON[0], JSON[1]], &list);
    assert!(run.findings().contains(&"error flag-unknown -:15".to_owned()), "{:?}", run.findings());
    let folder = folder(&[
        ("chart/templates/cm.yaml", "cluster: {{ .Values.name }}\nx: {{- if .y }}\n  kube-apiserver: [\n"),
        (
            "audit.json",
            "{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\"}\n{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\"}\n",
        ),
        ("event.yaml", "kind: Event\napiVersion: audit.k8s.io/v1\n"),
    ]);
    let run = lint(folder.path(), &["."], "");
    assert_eq!((run.err.as_str(), run.status), ("there was nothing to lint\n", 0));
    // What only a pack can use is not passed over in silence.
    assert_eq!(lint(folder.path(), &[".", "--set", "log.maxAge=1"], "").status, 2);
}
