//! kubeadm's ClusterConfiguration: `kubernetes/kubernetes
//! cmd/kubeadm/app/apis/kubeadm/{v1beta3,v1beta4}/types.go`.

use super::Reading;
use crate::patch::{Arg, Volume};
use crate::yaml::{Data, Fields, Node, scalar_text};

/// The shape of `extraArgs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Args {
    /// name to value: v1beta3, and Cluster API's v1beta1.
    Map,
    /// A list of name and value: v1beta4, and Cluster API's v1beta2.
    List,
}

impl Args {
    /// The shape that an `apiServer` has, where its kind takes both.
    pub fn of(api_server: &Node) -> Self {
        match api_server.get("extraArgs").map(|args| &args.data) {
            Some(Data::List(_)) => Args::List,
            _ => Args::Map,
        }
    }
}

/// A ClusterConfiguration.
pub fn read(document: &Node, args: Args, fields: &mut Fields) -> Reading {
    let mut reading = Reading { kubernetes_version: document.get("kubernetesVersion").cloned(), ..Reading::default() };
    if let Some(api_server) = fields.mapping(document, "apiServer") {
        reading.args = extra_args(api_server, args, fields);
        reading.volumes = extra_volumes(api_server, fields);
    }
    reading.other_mounts.extend(certificates_dir(document, fields));
    reading
}

/// The folder of a ClusterConfiguration that kubeadm mounts at the same path, in
/// place of /etc/kubernetes/pki.
pub fn certificates_dir(configuration: &Node, fields: &mut Fields) -> Option<String> {
    let (folder, _) = fields.string(configuration, "a ClusterConfiguration", "certificatesDir")?;
    Some(folder).filter(|folder| !folder.is_empty())
}

/// `extraArgs` of an `apiServer`. A null value is the empty text, as Go reads it.
pub fn extra_args(api_server: &Node, shape: Args, fields: &mut Fields) -> Vec<Arg> {
    const KEY: &str = "extraArgs";
    match shape {
        Args::List => fields.list(api_server, KEY).iter().filter_map(|item| listed(item, fields)).collect(),
        Args::Map => {
            let Some(map) = fields.mapping(api_server, KEY) else { return Vec::new() };
            let arg = |entry: &crate::yaml::Entry| {
                fields.must_be_string(&entry.value, &format!("--{}", entry.key));
                let value = scalar_text(&entry.value);
                if value.is_none() && !matches!(entry.value.data, Data::Null) {
                    fields.malformed(&entry.value.location, format!("--{} must be text, not {}", entry.key, entry.value.kind()));
                }
                let (value, location) = (value.unwrap_or_default(), entry.value.location.clone());
                Arg::new(&entry.key, value, location)
            };
            map.entries().iter().map(arg).collect()
        }
    }
}

fn listed(item: &Node, fields: &mut Fields) -> Option<Arg> {
    fields.only(item, "an extraArgs entry", &["name", "value"]);
    let (name, name_at) = fields.required(item, "an extraArgs entry", "name")?;
    let (value, location) = fields.string(item, &format!("--{name}"), "value").unwrap_or((String::new(), name_at));
    Some(Arg::new(&name, value, location))
}

/// `extraVolumes` of an `apiServer`: HostPathMount.
pub fn extra_volumes(api_server: &Node, fields: &mut Fields) -> Vec<Volume> {
    fields.list(api_server, "extraVolumes").iter().filter_map(|item| volume(item, fields)).collect()
}

fn volume(item: &Node, fields: &mut Fields) -> Option<Volume> {
    const WHAT: &str = "an extraVolumes entry";
    fields.only(item, WHAT, &["name", "hostPath", "mountPath", "readOnly", "pathType"]);
    let (name, location) = fields.required(item, WHAT, "name")?;
    let what = format!("the volume {name}");
    let (host_path, _) = fields.required(item, &what, "hostPath")?;
    let (mount_path, mount_at) = fields.required(item, &what, "mountPath")?;
    let path_type = fields.string(item, &what, "pathType").map(|(text, _)| text).filter(|text| !text.is_empty());
    let read_only = match item.get("readOnly").map(|value| (value.as_bool(), value)) {
        None | Some((None, Node { data: Data::Null, .. })) => false,
        Some((Some(read_only), _)) => read_only,
        Some((None, value)) => {
            fields.malformed(&value.location, format!("{what}: `readOnly` must be true or false, not {}", value.kind()));
            false
        }
    };
    Some(Volume { name, host_path, mount_path, read_only, path_type, location, mount_at })
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, read};
    use crate::diagnostic::{Diagnostics, Source};
    use crate::yaml;

    #[test]
    fn a_whole_configuration_of_a_person() {
        let text = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.33.2\n\
                    networking: {podSubnet: 10.0.0.0/16}\napiServer:\n  certSANs: [a]\n  extraArgs:\n    - name: b\n      value: 30\n    \
                    - {name: a, value: x}\n    - {name: a, value: z}\n  extraVolumes:\n    \
                    - {name: v, hostPath: /h, mountPath: /m, readonly: true}\n";
        let source = Source::file("k.yaml", text);
        let node = yaml::read(&source, &mut Diagnostics::new()).unwrap();
        let mut found = Diagnostics::new();
        let reading = read(Kind::of(&node).unwrap(), &node, &mut found);
        let args: Vec<_> = reading.args.iter().map(|arg| (arg.name.as_str(), arg.value.as_str(), arg.location.to_string())).collect();
        assert_eq!(
            args,
            [("b", "30", "k.yaml:9:14".to_owned()), ("a", "x", "k.yaml:10:24".to_owned()), ("a", "z", "k.yaml:11:24".to_owned())]
        );
        assert_eq!(reading.volumes.len(), 1);
        assert_eq!(reading.kubernetes_version.as_ref().and_then(yaml::Node::as_str), Some("v1.33.2"));
        let found: Vec<_> = found.items.iter().map(|item| item.message.as_str()).collect();
        assert_eq!(
            found,
            ["--b: `value` must be text, not an integer", "an extraVolumes entry has no field `readonly`; did you mean `readOnly`?"]
        );
    }
}
