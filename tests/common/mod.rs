//! What a rendered document says of kube-apiserver, read by serde_yaml and by
//! rules that are written here once more, so that no fault of packwright's own
//! readers hides.

use std::collections::{BTreeMap, BTreeSet};

use packwright::pack::archive;
use packwright::target::Document;
use serde_json::{Value, json};

/// Flags, mounts, and files with their content; a part that a document cannot carry is none.
#[derive(Debug, Default, PartialEq)]
pub struct View {
    /// Values by name. One that is a variable's is the variable's default, or the reference to it.
    pub args: Option<BTreeMap<String, String>>,
    /// Each as JSON: name, hostPath, mountPath, readOnly, type.
    pub volumes: Option<BTreeSet<String>>,
    /// Contents by path; `secret NAME KEY` for what a Secret holds.
    pub files: Option<BTreeMap<String, String>>,
    /// Of the patch: the variable's name of each exposed flag.
    exposed: BTreeMap<String, String>,
}

fn yaml(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

impl View {
    /// What every document of the pack must say, from control-plane-patch.yaml.
    pub fn of_patch(document: &Document) -> Self {
        let patch = yaml(std::str::from_utf8(&document.bytes).expect("text"));
        let server = Self::of_server(&patch["apiServer"]);
        let files = items(&patch["files"]).iter().filter_map(|file| Some((text(&file["path"]), body(file)?))).collect();
        let exposed = items(&patch["apiServer"]["extraArgs"]).iter().filter(|arg| arg["variable"].is_object());
        let exposed = exposed.map(|arg| (text(&arg["name"]), text(&arg["variable"]["name"]))).collect();
        Self { files: Some(files), exposed, ..server }
    }

    /// Whether a document carries a part of the patch; then it must be that of the patch.
    pub fn is_in(&self, document: &Document, why: &str) -> bool {
        let Some(view) = Self::of(document) else { return false };
        let path = &document.path;
        if let Some(args) = &view.args {
            let mut expected = self.args.clone().unwrap_or_default();
            // Palette's values refer to a variable.
            for (flag, name) in self.exposed.iter().filter(|_| path.starts_with("palette/")) {
                expected.insert(flag.clone(), format!("{{{{.spectro.var.{name}}}}}"));
            }
            assert_eq!(args, &expected, "{path}: {why}");
        }
        if let Some(volumes) = &view.volumes {
            assert_eq!(Some(volumes), self.volumes.as_ref(), "{path}: {why}");
        }
        if let Some(files) = &view.files {
            let mut expected = self.files.clone().unwrap_or_default();
            expected.retain(|_, content| path.starts_with("cluster-api/") || !content.starts_with("secret "));
            assert_eq!(files, &expected, "{path}: {why}");
        }
        true
    }

    /// None for a document that says nothing of it.
    pub fn of(document: &Document) -> Option<Self> {
        if document.path.ends_with("/node-files.tar") {
            let entries = archive::read_tar(&document.bytes).expect("a tar").into_iter();
            let file = |entry: archive::OwnedEntry| (format!("/{}", entry.path), String::from_utf8(entry.content).expect("text"));
            return Some(Self { files: Some(entries.map(file).collect()), ..Self::default() });
        }
        let (target, name) = document.path.split_once('/')?;
        if target == "files" || !name.ends_with(".yaml") || name.ends_with("schema.yaml") || name.starts_with("patches/") {
            return None;
        }
        let read = yaml(std::str::from_utf8(&document.bytes).expect("text"));
        match target {
            "kubeadm" => Some(Self::of_server(&read["apiServer"])),
            "kind" => {
                let patches = items(&read["kubeadmConfigPatches"]);
                assert_eq!(patches.len(), 1, "{}", document.path);
                Some(Self::of_server(&yaml(&text(&patches[0]))["apiServer"]))
            }
            "static-pod" => Some(Self::of_pod(&read["spec"])),
            "cluster-api" => Some(Self::of_cluster_api(&read, name)),
            "palette" if name.ends_with("edge-k3s.fragment.yaml") => {
                let config = yaml(&text(&read["cluster"]["config"]));
                let args = items(&config["kube-apiserver-arg"]).iter().map(|word| split(&text(word)));
                Some(Self { args: Some(args.collect()), files: Some(staged(&read)), ..Self::default() })
            }
            "palette" if name.ends_with("edge-k8s.fragment.yaml") => {
                let config = yaml(&text(&read["cluster"]["config"]));
                Some(Self { files: Some(staged(&read)), ..Self::of_server(&config["clusterConfiguration"]["apiServer"]) })
            }
            "palette" => {
                let added = read["presets"].get(0).map(|preset| yaml(&text(&preset["add"])));
                let config = &added.as_ref().unwrap_or(&read)["kubeadmconfig"];
                let file = |file: &Value| (text(&file["targetPath"]), text(&file["content"]));
                let files = items(&config["files"]).iter().map(file).collect();
                Some(Self { files: Some(files), ..Self::of_server(&config["apiServer"]) })
            }
            _ => None,
        }
    }

    fn of_server(server: &Value) -> Self {
        let args = match &server["extraArgs"] {
            Value::Array(list) => list.iter().map(|arg| (text(&arg["name"]), text(&arg["value"]))).collect(),
            Value::Object(map) => map.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
            _ => BTreeMap::new(),
        };
        let volume =
            |item: &Value| json!([item["name"], item["hostPath"], item["mountPath"], item["readOnly"], item["pathType"]]).to_string();
        Self { args: Some(args), volumes: Some(items(&server["extraVolumes"]).iter().map(volume).collect()), ..Self::default() }
    }

    fn of_pod(spec: &Value) -> Self {
        let container = &spec["containers"][0];
        let words = items(&container["command"]).iter().skip(1).map(text);
        let args = words.map(|word| split(word.strip_prefix("--").expect("a flag"))).collect();
        let volume = |item: &Value| {
            let mount = items(&container["volumeMounts"]).iter().find(|mount| mount["name"] == item["name"]).expect("a mount");
            let host = &item["hostPath"];
            json!([item["name"], host["path"], mount["mountPath"], mount["readOnly"], host["type"]]).to_string()
        };
        Self { args: Some(args), volumes: Some(items(&spec["volumes"]).iter().map(volume).collect()), ..Self::default() }
    }

    /// A control plane, or what a class's patches make of one that has empty lists.
    fn of_cluster_api(document: &Value, name: &str) -> Self {
        let spec = match document["kind"].as_str() {
            Some("ClusterClass") => patched(document, name.contains("v1beta1")),
            Some("KubeadmControlPlane") => document["spec"]["kubeadmConfigSpec"].clone(),
            _ => document["spec"]["template"]["spec"]["kubeadmConfigSpec"].clone(),
        };
        let files = items(&spec["files"]).iter().map(|file| (text(&file["path"]), body(file).expect("a body"))).collect();
        Self { files: Some(files), ..Self::of_server(&spec["clusterConfiguration"]["apiServer"]) }
    }
}

/// `name=value`
fn split(word: &str) -> (String, String) {
    let (name, value) = word.split_once('=').expect("a value");
    (name.to_owned(), value.to_owned())
}

fn staged(values: &Value) -> BTreeMap<String, String> {
    let files = items(&values["stages"]["initramfs"]).iter().flat_map(|step| items(&step["files"]));
    files.map(|file| (text(&file["path"]), text(&file["content"]))).collect()
}

/// The content of a file as the node writes it.
fn body(file: &Value) -> Option<String> {
    let secret = [&file["secret"], &file["contentFrom"]["secret"]].into_iter().find(|secret| secret.is_object());
    if let Some(secret) = secret {
        return Some(format!("secret {} {}", secret["name"], secret["key"]));
    }
    let content = file.get("content").map(text)?;
    let decoded = |content: &str| data_encoding::BASE64.decode(content.as_bytes()).expect("base64");
    Some(match file["encoding"].as_str() {
        None => content,
        Some("base64") => String::from_utf8(decoded(&content)).expect("text"),
        Some("gzip+base64") => String::from_utf8(archive::gunzip(&decoded(&content), archive::MAX_BYTES).expect("gzip")).expect("text"),
        Some(other) => panic!("the encoding {other}"),
    })
}

/// The control plane's part after the class's patches, on a template with empty lists.
fn patched(class: &Value, is_map: bool) -> Value {
    let args = if is_map { json!({}) } else { json!([]) };
    let mut result = json!({"clusterConfiguration": {"apiServer": {"extraArgs": args, "extraVolumes": []}}, "files": []});
    for operation in items(&class["spec"]["patches"][0]["definitions"][0]["jsonPatches"]) {
        assert_eq!(operation["op"], "add");
        let pointer = text(&operation["path"]);
        let pointer = pointer.strip_prefix("/spec/template/spec/kubeadmConfigSpec").expect("a path");
        let (parent, key) = pointer.rsplit_once('/').expect("a key");
        let value = operation.get("value").cloned().unwrap_or_else(|| default(class, operation));
        match result.pointer_mut(parent).expect("a parent that is there") {
            Value::Array(items) if key == "-" => items.push(value),
            Value::Object(map) => drop(map.insert(key.to_owned(), value)),
            other => panic!("{pointer} in {other}"),
        }
    }
    result
}

/// What a template gives whose one variable is a whole value.
fn default(class: &Value, operation: &Value) -> Value {
    let template = text(&operation["valueFrom"]["template"]);
    let (before, action) = template.split_once("{{ .").expect("an action");
    let (variable, _) = action.split_once(' ').expect("a function");
    let variable = items(&class["spec"]["variables"]).iter().find(|item| item["name"] == variable).expect("the variable");
    let value = &variable["schema"]["openAPIV3Schema"]["default"];
    let value = json!(value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    match before.strip_prefix("name: ").and_then(|rest| rest.strip_suffix("\nvalue: ")) {
        Some(name) => json!({"name": yaml(name), "value": value}),
        None => value,
    }
}
