//! What the arguments of `packwright lint` are: packs, files, folders of files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Source};
use crate::pack;

/// The arguments, told apart.
#[derive(Debug, Default)]
pub struct Inputs {
    /// Pack sources, built packs and archives, as they were named.
    pub packs: Vec<String>,
    /// Everything else.
    pub plain: Plain,
}

/// Files that are no packs.
#[derive(Debug, Default)]
pub struct Plain {
    /// Files that were named, read; `-` is standard input.
    pub named: Vec<Arc<Source>>,
    /// Files found in folders, by path.
    pub found: Vec<String>,
}

/// Tells arguments apart: a folder with pack.yaml or a lock, an archive, and the
/// name of a bundled pack are packs; any other folder is searched for YAML and
/// JSON files. What cannot be read is told, and the rest is there.
pub fn inputs(arguments: &[String]) -> (Inputs, Diagnostics) {
    let mut inputs = Inputs::default();
    let mut errors = Diagnostics::new();
    for argument in arguments {
        let path = Path::new(argument);
        if path.is_dir() {
            if pack::is_pack(path) {
                inputs.packs.push(argument.clone());
            } else {
                walk(path, &mut inputs.plain.found, &mut errors);
            }
        } else if is_archive(path) || (argument != "-" && !path.exists() && !looks_like_a_file(argument)) {
            inputs.packs.push(argument.clone());
        } else {
            match pack::load_layer(argument) {
                Ok(source) => inputs.plain.named.push(source),
                Err(found) => errors.extend(found),
            }
        }
    }
    (inputs, errors)
}

fn is_archive(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.is_file() && (name.ends_with(".tar.gz") || name.ends_with(".tgz"))
}

/// So that a misspelt file is not sought among packs.
fn looks_like_a_file(argument: &str) -> bool {
    argument.contains(['/', '.'])
}

/// The YAML and JSON files below a folder, by path. Hidden folders and links to
/// folders are passed over.
fn walk(folder: &Path, files: &mut Vec<String>, errors: &mut Diagnostics) {
    let mut entries: Vec<(PathBuf, fs::FileType)> = Vec::new();
    let list = fs::read_dir(folder).and_then(|found| {
        for entry in found {
            let entry = entry?;
            entries.push((entry.path(), entry.file_type()?));
        }
        Ok(())
    });
    if let Err(error) = list {
        errors.push(Diagnostic::new(Code::Io, format!("cannot read the folder {}: {error}", quote(&folder.to_string_lossy()))));
    }
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (path, kind) in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if kind.is_dir() {
            if !name.starts_with('.') {
                walk(&path, files, errors);
            }
        } else if [".yaml", ".yml", ".json"].iter().any(|ending| name.ends_with(ending)) && path.is_file() {
            files.push(path.to_string_lossy().into_owned());
        }
    }
}

/// Whether a text can hold a document that is linted. In a folder most files are
/// others', and need not even be YAML: Helm's templates, for one.
pub fn may_concern(text: &str) -> bool {
    const SIGNS: [&str; 6] = ["audit.k8s.io", "kubeadm.k8s.io", "cluster.x-k8s.io", "kube-apiserver", "kind.x-k8s.io", "kubeadmconfig"];
    SIGNS.iter().any(|sign| text.contains(sign)) || text.starts_with("cluster:") || text.contains("\ncluster:")
}
