//! `packwright policy replay` on logs good and bad.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

const POLICY: &str = "apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    nonResourceURLs: [/healthz*]
  - level: Metadata
    resources: [{group: '', resources: [secrets]}]
  - level: Request
    users: [alice]
";

/// An event as kube-apiserver writes it.
fn event(level: &str, stage: &str, user: &str, verb: &str, uri: &str, more: &str) -> String {
    let user = if user.is_empty() { "{}".to_owned() } else { format!(r#"{{"username":"{user}","groups":["system:authenticated"]}}"#) };
    format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"{level}","auditID":"a","stage":"{stage}","requestURI":"{uri}","verb":"{verb}","user":{user},"sourceIPs":["10.0.0.1"],"userAgent":"kubectl \"x\"",{more}"requestReceivedTimestamp":"2026-11-26T10:00:00.000000Z","stageTimestamp":"2026-11-26T10:00:00.100000Z"}}"#
    )
}

const SECRET: &str = r#""objectRef":{"resource":"secrets","namespace":"prod","name":"db","apiVersion":"v1"},"#;
const POD: &str = r#""objectRef":{"resource":"pods","namespace":"prod","name":"web","apiVersion":"v1"},"#;
const BODY: &str = r#""requestObject":{"a":"}\"{"},"responseObject":{"b":[1]},"#;

fn replay(folder: &Path, arguments: &[&str], input: &[u8]) -> (i32, Value) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_packwright"))
        .current_dir(folder)
        .args(["policy", "replay", "policy.yaml", "--format", "json"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    // A command that reads no standard input may be gone by now.
    let _ = child.stdin.take().expect("a pipe").write_all(input);
    let output = child.wait_with_output().expect("it ends");
    (output.status.code().expect("a status"), serde_json::from_slice(&output.stdout).expect("JSON"))
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("policy.yaml"), POLICY).expect("written");
    folder
}

#[test]
fn what_is_kept_and_what_cannot_be_known() {
    let folder = folder();
    let body = format!("{SECRET}{BODY}");
    let lines = [
        event("RequestResponse", "ResponseComplete", "bob", "get", "/api/v1/namespaces/prod/secrets/db", &body),
        event("Metadata", "RequestReceived", "bob", "get", "/api/v1/namespaces/prod/secrets/db", SECRET),
        event("Metadata", "ResponseComplete", "alice", "create", "/api/v1/namespaces/prod/pods", POD),
        event("Metadata", "ResponseComplete", "bob", "get", "/health%7A/etcd?verbose", ""),
        event("Metadata", "ResponseStarted", "", "get", "/api", ""),
    ];
    let log = lines.join("\n") + "\n";
    let (status, said) = replay(folder.path(), &["-"], log.as_bytes());
    assert_eq!(status, 0);
    let bodies = r#""requestObject":{"a":"}\"{"},"responseObject":{"b":[1]},"#.len();
    let size = |index: usize| lines[index].len() + 1;
    let kept = size(0) - bodies + size(2);
    let part = |name: &str, kept: (usize, usize), dropped: (usize, usize)| {
        let count = |(events, bytes)| json!({"events": events, "bytes": bytes});
        json!({"name": name, "kept": count(kept), "dropped": count(dropped)})
    };
    assert_eq!(
        said,
        json!({
            "events": 5, "bytes": log.len(), "unreadable": 0,
            "levels": {"None": 2, "Metadata": 2, "Request": 1, "RequestResponse": 0},
            "omitted": 1,
            "rules": [
                {"rule": 0, "events": 1, "bytes": size(3)},
                {"rule": 1, "events": 2, "bytes": size(0) + size(1)},
                {"rule": 2, "events": 1, "bytes": size(2)},
                {"rule": null, "events": 1, "bytes": size(4)},
            ],
            "kept": {"events": 2, "bytes": kept},
            "dropped": {"events": 3, "bytes": log.len() - kept},
            "unknown": 1,
            "users": [
                part("bob", (1, size(0) - bodies), (2, size(1) + size(3) + bodies)),
                part("alice", (1, size(2)), (0, 0)),
                part("nobody: failed authentication", (0, 0), (1, size(4))),
            ],
            "verbs": [
                part("get", (1, size(0) - bodies), (3, size(1) + size(3) + size(4) + bodies)),
                part("create", (1, size(2)), (0, 0)),
            ],
            "resources": [
                part("secrets", (1, size(0) - bodies), (1, size(1) + bodies)),
                part("pods", (1, size(2)), (0, 0)),
                part("URLs", (0, 0), (2, size(3) + size(4))),
            ],
            "span": {"from": "2026-11-26T10:00:00.100000Z", "to": "2026-11-26T10:00:00.100000Z", "seconds": 0.0},
            "perDay": null,
            "retention": null,
            "diagnostics": [],
        })
    );
}

#[test]
fn what_cannot_be_read_is_counted_and_the_rest_is_done() {
    let folder = folder();
    let root = folder.path();
    let good = event("Metadata", "ResponseComplete", "alice", "get", "/api/v1/namespaces/prod/pods/web", POD) + "\n";
    let old = good.replace("audit.k8s.io/v1\"", "audit.k8s.io/v1beta1\"");
    fs::create_dir(root.join("logs")).expect("made");
    fs::write(root.join("logs/audit-1.log"), format!("{good}{old}{{\"a\":1}}\n[]\n\0\0\0\0{good}\n{good}")).expect("written");
    // A line longer than is read, between two good ones, and a half line at the end.
    let long = format!("{good}{}\n{good}{}", "x".repeat(20 << 20), &good[..90]);
    fs::write(root.join("logs/audit-2.log"), long).expect("written");
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    for index in 0..20_000 {
        gzip.write_all(good.replace("\"a\"", &format!("\"{index}\"")).as_bytes()).expect("compressed");
    }
    let gzip = gzip.finish().expect("finished");
    fs::write(root.join("logs/audit-3.log.gz"), &gzip).expect("written");
    let (status, said) = replay(root, &["logs", "nope.log"], b"");
    assert_eq!(status, 0, "{said:#}");
    assert_eq!((&said["events"], &said["unreadable"]), (&json!(20_004), &json!(6)), "{said:#}");
    assert_eq!(said["kept"]["events"], json!(20_004));
    let messages: Vec<&str> =
        said["diagnostics"].as_array().expect("findings").iter().filter_map(|found| found["message"].as_str()).collect();
    for part in [
        "cannot read `nope.log`, or not to its end: No such file",
        "logs/audit-1.log:2 is no event: `Event` of `audit.k8s.io/v1beta1`",
        "logs/audit-1.log:5 is no event",
        "logs/audit-2.log:2 is no event: the line has 20971521 bytes",
    ] {
        assert!(messages.iter().any(|message| message.contains(part)), "{part}: {messages:#?}");
    }

    fs::write(root.join("half.gz"), &gzip[..gzip.len() / 2]).expect("written");
    let (status, said) = replay(root, &["half.gz"], b"");
    assert_eq!(status, 0);
    assert!(said["events"].as_u64().is_some_and(|events| events > 1000 && events < 20_000), "{said:#}");
    assert!(said["diagnostics"].to_string().contains("not to its end"), "{said:#}");
}

#[test]
fn where_nothing_could_be_read_the_status_is_2() {
    let folder = folder();
    assert_eq!(replay(folder.path(), &["nope.log"], b"").0, 2);
    assert_eq!(replay(folder.path(), &["-"], b"no event\n").0, 2);
    // A folder without files is most often another one than was meant.
    fs::create_dir_all(folder.path().join("logs/of-yesterday")).expect("made");
    let (status, said) = replay(folder.path(), &["logs"], b"");
    assert_eq!((status, &said["diagnostics"][0]["message"]), (2, &json!("the folder `logs` holds no file")));
    // A log without events was read, and it is said that there was nothing in it.
    let (status, said) = replay(folder.path(), &["-"], b"");
    assert_eq!((status, &said["diagnostics"][0]["message"]), (0, &json!("the logs hold no event")));
}

#[test]
fn standard_input_is_read_once_and_by_as_many_as_there_can_be() {
    let folder = folder();
    let (status, said) = replay(folder.path(), &["-", "-"], b"");
    assert_eq!((status, &said["diagnostics"][0]["code"]), (2, &json!("usage")));
    for count in ["0", "257", "99999"] {
        let output = Command::new(env!("CARGO_BIN_EXE_packwright"))
            .current_dir(folder.path())
            .args(["policy", "replay", "policy.yaml", "policy.yaml", "--workers", count])
            .output()
            .expect("the binary runs");
        let words = String::from_utf8(output.stderr).expect("text");
        assert!(output.status.code() == Some(2) && words.contains("1..=256"), "{words}");
    }
}

#[test]
fn why_a_line_is_no_event_is_said_in_words() {
    let folder = folder();
    let good = event("Metadata", "ResponseComplete", "alice", "get", "/x", POD);
    let lines = [
        r#"["Event","audit.k8s.io/v1"]"#.to_owned(),
        "a word".to_owned(),
        good.replace(r#""user":{"username":"alice","groups":["system:authenticated"]}"#, r#""user":5"#),
        r#"{"kind":"Event"}"#.to_owned(),
    ];
    let (_, said) = replay(folder.path(), &["-"], (lines.join("\n") + "\n").as_bytes());
    let messages: Vec<&str> = said["diagnostics"].as_array().expect("a list").iter().filter_map(|item| item["message"].as_str()).collect();
    let user = lines[2].find("5,").expect("the user") + 1;
    assert_eq!(
        messages,
        [
            "-:1 is no event: it is no JSON object",
            "-:2 is no event: it is no JSON object",
            &format!("-:3 is no event: invalid type: integer `5`, expected an object, at byte {user}"),
            "-:4 is no event: missing field `apiVersion`, at byte 16",
        ]
    );
}

/// However the blocks fall and whoever takes them.
#[test]
fn workers_do_not_change_the_count() {
    let folder = folder();
    let mut log = String::new();
    for index in 0..6000 {
        let body = format!("{POD}\"requestObject\":{{\"x\":\"{}\"}},", "y".repeat(index % 1500));
        log += &event("Request", "ResponseComplete", if index % 3 == 0 { "alice" } else { "bob" }, "get", "/x", &body);
        log += "\n";
    }
    let one = replay(folder.path(), &["-", "--workers", "1"], log.as_bytes());
    assert_eq!(one.1["events"], json!(6000));
    assert_eq!(one.1["rules"][2]["events"], json!(2000));
    assert_eq!(replay(folder.path(), &["-", "--workers", "4"], log.as_bytes()), one);
}

/// A log of twelve hours, of which the policy keeps 500 events of 2 kB.
fn half_a_day(level: &str) -> String {
    let mut log = String::new();
    for index in 0..500 {
        let time = format!("2026-11-26T{:02}:00:00.000000Z", index * 12 / 499);
        let line = event(level, "ResponseComplete", "alice", "get", "/x", POD).replace("2026-11-26T10:00:00.100000Z", &time);
        let fill = "y".repeat(2000 - line.len() - 1 - r#","z":"""#.len());
        log += &line.replace(r#""auditID""#, &format!(r#""z":"{fill}","auditID""#));
        log += "\n";
        log += &event("Metadata", "ResponseComplete", "bob", "get", "/healthz", "").replace("2026-11-26T10:00:00.100000Z", &time);
        log += "\n";
    }
    log
}

#[test]
fn a_day_is_told_from_half_a_day_and_how_long_a_rotation_keeps_it() {
    let folder = folder();
    let log = half_a_day("Request");
    let ask = |more: &[&str]| {
        let (status, said) = replay(folder.path(), &[&["-"], more].concat(), log.as_bytes());
        assert_eq!(status, 0, "{said:#}");
        assert_eq!(said["kept"], json!({"events": 500, "bytes": 1_000_000}));
        assert_eq!(said["perDay"], json!({"events": 1000, "bytes": 2_000_000}));
        said["retention"].clone()
    };
    assert_eq!(ask(&[]), Value::Null);
    // Ten files of 1 MiB at 2 MB a day.
    assert_eq!(
        ask(&["--audit-log-maxsize", "1", "--audit-log-maxbackup", "10", "--audit-log-maxage", "30"]),
        json!({"maxSize": 1, "maxBackup": 10, "maxAge": 30, "days": 5.24288, "by": "audit-log-maxbackup"})
    );
    assert_eq!(
        ask(&["--audit-log-maxsize", "1", "--kubernetes-version", "1.35"]),
        json!({"maxSize": 1, "maxBackup": null, "maxAge": null, "days": null, "by": null})
    );
    let pack = ["--pack", "kube-apiserver-audit"];
    assert_eq!(ask(&pack), json!({"maxSize": 100, "maxBackup": 100, "maxAge": 30, "days": 30.0, "by": "audit-log-maxage"}));
    fs::write(folder.path().join("small.yaml"), "log: {maxSize: 1, maxBackup: 4}\n").expect("written");
    assert_eq!(
        ask(&[&pack[..], &["-f", "small.yaml", "--audit-log-maxbackup", "2"]].concat()),
        json!({"maxSize": 1, "maxBackup": 2, "maxAge": 30, "days": 1.048576, "by": "audit-log-maxbackup"})
    );
}

#[test]
fn a_pack_without_a_rotation_is_refused() {
    let folder = folder();
    let refused = |values: &str| {
        fs::write(folder.path().join("values.yaml"), values).expect("written");
        let (status, said) = replay(folder.path(), &["-", "--pack", "kube-apiserver-audit", "-f", "values.yaml"], b"");
        assert_eq!(status, 2, "{said:#}");
        said["diagnostics"][0]["message"].as_str().expect("a message").to_owned()
    };
    assert_eq!(refused("log: {path: '-'}\n"), "the pack `kube-apiserver-audit` writes no log file, so nothing rotates it");
    assert!(refused("log: {maxsize: 1}\n").contains("no key `maxsize`"));
}

fn words(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_packwright"))
        .current_dir(folder)
        .args(["policy", "replay", "policy.yaml"])
        .args(arguments)
        .output()
        .expect("the binary runs");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn a_table_says_what_is_kept_and_dropped_of_what() {
    let folder = folder();
    let many = (0..12).map(|user| event("Metadata", "ResponseComplete", &format!("user-{user:02}"), "get", "/version", "") + "\n");
    let log =
        many.chain([event("Request", "ResponseComplete", "alice", "get\\u001b[31m\\nall 9", "/healthz", "") + "\n"]).collect::<String>();
    fs::write(folder.path().join("a.log"), log).expect("written");
    let catch_all = format!("{POLICY}  - level: Metadata\n    users: [user-00, user-11]\n");
    fs::write(folder.path().join("policy.yaml"), catch_all).expect("written");
    assert_eq!(
        words(folder.path(), &["a.log"]),
        "                          kept: events      bytes        dropped: events      bytes
all                                  2      732 B  15.3%              11     4040 B  84.7%
level None                           0        0 B   0.0%              11     4040 B  84.7%
level Metadata                       2      732 B  15.3%               0        0 B   0.0%
level Request                        0        0 B   0.0%               0        0 B   0.0%
level RequestResponse                0        0 B   0.0%               0        0 B   0.0%
rules[0] policy.yaml:5:5             0        0 B   0.0%               1      380 B   8.0%
rules[1] policy.yaml:7:5             0        0 B   0.0%               0        0 B   0.0%
rules[2] policy.yaml:9:5             0        0 B   0.0%               0        0 B   0.0%
rules[3] policy.yaml:11:5            2      732 B  15.3%               0        0 B   0.0%
no rule                              0        0 B   0.0%              10     3660 B  76.7%
user user-00                         1      366 B   7.7%               0        0 B   0.0%
user user-11                         1      366 B   7.7%               0        0 B   0.0%
user alice                           0        0 B   0.0%               1      380 B   8.0%
user user-01                         0        0 B   0.0%               1      366 B   7.7%
user user-02                         0        0 B   0.0%               1      366 B   7.7%
user user-03                         0        0 B   0.0%               1      366 B   7.7%
user user-04                         0        0 B   0.0%               1      366 B   7.7%
user user-05                         0        0 B   0.0%               1      366 B   7.7%
user user-06                         0        0 B   0.0%               1      366 B   7.7%
user user-07                         0        0 B   0.0%               1      366 B   7.7%
3 other users                        0        0 B   0.0%               3     1098 B  23.0%
verb get                             2      732 B  15.3%              10     3660 B  76.7%
verb get\\u{1b}[31m\\nall 9            0        0 B   0.0%               1      380 B   8.0%
resource URLs                        2      732 B  15.3%              11     4040 B  84.7%

events dropped by their stage: 0
events kept at a level above what was logged: 0

kept a day: the log spans 0 s, and of less than an hour that is not told
"
    );
}

#[test]
fn a_prediction_says_what_it_rests_on() {
    let folder = folder();
    fs::write(folder.path().join("a.log"), half_a_day("Request")).expect("written");
    let last = |arguments: &[&str]| words(folder.path(), arguments).rsplit_once("\n\n").expect("parts").1.to_owned();
    assert_eq!(
        last(&["a.log", "--audit-log-maxsize", "1", "--audit-log-maxbackup", "10"]),
        "kept a day: 2000.0 kB in 1000 events, at the rate of this log, which spans 12.0 h
retained: at least 5.2 days, which is what 10 rotated files of 1 MiB hold (audit-log-maxbackup)
"
    );
    // Alice's requests have bodies under the policy, and not in this log.
    fs::write(folder.path().join("lean.log"), half_a_day("Metadata")).expect("written");
    assert_eq!(
        last(&["lean.log", "--audit-log-maxsize", "1", "--audit-log-maxage", "3"]),
        "kept a day: 2000.0 kB or more in 1000 events, at the rate of this log, which spans 12.0 h
retained: at most 3.0 days (audit-log-maxage)
"
    );
    // Without one to keep there is nothing that a flag could prune.
    fs::write(folder.path().join("policy.yaml"), "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: None}]\n").expect("written");
    let nothing = last(&["a.log", "--audit-log-maxbackup", "5", "--audit-log-maxage", "0"]);
    assert!(nothing.ends_with("\nretained: nothing is kept\n"), "{nothing}");
    let short = event("Metadata", "ResponseComplete", "alice", "get", "/x", POD) + "\n";
    fs::write(folder.path().join("short.log"), short).expect("written");
    assert_eq!(last(&["short.log"]), "kept a day: the log spans 0 s, and of less than an hour that is not told\n");
}
