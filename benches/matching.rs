//! What a policy of twenty rules costs for each event of a log, beside reading
//! the event: `cargo bench --bench matching`. docs/performance.md says how to read it.

use divan::counter::{BytesCount, ItemsCount};
use packwright::audit::matcher::Matcher;
use packwright::audit::policy;
use packwright::audit::replay::Event;
use packwright::diagnostic::{Diagnostics, Source};
use packwright::kubernetes;
use packwright::yaml;

const POLICY: &str = include_str!("replay/policy.yaml");
/// What each kind of request is, and how many of a thousand are so: as in `replay/generate.py`.
const KINDS: [(usize, &str, &str, &str, &str, &str); 16] = [
    (400, "system:node:worker-", "update", "coordination.k8s.io", "leases", ""),
    (90, "system:kube-controller-manager", "update", "coordination.k8s.io", "leases", ""),
    (50, "system:node:worker-", "patch", "", "nodes", "status"),
    (60, "system:node:worker-", "patch", "", "pods", "status"),
    (50, "system:node:worker-", "get", "", "configmaps", ""),
    (40, "system:node:worker-", "create", "", "events", ""),
    (60, "system:kube-controller-manager", "update", "apps", "replicasets", "status"),
    (30, "system:kube-scheduler", "create", "", "pods", "binding"),
    (50, "system:serviceaccount:team-", "watch", "", "services", ""),
    (30, "system:serviceaccount:team-", "update", "", "configmaps", ""),
    (30, "system:serviceaccount:team-", "patch", "shop.example.com", "checkouts", "status"),
    (20, "system:serviceaccount:team-", "get", "", "secrets", ""),
    (20, "system:apiserver", "get", "", "namespaces", ""),
    (20, "ada@example.com", "get", "", "pods", ""),
    (40, "system:apiserver", "get", "", "", "/readyz"),
    (10, "ada@example.com", "get", "", "", "/openapi/v3/apis/apps/v1"),
];

fn main() {
    divan::main();
}

fn matcher() -> Matcher {
    let source = Source::file("policy.yaml", POLICY);
    let document = yaml::read(&source, &mut Diagnostics::new()).expect("YAML");
    let minors = kubernetes::select_known(None).expect("minors");
    Matcher::new(policy::decode(&document, minors[0], &mut Diagnostics::new()).expect("a policy"))
}

/// A thousand lines of a log, each kind spread over it.
fn lines() -> Vec<String> {
    let mut lines = Vec::new();
    for (kind, count) in KINDS.iter().map(|kind| (kind, kind.0)) {
        for index in 0..count {
            lines.push((index * 1000 / count, line(kind, index)));
        }
    }
    lines.sort();
    lines.into_iter().map(|(_, line)| line).collect()
}

fn line(&(_, user, verb, group, resource, sub): &(usize, &str, &str, &str, &str, &str), index: usize) -> String {
    let (user, groups) = match user {
        "system:node:worker-" => (format!("{user}{}", index % 200), "\"system:nodes\",\"system:authenticated\"".to_owned()),
        "system:serviceaccount:team-" => {
            let groups = format!("\"system:serviceaccounts\",\"system:serviceaccounts:team-{}\",\"system:authenticated\"", index % 40);
            (format!("{user}{}:operator", index % 40), groups)
        }
        _ => (user.to_owned(), "\"oidc:developers\",\"system:authenticated\"".to_owned()),
    };
    let object = format!(
        r#""objectRef":{{"resource":"{resource}","namespace":"team-{}","name":"edge-{index:010x}","apiGroup":"{group}","apiVersion":"v1","subresource":"{sub}"}},"#,
        index % 40
    );
    format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"6f1c8a52-0000-4000-8000-{index:012x}","stage":"ResponseComplete","requestURI":"{}","verb":"{verb}","user":{{"username":"{user}","groups":[{groups}]}},"sourceIPs":["10.1.2.3"],"userAgent":"kubelet/v1.35.2 (linux/amd64) kubernetes/ab12cd3",{}"requestReceivedTimestamp":"2026-03-01T08:00:00.000000Z","stageTimestamp":"2026-03-01T08:00:00.003000Z","annotations":{{"authorization.k8s.io/decision":"allow"}}}}"#,
        if resource.is_empty() { sub } else { "/api" },
        if resource.is_empty() { "" } else { &object },
    )
}

/// Which rule decides, for a thousand events that have been read.
#[divan::bench]
fn decide(bencher: divan::Bencher<'_, '_>) {
    let (matcher, lines) = (matcher(), lines());
    let events: Vec<Event<'_>> = lines.iter().map(|line| Event::read(Ok(line)).expect("an event")).collect();
    let requests: Vec<_> = events.iter().map(Event::request).collect();
    bencher
        .counter(ItemsCount::new(requests.len()))
        .bench(|| requests.iter().filter_map(|request| matcher.decide(request).rule).sum::<usize>());
}

/// The same events, read.
#[divan::bench]
fn read(bencher: divan::Bencher<'_, '_>) {
    let lines = lines();
    let bytes: usize = lines.iter().map(String::len).sum();
    bencher
        .counter(ItemsCount::new(lines.len()))
        .counter(BytesCount::new(bytes))
        .bench(|| lines.iter().filter(|line| Event::read(Ok(line)).is_ok()).count());
}
