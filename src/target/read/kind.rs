//! kind's cluster configuration: `kubernetes-sigs/kind
//! pkg/apis/config/v1alpha4/types.go`, whose patches are YAML inside strings.

use super::{Mount, Reading, embedded, kubeadm};
use crate::yaml::{Data, Fields, Node};

/// A Cluster: what its patches say of ClusterConfiguration, and what it mounts
/// into its control-plane nodes.
pub fn read(document: &Node, fields: &mut Fields) -> Reading {
    let mut reading = Reading::default();
    patches(document, &mut reading, fields);
    for node in fields.list(document, "nodes") {
        let role = node.get("role").and_then(Node::as_str).unwrap_or("control-plane");
        if role == "control-plane" {
            patches(node, &mut reading, fields);
            reading.mounts.extend(fields.list(node, "extraMounts").iter().filter_map(|item| mount(item, fields)));
        }
    }
    reading
}

/// A patch counts for every kubeadm version that it does not exclude, with a
/// map or a list (`pkg/internal/patch/kubeadm_merge.go`).
fn patches(holder: &Node, reading: &mut Reading, fields: &mut Fields) {
    for item in fields.list(holder, "kubeadmConfigPatches") {
        let Some(patch) = embedded(item, "a kubeadmConfigPatches entry", fields) else { continue };
        if patch.get("kind").and_then(Node::as_str) == Some("ClusterConfiguration")
            && let Some(api_server) = fields.mapping(&patch, "apiServer")
        {
            reading.args.extend(kubeadm::extra_args(api_server, kubeadm::Args::of(api_server), fields));
            reading.volumes.extend(kubeadm::extra_volumes(api_server, fields));
        }
    }
}

fn mount(item: &Node, fields: &mut Fields) -> Option<Mount> {
    let (host_path, location) = fields.required(item, "an extraMounts entry", "hostPath")?;
    let (path, _) = fields.required(item, "an extraMounts entry", "containerPath")?;
    let read_only = matches!(item.get("readOnly").map(|value| &value.data), Some(Data::Bool(true)));
    Some(Mount { host_path, path, read_only, location })
}
