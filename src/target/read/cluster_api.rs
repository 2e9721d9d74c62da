//! Cluster API's control planes and ClusterClasses: `kubernetes-sigs/cluster-api
//! api/controlplane/kubeadm`, `api/bootstrap/kubeadm` and `api/core`, `v1beta1`
//! and `v1beta2`.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use serde_json::Number;

use super::Reading;
use super::gzip::gunzip;
use super::kubeadm::{self, Args};
use crate::patch::{Arg, Body, Content, NodeFile, Variable, VariableType};
use crate::target::cluster_api::{go_template, go_template_entry};
use crate::yaml::{Data, Entry, Fields, MAX_BYTES, Node, scalar_text};

/// A KubeadmControlPlane.
pub fn control_plane(document: &Node, args: Args, fields: &mut Fields) -> Reading {
    let version = document.get("spec").and_then(|spec| spec.get("version")).cloned();
    let spec = fields.descend(document, &["spec", "kubeadmConfigSpec"]);
    let reading = spec.map(|spec| config_spec(spec, args, fields)).unwrap_or_default();
    Reading { kubernetes_version: version, ..reading }
}

/// A KubeadmControlPlaneTemplate.
pub fn control_plane_template(document: &Node, args: Args, fields: &mut Fields) -> Reading {
    let spec = fields.descend(document, &["spec", "template", "spec", "kubeadmConfigSpec"]);
    spec.map(|spec| config_spec(spec, args, fields)).unwrap_or_default()
}

fn config_spec(spec: &Node, args: Args, fields: &mut Fields) -> Reading {
    let mut reading = Reading::default();
    if let Some(api_server) = fields.descend(spec, &["clusterConfiguration", "apiServer"]) {
        reading.args = kubeadm::extra_args(api_server, args, fields);
        reading.volumes = kubeadm::extra_volumes(api_server, fields);
    }
    reading.files = fields.list(spec, "files").iter().filter_map(|item| file(item, fields)).collect();
    reading
}

fn file(item: &Node, fields: &mut Fields) -> Option<NodeFile> {
    const WHAT: &str = "a files entry";
    let known = ["path", "owner", "permissions", "encoding", "append", "content", "contentFrom", "contentFormat"];
    fields.only(item, WHAT, &known);
    let (path, location) = fields.required(item, WHAT, "path")?;
    let what = format!("the file {path}");
    // cloud-init's own defaults.
    let owner = fields.string(item, &what, "owner").map_or_else(|| "root:root".to_owned(), |(text, _)| text);
    let permissions = fields.string(item, &what, "permissions").map_or_else(|| "0644".to_owned(), |(text, _)| text);
    let body = match fields.descend(item, &["contentFrom", "secret"]) {
        Some(secret) => {
            let (name, _) = fields.required(secret, &what, "name")?;
            let (key, _) = fields.required(secret, &what, "key")?;
            Body::Secret { name, key }
        }
        None => {
            let (text, at) = fields.string(item, &what, "content").unwrap_or_else(|| (String::new(), location.clone()));
            let encoding = fields.string(item, &what, "encoding").map(|(text, _)| text).unwrap_or_default();
            match decoded(&text, &encoding) {
                Ok(text) => Body::Content(Content::written(&text, &at)),
                Err(why) => {
                    fields.malformed(&at, format!("{what}: its content {why}"));
                    return None;
                }
            }
        }
    };
    Some(NodeFile { path, owner, permissions, body, location })
}

/// The content that a node writes.
fn decoded(content: &str, encoding: &str) -> Result<String, String> {
    let binary = |text: &str| {
        // base64's line breaks mean nothing.
        let text: String = text.split_ascii_whitespace().collect();
        BASE64.decode(text.as_bytes()).map_err(|error| format!("is no base64: {error}"))
    };
    let bytes = match encoding {
        "" => return Ok(content.to_owned()),
        "base64" => binary(content)?,
        "gzip+base64" => gunzip(&binary(content)?, MAX_BYTES).map_err(|error| format!("is no gzip: {error}"))?,
        other => return Err(format!("has the encoding `{other}`; expected base64 or gzip+base64")),
    };
    String::from_utf8(bytes).map_err(|_| "is no text".to_owned())
}

/// A ClusterClass: what its inline patches set on control planes. Values from
/// templates are read if they are those that the target `cluster-api` writes.
pub fn cluster_class(document: &Node, fields: &mut Fields) -> Reading {
    let mut reading = Reading::default();
    let Some(spec) = fields.mapping(document, "spec") else { return reading };
    let variables: BTreeMap<String, &Node> =
        fields.list(spec, "variables").iter().filter_map(|item| Some((item.get("name")?.as_str()?.to_owned(), item))).collect();
    for patch in fields.list(spec, "patches") {
        for definition in fields.list(patch, "definitions") {
            let selected = |key| definition.get("selector").and_then(|selector| selector.get(key)).and_then(Node::as_str);
            let args = match (selected("apiVersion"), selected("kind")) {
                (Some("controlplane.cluster.x-k8s.io/v1beta1"), Some("KubeadmControlPlaneTemplate")) => Args::Map,
                (Some("controlplane.cluster.x-k8s.io/v1beta2"), Some("KubeadmControlPlaneTemplate")) => Args::List,
                _ => continue,
            };
            for operation in fields.list(definition, "jsonPatches") {
                apply(operation, args, &variables, &mut reading, fields);
            }
        }
    }
    reading
}

fn apply(operation: &Node, shape: Args, variables: &BTreeMap<String, &Node>, reading: &mut Reading, fields: &mut Fields) {
    let text = |key| operation.get(key).and_then(Node::as_str).unwrap_or_default();
    let Some(path) = text("path").strip_prefix("/spec/template/spec/kubeadmConfigSpec/") else { return };
    if text("op") == "remove" {
        return;
    }
    let template = operation.get("valueFrom").and_then(|from| from.get("template")).filter(|template| template.as_str().is_some());
    let value = operation.get("value");
    // One operation as the mapping that the list or map would stand in.
    let holding = |key: &str, value: &Node, in_list: bool| {
        let value = if in_list { Node { data: Data::List(vec![value.clone()]), ..value.clone() } } else { value.clone() };
        Node { data: Data::Map(vec![entry(key, value.clone())]), ..value }
    };
    let steps: Vec<&str> = path.split('/').collect();
    let in_list = matches!(steps.last(), Some(&("-" | "0")));
    match (steps.as_slice(), value, template) {
        (["clusterConfiguration", "apiServer", "extraArgs"], Some(value), _) => {
            reading.args.extend(kubeadm::extra_args(&holding("extraArgs", value, false), shape, fields));
        }
        (["clusterConfiguration", "apiServer", "extraArgs", _], Some(value), _) if shape == Args::List => {
            reading.args.extend(kubeadm::extra_args(&holding("extraArgs", value, true), shape, fields));
        }
        (["clusterConfiguration", "apiServer", "extraArgs", flag], Some(value), _) => {
            let flag = flag.replace("~1", "/").replace("~0", "~");
            reading.args.extend(kubeadm::extra_args(&holding("extraArgs", &holding(&flag, value, false), false), shape, fields));
        }
        (["clusterConfiguration", "apiServer", "extraArgs", flag], None, Some(template)) => {
            reading.args.extend(exposed(template, shape, flag, variables));
        }
        (["clusterConfiguration", "apiServer", "extraVolumes", ..], Some(value), _) => {
            reading.volumes.extend(kubeadm::extra_volumes(&holding("extraVolumes", value, in_list), fields));
        }
        (["files", ..], Some(value), _) => {
            let node = holding("files", value, in_list);
            let files: Vec<NodeFile> = fields.list(&node, "files").iter().filter_map(|item| file(item, fields)).collect();
            reading.files.extend(files);
        }
        _ => {}
    }
}

fn entry(key: &str, value: Node) -> Entry {
    Entry { key: key.to_owned(), key_location: value.location.clone(), value }
}

/// A flag whose value is a variable's, with the variable's default.
fn exposed(template: &Node, shape: Args, flag: &str, variables: &BTreeMap<String, &Node>) -> Option<Arg> {
    let text = template.as_str()?;
    let name = text.split_once("{{ .")?.1.split([' ', '}']).next()?;
    let schema = variables.get(name)?.get("schema")?.get("openAPIV3Schema")?;
    let text_of = |key| schema.get(key).and_then(scalar_text);
    let number = |key| match schema.get(key).map(|bound| &bound.data) {
        Some(Data::Number(number)) => Some(number.clone()),
        _ => None::<Number>,
    };
    let variable = Variable {
        name: name.to_owned(),
        kind: schema.get("type").and_then(|kind| serde_json::from_value::<VariableType>(kind.to_json()).ok()),
        minimum: number("minimum"),
        maximum: number("maximum"),
        choices: schema.get("enum").map(|choices| choices.items().iter().filter_map(scalar_text).collect()),
        description: text_of("description"),
    };
    let value_template = go_template(&variable);
    let flag = match shape {
        Args::Map => (text == value_template).then(|| flag.to_owned())?,
        Args::List => {
            let flag = text.strip_prefix("name: ")?.split('\n').next()?.trim_matches('"').to_owned();
            (text == go_template_entry(&flag, &value_template)).then_some(flag)?
        }
    };
    Some(Arg { name: flag, value: text_of("default")?, variable: Some(variable), location: template.location.clone() })
}
