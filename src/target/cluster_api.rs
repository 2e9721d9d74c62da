//! What Cluster API and the node's boot program make of a patch: which content
//! arrives as it is, which limits there are, and how a variable's value becomes
//! a flag's.
//!
//! From `kubernetes-sigs/cluster-api`: `bootstrap/kubeadm/pkg/cloudinit` (the
//! user data is a Jinja template, and a file's content a literal block in it),
//! `bootstrap/kubeadm/webhooks` (ignition takes no gzip) and the limits in
//! `api/bootstrap/kubeadm/v1beta2` and `api/core/v1beta2`.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Location};
use crate::pack::archive::gzip;
use crate::patch::{Arg, Body, ControlPlanePatch, NodeFile, Variable, VariableType};
use crate::yaml::emit;
use crate::yaml::scalar::ambiguity;

/// A file as `files` of Cluster API's KubeadmConfig has it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct DeliveredFile {
    /// The path on the node.
    pub path: String,
    /// user:group.
    pub owner: String,
    /// Four octal digits.
    pub permissions: String,
    /// base64, gzip+base64, or null: the content stands as it is.
    pub encoding: Option<&'static str>,
    /// The content in that encoding, or null.
    pub content: Option<String>,
    /// The Secret that holds the content, or null.
    pub content_from: Option<ContentFrom>,
}

/// Where a file's content is.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ContentFrom {
    /// A Secret in the namespace of the control plane's objects.
    pub secret: super::context::SecretInfo,
}

/// Characters that `files[].content` may have since Cluster API 1.10.
const MAX_CONTENT: usize = 10_240;
/// Entries that the three lists may have together: a ClusterClass patch has at most so many operations.
const MAX_OPERATIONS: usize = 100;

/// The patch's files as Cluster API takes them; those that are on the node
/// already are left out.
///
/// # Errors
/// `target-limit` for all that Cluster API or the node would refuse or change.
pub fn deliver(patch: &ControlPlanePatch, options: &BTreeMap<String, Value>) -> Result<Vec<DeliveredFile>, Diagnostics> {
    let ignition = options.get("format").and_then(Value::as_str) == Some("ignition");
    let mut found = limits(patch);
    let mut files = Vec::new();
    for file in &patch.files {
        let (encoding, content, content_from) = match &file.body {
            Body::Host => continue,
            Body::Secret { name, key } => {
                let secret = super::context::SecretInfo { name: name.clone(), key: key.clone() };
                (None, None, Some(ContentFrom { secret }))
            }
            Body::Content(content) => match encode(&content.text, ignition) {
                Ok((encoding, content)) => (encoding, Some(content), None),
                Err(length) => {
                    found.push(too_large(file, length, ignition));
                    continue;
                }
            },
        };
        found.items.extend(unquoted(file));
        files.push(DeliveredFile {
            path: file.path.clone(),
            owner: file.owner.clone(),
            permissions: file.permissions.clone(),
            encoding,
            content,
            content_from,
        });
    }
    found.into_result(files, &mut Diagnostics::new())
}

/// For a document that hands files to Cluster API and knows no encoding.
///
/// # Errors
/// `target-limit` when one is too large. What would not arrive as it is, is
/// `found` (`file-braces`).
pub fn as_it_is(document: &str, patch: &ControlPlanePatch, found: &mut Diagnostics) -> Result<(), Diagnostics> {
    let mut large = Diagnostics::new();
    for (file, content) in patch.shipped() {
        let size = content.text.chars().count();
        if size > MAX_CONTENT {
            let message = format!("the file {} has {size} characters, and {document} takes at most {MAX_CONTENT}", quote(&file.path));
            large.push(limit(&file.location, message).help("ship less, or leave the target out of --target"));
        } else if !arrives_as_it_is(&content.text) && !content.text.contains("{{") {
            let message = format!(
                "the file {} would not arrive as it is: cloud-init reads `{{%` and `{{#` as Jinja, and takes no blanks before the first line, no control characters and exactly one line feed at the end",
                quote(&file.path)
            );
            let help = "write the file without them, or leave the target out of --target";
            // Several documents of a target may hand over the same file.
            if !found.items.iter().any(|item| item.message == message) {
                found.push(Diagnostic::new(Code::FileBraces, message).at(file.location.clone()).help(help));
            }
        }
    }
    large.into_result((), &mut Diagnostics::new())
}

/// The plainest encoding in which a content arrives byte for byte and fits, or
/// the characters that the smallest one takes.
fn encode(content: &str, ignition: bool) -> Result<(Option<&'static str>, String), usize> {
    let fits = |text: &str| (1..=MAX_CONTENT).contains(&text.chars().count());
    if fits(content) && arrives_as_it_is(content) {
        return Ok((None, content.to_owned()));
    }
    let base64 = BASE64.encode(content.as_bytes());
    if fits(&base64) {
        return Ok((Some("base64"), base64));
    }
    if ignition {
        return Err(base64.len());
    }
    let gzipped = BASE64.encode(&gzip(content.as_bytes()));
    if fits(&gzipped) { Ok((Some("gzip+base64"), gzipped)) } else { Err(gzipped.len()) }
}

/// Whether Jinja, and a literal block that takes its indentation from the first
/// line and keeps one line feed at its end, leave a content alone.
fn arrives_as_it_is(content: &str) -> bool {
    content.strip_suffix('\n').is_some_and(|lines| !lines.ends_with('\n'))
        && !content.starts_with(char::is_whitespace)
        && !content.contains(|c: char| (c.is_control() && c != '\n' && c != '\t') || is_special(c))
        && !has_jinja(content)
}

fn has_jinja(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|opening| text.contains(opening))
}

/// Line breaks and byte order marks to some YAML readers, and what none takes.
fn is_special(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn too_large(file: &NodeFile, length: usize, ignition: bool) -> Diagnostic {
    if length == 0 {
        let message = format!("the file {} is empty, Cluster API takes no empty content, and ignition no gzip of it", quote(&file.path));
        return limit(&file.location, message).help("ship a comment or a line feed in it");
    }
    let (encoding, why) = if ignition { ("base64", ", and ignition takes no gzip") } else { ("gzip and base64", "") };
    let message = format!(
        "the file {} takes {length} characters in {encoding}, and Cluster API takes at most {MAX_CONTENT} of one file{why}",
        quote(&file.path)
    );
    limit(&file.location, message).help("ship it in a Secret of the management cluster: `secret: {name, key}` instead of its content")
}

/// Path and owner stand without quotes in the user data.
fn unquoted(file: &NodeFile) -> Option<Diagnostic> {
    let path = &file.path;
    let changed = has_jinja(path)
        || path.contains(": ")
        || path.contains(" #")
        || path.ends_with([':', ' '])
        || path.contains(|c: char| c.is_control() || is_special(c));
    let message = if changed {
        format!("Cluster API writes a file's path into the node's user data without quotes, and {} would not stay as it is", quote(path))
    } else {
        let why = ambiguity(&file.owner)?;
        format!("Cluster API writes a file's owner into the node's user data without quotes, and of {} {why}", quote(&file.owner))
    };
    Some(limit(&file.location, message))
}

fn limit(at: &Location, message: String) -> Diagnostic {
    Diagnostic::new(Code::TargetLimit, message).at(at.clone())
}

/// The bounds of the API's fields.
fn limits(patch: &ControlPlanePatch) -> Diagnostics {
    let mut found = Diagnostics::new();
    let mut check = |what: String, text: &str, most: usize, at: &Location| {
        let length = text.chars().count();
        if length == 0 || length > most {
            found.push(limit(at, format!("{what} has {length} characters, and Cluster API takes 1 to {most}")));
        }
    };
    for arg in &patch.args {
        // An empty value is one.
        if !arg.value.is_empty() {
            check(format!("the value of --{}", arg.name), &arg.value, 1024, &arg.location);
        }
    }
    for volume in &patch.volumes {
        check(format!("the host path of the volume {}", volume.name), &volume.host_path, 512, &volume.location);
        check(format!("the mount path of the volume {}", volume.name), &volume.mount_path, 512, &volume.location);
    }
    let shipped = patch.files.iter().filter(|file| !matches!(file.body, Body::Host));
    for file in shipped.clone() {
        check("a file's path".to_owned(), &file.path, 512, &file.location);
        check(format!("the owner of {}", file.path), &file.owner, 256, &file.location);
        if let Body::Secret { name, key } = &file.body {
            check(format!("the Secret's name of {}", file.path), name, 253, &file.location);
            check(format!("the Secret's key of {}", file.path), key, 256, &file.location);
        }
    }
    let count = patch.args.len() + patch.volumes.len() + shipped.count();
    let last = patch.args.last().map(|arg| &arg.location).or(patch.volumes.last().map(|volume| &volume.location));
    if count > MAX_OPERATIONS {
        let message = format!("{count} flags, volumes and files are more than the {MAX_OPERATIONS} operations of a ClusterClass patch");
        let diagnostic = Diagnostic::new(Code::TargetLimit, message);
        found.push(last.map_or(diagnostic.clone(), |at| diagnostic.at(at.clone())));
    }
    found.items.extend(patch.args.iter().filter_map(|arg| variable_fault(arg, arg.variable.as_ref()?)));
    found
}

fn variable_fault(arg: &Arg, variable: &Variable) -> Option<Diagnostic> {
    if variable.name == "builtin" {
        return Some(limit(&arg.location, format!("--{} is exposed as `builtin`, a name that Cluster API keeps for itself", arg.name)));
    }
    let kind = variable.kind.unwrap_or(VariableType::String);
    let texts = std::iter::once(&arg.value).chain(variable.choices.iter().flatten());
    if let Some(text) = texts.into_iter().find(|text| !keeps(text, kind)) {
        let message = format!("--{} is exposed as a number, and Cluster API would not give back {} as it is", arg.name, quote(text));
        return Some(limit(&arg.location, message).help("expose it with `type: string`, or write the number in its shortest form"));
    }
    let description = variable.description.as_deref().map_or(0, |text| text.chars().count());
    if description > 4096 {
        return Some(limit(&arg.location, format!("the description of the variable {} has {description} characters", variable.name)));
    }
    [&variable.minimum, &variable.maximum].into_iter().flatten().find(|bound| whole(bound).is_none()).map(|bound| {
        let message = format!("the variable {} is bounded by {bound}, and bounds of Cluster API are whole numbers", variable.name);
        limit(&arg.location, message)
    })
}

/// Whether a variable's value comes out of the patch as the text it was given as:
/// patches read all numbers as floats (`core/reconcilers/topology/cluster/patches/inline`).
fn keeps(text: &str, kind: VariableType) -> bool {
    match typed(text, kind) {
        Value::Number(number) => number.to_string() == text && !text.contains(['e', 'E']) && number.as_f64().is_some_and(is_exact),
        _ => true,
    }
}

/// Whether no other integer is the same float.
fn is_exact(float: f64) -> bool {
    float.abs() < 9_007_199_254_740_992.0
}

/// A number without a fraction, as bounds are.
pub fn whole(number: &serde_json::Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let float = number.as_f64()?;
        // Exact up to here.
        (float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0).then_some(float as i64)
    })
}

/// The OpenAPI v3 schema of a variable, as ClusterClasses take it (`JSONSchemaProps`).
pub fn schema(arg: &Arg, variable: &Variable) -> Map<String, Value> {
    let kind = variable.kind.unwrap_or(VariableType::String);
    let typed = |text: &str| typed(text, kind);
    let bound =
        |number: &Option<serde_json::Number>| number.as_ref().map(|number| whole(number).map_or(json!(number), |whole| json!(whole)));
    let members = [
        ("type", Some(json!(kind))),
        ("default", Some(typed(&arg.value))),
        ("minimum", bound(&variable.minimum)),
        ("maximum", bound(&variable.maximum)),
        ("enum", variable.choices.as_ref().map(|choices| choices.iter().map(|choice| typed(choice)).collect())),
        ("description", variable.description.as_ref().filter(|text| !text.is_empty()).map(|text| json!(text))),
    ];
    members.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

/// A flag's value as a variable of a type has it; text where it is none of that type.
pub fn typed(text: &str, kind: VariableType) -> Value {
    let value = match kind {
        VariableType::String => None,
        VariableType::Boolean => text.parse::<bool>().ok().map(Value::from),
        VariableType::Integer => text.parse::<i64>().ok().map(Value::from),
        VariableType::Number => match text.parse::<i64>() {
            Ok(whole) => Some(json!(whole)),
            Err(_) => text.parse::<f64>().ok().and_then(serde_json::Number::from_f64).map(Value::Number),
        },
    };
    value.unwrap_or_else(|| json!(text))
}

/// The Go template that makes a flag's value of a variable. Large numbers would
/// come as `1e+06`, which no flag of an integer takes.
pub fn go_template(variable: &Variable) -> String {
    let plain = match variable.kind {
        Some(VariableType::Integer) => " | int64",
        Some(VariableType::Number) => " | toJson",
        _ => "",
    };
    format!("{{{{ .{}{plain} | quote }}}}", variable.name)
}

/// The Go template of a flag as a list's entry.
pub fn go_template_entry(flag: &str, value: &str) -> String {
    format!("name: {}\nvalue: {value}\n", emit::string(flag))
}
