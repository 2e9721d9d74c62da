//! The rotation of the log that a command is asked about.

use clap::Args;

use crate::audit::disk::{MAX_AGE, MAX_BACKUP, MAX_SIZE, Rotation};
use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::kubernetes::Minor;
use crate::pack::{self, Inputs};
use crate::values::Layer;

/// The flags of kube-apiserver that rotate and prune, themselves or as a pack sets them.
#[derive(Debug, Args)]
pub struct RotationArgs {
    /// MiB at which the log is rotated
    #[arg(long, value_name = "MIB", help_heading = "Rotation")]
    audit_log_maxsize: Option<u64>,

    /// Rotated files that are kept; 0 is all
    #[arg(long, value_name = "COUNT", help_heading = "Rotation")]
    audit_log_maxbackup: Option<u64>,

    /// Days that rotated files are kept; 0 is for ever
    #[arg(long, value_name = "DAYS", help_heading = "Rotation")]
    audit_log_maxage: Option<u64>,

    /// Take the flags that are not given from a pack: a folder, a built pack, or a bundled pack's name
    #[arg(long, value_name = "PACK", help_heading = "Rotation")]
    pack: Option<String>,

    /// Lay a values file over the pack's values; may be repeated, later files win
    #[arg(short = 'f', long = "values", value_name = "FILE", requires = "pack", help_heading = "Rotation")]
    files: Vec<String>,
}

impl RotationArgs {
    /// The rotation on the newest minor that was asked for, or else that the
    /// pack supports; nothing if none is asked about.
    ///
    /// # Errors
    /// What is wrong with the pack or its values, and a pack of which nothing can be told.
    pub fn read(&self, version: Option<&str>, minor: Minor, warnings: &mut Diagnostics) -> Result<Option<Rotation>, Diagnostics> {
        let given = [self.audit_log_maxsize, self.audit_log_maxbackup, self.audit_log_maxage];
        let Some(name) = &self.pack else {
            let [size, count, age] = given;
            return Ok(given.iter().any(Option::is_some).then(|| Rotation::new(size, count, age, minor)));
        };
        let mut layers = Vec::new();
        let mut found = Diagnostics::new();
        for file in &self.files {
            match pack::load_layer(file) {
                Ok(source) => layers.push(Layer::File(source)),
                Err(errors) => found.extend(errors),
            }
        }
        let source = pack::load(name, warnings)?;
        let source = found.into_result(source, warnings)?;
        let inputs = Inputs { layers, kubernetes_version: version.map(str::to_owned), ..Inputs::default() };
        let plan = pack::plan(source, inputs, warnings)?;
        let minor = plan.minors.last().copied().unwrap_or(minor);
        let patch = plan.patch(warnings)?;
        if patch.arg("audit-log-path").is_none_or(|path| path.value.is_empty() || path.value == "-") {
            let message = format!("the pack {} writes no log file, so nothing rotates it", quote(name));
            return Err(Diagnostic::new(Code::Usage, message).help("leave --pack out").into());
        }
        let mut found = Diagnostics::new();
        let mut flag = |name: &str, given: Option<u64>| {
            let arg = patch.arg(name).filter(|_| given.is_none())?;
            let number = arg.value.parse();
            if number.is_err() {
                let message = format!("the pack sets --{name} to {}, which is no number", quote(&arg.value));
                found.push(Diagnostic::new(Code::Usage, message).help(format!("give --{name}")));
            }
            number.ok()
        };
        let [size, count, age] = given;
        let size = size.or(flag(MAX_SIZE, size));
        let count = count.or(flag(MAX_BACKUP, count));
        let age = age.or(flag(MAX_AGE, age));
        found.into_result(Some(Rotation::new(size, count, age, minor)), warnings)
    }
}
