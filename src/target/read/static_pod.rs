//! The static Pod of kube-apiserver, as kubeadm writes it to
//! /etc/kubernetes/manifests: `kubernetes/api core/v1/types.go`.

use super::{Reading, flag, image_version, unread};
use crate::diagnostic::human::quote;
use crate::diagnostic::{Diagnostic, Location};
use crate::patch::{Arg, Volume};
use crate::yaml::{Fields, Node, scalar_text};

/// The container that runs kube-apiserver.
pub fn container(document: &Node) -> Option<&Node> {
    let containers = document.get("spec")?.get("containers")?.items();
    let runs = |container: &&Node| {
        let program = container.get("command").and_then(|command| command.items().first()).and_then(Node::as_str).unwrap_or_default();
        container.get("name").and_then(Node::as_str) == Some("kube-apiserver") || is_program(program)
    };
    containers.iter().find(runs)
}

/// Whether a word is the program, and not a text for a shell that ends with it.
fn is_program(word: &str) -> bool {
    word.rsplit('/').next() == Some("kube-apiserver") && !word.contains(char::is_whitespace)
}

/// A Pod: the flags of the container's command and arguments, and the host
/// paths among the volumes that it mounts, in the order of its mounts, and where
/// it mounts other volumes.
pub fn read(document: &Node, fields: &mut Fields) -> Reading {
    let mut reading = Reading::default();
    let Some(container) = container(document) else { return reading };
    let mut words = Vec::new();
    for key in ["command", "args"] {
        for word in fields.list(container, key) {
            fields.must_be_string(word, "a word of the command");
            words.extend(scalar_text(word).map(|text| (text, &word.location)));
        }
    }
    let command = container.get("command").filter(|command| !command.items().is_empty());
    let program = words.iter().position(|(word, _)| is_program(word));
    match (program, command) {
        (Some(program), _) => reading.args = args(&words[program + 1..], fields),
        // The image starts the program, and is given the arguments.
        (None, None) => reading.args = args(&words, fields),
        (None, Some(command)) => {
            let message = "no word of the command is kube-apiserver itself, and the flags that it is given are not read".to_owned();
            unread(fields, &command.location, message);
        }
    }
    reading.kubernetes_version = container.get("image").and_then(image_version);
    let volumes = document.get("spec").map(|spec| fields.list(spec, "volumes")).unwrap_or_default();
    for mount in fields.list(container, "volumeMounts") {
        match volume(mount, volumes, fields) {
            Some(Mounted::HostPath(volume)) => reading.volumes.push(volume),
            Some(Mounted::Other(path)) => reading.other_mounts.push(path),
            None => {}
        }
    }
    reading
}

/// `--name=value`, `--name value`, and `--name` for true, as pflag reads them;
/// with one dash there is only `-v`, the verbosity. The words are those after
/// the program: what stands before it belongs to another one that starts it.
fn args(words: &[(String, &Location)], fields: &mut Fields) -> Vec<Arg> {
    let mut args = Vec::new();
    let mut rest = words.iter().peekable();
    while let Some((text, at)) = rest.next() {
        let arg = |name: &str, value: &str| Arg::new(name, value.to_owned(), (*at).clone());
        let mut value_or =
            |default: &str| rest.next_if(|(next, _)| !is_flag(next)).map_or_else(|| default.to_owned(), |(next, _)| next.clone());
        match (text.strip_prefix("--"), text.strip_prefix("-v")) {
            // After it nothing is a flag.
            (Some(""), _) => break,
            (Some(long), _) if long.contains('=') => args.push(flag(long, at)),
            (Some(long), _) => args.push(arg(long, &value_or("true"))),
            (None, Some("")) => args.push(arg("v", &value_or(""))),
            (None, Some(level)) if is_verbosity(text) => args.push(arg("v", level.strip_prefix('=').unwrap_or(level))),
            (None, _) if text.starts_with('-') && text.len() > 1 => {
                let message = format!("kube-apiserver knows no flag with one dash but `-v`, and is given {}", quote(text));
                let diagnostic = Diagnostic::new(fields.shape, message).at((*at).clone());
                fields.found.push(diagnostic.help(format!("write two dashes: `-{text}`")));
                args.push(flag(text, at));
            }
            (None, _) => unread(fields, at, format!("{} is no flag, and is not read", quote(text))),
        }
    }
    args
}

/// `-v`, `-v2`, `-v=2`.
fn is_verbosity(text: &str) -> bool {
    text.strip_prefix("-v").is_some_and(|level| level.strip_prefix('=').unwrap_or(level).bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a word after a flag is the next flag and not its value, which may be negative.
fn is_flag(text: &str) -> bool {
    text.starts_with("--") || is_verbosity(text)
}

/// What a mount brings into the container.
enum Mounted {
    HostPath(Volume),
    /// A configMap, an emptyDir, a secret: only where it is mounted.
    Other(String),
}

fn volume(mount: &Node, volumes: &[Node], fields: &mut Fields) -> Option<Mounted> {
    let (name, location) = fields.required(mount, "a volumeMounts entry", "name")?;
    let what = format!("the volume {name}");
    let source = volumes.iter().find(|volume| volume.get("name").and_then(Node::as_str) == Some(&name));
    let Some(source) = source else {
        fields.malformed(&location, format!("{what} is mounted, and is not among the Pod's volumes"));
        return None;
    };
    let (mount_path, mount_at) = fields.required(mount, &what, "mountPath")?;
    let Some(host_path) = fields.mapping(source, "hostPath") else { return Some(Mounted::Other(mount_path)) };
    let (path, _) = fields.required(host_path, &what, "path")?;
    let path_type = fields.string(host_path, &what, "type").map(|(text, _)| text).filter(|text| !text.is_empty());
    let read_only = mount.get("readOnly").and_then(Node::as_bool) == Some(true);
    Some(Mounted::HostPath(Volume { name, host_path: path, mount_path, read_only, path_type, location, mount_at }))
}
