//! Documents read back: what a kubeadm configuration, a Cluster API object or a
//! static Pod says about kube-apiserver, as flags, volumes and files with the
//! places where they stand.
//!
//! The documents are ours, just rendered, or a person's own. So a reader takes
//! what it knows, keeps the document's order, and leaves it to checks to object
//! to what is given twice. It passes over what says nothing of kube-apiserver;
//! what may say something and cannot be read is `document-unread`, and what has
//! no effect, `document-ignored`. One module a kind.

mod cluster_api;
mod cluster_class;
mod compare;
mod encoding;
mod go_template;
mod gzip;
mod kind;
mod kubeadm;
mod palette;
mod static_pod;

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Location, Source};
use crate::kubernetes::Minor;
use crate::patch::{Arg, Content, NodeFile, Volume};
use crate::yaml::{self, Fields, Node};

pub use kubeadm::Args;

/// What a document says about kube-apiserver, in the document's order.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// Flags that it gives kube-apiserver.
    pub args: Vec<Arg>,
    /// Host paths that it mounts into kube-apiserver.
    pub volumes: Vec<Volume>,
    /// Paths in the container where it mounts something else: a ConfigMap, a
    /// Secret, a folder that kubeadm mounts when told to.
    pub other_mounts: Vec<String>,
    /// Files that it puts on the node.
    pub files: Vec<NodeFile>,
    /// Paths of the machine that it mounts into the node.
    pub mounts: Vec<Mount>,
    /// The Kubernetes version that it names, with its place.
    pub kubernetes_version: Option<Node>,
}

/// A path of the machine that is mounted into a node, as kind does.
#[derive(Debug, Clone)]
pub struct Mount {
    /// The path on the machine; a relative one begins at the working directory.
    pub host_path: String,
    /// The path in the node.
    pub path: String,
    /// Whether the node may write.
    pub read_only: bool,
    /// Where it is written.
    pub location: Location,
}

/// A kind of document that is read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// kubeadm's ClusterConfiguration v1beta3: extraArgs is a map.
    KubeadmV1beta3,
    /// kubeadm's ClusterConfiguration v1beta4: extraArgs is a list.
    KubeadmV1beta4,
    /// A static Pod of kube-apiserver.
    StaticPod,
    /// kind's cluster configuration.
    KindCluster,
    /// Values of Palette's `kubernetes` pack.
    PalettePxk,
    /// Values of Palette's `edge-k8s` pack.
    PaletteEdgeK8s,
    /// Values of Palette's `edge-k3s` pack.
    PaletteEdgeK3s,
    /// Presets of a Palette pack.
    PalettePresets,
    /// Cluster API's KubeadmControlPlane.
    KubeadmControlPlane(Args),
    /// Cluster API's KubeadmControlPlaneTemplate.
    KubeadmControlPlaneTemplate(Args),
    /// The patches of a ClusterClass v1beta1.
    ClusterClassV1beta1,
    /// The patches of a ClusterClass v1beta2.
    ClusterClassV1beta2,
}

impl Kind {
    /// The kind of a document, told by its apiVersion and kind; Palette's, which
    /// have none, by the keys that they have at their top.
    pub fn of(document: &Node) -> Option<Self> {
        let text = |key| document.get(key).and_then(Node::as_str).unwrap_or_default();
        match (text("apiVersion"), text("kind")) {
            ("kubeadm.k8s.io/v1beta3", "ClusterConfiguration") => Some(Kind::KubeadmV1beta3),
            ("kubeadm.k8s.io/v1beta4", "ClusterConfiguration") => Some(Kind::KubeadmV1beta4),
            ("v1", "Pod") if static_pod::container(document).is_some() => Some(Kind::StaticPod),
            ("kind.x-k8s.io/v1alpha4", "Cluster") => Some(Kind::KindCluster),
            ("", "") if document.get("kubeadmconfig").is_some() => Some(Kind::PalettePxk),
            ("", "") if document.get("presets").is_some_and(|presets| matches!(presets.data, crate::yaml::Data::List(_))) => {
                Some(Kind::PalettePresets)
            }
            ("", "") => {
                let config = document.get("cluster").and_then(|cluster| cluster.get("config"))?;
                config.as_str()?;
                Some(if palette::is_edge_k8s(config) { Kind::PaletteEdgeK8s } else { Kind::PaletteEdgeK3s })
            }
            ("controlplane.cluster.x-k8s.io/v1beta1", "KubeadmControlPlane") => Some(Kind::KubeadmControlPlane(Args::Map)),
            ("controlplane.cluster.x-k8s.io/v1beta2", "KubeadmControlPlane") => Some(Kind::KubeadmControlPlane(Args::List)),
            ("controlplane.cluster.x-k8s.io/v1beta1", "KubeadmControlPlaneTemplate") => Some(Kind::KubeadmControlPlaneTemplate(Args::Map)),
            ("controlplane.cluster.x-k8s.io/v1beta2", "KubeadmControlPlaneTemplate") => Some(Kind::KubeadmControlPlaneTemplate(Args::List)),
            ("cluster.x-k8s.io/v1beta1", "ClusterClass") => Some(Kind::ClusterClassV1beta1),
            ("cluster.x-k8s.io/v1beta2", "ClusterClass") => Some(Kind::ClusterClassV1beta2),
            _ => None,
        }
    }
}

/// The places of a document where text that looks ambiguous is meant so by who reads it.
pub fn unambiguous(kind: Kind, document: &Node) -> Vec<&Location> {
    match kind {
        Kind::PaletteEdgeK8s | Kind::PaletteEdgeK3s => palette::modes(document).collect(),
        _ => Vec::new(),
    }
}

/// The YAML that is written in a string, with its places in the document.
fn embedded(node: &Node, what: &str, fields: &mut Fields) -> Option<Node> {
    let Some(text) = node.as_str() else {
        fields.malformed(&node.location, format!("{what} must be text that holds YAML, not {}", node.kind()));
        return None;
    };
    match Content::written(text, &node.location).document {
        Ok(document) => Some(document),
        Err(errors) => {
            fields.found.extend(errors);
            None
        }
    }
}

/// As [`embedded`], for text that may hold several documents.
fn all_embedded(node: &Node, what: &str, fields: &mut Fields) -> Vec<Node> {
    let Some(text) = node.as_str() else {
        fields.malformed(&node.location, format!("{what} must be text that holds YAML, not {}", node.kind()));
        return Vec::new();
    };
    let place = |at: &Location| yaml::embedded_place(&node.location, text, at);
    match yaml::read_all(&Source::anonymous("content", text.to_owned()), &mut Diagnostics::new()) {
        Ok(mut documents) => {
            documents.iter_mut().for_each(|document| document.relocate(&place));
            documents
        }
        Err(errors) => {
            let at = |mut item: Diagnostic| {
                item.location = item.location.as_ref().map(place);
                item
            };
            fields.found.items.extend(errors.items.into_iter().map(at));
            Vec::new()
        }
    }
}

/// The content that is written in a document.
fn content(text: &str, written: &Location, fields: &Fields) -> Content {
    if fields.shallow {
        return Content { text: text.to_owned(), document: Err(Diagnostics::new()) };
    }
    Content::written(text, written)
}

/// The Kubernetes version that the tag of an image names.
fn image_version(image: &Node) -> Option<Node> {
    let (_, tag) = image.as_str()?.split('@').next()?.rsplit_once(':')?;
    tag.parse::<Minor>().ok()?;
    Some(Node { data: yaml::Data::String(tag.to_owned()), location: image.location.clone() })
}

/// Reports what may set flags, volumes or files and cannot be read.
fn unread(fields: &mut Fields, at: &Location, message: String) {
    fields.found.push(Diagnostic::new(Code::DocumentUnread, message).at(at.clone()));
}

/// Reports what who reads the document passes over.
fn ignored(fields: &mut Fields, at: &Location, message: String, help: impl Into<String>) {
    fields.found.push(Diagnostic::new(Code::DocumentIgnored, message).at(at.clone()).help(help));
}

/// `name=value`, with or without dashes in front; without a value it is true.
fn flag(text: &str, location: &Location) -> Arg {
    let (name, value) = text.trim_start_matches('-').split_once('=').unwrap_or((text.trim_start_matches('-'), "true"));
    Arg::new(name, value.to_owned(), location.clone())
}

/// Reads a document of a kind. What its own reader would refuse is `found`
/// (`document-invalid`), and left out or read as it was meant.
pub fn read(kind: Kind, document: &Node, found: &mut Diagnostics) -> Reading {
    read_for(kind, document, None, found)
}

/// As [`read`], for nodes of a minor rather than of the version that the
/// document names: kind takes other patches for one minor than for another.
pub fn read_for(kind: Kind, document: &Node, minor: Option<Minor>, found: &mut Diagnostics) -> Reading {
    read_with(Fields::new(Code::DocumentInvalid, Code::DocumentInvalid), kind, document, minor, found)
}

/// As [`read`], to be compared: files' contents are text, and not looked into.
pub(super) fn read_texts(kind: Kind, document: &Node, found: &mut Diagnostics) -> Reading {
    let fields = Fields { shallow: true, ..Fields::new(Code::DocumentInvalid, Code::DocumentInvalid) };
    read_with(fields, kind, document, None, found)
}

fn read_with(mut fields: Fields, kind: Kind, document: &Node, minor: Option<Minor>, found: &mut Diagnostics) -> Reading {
    let reading = match kind {
        Kind::KubeadmV1beta3 => kubeadm::read(document, kubeadm::Args::Map, &mut fields),
        Kind::KubeadmV1beta4 => kubeadm::read(document, kubeadm::Args::List, &mut fields),
        Kind::StaticPod => static_pod::read(document, &mut fields),
        Kind::KindCluster => kind::read(document, minor, &mut fields),
        Kind::PalettePxk => palette::pxk(document, &mut fields),
        Kind::PaletteEdgeK8s => palette::edge_k8s(document, &mut fields),
        Kind::PaletteEdgeK3s => palette::edge_k3s(document, &mut fields),
        Kind::PalettePresets => palette::presets(document, &mut fields),
        Kind::KubeadmControlPlane(args) => cluster_api::control_plane(document, args, &mut fields),
        Kind::KubeadmControlPlaneTemplate(args) => cluster_api::control_plane_template(document, args, &mut fields),
        Kind::ClusterClassV1beta1 | Kind::ClusterClassV1beta2 => cluster_class::read(document, &mut fields),
    };
    found.extend(fields.found);
    reading
}
