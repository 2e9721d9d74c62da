//! Building: values, patch, checks, documents, and then the pack's bytes.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use super::lock::{FILE as LOCK, Input, Lock, NodeFileEntry, OutputFile, SUMS};
use super::source::{PackSource, SOURCE_PACK, SOURCE_TEMPLATES, SOURCE_VALUES};
use super::{FORMAT, bundled, manifest, sha256};
use crate::check;
use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Location, Source};
use crate::kubernetes::{self, Minor};
use crate::parallel;
use crate::patch::{self, Content, ControlPlanePatch};
use crate::target::{self, Document, PackInfo, PaletteInfo, Request, TemplateSet};
use crate::template::{self, Engine};
use crate::values::{Assignment, Layer, Path, Schema, Values};
use crate::yaml::{decode, emit};

/// What a person asks for on the command line, beside the pack.
#[derive(Debug, Default, Clone)]
pub struct Inputs {
    /// `-f` and `--set` layers, in the order in which they apply.
    pub layers: Vec<Layer>,
    /// `--kubernetes-version`.
    pub kubernetes_version: Option<String>,
    /// `--target`; empty for the pack's own.
    pub targets: Vec<String>,
    /// `--templates`.
    pub templates: Option<TemplateSet>,
    /// `--name`.
    pub name: Option<String>,
    /// `--pack-version`.
    pub version: Option<String>,
    /// `--allow`.
    pub allow: Vec<Code>,
    /// `--deny`.
    pub deny: Vec<Code>,
}

/// Everything decided about a pack before documents are rendered.
pub struct Plan {
    /// The pack's templates, once they were compiled.
    engine: OnceLock<Engine>,
    /// The source.
    pub source: PackSource,
    /// All layers: those that a built pack recorded, then the new ones.
    pub layers: Vec<Layer>,
    /// The merged values.
    pub values: Values,
    /// The minors, ascending.
    pub minors: Vec<Minor>,
    /// The targets.
    pub targets: Vec<String>,
    /// All templates that targets may use.
    pub templates: TemplateSet,
    /// The pack's name.
    pub name: String,
    /// The pack's version.
    pub version: String,
    /// Codes that are allowed.
    pub allow: Vec<Code>,
    /// Codes that are denied.
    pub deny: Vec<Code>,
}

/// The patch's path in a pack.
const PATCH: &str = "control-plane-patch.yaml";

/// A pack in memory.
#[derive(Debug)]
pub struct Pack {
    /// `NAME-VERSION`.
    pub stem: String,
    /// Every file by path, the lock and the sums included.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The SHA-256 of each file.
    pub digests: BTreeMap<String, String>,
    /// The lock.
    pub lock: Lock,
    /// `sha256:` of the sums.
    pub digest: String,
    /// `sha256:` of the canonical patch.
    pub patch_digest: String,
}

/// Reads the layers and decides what to build.
///
/// # Errors
/// Every fault of the layers, and values that the schema refuses.
pub fn plan(source: PackSource, inputs: Inputs, warnings: &mut Diagnostics) -> Result<Plan, Diagnostics> {
    let recorded = source.recorded.as_ref();
    let mut layers: Vec<Layer> = recorded.map(|recorded| recorded.layers.clone()).unwrap_or_default();
    layers.extend(inputs.layers);
    let values = Values::load(&source.values, &layers, warnings)?;
    let mut found = Schema::check_file(&source.schema, &values.root)?;
    let lock = recorded.map(|recorded| &recorded.lock);
    let minors = match (&inputs.kubernetes_version, lock) {
        (None, Some(lock)) => Ok(lock.minors.iter().filter_map(|minor| minor.parse().ok()).collect()),
        (asked, _) => kubernetes::select(asked.as_deref(), &source.manifest.kubernetes),
    };
    let minors: Vec<Minor> = minors.unwrap_or_else(|diagnostic| {
        found.push(diagnostic);
        Vec::new()
    });
    let mut targets = if !inputs.targets.is_empty() {
        inputs.targets
    } else {
        lock.map_or_else(|| source.manifest.targets.clone(), |lock| lock.targets.clone())
    };
    let mut seen = BTreeSet::new();
    targets.retain(|target| seen.insert(target.clone()));
    let mut templates = bundled::templates();
    let over = recorded.map(|recorded| recorded.templates.clone()).into_iter().chain(inputs.templates);
    for set in over {
        // A target is replaced as a whole: half of one target's templates with
        // half of another's is neither.
        for name in target::names(&set).into_iter().map(str::to_owned).collect::<Vec<_>>() {
            templates.retain(|path, _| !path.starts_with(&format!("{name}/")));
        }
        templates.extend(set);
    }
    let known = target::names(&templates);
    for entry in values.root.get("targets").map(|targets| targets.entries()).unwrap_or_default() {
        if !known.contains(&entry.key.as_str()) {
            let message = format!("`targets` has options for {}, which is no target", quote(&entry.key));
            let diagnostic = Diagnostic::new(Code::ValuesUnknownKey, message)
                .at(entry.key_location.clone())
                .path(Path::root().key("targets").key(&entry.key));
            found.push(diagnostic.help(format!("targets are {}", known.join(", "))));
        }
    }
    let name = inputs.name.or_else(|| lock.map(|lock| lock.name.clone())).unwrap_or_else(|| source.manifest.metadata.name.clone());
    if let Err(diagnostic) = manifest::check_name(&name) {
        found.push(diagnostic);
    }
    let version =
        inputs.version.or_else(|| lock.map(|lock| lock.version.clone())).unwrap_or_else(|| source.manifest.metadata.version.to_string());
    if let Err(error) = semver::Version::parse(&version) {
        let message = format!("{} is no version: {error}", quote(&version));
        found.push(Diagnostic::new(Code::Usage, message).help("write a SemVer version such as 1.2.0 or 1.2.0-rc.1"));
    }
    let recorded_codes = |names: fn(&Lock) -> &Vec<String>| {
        lock.map(names).into_iter().flatten().filter_map(|name| Code::parse(name).ok()).collect::<BTreeSet<_>>()
    };
    let merge = |old: BTreeSet<Code>, new: Vec<Code>| old.into_iter().chain(new).collect::<BTreeSet<_>>().into_iter().collect();
    let allow = merge(recorded_codes(|lock| &lock.allowed), inputs.allow);
    let deny = merge(recorded_codes(|lock| &lock.denied), inputs.deny);
    found.into_result((), warnings)?;
    Ok(Plan { engine: OnceLock::new(), source, layers, values, minors, targets, templates, name, version, allow, deny })
}

impl Plan {
    /// The control-plane patch, which must be one for all minors.
    ///
    /// # Errors
    /// Faults of the templates and of what they render; `patch-differs`.
    pub fn patch(&self, warnings: &mut Diagnostics) -> Result<ControlPlanePatch, Diagnostics> {
        let schema = if template::are_bundled(&self.source.templates) { None } else { Some(Schema::parse(&self.source.schema)?) };
        let engine = match self.engine.get() {
            Some(engine) => engine,
            None => {
                let engine = Engine::compile(&self.source.templates, schema.as_ref())?;
                self.engine.get_or_init(|| engine)
            }
        };
        let main = &self.source.manifest.patch;
        if !engine.has(main) {
            let message = format!("pack.yaml names the template {}, which is not there", quote(main));
            let source = &self.source.manifest_source;
            let at = source.text.find(main.as_str()).map_or(0..0, |at| at..at + main.len());
            return Err(Diagnostic::new(Code::PackInvalid, message).at(source.at(at)).into());
        }
        let values = self.values.root.to_json();
        // The bundled templates take what is absent as null (tests/absent_values.rs).
        let context = template::Context::from(schema.iter().fold(values, |values, schema| schema.complete(values)));
        let locate = |path: &str| Path::parse(path).ok().map(|path| self.values.location(&path));
        let mut first: Option<ControlPlanePatch> = None;
        for minor in &self.minors {
            let mut ignored = Diagnostics::new();
            let warnings = if first.is_none() { &mut *warnings } else { &mut ignored };
            let document = engine.render(main, &context, *minor, &locate)?.read()?;
            let mut sibling = |name: &str, at: &Location| {
                if !engine.has(name) {
                    return Err(Diagnostic::new(Code::TemplateError, format!("there is no template {} beside this one", quote(name)))
                        .at(at.clone())
                        .into());
                }
                let rendered = engine.render(name, &context, *minor, &locate)?;
                let is_yaml = [".yaml.hbs", ".yml.hbs", ".json.hbs"].iter().any(|ending| name.ends_with(ending));
                let document = if is_yaml { Ok(rendered.read()?) } else { rendered.read() };
                Ok(Content { text: rendered.text().to_owned(), document })
            };
            let patch = patch::parse(&document, &mut sibling, warnings)?;
            match &first {
                None => first = Some(patch),
                Some(known) => same(known, &patch, self.minors[0], *minor)?,
            }
        }
        first.ok_or_else(|| Diagnostic::new(Code::KubernetesVersion, "no Kubernetes minor was chosen").into())
    }

    /// The checks of meaning, for every minor; the same finding once. `--allow`
    /// and `--deny` apply. Among them are the pack's own cases of its policy.
    pub fn check(&self, patch: &ControlPlanePatch) -> Diagnostics {
        let mut found = Diagnostics::new();
        let cases: Vec<Arc<Source>> = self.policy_cases().filter_map(|cases| cases.map_err(|errors| found.extend(errors)).ok()).collect();
        for minor in &self.minors {
            found.merge(check::patch(patch, *minor));
            for cases in &cases {
                found.merge(check::policy_cases(patch, *minor, cases));
            }
        }
        found
    }

    /// The files of the pack's `tests/` whose names end in `policy.yaml`.
    fn policy_cases(&self) -> impl Iterator<Item = Result<Arc<Source>, Diagnostics>> {
        let prefix = self.source.manifest_source.name.trim_end_matches("pack.yaml");
        let files = self.source.files.iter().filter(|(path, _)| path.starts_with("tests/") && path.ends_with("policy.yaml"));
        files.map(move |(path, bytes)| decode(&format!("{prefix}{path}"), bytes.to_vec()))
    }

    /// The documents: the patch, the files, and each target's, then the README.
    ///
    /// # Errors
    /// Faults of the targets.
    pub fn documents(&self, patch: &ControlPlanePatch, warnings: &mut Diagnostics) -> Result<Vec<Document>, Diagnostics> {
        self.render(patch, None, false, warnings)
    }

    /// The documents that are text, as people are shown them.
    ///
    /// # Errors
    /// Faults of the targets.
    pub fn texts(&self, patch: &ControlPlanePatch, warnings: &mut Diagnostics) -> Result<Vec<Document>, Diagnostics> {
        let mut documents = self.render(patch, None, true, warnings)?;
        documents.retain(|document| document.is_text);
        Ok(documents)
    }

    /// The document at `path`, if there is one; no other is rendered.
    ///
    /// # Errors
    /// Faults of the targets, as far as that document needs them.
    pub fn document(&self, patch: &ControlPlanePatch, path: &str, warnings: &mut Diagnostics) -> Result<Option<Document>, Diagnostics> {
        Ok(self.render(patch, Some(path), false, warnings)?.into_iter().find(|document| document.path == path))
    }

    fn render(
        &self,
        patch: &ControlPlanePatch,
        only: Option<&str>,
        texts: bool,
        warnings: &mut Diagnostics,
    ) -> Result<Vec<Document>, Diagnostics> {
        let info = || PackInfo {
            name: self.name.clone(),
            version: self.version.clone(),
            display_name: self.source.manifest.metadata.display_name.clone(),
            description: self.source.manifest.metadata.description.clone(),
            palette: self.source.manifest.palette.as_ref().map(PaletteInfo::from).unwrap_or_default(),
        };
        let request = Request {
            pack: &info,
            minors: &self.minors,
            patch,
            values: &self.values,
            templates: &self.templates,
            source: &self.source.files,
            only,
            texts,
        };
        let text = |path: String, text: &str| Document { path, bytes: text.as_bytes().to_vec(), is_text: true };
        let mut documents = Vec::new();
        if request.wants(PATCH) {
            documents.push(text(PATCH.to_owned(), &patch.to_yaml()));
        }
        documents.extend(patch.shipped().map(|(file, content)| text(format!("files{}", file.path), &content.text)));
        let mut found = Diagnostics::new();
        let mut readme = target::readme(&request)?;
        for (rendered, told) in self.each_target(&request) {
            warnings.extend(told);
            match rendered {
                Ok(output) => {
                    documents.extend(output.documents);
                    readme.push_str(&output.readme);
                }
                Err(errors) => found.extend(errors),
            }
        }
        documents.push(text("README.md".to_owned(), &readme));
        found.into_result(documents, warnings)
    }

    /// What each target gives, in the order asked for, with its warnings. One
    /// document is not worth a thread.
    fn each_target(&self, request: &Request<'_>) -> Vec<(Result<target::Output, Diagnostics>, Diagnostics)> {
        let render = |name: &String| {
            let mut warnings = Diagnostics::new();
            (target::render(name, request, &mut warnings), warnings)
        };
        if request.only.is_some() { self.targets.iter().map(render).collect() } else { parallel::map(&self.targets, render) }
    }

    /// The pack's bytes.
    ///
    /// # Errors
    /// `pack-invalid` when two documents have one path.
    pub fn assemble(&self, patch: &ControlPlanePatch, documents: Vec<Document>) -> Result<Pack, Diagnostics> {
        let inputs = self.inputs();
        self.refuse_secrets(&inputs)?;
        let mut files = BTreeMap::new();
        for document in documents {
            let reserved = document.path.starts_with("source/") || document.path == LOCK || document.path == SUMS;
            if reserved || files.contains_key(&document.path) {
                return Err(Diagnostic::new(Code::PackInvalid, format!("two documents want the path {}", quote(&document.path))).into());
            }
            files.insert(document.path, document.bytes);
        }
        // Each digest stands in several places, and hashing is what assembling costs.
        let mut digests: BTreeMap<String, String> =
            files.iter().chain(&inputs).map(|(path, bytes)| (path.clone(), sha256(bytes))).collect();
        let digest = |path: &str| digests.get(path).cloned().unwrap_or_default();
        let outputs = files
            .iter()
            .map(|(path, bytes)| OutputFile { path: path.clone(), sha256: digest(path), size: bytes.len() as u64, mode: "0644".to_owned() })
            .collect();
        let node_files = patch
            .files
            .iter()
            .map(|file| NodeFileEntry {
                path: file.path.clone(),
                owner: file.owner.clone(),
                permissions: file.permissions.clone(),
                sha256: file.content().map(|content| sha256(content.text.as_bytes())),
            })
            .collect();
        let lock = Lock {
            format: FORMAT,
            name: self.name.clone(),
            version: self.version.clone(),
            minors: self.minors.iter().map(Minor::to_string).collect(),
            targets: self.targets.clone(),
            allowed: self.allow.iter().map(Code::to_string).collect(),
            denied: self.deny.iter().map(Code::to_string).collect(),
            values: self.values.root.to_json(),
            inputs: inputs.keys().map(|path| Input { path: path.clone(), sha256: digest(path) }).collect(),
            outputs,
            node_files,
        };
        files.extend(inputs);
        let lock_text = lock.to_yaml().into_bytes();
        digests.insert(LOCK.to_owned(), sha256(&lock_text));
        files.insert(LOCK.to_owned(), lock_text);
        let sums: String = digests.iter().map(|(path, digest)| format!("{digest}  {path}\n")).collect();
        let sums_digest = sha256(sums.as_bytes());
        let digest = format!("sha256:{sums_digest}");
        digests.insert(SUMS.to_owned(), sums_digest);
        files.insert(SUMS.to_owned(), sums.into_bytes());
        let patch_digest = format!("sha256:{}", sha256(patch.to_yaml().as_bytes()));
        Ok(Pack { stem: format!("{}-{}", self.name, self.version), files, digests, lock, digest, patch_digest })
    }

    /// What was overridden still travels in `source/`, so it is looked at too. What
    /// the binary brings was looked at by its tests.
    fn refuse_secrets(&self, inputs: &BTreeMap<String, Vec<u8>>) -> Result<(), Diagnostics> {
        let mut found = Diagnostics::new();
        let is_ours = |path: &str| {
            let file = path.strip_prefix(SOURCE_PACK).and_then(|path| self.source.files.get(path));
            let template = path.strip_prefix(SOURCE_TEMPLATES).and_then(|path| self.templates.get(path));
            matches!(file, Some(Cow::Borrowed(_))) || template.is_some_and(|template| template.is_bundled())
        };
        for (path, bytes) in inputs.iter().filter(|(path, _)| !path.ends_with("logo.png") && !is_ours(path)) {
            if let Some(what) = check::secret::in_text(&String::from_utf8_lossy(bytes)) {
                found.push(check::refuse(format!("{} would ship {what}", quote(path))));
            }
        }
        for layer in &self.layers {
            if let Layer::Set(assignment, _) = layer
                && let Ok(path) = Path::parse(&assignment.path)
                && let Some(what) = check::secret::in_value(&path, &assignment.value)
            {
                found.push(check::refuse(format!("the value that --{} gives `{path}` is {what}", assignment.kind.option())));
            }
        }
        found.into_result((), &mut Diagnostics::new())
    }

    /// Every file of `source/`.
    fn inputs(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files: BTreeMap<String, Vec<u8>> =
            self.source.files.iter().map(|(path, bytes)| (format!("{SOURCE_PACK}{path}"), bytes.to_vec())).collect();
        let used =
            |path: &&String| path.as_str() == target::README || self.targets.iter().any(|target| path.starts_with(&format!("{target}/")));
        for (path, source) in self.templates.iter().filter(|(path, _)| used(path)) {
            files.insert(format!("{SOURCE_TEMPLATES}{path}"), source.text.as_bytes().to_vec());
        }
        let mut sets: Vec<&Assignment> = Vec::new();
        let mut number = 0;
        let flush = |sets: &mut Vec<&Assignment>, number: &mut usize, files: &mut BTreeMap<String, Vec<u8>>| {
            if !sets.is_empty() {
                *number += 1;
                let text = emit::block(&serde_json::to_value(&*sets).unwrap_or_default(), 0);
                files.insert(format!("{SOURCE_VALUES}{number:02}.set.yaml"), text.into_bytes());
                sets.clear();
            }
        };
        for layer in &self.layers {
            match layer {
                Layer::Set(assignment, _) => sets.push(assignment),
                Layer::File(source) => {
                    flush(&mut sets, &mut number, &mut files);
                    number += 1;
                    files.insert(format!("{SOURCE_VALUES}{number:02}.yaml"), source.text.as_bytes().to_vec());
                }
            }
        }
        flush(&mut sets, &mut number, &mut files);
        files
    }
}

/// Two minors of one pack must not need different node configuration.
fn same(first: &ControlPlanePatch, other: &ControlPlanePatch, minor: Minor, other_minor: Minor) -> Result<(), Diagnostics> {
    if first.to_json() == other.to_json() {
        return Ok(());
    }
    let arg = |patch: &ControlPlanePatch, name: &str| patch.arg(name).map_or("not set".to_owned(), |arg| quote(&arg.value));
    let names: BTreeSet<&str> = first.args.iter().chain(&other.args).map(|arg| arg.name.as_str()).collect();
    let differing = names.into_iter().find(|name| arg(first, name) != arg(other, name));
    let (what, at) = match differing {
        Some(name) => {
            let what = format!("--{name} is {} for {minor} and {} for {other_minor}", arg(first, name), arg(other, name));
            (what, other.arg(name).or(first.arg(name)).map(|arg| arg.location.clone()))
        }
        None => ("the volumes or files differ".to_owned(), None),
    };
    let message = format!("the node configuration for Kubernetes {minor} and {other_minor} is not the same: {what}");
    let mut diagnostic = Diagnostic::new(Code::PatchDiffers, message).help("build one pack for each of them");
    diagnostic.location = at;
    Err(diagnostic.into())
}
