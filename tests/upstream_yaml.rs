//! Strings that YAML readers are known to misread, through our emitter. Plain
//! `cargo test` reads them back with two readers in Rust and holds the emitter
//! to the committed bytes; `ci/upstream` has sigs.k8s.io/yaml, go-yaml v2 and v3
//! and PyYAML read the same bytes and thousands more.

use std::fmt::Write as _;

use packwright::diagnostic::{Diagnostics, Source};
use packwright::yaml::{self, emit};
use serde_json::{Value, json};

const HARD: &[&str] = &[
    "",
    " ",
    "y",
    "Y",
    "n",
    "N",
    "yes",
    "Yes",
    "YES",
    "no",
    "No",
    "NO",
    "on",
    "On",
    "ON",
    "off",
    "Off",
    "OFF",
    "true",
    "True",
    "TRUE",
    "false",
    "False",
    "FALSE",
    "null",
    "Null",
    "NULL",
    "~",
    "nil",
    "=",
    "<<",
    "-",
    "--",
    "---",
    "...",
    "?",
    ":",
    "!",
    "!!",
    "&",
    "*",
    "#",
    "|",
    ">",
    "%",
    "@",
    "`",
    "[",
    "]",
    "{",
    "}",
    "{{",
    "}}",
    "{{ x }}",
    "${X}",
    "$(X)",
    ",",
    "'",
    "\"",
    "\\",
    "0",
    "00",
    "017",
    "08",
    "0o17",
    "0x1F",
    "0b1",
    "1_000",
    "1_000.5",
    "1__0",
    "0_0",
    "0x_1",
    "1:30",
    "12:30:45",
    "190:20:30.15",
    "-1:30",
    "1.0",
    "1.",
    ".5",
    "1e3",
    "1e+3",
    "1.0e+3",
    "+1",
    "-1",
    "-0",
    "+.inf",
    ".inf",
    ".Inf",
    ".nan",
    "NaN",
    "inf",
    "Infinity",
    "2001-12-14",
    "2001-12-14t21:59:43.10-05:00",
    "12e03",
    "1E400",
    "a: b",
    "a:b",
    "a :b",
    "a #b",
    "a# b",
    "- a",
    "? a",
    "key: |",
    "a\nb",
    "a\nb\n",
    "a\n\nb\n",
    "\n",
    "\n\n",
    "\na",
    " a",
    "a ",
    "a \n",
    " a\n",
    "\ta",
    "a\t",
    "a\n\tb\n",
    "\ta\n",
    "a\n b\n",
    "  a\nb\n",
    "a\r\nb",
    "\r",
    "a\u{85}b",
    "a\u{2028}b",
    "a\u{2029}b\n",
    "\u{feff}a",
    "a\u{feff}",
    "\u{0}",
    "\u{7}",
    "\u{1b}[31m",
    "\u{7f}",
    "\u{80}",
    "\u{a0}",
    "é",
    "日本語",
    "😀",
    "😀\n",
    "\u{fdd0}",
    "\u{ffff}",
    "\u{10ffff}",
    "\u{e000}",
    "a,b",
    "[a]",
    "{a: b}",
    "a]b",
    "'a'",
    "\"a\"",
    "it's",
    "a\\nb",
    "C:\\x",
    "/etc/kubernetes/audit-policy.yaml",
    "audit.k8s.io/v1",
    "root:root",
    "0600",
    "system:node:a",
    "http://x:1/y?z=1&a=b#c",
    "a=b",
    "=a",
    "--flag=value",
    "-a",
    "100%",
    "%a",
    "@a",
    "a@b",
    "5s",
    "1m30s",
    "1.30",
    "v1.30",
    "1.30.0",
    "*",
    "*/status",
    "pods/*",
    "/healthz*",
    "{{.spectro.var.X}}",
    "{% raw %}",
    "<%= x %>",
    "a\u{3000}b",
    "#",
    "# a",
    "a#",
    "!a",
    "&a",
    "*a",
    "|a",
    ">a",
    "null\n",
    "true\n",
    "e5",
    "E5",
    "_1",
    "1_",
    "0.0.0.0",
    "::1",
    "[::1]",
    "a\tb",
    "---\na",
    "a\n---\nb\n",
    "a\n...\n",
];

fn document(text: &str) -> Value {
    json!({"value": text, "list": [text, [text]], "map": {text: {"x": text}}, "mixed": [{text: text}]})
}

/// Pseudo-random strings from an alphabet of troublemakers; the same each run.
fn random(count: usize) -> Vec<String> {
    const ALPHABET: &[&str] = &[
        "a", "y", "n", "o", "N", "0", "1", "7", "9", ".", "_", "-", "+", ":", " ", "\n", "\t", "#", "'", "\"", "\\", "{", "}", "[", "]",
        ",", "&", "*", "!", "|", ">", "%", "@", "`", "=", "~", "?", "/", "<", "e", "x", "\u{85}", "\u{2028}", "\u{feff}", "é", "😀", "\r",
        "\u{0}", "\u{fdd1}",
    ];
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = move |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % bound as u64).unwrap()
    };
    (0..count).map(|_| (0..=next(7)).map(|_| ALPHABET[next(ALPHABET.len())]).collect()).collect()
}

fn line(text: &str, value: &Value) -> String {
    json!({"yaml": text, "value": value}).to_string()
}

#[test]
fn two_readers_read_what_was_written() {
    let strings = HARD.iter().map(|text| (*text).to_owned()).chain(random(4_000));
    for text in strings {
        let value = document(&text);
        for written in [emit::block(&value, 0), emit::flow(&value)] {
            let source = Source::anonymous("written", yaml::normalise(written.clone()));
            let read = yaml::read(&source, &mut Diagnostics::new()).map(|node| node.to_json());
            assert_eq!(read.ok().as_ref(), Some(&value), "{written}");
            let read: Value = serde_yaml::from_str(&written).unwrap_or_else(|error| panic!("{error}: {written}"));
            assert_eq!(read, value, "{written}");
        }
    }
}

#[test]
fn the_committed_bytes_are_what_is_written() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/yaml/hard-strings.jsonl");
    let mut written = String::new();
    for text in HARD {
        let value = document(text);
        let _ = writeln!(written, "{}", line(&emit::block(&value, 0), &value));
    }
    if std::env::var_os("PACKWRIGHT_WRITE_GENERATED").is_some() {
        std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/yaml")).unwrap();
        std::fs::write(path, &written).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == written,
        "the emitter writes other bytes than the readers were asked about; run ci/upstream, then ci/generated --write"
    );
}

/// For `ci/upstream`: everything that the other readers are asked.
#[test]
#[ignore = "writes the corpus for ci/upstream to PACKWRIGHT_CORPUS"]
fn write_corpus() {
    let mut corpus = String::new();
    for text in HARD.iter().map(|text| (*text).to_owned()).chain(random(20_000)) {
        let value = document(&text);
        let _ = writeln!(corpus, "{}", line(&emit::block(&value, 0), &value));
        let _ = writeln!(corpus, "{}", line(&emit::flow(&value), &value));
    }
    std::fs::write(std::env::var("PACKWRIGHT_CORPUS").unwrap(), corpus).unwrap();
}
