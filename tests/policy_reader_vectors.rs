//! Which audit policies API servers take, minor by minor, asked by
//! `ci/upstream` and committed in `tests/vectors/policy-reader/`; here ours must
//! be the same verdict.

#[path = "common/answers.rs"]
mod answers;

use std::fs;

use answers::answers;

use packwright::audit::policy;
use packwright::diagnostic::{Code, Diagnostics, Severity, Source};
use packwright::kubernetes::Minor;
use packwright::yaml;

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/policy-reader");

/// Policies, each with a place `@`, and what is put there one after the other.
const PLACES: &[(&str, &[&str])] = &[
    // The head.
    ("@\nrules: [{level: Metadata}]", HEADS),
    ("apiVersion: audit.k8s.io/v1\nkind: Policy\n@", RULES),
    ("apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: @\nrules: [{level: None}]", STAGES),
    ("apiVersion: audit.k8s.io/v1\nkind: Policy\nomitManagedFields: @\nrules: [{level: None}]", SCALARS),
    ("apiVersion: audit.k8s.io/v1\nkind: Policy\nmetadata: @\nrules: [{level: None}]", &["", "{}", "{name: a}"]),
    // One rule among others.
    ("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: None\n- level: @\n- level: Metadata", LEVELS),
    ("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: None\n- {level: None, omitStages: @}", STAGES),
    ("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- {level: None, omitManagedFields: @}", SCALARS),
    ("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- {level: None, users: @}", TEXTS),
    ("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- {level: None, userGroups: @}", TEXTS),
    ("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- {level: None, verbs: @}", TEXTS),
    ("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- {level: None, namespaces: @}", TEXTS),
    ("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- {level: None, nonResourceURLs: @}", TEXTS),
    ("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- {level: None, nonResourceURLs: [@]}", URLS),
    ("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- {level: None, resources: @}", RESOURCES),
    ("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- {level: None, resources: [{group: @}]}", GROUPS),
    ("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- {level: None, resources: [{group: '', resources: @}]}", TEXTS),
    ("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- {level: None, resources: [{resources: [pods], resourceNames: @}]}", TEXTS),
    ("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- {level: None, @}", BOTH),
];

const HEADS: &[&str] = &[
    "apiVersion: audit.k8s.io/v1\nkind: Policy",
    "apiVersion: audit.k8s.io/v1",
    "kind: Policy",
    "apiVersion: audit.k8s.io/v1\nkind:",
    "apiVersion:\nkind: Policy",
    "apiVersion: ''\nkind: Policy",
    "apiVersion: audit.k8s.io/v1\nkind: ''",
    "apiVersion: audit.k8s.io/v1\nkind: policy",
    "apiVersion: audit.k8s.io/v1\nkind: PolicyList",
    "apiVersion: audit.k8s.io/v1\nkind: Event",
    "apiVersion: audit.k8s.io/v1\nkind: ConfigMap",
    "apiVersion: audit.k8s.io/v1beta1\nkind: Policy",
    "apiVersion: audit.k8s.io/v1alpha1\nkind: Policy",
    "apiVersion: audit.k8s.io/v2\nkind: Policy",
    "apiVersion: audit.k8s.io\nkind: Policy",
    "apiVersion: audit/v1\nkind: Policy",
    "apiVersion: v1\nkind: Policy",
    "apiVersion: Audit.k8s.io/v1\nkind: Policy",
    "apiVersion: audit.k8s.io/V1\nkind: Policy",
    "apiVersion: [audit.k8s.io/v1]\nkind: Policy",
    "apiVersion: 1\nkind: Policy",
    "apiVersion: audit.k8s.io/v1\nkind: 1",
    "apiVersion: audit.k8s.io/v1\nKind: Policy",
    "APIVersion: audit.k8s.io/v1\nkind: Policy",
    "apiversion: audit.k8s.io/v1\nkind: Policy",
    "apiVersion: audit.k8s.io/v1\nkind: Policy\nspec: {}",
    "",
];
const RULES: &[&str] = &[
    "",
    "rules:",
    "rules: []",
    "rules: {}",
    "rules: text",
    "rules: 1",
    "rules: {level: Metadata}",
    "rules: [{}]",
    "rules: [null]",
    "rules: [text]",
    "rules: [[{level: None}]]",
    "rules: [{level: None}, {}]",
    "rules: [{level: None}, null]",
    "Rules: [{level: None}]",
    "rule: [{level: None}]",
    "rules: [{level: None, verb: [get]}]",
    "rules: [{level: None, resource: [{group: ''}]}]",
    "rules: [{level: None, Verbs: [get]}]",
    "rules: [{Level: None}]",
    "rules: [{level: None, resources: [{groups: '', resources: [pods]}]}]",
    "rules: [{level: None, resources: [{group: '', verbs: [get]}]}]",
    "rules: [{level: None}]\nomitstages: [RequestReceived]",
];
const LEVELS: &[&str] = &[
    "None",
    "Metadata",
    "Request",
    "RequestResponse",
    "none",
    "METADATA",
    "Response",
    "'Metadata '",
    "''",
    "",
    "~",
    "null",
    "[]",
    "[None]",
    "{}",
    "1",
    "true",
    "no",
    "off",
    "\"None\"",
    "'None'",
    "Requestresponse",
];
const STAGES: &[&str] = &[
    "",
    "~",
    "[]",
    "{}",
    "text",
    "RequestReceived",
    "[RequestReceived]",
    "[RequestReceived, ResponseStarted, ResponseComplete, Panic]",
    "[requestReceived]",
    "[RequestReceived, RequestReceived]",
    "['']",
    "[null]",
    "[~, Panic]",
    "[1]",
    "[true]",
    "[[Panic]]",
    "[{}]",
    "[Panic, panic]",
    "[' Panic']",
    "'[Panic]'",
    "1",
];
const SCALARS: &[&str] = &[
    "", "~", "true", "false", "True", "TRUE", "yes", "no", "on", "Off", "y", "n", "\"true\"", "'false'", "1", "0", "text", "[]", "{}",
    "tRue", "1.0", "null", "''",
];
/// For lists of text: what is a list, what is text, and what YAML 1.1 makes of words and numbers.
const TEXTS: &[&str] = &[
    "",
    "~",
    "[]",
    "{}",
    "text",
    "''",
    "1",
    "true",
    "[text]",
    "['']",
    "['*']",
    "[\"*\"]",
    "[null]",
    "[~]",
    "[a, null, b]",
    "[1]",
    "[1.5]",
    "[true]",
    "['true']",
    "[yes]",
    "[no]",
    "[on]",
    "[y]",
    "[n]",
    "[0x1F]",
    "[0o17]",
    "[017]",
    "[08]",
    "[1_000]",
    "[1e3]",
    "[.inf]",
    "[.NaN]",
    "[2001-01-01]",
    "[12:30]",
    "[1:30]",
    "[=]",
    "[<<]",
    "[0b11]",
    "[0b2]",
    "[0o8]",
    "[1_a]",
    "[1_b.c]",
    "[1.2.3_4]",
    "[1__0]",
    "[0x_1]",
    "[+1]",
    "[-1]",
    "[1.]",
    "[.5]",
    "[a b]",
    "['a\tb']",
    "[[a]]",
    "[{a: b}]",
    "[a, 1]",
    "[a, a]",
    "[system:nodes]",
    "[/]",
    "[/a]",
    "['/a*']",
    "[!!str 1]",
    "[!!int '1']",
    "[!!str true]",
    "[!custom a]",
    "[!!binary YQ==]",
    "[&a x, *a]",
    "[\"\\u00e9\"]",
    "[0.0.0.0/0]",
    "[1.2.3]",
    "[1,000]",
    "[NULL]",
    "[Null]",
    "[nUll]",
    "[TRUE]",
    "[Y]",
    "[NO]",
    "[ON]",
    "[-.INF]",
    "[+.inf]",
    "[1E5]",
    "[1e+5]",
    "[0xfg]",
    "[--1]",
    "[1-1]",
    "[-]",
    "[.]",
    "[?]",
];
const URLS: &[&str] = &[
    "/",
    "'*'",
    "''",
    "/*",
    "/healthz*",
    "'/a/*'",
    "'/a/*/b'",
    "'/a**'",
    "'**'",
    "'*/'",
    "'* '",
    "healthz",
    "' /a'",
    "/a?b=*",
    "/a?b=c",
    "'/*/'",
    "/é",
    "'/a b'",
    "'/a*b'",
    "null",
    "1",
    "true",
    "[]",
    "{}",
    "/api/*, healthz",
    "http://a/b",
    "'/\\*'",
    "//",
    "\"/a\\n\"",
];
const RESOURCES: &[&str] = &[
    "",
    "~",
    "[]",
    "{}",
    "text",
    "[text]",
    "[null]",
    "[{}]",
    "[[]]",
    "[{group: ''}]",
    "[{group: '', resources: [pods]}]",
    "[{resources: [pods]}]",
    "[{resources: ['']}]",
    "[{resources: ['*']}]",
    "[{resources: ['*/*']}]",
    "[{resources: ['pods/*/x']}]",
    "[{resources: [Pods, v1/pods, pods/]}]",
    "[{resourceNames: [a]}]",
    "[{resourceNames: []}]",
    "[{resourceNames: ~}]",
    "[{resources: [], resourceNames: [a]}]",
    "[{resources: ~, resourceNames: [a]}]",
    "[{resources: [a, b], resourceNames: [c]}]",
    "[{resources: [a], resourceNames: ['']}]",
    "[{group: a}, {group: A}]",
    "[{group: '', namespaces: [a]}]",
    "[{group: '', group: a}]",
    "[{group: '', resources: pods}]",
    "[{group: '', resourceNames: a}]",
    "[pods]",
    "pods",
    "{group: ''}",
];
const GROUPS: &[&str] = &[
    "",
    "~",
    "''",
    "'*'",
    "apps",
    "apps/v1",
    "Apps",
    "rbac.authorization.k8s.io",
    "rbac.authorization.k8s.io/v1",
    "'a*'",
    "'*.k8s.io'",
    "a_b",
    "a-b",
    "-a",
    "a-",
    "a..b",
    ".a",
    "a.",
    "1",
    "'1'",
    "1.5",
    "true",
    "'true'",
    "yes",
    "on",
    "no",
    "'no'",
    "[]",
    "{}",
    "[apps]",
    "é",
    "a b",
    "core",
    "v1",
    "0x1",
    "1e3",
    "null",
    "'null'",
    "'**'",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];
/// What a rule is about, both at once.
const BOTH: &[&str] = &[
    "nonResourceURLs: [/a], resources: [{group: ''}]",
    "nonResourceURLs: [/a], namespaces: [a]",
    "nonResourceURLs: [/a], namespaces: ['']",
    "nonResourceURLs: [/a], namespaces: []",
    "nonResourceURLs: [/a], resources: []",
    "nonResourceURLs: [/a], resources: ~",
    "nonResourceURLs: [], resources: [{group: ''}]",
    "nonResourceURLs: ['*'], resources: [{}], namespaces: [a]",
    "nonResourceURLs: [/a], users: [a], verbs: [get], userGroups: [b]",
    "namespaces: [a], resources: [{group: ''}]",
    "level: Metadata",
    "users: [a], users: [b]",
];

fn cases() -> Vec<String> {
    PLACES.iter().flat_map(|(policy, values)| values.iter().map(|value| policy.replace('@', value) + "\n")).collect()
}

fn lines(cases: &[String]) -> String {
    cases.iter().map(|case| serde_json::to_string(case).expect("JSON") + "\n").collect()
}

#[test]
#[ignore = "ci/upstream asks the API server about them"]
fn write_cases() {
    fs::write(std::env::var("PACKWRIGHT_CASES").expect("where to"), lines(&cases())).expect("written");
}

/// Our errors: code and message.
fn errors(text: &str, minor: Minor) -> Vec<(Code, String)> {
    let mut found = Diagnostics::new();
    let read = yaml::read(&Source::anonymous("policy", text.to_owned()), &mut found);
    let errors = match read.and_then(|document| policy::decode(&document, minor, &mut found)) {
        Ok(_) => Diagnostics::new(),
        Err(errors) => errors,
    };
    errors.items.into_iter().filter(|item| item.severity == Severity::Error).map(|item| (item.code, item.message)).collect()
}

/// What the API server takes and we refuse, each because what it makes of it is not what was written.
fn is_stricter((code, message): &(Code, String)) -> bool {
    match code {
        // It drops the field and goes on, and the rule matches more.
        Code::PolicyUnknownField => true,
        // It takes the last one.
        Code::YamlDuplicateKey => true,
        // It takes nothing for the empty name, and an empty entry for every core resource.
        Code::PolicySyntax => message.ends_with(" is a list of text, and this is null") || message.ends_with(" and `resources`, not null"),
        // It drops tags that it does not know, decodes others, and takes a dash alone for text, which is no YAML 1.2.
        Code::YamlSyntax => message.contains("the tag `!") || message.contains("cannot start with '-'"),
        _ => false,
    }
}

#[test]
fn policies_are_refused_that_the_api_server_refuses() {
    let folder = std::env::var("PACKWRIGHT_POLICY_ANSWERS").unwrap_or_else(|_| VECTORS.to_owned());
    let cases = cases();
    let mut compared = 0;
    let mut different = Vec::new();
    for (minor, answers) in answers::<Option<String>>(&folder, &lines(&cases)) {
        for (case, answer) in cases.iter().zip(&answers) {
            let ours = errors(case, minor);
            let same = match answer {
                Some(_) => !ours.is_empty(),
                None => ours.iter().all(is_stricter),
            };
            if !same {
                different.push(format!("{minor}: {case}  the API server: {answer:?}\n  we: {ours:?}"));
            }
            compared += 1;
        }
    }
    println!("{compared} compared");
    assert!(different.is_empty(), "{} of {compared} differ:\n{}", different.len(), different.join("\n"));
}
