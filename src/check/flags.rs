//! Flags against the catalogue: does the minor have them, do their values fit,
//! does kubeadm set them itself.

use super::types;
use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Severity};
use crate::kubernetes::Minor;
use crate::kubernetes::flags::{self, Flag, State};
use crate::kubernetes::names::{self, Kind};
use crate::patch::{Arg, ControlPlanePatch};

/// What kubeadm sets on every API server, and to what where that is the same
/// on all (`cmd/kubeadm/app/phases/controlplane/manifests.go`; held against
/// kubeadm's answers in `tests/vectors/kubeadm/`). `extraArgs` replaces it.
pub const MANAGED: &[(&str, Option<&str>)] = &[
    ("advertise-address", None),
    ("allow-privileged", Some("true")),
    ("authorization-mode", Some("Node,RBAC")),
    ("client-ca-file", Some("/etc/kubernetes/pki/ca.crt")),
    ("enable-admission-plugins", Some("NodeRestriction")),
    ("enable-bootstrap-token-auth", Some("true")),
    ("etcd-cafile", Some("/etc/kubernetes/pki/etcd/ca.crt")),
    ("etcd-certfile", Some("/etc/kubernetes/pki/apiserver-etcd-client.crt")),
    ("etcd-keyfile", Some("/etc/kubernetes/pki/apiserver-etcd-client.key")),
    ("etcd-servers", None),
    ("kubelet-client-certificate", Some("/etc/kubernetes/pki/apiserver-kubelet-client.crt")),
    ("kubelet-client-key", Some("/etc/kubernetes/pki/apiserver-kubelet-client.key")),
    ("kubelet-preferred-address-types", Some("InternalIP,ExternalIP,Hostname")),
    ("proxy-client-cert-file", Some("/etc/kubernetes/pki/front-proxy-client.crt")),
    ("proxy-client-key-file", Some("/etc/kubernetes/pki/front-proxy-client.key")),
    ("requestheader-allowed-names", Some("front-proxy-client")),
    ("requestheader-client-ca-file", Some("/etc/kubernetes/pki/front-proxy-ca.crt")),
    ("requestheader-extra-headers-prefix", Some("X-Remote-Extra-")),
    ("requestheader-group-headers", Some("X-Remote-Group")),
    ("requestheader-username-headers", Some("X-Remote-User")),
    ("secure-port", Some("6443")),
    ("service-account-issuer", Some("https://kubernetes.default.svc.cluster.local")),
    ("service-account-key-file", Some("/etc/kubernetes/pki/sa.pub")),
    ("service-account-signing-key-file", Some("/etc/kubernetes/pki/sa.key")),
    ("service-cluster-ip-range", None),
    ("tls-cert-file", Some("/etc/kubernetes/pki/apiserver.crt")),
    ("tls-private-key-file", Some("/etc/kubernetes/pki/apiserver.key")),
];

/// Every objection to the flags of a patch on API servers of `minor`. Of minors
/// outside the catalogue nothing is known, and nothing is said.
pub fn check(patch: &ControlPlanePatch, minor: Minor) -> Diagnostics {
    let mut found = Diagnostics::new();
    let (oldest, newest) = flags::minors();
    if !(oldest..=newest).contains(&minor) {
        return found;
    }
    for arg in &patch.args {
        match flags::find(&arg.name) {
            None => found.push(unknown(arg, minor)),
            Some(flag) => match flag.at(minor) {
                None => found.push(unavailable(arg, flag)),
                Some(state) => {
                    if state.deprecated {
                        found.push(deprecated(arg, state));
                    }
                    if arg.has_macro() {
                        // Of a value that is not known nothing can be said.
                    } else if types::fits(state.kind, &arg.value) {
                        found.items.extend(names_in(patch, arg, minor));
                    } else {
                        found.push(misfit(arg, state));
                    }
                }
            },
        }
    }
    found
}

/// Every flag that takes the place of what kubeadm sets itself.
pub fn managed(patch: &ControlPlanePatch) -> Diagnostics {
    Diagnostics { items: patch.args.iter().filter_map(replaces_kubeadms).collect() }
}

fn unknown(arg: &Arg, minor: Minor) -> Diagnostic {
    let message = format!("kube-apiserver has no flag --{}, and does not start with a flag that it does not know", arg.name);
    let help = match flags::nearest_name(&arg.name, minor) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`packwright flags` lists them".to_owned(),
    };
    Diagnostic::new(Code::FlagUnknown, message).at(arg.location.clone()).help(help)
}

fn unavailable(arg: &Arg, flag: &Flag) -> Diagnostic {
    let minors = flag.availability().unwrap_or_default();
    let message = format!("kube-apiserver has --{} in Kubernetes {minors}, and does not start with it in any other", arg.name);
    let instead: Vec<String> = flag.states.last().into_iter().flat_map(|state| &state.instead).map(|name| format!("--{name}")).collect();
    let help = if instead.is_empty() {
        "build for those minors, or leave the flag out".to_owned()
    } else {
        format!("it was replaced by {}", instead.join(", "))
    };
    Diagnostic::new(Code::FlagUnavailable, message).at(arg.location.clone()).help(help)
}

fn deprecated(arg: &Arg, state: &State) -> Diagnostic {
    let instead: Vec<String> = state.instead.iter().map(|name| format!("--{name}")).collect();
    let help = if instead.is_empty() {
        "leave it out; a later Kubernetes may refuse to start with it".to_owned()
    } else {
        format!("use {} instead", instead.join(" and "))
    };
    Diagnostic::new(Code::FlagDeprecated, format!("--{} is deprecated", arg.name)).at(arg.location.clone()).help(help)
}

fn misfit(arg: &Arg, state: &State) -> Diagnostic {
    let message = format!("--{} takes {}, not {}, and the API server does not start", arg.name, state.kind.words(), quote(&arg.value));
    Diagnostic::new(Code::FlagType, message).at(arg.location.clone())
}

/// Names of feature gates and admission plugins that the API server does not
/// know, and gates that cannot be changed (`k8s.io/component-base featuregate`,
/// `k8s.io/apiserver pkg/server/options/admission.go`).
fn names_in(patch: &ControlPlanePatch, arg: &Arg, minor: Minor) -> Vec<Diagnostic> {
    match arg.name.as_str() {
        // An API server that plays an older one has other gates.
        "feature-gates" if patch.arg("emulated-version").is_none() => {
            let pairs = arg.value.split(',').filter_map(|pair| pair.split_once('='));
            // A gate may be written with its component in front, and those of others are not known.
            let own = pairs.filter_map(|(name, value)| match name.trim().split_once(':') {
                None => Some((name.trim(), value.trim())),
                Some(("kube", name)) => Some((name, value.trim())),
                Some(_) => None,
            });
            own.filter_map(|(name, value)| match names::find(Kind::Gate, name, minor) {
                None => Some(unknown_name(arg, Kind::Gate, name, minor)),
                Some(_) if types::boolean(value).is_none() => {
                    let message =
                        format!("the feature gate {name} is true or false, not {}, and the API server does not start", quote(value));
                    Some(Diagnostic::new(Code::FlagValue, message).at(arg.location.clone()))
                }
                Some(gate) => {
                    let changes = types::boolean(value).is_some_and(|value| value != gate.on);
                    (gate.locked && changes).then(|| {
                        let message = format!(
                            "the feature gate {name} is locked to {}, and the API server does not start with another value",
                            gate.on
                        );
                        Diagnostic::new(Code::FlagValue, message).at(arg.location.clone()).help("leave it out")
                    })
                }
            })
            .collect()
        }
        "enable-admission-plugins" | "disable-admission-plugins" | "admission-control" => {
            let plugins = types::list(&arg.value).unwrap_or_default();
            let unknown = plugins.iter().filter(|name| !name.is_empty() && names::find(Kind::Plugin, name, minor).is_none());
            unknown.map(|name| unknown_name(arg, Kind::Plugin, name, minor)).collect()
        }
        _ => Vec::new(),
    }
}

fn unknown_name(arg: &Arg, kind: Kind, name: &str, minor: Minor) -> Diagnostic {
    let what = kind.words();
    let (message, help) = match (names::first_minor(kind, name), names::last_minor(kind, name)) {
        (_, Some(last)) if last < minor => (
            format!(
                "the {what} {} is gone since Kubernetes 1.{}, and the API server does not start with a name that it does not know",
                quote(name),
                last.0 + 1
            ),
            "leave it out".to_owned(),
        ),
        (Some(first), _) if first > minor => (
            format!("the {what} {} came with Kubernetes {first}, and an older API server does not start with it", quote(name)),
            "leave it out".to_owned(),
        ),
        _ => (
            format!("kube-apiserver has no {what} {}, and does not start with a name that it does not know", quote(name)),
            names::nearest_name(kind, name, minor).map_or("leave it out".to_owned(), |near| format!("did you mean `{near}`?")),
        ),
    };
    Diagnostic::new(Code::FlagValue, message).at(arg.location.clone()).help(help)
}

/// Objects unless the value keeps what kubeadm has set.
fn replaces_kubeadms(arg: &Arg) -> Option<Diagnostic> {
    let (_, own) = MANAGED.iter().find(|(name, _)| *name == arg.name)?;
    if own.is_some() && arg.has_macro() {
        return None; // it may keep it
    }
    let values: Vec<&str> = arg.value.split(',').collect();
    let help = match arg.name.as_str() {
        "enable-admission-plugins" | "authorization-mode" => {
            let own = own.unwrap_or_default();
            if own.split(',').all(|part| values.contains(&part)) {
                return None;
            }
            format!("keep {} among the values", own.replace(',', " and "))
        }
        _ if *own == Some(arg.value.as_str()) => return None,
        "service-cluster-ip-range" => {
            "set `networking.serviceSubnet` of the ClusterConfiguration, which kubeadm's other parts read too".to_owned()
        }
        "advertise-address" | "secure-port" => {
            "set `localAPIEndpoint` of the Init- and JoinConfiguration, which kubeadm's other parts read too".to_owned()
        }
        "service-account-issuer" => {
            "in a cluster that runs, tokens of the issuer so far are refused from then on, unless the flag is given a second time with that one"
                .to_owned()
        }
        name if name.starts_with("etcd-") => "set `etcd` of the ClusterConfiguration, which kubeadm's other parts read too".to_owned(),
        _ => "leave it out, unless you know that nothing relies on kubeadm's value".to_owned(),
    };
    let message = format!("kubeadm sets --{} itself, and this replaces its value", arg.name);
    let diagnostic = Diagnostic::new(Code::FlagManaged, message).at(arg.location.clone()).help(help);
    // Who federates identities sets it, and nothing of kubeadm's reads it.
    Some(if arg.name == "service-account-issuer" { diagnostic.with_severity(Severity::Note) } else { diagnostic })
}
