//! Cluster API's control planes: `kubernetes-sigs/cluster-api
//! api/controlplane/kubeadm` and `api/bootstrap/kubeadm`, `v1beta1` and `v1beta2`.

use super::encoding::decoded;
use super::kubeadm::{self, Args};
use super::{Reading, content};
use crate::patch::{Body, NodeFile};
use crate::yaml::{Fields, Node};

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

/// A KubeadmConfigSpec.
pub fn config_spec(spec: &Node, args: Args, fields: &mut Fields) -> Reading {
    let mut reading = Reading::default();
    if let Some(api_server) = fields.descend(spec, &["clusterConfiguration", "apiServer"]) {
        reading.args = kubeadm::extra_args(api_server, args, fields);
        reading.volumes = kubeadm::extra_volumes(api_server, fields);
    }
    if let Some(configuration) = spec.get("clusterConfiguration") {
        reading.other_mounts.extend(kubeadm::certificates_dir(configuration, fields));
    }
    reading.files = fields.list(spec, "files").iter().filter_map(|item| file(item, fields)).collect();
    // EKS Anywhere's: what writes the files has the node's /var/lib/kubeadm as its /etc/kubernetes.
    if spec.get("format").and_then(Node::as_str) == Some("bottlerocket") {
        for file in &mut reading.files {
            if let Some(below) = file.path.strip_prefix("/etc/kubernetes/") {
                file.path = format!("/var/lib/kubeadm/{below}");
            }
        }
    }
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
                Ok(text) => Body::Content(content(&text, &at, fields)),
                Err(why) => {
                    fields.malformed(&at, format!("{what}: its content {why}"));
                    return None;
                }
            }
        }
    };
    Some(NodeFile { path, owner, permissions, body, location })
}
