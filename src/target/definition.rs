//! target.yaml: what a target renders, for which minors, and what each
//! document can carry.

use schemars::JsonSchema;
use semver::VersionReq;
use serde::Deserialize;

/// A target.yaml.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Definition {
    /// Always packwright.dev/v1alpha1.
    #[schemars(extend("const" = "packwright.dev/v1alpha1"))]
    pub api_version: String,
    /// Always Target.
    #[schemars(extend("const" = "Target"))]
    pub kind: String,
    /// The format that the templates are written for.
    #[schemars(range(min = 1, max = 1))]
    pub format: u32,
    /// The target's name and what it is.
    pub metadata: Metadata,
    /// The template of the target's section in the pack's README.
    pub readme: Option<String>,
    /// The JSON Schema of the target's options, `targets.NAME` of the values; without it there are none.
    pub options: Option<serde_json::Map<String, serde_json::Value>>,
    /// Whether who takes the documents replaces `{{ }}` in them. Then a shipped file that holds them
    /// would not arrive as it is: `file-braces`.
    #[serde(default)]
    pub macros: bool,
    /// How the nodes get the files, which makes `delivery` of the templates' context; without it there is none.
    pub delivery: Option<Delivery>,
    /// The documents, in the order in which they are listed to people.
    pub files: Vec<TargetFile>,
}

/// A target's name and description.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Metadata {
    /// The folder's name.
    pub name: String,
    /// One line.
    pub description: Option<String>,
}

/// One document of a target.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TargetFile {
    /// The path in the pack; `{name}` and `{version}` stand for the pack's. One that needs more than
    /// itself ends in .fragment.yaml.
    pub path: String,
    /// The template that renders it. Exactly one of this, `generate` and `copy`.
    pub template: Option<String>,
    /// What makes it, where no template can.
    pub generate: Option<Generator>,
    /// A file of the pack source that is copied, byte for byte; left out if the source lacks it.
    pub copy: Option<String>,
    /// The Kubernetes minors that it is for, as a range; all without it.
    #[serde(default, deserialize_with = "requirement")]
    #[schemars(with = "Option<String>")]
    pub kubernetes: Option<VersionReq>,
    /// When it is left out.
    pub when: Option<Condition>,
    /// Whether the document's files go through Cluster API's cloud-config without an encoding: content that
    /// would be too large or would not arrive as it is, is refused.
    #[serde(default)]
    pub cloud_config: bool,
    /// The kind that it is read back as and compared with the patch; opaque documents are only parsed.
    #[serde(default)]
    pub reads: Reads,
    /// The parts of the patch that it carries.
    #[serde(default)]
    pub carries: Vec<Part>,
}

/// How nodes get files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Delivery {
    /// By `files` of Cluster API's KubeadmConfig, encoded where the content
    /// would not arrive as it is. The option `format` says what the nodes run.
    ClusterApi,
}

/// What Rust makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Generator {
    /// A tar of the shipped files with the node's paths, owners and modes.
    NodeFilesTar,
    /// A .tar.gz of the target's files in the folder of the same name, which becomes its one top-level folder.
    Archive,
}

/// When a document is rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Condition {
    /// Only if the pack ships files.
    Files,
}

/// The kinds of document that are read back into types.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Reads {
    /// kubeadm's ClusterConfiguration v1beta3: extraArgs is a map.
    #[serde(rename = "kubeadm-v1beta3")]
    KubeadmV1beta3,
    /// kubeadm's ClusterConfiguration v1beta4: extraArgs is a list.
    #[serde(rename = "kubeadm-v1beta4")]
    KubeadmV1beta4,
    /// Cluster API's KubeadmControlPlane v1beta1: extraArgs is a map.
    #[serde(rename = "kubeadmcontrolplane-v1beta1")]
    KubeadmControlPlaneV1beta1,
    /// Cluster API's KubeadmControlPlane v1beta2: extraArgs is a list.
    #[serde(rename = "kubeadmcontrolplane-v1beta2")]
    KubeadmControlPlaneV1beta2,
    /// The same in a KubeadmControlPlaneTemplate v1beta1.
    #[serde(rename = "kubeadmcontrolplanetemplate-v1beta1")]
    KubeadmControlPlaneTemplateV1beta1,
    /// The same in a KubeadmControlPlaneTemplate v1beta2.
    #[serde(rename = "kubeadmcontrolplanetemplate-v1beta2")]
    KubeadmControlPlaneTemplateV1beta2,
    /// The patches of a ClusterClass v1beta1.
    #[serde(rename = "clusterclass-v1beta1")]
    ClusterClassV1beta1,
    /// The patches of a ClusterClass v1beta2.
    #[serde(rename = "clusterclass-v1beta2")]
    ClusterClassV1beta2,
    /// A strategic merge patch of the kube-apiserver Pod that sets annotations only.
    #[serde(rename = "kube-apiserver-annotation")]
    KubeApiserverAnnotation,
    /// A static Pod of kube-apiserver.
    #[serde(rename = "static-pod")]
    StaticPod,
    /// kind's cluster configuration.
    #[serde(rename = "kind")]
    Kind,
    /// Values of Palette's `kubernetes` pack.
    #[serde(rename = "palette-pxk")]
    PalettePxk,
    /// Values of Palette's `edge-k8s` pack.
    #[serde(rename = "palette-edge-k8s")]
    PaletteEdgeK8s,
    /// Values of Palette's `edge-k3s` pack.
    #[serde(rename = "palette-edge-k3s")]
    PaletteEdgeK3s,
    /// Presets of a Palette pack.
    #[serde(rename = "palette-presets")]
    PalettePresets,
    /// YAML or JSON that says nothing of kube-apiserver: parsed, and nothing to compare.
    #[serde(rename = "data")]
    Data,
    /// Text for people, which is not parsed.
    #[serde(rename = "text")]
    Text,
    /// Parsed as YAML or JSON, and no more.
    #[default]
    #[serde(rename = "opaque")]
    Opaque,
}

/// A part of the patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Part {
    /// Flags.
    Args,
    /// Mounts.
    Volumes,
    /// Files with their content.
    Files,
    /// Files by mounts of what lies in the pack's `files/`.
    Mounts,
    /// The files' owners and modes.
    Permissions,
    /// References to Secrets that hold a file's content; without them such a file is expected on the node.
    Secrets,
    /// Variables of exposed flags.
    Variables,
    /// Exposed flags as references to variables that are declared elsewhere.
    #[serde(rename = "variable-names")]
    VariableNames,
}

/// Reads a version range such as `>=1.28, <1.38`.
pub fn requirement<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<VersionReq>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| VersionReq::parse(&text).map_err(serde::de::Error::custom)).transpose()
}
