//! From a patch to a target's documents, each read back before it counts.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};

use super::context::{PackInfo, TargetContext};
use super::definition::{Condition, Definition, Delivery, Generator, Part, Reads, TargetFile};
use super::read::{self, Args, Kind};
use super::{DEFINITION, README, TemplateSet, annotation, cluster_api, files, names, node_files};
use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Location, Source, nearest};
use crate::kubernetes::{Minor, admits};
use crate::pack::{Files, archive};
use crate::patch::ControlPlanePatch;
use crate::template::{self, Engine, Rendered};
use crate::values::{Schema, Values};
use crate::yaml::{Data, Node};

/// What to render a target for.
pub struct Request<'r> {
    /// The pack's metadata.
    pub pack: &'r (dyn Fn() -> PackInfo + Sync),
    /// The minors, ascending, at least one.
    pub minors: &'r [Minor],
    /// The patch.
    pub patch: &'r ControlPlanePatch,
    /// The merged values, for targets' options.
    pub values: &'r Values,
    /// All templates.
    pub templates: &'r TemplateSet,
    /// The pack source's files, to copy from.
    pub source: &'r Files,
    /// The one path that is wanted; none for all of them and the README.
    pub only: Option<&'r str>,
    /// Whether only what templates render is wanted, and no archive or picture.
    pub texts: bool,
}

impl Request<'_> {
    /// Whether the document at `path` is asked for.
    pub fn wants(&self, path: &str) -> bool {
        self.only.is_none_or(|only| only == path)
    }

    /// Whether a path is wanted, or goes into an archive that is.
    fn needs(&self, path: &str, definition: &Definition) -> bool {
        self.wants(path)
            || definition
                .files
                .iter()
                .any(|file| file.generate == Some(Generator::Archive) && self.wants(&file.path) && path.starts_with(&archived(&file.path)))
    }
}

/// A rendered document.
#[derive(Debug, Clone)]
pub struct Document {
    /// The path in the pack.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Whether it is text, to be shown to people.
    pub is_text: bool,
}

/// What a target gives.
#[derive(Debug, Default)]
pub struct Output {
    /// The documents, in the order of target.yaml.
    pub documents: Vec<Document>,
    /// The target's section of the README.
    pub readme: String,
}

/// The folder that an archive holds, with its slash.
fn archived(path: &str) -> String {
    format!("{}/", path.trim_end_matches(".tar.gz"))
}

/// Renders one target.
///
/// # Errors
/// Faults of target.yaml and its templates, and documents that do not read
/// back as the patch.
pub fn render(target: &str, request: &Request<'_>, warnings: &mut Diagnostics) -> Result<Output, Diagnostics> {
    let folder = format!("{target}/");
    let is_wanted = request.only.is_none_or(|only| only == "README.md" || only.starts_with(&folder));
    if !is_wanted && request.templates.contains_key(&format!("{folder}{DEFINITION}")) {
        return Ok(Output::default());
    }
    let sources = files(request.templates, target);
    let Some(source) = sources.get(DEFINITION) else {
        let known = names(request.templates);
        let diagnostic = Diagnostic::new(Code::Usage, format!("there is no target {}", quote(target)));
        return Err(match nearest(target, known.iter().copied()) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help(format!("targets are {}", known.join(", "))),
        }
        .into());
    };
    let mut definition: Definition = crate::pack::typed(source, Code::PackInvalid, warnings)?;
    let pack = (request.pack)();
    for file in &mut definition.files {
        file.path = file.path.replace("{name}", &pack.name).replace("{version}", &pack.version);
    }
    // A template of a document that is not wanted need not compile; one that no
    // document names may be a partial.
    let unwanted = |name: &str| {
        let mut named = definition.files.iter().filter(|file| file.template.as_deref() == Some(name)).peekable();
        let is_readme = definition.readme.as_deref() == Some(name);
        (is_readme && !request.wants("README.md")) || (named.peek().is_some() && named.all(|file| !request.needs(&file.path, &definition)))
    };
    let templates: BTreeMap<String, Arc<Source>> = sources
        .iter()
        .filter(|(name, _)| name.ends_with(".hbs") && !unwanted(name))
        .map(|(name, source)| ((*name).to_owned(), Arc::clone(source)))
        .collect();
    let engine = Engine::compile(&templates, context_schema(&templates))?;
    let options = options(target, &definition, request.values)?;
    let delivery = match definition.delivery {
        Some(Delivery::ClusterApi) => cluster_api::deliver(request.patch, &options)?,
        None => Vec::new(),
    };
    let context = TargetContext::new(pack, request.minors, request.patch, options, delivery);
    let context = template::Context::wraps(&context).map_err(|error| Diagnostic::new(Code::TemplateError, error.to_string()))?;
    let mut output = Output::default();
    // What `--allow` may let pass is found apart from what leaves no document.
    let (mut found, mut errors_found) = (Diagnostics::new(), Diagnostics::new());
    let newest = request.minors.last().copied().unwrap_or(Minor(0));
    if definition.macros {
        macros(target, request.patch, &mut found);
    }
    for file in definition.files.iter().filter(|file| request.needs(&file.path, &definition)) {
        if !file.path.starts_with(&folder) {
            let message = format!("{} is not below the target's folder {}", quote(&file.path), quote(&folder));
            errors_found.push(Diagnostic::new(Code::PackInvalid, message).at(source.at(0..0)));
            continue;
        }
        if request.texts && file.template.is_none() && (file.generate.is_some() || file.copy.is_some()) {
            continue;
        }
        let minor = request.minors.iter().rev().find(|minor| file.kubernetes.as_ref().is_none_or(|range| admits(range, **minor)));
        let Some(minor) = minor else { continue };
        if file.when == Some(Condition::Files) && request.patch.shipped().next().is_none() {
            continue;
        }
        let made = Made { file, source, documents: &output.documents };
        match one(&made, &engine, &context, *minor, request, &mut found) {
            Ok(document) => output.documents.extend(document),
            Err(errors) => errors_found.extend(errors),
        }
    }
    if let Some(readme) = &definition.readme
        && request.wants("README.md")
    {
        match engine.render(readme, &context, newest, &|_| None) {
            Ok(rendered) => output.readme = rendered.text().to_owned(),
            Err(errors) => errors_found.extend(errors),
        }
    }
    if errors_found.has_errors() {
        found.extend(errors_found);
        return Err(found);
    }
    warnings.extend(found);
    Ok(output)
}

/// Renders the README's general part.
///
/// # Errors
/// Faults of the template.
pub fn readme(request: &Request<'_>) -> Result<String, Diagnostics> {
    let Some(source) = request.templates.get(README).filter(|_| request.wants("README.md")) else { return Ok(String::new()) };
    let templates = BTreeMap::from([(README.to_owned(), Arc::clone(source))]);
    let engine = Engine::compile(&templates, context_schema(&templates))?;
    let context = TargetContext::new((request.pack)(), request.minors, request.patch, BTreeMap::new(), Vec::new());
    let context = template::Context::wraps(&context).map_err(|error| Diagnostic::new(Code::TemplateError, error.to_string()))?;
    let newest = request.minors.last().copied().unwrap_or(Minor(0));
    Ok(engine.render(README, &context, newest, &|_| None)?.text().to_owned())
}

/// `targets.NAME` of the values, checked by the target's own schema.
fn options(target: &str, definition: &Definition, values: &Values) -> Result<BTreeMap<String, Value>, Diagnostics> {
    let Some(options) = values.root.get("targets").and_then(|targets| targets.get(target)) else { return Ok(BTreeMap::new()) };
    let schema = definition.options.clone().map_or_else(|| json!({"type": "object", "additionalProperties": false}), Value::Object);
    let mut found = Schema::from_value(schema).check(options)?;
    for item in &mut found.items {
        item.message = format!("targets.{target}: {}", item.message);
    }
    let options = options.to_json().as_object().cloned().unwrap_or_default();
    found.into_result(options.into_iter().collect(), &mut Diagnostics::new())
}

/// The schema of what target templates see, by which all but the bundled ones
/// are checked. No value must be filled in: what is absent is null.
fn context_schema(templates: &BTreeMap<String, Arc<Source>>) -> Option<&'static Schema> {
    static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::from_value(schemars::schema_for!(TargetContext).to_value()));
    if template::are_bundled(templates) { None } else { Some(&SCHEMA) }
}

/// One document of a target.yaml, and what was made before it.
struct Made<'m> {
    file: &'m TargetFile,
    source: &'m Arc<Source>,
    documents: &'m [Document],
}

/// The document; none where there is nothing to copy.
fn one(
    made: &Made<'_>,
    engine: &Engine,
    context: &template::Context,
    minor: Minor,
    request: &Request<'_>,
    found: &mut Diagnostics,
) -> Result<Option<Document>, Diagnostics> {
    let Made { file, source, documents } = made;
    let path = file.path.clone();
    let invalid = |message: String| Diagnostics::from(Diagnostic::new(Code::PackInvalid, message).at(source.at(0..0)));
    if path.is_empty()
        || path.split('/').any(|part| part.is_empty() || part == "." || part == "..")
        || path.contains(['\\', '\n', '{', '}'])
    {
        return Err(invalid(format!("{} is no path inside a pack", quote(&path))));
    }
    if file.cloud_config {
        cluster_api::as_it_is(&path, request.patch, found)?;
    }
    let binary = |bytes: Vec<u8>| Ok(Some(Document { path: path.clone(), bytes, is_text: false }));
    match (&file.template, file.generate, &file.copy) {
        (None, Some(Generator::NodeFilesTar), None) => binary(node_files::tar(request.patch)?),
        (None, Some(Generator::Archive), None) => {
            let folder = archived(&path);
            let files: BTreeMap<String, Vec<u8>> = documents
                .iter()
                .filter_map(|document| Some((document.path.strip_prefix(&folder)?.to_owned(), document.bytes.clone())))
                .collect();
            let root = folder.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
            archive::pack(root, &files)
                .map_err(|error| Diagnostic::new(Code::TargetLimit, format!("{path}: {error}")).at(source.at(0..0)).into())
                .and_then(binary)
        }
        (None, None, Some(copy)) => match request.source.get(copy) {
            Some(bytes) => binary(bytes.to_vec()),
            None => Ok(None),
        },
        (Some(template), None, None) if engine.has(template) => {
            let rendered = engine.render(template, context, minor, &|_| None)?;
            match file.reads {
                Reads::Opaque => {
                    let message = format!("{path} is of a kind that cannot be read back, so nobody has compared it with the patch");
                    found.push(Diagnostic::new(Code::TargetUnchecked, message).at(source.at(0..0)));
                }
                Reads::Text | Reads::Data if !file.carries.is_empty() => {
                    return Err(invalid(format!("{path} carries parts of the patch, and can be read back only as a kind that has them")));
                }
                _ => {}
            }
            if file.reads != Reads::Text {
                read_back(file, &rendered, engine, context, request.patch)?;
            }
            Ok(Some(Document { path, bytes: rendered.text().as_bytes().to_vec(), is_text: file.reads != Reads::Text }))
        }
        (Some(template), None, None) => {
            let near = nearest(template, engine.names()).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            Err(invalid(format!("{path} names the template {}, which is not there{near}", quote(template))))
        }
        _ => Err(invalid(format!("{path} needs exactly one of `template`, `generate` and `copy`"))),
    }
}

/// The first text of a document that holds double braces.
fn braces(document: &Node) -> Option<&Location> {
    match &document.data {
        Data::String(text) | Data::Ambiguous(text) => text.contains("{{").then_some(&document.location),
        Data::List(items) => items.iter().find_map(braces),
        Data::Map(entries) => entries.iter().find_map(|entry| braces(&entry.value)),
        _ => None,
    }
}

/// What would be changed on its way: a file's content, which nobody means as a
/// macro, and other values, which somebody may.
fn macros(target: &str, patch: &ControlPlanePatch, found: &mut Diagnostics) {
    for (file, content) in patch.shipped().filter(|(_, content)| content.text.contains("{{")) {
        let message = format!("the file {} holds `{{{{`, which {target} replaces, and it has no encoding that would keep it", file.path);
        let help = format!("leave {target} out of --target, or write the file without double braces");
        let at = content.document.as_ref().ok().and_then(braces).unwrap_or(&file.location);
        found.push(Diagnostic::new(Code::FileBraces, message).at(at.clone()).help(help));
    }
    // An exposed flag goes there as a reference to its variable.
    let args = patch.args.iter().filter(|arg| arg.variable.is_none()).map(|arg| (format!("--{}", arg.name), &arg.value, &arg.location));
    let volumes = patch.volumes.iter().flat_map(|volume| {
        // The two are often one path, and only that of the mount has a place of its own.
        let at = if volume.mount_path.contains("{{") { &volume.mount_at } else { &volume.location };
        [&volume.host_path, &volume.mount_path].map(|path| (format!("the volume {}", volume.name), path, at))
    });
    let files = patch.shipped().flat_map(|(file, _)| {
        [("a file's path", &file.path), ("a file's owner", &file.owner)].map(|(what, text)| (what.to_owned(), text, &file.location))
    });
    let mut told: Vec<String> = Vec::new();
    for (what, text, at) in args.chain(volumes).chain(files).filter(|(_, text, _)| text.contains("{{")) {
        let message = format!("{what} has `{{{{` in {}, and {target} replaces macros", quote(text));
        // Paths in the node and in the container are often the same.
        if !told.contains(&message) {
            told.push(message.clone());
            let help = format!(
                "if it is meant as a macro, --allow value-macro; if not, write it without double braces, or leave {target} out of --target"
            );
            found.push(Diagnostic::new(Code::ValueMacro, message).at(at.clone()).help(help));
        }
    }
}

/// What ships is checked, not what was meant: the document must parse, and give
/// the patch again, restricted to what it carries. Another YAML reader than the
/// one that places values must see the same; of what the bundled templates
/// render, tests say that (tests/any_string.rs).
fn read_back(
    file: &TargetFile,
    rendered: &Rendered<'_>,
    engine: &Engine,
    context: &template::Context,
    patch: &ControlPlanePatch,
) -> Result<(), Diagnostics> {
    let document = rendered.read_unplaced()?;
    let fault = |message: String| {
        let mut diagnostic = Diagnostic::new(Code::TemplateError, format!("{}: {message}", file.path));
        diagnostic.location = rendered.location(0);
        Err(Diagnostics::from(diagnostic))
    };
    let kind = match file.reads {
        Reads::Opaque | Reads::Data | Reads::Text => return Ok(()),
        Reads::KubeApiserverAnnotation => {
            return match annotation::read(rendered.text()) {
                Ok(annotations)
                    if annotations.get("packwright.dev/files-sha256").map(String::as_str) == context.data()["filesSha256"].as_str() =>
                {
                    Ok(())
                }
                Ok(_) => fault("it lacks the annotation packwright.dev/files-sha256 with the files' digest".to_owned()),
                Err(why) => fault(why),
            };
        }
        Reads::KubeadmV1beta3 => Kind::KubeadmV1beta3,
        Reads::KubeadmV1beta4 => Kind::KubeadmV1beta4,
        Reads::StaticPod => Kind::StaticPod,
        Reads::Kind => Kind::KindCluster,
        Reads::PalettePxk => Kind::PalettePxk,
        Reads::PaletteEdgeK8s => Kind::PaletteEdgeK8s,
        Reads::PaletteEdgeK3s => Kind::PaletteEdgeK3s,
        Reads::PalettePresets => Kind::PalettePresets,
        Reads::KubeadmControlPlaneV1beta1 => Kind::KubeadmControlPlane(Args::Map),
        Reads::KubeadmControlPlaneV1beta2 => Kind::KubeadmControlPlane(Args::List),
        Reads::KubeadmControlPlaneTemplateV1beta1 => Kind::KubeadmControlPlaneTemplate(Args::Map),
        Reads::KubeadmControlPlaneTemplateV1beta2 => Kind::KubeadmControlPlaneTemplate(Args::List),
        Reads::ClusterClassV1beta1 => Kind::ClusterClassV1beta1,
        Reads::ClusterClassV1beta2 => Kind::ClusterClassV1beta2,
    };
    if engine.is_checked() {
        match serde_yaml::from_str::<Value>(rendered.text()) {
            Ok(independent) if independent == document.to_json() => {}
            Ok(_) => return fault("two YAML readers read it differently".to_owned()),
            Err(error) => return fault(error.to_string()),
        }
    }
    if read::Kind::of(&document) != Some(kind) {
        return fault("its apiVersion and kind are not those that target.yaml says it reads back as".to_owned());
    }
    let mut found = Diagnostics::new();
    let reading = read::read_texts(kind, &document, &mut found);
    if found.has_errors() {
        // Once more, with somebody to blame.
        found = Diagnostics::new();
        read::read_texts(kind, &rendered.read()?, &mut found);
        for item in &mut found.items {
            item.code = Code::TemplateError;
            item.message = format!("{}: {}", file.path, item.message);
        }
        return Err(found);
    }
    let carries = |part: Part| file.carries.contains(&part);
    match reading.difference(patch, &carries) {
        Some(difference) => fault(format!("it does not read back as the patch: {difference}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::bundled_templates;

    /// They are not checked at every start.
    #[test]
    fn bundled_templates_ask_only_for_what_the_context_has() {
        let bundled = bundled_templates();
        let own = |source: &Arc<Source>| Source::file("own.hbs", source.text.to_string());
        for folder in names(&bundled).into_iter().chain([""]) {
            let templates: BTreeMap<String, Arc<Source>> = match folder {
                "" => BTreeMap::from([(README.to_owned(), own(&bundled[README]))]),
                target => files(&bundled, target)
                    .into_iter()
                    .filter(|(name, _)| name.ends_with(".hbs"))
                    .map(|(name, source)| (name.to_owned(), own(source)))
                    .collect(),
            };
            assert!(templates.values().all(|source| !source.is_bundled()));
            if let Err(found) = Engine::compile(&templates, context_schema(&templates)) {
                panic!("{folder}: {:?}", found.items);
            }
        }
    }
}
