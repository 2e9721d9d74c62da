//! `# packwright: allow CODE reason`: a person's word, in the file itself, that
//! a finding is known and meant.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diagnostic::human::quote;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Severity, Source};

const MARK: &str = "# packwright: allow ";

/// Makes findings notes that a comment allows: one at the end of the finding's
/// line, one on a line of its own before it, or, before the file's first line
/// that is no comment, one for the whole file. A comment that allows nothing,
/// since it has no reason or no such code, is `allow-comment`. Gives the codes of
/// which a finding was allowed.
pub fn apply(found: &mut Diagnostics) -> BTreeSet<Code> {
    let mut used = BTreeSet::new();
    let mut files: BTreeMap<String, (Arc<Source>, Vec<Allowed>)> = BTreeMap::new();
    let mut faults = Diagnostics::new();
    for item in &mut found.items {
        let Some(location) = &item.location else { continue };
        let source = &location.source;
        if !source.text.contains(MARK) {
            continue;
        }
        let (_, allowed) = files.entry(source.name.clone()).or_insert_with(|| (Arc::clone(source), comments(source, &mut faults)));
        let (line, _) = location.position();
        if item.code.can_be_allowed() && allowed.iter().any(|comment| comment.code == item.code && comment.is_for(line)) {
            item.severity = Severity::Note;
            used.insert(item.code);
        }
    }
    found.extend(faults);
    used
}

/// What one comment allows.
struct Allowed {
    code: Code,
    /// The line that it is for; none for the whole file.
    line: Option<usize>,
}

impl Allowed {
    fn is_for(&self, line: usize) -> bool {
        self.line.is_none_or(|own| own == line)
    }
}

fn comments(source: &Arc<Source>, faults: &mut Diagnostics) -> Vec<Allowed> {
    let mut allowed = Vec::new();
    // Comments on lines of their own, waiting for the line that they are for.
    let mut waiting: Vec<Code> = Vec::new();
    let mut is_head = true;
    for (index, text) in source.text.lines().enumerate() {
        let line = index + 1;
        let comment = text.find(MARK).and_then(|at| {
            let start = source.line_start(line) + at;
            read(&text[at + MARK.len()..])
                .map_err(|why| {
                    let message = format!("this comment allows nothing: {why}");
                    let help =
                        "write `# packwright: allow CODE reason`, such as `# packwright: allow policy-noise asked for by the auditors`";
                    faults.push(Diagnostic::new(Code::AllowComment, message).at(source.at(start..start + text.len() - at)).help(help));
                })
                .ok()
        });
        let before = text.trim_start();
        if before.is_empty() || before.starts_with('#') {
            match comment {
                Some(code) if is_head => allowed.push(Allowed { code, line: None }),
                Some(code) => waiting.push(code),
                None => {}
            }
            continue;
        }
        // What stands before the first document is still the head.
        is_head &= before.starts_with("---") || before.starts_with('%');
        allowed.extend(comment.into_iter().chain(waiting.drain(..)).map(|code| Allowed { code, line: Some(line) }));
    }
    allowed
}

fn read(text: &str) -> Result<Code, String> {
    let (name, reason) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    let code = Code::parse(name)?;
    if !code.can_be_allowed() {
        return Err(format!("{} cannot be allowed", quote(name)));
    }
    if reason.trim().is_empty() { Err("it gives no reason".to_owned()) } else { Ok(code) }
}
