//! `packwright explain`.

use clap::Args;
use serde_json::json;

use super::output::{Format, Outcome, Output};
use crate::diagnostic::{Class, Code, Diagnostic, Diagnostics, nearest};

/// The page of each code, which docs/codes.md is made of.
const PAGES: &str = include_str!("../../docs/codes.md");

/// Say what a finding means: the reason, an example, and the cure
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  packwright explain audit-batch-without-wait
  packwright explain                            # every code, with its reason in a line")]
pub struct Explain {
    /// The code of a finding, such as `flag-unknown`
    #[arg(value_name = "CODE")]
    code: Option<String>,

    /// The form of the answer
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Explain {
    pub fn run(self) -> Outcome {
        let output = Output::new(self.format);
        let Some(name) = self.code else {
            let width = Code::ALL.iter().map(|code| code.name().len()).max().unwrap_or_default();
            let lines: String = Code::ALL.iter().map(|code| format!("{:width$}  {}\n", code.name(), code.reason())).collect();
            return output.done(
                "",
                &lines,
                json!({"codes": Code::ALL.iter().map(|code| object(*code)).collect::<Vec<_>>()}),
                Diagnostics::new(),
            );
        };
        let Some(code) = Code::ALL.iter().copied().find(|code| code.name() == name) else {
            let mut fault = Diagnostic::new(Code::Usage, format!("there is no code `{name}`"));
            fault.help = Some(match nearest(&name, Code::ALL.iter().map(|code| code.name())) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`packwright explain` lists them".to_owned(),
            });
            return output.fail(fault.into());
        };
        let text = format!("{code}: {}\n\n{}\n", standing(code), page(code));
        output.done("", &text, object(code), Diagnostics::new())
    }
}

fn object(code: Code) -> serde_json::Value {
    json!({
        "code": code.name(),
        "severity": code.severity(),
        "reason": code.reason(),
        "canBeAllowed": code.can_be_allowed(),
        "page": page(code),
    })
}

/// Severity, exit status, and whether a person may overrule it.
fn standing(code: Code) -> String {
    let severity = match code.severity() {
        crate::diagnostic::Severity::Error => "an error",
        crate::diagnostic::Severity::Warning => "a warning",
        crate::diagnostic::Severity::Note => "a note",
    };
    let status = match code.class() {
        Class::Verdict => 1,
        Class::Input => 2,
        Class::Machine => 3,
    };
    let allow = if code.can_be_allowed() { format!("; `--allow {code}` makes it a note") } else { String::new() };
    format!("{severity} unless the case is graver or lighter; as an error it makes the exit status {status}{allow}")
}

/// The text below the code's heading, up to the next.
fn page(code: Code) -> String {
    let heading = format!("### {code}");
    let mut in_example = false;
    let lines = PAGES.lines().skip_while(|line| *line != heading).skip(1).take_while(|line| {
        in_example ^= line.starts_with("```");
        in_example || !line.starts_with('#')
    });
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_page_with_an_example() {
        for code in Code::ALL {
            let page = page(*code);
            assert!(page.contains("```"), "{code} has no example: {page}");
        }
    }
}
