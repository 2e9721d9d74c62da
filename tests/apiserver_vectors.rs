//! What kube-apiserver itself says of arguments, minor by minor: whether it can
//! read them, and what its audit options refuse. Asked by `ci/upstream` and
//! committed in `tests/vectors/apiserver/`; here our errors must be the same.

#[path = "common/answers.rs"]
mod answers;

use std::fs;

use answers::answers;

use packwright::check::{audit_options, flags};
use packwright::diagnostic::{Code, Diagnostic, Severity, Source};
use packwright::kubernetes::Minor;
use packwright::patch::{Arg, ControlPlanePatch};
use serde::Deserialize;

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/apiserver");

/// The answer to one case.
#[derive(Deserialize)]
struct Answer {
    /// The error of the first argument that cannot be read.
    read: Option<String>,
    /// What the audit options refuse, if all could be read.
    audit: Vec<String>,
}

type Case = Vec<(String, String)>;

/// Values in pairs of flag and value, the same on every run.
fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let case = |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    for (names, values) in OF_ONE_FLAG {
        for name in *names {
            cases.extend(values.iter().map(|value| case(&[(name, value)])));
        }
    }
    let mut random = Random(1);
    for _ in 0..400 {
        let mut chosen: Case = Vec::new();
        if random.below(8) > 0 {
            chosen.push(("audit-log-path".to_owned(), (*random.of(&["-", "/var/log/audit.log"])).to_owned()));
        }
        if random.below(2) > 0 {
            chosen.push(("audit-webhook-config-file".to_owned(), "/etc/webhook.conf".to_owned()));
        }
        for backend in ["log", "webhook"] {
            for (rest, values) in OF_A_BACKEND {
                if random.below(5) == 0 {
                    chosen.push((format!("audit-{backend}-{rest}"), (*random.of(values)).to_owned()));
                }
            }
        }
        for (name, values) in OF_THE_LOG {
            if random.below(6) == 0 {
                chosen.push(((*name).to_owned(), (*random.of(values)).to_owned()));
            }
        }
        cases.push(chosen);
    }
    cases
}

/// Flags of each type, with values at and beyond the edge of what it takes.
const OF_ONE_FLAG: &[(&[&str], &[&str])] = &[
    (&["profiling", "watch-cache"], &["true", "TRUE", "t", "0", "", "yes", "on", "tRue", " true", "2"]),
    (
        &["max-requests-inflight", "audit-log-maxage"],
        &[
            "0",
            "-1",
            "+7",
            "0x10",
            "0X1f",
            "0b11",
            "0o17",
            "017",
            "08",
            "1_000",
            "1__0",
            "_1",
            "1_",
            "0x_1",
            "1.0",
            "1e3",
            "",
            " 1",
            "1 ",
            "ten",
            "9223372036854775807",
            "9223372036854775808",
            "-9223372036854775808",
            "--1",
            "0x",
            "-0x8",
        ],
    ),
    (&["kubelet-port"], &["0", "10250", "-1", "+1", "0x1f", "18446744073709551615", "18446744073709551616", ""]),
    (&["v"], &["0", "10", "010", "0x1", "-1", "2147483647", "2147483648", "", "+1"]),
    (
        &["audit-log-batch-throttle-qps", "goaway-chance"],
        &[
            "0", "1", ".5", "5.", "1e3", "1E-2", "-1", "+1", "inf", "-Inf", "nan", "NaN", "1e39", "1e400", "", ".", "1,5", "x", "1 ",
            "infinity", "1e", "1_0", "1_000.5",
        ],
    ),
    (
        &["event-ttl", "request-timeout"],
        &[
            "0",
            "1s",
            "1h30m",
            "1.5h",
            ".5s",
            "1.s",
            "100ms",
            "1us",
            "1µs",
            "1ns",
            "-1s",
            "+1s",
            "+0",
            "-0",
            "1",
            "1d",
            "1 s",
            "",
            "s",
            ".s",
            "1..5s",
            "-",
            "1s1",
            "2562047h47m16.854775807s",
            "2562048h",
            "9999999h",
            "1S",
            "1h-1m",
            "١s",
        ],
    ),
    (&["bind-address"], &["0.0.0.0", "::", "10.0.0.1", " 10.0.0.1 ", "10.0.0.01", "10.0.0", "localhost", "fe80::1%eth0", "::ffff:1.2.3.4"]),
    (
        &["api-audiences", "cors-allowed-origins"],
        &["", "a", "a,b", "a, b", ",", "\"a,b\",c", "\"a\"\"b\"", "\"a", "a\"b", "\"a\"b", "a,\"b", " \"a\"", "\"\"", "a,\"\""],
    ),
    (&["oidc-required-claim"], &["a=b", "a=b,c", "a", "", "=", "a=b=c"]),
    (&["runtime-config"], &["", "api/all=true", "api/all", "a,b=c,", "="]),
    (&["tls-sni-cert-key"], &["a.crt,a.key", "a.crt,a.key:x,y", "a.crt", "", "a,b,c", "a,b:", "a,b: ", ":x", "a,b:x:y"]),
    (
        &["service-node-port-range"],
        &["30000-32767", "80", "80+20", "80+x", "20-10", "1-70000", "65535+1", "", "a", "-1", "1-2-3", "1-2+3", " 80 "],
    ),
    (&["allow-metric-labels"], &["a=b", "a", "", "a=b,c", "a=b,c=d", "a=b,c,d=e", "a=b,\"c=d,e\"", "a=\"b,c=d"]),
    (&["vmodule"], &["", "a=1", "a=1,", "a=1,b*=2", "a", "a=", "=1", "a=-1", "a=1=2", "a=0x1", "a=2147483648"]),
    (&["audit-policy-file", "service-account-issuer"], &["", "x", "a,b", "\""]),
    (&["audit-log-pth", "audit-dynamic-configuration", "insecure-port"], &["1"]),
    (
        &[
            "authentication-config",
            "authorization-config",
            "tls-curve-preferences",
            "cloud-provider",
            "emulated-version",
            "requestheader-uid-headers",
        ],
        &["1"],
    ),
];

const OF_A_BACKEND: &[(&str, &[&str])] = &[
    ("mode", &["batch", "batch", "batch", "blocking", "blocking-strict", "Batch", "strict", ""]),
    ("batch-buffer-size", &["10", "1", "0", "-1", "x"]),
    ("batch-max-size", &["5", "1", "0", "-1"]),
    ("batch-max-wait", &["1s", "0s", "-1s"]),
    ("batch-throttle-enable", &["true", "true", "false", "yes"]),
    ("batch-throttle-qps", &["1", "0.5", "0", "-1", "nan"]),
    ("batch-throttle-burst", &["1", "0", "-1"]),
    ("truncate-enabled", &["true", "false"]),
    ("truncate-max-batch-size", &["10485760", "102400", "102399", "0", "-1", "1e6"]),
    ("truncate-max-event-size", &["102400", "10485760", "10485761", "1", "0", "-1"]),
    ("version", &["audit.k8s.io/v1", "audit.k8s.io/v1", "audit.k8s.io/v1beta1", "v1", "audit.k8s.io/v1/", "a/b/c", "", "/"]),
];

const OF_THE_LOG: &[(&str, &[&str])] = &[
    ("audit-log-format", &["json", "legacy", "text", "JSON", ""]),
    ("audit-log-maxage", &["30", "0", "-1"]),
    ("audit-log-maxbackup", &["10", "0", "-1"]),
    ("audit-log-maxsize", &["100", "0", "-1"]),
];

/// Numbers that look random (`xorshift`), so that the cases need no seed file.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }

    fn of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }
}

/// A line of JSON for each case: the arguments as a command line has them.
fn lines(cases: &[Case]) -> String {
    let line = |case: &Case| {
        let arguments: Vec<String> = case.iter().map(|(name, value)| format!("--{name}={value}")).collect();
        format!("{}\n", serde_json::to_string(&arguments).expect("JSON"))
    };
    cases.iter().map(line).collect()
}

#[test]
#[ignore = "ci/upstream asks the API server about them"]
fn write_cases() {
    fs::write(std::env::var("PACKWRIGHT_CASES").expect("where to"), lines(&cases())).expect("written");
}

/// The errors of our checks that are about starting the API server.
fn errors(case: &Case, minor: Minor) -> Vec<Diagnostic> {
    let source = Source::anonymous("case", "");
    let mut args: Vec<Arg> = case
        .iter()
        .map(|(name, value)| Arg { name: name.clone(), value: value.clone(), variable: None, location: source.at(0..0) })
        .collect();
    args.sort_by(|a, b| a.name.cmp(&b.name));
    let patch = ControlPlanePatch { args, volumes: Vec::new(), files: Vec::new() };
    let mut found = flags::check(&patch, minor);
    found.extend(audit_options::check(&patch, minor, None));
    // These two the API server starts with; it just logs nothing.
    let silent = [Code::AuditPathWithoutPolicy, Code::AuditPolicyWithoutBackend];
    found.items.retain(|item| item.severity == Severity::Error && !silent.contains(&item.code));
    found.items
}

/// The backend that a message is about, where it says so, and our code for it.
fn kind(message: &str) -> (Option<&'static str>, Code) {
    let backend = ["webhook", "log"].into_iter().find(|name| message.contains(name));
    let code = if message.contains("throttle") {
        Code::AuditThrottleWithoutRate
    } else if message.contains("must be greater than max event size") {
        Code::AuditTruncateOrder
    } else {
        Code::FlagValue
    };
    (backend, code)
}

/// What differs between our verdict and the API server's; none if nothing does.
fn difference(case: &Case, answer: &Answer, minor: Minor) -> Option<String> {
    let ours = errors(case, minor);
    let said: Vec<String> = ours.iter().map(|item| format!("{}: {}", item.code, item.message)).collect();
    let reading = |item: &&Diagnostic| matches!(item.code, Code::FlagUnknown | Code::FlagUnavailable | Code::FlagType);
    if let Some(error) = &answer.read {
        // `invalid argument "x" for "--v, --v" flag: ..`, `unknown flag: --x`
        let name = error
            .rsplit_once("\" for \"")
            .map_or(error.as_str(), |(_, rest)| rest)
            .split("--")
            .nth(1)
            .and_then(|rest| rest.split(['"', ' ', ',']).next())
            .unwrap_or_default();
        let known = ours
            .iter()
            .filter(reading)
            .any(|item| item.message.contains(&format!("--{name} ")) || item.message.contains(&format!("--{name},")));
        return (!known).then(|| format!("the API server cannot read --{name} ({error}), and we say {said:?}"));
    }
    if let Some(item) = ours.iter().find(reading) {
        return Some(format!("the API server reads it, and we say {}", item.message));
    }
    // Of a batch the API server tells the first fault, and we tell all.
    let theirs: Vec<(Option<&str>, Code)> = answer.audit.iter().map(|message| kind(message)).collect();
    let version_without_backend =
        |message: &str| message.starts_with("--audit-webhook-version") && !case.iter().any(|(name, _)| name == "audit-webhook-config-file");
    let ours: Vec<(&str, Code)> = ours
        .iter()
        .filter(|item| !version_without_backend(&item.message)) // told by ApplyTo, which was not asked
        .map(|item| (if item.message.contains("--audit-webhook") { "webhook" } else { "log" }, item.code))
        .collect();
    let same = |ours: &(&str, Code), theirs: &(Option<&str>, Code)| ours.1 == theirs.1 && theirs.0.is_none_or(|backend| backend == ours.0);
    let missing = theirs.iter().any(|theirs| !ours.iter().any(|ours| same(ours, theirs)));
    let invented = ours.iter().any(|ours| !theirs.iter().any(|(backend, _)| backend.is_none_or(|backend| backend == ours.0)));
    let fewer = ours.len() < theirs.len();
    (fewer || missing || invented).then(|| format!("the API server says {:?}, and we say {said:?}", answer.audit))
}

/// `cases.jsonl` and the answers of each minor, in the committed vectors or in
/// the folder that `ci/upstream` gives.
#[test]
fn our_errors_are_those_of_the_api_server() {
    let folder = std::env::var("PACKWRIGHT_APISERVER_ANSWERS").unwrap_or_else(|_| VECTORS.to_owned());
    let cases = cases();
    let mut compared = 0;
    let mut different = Vec::new();
    for (minor, answers) in answers::<Answer>(&folder, &lines(&cases)) {
        for (case, answer) in cases.iter().zip(&answers) {
            different.extend(difference(case, answer, minor).map(|what| format!("{minor}: {case:?}: {what}")));
            compared += 1;
        }
    }
    println!("{compared} compared");
    assert!(different.is_empty(), "{} of {compared} differ:\n{}", different.len(), different.join("\n"));
}
