//! The arguments that say what to build from: shared by build, render and values.

use std::mem::ManuallyDrop;

use clap::{ArgMatches, Args};

use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::pack::{self, Inputs, Plan};
use crate::values::{Assignment, Kind, Layer};

/// What a pack is built from.
#[derive(Debug, Args)]
pub struct InputArgs {
    /// A folder with pack.yaml, a built pack or its archive, or a bundled pack's name
    #[arg(value_name = "PACK")]
    pub pack: String,

    #[command(flatten)]
    pub with: WithArgs,
}

impl InputArgs {
    /// As [`WithArgs::plan`].
    ///
    /// # Errors
    /// Every fault of the arguments, the files and the values.
    pub fn plan(&self, matches: &ArgMatches, warnings: &mut Diagnostics) -> Result<ManuallyDrop<Plan>, Diagnostics> {
        self.with.plan(&self.pack, matches, warnings)
    }
}

/// What is laid over a pack, and for what it is built.
#[derive(Debug, Args)]
pub struct WithArgs {
    /// Lay a values file over the pack's values; `-` is standard input. May be repeated, later files win
    #[arg(short = 'f', long = "values", value_name = "FILE", help_heading = "Values")]
    pub files: Vec<String>,

    /// Set a value, read as a YAML scalar: `log.maxAge=60`, `policy.rules[0].level=None`, `log.mode=null`
    #[arg(long, value_name = "PATH=VALUE", help_heading = "Values")]
    pub set: Vec<String>,

    /// Set a value as text, whatever it looks like
    #[arg(long, value_name = "PATH=TEXT", help_heading = "Values")]
    pub set_string: Vec<String>,

    /// Set a value to JSON: policy.omitStages='["RequestReceived"]'
    #[arg(long, value_name = "PATH=JSON", help_heading = "Values")]
    pub set_json: Vec<String>,

    /// Set a value to a file's content: policy.content=policy.yaml
    #[arg(long, value_name = "PATH=FILE", help_heading = "Values")]
    pub set_file: Vec<String>,

    /// The Kubernetes version: 1.33, v1.33.4, or a range 1.31-1.34 [default: the newest that the pack supports]
    #[arg(long, value_name = "VERSION")]
    pub kubernetes_version: Option<String>,

    /// Targets to render, separated by commas [default: those of pack.yaml]
    #[arg(long, value_name = "TARGET", value_delimiter = ',')]
    pub target: Vec<String>,

    /// Target templates laid over the bundled ones: a folder per target with target.yaml
    #[arg(long, value_name = "DIR")]
    pub templates: Option<String>,

    /// The pack's name [default: that of pack.yaml]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// The pack's version, SemVer [default: that of pack.yaml]
    #[arg(long, value_name = "VERSION")]
    pub pack_version: Option<String>,

    /// Let findings of a check pass as notes; the lock records it
    #[arg(long, value_name = "CODE", help_heading = "Checks")]
    pub allow: Vec<String>,

    /// Take findings of a check as errors
    #[arg(long, value_name = "CODE", help_heading = "Checks")]
    pub deny: Vec<String>,
}

impl WithArgs {
    /// Reads everything and decides what to build. `matches` knows the order
    /// in which options of different kinds were given.
    ///
    /// A command makes one plan and ends; freeing it value by value would take a
    /// twentieth of the run.
    ///
    /// # Errors
    /// Every fault of the arguments, the files and the values.
    pub fn plan(&self, pack: &str, matches: &ArgMatches, warnings: &mut Diagnostics) -> Result<ManuallyDrop<Plan>, Diagnostics> {
        let mut found = Diagnostics::new();
        let mut layers = Vec::new();
        for file in &self.files {
            match pack::load_layer(file) {
                Ok(source) => layers.push(Layer::File(source)),
                Err(errors) => found.extend(errors),
            }
        }
        for (index, (kind, argument)) in self.ordered(matches).into_iter().enumerate() {
            match assignment(kind, argument, index + 1) {
                Ok(layer) => layers.push(layer),
                Err(errors) => found.extend(errors),
            }
        }
        let (allow, deny) = self.levels().unwrap_or_else(|errors| {
            found.extend(errors);
            (Vec::new(), Vec::new())
        });
        let templates = self.templates.as_deref().map(pack::load_templates).transpose().unwrap_or_else(|errors| {
            found.extend(errors);
            None
        });
        let source = match pack::load(pack, warnings) {
            Ok(source) => found.into_result(source, warnings)?,
            Err(errors) => {
                found.extend(errors);
                return Err(found);
            }
        };
        let inputs = Inputs {
            layers,
            kubernetes_version: self.kubernetes_version.clone(),
            targets: self.target.clone(),
            templates,
            name: self.name.clone(),
            version: self.pack_version.clone(),
            allow,
            deny,
        };
        pack::plan(source, inputs, warnings).map(ManuallyDrop::new)
    }

    /// Whether any of them means nothing without a pack.
    pub fn is_about_a_pack(&self) -> bool {
        let lists = [&self.files, &self.set, &self.set_string, &self.set_json, &self.set_file, &self.target];
        let texts = [&self.templates, &self.name, &self.pack_version];
        lists.iter().any(|list| !list.is_empty()) || texts.iter().any(|text| text.is_some())
    }

    /// The codes of `--allow` and of `--deny`.
    ///
    /// # Errors
    /// Names that are no codes, and codes that cannot be allowed.
    pub fn levels(&self) -> Result<(Vec<Code>, Vec<Code>), Diagnostics> {
        let mut found = Diagnostics::new();
        let mut codes = |names: &[String]| {
            names
                .iter()
                .filter_map(|name| Code::parse(name).map_err(|why| found.push(Diagnostic::new(Code::Usage, why))).ok())
                .collect::<Vec<_>>()
        };
        let (allow, deny) = (codes(&self.allow), codes(&self.deny));
        for code in allow.iter().filter(|code| !code.can_be_allowed()) {
            found.push(Diagnostic::new(Code::Usage, format!("`{code}` cannot be allowed: {}", code.reason())));
        }
        found.into_result((allow, deny), &mut Diagnostics::new())
    }

    /// The `--set` options of all kinds in the order of the command line.
    fn ordered(&self, matches: &ArgMatches) -> Vec<(Kind, &str)> {
        let mut all: Vec<(usize, Kind, &str)> = Vec::new();
        for (id, kind, given) in [
            ("set", Kind::Set, &self.set),
            ("set_string", Kind::SetString, &self.set_string),
            ("set_json", Kind::SetJson, &self.set_json),
            ("set_file", Kind::SetFile, &self.set_file),
        ] {
            let indices = matches.indices_of(id).into_iter().flatten();
            all.extend(indices.zip(given).map(|(index, argument)| (index, kind, argument.as_str())));
        }
        all.sort_by_key(|(index, ..)| *index);
        all.into_iter().map(|(_, kind, argument)| (kind, argument)).collect()
    }
}

fn assignment(kind: Kind, argument: &str, position: usize) -> Result<Layer, Diagnostics> {
    let mut assignment = Assignment::parse(kind, argument, position)?;
    if kind != Kind::SetFile {
        return Ok(Layer::Set(assignment, None));
    }
    let source = pack::load_layer(&assignment.value)?;
    assignment.value = source.text.to_string();
    Ok(Layer::Set(assignment, Some(source)))
}
