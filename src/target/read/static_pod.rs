//! The static Pod of kube-apiserver, as kubeadm writes it to
//! /etc/kubernetes/manifests: `kubernetes/api core/v1/types.go`.

use super::{Reading, flag};
use crate::patch::{Arg, Volume};
use crate::yaml::{Data, Fields, Node};

/// The container that runs kube-apiserver.
pub fn container(document: &Node) -> Option<&Node> {
    let containers = document.get("spec")?.get("containers")?.items();
    let runs = |container: &&Node| {
        let program = container.get("command").and_then(|command| command.items().first()).and_then(Node::as_str).unwrap_or_default();
        container.get("name").and_then(Node::as_str) == Some("kube-apiserver") || program.rsplit('/').next() == Some("kube-apiserver")
    };
    containers.iter().find(runs)
}

/// A Pod: the flags of the container's command and arguments, and the host
/// paths among the volumes that it mounts, in the order of its mounts.
pub fn read(document: &Node, fields: &mut Fields) -> Reading {
    let mut reading = Reading::default();
    let Some(container) = container(document) else { return reading };
    let words: Vec<&Node> = ["command", "args"].into_iter().flat_map(|key| fields.list(container, key)).collect();
    reading.args = args(&words);
    let volumes = document.get("spec").map(|spec| fields.list(spec, "volumes")).unwrap_or_default();
    reading.volumes = fields.list(container, "volumeMounts").iter().filter_map(|mount| volume(mount, volumes, fields)).collect();
    reading
}

/// `--name=value`, `--name value`, and `--name` for true, as pflag reads them.
fn args(words: &[&Node]) -> Vec<Arg> {
    let mut args = Vec::new();
    let mut rest = words.iter().peekable();
    while let Some(word) = rest.next() {
        let Some(text) = word.as_str().and_then(|text| text.strip_prefix("--")) else { continue };
        let following = rest.peek().and_then(|next| next.as_str()).filter(|next| !next.starts_with("--"));
        match (text.contains('='), following) {
            (false, Some(value)) => {
                args.push(Arg { name: text.to_owned(), value: value.to_owned(), variable: None, location: word.location.clone() });
                rest.next();
            }
            _ => args.push(flag(text, &word.location)),
        }
    }
    args
}

fn volume(mount: &Node, volumes: &[Node], fields: &mut Fields) -> Option<Volume> {
    let (name, location) = fields.required(mount, "a volumeMounts entry", "name")?;
    let what = format!("the volume {name}");
    let source = volumes.iter().find(|volume| volume.get("name").and_then(Node::as_str) == Some(&name));
    let Some(source) = source else {
        fields.malformed(&location, format!("{what} is mounted, and is not among the Pod's volumes"));
        return None;
    };
    let host_path = fields.mapping(source, "hostPath")?;
    let (path, _) = fields.required(host_path, &what, "path")?;
    let (mount_path, mount_at) = fields.required(mount, &what, "mountPath")?;
    let path_type = fields.string(host_path, &what, "type").map(|(text, _)| text).filter(|text| !text.is_empty());
    let read_only = matches!(mount.get("readOnly").map(|value| &value.data), Some(Data::Bool(true)));
    Some(Volume { name, host_path: path, mount_path, read_only, path_type, location, mount_at })
}
