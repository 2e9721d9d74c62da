//! Finding and reading a pack source: a folder, a built pack, an archive, or a
//! bundled pack's name.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use super::lock::Lock;
use super::manifest::Manifest;
use super::{archive, bundled, sha256, typed};
use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Severity, Source, nearest};
use crate::target::{DEFINITION, README, TemplateSet};
use crate::values::{Assignment, Layer};
use crate::yaml::{MAX_BYTES, decode};

/// A pack source, read and typed.
pub struct PackSource {
    /// pack.yaml.
    pub manifest: Manifest,
    /// pack.yaml's text, to blame.
    pub manifest_source: Arc<Source>,
    /// Every file that belongs to the source, by path: what `source/pack/` holds.
    pub files: Files,
    /// values.yaml.
    pub values: Arc<Source>,
    /// values.schema.json.
    pub schema: Arc<Source>,
    /// The `*.hbs` files by name.
    pub templates: BTreeMap<String, Arc<Source>>,
    /// What a built pack was built with.
    pub recorded: Option<Recorded>,
}

/// Files in memory by path. Those of the binary are not copied.
pub type Files = BTreeMap<String, Cow<'static, [u8]>>;

/// What a built pack carries beyond its source.
pub struct Recorded {
    /// Its lock.
    pub lock: Lock,
    /// Its layers, in order.
    pub layers: Vec<Layer>,
    /// Its target and README templates.
    pub templates: TemplateSet,
}

/// The folder of a built pack that holds the pack source.
pub const SOURCE_PACK: &str = "source/pack/";
/// The folder of a built pack that holds the value layers.
pub const SOURCE_VALUES: &str = "source/values/";
/// The folder of a built pack that holds the templates.
pub const SOURCE_TEMPLATES: &str = "source/templates/";

/// Whether a folder is a pack: its source, or one that was built.
pub fn is_pack(folder: &Path) -> bool {
    folder.is_dir() && (folder.join("pack.yaml").exists() || folder.join(super::lock::FILE).exists())
}

/// Reads what PACK names.
///
/// # Errors
/// `input-missing` when there is no such pack, `io`, and every fault of its files.
pub fn load(pack: &str, warnings: &mut Diagnostics) -> Result<PackSource, Diagnostics> {
    let path = Path::new(pack);
    let bundled = bundled::packs();
    let is_folder = is_pack(path);
    if let Some(files) = bundled.get(pack) {
        if !is_folder {
            let files = files.iter().map(|(path, bytes)| ((*path).to_owned(), Cow::Borrowed(*bytes))).collect();
            return from_files(files, &format!("bundled:{pack}/"), warnings);
        }
        let mut note =
            Diagnostic::new(Code::InputMissing, format!("the folder {} is used, not the bundled pack of that name", quote(pack)));
        note.severity = Severity::Note;
        warnings.push(note);
    }
    let prefix = format!("{}/", pack.trim_end_matches('/'));
    if path.is_dir() {
        if path.join("pack.yaml").exists() {
            return from_files(read_source(path, warnings)?, &prefix, warnings);
        }
        if path.join(super::lock::FILE).exists() {
            let mut files = BTreeMap::new();
            read_tree(path, "", &mut files)?;
            return from_built(files, &prefix, warnings);
        }
        let message = format!("the folder {} is no pack: it has neither pack.yaml nor pack.lock.yaml", quote(pack));
        return Err(Diagnostic::new(Code::InputMissing, message)
            .help(format!("bundled packs are {}", bundled.keys().copied().collect::<Vec<_>>().join(", ")))
            .into());
    }
    if path.is_file() {
        let bytes = read_file(path, archive::MAX_BYTES)?;
        let (_, files) = archive::unpack(&bytes).map_err(|error| {
            let help = if bytes.starts_with(&[0x1f, 0x8b]) {
                "build the archive again, or name the folder of the pack"
            } else {
                "PACK is a folder or an archive; values files go with -f"
            };
            Diagnostic::new(Code::PackInvalid, format!("{pack}: {error}")).help(help)
        })?;
        let files = files.into_iter().map(|(path, bytes)| (path, bytes.into())).collect();
        return from_built(files, &format!("{pack}:"), warnings);
    }
    let names = bundled.keys().copied();
    let diagnostic = Diagnostic::new(Code::InputMissing, format!("there is no pack {}", quote(pack)));
    Err(match nearest(pack, names.clone()) {
        Some(near) => diagnostic.help(format!("did you mean the bundled pack `{near}`?")),
        None => diagnostic.help(format!(
            "name a folder with pack.yaml, a built pack, or one of the bundled packs: {}",
            names.collect::<Vec<_>>().join(", ")
        )),
    }
    .into())
}

/// Reads a values file for `-f`; `-` is standard input.
///
/// # Errors
/// `input-missing`, `io`, or `yaml-syntax` when it is not UTF-8 or too large.
pub fn load_layer(name: &str) -> Result<Arc<Source>, Diagnostics> {
    if name == "-" {
        let mut bytes = Vec::new();
        io::stdin().lock().take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|error| io_fault(name, &error))?;
        return decode(name, bytes);
    }
    decode(name, read_file(Path::new(name), MAX_BYTES)?)
}

/// Reads `--templates DIR`: each folder with a target.yaml is a target, laid
/// over the bundled ones by name.
///
/// # Errors
/// `input-missing` and `io`.
pub fn load_templates(folder: &str) -> Result<TemplateSet, Diagnostics> {
    let root = Path::new(folder);
    let mut set = TemplateSet::new();
    for (name, is_folder) in list(root)? {
        if !is_folder {
            if name == README {
                set.insert(name.clone(), decode(&format!("{folder}/{name}"), read_file(&root.join(&name), MAX_BYTES)?)?);
            }
            continue;
        }
        if !root.join(&name).join(DEFINITION).exists() {
            continue;
        }
        for (file, is_folder) in list(&root.join(&name))? {
            if !is_folder && (file == DEFINITION || file.ends_with(".hbs")) {
                let path = format!("{name}/{file}");
                set.insert(path.clone(), decode(&format!("{folder}/{path}"), read_file(&root.join(&path), MAX_BYTES)?)?);
            }
        }
    }
    if set.is_empty() {
        return Err(Diagnostic::new(
            Code::InputMissing,
            format!("the folder {} holds no target: no sub-folder with target.yaml", quote(folder)),
        )
        .into());
    }
    Ok(set)
}

/// A pack source from its files in memory, by path in the pack. Diagnostics
/// name each file with `prefix` before its path.
///
/// # Errors
/// `input-missing` without one of the files that every pack has, and every
/// fault of the files.
pub fn from_files(mut files: Files, prefix: &str, warnings: &mut Diagnostics) -> Result<PackSource, Diagnostics> {
    let mut found = Diagnostics::new();
    let mut texts = BTreeMap::new();
    for (name, bytes) in &mut files {
        if name == "logo.png" {
            continue;
        }
        match decode(&format!("{prefix}{name}"), std::mem::take(bytes)) {
            Ok(source) => {
                *bytes = match source.text.clone() {
                    Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                    Cow::Owned(text) => Cow::Owned(text.into_bytes()),
                };
                texts.insert(name.clone(), source);
            }
            Err(errors) => found.extend(errors),
        }
    }
    let mut need = |name: &str| {
        let source = texts.get(name).cloned();
        if source.is_none() {
            found
                .push(Diagnostic::new(Code::InputMissing, format!("the pack {} lacks {name}", quote(prefix.trim_end_matches(['/', ':'])))));
        }
        source
    };
    let (manifest, values, schema) = (need("pack.yaml"), need("values.yaml"), need("values.schema.json"));
    let (Some(manifest_source), Some(values), Some(schema)) = (manifest, values, schema) else { return Err(found) };
    match typed::<Manifest>(&manifest_source, Code::PackInvalid, warnings) {
        Ok(manifest) if !found.has_errors() => {
            let templates = texts
                .iter()
                .filter(|(name, _)| name.ends_with(".hbs") && !name.contains('/'))
                .map(|(name, source)| (name.clone(), Arc::clone(source)))
                .collect();
            Ok(PackSource { manifest, manifest_source, files, values, schema, templates, recorded: None })
        }
        manifest => {
            found.extend(manifest.err().unwrap_or_default());
            Err(found)
        }
    }
}

fn from_built(files: Files, prefix: &str, warnings: &mut Diagnostics) -> Result<PackSource, Diagnostics> {
    let invalid = |message: String| Diagnostics::from(Diagnostic::new(Code::PackInvalid, message));
    let lock_bytes = files.get(super::lock::FILE).ok_or_else(|| invalid(format!("{prefix} lacks {}", super::lock::FILE)))?;
    let lock = Lock::read(&decode(&format!("{prefix}{}", super::lock::FILE), lock_bytes.clone())?, warnings)?;
    agree(&lock, lock_bytes, &files, prefix)?;
    let carried: BTreeMap<&String, &Cow<'static, [u8]>> = files.iter().filter(|(path, _)| path.starts_with("source/")).collect();
    for input in &lock.inputs {
        match carried.get(&input.path) {
            Some(bytes) if sha256(bytes) == input.sha256 => {}
            Some(_) => return Err(invalid(format!("{prefix}{} is not what the lock says: it was changed after the build", input.path))),
            None => return Err(invalid(format!("{prefix}{} is missing", input.path))),
        }
    }
    if let Some(extra) = carried.keys().find(|path| !lock.inputs.iter().any(|input| input.path == ***path)) {
        return Err(invalid(format!("{prefix}{extra} is not in the lock")));
    }
    let below = |folder: &str| -> Files {
        carried.iter().filter_map(|(path, bytes)| path.strip_prefix(folder).map(|name| (name.to_owned(), (*bytes).clone()))).collect()
    };
    let mut pack = from_files(below(SOURCE_PACK), &format!("{prefix}{SOURCE_PACK}"), warnings)?;
    let mut layers: Vec<(usize, Vec<Layer>)> = Vec::new();
    for (name, bytes) in below(SOURCE_VALUES) {
        let number = name.split('.').next().and_then(|number| number.parse().ok()).unwrap_or(usize::MAX);
        let source = decode(&format!("{prefix}{SOURCE_VALUES}{name}"), bytes)?;
        let layer = if name.ends_with(".set.yaml") {
            let sets: Vec<Assignment> = serde_yaml::from_str(&source.text).map_err(|error| invalid(format!("{}: {error}", source.name)))?;
            sets.into_iter().map(|assignment| Layer::Set(assignment, None)).collect()
        } else {
            vec![Layer::File(source)]
        };
        layers.push((number, layer));
    }
    layers.sort_by_key(|(number, _)| *number);
    let mut templates = TemplateSet::new();
    for (name, bytes) in below(SOURCE_TEMPLATES) {
        let source = decode(&format!("{prefix}{SOURCE_TEMPLATES}{name}"), bytes)?;
        templates.insert(name, source);
    }
    pack.recorded = Some(Recorded { lock, layers: layers.into_iter().flat_map(|(_, layer)| layer).collect(), templates });
    Ok(pack)
}

/// The lock and the sums say the same of every file.
fn agree(lock: &Lock, lock_bytes: &[u8], files: &Files, prefix: &str) -> Result<(), Diagnostics> {
    let invalid = |message: String| Diagnostics::from(Diagnostic::new(Code::PackInvalid, message));
    let text = files.get(super::SUMS).ok_or_else(|| invalid(format!("{prefix} lacks {}", super::SUMS)))?;
    let text = String::from_utf8_lossy(text);
    let sums: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once("  ")).map(|(hash, path)| (path, hash)).collect();
    let listed = lock.inputs.iter().map(|input| (&input.path, &input.sha256));
    let listed = listed.chain(lock.outputs.iter().map(|output| (&output.path, &output.sha256)));
    let lock_sha256 = sha256(lock_bytes);
    let lock_itself = (super::lock::FILE, lock_sha256.as_str());
    let mut listed = listed.map(|(path, hash)| (path.as_str(), hash.as_str())).chain([lock_itself]);
    match listed.find(|(path, hash)| sums.get(path) != Some(hash)) {
        Some((path, _)) => {
            let message =
                format!("{prefix}{} and {} disagree about {path}: the pack was changed after the build", super::SUMS, super::lock::FILE);
            Err(invalid(message))
        }
        None => Ok(()),
    }
}

/// The files of a pack source folder; others are left out with a note.
fn read_source(root: &Path, warnings: &mut Diagnostics) -> Result<Files, Diagnostics> {
    let mut files = BTreeMap::new();
    let mut ignored = Vec::new();
    for (name, is_folder) in list(root)? {
        let belongs = matches!(name.as_str(), "pack.yaml" | "values.yaml" | "values.schema.json" | "README.md" | "logo.png")
            || name.ends_with(".hbs");
        match (is_folder, name.as_str()) {
            (true, "tests") => read_tree(&root.join("tests"), "tests/", &mut files)?,
            (false, _) if belongs => {
                files.insert(name.clone(), read_file(&root.join(&name), MAX_BYTES)?.into());
            }
            _ => ignored.push(name),
        }
    }
    if !ignored.is_empty() {
        let mut note = Diagnostic::new(Code::PackInvalid, format!("not part of a pack source, and left out: {}", ignored.join(", ")));
        note.severity = Severity::Note;
        warnings.push(note);
    }
    Ok(files)
}

fn read_tree(folder: &Path, prefix: &str, files: &mut Files) -> Result<(), Diagnostics> {
    for (name, is_folder) in list(folder)? {
        let path = folder.join(&name);
        if files.len() >= archive::MAX_ENTRIES || prefix.matches('/').count() > 16 {
            return Err(Diagnostic::new(Code::PackInvalid, format!("{} holds too many files", path.display())).into());
        }
        if is_folder {
            read_tree(&path, &format!("{prefix}{name}/"), files)?;
        } else {
            files.insert(format!("{prefix}{name}"), read_file(&path, archive::MAX_BYTES)?.into());
        }
    }
    Ok(())
}

/// The entries of a folder, sorted by name: whether each is a folder.
fn list(folder: &Path) -> Result<Vec<(String, bool)>, Diagnostics> {
    let name = folder.display().to_string();
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| io_fault(&name, &error))? {
        let entry = entry.map_err(|error| io_fault(&name, &error))?;
        let kind = entry.file_type().map_err(|error| io_fault(&name, &error))?;
        let path = entry.path().display().to_string();
        let Ok(file) = entry.file_name().into_string() else {
            return Err(Diagnostic::new(Code::PackInvalid, format!("the name of {path} is not UTF-8")).into());
        };
        if !kind.is_dir() && !kind.is_file() {
            let message = format!("{path} is a link or a special file, and a pack takes regular files only");
            return Err(Diagnostic::new(Code::PackInvalid, message).help("copy the file to its place").into());
        }
        entries.push((file, kind.is_dir()));
    }
    entries.sort();
    Ok(entries)
}

fn read_file(path: &Path, limit: usize) -> Result<Vec<u8>, Diagnostics> {
    let name = path.display().to_string();
    let file = fs::File::open(path).map_err(|error| io_fault(&name, &error))?;
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(|error| io_fault(&name, &error))?;
    if bytes.len() > limit {
        let message = format!("{name} has more than {} MiB, the most that is read", limit >> 20);
        return Err(Diagnostic::new(Code::YamlSyntax, message).at(Source::file(name, "").at(0..0)).into());
    }
    Ok(bytes)
}

fn io_fault(name: &str, error: &io::Error) -> Diagnostics {
    let code = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory => Code::InputMissing,
        _ => Code::Io,
    };
    Diagnostic::new(code, format!("cannot read {}: {error}", quote(name))).into()
}
