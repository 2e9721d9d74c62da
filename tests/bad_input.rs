//! What a person reads when the input is wrong: every message, whole, as the
//! binary prints it. A case that fails must leave the disk as it was.
//!
//! Each case runs in a folder of its own. `p/` is what `packwright new p`
//! writes, with the case's files over it. Look at a change with `cargo insta
//! review`, and read it as somebody who was woken up by it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

struct Case {
    name: &'static str,
    files: Vec<(&'static str, Vec<u8>)>,
    first: Vec<&'static str>,
    touch: Vec<(&'static str, &'static str)>,
    command: &'static str,
}

/// A case that runs `command`, whose words are separated by blanks; `'...'` is
/// one word.
fn case(name: &'static str, command: &'static str) -> Case {
    Case { name, files: Vec::new(), first: Vec::new(), touch: Vec::new(), command }
}

impl Case {
    /// Writes a file before anything else.
    fn file(mut self, name: &'static str, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((name, content.into()));
        self
    }

    /// Runs a command before, which must succeed.
    fn first(mut self, command: &'static str) -> Self {
        self.first.push(command);
        self
    }

    /// Writes a file after the commands that run before.
    fn then_file(mut self, name: &'static str, content: &'static str) -> Self {
        self.touch.push((name, content));
        self
    }

    /// Runs the case in `folder` and shows what a person sees.
    fn show(&self, folder: &Path) -> String {
        let write = |name: &str, content: &[u8]| {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        };
        if self.files.iter().any(|(name, _)| name.starts_with("p/")) || self.command.starts_with("build p ") || self.command == "new p" {
            assert_eq!(run(folder, "new p").0, 0);
        }
        for (name, content) in &self.files {
            write(name, content);
        }
        for command in &self.first {
            let (status, _, stderr) = run(folder, command);
            assert_eq!(status, 0, "{}: {command}: {stderr}", self.name);
        }
        for (name, content) in &self.touch {
            write(name, content.as_bytes());
        }
        let before = tree(folder);
        let started = Instant::now();
        let (status, stdout, stderr) = run(folder, self.command);
        if std::env::var_os("BAD_INPUT_TIMES").is_some() {
            let _ = writeln!(std::io::stderr(), "{:>6} ms  {}", started.elapsed().as_millis(), self.name);
        }
        if status != 0 {
            assert!(before == tree(folder), "{}: failed, and changed the disk", self.name);
        }
        if self.command.contains("--format json") {
            let report: serde_json::Value =
                serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{}: {error} in {stdout}", self.name));
            assert!(report["diagnostics"].as_array().is_some_and(|items| !items.is_empty()), "{}", self.name);
            assert_eq!(stderr, "", "{}: words on standard error beside the JSON", self.name);
        }
        let mut shown = format!("=== {}\n$ packwright {}\n", self.name, self.command);
        for (label, text) in [("", stderr), ("stdout:\n", stdout)] {
            if !text.is_empty() {
                let _ = writeln!(shown, "{label}{}", text.trim_end());
            }
        }
        let _ = writeln!(shown, "exit {status}\n");
        shown.replace(folder.to_str().unwrap(), "TMP")
    }
}

/// Every file and folder below `folder`.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut todo = vec![folder.to_owned()];
    while let Some(next) = todo.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path.clone());
                found.insert(path, None);
            } else {
                let content = fs::read(&path).unwrap();
                found.insert(path, Some(content));
            }
        }
    }
    found
}

/// Runs the binary: exit status, standard output, standard error. Digests of
/// what succeeded are cut out, since they change with every byte of a pack.
fn run(folder: &Path, command: &str) -> (i32, String, String) {
    let mut words: Vec<String> = Vec::new();
    for (index, part) in command.split('\'').enumerate() {
        if index % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    let output =
        Command::new(env!("CARGO_BIN_EXE_packwright")).args(words).current_dir(folder).env_remove("RUST_BACKTRACE").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

fn hold(group: &str, cases: &[Case]) {
    let mut shown = String::new();
    for case in cases {
        let folder = tempfile::tempdir().unwrap();
        let text = case.show(folder.path());
        let digest = text.lines().find(|line| line.starts_with("sha256:"));
        shown.push_str(&digest.map_or(text.clone(), |digest| text.replace(digest, "sha256:…")));
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(format!("bad_input__{group}"), shown));
}

/// One overlay over the audit pack.
fn overlay(name: &'static str, content: impl Into<Vec<u8>>) -> Case {
    case(name, "build kube-apiserver-audit -f v.yaml -o out").file("v.yaml", content)
}

/// A pack of its own with that template.
fn template(name: &'static str, content: impl Into<Vec<u8>>) -> Case {
    case(name, "build p -o out").file("p/control-plane.yaml.hbs", content)
}

#[test]
fn values() {
    hold(
        "values",
        &[
            case("unknown and misspelt keys in two overlays", "build kube-apiserver-audit -f a.yaml -f b.yaml -o out")
                .file("a.yaml", "log:\n  maxage: 30\n  colour: red\nwebhok:\n  enabled: true\n")
                .file("b.yaml", "policy:\n  rules:\n    - levle: None\n      verbs: [get]\nlog:\n  batch:\n    maxsize: 5\n"),
            overlay(
                "wrong types",
                "policy:\n  rules: Metadata\n  omitManagedFields: 1\nlog:\n  maxAge: \"30\"\n  compress: \"true\"\n  batch: 5\nextraArgs:\n  - event-ttl\n",
            ),
            overlay(
                "out of range",
                "log:\n  maxAge: -1\n  maxBackup: 1.5\n  maxSize: 99999999999\n  batch:\n    maxWait: soon\n  path: audit.log\npolicy:\n  permissions: \"777\"\n",
            ),
            overlay(
                "words that are not among those allowed",
                "log:\n  mode: Batch\n  format: xml\npolicy:\n  omitStages: [RequestRecieved]\n  rules:\n    - level: metadata\n",
            ),
            overlay(
                "a verb and a level that do not exist",
                "policy:\n  rules:\n    - level: Everything\n      verbs: [get, lsit]\n    - level: Metadata\n      verbs: [\"*\"]\n",
            ),
            overlay(
                "a verb that does not exist",
                "policy:\n  rules:\n    - level: Metadata\n      verbs:\n        - get\n        - lsit\n",
            ),
            case("a policy by --set-file", "build kube-apiserver-audit --set-file policy.content=policy.yaml -o out")
                .file("policy.yaml", POLICY),
            overlay("a policy as a literal block", format!("log:\n  maxAge: 30\npolicy:\n  content: |\n{}", indented(POLICY))),
            overlay(
                "a policy as quoted text",
                "policy:\n  content: \"apiVersion: audit.k8s.io/v1\\nkind: Policy\\nrules:\\n  - level: Metdata\\n\"\n",
            ),
            case("a policy that is not YAML", "build kube-apiserver-audit --set-file policy.content=policy.yaml -o out").file(
                "policy.yaml",
                "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n  - level: None\n    verbs: [get\n  - level: Metadata\n",
            ),
            case("a policy of another kind", "build kube-apiserver-audit --set-file policy.content=policy.yaml -o out")
                .file("policy.yaml", "apiVersion: audit.k8s.io/v1beta1\nkind: Polcy\nrules: []\n"),
            case("an empty policy", "build kube-apiserver-audit --set-file policy.content=policy.yaml -o out").file("policy.yaml", ""),
            overlay(
                "policy.content together with rules",
                "policy:\n  content: |\n    apiVersion: audit.k8s.io/v1\n    kind: Policy\n    rules: [{level: Metadata}]\n  rules:\n    - level: None\n",
            ),
            overlay("no mapping", "- log\n"),
            overlay("null for a whole section", "log: null\nwebhook: null\npolicy: null\n"),
            case("values of a pack of one's own", "build p --set eventTtl=60 --set eventTTL=1h -o out"),
            overlay("a flag by a knob and by extraArgs", "log:\n  maxAge: 60\nextraArgs:\n  audit-log-maxage: 90\n"),
            overlay(
                "a volume name and a path twice",
                "extraVolumes:\n  audit-log: {hostPath: /srv, mountPath: /srv}\n  mine: {hostPath: /var/log/kubernetes/audit, mountPath: /x}\nfiles:\n  /etc/kubernetes/audit-policy.yaml: {content: x}\n  etc/y: {content: x}\n  /etc/z: {content: x, host: true}\n",
            ),
        ],
    );
}

const POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
  - level: Metdata
    verbs: [get]
  - level: Metadata
    verbs: [get, lsit]
    user: [alice]
";

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

#[test]
fn yaml() {
    let bomb = (1..10).fold("a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, level| {
        let below = vec![format!("*a{}", level - 1); 9].join(", ");
        text + &format!("a{level}: &a{level} [{below}]\n")
    });
    let deep = format!("log: {}{}\n", "[".repeat(100), "]".repeat(100));
    let huge = format!("log:\n  maxAge: 30\n# {}\n", "x".repeat(50 << 20));
    hold(
        "yaml",
        &[
            overlay("a bracket that nobody closes", "log:\n  path: [a, b\n  mode: batch\n"),
            overlay("wrong indentation", "log:\n  mode: batch\n   maxAge: 30\n"),
            overlay("a quote that nobody closes", "log:\n  mode: \"batch\n  maxAge: 30\n"),
            overlay("a path that another value is computed from", "log:\n  maxAge: 3\n  path: /var/../log/audit.log\n"),
            overlay("a colon in plain text", "log:\n  path: /var/log: audit\n"),
            overlay("duplicate keys", "log:\n  maxAge: 30\n  mode: batch\n  maxAge: 60\nlog:\n  maxAge: 90\n"),
            overlay("a tab", "log:\n\tmaxAge: 30\n"),
            overlay("several documents", "log:\n  maxAge: 30\n---\nlog:\n  maxAge: 60\n"),
            overlay("billion laughs", bomb),
            overlay("an alias inside itself", "log: &log\n  batch: *log\n"),
            overlay("an alias of nothing", "log: *nothing\n"),
            overlay("100 deep", deep),
            overlay("not UTF-8", b"log:\n  path: /var/log/\xff\xfe.log\n".to_vec()),
            overlay("UTF-16", b"\xff\xfel\0o\0g\0:\0\n\0".to_vec()),
            overlay("a NUL", "log:\n  path: /var\0/x\n"),
            overlay("50 MB", huge),
            overlay("ambiguous scalars", "log:\n  mode: no\n  maxAge: 017\n  maxSize: 1_000\npolicy:\n  omitManagedFields: yes\n"),
            overlay("keys that are no text", "log:\n  1: x\n  true: y\n  [a]: z\n"),
            overlay("an integer too large", "log:\n  maxAge: 99999999999999999999999\n"),
            overlay("a tag", "log:\n  maxAge: !!binary aGk=\n  path: !include x\n"),
            overlay("an empty file", ""),
            overlay("only a comment", "# nothing yet\n---\n"),
        ],
    );
}

#[test]
fn a_byte_order_mark_and_carriage_returns_change_nothing() {
    let digest = |content: &[u8]| {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("v.yaml"), content).unwrap();
        let (status, stdout, stderr) = run(folder.path(), "build kube-apiserver-audit -f v.yaml");
        assert_eq!(status, 0, "{stderr}");
        stdout
    };
    let plain =
        "log:\n  maxAge: 60\npolicy:\n  content: |\n    apiVersion: audit.k8s.io/v1\n    kind: Policy\n    rules: [{level: Metadata}]\n";
    let windows = format!("\u{feff}{}", plain.replace('\n', "\r\n"));
    assert_eq!(digest(plain.as_bytes()), digest(windows.as_bytes()));
}

#[test]
fn set() {
    hold(
        "set",
        &[
            case(
                "faults of writing",
                "build kube-apiserver-audit --set log.maxAge --set =5 --set log.[0]=x --set policy.rules[x]=1 --set 'a b' --set log..path=x -o out",
            ),
            case(
                "an index past the end",
                "build kube-apiserver-audit --set-json 'policy.rules=[{\"level\":\"None\"}]' --set policy.rules[3].level=None -o out",
            ),
            case("an index into nothing", "build kube-apiserver-audit --set policy.rules[0].level=None -o out"),
            case("through a scalar", "build kube-apiserver-audit --set log.maxAge.days=30 -o out"),
            case("an index into a mapping", "build kube-apiserver-audit --set log[0]=30 -o out"),
            case("an unknown key", "build kube-apiserver-audit --set log.maxage=30 -o out"),
            case("the wrong type", "build kube-apiserver-audit --set log.maxAge=thirty --set-string log.compress=true -o out"),
            case("an ambiguous word", "build kube-apiserver-audit --set policy.omitManagedFields=yes -o out"),
            case("a number too large", "build kube-apiserver-audit --set log.maxAge=99999999999999999999999 -o out"),
            case("not JSON", "build kube-apiserver-audit --set-json policy.omitStages=[RequestReceived] -o out"),
            case("a file that is not there", "build kube-apiserver-audit --set-file policy.content=nosuch.yaml -o out"),
            case("a file without a name", "build kube-apiserver-audit --set-file policy.content= -o out"),
            case(
                "the number of the option that is wrong",
                "build kube-apiserver-audit --set log.maxAge=30 -f v.yaml --set-json log.batch=3 --set-string log.mode=x -o out",
            )
            .file("v.yaml", ""),
        ],
    );
}

#[test]
fn packs() {
    let manifest = |changes: &[(&str, &str)]| {
        let text = "apiVersion: packwright.dev/v1alpha1\nkind: Pack\nformat: 1\nmetadata:\n  name: p\n  version: 0.1.0\nkubernetes: \">=1.28, <1.38\"\ntargets: [kubeadm]\npatch: control-plane.yaml.hbs\n";
        changes.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    };
    let pack = |name, changes: &[(&str, &str)]| case(name, "build p -o out").file("p/pack.yaml", manifest(changes));
    hold(
        "packs",
        &[
            case("no such pack", "build nosuch -o out"),
            case("a misspelt bundled pack", "build kube-apiserver-audti -o out"),
            case("a folder that is no pack", "build q -o out").file("q/values.yaml", ""),
            case("a file that is no pack", "build q.yaml -o out").file("q.yaml", "a: 1\n"),
            case("a missing values file", "build kube-apiserver-audit -f nosuch.yaml -o out"),
            case("a values file that is a folder", "build kube-apiserver-audit -f q -o out").file("q/x", ""),
            case("missing files of a pack", "build q -o out").file("q/pack.yaml", manifest(&[])),
            pack("an unknown field", &[("kind: Pack", "kind: Pack\ncolour: red"), ("version: 0.1.0", "version: 0.1.0\n  displayname: P")]),
            pack("a bad version", &[("0.1.0", "\"1.0\"")]),
            pack("a version that is a number", &[("0.1.0", "1.0")]),
            pack("a bad range", &[(">=1.28, <1.38", "1.28 - 1.38")]),
            pack("a range that holds nothing", &[(">=1.28, <1.38", ">=1.38, <1.28")]),
            pack("another apiVersion, kind and format", &[("v1alpha1", "v1"), ("kind: Pack", "kind: Chart"), ("format: 1", "format: 2")]),
            pack("a name that no folder can have", &[("name: p", "name: ../p")]),
            pack("fields that are missing", &[("  version: 0.1.0\n", ""), ("patch: control-plane.yaml.hbs\n", "")]),
            pack("a missing template", &[("control-plane.yaml.hbs", "control-plan.yaml.hbs")]),
            pack("no target", &[("[kubeadm]", "[]")]),
            pack("an unknown target", &[("[kubeadm]", "[kubeadm, kubadm]")]),
            case("a schema that is not JSON", "build p -o out").file("p/values.schema.json", "{\n  \"type\": \"object\",\n}\n"),
            case("a schema that is no schema", "build p -o out").file("p/values.schema.json", "{\"type\": \"objekt\"}\n"),
            case("defaults that the schema refuses", "build p -o out").file("p/values.yaml", "eventTtl: 2 hours\n"),
            case("files that do not belong", "build p -o out").file("p/.git/config", "").file("p/notes.txt", ""),
        ],
    );
}

const LIST: &str = r#"{"type": "object", "additionalProperties": false, "properties": {
  "eventTtl": {"type": ["string", "null"]},
  "list": {"type": ["array", "null"], "items": {"type": "object", "additionalProperties": false, "properties": {"name": {"type": "string"}}}}
}}"#;

#[test]
fn templates() {
    const HEAD: &str = "apiServer:\n  extraArgs:\n";
    let arg = |value: &str| format!("{HEAD}    - {{name: event-ttl, value: {value}}}\n");
    let list = |name, text: &str| {
        template(name, format!("{HEAD}{text}"))
            .file("p/values.schema.json", LIST)
            .file("p/values.yaml", "eventTtl: 1h\nlist: [{name: a}, {name: b}]\n")
    };
    let long = format!("list:\n{}", "  - {name: a}\n".repeat(1000));
    let each = |count: usize, body: &str| format!("{}{body}{}\n", "{{#each @root.list}}".repeat(count), "{{/each}}".repeat(count));
    hold(
        "templates",
        &[
            template("an unknown helper", arg("{{ymal eventTtl}}")),
            template("an unknown helper in parentheses", arg("{{yaml (defualt eventTtl \"1h\")}}")),
            template("a bare value", arg("{{eventTtl}}")),
            template("a bare value in three braces", arg("{{{eventTtl}}}")),
            template("a bare helper", arg("{{default eventTtl \"1h\"}}")),
            template("too many arguments", arg("{{yaml eventTtl 2}}")),
            template("an undeclared path", arg("{{yaml eventTTL}}")),
            template(
                "an undeclared path in a condition",
                format!("{HEAD}{{{{#if eventsTtl}}}}\n    - {{name: event-ttl, value: 1h}}\n{{{{/if}}}}\n"),
            ),
            list("an undeclared path inside each", "{{#each list}}\n    - {name: {{yaml nmae}}, value: x}\n{{/each}}\n"),
            list("an undeclared path of a named item", "{{#each list as |item|}}\n    - {name: {{yaml item.nmae}}, value: x}\n{{/each}}\n"),
            list("each over text", "{{#each eventTtl}}\n    - {name: a, value: x}\n{{/each}}\n"),
            template("a block that nobody closes", format!("{HEAD}{{{{#if eventTtl}}}}\n    - {{name: event-ttl, value: 1h}}\n")),
            template(
                "a block closed by another name",
                format!("{HEAD}{{{{#if eventTtl}}}}\n    - {{name: event-ttl, value: 1h}}\n{{{{/each}}}}\n"),
            ),
            template("braces that nobody closes", arg("{{yaml eventTtl")),
            template("a block that does not exist", format!("{HEAD}{{{{#range eventTtl}}}}{{{{/range}}}}\n")),
            template("a partial that includes itself", "{{> control-plane.yaml.hbs}}\n"),
            template("partials that include each other", "{{> a.hbs}}\n")
                .file("p/a.hbs", "{{> b.hbs}}\n")
                .file("p/b.hbs", "x: 1\n{{> a.hbs}}\n"),
            template("a partial that is not there", "{{> nosuch.hbs}}\n"),
            template(
                "invalid YAML",
                "apiServer:\n  extraArgs:\n    - {name: event-ttl, value: {{yaml eventTtl}}\n    - {name: v, value: \"2\"}\n",
            ),
            template("invalid indentation", "apiServer:\n  extraArgs:\n    - name: event-ttl\n       value: {{yaml eventTtl}}\n"),
            template("a value inside quotes", arg("\"x-{{yaml eventTtl}}\"")),
            template("a value inside plain text", arg("x-{{yaml eventTtl}}")),
            template("two values side by side", arg("{{yaml eventTtl}}{{yaml eventTtl}}")),
            template("a patch with unknown fields", "apiServer:\n  extraArg:\n    - {name: event-ttl, value: 1h}\nfile: []\n"),
            template("a patch that is a list", "- a\n"),
            template(
                "an argument without name, one with dashes, and one that is a list",
                format!("{HEAD}    - {{value: 1h}}\n    - {{name: --event-ttl, value: 1h}}\n    - {{name: v, value: [1]}}\n"),
            ),
            template("a file of a template that is not there", "files:\n  - {path: /etc/x.yaml, template: x.yaml.hbs}\n"),
            template("nested loops without end", format!("{HEAD}{}", each(5, "# {{yaml name}}\n")))
                .file("p/values.schema.json", LIST)
                .file("p/values.yaml", long.clone()),
            template("nested loops that write nothing", format!("{HEAD}{}", each(5, "")))
                .file("p/values.schema.json", LIST)
                .file("p/values.yaml", long),
            template(
                "helpers over large values in loops",
                format!("{HEAD}{}", each(2, "{{#if (eq @root.list (default @root.list @root.list))}}{{/if}}")),
            )
            .file("p/values.schema.json", LIST)
            .file("p/values.yaml", format!("list:\n{}", "  - {name: a}\n".repeat(1000))),
            template("20,000 nested blocks", format!("{}{}", "{{#if eventTtl}}".repeat(20_000), "{{/if}}".repeat(20_000))),
            template("20,000 nested parentheses", format!("{{{{yaml {}eventTtl{}}}}}\n", "(not ".repeat(20_000), ")".repeat(20_000))),
            template("not UTF-8", b"a: \xff\n".to_vec()),
            template("an empty template", ""),
        ],
    );
}

#[test]
fn credentials() {
    const KUBECONFIG: &str = "files:\n  /etc/kubernetes/webhook.yaml:\n    content: |\n      apiVersion: v1\n      kind: Config\n      users:\n        - name: audit\n          user:\n            token: hunter2\n";
    hold(
        "credentials",
        &[
            overlay("a token in a kubeconfig", KUBECONFIG),
            case("a kubeconfig by --set-file", "build kube-apiserver-audit --set-file 'files[\"/etc/k.yaml\"].content=k.yaml' -o out")
                .file("k.yaml", "apiVersion: v1\nkind: Config\nusers:\n  - name: a\n    user:\n      client-key-data: LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQo=\n"),
            case("a private key by --set", "build kube-apiserver-audit --set 'files[\"/etc/key\"].content=-----BEGIN PRIVATE KEY-----abc' -o out"),
            overlay("client-key-data", "extraArgs:\n  client-key-data: LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQo=\n"),
            overlay("a credential in the line of another fault", "log:\n  mode: https://user:hunter2@example.com\n  password: hunter2\n"),
            overlay("a credential in a line that is not YAML", "password: hunter2: x\n"),
            case("render hides it", "render kube-apiserver-audit -f v.yaml --file files/etc/kubernetes/webhook.yaml").file("v.yaml", KUBECONFIG),
            case("a target that writes outside its folder", "build p --templates t --target x -o out")
                .file(
                    "t/x/target.yaml",
                    "apiVersion: packwright.dev/v1alpha1\nkind: Target\nformat: 1\nmetadata: {name: x}\nfiles:\n  - {path: y/a.yaml, template: a.hbs}\n",
                )
                .file("t/x/a.hbs", "a: 1\n"),
            case("a credential in a template", "build p -o out").file("p/control-plane.yaml.hbs", "files:\n  - path: /etc/k.yaml\n    content: \"token: hunter2\"\n"),
        ],
    );
}

#[test]
fn options() {
    hold(
        "options",
        &[
            case("not a version", "build kube-apiserver-audit --kubernetes-version latest -o out"),
            case("an unsupported version", "build kube-apiserver-audit --kubernetes-version 1.27 -o out"),
            case("a range that leaves what is supported", "build kube-apiserver-audit --kubernetes-version 1.36-1.40 -o out"),
            case("a reversed range", "build kube-apiserver-audit --kubernetes-version 1.34-1.31 -o out"),
            case("an unknown target", "build kube-apiserver-audit --target kubadm -o out"),
            case("an unknown target, far from any", "build kube-apiserver-audit --target kubeadm,ansible -o out"),
            case("an unknown code", "build kube-apiserver-audit --allow policy-unknown-verbs -o out"),
            case("a code that cannot be allowed", "build kube-apiserver-audit --allow secret-in-pack --allow values-invalid -o out"),
            case("a warning that is denied", "build kube-apiserver-audit -f v.yaml --deny yaml-ambiguous-scalar -o out")
                .file("v.yaml", "extraArgs:\n  v: 017\n"),
            case("invalid --name and --pack-version", "build kube-apiserver-audit --name My_Pack --pack-version 1.0 -o out"),
            case(
                "invalid --pack-version, --target, --kubernetes-version and values at once",
                "build kube-apiserver-audit --pack-version 1 --target x --kubernetes-version x --set log.maxage=1 -o out",
            ),
            case("--templates that is not there", "build kube-apiserver-audit --templates nosuch -o out"),
            case("--templates without a target", "build kube-apiserver-audit --templates t -o out").file("t/README", ""),
            case("an unknown option", "build kube-apiserver-audit --kubernetes 1.33 -o out"),
            case("no pack", "build"),
            case("an unknown command", "biuld kube-apiserver-audit"),
            case("render of a file that is not there", "render kube-apiserver-audit --file nosuch"),
            case("render of a misspelt file", "render kube-apiserver-audit --file kubeadm/nod-files.tar"),
            case("schema of nothing", "schema nosuch"),
            case("new over a folder", "new p"),
            case("new with a name that is none", "new My/Pack"),
            case("values error as JSON", "build kube-apiserver-audit -f v.yaml --format json -o out")
                .file("v.yaml", "log:\n  maxage: 30\n"),
            case("usage error as JSON", "build kube-apiserver-audit --format json --nosuch -o out"),
            case("usage error as JSON, a missing argument", "values --format json"),
            case("values with a fault, as JSON", "values kube-apiserver-audit --format json --set log.mode=x"),
        ],
    );
}

#[test]
fn destinations() {
    const BUILD: &str = "build kube-apiserver-audit -o out";
    hold(
        "destinations",
        &[
            case("the output folder is a file", BUILD).file("out", "mine"),
            case("a folder above the output folder is a file", "build kube-apiserver-audit -o out/a/b").file("out", "mine"),
            case("the same pack again", BUILD).first(BUILD),
            case("another pack", "build kube-apiserver-audit --set log.maxAge=60 -o out").first(BUILD),
            case("another pack, replaced", "build kube-apiserver-audit --set log.maxAge=60 -o out --replace").first(BUILD),
            case("another Kubernetes version", "build kube-apiserver-audit --kubernetes-version 1.30 -o out").first(BUILD),
            case("a folder that is no pack", BUILD).file("out/kube-apiserver-audit-1.0.0/notes.txt", "mine"),
            case("a folder that is no pack, with --replace", "build kube-apiserver-audit -o out --replace")
                .file("out/kube-apiserver-audit-1.0.0/notes.txt", "mine"),
            case("a pack that was edited", BUILD)
                .first(BUILD)
                .then_file("out/kube-apiserver-audit-1.0.0/control-plane-patch.yaml", "mine\n"),
            case("a file beside the pack's own", BUILD).first(BUILD).then_file("out/kube-apiserver-audit-1.0.0/notes.txt", "mine\n"),
            case("a pack whose source was edited, as PACK", "build out/kube-apiserver-audit-1.0.0 -o new")
                .first(BUILD)
                .then_file("out/kube-apiserver-audit-1.0.0/source/pack/values.yaml", "log: {}\n"),
            case("a pack whose lock is broken, as PACK", "build out/kube-apiserver-audit-1.0.0 -o new")
                .first(BUILD)
                .then_file("out/kube-apiserver-audit-1.0.0/pack.lock.yaml", "format: 1\n"),
            case("a pack whose sums were edited, as PACK", "build out/kube-apiserver-audit-1.0.0 -o new")
                .first(BUILD)
                .then_file("out/kube-apiserver-audit-1.0.0/SHA256SUMS", "mine\n"),
            case("a file beside a pack where its archive goes", BUILD)
                .first(BUILD)
                .then_file("out/kube-apiserver-audit-1.0.0.tar.gz", "mine\n"),
            case("the same, with --replace", "build kube-apiserver-audit -o out --replace")
                .first(BUILD)
                .then_file("out/kube-apiserver-audit-1.0.0.tar.gz", "mine\n"),
            case("an archive that was cut, as PACK", "build out/kube-apiserver-audit-1.0.0.tar.gz -o new")
                .first(BUILD)
                .then_file("out/kube-apiserver-audit-1.0.0.tar.gz", "\x1f"),
            case("refused, as JSON", "build kube-apiserver-audit --set log.maxAge=60 --format json -o out").first(BUILD),
        ],
    );
}

/// A small file system of its own, gone when dropped.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: PathBuf) -> Option<Self> {
        fs::create_dir(&at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(&at).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(at))
    }

    fn make_read_only(&self) {
        assert!(Command::new("mount").args(["-o", "remount,ro"]).arg(&self.0).status().unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn disks() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(folder.path().join("disk")) else {
        // Past the harness, which shows nothing of a test that passes.
        let _ = writeln!(
            std::io::stderr(),
            "\nSKIPPED: full and read-only disks were not tried, since a tmpfs cannot be mounted here (run as root)\n"
        );
        return;
    };
    assert_eq!(run(folder.path(), "new p").0, 0);
    assert_eq!(run(folder.path(), "build p -o disk").0, 0);
    let filled = fs::write(folder.path().join("disk/filler"), vec![0; 1 << 20]);
    assert_eq!(filled.map_err(|error| error.kind()), Err(std::io::ErrorKind::StorageFull));
    let mut shown = case("no room beside the old pack", "build kube-apiserver-audit -o disk --name p --pack-version 0.1.0 --replace")
        .show(folder.path());
    shown.push_str(&case("no room, as JSON", "build kube-apiserver-audit -o disk --format json").show(folder.path()));
    disk.make_read_only();
    shown.push_str(&case("a read-only disk", "build kube-apiserver-audit -o disk").show(folder.path()));
    shown.push_str(&case("a folder on a read-only disk", "build kube-apiserver-audit -o disk/out").show(folder.path()));
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("bad_input__disks", shown));
}
