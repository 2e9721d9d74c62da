//! Files that are generated from the code, held against it. `ci/generated`
//! checks them, `ci/generated --write` writes them.

use std::fs;
use std::path::Path;

fn hold(path: &str, generated: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("PACKWRIGHT_WRITE_GENERATED").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, generated).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == generated, "{} is not what the code generates; run ci/generated --write", path.display());
}

fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap() + "\n"
}

#[test]
fn the_bundled_schema_is_that_of_the_types() {
    hold("packs/kube-apiserver-audit/values.schema.json", &pretty(&packwright::audit::values::schema().to_value()));
}

#[test]
fn the_command_reference_is_that_of_the_command_line() {
    let mut text = String::from("# Command line\n\nGenerated from `packwright --help`; do not edit.\n");
    let mut command = packwright::cli::command().term_width(100);
    command.build();
    for subcommand in command.get_subcommands_mut() {
        describe(subcommand, "packwright", &mut text);
    }
    hold("docs/reference.md", &text);
}

fn describe(command: &mut clap::Command, parent: &str, text: &mut String) {
    if command.get_name() == "help" {
        return;
    }
    let name = format!("{parent} {}", command.get_name());
    let help = command.render_long_help().to_string();
    let help: String = help.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    text.push_str(&format!("\n## {name}\n\n```text\n{help}```\n"));
    for subcommand in command.get_subcommands_mut() {
        describe(subcommand, &name, text);
    }
}

#[test]
fn the_audit_flags_are_documented() {
    use packwright::audit::flags::{ABOUT, choices};
    use packwright::kubernetes::flags::{find, shown};
    let mut text = String::from(
        "# Audit flags\n\n\
         Generated from what `packwright flags NAME` says; do not edit. Each flag of kube-apiserver that is about audit\n\
         logging, with its default and what it does.\n\n\
         | flag | value | default | what it does |\n|---|---|---|---|\n",
    );
    for (name, about) in ABOUT {
        let flag = find(name).unwrap();
        let one = flag.states.windows(2).all(|pair| pair[0].default == pair[1].default);
        let defaults: Vec<String> = flag
            .states
            .iter()
            .map(|state| if one { shown(state.default).to_owned() } else { format!("{}: {}", minors(state), shown(state.default)) })
            .collect();
        let choices = choices(name);
        let value = if choices.is_empty() { flag.states[0].kind.name().to_owned() } else { choices.join(", ") };
        let defaults = if one { defaults[0].clone() } else { defaults.join("; ") };
        text.push_str(&format!("| `--{name}` | {value} | {defaults} | {about} |\n"));
    }
    hold("docs/audit-flags.md", &text);
}

/// `1.36 on`, `up to 1.35`.
fn minors(state: &packwright::kubernetes::flags::State) -> String {
    if state.last == packwright::kubernetes::flags::minors().1 { format!("from {}", state.first) } else { format!("up to {}", state.last) }
}

#[test]
fn the_template_context_is_documented() {
    let schema = schemars::schema_for!(packwright::target::TargetContext).to_value();
    hold("docs/target-context.schema.json", &pretty(&schema));
}

/// A new file beside a bundled pack must be embedded, or the binary lacks it.
#[test]
fn everything_bundled_is_embedded() {
    fn walk(root: &Path, prefix: &str, found: &mut Vec<String>) {
        for entry in fs::read_dir(root).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().into_string().unwrap());
            if entry.file_type().unwrap().is_dir() { walk(&entry.path(), &format!("{name}/"), found) } else { found.push(name) }
        }
        found.sort();
    }
    let (mut packs, mut templates) = (Vec::new(), Vec::new());
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("packs"), "", &mut packs);
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("templates"), "", &mut templates);
    let embedded: Vec<String> = packwright::pack::bundled_packs()
        .into_iter()
        .flat_map(|(name, files)| files.into_keys().map(move |file| format!("{name}/{file}")))
        .collect();
    assert_eq!(embedded, packs);
    assert_eq!(packwright::pack::bundled_templates().into_keys().collect::<Vec<_>>(), templates);
}

#[test]
fn every_code_has_its_page() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/codes.md")).unwrap();
    for code in packwright::diagnostic::Code::ALL {
        assert!(
            page.lines()
                .any(|line| line.starts_with('#') && line.contains(&format!("`{code}`"))
                    || line.trim_start_matches('#').trim() == code.name()),
            "docs/codes.md says nothing of {code}"
        );
    }
}
