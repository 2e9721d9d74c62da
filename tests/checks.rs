//! What the checks say of flags, audit options, mounts and files: values laid
//! over the bundled pack, and every finding with the line that it blames.

use packwright::diagnostic::{Diagnostic, Diagnostics, Location, Severity, Source};
use packwright::kubernetes::Minor;
use packwright::pack::{self, Inputs};
use packwright::values::Layer;
use packwright::{check, patch, yaml};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// `severity code line:column`; the place is in `values`, or a name if it is elsewhere.
fn show(item: &Diagnostic) -> String {
    let severity = match item.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let place = match &item.location {
        Some(location) if location.source.name == "values" => {
            let (line, column) = location.position();
            format!("{line}:{column}")
        }
        Some(location) if location.source.name.ends_with("kube-apiserver-audit/values.yaml") => "default".to_owned(),
        Some(location) => location.to_string(),
        None => "nowhere".to_owned(),
    };
    format!("{severity} {} {place}", item.code)
}

/// What is found in the bundled pack with a layer over its values. What is said
/// of the policy itself has tests of its own.
fn findings(layer: Option<Layer>, minors: &str) -> Vec<String> {
    let mut warnings = Diagnostics::new();
    let source = pack::load(&format!("{ROOT}/packs/kube-apiserver-audit"), &mut warnings).expect("the pack");
    let inputs = Inputs { layers: layer.into_iter().collect(), kubernetes_version: Some(minors.to_owned()), ..Inputs::default() };
    let plan = pack::plan(source, inputs, &mut warnings).unwrap_or_else(|errors| panic!("{:?}", errors.items));
    let patch = plan.patch(&mut warnings).unwrap_or_else(|errors| panic!("{:?}", errors.items));
    warnings.extend(plan.check(&patch));
    // Policies are held by tests/policy_lint.rs.
    warnings.items.iter().filter(|item| !item.code.name().starts_with("policy-")).map(show).collect()
}

/// The same of a patch that no pack rendered.
fn of_patch(patch: &str) -> Vec<String> {
    let document = yaml::read(&Source::file("values", patch.to_owned()), &mut Diagnostics::new()).expect("YAML");
    let mut sibling = |_: &str, _: &Location| panic!("no templates here");
    let patch = patch::parse(&document, &mut sibling, &mut Diagnostics::new()).unwrap_or_else(|errors| panic!("{:?}", errors.items));
    check::patch(&patch, Minor(33)).items.iter().map(show).collect()
}

fn of_values(values: &str, minors: &str) -> Vec<String> {
    findings(Some(Layer::File(Source::file("values", values.to_owned()))), minors)
}

/// Asks each case, and shows all that are otherwise than expected.
fn hold(cases: &[(&str, &str, &str, &[&str])]) {
    let mut wrong = String::new();
    for (name, minors, values, expected) in cases {
        let found = of_values(values, minors);
        if found != *expected {
            wrong.push_str(&format!("{name} on {minors}:\n  expected {expected:?}\n  found    {found:?}\n"));
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn the_overlays_draw_what_is_true_of_them() {
    assert_eq!(findings(None, "1.28-1.37"), [""; 0]);
    for name in ["recommended", "cis", "stig", "webhook", "tutorial", "palette-pxk"] {
        let layer = Layer::File(pack::load_layer(&format!("{ROOT}/values/{name}.yaml")).expect("the overlay"));
        let found: Vec<String> =
            findings(Some(layer), "1.28-1.37").iter().map(|finding| finding.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect();
        let expected: &[&str] = if name == "tutorial" { &["warning audit-batch-without-wait"] } else { &[] };
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn flags_against_the_catalogue() {
    hold(&[
        ("a typo", "1.37", "extraArgs:\n  audit-log-pth: x\n", &["error flag-unknown 2:18"]),
        ("as the API server reads it", "1.37", "extraArgs: {event_ttl: 1h}\n", &[]),
        ("not yet", "1.35-1.36", "extraArgs: {tls-curve-preferences: \"29\"}\n", &["error flag-unavailable 1:36"]),
        ("since 1.36", "1.36-1.37", "extraArgs: {tls-curve-preferences: \"29\"}\n", &[]),
        ("a null flag is no flag", "1.37", "extraArgs: {audit-log-pth: null}\n", &[]),
        ("gone long ago", "1.37", "extraArgs: {audit-dynamic-configuration: true}\n", &["error flag-unknown 1:42"]),
        ("a number", "1.37", "extraArgs: {max-requests-inflight: many}\n", &["error flag-type 1:36"]),
        ("a duration without unit", "1.37", "extraArgs: {event-ttl: 3600}\n", &["error flag-type 1:24"]),
        ("a good duration", "1.37", "extraArgs: {event-ttl: 1h}\n", &[]),
        ("octal", "1.37", "extraArgs: {max-requests-inflight: \"08\"}\n", &["error flag-type 1:36"]),
        ("a switch without value", "1.37", "extraArgs: {profiling: \"off\"}\n", &["error flag-type 1:24"]),
        ("a list", "1.37", "extraArgs: {tls-cipher-suites: 'a,\"b'}\n", &["error flag-type 1:32"]),
        (
            "an old name",
            "1.37",
            "webhook: {enabled: true}\nextraArgs: {audit-webhook-batch-initial-backoff: 5s}\n",
            &["warning flag-deprecated 2:50"],
        ),
        ("kubeadm's admission lost", "1.37", "extraArgs: {enable-admission-plugins: AlwaysPullImages}\n", &["warning flag-managed 1:39"]),
        ("kubeadm's admission kept", "1.37", "extraArgs: {enable-admission-plugins: \"NodeRestriction,AlwaysPullImages\"}\n", &[]),
        (
            "a plugin that is gone",
            "1.37",
            "extraArgs: {enable-admission-plugins: \"NodeRestriction,PodSecurityPolicy\"}\n",
            &["error flag-value 1:39"],
        ),
        ("a gate with a typo", "1.37", "extraArgs: {feature-gates: \"AllAlpa=true\"}\n", &["error flag-value 1:28"]),
        ("a gate that is no switch", "1.37", "extraArgs: {feature-gates: \"AllAlpha=perhaps\"}\n", &["error flag-value 1:28"]),
        ("the same before gates had components", "1.30", "extraArgs: {feature-gates: \"AllAlpha=perhaps\"}\n", &["error flag-type 1:28"]),
        ("a gate that is gone", "1.34-1.35", "extraArgs: {feature-gates: \"APIListChunking=true\"}\n", &["error flag-value 1:28"]),
        ("a gate while it was there", "1.32", "extraArgs: {feature-gates: \"APIListChunking=true\"}\n", &[]),
        (
            "a gate to come",
            "1.36",
            "extraArgs: {feature-gates: \"APIServerWebhookAuthenticationToken=true\"}\n",
            &["error flag-value 1:28"],
        ),
        ("a gate of an older version", "1.36", "extraArgs: {emulated-version: \"1.32\", feature-gates: \"APIListChunking=true\"}\n", &[]),
        ("a locked gate", "1.37", "extraArgs: {feature-gates: \"PodSchedulingReadiness=false\"}\n", &["error flag-value 1:28"]),
        ("a locked gate as it is", "1.37", "extraArgs: {feature-gates: \"PodSchedulingReadiness=true\"}\n", &[]),
        ("a plugin to come", "1.35", "extraArgs: {disable-admission-plugins: PodGroupProtection}\n", &["error flag-value 1:40"]),
        ("gates", "1.37", "extraArgs: {feature-gates: \"AllAlpha=false,kube:AllBeta=true,other:X=true\"}\n", &[]),
        ("kubeadm's own value", "1.37", "extraArgs: {allow-privileged: true}\n", &[]),
        ("kubeadm's authorisation lost", "1.37", "extraArgs: {authorization-mode: RBAC}\n", &["warning flag-managed 1:33"]),
        ("kubeadm's own port", "1.37", "extraArgs: {secure-port: 6443}\n", &[]),
        ("kubeadm's port", "1.37", "extraArgs: {secure-port: 8443}\n", &["warning flag-managed 1:26"]),
    ]);
}

#[test]
fn policy_and_backends() {
    hold(&[
        ("nowhere to log", "1.33", "log: {path: null}\n", &["error audit-policy-without-backend default"]),
        ("the webhook alone", "1.33", "log: {path: null}\nwebhook: {enabled: true}\n", &[]),
        (
            "an empty path",
            "1.33",
            "log: {path: null}\nextraArgs: {audit-log-path: \"\"}\n",
            &["error audit-policy-without-backend default"],
        ),
        ("standard output", "1.33", "log: {path: \"-\"}\n", &[]),
    ]);
    let log = "{name: audit-log-path, value: \"-\"}";
    assert_eq!(of_patch(&format!("apiServer: {{extraArgs: [{log}]}}")), ["error audit-path-without-policy 1:55"]);
    let webhook = "{name: audit-webhook-config-file, value: /etc/kubernetes/pki/w.conf}";
    assert_eq!(
        of_patch(&format!("apiServer:\n  extraArgs:\n  - {log}\n  - {webhook}")),
        ["error audit-path-without-policy 3:35", "error audit-path-without-policy 4:46"]
    );
}

#[test]
fn values_that_the_api_server_refuses() {
    let raw = |knob: &str, flag: &str, value: &str| format!("log: {{{knob}: null}}\nextraArgs:\n  {flag}: {value}\n");
    for (knob, flag, bad, good) in [
        ("mode", "audit-log-mode", "Batch", "batch"),
        ("mode", "audit-log-mode", "\"\"", "blocking-strict"),
        ("format", "audit-log-format", "text", "legacy"),
        ("version", "audit-log-version", "audit.k8s.io/v1beta1", "audit.k8s.io/v1"),
        ("maxAge", "audit-log-maxage", "-1", "1"),
        ("maxBackup", "audit-log-maxbackup", "-1", "1"),
        ("maxSize", "audit-log-maxsize", "-1", "1"),
        ("batch: {bufferSize", "audit-log-batch-buffer-size", "0", "1"),
        ("batch: {maxSize", "audit-log-batch-max-size", "0", "1"),
        ("truncate: {maxEventSize", "audit-log-truncate-max-event-size", "0", "1"),
    ] {
        let fix = |text: String| if knob.contains('{') { text.replacen("null}", "null}}", 1) } else { text };
        let column = flag.len() + 5;
        let bad_values = fix(raw(knob, flag, bad));
        assert_eq!(of_values(&bad_values, "1.28-1.37"), [format!("error flag-value 3:{column}")], "{flag} {bad}");
        let notes: Vec<String> = of_values(&fix(raw(knob, flag, good)), "1.28-1.37");
        assert!(notes.iter().all(|finding| finding.starts_with("note audit-batch-ignored")), "{flag} {good}: {notes:?}");
    }
    hold(&[
        ("a webhook version of a webhook that is off", "1.33", "extraArgs: {audit-webhook-version: a/b/c}\n", &["error flag-value 1:36"]),
        ("an odd version of a webhook that is off", "1.33", "extraArgs: {audit-webhook-version: b/c}\n", &[]),
        ("a webhook mode", "1.33", "webhook: {enabled: true}\nextraArgs: {audit-webhook-mode: blocked}\n", &["error flag-value 2:33"]),
        ("a webhook mode of a webhook that is off", "1.33", "extraArgs: {audit-webhook-mode: blocked}\n", &[]),
    ]);
}

#[test]
fn batches() {
    hold(&[
        (
            "throttled at no rate",
            "1.33",
            "log:\n  batch:\n    throttle:\n      enabled: true\n",
            &["error audit-throttle-without-rate 4:16"],
        ),
        (
            "throttled at rate 0",
            "1.33",
            "log: {batch: {throttle: {enabled: true, qps: 0, burst: 5}}}\n",
            &["error audit-throttle-without-rate 1:46"],
        ),
        ("a rate without a throttle", "1.33", "log: {batch: {throttle: {enabled: false, qps: 10}}}\n", &["note audit-batch-ignored 1:47"]),
        ("throttled", "1.33", "log: {batch: {throttle: {enabled: true, qps: 10, burst: 15}}}\n", &[]),
        ("the webhook has a rate", "1.33", "webhook: {enabled: true, batch: {throttle: {enabled: true}}}\n", &[]),
        ("no wait", "1.33", "log: {batch: {maxWait: null}}\n", &["warning audit-batch-without-wait default"]),
        ("a wait of 0", "1.33", "log:\n  batch: {maxWait: 0s}\n", &["warning audit-batch-without-wait 2:20"]),
        ("no wait for one event", "1.33", "log: {batch: {maxWait: null, maxSize: 1}}\n", &[]),
        (
            "the webhook without a wait",
            "1.33",
            "webhook: {enabled: true, batch: {maxWait: 0s}}\n",
            &["warning audit-batch-without-wait 1:43"],
        ),
        (
            "no batches",
            "1.33",
            "log:\n  mode: blocking\n  batch: {maxWait: 2s, bufferSize: null, maxSize: null}\n",
            &["note audit-batch-ignored 3:20"],
        ),
        ("an event larger than a batch", "1.33", "log:\n  truncate: {maxBatchSize: 1000}\n", &["error audit-truncate-order 2:28"]),
        ("an event as large as a batch", "1.33", "log: {truncate: {maxBatchSize: 1000, maxEventSize: 1000}}\n", &[]),
        (
            "the order counts also when truncation is off",
            "1.33",
            "log: {truncate: {enabled: null, maxBatchSize: 5}}\n",
            &["error audit-truncate-order 1:47"],
        ),
    ]);
}

#[test]
fn strictness() {
    let batch = "batch: null";
    hold(&[
        (
            "omitted by the policy",
            "1.33",
            &format!("log: {{mode: blocking-strict, {batch}}}\npolicy: {{omitStages: [RequestReceived]}}\n"),
            &["warning audit-strict-without-request-received 1:13"],
        ),
        (
            "omitted by every rule that logs",
            "1.33",
            &format!(
                "log: {{mode: blocking-strict, {batch}}}\npolicy: {{rules: [{{level: None, verbs: [get]}}, {{level: Metadata, omitStages: [RequestReceived]}}]}}\n"
            ),
            &["warning audit-strict-without-request-received 1:13"],
        ),
        (
            "omitted by some rules that log",
            "1.33",
            &format!(
                "log: {{mode: blocking-strict, {batch}}}\npolicy: {{rules: [{{level: Request, verbs: [get]}}, {{level: Metadata, omitStages: [RequestReceived]}}]}}\n"
            ),
            &[],
        ),
        ("strict", "1.33", &format!("log: {{mode: blocking-strict, {batch}}}\n"), &[]),
        ("other stages omitted", "1.33", &format!("log: {{mode: blocking-strict, {batch}}}\npolicy: {{omitStages: [Panic]}}\n"), &[]),
        ("not strict", "1.33", &format!("log: {{mode: blocking, {batch}}}\npolicy: {{omitStages: [RequestReceived]}}\n"), &[]),
    ]);
}

#[test]
fn rotation_and_disk() {
    hold(&[
        ("off since 1.36", "1.36", "log: {maxSize: 0}\n", &["warning audit-rotation-off 1:16"]),
        ("100 MiB before", "1.35", "log: {maxSize: 0}\n", &["note audit-rotation-implicit 1:16"]),
        (
            "left to defaults",
            "1.35",
            "log: {maxAge: null, maxBackup: null}\n",
            &["note audit-rotation-implicit default", "warning audit-disk-budget default"],
        ),
        ("left to better defaults", "1.36", "log: {maxAge: null, maxBackup: null}\n", &["note audit-rotation-implicit default"]),
        ("kept for ever", "1.37", "log: {maxAge: 0, maxBackup: 0}\n", &["warning audit-disk-budget 1:29"]),
        ("kept by age alone", "1.37", "log: {maxAge: 7, maxBackup: 0}\n", &["warning audit-disk-budget 1:29"]),
        ("51 GiB", "1.37", "log: {maxBackup: 521}\n", &["warning audit-disk-budget 1:18"]),
        ("50 GiB", "1.37", "log: {maxBackup: 511}\n", &[]),
        ("a size that never comes", "1.30", "log: {maxSize: 2000000000}\n", &["warning audit-disk-budget default"]),
        ("nothing rotates standard output", "1.37", "log: {path: \"-\", maxAge: null}\n", &[]),
    ]);
}

/// Somebody replaces the macro later, and by what is not known.
#[test]
fn values_with_macros() {
    let own = |flags: &str| format!("extraArgs:\n{flags}");
    for flags in [
        "  event-ttl: \"{{.spectro.var.ttl}}\"\n",
        "  profiling: \"{{x}}\"\n",
        "  feature-gates: \"{{x}}=true\"\n",
        "  enable-admission-plugins: \"{{x}}\"\n",
        "  oidc-ca-file: \"/etc/{{x}}/oidc.crt\"\n",
        "  audit-webhook-version: \"{{a/b/c}}\"\n",
    ] {
        assert_eq!(of_values(&own(flags), "1.33"), [""; 0], "{flags}");
    }
    let patch = |flags: &[(&str, &str)], volumes: &str| {
        let set = ["maxage", "maxbackup", "maxsize"].map(|part| format!("audit-log-{part}"));
        let rotation = set.iter().filter(|name| !flags.iter().any(|(given, _)| given == name)).map(|name| (name.as_str(), "10"));
        let args: String =
            flags.iter().copied().chain(rotation).map(|(name, value)| format!("  - {{name: {name}, value: \"{value}\"}}\n")).collect();
        of_patch(&format!("apiServer:\n  extraArgs:\n{args}  extraVolumes: [{volumes}]\n"))
    };
    const POLICY: (&str, &str) = ("audit-policy-file", "/etc/kubernetes/pki/{{x}}.yaml");
    const LOG: (&str, &str) = ("audit-log-path", "/var/log/{{x}}/audit.log");
    for flags in [
        &[POLICY, LOG][..],
        &[("audit-policy-file", "{{x}}"), ("audit-log-path", "{{x}}"), ("audit-log-maxage", "{{x}}")],
        &[POLICY, LOG, ("audit-log-mode", "{{x}}"), ("audit-log-batch-max-size", "5")],
        &[POLICY, LOG, ("audit-log-format", "{{x}}"), ("audit-log-version", "{{x}}"), ("audit-log-maxbackup", "{{x}}")],
        &[POLICY, LOG, ("audit-log-truncate-max-event-size", "{{x}}")],
        &[
            POLICY,
            LOG,
            ("audit-log-mode", "batch"),
            ("audit-log-batch-throttle-enable", "{{x}}"),
            ("audit-log-batch-throttle-qps", "5"),
            ("audit-log-batch-max-wait", "{{x}}"),
        ],
    ] {
        assert_eq!(patch(flags, ""), [""; 0], "{flags:?}");
    }
    let plain = [("audit-policy-file", "/etc/p/policy.yaml"), ("audit-log-path", "/var/log/a/audit.log")];
    assert_eq!(patch(&plain, "").len(), 2);
    assert_eq!(patch(&plain, "{name: v, hostPath: /x, mountPath: \"/{{x}}\"}"), [""; 0], "a volume of any path");
    let of_both = "{name: v, hostPath: \"/{{x}}\", mountPath: /etc/p, readOnly: true}, {name: w, hostPath: /x, mountPath: /var/log/a}";
    assert_eq!(patch(&plain, of_both), [""; 0], "a volume of any folder of the node");
    // What a value does not say is said.
    assert_eq!(patch(&[LOG], ""), ["error audit-path-without-policy 3:35"]);
}

#[test]
fn what_is_left_to_the_defaults_is_listed() {
    let patch = "apiServer:\n  extraArgs:\n  - {name: audit-log-path, value: \"-x\"}\n";
    let document = yaml::read(&Source::file("values", patch.to_owned()), &mut Diagnostics::new()).expect("YAML");
    let mut sibling = |_: &str, _: &Location| panic!("no templates here");
    let patch = patch::parse(&document, &mut sibling, &mut Diagnostics::new()).expect("a patch");
    let found = check::patch(&patch, Minor(33));
    let start = "--audit-log-maxage, --audit-log-maxbackup and --audit-log-maxsize are not set: ";
    assert!(found.items.iter().any(|item| item.message.starts_with(start)), "{:?}", found.items);
}

#[test]
fn mounts() {
    hold(&[
        ("another folder than the log's", "1.33", "log:\n  mountPath: /var/log/audit\n", &["warning mount-missing default"]),
        ("a device", "1.33", "log: {path: /dev/stdout, mountPath: /var/log/x}\n", &["warning mount-missing 1:13"]),
        (
            "a file that is not mounted",
            "1.33",
            "extraArgs: {encryption-provider-config: /etc/kubernetes/enc.yaml}\n",
            &["warning mount-missing 1:41"],
        ),
        ("a file among kubeadm's", "1.33", "extraArgs: {oidc-ca-file: /etc/kubernetes/pki/oidc.crt}\n", &[]),
        (
            "a file that is mounted and there",
            "1.33",
            "extraArgs: {token-auth-file: /etc/kubernetes/tokens.csv}\n\
             extraVolumes: {tokens: {hostPath: /etc/kubernetes/tokens.csv, mountPath: /etc/kubernetes/tokens.csv, readOnly: true, pathType: File}}\n\
             files: {/etc/kubernetes/tokens.csv: {host: true}}\n",
            &[],
        ),
        (
            "a file that nobody brings",
            "1.33",
            "extraArgs: {token-auth-file: /etc/kubernetes/conf/tokens.csv}\n\
             extraVolumes: {conf: {hostPath: /etc/kubernetes/conf, mountPath: /etc/kubernetes/conf, readOnly: true, pathType: Directory}}\n",
            &["warning file-missing 1:30"],
        ),
        (
            "a file beside what is mounted",
            "1.33",
            "extraArgs: {token-auth-file: /etc/x/tokens.csv}\n\
             extraVolumes: {x: {hostPath: /etc/x/tok, mountPath: /etc/x/tok, readOnly: true, pathType: Directory}}\n",
            &["warning mount-missing 1:30"],
        ),
        (
            "a file in a folder that may be written to",
            "1.33",
            "extraArgs: {token-auth-file: /etc/x/tokens.csv}\n\
             extraVolumes: {x: {hostPath: /etc/x, mountPath: /etc/x, pathType: Directory}}\nfiles: {/etc/x/tokens.csv: {host: true}}\n",
            &[],
        ),
        (
            "a mount in a mount",
            "1.33",
            "extraArgs: {token-auth-file: /etc/x/tokens.csv}\n\
             extraVolumes:\n  a: {hostPath: /etc/x, mountPath: /etc/x, pathType: Directory}\n  \
             b: {hostPath: /etc/tokens, mountPath: /etc/x/tokens.csv, readOnly: true, pathType: FileOrCreate}\n\
             files: {/etc/tokens: {host: true}}\n",
            &["warning mount-path-type 4:6"],
        ),
        (
            "the log file itself",
            "1.33",
            "log:\n  hostPath: /var/log/audit.log\n  mountPath: /var/log/kubernetes/audit/audit.log\n",
            &["error mount-path-type 3:14"],
        ),
        (
            "the log file itself, as a file",
            "1.33",
            "log: {mountPath: /elsewhere, hostPath: /elsewhere}\n\
             extraVolumes:\n  log-file: {hostPath: /var/log/audit.log, mountPath: /var/log/kubernetes/audit/audit.log, pathType: FileOrCreate}\n",
            &["warning mount-single-file 3:55"],
        ),
        (
            "the log file itself, never rotated",
            "1.36",
            "log: {mountPath: /elsewhere, hostPath: /elsewhere, maxSize: 0}\n\
             extraVolumes:\n  log-file: {hostPath: /var/log/audit.log, mountPath: /var/log/kubernetes/audit/audit.log, pathType: FileOrCreate}\n",
            &["warning audit-rotation-off 1:61"],
        ),
        (
            "a log that cannot be written",
            "1.33",
            "log: {mountPath: /elsewhere, hostPath: /elsewhere}\n\
             extraVolumes:\n  logs: {hostPath: /var/log, mountPath: /var/log, readOnly: true}\n",
            &["error mount-read-only 3:9"],
        ),
        (
            "a log folder that is a file",
            "1.33",
            "log: {mountPath: /elsewhere, hostPath: /elsewhere}\n\
             extraVolumes:\n  logs: {hostPath: /var/log, mountPath: /var/log, pathType: File}\n",
            &["error mount-path-type 3:9"],
        ),
        (
            "a policy elsewhere, as FileOrCreate and writable",
            "1.33",
            "policy: {path: /etc/kubernetes/audit/policy.yaml}\n\
             extraArgs: {tracing-config-file: /etc/kubernetes/tracing.yaml}\n\
             extraVolumes:\n  tracing: {hostPath: /etc/kubernetes/tracing.yaml, mountPath: /etc/kubernetes/tracing.yaml, pathType: FileOrCreate}\n\
             files: {/etc/kubernetes/tracing.yaml: {host: true}}\n",
            &["warning mount-path-type 4:12", "note mount-read-only 4:12"],
        ),
        (
            "no path type, and a folder as a file",
            "1.33",
            "extraArgs: {tracing-config-file: /etc/t/x.yaml, egress-selector-config-file: /etc/e/e.yaml}\n\
             extraVolumes:\n  t: {hostPath: /etc/t/x.yaml, mountPath: /etc/t/x.yaml, readOnly: true}\n  e: {hostPath: /etc/e, mountPath: /etc/e, readOnly: true, pathType: File}\n\
             files: {/etc/t/x.yaml: {host: true}, /etc/e/e.yaml: {host: true}}\n",
            &["warning mount-path-type 4:6", "warning mount-path-type 3:6"],
        ),
        ("kubeadm's name", "1.33", "log: {volumeName: ca-certs}\n", &["warning volume-name-reserved 1:19"]),
        ("kubeadm's name with the keys", "1.33", "policy: {volumeName: k8s-certs}\n", &["error volume-name-reserved 1:22"]),
        ("a name of long ago", "1.33", "policy: {volumeName: audit}\n", &[]),
        ("among kubeadm's numbered names", "1.33", "policy: {volumeName: etcd-certs-0}\n", &["warning volume-name-reserved 1:22"]),
        (
            "the policy among static Pods",
            "1.33",
            "policy:\n  path: /etc/kubernetes/manifests/audit-policy.yaml\n",
            &["error mount-manifests-dir default", "error mount-manifests-dir 2:9"],
        ),
        (
            "a mount where kubeadm has one",
            "1.33",
            "extraVolumes:\n  certs: {hostPath: /etc/ssl/certs, mountPath: /etc/ssl/certs, readOnly: true}\n",
            &["error volume-path-duplicate 2:48"],
        ),
        (
            "two mounts at one path",
            "1.33",
            "extraVolumes:\n  other: {hostPath: /other, mountPath: /var/log/kubernetes/audit/}\n",
            &["error volume-path-duplicate 2:40"],
        ),
    ]);
}

#[test]
fn files() {
    let large = "x".repeat(17_000);
    hold(&[
        ("a policy that others may change", "1.33", "policy:\n  permissions: \"0664\"\n", &["warning file-permissions default"]),
        ("a policy that others may read", "1.33", "policy: {permissions: \"0644\"}\n", &[]),
        (
            "credentials that others may read",
            "1.33",
            "webhook: {enabled: true, kubeconfig: {host: null, secret: {name: audit, key: value}}}\n",
            &[],
        ),
        ("much", "1.33", &format!("files:\n  /etc/kubernetes/large: {{content: {large}}}\n"), &["note file-too-large 2:26"]),
        ("not that much", "1.33", &format!("files:\n  /etc/kubernetes/large: {{content: {}}}\n", &large[..16_000]), &[]),
    ]);
}

#[test]
fn credentials_and_modes() {
    let patch = |flag: &str, permissions: &str, body: &str| {
        format!(
            "apiServer:\n  extraArgs: [{{name: {flag}, value: /etc/x/f}}]\n  \
             extraVolumes: [{{name: x, hostPath: /etc/x, mountPath: /etc/x, readOnly: true, pathType: Directory}}]\n\
             files:\n- path: /etc/x/f\n  permissions: \"{permissions}\"\n  {body}\n"
        )
    };
    const FOUND: [&str; 1] = ["warning file-permissions 5:9"];
    assert_eq!(of_patch(&patch("token-auth-file", "0640", "content: x")), FOUND);
    assert_eq!(of_patch(&patch("token-auth-file", "0604", "secret: {name: a, key: b}")), FOUND);
    assert_eq!(of_patch(&patch("token-auth-file", "0600", "content: x")), [""; 0]);
    assert_eq!(of_patch(&patch("token-auth-file", "0666", "host: true")), [""; 0]);
    assert_eq!(of_patch(&patch("tracing-config-file", "0644", "content: x")), [""; 0]);
    assert_eq!(of_patch(&patch("tracing-config-file", "0602", "content: x")), FOUND);
}

/// What the checks take for kubeadm's own flags is what kubeadm of every minor wrote.
#[test]
fn kubeadms_own_flags() {
    for entry in std::fs::read_dir(format!("{ROOT}/tests/vectors/kubeadm")).expect("vectors") {
        let path = entry.expect("an entry").path();
        let vector: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).expect("a vector")).expect("JSON");
        let command = vector["base"]["command"].as_array().expect("a command");
        let given: Vec<(&str, &str)> = command[1..]
            .iter()
            .map(|arg| arg.as_str().and_then(|arg| arg.strip_prefix("--")).and_then(|arg| arg.split_once('=')).expect("a flag"))
            .collect();
        let known = packwright::check::flags::MANAGED;
        assert_eq!(known.iter().map(|(name, _)| *name).collect::<Vec<_>>(), given.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        for ((name, known), (_, value)) in known.iter().zip(given) {
            assert!(known.is_none_or(|known| known == value), "{}: --{name} is {value}", path.display());
        }
    }
}

#[test]
fn the_policy_is_the_file_behind_the_innermost_mount() {
    let patch = |inner: &str, outer: &str| {
        of_patch(&format!(
            "apiServer:
  extraArgs:
    - {{name: audit-policy-file, value: /etc/kubernetes/audit/policy.yaml}}
    - {{name: audit-log-path, value: '-'}}
  extraVolumes:
    - {{name: inner, hostPath: /srv/audit, mountPath: /etc/kubernetes/audit, readOnly: true, pathType: Directory}}
    - {{name: outer, hostPath: /srv, mountPath: /etc/kubernetes, readOnly: true, pathType: Directory}}
files:
  - {{path: /srv/audit/policy.yaml, content: \"{inner}\"}}
  - {{path: /etc/kubernetes/audit/policy.yaml, content: \"{outer}\"}}
"
        ))
    };
    let (good, empty) = (
        "{apiVersion: audit.k8s.io/v1, kind: Policy, rules: [{level: Metadata}]}",
        "{apiVersion: audit.k8s.io/v1, kind: Policy, rules: []}",
    );
    let is_empty = |found: Vec<String>| found.iter().any(|finding| finding.contains("policy-empty"));
    assert!(!is_empty(patch(good, empty)));
    assert!(is_empty(patch(empty, good)));
}
