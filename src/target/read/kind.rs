//! kind's cluster configuration: `kubernetes-sigs/kind
//! pkg/apis/config/v1alpha4/types.go`, whose patches are YAML inside strings.
//! Which of them count, and how they are joined: `pkg/internal/patch`.

use super::{Mount, Reading, all_embedded, ignored, image_version, kubeadm, unread};
use crate::kubernetes::Minor;
use crate::patch::Arg;
use crate::yaml::{Data, Fields, Node, scalar_text};

const V1BETA3: &str = "kubeadm.k8s.io/v1beta3";
const V1BETA4: &str = "kubeadm.k8s.io/v1beta4";

/// A Cluster: what its patches say of ClusterConfiguration, and what it mounts
/// into its control-plane nodes. `minor` is that of the nodes, if it is not to
/// be that of their image.
pub fn read(document: &Node, minor: Option<Minor>, fields: &mut Fields) -> Reading {
    let is_control_plane = |node: &&Node| matches!(node.get("role").and_then(Node::as_str), None | Some("control-plane"));
    let nodes: Vec<&Node> = fields.list(document, "nodes").iter().filter(is_control_plane).collect();
    let version = nodes.first().and_then(|node| image_version(node.get("image")?));
    let minor = minor.or_else(|| version.as_ref()?.as_str()?.parse().ok());
    // The node's own patches come after the cluster's.
    let mut patches = configurations(document, fields);
    for (index, node) in nodes.iter().enumerate() {
        let own = configurations(node, fields);
        if index == 0 {
            patches.extend(own);
        } else {
            for patch in own {
                let message = "kubeadm reads the ClusterConfiguration of the first control-plane node, and of no other".to_owned();
                ignored(fields, &patch.location, message, "patch it for the whole cluster, beside `nodes`");
            }
        }
    }
    let mut reading = Reading { kubernetes_version: version, ..Reading::default() };
    apply(&patches, minor, &mut reading, fields);
    for node in nodes {
        reading.mounts.extend(fields.list(node, "extraMounts").iter().filter_map(|item| mount(item, fields)));
    }
    reading
}

/// The patches of ClusterConfiguration that say something of the API server.
fn configurations(holder: &Node, fields: &mut Fields) -> Vec<Node> {
    for item in fields.list(holder, "kubeadmConfigPatchesJSON6902") {
        if item.get("kind").and_then(Node::as_str) == Some("ClusterConfiguration") {
            unread(fields, &item.location, "a JSON patch of ClusterConfiguration is not read".to_owned());
        }
    }
    let items = fields.list(holder, "kubeadmConfigPatches");
    let patches = items.iter().flat_map(|item| all_embedded(item, "a kubeadmConfigPatches entry", fields));
    let is_wanted =
        |patch: &Node| patch.get("kind").and_then(Node::as_str) == Some("ClusterConfiguration") && patch.get("apiServer").is_some();
    patches.filter(is_wanted).collect()
}

fn api_version(patch: &Node) -> &str {
    patch.get("apiVersion").and_then(Node::as_str).unwrap_or_default()
}

/// The kubeadm version that kind 0.33 writes for a node (0.30 wrote v1beta3 for
/// all), without a minor the newest that a patch is meant for.
fn written(minor: Option<Minor>, patches: &[Node]) -> Option<&'static str> {
    match minor {
        Some(minor) if minor < Minor(36) => Some(V1BETA3),
        Some(_) => Some(V1BETA4),
        None => [V1BETA4, V1BETA3].into_iter().find(|version| patches.iter().any(|patch| api_version(patch) == *version)),
    }
}

/// A patch counts unless it names another kubeadm version than kind writes.
fn apply(patches: &[Node], minor: Option<Minor>, reading: &mut Reading, fields: &mut Fields) {
    let written = written(minor, patches);
    let is_served = patches.iter().any(|patch| written == Some(api_version(patch)));
    for patch in patches {
        let named = api_version(patch);
        if !named.is_empty() && written != Some(named) {
            // Who has one patch for each version means it so.
            if !is_served {
                let wanted = written.unwrap_or(V1BETA4);
                let message = format!("kind writes {wanted} for this node, and passes over a patch of {named} without a word");
                ignored(fields, &patch.location, message, "leave `apiVersion` out: then the patch fits every node");
            }
            continue;
        }
        let Some(api_server) = fields.mapping(patch, "apiServer") else { continue };
        merge_args(api_server, named, written, reading, fields);
        merge_volumes(api_server, reading, fields);
    }
}

/// Flags are joined by name, and null takes one away (`kubeadm_merge.go`).
fn merge_args(api_server: &Node, named: &str, written: Option<&str>, reading: &mut Reading, fields: &mut Fields) {
    let Some(given) = api_server.get("extraArgs") else { return };
    let shape = kubeadm::Args::of(api_server);
    if written == Some(V1BETA3) && shape == kubeadm::Args::List {
        let message = format!("kind writes {V1BETA3} for this node, whose `extraArgs` is a mapping, not a list");
        fields.malformed(&given.location, message);
    }
    if named == V1BETA4 && shape == kubeadm::Args::Map {
        let message = format!("kind passes over `extraArgs` that is a mapping in a patch of {V1BETA4}");
        ignored(fields, &given.location, message, "leave `apiVersion` out, or write a list of name and value");
        return;
    }
    let is_null = |value: Option<&Node>| value.is_none_or(|value| matches!(value.data, Data::Null));
    let mut taken: Vec<String> =
        given.entries().iter().filter(|entry| is_null(Some(&entry.value))).map(|entry| entry.key.clone()).collect();
    taken.extend(given.items().iter().filter(|item| is_null(item.get("value"))).filter_map(|item| scalar_text(item.get("name")?)));
    let args = kubeadm::extra_args(api_server, shape, fields);
    for arg in args.into_iter().filter(|arg| !taken.contains(&arg.name)) {
        match reading.args.iter_mut().find(|there| there.name == arg.name) {
            Some(there) => *there = arg,
            None => reading.args.push(arg),
        }
    }
    reading.args.retain(|arg: &Arg| !taken.contains(&arg.name));
}

/// Lists are not joined: the last one counts.
fn merge_volumes(api_server: &Node, reading: &mut Reading, fields: &mut Fields) {
    if api_server.get("extraVolumes").is_none() {
        return;
    }
    let volumes = kubeadm::extra_volumes(api_server, fields);
    for lost in std::mem::replace(&mut reading.volumes, volumes) {
        if !reading.volumes.iter().any(|volume| volume.name == lost.name) {
            let message = format!("the volume {} is lost: `extraVolumes` of a later patch takes the place of this list", lost.name);
            ignored(fields, &lost.location, message, "write all volumes in one patch");
        }
    }
}

fn mount(item: &Node, fields: &mut Fields) -> Option<Mount> {
    let (host_path, location) = fields.required(item, "an extraMounts entry", "hostPath")?;
    let (path, _) = fields.required(item, "an extraMounts entry", "containerPath")?;
    let read_only = item.get("readOnly").and_then(Node::as_bool) == Some(true);
    Some(Mount { host_path, path, read_only, location })
}
