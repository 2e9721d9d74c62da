//! The pack sources and target templates inside the binary, so that it works
//! anywhere as one file. A test holds these lists against the folders.

use std::collections::BTreeMap;

use crate::diagnostic::Source;
use crate::target::TemplateSet;

macro_rules! embed {
    ($include:ident $folder:literal: $($path:literal),+ $(,)?) => {
        &[$(($path, $include!(concat!("../../", $folder, "/", $path)))),+]
    };
}

const PACKS: &[(&str, &[u8])] = embed!(include_bytes "packs":
    "kube-apiserver-audit/README.md",
    "kube-apiserver-audit/control-plane.yaml.hbs",
    "kube-apiserver-audit/logo.png",
    "kube-apiserver-audit/pack.yaml",
    "kube-apiserver-audit/policy.yaml.hbs",
    "kube-apiserver-audit/values.schema.json",
    "kube-apiserver-audit/values.yaml",
);

/// Text, so that what no command asks for is not even looked at.
const TEMPLATES: &[(&str, &str)] = embed!(include_str "templates":
    "README.md.hbs",
    "cluster-api/README.md.hbs",
    "cluster-api/clusterclass.append.v1beta1.fragment.yaml.hbs",
    "cluster-api/clusterclass.append.v1beta2.fragment.yaml.hbs",
    "cluster-api/clusterclass.create.v1beta1.fragment.yaml.hbs",
    "cluster-api/clusterclass.create.v1beta2.fragment.yaml.hbs",
    "cluster-api/kubeadmcontrolplane.v1beta1.fragment.yaml.hbs",
    "cluster-api/kubeadmcontrolplane.v1beta2.fragment.yaml.hbs",
    "cluster-api/kubeadmcontrolplanetemplate.v1beta1.fragment.yaml.hbs",
    "cluster-api/kubeadmcontrolplanetemplate.v1beta2.fragment.yaml.hbs",
    "cluster-api/target.yaml",
    "kind/README.md.hbs",
    "kind/cluster.yaml.hbs",
    "kind/target.yaml",
    "kubeadm/README.md.hbs",
    "kubeadm/cluster-configuration.v1beta3.yaml.hbs",
    "kubeadm/cluster-configuration.v1beta4.yaml.hbs",
    "kubeadm/kube-apiserver-patch.yaml.hbs",
    "kubeadm/target.yaml",
    "palette/README.md.hbs",
    "palette/edge-k3s.yaml.hbs",
    "palette/edge-k8s.yaml.hbs",
    "palette/pack-README.md.hbs",
    "palette/pack.json.hbs",
    "palette/presets.yaml.hbs",
    "palette/pxk.yaml.hbs",
    "palette/schema.yaml.hbs",
    "palette/target.yaml",
    "palette/values.yaml.hbs",
    "static-pod/README.md.hbs",
    "static-pod/kube-apiserver.yaml.hbs",
    "static-pod/target.yaml",
);

/// The bundled pack sources: name, then files by path in the pack.
pub fn packs() -> BTreeMap<&'static str, BTreeMap<&'static str, &'static [u8]>> {
    let mut packs: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for (path, bytes) in PACKS {
        if let Some((name, file)) = path.split_once('/') {
            packs.entry(name).or_default().insert(file, *bytes);
        }
    }
    packs
}

/// The bundled target templates and the README template.
pub fn templates() -> TemplateSet {
    TEMPLATES.iter().map(|(path, text)| ((*path).to_owned(), Source::file(format!("bundled:{path}"), *text))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::secret;

    #[test]
    fn nothing_of_ours_holds_a_credential() {
        let files = PACKS.iter().map(|(path, bytes)| (path, String::from_utf8_lossy(bytes).into_owned()));
        for (path, text) in files.chain(TEMPLATES.iter().map(|(path, text)| (path, (*text).to_owned()))) {
            assert_eq!(secret::in_text(&text), None, "{path}");
        }
    }
}
