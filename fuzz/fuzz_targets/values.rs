//! Any overlay over the bundled pack either builds, or is refused with a
//! diagnostic that blames the overlay: never a panic, a hang or an overflow,
//! and never a fault of the bundled templates.
//!
//! The input is a values file; after a NUL byte come options, one a line:
//! `--set-string K=V`, `--set-json K=V`, `--kubernetes-version V`, or `K=V` for
//! `--set`.
#![no_main]

use std::collections::BTreeMap;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use packwright::diagnostic::{Code, Diagnostics, Source, human, json};
use packwright::pack::{self, Inputs};
use packwright::patch::ControlPlanePatch;
use packwright::target::Document;
use packwright::values::{Assignment, Kind, Layer, Values};
use packwright::{check, yaml};
use serde_json::{Value, json};

const PACK: &str = "kube-apiserver-audit";

fuzz_target!(|data: &[u8]| {
    let mut warnings = Diagnostics::new();
    if let Err(errors) = run(data, &mut warnings) {
        assert!(errors.has_errors(), "refused without an error");
        print(&errors);
    }
    print(&warnings);
});

/// As the program prints them.
fn print(diagnostics: &Diagnostics) {
    let text = human::render(diagnostics);
    assert!(diagnostics.items.is_empty() || !text.is_empty());
    for item in &diagnostics.items {
        assert!(!item.message.is_empty());
    }
    serde_json::to_string(&json::list(diagnostics)).expect("diagnostics are JSON");
}

fn run(data: &[u8], warnings: &mut Diagnostics) -> Result<(), Diagnostics> {
    let (overlay, options) = match data.iter().position(|byte| *byte == 0) {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (data, &[][..]),
    };
    let mut inputs = Inputs { layers: vec![Layer::File(yaml::decode("overlay.yaml", overlay.to_vec())?)], ..Inputs::default() };
    for (position, line) in String::from_utf8_lossy(options).lines().enumerate() {
        let (kind, argument) = match line.split_once(' ') {
            Some(("--kubernetes-version", version)) => {
                inputs.kubernetes_version = Some(version.to_owned());
                continue;
            }
            Some(("--set-string", rest)) => (Kind::SetString, rest),
            Some(("--set-json", rest)) => (Kind::SetJson, rest),
            _ => (Kind::Set, line),
        };
        inputs.layers.push(Layer::Set(Assignment::parse(kind, argument, position + 1)?, None));
    }

    // Before anything that takes long.
    static BASE: OnceLock<String> = OnceLock::new();
    let base = BASE.get_or_init(|| String::from_utf8_lossy(pack::bundled_packs()[PACK]["values.yaml"]).into_owned());
    Values::load(&Source::file("values.yaml", base.as_str()), &inputs.layers, &mut Diagnostics::new())?;

    let source = pack::load(PACK, warnings)?;
    let mut plan = pack::plan(source, inputs, warnings)?;
    let patch = own(plan.patch(warnings))?;
    let mut found = plan.check(&patch);
    found.extend(check::secrets_in_values(&plan.values));
    found.extend(check::secrets_in_patch(&patch));
    print(&found);
    let documents = own(plan.documents(&patch, warnings))?;
    reads_back(&patch, &documents);
    let built = plan.assemble(&patch, documents)?;
    let first = built.files["control-plane-patch.yaml"].clone();
    assert_eq!(first, patch.to_yaml().into_bytes());

    let lock = yaml::decode("pack.lock.yaml", built.files["pack.lock.yaml"].clone())?;
    match pack::Lock::read(&lock, &mut Diagnostics::new()) {
        Ok(lock) => assert!(lock == built.lock || without_nulls(&lock.values) == without_nulls(&built.lock.values), "the lock reads as another"),
        Err(errors) => panic!("the lock does not read: {}", errors.items[0].message),
    }

    // As `render` does, which must not print a credential, nor fail for it.
    check::redact(&mut plan.values);
    for leaf in plan.values.leaves() {
        assert!(leaf.path.to_string().len() < 1 << 20);
    }
    Ok(())
}

/// The values fit the schema, so the bundled templates must render, and what
/// they render must read back.
fn own<T>(result: Result<T, Diagnostics>) -> Result<T, Diagnostics> {
    if let Err(errors) = &result {
        for item in &errors.items {
            let theirs = !matches!(item.code, Code::TemplateError | Code::TemplateBareValue | Code::PackInvalid | Code::Usage | Code::InputMissing);
            assert!(theirs, "{}: {} {:?}", item.code, item.message, item.help);
        }
    }
    result
}

/// Once more than the library does, with another reader.
fn reads_back(patch: &ControlPlanePatch, documents: &[Document]) {
    let args: BTreeMap<&str, &str> = patch.args.iter().map(|arg| (arg.name.as_str(), arg.value.as_str())).collect();
    let mut configurations = 0;
    for document in documents {
        let text = String::from_utf8_lossy(&document.bytes);
        if document.path == "control-plane-patch.yaml" {
            let source = Source::anonymous("patch", text.clone().into_owned());
            let Ok(node) = yaml::read(&source, &mut Diagnostics::new()) else { panic!("the patch does not read: {text}") };
            let other: Value = serde_yaml::from_str(&text).expect("the patch reads");
            assert_eq!(node.to_json(), without_nulls(&patch.to_json()));
            assert_eq!(other, without_nulls(&patch.to_json()));
        }
        if !document.path.ends_with(".yaml") || document.path.starts_with("files/") {
            continue;
        }
        let value: Value = serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}\n{text}", document.path));
        if value["kind"] != "ClusterConfiguration" {
            continue;
        }
        configurations += 1;
        let read = match &value["apiServer"]["extraArgs"] {
            Value::Object(map) => map.iter().map(|(name, value)| (name.as_str(), value.as_str().expect("a text"))).collect(),
            Value::Array(list) => list.iter().map(|arg| (arg["name"].as_str().expect("a text"), arg["value"].as_str().expect("a text"))).collect(),
            _ => BTreeMap::new(),
        };
        assert_eq!(read, args, "{}", document.path);
        let volumes = value["apiServer"]["extraVolumes"].as_array().cloned().unwrap_or_default();
        assert_eq!(volumes.len(), patch.volumes.len());
        for (read, volume) in volumes.iter().zip(&patch.volumes) {
            let paths = json!([volume.name, volume.host_path, volume.mount_path]);
            assert_eq!(json!([read["name"], read["hostPath"], read["mountPath"]]), paths);
            assert_eq!(read["readOnly"].as_bool().unwrap_or(false), volume.read_only);
            assert_eq!(read["pathType"].as_str(), volume.path_type.as_deref());
        }
    }
    assert!(configurations > 0, "no ClusterConfiguration");
    for (file, content) in patch.shipped() {
        let path = format!("files{}", file.path);
        assert!(documents.iter().any(|document| document.path == path && document.bytes == content.text.as_bytes()), "{path} is not shipped");
    }
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        Value::Object(members) => Value::Object(members.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.clone(), without_nulls(value))).collect()),
        scalar => scalar.clone(),
    }
}
