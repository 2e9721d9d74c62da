//! The control-plane patch: what a pack sets on an API server, whatever
//! creates the cluster. Packs render it, targets are rendered from it, and its
//! canonical bytes are what "nothing changes on the nodes" is decided by.

pub(crate) mod canonical;
mod parse;
mod variable;

use serde_json::Value;

pub use parse::parse;
pub use variable::{Variable, VariableType};

use crate::diagnostic::{Diagnostics, Location, Source};
use crate::kubernetes::flags;
use crate::yaml::{self, Node};

/// A control-plane patch in canonical form.
#[derive(Debug, Clone)]
pub struct ControlPlanePatch {
    /// `apiServer.extraArgs`, sorted by name, each name once.
    pub args: Vec<Arg>,
    /// `apiServer.extraVolumes`, sorted by name, each name once.
    pub volumes: Vec<Volume>,
    /// Files on the node, sorted by path, each path once.
    pub files: Vec<NodeFile>,
}

/// One flag of kube-apiserver.
#[derive(Debug, Clone)]
pub struct Arg {
    /// The flag's name without dashes in front, and with `-` for `_`.
    pub name: String,
    /// Its value as the API server reads it.
    pub value: String,
    /// Present when the flag is exposed as a variable of the target.
    pub variable: Option<Variable>,
    /// Who set it.
    pub location: Location,
}

impl Arg {
    /// A flag; `_` in its name is `-`, as to the API server.
    pub fn new(name: &str, value: String, location: Location) -> Self {
        Self { name: flags::normalized(name), value, variable: None, location }
    }

    /// Whether nobody knows the value yet, since it [holds a macro](has_macro).
    pub fn has_macro(&self) -> bool {
        has_macro(&self.value)
    }
}

/// Whether a text is another one in the end: somebody replaces what is in its double braces, or a
/// variable in it, `${NAME}` of clusterctl's templates or `$(NAME)` of a Pod's command.
pub fn has_macro(text: &str) -> bool {
    MACROS.iter().any(|sign| text.contains(sign))
}

/// What a macro begins with.
pub const MACROS: [&str; 3] = ["{{", "${", "$("];

/// One host path mounted into the API server's Pod (kubeadm's HostPathMount).
#[derive(Debug, Clone)]
pub struct Volume {
    /// The Pod's volume name, a DNS label.
    pub name: String,
    /// The path on the node.
    pub host_path: String,
    /// The path in the container.
    pub mount_path: String,
    /// Whether the container may write.
    pub read_only: bool,
    /// `File`, `DirectoryOrCreate` and so on; absent means that nothing is checked.
    pub path_type: Option<String>,
    /// Who set it.
    pub location: Location,
    /// Who set its mountPath.
    pub mount_at: Location,
}

/// One file on each control-plane node.
#[derive(Debug, Clone)]
pub struct NodeFile {
    /// Absolute path on the node.
    pub path: String,
    /// `user:group`.
    pub owner: String,
    /// Four octal digits, such as `0600`.
    pub permissions: String,
    /// What is in it, or who puts it there.
    pub body: Body,
    /// Who set it.
    pub location: Location,
}

/// Where a file's content comes from.
#[derive(Debug, Clone)]
pub enum Body {
    /// The pack ships it.
    Content(Content),
    /// It is already on the node; the pack ships nothing.
    Host,
    /// A Secret of the management cluster (Cluster API's `contentFrom`); other
    /// targets expect it on the node.
    Secret {
        /// The Secret's name.
        name: String,
        /// The key in the Secret.
        key: String,
    },
}

/// A file's content.
#[derive(Debug, Clone)]
pub struct Content {
    /// The bytes that ship.
    pub text: String,
    /// The content as YAML with the places that its parts were written at, or
    /// why it is not YAML. Only who needs YAML objects to the latter.
    pub document: Result<Node, Diagnostics>,
}

impl Content {
    /// The content that `text`, a value written at `written`, gives a file.
    pub fn written(text: &str, written: &Location) -> Self {
        let source = Source::anonymous("content", text.to_owned());
        let place = |at: &Location| yaml::embedded_place(written, text, at);
        let document = match yaml::read(&source, &mut Diagnostics::new()) {
            Ok(mut node) => {
                node.relocate(&place);
                Ok(node)
            }
            Err(mut errors) => {
                for error in &mut errors.items {
                    error.location = error.location.as_ref().map(place);
                }
                Err(errors)
            }
        };
        Self { text: text.to_owned(), document }
    }
}

impl NodeFile {
    /// The content, if the pack ships it.
    pub fn content(&self) -> Option<&Content> {
        match &self.body {
            Body::Content(content) => Some(content),
            _ => None,
        }
    }
}

impl ControlPlanePatch {
    /// The value of a flag, if the patch sets it.
    pub fn arg(&self, name: &str) -> Option<&Arg> {
        self.args.iter().find(|arg| arg.name == name)
    }

    /// The files that the pack ships.
    pub fn shipped(&self) -> impl Iterator<Item = (&NodeFile, &Content)> {
        self.files.iter().filter_map(|file| file.content().map(|content| (file, content)))
    }

    /// The canonical document.
    pub fn to_json(&self) -> Value {
        canonical::document(self)
    }

    /// The canonical bytes: `control-plane-patch.yaml`.
    pub fn to_yaml(&self) -> String {
        crate::yaml::emit::block(&self.to_json(), 0)
    }
}
