//! Printing: to whom, in what form, and with what exit status.

use std::io::{self, Write as _};

use serde_json::{Value, json};

use crate::check;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, human, json as machine};

/// The form of a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Human,
    /// For machines, on standard output.
    Json,
}

/// Where a command prints.
pub struct Output {
    format: Format,
    /// Whether the command would have written files.
    writes: bool,
}

/// A command's exit status, or that printing failed.
pub type Outcome = io::Result<u8>;

/// The exit status of a command. A broken pipe is no error: who reads has enough.
pub fn status(outcome: Outcome) -> u8 {
    match outcome {
        Ok(status) => status,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error[io]: cannot write the output: {error}");
            3
        }
    }
}

impl Output {
    /// An output of that form.
    pub fn new(format: Format) -> Self {
        Self { format, writes: false }
    }

    /// That of a command which writes files, and says so when it did not.
    pub fn writing(format: Format) -> Self {
        Self { format, writes: true }
    }

    /// Reports findings that end the command.
    pub fn fail(&self, mut diagnostics: Diagnostics) -> Outcome {
        check::redact_findings(&mut diagnostics);
        let status = diagnostics.status();
        match self.format {
            Format::Json => self.json(json!({}), &diagnostics)?,
            Format::Human => {
                explain(&diagnostics)?;
                let summary = human::summary(&diagnostics);
                writeln!(io::stderr(), "{summary}{}", if self.writes { "; nothing was written" } else { "" })?;
            }
        }
        Ok(status)
    }

    /// Reports a result with the findings that did not stop it: `text` for
    /// people on standard output, after `words` on standard error; `object`
    /// for machines.
    pub fn done(&self, words: &str, text: &str, object: Value, mut diagnostics: Diagnostics) -> Outcome {
        check::redact_findings(&mut diagnostics);
        match self.format {
            Format::Json => self.json(object, &diagnostics)?,
            Format::Human => {
                explain(&diagnostics)?;
                if !words.is_empty() {
                    self.say(words)?;
                }
                write(text.as_bytes())?;
            }
        }
        Ok(0)
    }

    /// Reports a verdict, for people in `words`. The exit status is what the
    /// findings say.
    pub fn verdict(&self, words: &str, object: Value, diagnostics: Diagnostics) -> Outcome {
        let status = diagnostics.status();
        self.done(words, "", object, diagnostics)?;
        Ok(status)
    }

    /// Words for people while the result goes elsewhere.
    pub fn say(&self, words: &str) -> io::Result<()> {
        if self.format == Format::Human { say(words) } else { Ok(()) }
    }

    fn json(&self, mut object: Value, diagnostics: &Diagnostics) -> io::Result<()> {
        object["diagnostics"] = serde_json::to_value(machine::list(diagnostics)).map_err(io::Error::other)?;
        let mut text = serde_json::to_string_pretty(&object).map_err(io::Error::other)?;
        text.push('\n');
        write(text.as_bytes())
    }
}

/// Prints findings for people, with colours on a terminal only.
pub fn explain(diagnostics: &Diagnostics) -> io::Result<()> {
    write!(anstream::stderr().lock(), "{}", human::render(diagnostics))
}

/// Words for people.
pub fn say(words: &str) -> io::Result<()> {
    writeln!(io::stderr(), "{words}")
}

/// Writes bytes to standard output as they are.
pub fn write(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// A failure of the machine.
pub fn io_fault(what: &str, error: &io::Error) -> Diagnostics {
    Diagnostic::new(Code::Io, format!("{what}: {error}")).into()
}
