//! The machine's form of a diagnostic.

use super::{Diagnostic, Diagnostics, Severity};

/// `{code, severity, message, help, file, line, column, path}`: `file` as given
/// and null for a command-line argument; line and column from 1.
#[derive(Debug, serde::Serialize)]
pub struct JsonDiagnostic {
    code: &'static str,
    severity: Severity,
    message: String,
    help: Option<String>,
    file: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
    path: Option<String>,
}

impl From<&Diagnostic> for JsonDiagnostic {
    fn from(diagnostic: &Diagnostic) -> Self {
        let file = diagnostic.location.as_ref().filter(|at| at.source.is_file);
        let position = file.map(|at| at.position());
        Self {
            code: diagnostic.code.name(),
            severity: diagnostic.severity,
            message: diagnostic.message.clone(),
            help: diagnostic.help.clone(),
            file: file.map(|at| at.source.name.clone()),
            line: position.map(|(line, _)| line),
            column: position.map(|(_, column)| column),
            path: diagnostic.path.clone(),
        }
    }
}

/// Every finding in its JSON form.
pub fn list(diagnostics: &Diagnostics) -> Vec<JsonDiagnostic> {
    diagnostics.items.iter().map(JsonDiagnostic::from).collect()
}
