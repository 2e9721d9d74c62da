//! What a policy of twenty rules costs for each event of a log, beside reading
//! the event; and a replay of a compressed log beside decompressing it alone:
//! `cargo bench --bench matching`. docs/performance.md says how to read it.

use std::fs::File;
use std::io::{BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use divan::counter::{BytesCount, ItemsCount};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use packwright::audit::matcher::Matcher;
use packwright::audit::policy;
use packwright::audit::replay::{Event, Log, Tally, scan};
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

/// How often the thousand events are in the compressed log.
const TIMES: usize = 60;

/// A compressed log, and its bytes uncompressed: that of `PACKWRIGHT_LOG`, or one
/// that is made once and deleted in the end.
static LOG: LazyLock<(tempfile::TempDir, PathBuf, usize)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    if let Some(path) = std::env::var_os("PACKWRIGHT_LOG").map(PathBuf::from) {
        let bytes = decompress(&path);
        return (folder, path, bytes);
    }
    let path = folder.path().join("audit.log.gz");
    let text = lines().join("\n") + "\n";
    let mut gzip = GzEncoder::new(File::create(&path).expect("a file"), Compression::default());
    (0..TIMES).try_for_each(|_| gzip.write_all(text.as_bytes())).and_then(|()| gzip.finish().map(|_| ())).expect("written");
    (folder, path, text.len() * TIMES)
});

fn main() {
    divan::main();
    std::fs::remove_dir_all(LOG.0.path()).expect("deleted");
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

/// All that `policy replay` does with a compressed log, on so many workers.
#[divan::bench(args = [1, 2], sample_count = 10)]
fn replay_compressed(bencher: divan::Bencher<'_, '_>, workers: usize) {
    let matcher = matcher();
    let logs = [Log::File(LOG.1.clone())];
    bencher.counter(BytesCount::new(LOG.2)).bench(|| {
        let scan = scan(&logs, workers, || Tally::new(&matcher), |_| ());
        assert!(scan.lines.events > 0 && scan.faults.is_empty());
    });
}

/// The floor: the same log decompressed by the same library.
#[divan::bench(sample_count = 10)]
fn decompress_alone(bencher: divan::Bencher<'_, '_>) {
    bencher.counter(BytesCount::new(LOG.2)).bench_local(|| assert_eq!(decompress(&LOG.1), LOG.2));
}

fn decompress(log: &Path) -> usize {
    let mut room = vec![0; 1 << 18];
    let mut text = MultiGzDecoder::new(BufReader::with_capacity(1 << 16, File::open(log).expect("the log")));
    let mut bytes = 0;
    loop {
        match text.read(&mut room).expect("gzip") {
            0 => return bytes,
            count => bytes += count,
        }
    }
}
