//! kubeadm's ClusterConfiguration, read back: `kubernetes/kubernetes
//! cmd/kubeadm/app/apis/kubeadm/{v1beta3,v1beta4}/types.go`, strictly, and with
//! another YAML reader than the one that placed the values.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ClusterConfiguration<Args> {
    api_version: String,
    kind: String,
    #[serde(default = "Option::default")]
    api_server: Option<ApiServer<Args>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ApiServer<Args> {
    extra_args: Option<Args>,
    extra_volumes: Option<Vec<HostPathMount>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arg {
    name: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct HostPathMount {
    name: String,
    host_path: String,
    mount_path: String,
    read_only: Option<bool>,
    path_type: Option<String>,
}

/// The `apiServer` part of the patch that a v1beta3 document carries.
///
/// # Errors
/// What the document is not.
pub fn read_v1beta3(text: &str) -> Result<Value, String> {
    let document: ClusterConfiguration<BTreeMap<String, String>> = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
    let args = |args: BTreeMap<String, String>| args.into_iter().map(|(name, value)| Arg { name, value }).collect();
    canonical(document, "kubeadm.k8s.io/v1beta3", args)
}

/// As [`read_v1beta3`], for v1beta4.
///
/// # Errors
/// What the document is not.
pub fn read_v1beta4(text: &str) -> Result<Value, String> {
    let document: ClusterConfiguration<Vec<Arg>> = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
    canonical(document, "kubeadm.k8s.io/v1beta4", |args| args)
}

fn canonical<Args>(document: ClusterConfiguration<Args>, api_version: &str, list: impl Fn(Args) -> Vec<Arg>) -> Result<Value, String> {
    if document.api_version != api_version || document.kind != "ClusterConfiguration" {
        return Err(format!("it is {} {}, not {api_version} ClusterConfiguration", document.api_version, document.kind));
    }
    let mut api_server = serde_json::Map::new();
    if let Some(read) = document.api_server {
        let args = read.extra_args.map(list).unwrap_or_default();
        if !args.is_empty() {
            let args = args.into_iter().map(|arg| json!({"name": arg.name, "value": arg.value})).collect();
            api_server.insert("extraArgs".to_owned(), args);
        }
        let volumes = read.extra_volumes.unwrap_or_default();
        if !volumes.is_empty() {
            let volumes = volumes.into_iter().map(|volume| {
                json!({"name": volume.name, "hostPath": volume.host_path, "mountPath": volume.mount_path, "readOnly": volume.read_only, "pathType": volume.path_type})
            });
            api_server.insert("extraVolumes".to_owned(), volumes.collect());
        }
    }
    Ok(Value::Object(api_server))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct AnnotationPatch {
    api_version: String,
    kind: String,
    metadata: PatchMetadata,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PatchMetadata {
    name: String,
    namespace: Option<String>,
    annotations: BTreeMap<String, String>,
}

/// The annotations of a patch that may set nothing else.
///
/// # Errors
/// What the document is not.
pub fn read_annotations(text: &str) -> Result<BTreeMap<String, String>, String> {
    let patch: AnnotationPatch = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
    let metadata = patch.metadata;
    let namespace = metadata.namespace.as_deref().unwrap_or("kube-system");
    if (patch.api_version.as_str(), patch.kind.as_str(), metadata.name.as_str(), namespace)
        != ("v1", "Pod", "kube-apiserver", "kube-system")
    {
        return Err("it is no patch of the Pod kube-apiserver in kube-system".to_owned());
    }
    Ok(metadata.annotations)
}
