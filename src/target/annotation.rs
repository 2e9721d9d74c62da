//! The strategic merge patch that restarts kube-apiserver when a file changes,
//! read back: it may set annotations and nothing else.

use std::collections::BTreeMap;

use serde::Deserialize;

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
pub fn read(text: &str) -> Result<BTreeMap<String, String>, String> {
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
