//! ClusterClasses: what their inline patches set on control planes.
//! `kubernetes-sigs/cluster-api api/core/{v1beta1,v1beta2}/clusterclass_types.go`
//! has the shapes, `core/webhooks/admission/patch_validation.go` what a path may
//! be, and patches apply one after the other, as JSON patches (RFC 6902).

use std::collections::BTreeMap;

use serde_json::{Number, Value};

use super::cluster_api::config_spec;
use super::go_template::{Evaluated, evaluate};
use super::kubeadm::Args;
use super::{Reading, ignored, unread};
use crate::diagnostic::human::quote;
use crate::diagnostic::{Location, Source};
use crate::patch::{Variable, VariableType, Volume};
use crate::yaml::{self, Data, Entry, Fields, Node, scalar_text};

/// Where a KubeadmControlPlaneTemplate has what kubeadm is told.
const SPEC: [&str; 4] = ["spec", "template", "spec", "kubeadmConfigSpec"];

/// The three lists that are read. `extraArgs` of v1beta1 is a mapping.
const LISTS: [(List, &[&str]); 3] = [
    (List::Args, &["clusterConfiguration", "apiServer", "extraArgs"]),
    (List::Volumes, &["clusterConfiguration", "apiServer", "extraVolumes"]),
    (List::Files, &["files"]),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Args,
    Volumes,
    Files,
}

/// What of a list an operation's path names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach<'p> {
    /// All of it, and perhaps more.
    Whole,
    /// One entry: `-`, `0`, or a flag's name.
    Entry(&'p str),
    /// A part of an entry.
    Inside,
}

/// The variables of a class, by name.
type Variables<'n> = BTreeMap<&'n str, &'n Node>;

/// A value that an operation puts in.
struct Given {
    value: Node,
    /// The only variable in it.
    variable: Option<Variable>,
}

/// A ClusterClass. What a patch sets under a condition is read as if it held.
/// Values from variables are the variables' defaults.
pub fn read(document: &Node, fields: &mut Fields) -> Reading {
    let mut reading = Reading::default();
    let Some(spec) = fields.mapping(document, "spec") else { return reading };
    let variables: Variables<'_> =
        fields.list(spec, "variables").iter().filter_map(|item| Some((item.get("name")?.as_str()?, item))).collect();
    for patch in fields.list(spec, "patches") {
        let name = patch.get("name").and_then(Node::as_str).unwrap_or_default();
        if let Some(external) = patch.get("external")
            && ["generateExtension", "generatePatchesExtension"].iter().any(|key| external.get(key).is_some())
        {
            unread(fields, &external.location, format!("what the patch {} sets comes from an extension, and is not read", quote(name)));
        }
        let condition = patch.get("enabledIf").and_then(Node::as_str);
        if condition.is_some_and(|condition| !condition.contains("{{") && condition != "true") {
            continue;
        }
        for definition in fields.list(patch, "definitions") {
            let selected = |key| definition.get("selector").and_then(|selector| selector.get(key)).and_then(Node::as_str);
            let shape = match (selected("apiVersion"), selected("kind")) {
                (Some("controlplane.cluster.x-k8s.io/v1beta1"), Some("KubeadmControlPlaneTemplate")) => Args::Map,
                (Some("controlplane.cluster.x-k8s.io/v1beta2"), Some("KubeadmControlPlaneTemplate")) => Args::List,
                _ => continue,
            };
            let is_sure = condition.is_none_or(|condition| condition == "true");
            for operation in fields.list(definition, "jsonPatches") {
                Operation { node: operation, shape, is_sure, variables: &variables }.apply(&mut reading, fields);
            }
        }
    }
    reading
}

struct Operation<'n> {
    node: &'n Node,
    shape: Args,
    /// Whether no condition stands before the patch.
    is_sure: bool,
    variables: &'n Variables<'n>,
}

impl Operation<'_> {
    fn text(&self, key: &str) -> &str {
        self.node.get(key).and_then(Node::as_str).unwrap_or_default()
    }

    fn at(&self, key: &str) -> &Location {
        self.node.get(key).map_or(&self.node.location, |value| &value.location)
    }

    fn apply(&self, reading: &mut Reading, fields: &mut Fields) {
        let path = self.text("path");
        if !path.starts_with("/spec") {
            return fields.malformed(self.at("path"), format!("the path of a JSON patch must begin with `/spec`, and is {}", quote(path)));
        }
        let steps: Vec<String> = path.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
        let reached: Vec<(List, Reach<'_>)> = LISTS.iter().filter_map(|(list, at)| Some((*list, reach(&steps, at)?))).collect();
        let (op, at) = (self.text("op"), self.at("path"));
        if reached.is_empty() {
            return;
        }
        let has_index = |step: &String| step.parse::<u64>().is_ok_and(|index| op != "add" || index != 0);
        if steps.iter().any(has_index) {
            let message = format!("{} {path}: Cluster API takes no index in a path but 0 and `-` of an add", quote(op));
            return fields.malformed(at, message);
        }
        if reached.iter().any(|(_, reach)| *reach == Reach::Inside) {
            return unread(fields, at, format!("{} {path} reaches into an entry, and is not read", quote(op)));
        }
        match op {
            "remove" => self.remove(&reached, reading, fields),
            "add" | "replace" => self.put(&steps, &reached, reading, fields),
            _ => fields.malformed(self.at("op"), format!("`op` must be add, replace or remove, not {}", quote(op))),
        }
    }

    /// What earlier patches set is taken out of the reading. The template's own is in another document.
    fn remove(&self, reached: &[(List, Reach<'_>)], reading: &mut Reading, fields: &mut Fields) {
        let path = self.text("path");
        if !self.is_sure {
            let message = format!("a condition decides whether {path} is removed, and it is read as if it stayed");
            return unread(fields, self.at("path"), message);
        }
        let mut found = false;
        for (list, reach) in reached {
            match (list, reach) {
                (List::Args, Reach::Entry(flag)) => {
                    found |= reading.args.iter().any(|arg| arg.name == *flag);
                    reading.args.retain(|arg| arg.name != *flag);
                }
                (List::Args, _) => found |= !std::mem::take(&mut reading.args).is_empty(),
                (List::Volumes, _) => found |= !std::mem::take(&mut reading.volumes).is_empty(),
                (List::Files, _) => found |= !std::mem::take(&mut reading.files).is_empty(),
            }
        }
        if !found {
            unread(fields, self.at("path"), format!("{path} is removed from the class's template, which is another document"));
        }
    }

    fn put(&self, steps: &[String], reached: &[(List, Reach<'_>)], reading: &mut Reading, fields: &mut Fields) {
        let path = self.text("path");
        let is_map = |list: List| list == List::Args && self.shape == Args::Map;
        let mut in_list = false;
        for (list, reach) in reached {
            let Reach::Entry(entry) = reach else { continue };
            let is_place = matches!(*entry, "-" | "0");
            if is_place == is_map(*list) {
                let holds = if is_map(*list) { "a mapping of v1beta1, which has no places" } else { "a list, which has no keys" };
                return fields.malformed(self.at("path"), format!("{path} names an entry of {holds}"));
            }
            in_list = is_place;
        }
        let Some(Given { value, variable }) = self.given(fields) else { return };
        let mut found = Fields { shallow: fields.shallow, ..Fields::new(fields.shape, fields.value) };
        let whole = wrapped(steps, in_list, value);
        let spec = found.descend(&whole, &SPEC).map(|spec| config_spec(spec, self.shape, &mut found)).unwrap_or_default();
        fields.found.extend(found.found);
        let mut put = spec;
        if let ([arg], Some(variable)) = (put.args.as_mut_slice(), variable) {
            arg.variable = Some(variable);
        }
        if self.is_sure {
            self.take_place(reached, &put, reading, fields);
        } else {
            self.take_namesakes_place(reached, &put, reading);
        }
        reading.args.extend(put.args);
        reading.volumes.extend(put.volumes);
        reading.files.extend(put.files);
        reading.other_mounts.extend(put.other_mounts);
    }

    /// A whole list takes the place of what earlier patches set, and they are told.
    fn take_place(&self, reached: &[(List, Reach<'_>)], put: &Reading, reading: &mut Reading, fields: &mut Fields) {
        let mut lost: Vec<(String, Location)> = Vec::new();
        for (list, reach) in reached {
            match (list, reach) {
                (List::Args, Reach::Entry(flag)) => reading.args.retain(|arg| arg.name != *flag || self.shape == Args::List),
                (List::Args, Reach::Whole) => {
                    let old = std::mem::take(&mut reading.args);
                    let is_lost = |name: &str| !put.args.iter().any(|arg| arg.name == name);
                    lost.extend(old.into_iter().filter(|arg| is_lost(&arg.name)).map(|arg| (format!("--{}", arg.name), arg.location)));
                }
                (List::Volumes, Reach::Whole) => {
                    let old = std::mem::take(&mut reading.volumes);
                    let is_lost = |name: &str| !put.volumes.iter().any(|volume| volume.name == name);
                    lost.extend(
                        old.into_iter().filter(|item| is_lost(&item.name)).map(|item| (format!("the volume {}", item.name), item.location)),
                    );
                }
                (List::Files, Reach::Whole) => {
                    let old = std::mem::take(&mut reading.files);
                    let is_lost = |path: &str| !put.files.iter().any(|file| file.path == path);
                    lost.extend(
                        old.into_iter().filter(|file| is_lost(&file.path)).map(|file| (format!("the file {}", file.path), file.location)),
                    );
                }
                (List::Volumes | List::Files, _) | (List::Args, Reach::Inside) => {}
            }
        }
        for (what, at) in lost {
            let message = format!("{what} is lost: a later patch puts {} in its place", self.text("path"));
            ignored(fields, &at, message, "let the later patch add to the list, with `/-` at the end of its path");
        }
    }

    /// Under a condition a key of a mapping or a whole list may take the place of
    /// what earlier patches set, and never stands beside its like. The rest of
    /// what they set stays, for where the condition does not hold.
    fn take_namesakes_place(&self, reached: &[(List, Reach<'_>)], put: &Reading, reading: &mut Reading) {
        for (list, reach) in reached {
            match (list, reach) {
                (List::Args, Reach::Entry(_)) if self.shape == Args::List => {}
                (List::Args, Reach::Entry(_) | Reach::Whole) => {
                    reading.args.retain(|arg| !put.args.iter().any(|other| other.name == arg.name));
                }
                (List::Volumes, Reach::Whole) => {
                    let is_like = |a: &Volume, b: &Volume| a.name == b.name || is_same_path(&a.mount_path, &b.mount_path);
                    reading.volumes.retain(|volume| !put.volumes.iter().any(|other| is_like(volume, other)));
                }
                (List::Files, Reach::Whole) => reading.files.retain(|file| !put.files.iter().any(|other| other.path == file.path)),
                (List::Volumes | List::Files, _) | (List::Args, Reach::Inside) => {}
            }
        }
    }

    /// The value, with variables at their defaults.
    fn given(&self, fields: &mut Fields) -> Option<Given> {
        let from = self.node.get("valueFrom");
        match (self.node.get("value"), from) {
            (Some(value), None) => return Some(Given { value: value.clone(), variable: None }),
            (None, Some(_)) => {}
            _ => {
                fields.malformed(&self.node.location, "a JSON patch needs exactly one of `value` and `valueFrom`".to_owned());
                return None;
            }
        }
        let reference = from.and_then(|from| from.get("variable")).and_then(|node| Some((node, node.as_str()?)));
        let template = from.and_then(|from| from.get("template")).and_then(|node| Some((node, node.as_str()?)));
        if let Some((node, name)) = reference {
            let Some(default) = self.default(name) else {
                unread(
                    fields,
                    &node.location,
                    format!("{} has no default here, so what it sets at {} is not read", quote(name), self.text("path")),
                );
                return None;
            };
            let value = Node::from_json(default, &node.location);
            return Some(Given { value, variable: self.variable(name) });
        }
        let (node, text) = template?;
        let evaluated = evaluate(text, &|name| self.default(name));
        let Some(Evaluated { text: yaml, variables }) = evaluated else {
            unread(fields, &node.location, format!("a template decides what is at {}, and it is not read", self.text("path")));
            return None;
        };
        match yaml::read(&Source::anonymous("template", yaml.clone()), &mut crate::diagnostic::Diagnostics::new()) {
            Ok(mut value) => {
                value.relocate(&|at| {
                    if variables.is_empty() { yaml::embedded_place(&node.location, &yaml, at) } else { node.location.clone() }
                });
                let variable = if let [name] = variables.as_slice() { self.variable(name) } else { None };
                Some(Given { value, variable })
            }
            Err(_) => {
                fields.malformed(&node.location, format!("the template for {} does not give YAML", self.text("path")));
                None
            }
        }
    }

    /// The default of a variable, or of a field in it: `audit.maxAge`.
    fn default(&self, path: &str) -> Option<Value> {
        let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
        let mut schema = self.schema(name)?;
        let mut default = schema.get("default");
        for field in rest.into_iter().flat_map(|rest| rest.split('.')) {
            let property = schema.get("properties").and_then(|properties| properties.get(field));
            default = default.and_then(|default| default.get(field)).or_else(|| property?.get("default"));
            schema = property?;
        }
        default.map(Node::to_json).filter(|default| !default.is_null())
    }

    fn schema(&self, name: &str) -> Option<&Node> {
        self.variables.get(name)?.get("schema")?.get("openAPIV3Schema")
    }

    /// A variable as it would be exposed; a field of one is none.
    fn variable(&self, name: &str) -> Option<Variable> {
        let schema = self.schema(name)?;
        let number = |key| match schema.get(key).map(|bound| &bound.data) {
            Some(Data::Number(number)) => Some(number.clone()),
            _ => None::<Number>,
        };
        Some(Variable {
            kind: schema.get("type").and_then(|kind| serde_json::from_value::<VariableType>(kind.to_json()).ok()),
            minimum: number("minimum"),
            maximum: number("maximum"),
            choices: schema.get("enum").map(|choices| choices.items().iter().filter_map(scalar_text).collect()),
            description: schema.get("description").and_then(scalar_text),
            ..Variable::named(name)
        })
    }
}

fn is_same_path(a: &str, b: &str) -> bool {
    a.trim_end_matches('/') == b.trim_end_matches('/')
}

/// What `steps` name of the list that is at `list` below [`SPEC`].
fn reach<'p>(steps: &'p [String], list: &[&str]) -> Option<Reach<'p>> {
    let full = SPEC.iter().chain(list);
    let length = SPEC.len() + list.len();
    if !steps.iter().zip(full).all(|(step, key)| step == key) {
        return None;
    }
    match steps.get(length..) {
        None | Some([]) => Some(Reach::Whole),
        Some([entry]) => Some(Reach::Entry(entry)),
        Some(_) => Some(Reach::Inside),
    }
}

/// The template with nothing in it but `value`, where `steps` lead.
fn wrapped(steps: &[String], in_list: bool, value: Node) -> Node {
    let (last, parents) = match steps.split_last() {
        Some((_, parents)) if in_list => (None, parents),
        Some((last, parents)) => (Some(last), parents),
        None => (None, steps),
    };
    let at = value.location.clone();
    let held = match last {
        Some(key) => map(key, value),
        None => Node { data: Data::List(vec![value]), location: at },
    };
    parents.iter().rev().fold(held, |value, key| map(key, value))
}

fn map(key: &str, value: Node) -> Node {
    let location = value.location.clone();
    Node { data: Data::Map(vec![Entry { key: key.to_owned(), key_location: location.clone(), value }]), location }
}
