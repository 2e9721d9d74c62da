//! What each audit flag does, in our own words.
//!
//! Sources: `kubernetes/apiserver pkg/server/options/audit.go`,
//! `plugin/pkg/audit/{buffered,truncate,log,webhook}`, `natefinch/lumberjack`.

/// What a flag does, if it is one of the audit flags.
pub fn describe(name: &str) -> Option<&'static str> {
    ABOUT.iter().find(|(known, _)| *known == name).map(|(_, about)| *about)
}

/// The values that the API server takes, of an audit flag that takes only some;
/// empty for the others.
pub fn choices(name: &str) -> &'static [&'static str] {
    match name {
        "audit-log-mode" | "audit-webhook-mode" => &["batch", "blocking", "blocking-strict"],
        "audit-log-format" => &["json", "legacy"],
        "audit-log-version" | "audit-webhook-version" => &["audit.k8s.io/v1"],
        _ => &[],
    }
}

/// Every audit flag of Kubernetes 1.28 and newer, sorted, with what it does.
pub const ABOUT: &[(&str, &str)] = &[
    (
        "audit-log-batch-buffer-size",
        "Events that wait in memory to be written, in mode batch. When it is full, further events are dropped, and a line in the API server's own log says so.",
    ),
    (
        "audit-log-batch-max-size",
        "The most events that are written at once, in mode batch. With more than 1, --audit-log-batch-max-wait must be set as well.",
    ),
    (
        "audit-log-batch-max-wait",
        "How long a batch may wait until it is full, in mode batch. It counts only where a batch holds more than 1 event. The default, 0s, then keeps one core of the API server busy.",
    ),
    (
        "audit-log-batch-throttle-burst",
        "How many batches may be written at once after a quiet time, where batches are throttled. The default, 0, is refused when throttling is on.",
    ),
    (
        "audit-log-batch-throttle-enable",
        "Whether batches are written at a bounded rate, in mode batch. It needs --audit-log-batch-throttle-qps and --audit-log-batch-throttle-burst; without them the API server does not start.",
    ),
    (
        "audit-log-batch-throttle-qps",
        "How many batches (not events) are written a second on average, where batches are throttled. The default, 0, is refused when throttling is on.",
    ),
    ("audit-log-compress", "Whether rotated files are compressed with gzip. The file that is being written to is not."),
    (
        "audit-log-format",
        "How an event is written: json, one JSON object a line, or legacy, a short line of text without most of what an event holds.",
    ),
    (
        "audit-log-maxage",
        "Days that a rotated file is kept, counted from the time in its name. 0 is for ever. Old files are looked for when the API server first writes and at each rotation.",
    ),
    (
        "audit-log-maxbackup",
        "How many rotated files are kept; the oldest go first. 0 is all of them. (maxbackup + 1) x maxsize is the disk that the log can take.",
    ),
    (
        "audit-log-maxsize",
        "The size in MiB at which the file is renamed and a new one begun. 0 means 100 up to Kubernetes 1.35, and from 1.36 on that the file is never rotated.",
    ),
    (
        "audit-log-mode",
        "blocking: a request waits until its event is written. batch: events are gathered and written in the background, and a few are lost if the API server dies. blocking-strict: as blocking, and a request whose arrival cannot be logged is refused.",
    ),
    (
        "audit-log-path",
        "The file that events are written to, a path in the container; `-` is standard output. Turns the log backend on. Its folder must be mounted, and not the file alone: rotation renames the file.",
    ),
    (
        "audit-log-truncate-enabled",
        "Whether large events are cut: one above the limit loses its request and response bodies, and is dropped if it is still above it.",
    ),
    (
        "audit-log-truncate-max-batch-size",
        "The most bytes that are handed over at once, where events are cut. It must not be below --audit-log-truncate-max-event-size, even where events are not cut.",
    ),
    (
        "audit-log-truncate-max-event-size",
        "The bytes of an event above which it is cut. It must be above 0, even where events are not cut.",
    ),
    ("audit-log-version", "The API version that events are written in; audit.k8s.io/v1 is the only one."),
    (
        "audit-policy-file",
        "The file that says what is logged of which request, a path in the container. Without it nothing is logged, whatever else is set. It is read once: a change counts after a restart.",
    ),
    (
        "audit-webhook-batch-buffer-size",
        "Events that wait in memory to be sent, in mode batch. When it is full, further events are dropped, and a line in the API server's own log says so.",
    ),
    ("audit-webhook-batch-initial-backoff", "The old name of --audit-webhook-initial-backoff. Where both are given, the last one counts."),
    ("audit-webhook-batch-max-size", "The most events that are sent in one request, in mode batch."),
    (
        "audit-webhook-batch-max-wait",
        "How long a batch may wait until it is full, in mode batch. 0s keeps one core of the API server busy.",
    ),
    ("audit-webhook-batch-throttle-burst", "How many batches may be sent at once after a quiet time, where batches are throttled."),
    (
        "audit-webhook-batch-throttle-enable",
        "Whether batches are sent at a bounded rate, in mode batch. It is the only bound on how fast batches pile up while the service does not answer.",
    ),
    ("audit-webhook-batch-throttle-qps", "How many batches (not events) are sent a second on average, where batches are throttled."),
    (
        "audit-webhook-config-file",
        "A kubeconfig that names the service which events are sent to, and holds the credentials for it; a path in the container. Turns the webhook backend on.",
    ),
    (
        "audit-webhook-initial-backoff",
        "The wait before the first retry of a batch that could not be sent. Each further wait is half as long again, and after five tries the batch is lost.",
    ),
    (
        "audit-webhook-mode",
        "blocking: a request waits until its event is sent. batch: events are gathered and sent in the background, and those in memory are lost if the API server dies. blocking-strict: as blocking, and a request whose arrival cannot be sent is refused.",
    ),
    (
        "audit-webhook-truncate-enabled",
        "Whether large events are cut: one above the limit loses its request and response bodies, and is dropped if it is still above it.",
    ),
    (
        "audit-webhook-truncate-max-batch-size",
        "The most bytes that are handed over at once, where events are cut. It must not be below --audit-webhook-truncate-max-event-size, even where events are not cut.",
    ),
    (
        "audit-webhook-truncate-max-event-size",
        "The bytes of an event above which it is cut. It must be above 0, even where events are not cut.",
    ),
    ("audit-webhook-version", "The API version that events are sent in; audit.k8s.io/v1 is the only one."),
];

#[cfg(test)]
mod tests {
    use super::ABOUT;
    use crate::kubernetes::flags;

    #[test]
    fn every_audit_flag_and_no_other_is_described() {
        let known: Vec<&str> = flags::all().iter().map(|flag| flag.name).filter(|name| name.starts_with("audit-")).collect();
        assert_eq!(ABOUT.iter().map(|(name, _)| *name).collect::<Vec<_>>(), known);
    }
}
