//! What a target's templates see. Fixed per format: a person's own target must
//! not break with a new release.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Number, Value};
use sha2::{Digest, Sha256};

use super::cluster_api::{self, DeliveredFile};
use crate::audit::disk;
use crate::kubernetes::Minor;
use crate::pack::hex;
use crate::patch::{Arg, Body, ControlPlanePatch, VariableType};

/// The context of target templates and README templates, format 1.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "packwright target context, format 1")]
#[schemars(deny_unknown_fields)]
pub struct TargetContext {
    /// The pack.
    pub pack: PackInfo,
    /// What it is rendered for.
    pub kubernetes: KubernetesInfo,
    /// Flags of kube-apiserver, sorted by name.
    pub args: Vec<ArgInfo>,
    /// Host paths mounted into kube-apiserver, sorted by name, as kubeadm's extraVolumes have them.
    pub volumes: Vec<VolumeInfo>,
    /// Files on each control-plane node, sorted by path.
    pub files: Vec<FileInfo>,
    /// Whether the pack ships any file.
    pub has_files: bool,
    /// Whether any flag is exposed as a variable.
    pub has_variables: bool,
    /// The files as `delivery` of target.yaml asks for them; without it there are none.
    pub delivery: Vec<DeliveredFile>,
    /// The variables of exposed flags, sorted by flag.
    pub variables: Vec<VariableInfo>,
    /// A digest over path, owner, mode and content of all shipped files, in hexadecimal.
    pub files_sha256: String,
    /// The audit log's disk on each control-plane node; without a log file, no path.
    pub disk: DiskInfo,
    /// The target's own options: `targets.NAME` of the values.
    pub options: BTreeMap<String, Value>,
}

/// The pack's metadata.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct PackInfo {
    /// Its name.
    pub name: String,
    /// Its version, SemVer 2.
    pub version: String,
    /// Its name for people.
    pub display_name: Option<String>,
    /// One line.
    pub description: Option<String>,
    /// `palette` of pack.yaml.
    pub palette: PaletteInfo,
}

/// What only Palette needs.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct PaletteInfo {
    /// The profile layer, or null.
    pub layer: Option<String>,
    /// The clouds that the pack is offered for.
    pub cloud_types: Vec<String>,
    /// The kind of add-on, or null.
    pub addon_type: Option<String>,
}

/// The Kubernetes minors rendered for.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct KubernetesInfo {
    /// All of them, ascending, such as "1.33".
    pub minors: Vec<String>,
    /// The first.
    pub oldest: String,
    /// The last.
    pub newest: String,
}

/// A flag.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ArgInfo {
    /// Its name without dashes.
    pub name: String,
    /// Its value, always text.
    pub value: String,
    /// Present when the flag is exposed.
    pub variable: Option<VariableInfo>,
}

/// A variable of the target.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct VariableInfo {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: VariableType,
    /// The smallest number that may be chosen, or null.
    #[schemars(with = "Option<f64>")]
    pub minimum: Option<Number>,
    /// The largest number that may be chosen, or null.
    #[schemars(with = "Option<f64>")]
    pub maximum: Option<Number>,
    /// The values that may be chosen, as text, or null.
    #[serde(rename = "enum")]
    pub choices: Option<Vec<String>>,
    /// What the variable does, or null.
    pub description: Option<String>,
    /// Its OpenAPI v3 schema: type, default, bounds; values are of its type.
    pub schema: Map<String, Value>,
    /// The Go template with sprig functions (Cluster API's `valueFrom.template`) that gives the flag's value as text.
    pub go_template: String,
    /// The Go template that gives the flag as a mapping of `name` and `value`.
    pub go_template_entry: String,
}

/// A mount.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct VolumeInfo {
    /// The Pod's volume name.
    pub name: String,
    /// The path on the node.
    pub host_path: String,
    /// The path in the container.
    pub mount_path: String,
    /// true, or null.
    pub read_only: Option<bool>,
    /// The hostPath type, or null.
    pub path_type: Option<String>,
}

/// A file.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct FileInfo {
    /// The path on the node.
    pub path: String,
    /// user:group.
    pub owner: String,
    /// Four octal digits.
    pub permissions: String,
    /// The content that the pack ships, or null.
    pub content: Option<String>,
    /// The Secret that holds it, or null.
    pub secret: Option<SecretInfo>,
}

/// A key of a Secret.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SecretInfo {
    /// The Secret's name.
    pub name: String,
    /// The key in it.
    pub key: String,
}

/// The audit log's disk.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct DiskInfo {
    /// The log's path, or null.
    pub path: Option<String>,
    /// Whether anything bounds it.
    pub bounded: bool,
    /// The bound for people, such as "9.9 GiB", or null.
    pub text: Option<String>,
}

impl TargetContext {
    /// The context for a patch; `minors` is never empty. `delivery` is what the
    /// target's own way of taking files made of them.
    pub fn new(
        pack: PackInfo,
        minors: &[Minor],
        patch: &ControlPlanePatch,
        options: BTreeMap<String, Value>,
        delivery: Vec<DeliveredFile>,
    ) -> Self {
        let text = |minor: Option<&Minor>| minor.map(Minor::to_string).unwrap_or_default();
        Self {
            pack,
            kubernetes: KubernetesInfo {
                minors: minors.iter().map(Minor::to_string).collect(),
                oldest: text(minors.first()),
                newest: text(minors.last()),
            },
            args: patch
                .args
                .iter()
                .map(|arg| ArgInfo { name: arg.name.clone(), value: arg.value.clone(), variable: variable(arg) })
                .collect(),
            volumes: patch
                .volumes
                .iter()
                .map(|volume| VolumeInfo {
                    name: volume.name.clone(),
                    host_path: volume.host_path.clone(),
                    mount_path: volume.mount_path.clone(),
                    read_only: volume.read_only.then_some(true),
                    path_type: volume.path_type.clone(),
                })
                .collect(),
            files: patch.files.iter().map(file).collect(),
            has_files: patch.shipped().next().is_some(),
            has_variables: patch.args.iter().any(|arg| arg.variable.is_some()),
            delivery,
            variables: patch.args.iter().filter_map(variable).collect(),
            files_sha256: files_sha256(patch),
            disk: worst_disk(patch, minors).map(disk_info).unwrap_or_default(),
            options,
        }
    }
}

fn variable(arg: &Arg) -> Option<VariableInfo> {
    let variable = arg.variable.as_ref()?;
    let go_template = cluster_api::go_template(variable);
    Some(VariableInfo {
        name: variable.name.clone(),
        kind: variable.kind.unwrap_or(VariableType::String),
        minimum: variable.minimum.clone(),
        maximum: variable.maximum.clone(),
        choices: variable.choices.clone(),
        description: variable.description.clone(),
        schema: cluster_api::schema(arg, variable),
        go_template_entry: cluster_api::go_template_entry(&arg.name, &go_template),
        go_template,
    })
}

fn file(file: &crate::patch::NodeFile) -> FileInfo {
    let secret = match &file.body {
        Body::Secret { name, key } => Some(SecretInfo { name: name.clone(), key: key.clone() }),
        _ => None,
    };
    FileInfo {
        path: file.path.clone(),
        owner: file.owner.clone(),
        permissions: file.permissions.clone(),
        content: file.content().map(|content| content.text.clone()),
        secret,
    }
}

fn files_sha256(patch: &ControlPlanePatch) -> String {
    let mut hasher = Sha256::new();
    for (file, content) in patch.shipped() {
        // Lengths go in as well, so that no two lists of files hash alike.
        for part in [&file.path, &file.owner, &file.permissions, &content.text] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
    }
    hex(&hasher.finalize())
}

/// The most that any of the minors lets the log grow to.
fn worst_disk(patch: &ControlPlanePatch, minors: &[Minor]) -> Option<disk::Disk> {
    let budgets: Vec<disk::Disk> = minors.iter().filter_map(|minor| disk::budget(patch, *minor)).collect();
    let bounds: Option<Vec<u64>> = budgets.iter().map(|budget| budget.mebibytes).collect();
    let mebibytes = bounds.and_then(|bounds| bounds.into_iter().max());
    budgets.into_iter().next().map(|budget| disk::Disk { path: budget.path, mebibytes })
}

fn disk_info(disk: disk::Disk) -> DiskInfo {
    let text = disk.mebibytes.map(|mebibytes| {
        if mebibytes < 1024 {
            format!("{mebibytes} MiB")
        } else {
            let tenths = (u128::from(mebibytes) * 10).div_ceil(1024);
            format!("{}.{} GiB", tenths / 10, tenths % 10)
        }
    });
    DiskInfo { path: Some(disk.path), bounded: text.is_some(), text }
}
