//! Values of Palette's Kubernetes packs, as their public examples have them:
//! `kubernetes` (PXK), whose `kubeadmconfig` resembles Cluster API's;
//! `edge-k8s` and `edge-k3s`, whose `cluster.config` is YAML inside a string
//! and whose `stages` are those of Kairos (`mudler/yip pkg/schema/schema.go`).

use super::encoding::decoded;
use super::{Reading, embedded, flag, ignored, kubeadm};
use crate::diagnostic::{Location, nearest};
use crate::patch::{Arg, Body, NodeFile, Variable};
use crate::yaml::{Data, Fields, Node, scalar_text};

/// Values of the pack `kubernetes`.
pub fn pxk(document: &Node, fields: &mut Fields) -> Reading {
    let mut reading = Reading::default();
    let Some(config) = fields.mapping(document, "kubeadmconfig") else { return reading };
    if let Some(api_server) = fields.mapping(config, "apiServer") {
        kubeadm_part(api_server, &mut reading, fields);
    }
    reading.files = fields.list(config, "files").iter().filter_map(|item| file(item, fields)).collect();
    reading
}

/// Presets: what each of them adds, read as values of the pack `kubernetes`.
pub fn presets(document: &Node, fields: &mut Fields) -> Reading {
    let mut reading = Reading::default();
    for preset in fields.list(document, "presets") {
        let Some(add) = preset.get("add").and_then(|add| embedded(add, "`add` of a preset", fields)) else { continue };
        let added = pxk(&add, fields);
        reading.args.extend(added.args);
        reading.volumes.extend(added.volumes);
        reading.files.extend(added.files);
    }
    reading
}

/// Values of the pack `edge-k8s`: kubeadm.
pub fn edge_k8s(document: &Node, fields: &mut Fields) -> Reading {
    let mut reading = stages(document, fields);
    let config = document.get("cluster").and_then(|cluster| cluster.get("config"));
    if let Some(config) = config.and_then(|config| embedded(config, "`cluster.config`", fields))
        && let Some(configuration) = fields.mapping(&config, "clusterConfiguration")
    {
        if let Some(api_server) = fields.mapping(configuration, "apiServer") {
            kubeadm_part(api_server, &mut reading, fields);
        }
        reading.other_mounts.extend(kubeadm::certificates_dir(configuration, fields));
    }
    reading
}

/// Values of the pack `edge-k3s`: `kube-apiserver-arg` is a list of
/// `name=value`, and the API server sees the node's own file system.
pub fn edge_k3s(document: &Node, fields: &mut Fields) -> Reading {
    let mut reading = stages(document, fields);
    let config = document.get("cluster").and_then(|cluster| cluster.get("config"));
    let Some(config) = config.and_then(|config| embedded(config, "`cluster.config`", fields)) else { return reading };
    let words = match config.get("kube-apiserver-arg") {
        Some(one @ Node { data: Data::String(_) | Data::Ambiguous(_), .. }) => std::slice::from_ref(one),
        _ => fields.list(&config, "kube-apiserver-arg"),
    };
    reading.args = words.iter().filter_map(|word| Some(refer(flag(word.as_str()?, &word.location)))).collect();
    reading
}

/// Whether values are those of `edge-k8s`, by what `cluster.config` holds.
pub fn is_edge_k8s(config: &Node) -> bool {
    let text = config.as_str().unwrap_or_default();
    ["clusterConfiguration", "initConfiguration", "joinConfiguration"]
        .iter()
        .any(|key| text.lines().any(|line| line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(':'))))
}

fn kubeadm_part(api_server: &Node, reading: &mut Reading, fields: &mut Fields) {
    let args = kubeadm::extra_args(api_server, kubeadm::Args::of(api_server), fields);
    reading.args = args.into_iter().map(refer).collect();
    reading.volumes = kubeadm::extra_volumes(api_server, fields);
}

/// A flag whose value is a profile variable, `{{.spectro.var.NAME}}`, refers to it.
fn refer(mut arg: Arg) -> Arg {
    let name = arg.value.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).map(str::trim);
    if let Some(name) = name.and_then(|name| name.strip_prefix(".spectro.var."))
        && !name.contains(char::is_whitespace)
    {
        arg.variable = Some(Variable::named(name));
    }
    arg
}

/// An entry of `kubeadmconfig.files`. One with `path` takes its content from
/// the Palette pack, where nobody sees it.
fn file(item: &Node, fields: &mut Fields) -> Option<NodeFile> {
    let (path, location) = fields.required(item, "a files entry", "targetPath")?;
    let what = format!("the file {path}");
    let owner = fields.text(item, &what, "targetOwner").map_or_else(|| "root:root".to_owned(), |(owner, _)| owner);
    let permissions = fields.text(item, &what, "targetPermissions").map_or_else(|| "0640".to_owned(), |(mode, _)| mode);
    Some(NodeFile { path, owner, permissions, body: body(item, fields), location })
}

fn body(item: &Node, fields: &Fields) -> Body {
    match item.get("content") {
        Some(content @ Node { data: Data::String(text) | Data::Ambiguous(text), .. }) => {
            Body::Content(super::content(text, &content.location, fields))
        }
        _ => Body::Host,
    }
}

/// The files of every stage.
fn stages(document: &Node, fields: &mut Fields) -> Reading {
    let mut reading = Reading::default();
    for stage in fields.mapping(document, "stages").map(Node::entries).unwrap_or_default() {
        for step in stage.value.items() {
            reading.files.extend(fields.list(step, "files").iter().filter_map(|item| staged(item, fields)));
        }
    }
    reading
}

/// The modes of staged folders and files that are written as Kairos wants them, with a
/// leading 0, where they look ambiguous.
pub fn modes(document: &Node) -> impl Iterator<Item = &Location> {
    let steps = document.get("stages").map(Node::entries).unwrap_or_default().iter().flat_map(|stage| stage.value.items());
    let paths = steps.flat_map(|step| ["directories", "files"].into_iter().filter_map(|key| step.get(key))).flat_map(Node::items);
    let modes = paths.filter_map(|path| path.get("permissions"));
    modes.filter(|mode| mode.as_str().is_some_and(|text| u32::from_str_radix(text, 8).is_ok())).map(|mode| &mode.location)
}

/// What a file has in Kairos (`mudler/yip`, the type File; its page calls
/// `ownerstring` by another name, which is none of its fields).
const STAGED: [&str; 7] = ["path", "permissions", "owner", "group", "content", "encoding", "ownerstring"];

/// A file without `permissions` has the mode 0000.
fn staged(item: &Node, fields: &mut Fields) -> Option<NodeFile> {
    let (path, location) = fields.required(item, "a files entry", "path")?;
    let what = format!("the file {path}");
    let permissions = mode(item, &what, fields).unwrap_or_else(|| "0000".to_owned());
    for entry in item.entries().iter().filter(|entry| !STAGED.contains(&entry.key.as_str())) {
        let effect = match entry.key.as_str() {
            "permission" => format!(": the file gets the mode {permissions}"),
            "owner_string" => ": the file belongs to `owner` and `group`, or root".to_owned(),
            _ => String::new(),
        };
        let help = nearest(&entry.key, STAGED).map_or_else(|| "remove it".to_owned(), |near| format!("write `{near}`"));
        ignored(fields, &entry.key_location, format!("{what}: Kairos has no field `{}`, and passes over it{effect}", entry.key), help);
    }
    let owner = match fields.text(item, &what, "ownerstring") {
        Some((owner, _)) => owner,
        None => {
            let id = |key| item.get(key).and_then(scalar_text).unwrap_or_else(|| "0".to_owned());
            format!("{}:{}", id("owner"), id("group"))
        }
    };
    let body = match item.get("content") {
        Some(content @ Node { data: Data::String(text) | Data::Ambiguous(text), .. }) => {
            let encoding = item.get("encoding").and_then(Node::as_str).unwrap_or_default();
            match decoded(text, kairos_encoding(encoding)) {
                Ok(text) => Body::Content(super::content(&text, &content.location, fields)),
                Err(why) => {
                    fields.malformed(&content.location, format!("{what}: its content {why}"));
                    return None;
                }
            }
        }
        // It writes an empty file.
        _ => Body::Content(super::content("", &location, fields)),
    };
    Some(NodeFile { path, owner, permissions, body, location })
}

/// Kairos' names of an encoding (`pkg/plugins/file_decoder.go`); by any other the content stays as it is.
fn kairos_encoding(name: &str) -> &str {
    match name {
        "b64" | "base64" => "base64",
        "gz+base64" | "gzip+base64" | "gz+b64" | "gzip+b64" => "gzip+base64",
        // Bytes that no YAML text can be.
        "gz" | "gzip" => "gzip",
        _ => "",
    }
}

/// A mode is a number there. Written with a leading 0 it is octal to Kairos,
/// and text to a YAML 1.2 reader; in quotes it is text to both, which Kairos refuses.
fn mode(item: &Node, what: &str, fields: &mut Fields) -> Option<String> {
    let value = item.get("permissions")?;
    match &value.data {
        Data::Number(number) if number.as_u64().is_some() => number.as_u64().map(|mode| format!("{mode:04o}")),
        Data::String(text) | Data::Ambiguous(text) if u32::from_str_radix(text, 8).is_ok() => {
            if value.location.text().starts_with(['"', '\'']) {
                fields.malformed(&value.location, format!("{what}: `permissions` must be a number such as 0600, without quotes"));
            }
            Some(text.clone())
        }
        Data::Null => None,
        _ => {
            fields.malformed(&value.location, format!("{what}: `permissions` must be a mode such as 0600, not {}", value.kind()));
            None
        }
    }
}
