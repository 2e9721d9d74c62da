//! Workflow commands of GitHub Actions, which show a finding at its line of a
//! pull request.

use super::{Diagnostic, Severity};

/// `::error file=F,line=L,col=C,title=CODE::MESSAGE`, without a line break.
pub fn line(diagnostic: &Diagnostic) -> String {
    let level = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let mut place = String::new();
    if let Some((location, file)) = diagnostic.location.as_ref().and_then(|location| Some((location, location.file()?))) {
        let (line, column) = location.position();
        place = format!("file={},line={line},col={column},", property(file));
    }
    let help = diagnostic.help.as_ref().map(|help| format!("\n{help}")).unwrap_or_default();
    format!("::{level} {place}title={}::{}", diagnostic.code, message(&format!("{}{help}", diagnostic.message)))
}

/// What would end the command or its line is escaped.
fn message(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Code, Source};

    #[test]
    fn one_line_with_what_would_end_it_escaped() {
        let source = Source::file("a,b:c.yaml", "x\ny: 100%\n");
        let finding = Diagnostic::new(Code::FlagType, "100% is\nno duration").at(source.at(5..9)).help("write 1s");
        assert_eq!(line(&finding), "::error file=a%2Cb%3Ac.yaml,line=2,col=4,title=flag-type::100%25 is%0Ano duration%0Awrite 1s");
    }
}
