//! docs/codes.md, run: the example of each code's page says what the page has it say, and of what
//! the page calls right the code is not said.
//!
//! A page has blocks of files, then one of commands, `$ COMMAND` and lines of what it says; after
//! that `Right:` and either a command, or a file that takes the place of the example's. A file is
//! called by its first line, `# NAME`, or as the command calls its last one. Commands are for a
//! shell, in a folder that has `values/`, a `policy.yaml`, a `kubeadm.yaml`, and the `my-targets/`
//! of docs/targets.md.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use packwright::diagnostic::Code;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const POLICY: &str = "apiVersion: audit.k8s.io/v1\nkind: Policy\n";
const KUBEADM: &str = "apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
apiServer:
  extraArgs:
    - {name: audit-policy-file, value: /etc/kubernetes/pki/audit-policy.yaml}
    - {name: audit-log-path, value: \"-\"}
    - {name: audit-log-maxage, value: \"30\"}
    - {name: audit-log-maxbackup, value: \"10\"}
    - {name: audit-log-maxsize, value: \"100\"}
";

struct Page {
    code: Code,
    /// Language and text of the blocks before the commands.
    files: Vec<(String, String)>,
    /// Commands, each with what it says.
    commands: Vec<(String, Vec<String>)>,
    right: Vec<Right>,
}

enum Right {
    Command(String),
    File(String),
}

fn pages() -> Vec<Page> {
    let text = fs::read_to_string(Path::new(ROOT).join("docs/codes.md")).expect("the pages");
    text.split("\n### ").skip(1).map(page).collect()
}

fn page(section: &str) -> Page {
    let (name, text) = section.split_once('\n').expect("a heading");
    let mut page = Page { code: Code::parse(name).expect("a code"), files: Vec::new(), commands: Vec::new(), right: Vec::new() };
    let mut lines = text.lines();
    let mut is_right = false;
    while let Some(line) = lines.next() {
        if let Some(rest) = line.strip_prefix("Right:") {
            is_right = true;
            let command = rest.trim().strip_prefix('`').and_then(|rest| rest.rsplit_once('`'));
            page.right.extend(command.map(|(command, _)| Right::Command(command.to_owned())));
        } else if line.starts_with("## ") {
            break;
        } else if let Some(language) = line.strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            match language {
                "console" if is_right => page.right.push(Right::Command(block.join("\n").trim_start_matches("$ ").to_owned())),
                _ if is_right => page.right.push(Right::File(block.join("\n") + "\n")),
                "console" => {
                    for line in block {
                        match (line.strip_prefix("$ "), page.commands.last_mut()) {
                            (Some(command), _) => page.commands.push((command.to_owned(), Vec::new())),
                            (None, Some((_, said))) => said.push(line.trim().to_owned()),
                            (None, None) => panic!("{name}: no command"),
                        }
                    }
                }
                _ => page.files.push((language.to_owned(), block.join("\n") + "\n")),
            }
        }
    }
    page
}

/// The files that a command reads, which the page has to give it.
fn names(command: &str) -> impl Iterator<Item = &str> {
    let is_file = |word: &&str| [".yaml", ".log"].iter().any(|ending| word.ends_with(ending)) && !word.contains(['/', '>']);
    command.split([' ', '=']).filter(is_file)
}

/// Whether a line is another one, in which `...` stands for anything.
fn is_as(line: &str, pattern: &str) -> bool {
    match pattern.split_once("...") {
        Some((start, end)) => line.starts_with(start) && line.ends_with(end),
        None => line == pattern,
    }
}

/// The target of docs/targets.md, whose files stand there below their names.
fn own_target(folder: &Path) {
    let text = fs::read_to_string(Path::new(ROOT).join("docs/targets.md")).expect("the document");
    for part in text.split("\n`my-targets/").skip(1) {
        let (name, rest) = part.split_once("`:\n").expect("a file's name");
        let block = rest.split("```").nth(1).and_then(|block| block.split_once('\n')).expect("a block").1;
        let path = folder.join("my-targets").join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, block).expect("written");
    }
}

/// What a command says, with these files beside it.
fn said(command: &str, files: &[String]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
    std::os::unix::fs::symlink(Path::new(ROOT).join("values"), folder.path().join("values")).expect("linked");
    write("policy.yaml", &format!("{POLICY}rules:\n  - level: Metadata\n"));
    write("kubeadm.yaml", KUBEADM);
    own_target(folder.path());
    for text in files {
        if text.starts_with("{{! more.hbs") {
            write("more.hbs", text);
            continue;
        }
        let own = text.lines().next().and_then(|line| line.strip_prefix("# ")).filter(|name| names(name).next() == Some(name));
        let Some(name) = own.or_else(|| names(command).last()) else { continue };
        let head = if name == "policy.yaml" && !text.contains("apiVersion:") && !text.contains("[\n") { POLICY } else { "" };
        write(name, &format!("{head}{text}"));
    }
    let binary = Path::new(env!("CARGO_BIN_EXE_packwright")).parent().expect("its folder");
    let path = std::env::var("PATH").expect("a path");
    let output = Command::new("bash")
        .args(["-c", command])
        .current_dir(folder.path())
        .env("PATH", format!("{}:{path}", binary.display()))
        .output()
        .expect("a shell");
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn each_example_says_what_its_page_has() {
    let mut wrong = Vec::new();
    for page in pages() {
        let code = page.code;
        if page.commands.is_empty() {
            wrong.push(format!("{code}: no command"));
        }
        let files: Vec<String> = page.files.iter().map(|(_, text)| text.clone()).collect();
        for (command, lines) in &page.commands {
            let said = said(command, &files);
            if !said.contains(&format!("[{code}]")) {
                wrong.push(format!("{code}: {command}\ndoes not say it, but:\n{said}"));
            }
            for line in lines.iter().filter(|line| !line.is_empty() && *line != "...") {
                if !said.lines().any(|other| is_as(other.trim(), line)) {
                    wrong.push(format!("{code}: {command}\ndoes not say\n    {line}\nbut:\n{said}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn of_what_a_page_calls_right_its_code_is_not_said() {
    let mut wrong = Vec::new();
    for page in pages() {
        let code = page.code;
        if page.right.is_empty() {
            wrong.push(format!("{code}: nothing is right"));
        }
        let mut files: Vec<String> = page.files.iter().map(|(_, text)| text.clone()).collect();
        for right in &page.right {
            let command = match right {
                Right::Command(command) => command,
                Right::File(text) => {
                    files.pop();
                    files.push(text.clone());
                    &page.commands.last().expect("a command").0
                }
            };
            let said = said(command, &files);
            // Another fault may hide this one.
            if said.contains(&format!("[{code}]")) || said.contains("error[") {
                wrong.push(format!("{code}: {command}\nis not right:\n{said}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// So a check that says nothing any more fails a test: this one, or `tests/known_bad.rs`.
#[test]
fn each_code_is_seen_in_an_example() {
    let examples: BTreeSet<Code> = pages().iter().filter(|page| !page.commands.is_empty()).map(|page| page.code).collect();
    let missing: Vec<String> = Code::ALL.iter().filter(|code| !examples.contains(code)).map(ToString::to_string).collect();
    assert!(missing.is_empty(), "{}", missing.join(", "));
}
