//! The only place that prints: data on stdout, talk on stderr. A reader that has gone away is not an error.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use owo_colors::{OwoColorize, Style};
use serde::Serialize;
use squall_spec::Lints;
use squall_spec::render::{Colour, Glyphs, Theme};

use crate::args::When;
use crate::failure::{Failure, Text};

/// Stdout and stderr.
pub(crate) struct Printer {
    out: AutoStream<io::Stdout>,
    err: AutoStream<io::Stderr>,
    glyphs: Glyphs,
    colour: Colour,
}

impl Printer {
    /// `NO_COLOR` and its relatives are respected where `when` leaves it open.
    pub(crate) fn new(when: When) -> Self {
        let choice = |choice: ColorChoice| match when {
            When::Auto => choice,
            When::Always => ColorChoice::AlwaysAnsi,
            When::Never => ColorChoice::Never,
        };
        let (out, err) = (io::stdout(), io::stderr());
        let (for_out, for_err) = (choice(AutoStream::choice(&out)), choice(AutoStream::choice(&err)));
        Self {
            glyphs: if err.is_terminal() { Glyphs::Unicode } else { Glyphs::Ascii },
            colour: if for_err == ColorChoice::Never { Colour::Off } else { Colour::On },
            out: AutoStream::new(out, for_out),
            err: AutoStream::new(err, for_err),
        }
    }

    /// Whether a person looks at stderr, where progress is shown.
    pub(crate) fn has_terminal() -> bool {
        io::stderr().is_terminal()
    }

    /// Whether talk has colours.
    pub(crate) fn colour(&self) -> Colour {
        self.colour
    }

    /// A line of data.
    pub(crate) fn line(&mut self, text: impl Display) {
        heard(writeln!(self.out, "{text}"));
    }

    /// Data with its own line breaks.
    pub(crate) fn block(&mut self, text: &str) {
        heard(self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()));
    }

    /// A value as JSON, indented.
    pub(crate) fn json(&mut self, value: &impl Serialize) {
        match serde_json::to_string_pretty(value) {
            Ok(text) => self.line(text),
            Err(error) => self.say(format!("error: could not write JSON: {error}")),
        }
    }

    /// Bytes of another writer, as they are.
    pub(crate) fn out(&mut self) -> &mut dyn Write {
        &mut self.out
    }

    /// A line of talk.
    pub(crate) fn say(&mut self, text: impl Display) {
        heard(writeln!(self.err, "{text}"));
    }

    /// What to try next, after a blank line.
    pub(crate) fn hint(&mut self, text: impl Display) {
        self.say(format!("\n{} {text}", "hint:".style(Style::new().cyan().bold())));
    }

    /// Something that a person should know, though the command goes on.
    pub(crate) fn warn(&mut self, text: impl Display) {
        self.say(format!("{} {text}", "warning:".style(Style::new().yellow().bold())));
    }

    /// Remarks on an experiment.
    pub(crate) fn lints(&mut self, lints: &Lints) {
        if !lints.is_empty() {
            self.say(lints.render(self.theme()).trim_end());
        }
    }

    /// Why a command could not do what it was asked.
    pub(crate) fn failure(&mut self, failure: &Failure) {
        match &failure.text {
            Text::Sentence(text) => {
                self.say(format!("{} {text}", "error:".style(Style::new().red().bold())));
            }
            Text::Mistakes(mistakes) => self.say(mistakes.render(self.theme()).trim_end()),
            Text::Nothing => {}
        }
        if let Some(hint) = &failure.hint {
            self.hint(hint);
        }
    }

    fn theme(&self) -> Theme {
        Theme { glyphs: self.glyphs, colour: self.colour }
    }
}

/// Nobody is left who could be told that nobody listens; a command that changes things goes on to its end.
fn heard(written: io::Result<()>) {
    drop(written);
}
