//! From what a template rendered to a patch. What is wrong here is wrong in a
//! value, or in the template: the nodes know which.

use std::collections::BTreeMap;

use super::{Arg, Body, Content, ControlPlanePatch, NodeFile, Variable, Volume};
use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Location, nearest};
use crate::kubernetes::flags;
use crate::yaml::{Data, Entry, Fields, Node};

/// Renders a sibling template of the pack: its name, and where it was asked for.
pub type RenderSibling<'r> = dyn FnMut(&str, &Location) -> Result<Content, Diagnostics> + 'r;

/// Reads a rendered patch document into canonical form.
///
/// # Errors
/// Every fault: unknown fields (`template-error`), values that no node
/// configuration can have (`values-invalid`), a name given twice.
pub fn parse(document: &Node, sibling: &mut RenderSibling<'_>, warnings: &mut Diagnostics) -> Result<ControlPlanePatch, Diagnostics> {
    let mut parser = Parser { fields: Fields::new(Code::TemplateError, Code::ValuesInvalid) };
    if !matches!(document.data, Data::Map(_) | Data::Null) {
        parser
            .fields
            .malformed(&document.location, format!("the patch must be a mapping with `apiServer` and `files`, not {}", document.kind()));
    }
    parser.fields.only(document, "the patch", &["apiServer", "files", "expose"]);
    let mut args = Vec::new();
    let mut volumes = Vec::new();
    if let Some(api_server) = parser.fields.mapping(document, "apiServer") {
        parser.fields.only(api_server, "apiServer", &["extraArgs", "extraVolumes"]);
        for item in parser.fields.list(api_server, "extraArgs") {
            args.extend(parser.arg(item));
        }
        for item in parser.fields.list(api_server, "extraVolumes") {
            volumes.extend(parser.volume(item));
        }
    }
    let mut files = Vec::new();
    for item in parser.fields.list(document, "files") {
        files.extend(parser.file(item, sibling));
    }
    args.sort_by(|a, b| a.name.cmp(&b.name));
    volumes.sort_by(|a, b| a.name.cmp(&b.name));
    files.sort_by(|a, b| a.path.cmp(&b.path));
    parser.unique(&args, |arg| (&arg.name, &arg.location), Code::FlagDuplicate, "the flag --");
    parser.unique(&volumes, |volume| (&volume.name, &volume.location), Code::VolumeNameDuplicate, "the volume ");
    parser.unique(&files, |file| (&file.path, &file.location), Code::ValuesInvalid, "the file ");
    parser.shared_paths(&volumes);
    parser.expose(document, &mut args);
    parser.fields.found.into_result(ControlPlanePatch { args, volumes, files }, warnings)
}

/// Longer than any flag, and short enough for a key of v1beta3's map.
const LONGEST_FLAG: usize = 128;

struct Parser {
    fields: Fields,
}

impl Parser {
    fn invalid(&mut self, at: &Location, message: String) {
        self.fields.invalid(at, message);
    }

    /// A flag; none when its value is null, which is how a knob is off.
    fn arg(&mut self, node: &Node) -> Option<Arg> {
        self.fields.only(node, "an extraArgs entry", &["name", "value"]);
        let (name, name_at) = self.fields.required(node, "an extraArgs entry", "name")?;
        let (value, value_at) = self.fields.text(node, &format!("--{name}"), "value")?;
        let well_formed = name.len() <= LONGEST_FLAG
            && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_'));
        if !well_formed {
            self.invalid(&name_at, format!("{} is no flag name; write it without dashes in front, such as `audit-log-path`", quote(&name)));
        }
        if value.contains(['\n', '\0']) {
            self.invalid(&value_at, format!("the value of --{name} holds a line break"));
        }
        Some(Arg::new(&name, value, value_at))
    }

    fn volume(&mut self, node: &Node) -> Option<Volume> {
        self.fields.only(node, "an extraVolumes entry", &["name", "hostPath", "mountPath", "readOnly", "pathType"]);
        let (name, name_at) = self.fields.required(node, "an extraVolumes entry", "name")?;
        let what = format!("the volume {name}");
        let (host_path, host_at) = self.fields.required(node, &what, "hostPath")?;
        let (mount_path, mount_at) = self.fields.required(node, &what, "mountPath")?;
        let path_type = self.fields.text(node, &what, "pathType");
        let read_only = match self.fields.text(node, &what, "readOnly") {
            Some((value, at)) if value != "true" && value != "false" => {
                self.invalid(&at, format!("{what}: readOnly must be true or false, not {}", quote(&value)));
                false
            }
            given => given.is_some_and(|(value, _)| value == "true"),
        };
        if !is_dns_label(&name) {
            self.invalid(&name_at, format!("{} is no volume name: it must be a DNS label of at most 63 characters", quote(&name)));
        }
        let both = host_path == mount_path && host_at == mount_at; // one value gave both
        for (path, at) in [(&host_path, &host_at), (&mount_path, &mount_at)].into_iter().skip(usize::from(both)) {
            if !path.starts_with('/') || path.contains(':') || path.split('/').any(|part| part == "..") {
                self.invalid(at, format!("{what}: {} must be an absolute path without `..` and `:`", quote(path)));
            }
        }
        const TYPES: &[&str] = &["DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice"];
        if let Some((text, at)) = &path_type
            && !TYPES.contains(&text.as_str())
        {
            self.invalid(at, format!("{what}: pathType {} is none of {}", quote(text), TYPES.join(", ")));
        }
        Some(Volume { name, host_path, mount_path, read_only, path_type: path_type.map(|(text, _)| text), location: name_at, mount_at })
    }

    fn file(&mut self, node: &Node, sibling: &mut RenderSibling<'_>) -> Option<NodeFile> {
        self.fields.only(node, "a files entry", &["path", "owner", "permissions", "content", "template", "host", "secret"]);
        let (path, location) = self.fields.required(node, "a files entry", "path")?;
        let what = format!("the file {path}");
        let (owner, owner_at) = self.fields.text(node, &what, "owner").unwrap_or_else(|| ("root:root".to_owned(), location.clone()));
        let (permissions, permissions_at) =
            self.fields.text(node, &what, "permissions").unwrap_or_else(|| ("0600".to_owned(), location.clone()));
        if !is_clean_absolute(&path) {
            self.invalid(&location, format!("{} must be an absolute path in its shortest form", quote(&path)));
        }
        let name = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
        if !owner.split_once(':').is_some_and(|(user, group)| name(user) && name(group)) {
            self.invalid(&owner_at, format!("{what}: owner {} must be user:group", quote(&owner)));
        }
        if permissions.len() != 4 || !permissions.starts_with('0') || !permissions.bytes().all(|byte| (b'0'..=b'7').contains(&byte)) {
            self.invalid(
                &permissions_at,
                format!("{what}: permissions {} must be four octal digits in quotes, such as \"0600\"", quote(&permissions)),
            );
        }
        let body = self.body(node, &what, &location, sibling)?;
        Some(NodeFile { path, owner, permissions, body, location })
    }

    fn body(&mut self, node: &Node, what: &str, location: &Location, sibling: &mut RenderSibling<'_>) -> Option<Body> {
        let set = |entry: &&Entry| {
            matches!(entry.key.as_str(), "content" | "template" | "host" | "secret")
                && !matches!(entry.value.data, Data::Null | Data::Bool(false))
        };
        let given: Vec<&Entry> = node.entries().iter().filter(set).collect();
        let [entry] = given.as_slice() else {
            let names: Vec<&str> = given.iter().map(|entry| entry.key.as_str()).collect();
            let message = format!(
                "{what} needs exactly one of content, template, host: true and secret; it has {}",
                if names.is_empty() { "none".to_owned() } else { names.join(" and ") }
            );
            self.invalid(location, message);
            return None;
        };
        let value = &entry.value;
        match (entry.key.as_str(), &value.data) {
            ("content", Data::String(text) | Data::Ambiguous(text)) => Some(Body::Content(Content::written(text, &value.location))),
            ("template", Data::String(name) | Data::Ambiguous(name)) => match sibling(name, &value.location) {
                Ok(content) => Some(Body::Content(content)),
                Err(errors) => {
                    self.fields.found.extend(errors);
                    None
                }
            },
            ("host", Data::Bool(true)) => Some(Body::Host),
            ("secret", Data::Map(_)) => {
                self.fields.only(value, "secret", &["name", "key"]);
                let (name, _) = self.fields.required(value, "secret", "name")?;
                let (key, _) = self.fields.required(value, "secret", "key")?;
                Some(Body::Secret { name, key })
            }
            (key, _) => {
                self.invalid(&value.location, format!("{what}: `{key}` cannot be {}", value.kind()));
                None
            }
        }
    }

    fn unique<T>(&mut self, items: &[T], of: impl Fn(&T) -> (&String, &Location), code: Code, what: &str) {
        for pair in items.windows(2) {
            let ((first, first_at), (second, second_at)) = (of(&pair[0]), of(&pair[1]));
            if first == second {
                let message = format!("{what}{second} is given twice");
                self.fields.found.push(
                    Diagnostic::new(code, message)
                        .at(second_at.clone())
                        .related(first_at.clone(), "given here as well")
                        .help("remove one of the two; a value is set in one place only"),
                );
            }
        }
    }

    fn shared_paths(&mut self, volumes: &[Volume]) {
        let mut seen: BTreeMap<&str, &Volume> = BTreeMap::new();
        for volume in volumes {
            if let Some(first) = seen.insert(volume.host_path.trim_end_matches('/'), volume) {
                let message = format!("the volumes {} and {} mount the same host path {}", first.name, volume.name, volume.host_path);
                self.fields.found.push(
                    Diagnostic::new(Code::VolumePathDuplicate, message)
                        .at(volume.location.clone())
                        .related(first.location.clone(), "mounted here as well"),
                );
            }
        }
    }

    fn expose(&mut self, document: &Node, args: &mut [Arg]) {
        let Some(expose) = self.fields.mapping(document, "expose") else { return };
        let mut names: BTreeMap<String, Location> = BTreeMap::new();
        for entry in expose.entries() {
            let known: Vec<String> = args.iter().map(|arg| arg.name.clone()).collect();
            let Some(arg) = args.iter_mut().find(|arg| arg.name == flags::normalized(&entry.key)) else {
                let message = format!("expose names --{}, which this pack does not set", entry.key);
                let mut diagnostic = Diagnostic::new(Code::ValuesInvalid, message).at(entry.key_location.clone());
                if let Some(near) = nearest(&entry.key, known.iter().map(String::as_str)) {
                    diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
                }
                self.fields.found.push(diagnostic);
                continue;
            };
            let variable = serde_json::from_value::<Variable>(entry.value.to_json());
            match variable
                .map_err(|error| {
                    Diagnostic::new(Code::ValuesInvalid, format!("expose of --{}: {error}", entry.key)).at(entry.value.location.clone())
                })
                .and_then(|variable| variable.for_arg(arg, &entry.key_location))
            {
                Ok(variable) => {
                    if let Some(first) = names.insert(variable.name.clone(), entry.key_location.clone()) {
                        let message = format!("two flags are exposed as `{}`", variable.name);
                        self.fields.found.push(
                            Diagnostic::new(Code::ValuesInvalid, message).at(entry.key_location.clone()).related(first, "the other one"),
                        );
                    }
                    arg.variable = Some(variable);
                }
                Err(diagnostic) => self.fields.found.push(diagnostic),
            }
        }
    }
}

fn is_dns_label(name: &str) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.len() <= 63 && name.starts_with(edge) && name.ends_with(edge) && name.chars().all(|c| edge(c) || c == '-')
}

fn is_clean_absolute(path: &str) -> bool {
    path.starts_with('/')
        && path.len() > 1
        && path[1..].split('/').all(|part| !part.is_empty() && part != "." && part != "..")
        && !path.contains(|c: char| c.is_control() || c == '\\')
}
