//! Documents read back: what a kubeadm configuration, a Cluster API object or a
//! static Pod says about kube-apiserver, as flags, volumes and files with the
//! places where they stand.
//!
//! The documents are ours, just rendered, or a person's own. So a reader takes
//! what it knows and passes over the rest, keeps the document's order, and
//! leaves it to checks to object to what is given twice. One module a kind.

mod cluster_api;
mod compare;
mod gzip;
mod kubeadm;

use crate::diagnostic::{Code, Diagnostics};
use crate::patch::{Arg, NodeFile, Volume};
use crate::yaml::{Fields, Node};

pub use kubeadm::Args;

/// What a document says about kube-apiserver, in the document's order.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// Flags that it gives kube-apiserver.
    pub args: Vec<Arg>,
    /// Host paths that it mounts into kube-apiserver.
    pub volumes: Vec<Volume>,
    /// Files that it puts on the node.
    pub files: Vec<NodeFile>,
    /// The Kubernetes version that it names, with its place.
    pub kubernetes_version: Option<Node>,
}

/// A kind of document that is read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// kubeadm's ClusterConfiguration v1beta3: extraArgs is a map.
    KubeadmV1beta3,
    /// kubeadm's ClusterConfiguration v1beta4: extraArgs is a list.
    KubeadmV1beta4,
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
    /// The kind of a document, told by its apiVersion and kind.
    pub fn of(document: &Node) -> Option<Self> {
        let text = |key| document.get(key).and_then(Node::as_str).unwrap_or_default();
        match (text("apiVersion"), text("kind")) {
            ("kubeadm.k8s.io/v1beta3", "ClusterConfiguration") => Some(Kind::KubeadmV1beta3),
            ("kubeadm.k8s.io/v1beta4", "ClusterConfiguration") => Some(Kind::KubeadmV1beta4),
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

/// Reads a document of a kind. What its own reader would refuse is `found`
/// (`document-invalid`), and left out or read as it was meant.
pub fn read(kind: Kind, document: &Node, found: &mut Diagnostics) -> Reading {
    let mut fields = Fields::new(Code::DocumentInvalid, Code::DocumentInvalid);
    let reading = match kind {
        Kind::KubeadmV1beta3 => kubeadm::read(document, kubeadm::Args::Map, &mut fields),
        Kind::KubeadmV1beta4 => kubeadm::read(document, kubeadm::Args::List, &mut fields),
        Kind::KubeadmControlPlane(args) => cluster_api::control_plane(document, args, &mut fields),
        Kind::KubeadmControlPlaneTemplate(args) => cluster_api::control_plane_template(document, args, &mut fields),
        Kind::ClusterClassV1beta1 | Kind::ClusterClassV1beta2 => cluster_api::cluster_class(document, &mut fields),
    };
    found.extend(fields.found);
    reading
}
