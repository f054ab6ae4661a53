//! Mistakes: what is wrong in a file, where, and how to put it right.

use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};
use squall_model::verdict::Exit;

use crate::code::Code;

/// A range of bytes in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Place {
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

/// One mistake, or one lint.
#[derive(Clone, Debug, PartialEq)]
pub struct Mistake {
    /// Which kind.
    pub code: Code,
    /// The sentence: "`200 millis` is not a duration".
    pub message: String,
    /// What is underlined.
    pub place: Place,
    /// A few words below the underlined place.
    pub label: String,
    /// How to put it right.
    pub help: Option<String>,
    /// Another place that belongs to it, with its label.
    pub related: Option<(Place, String)>,
}

/// A text that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// The name of the file, as it was given.
    pub name: String,
    /// What stands in it.
    pub text: String,
}

/// The mistakes in one file, in the order of their places.
#[derive(Clone, Debug, PartialEq)]
pub struct InFile {
    /// The file.
    pub source: Arc<Source>,
    /// Its mistakes.
    pub list: Vec<Mistake>,
}

/// All mistakes of an experiment: those of its own file and those of its target's. Never empty as an error.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mistakes {
    /// By file.
    pub files: Vec<InFile>,
}

/// Remarks on an experiment that can be run, in the form of mistakes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lints(pub Mistakes);

impl Place {
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }
}

impl Source {
    /// Line and column of a byte, both from 1; columns count characters.
    pub fn line_column(&self, byte: usize) -> (usize, usize) {
        let before = self.text.get(..byte).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (line, column)
    }
}

impl Mistake {
    pub(crate) fn new(
        code: Code,
        message: impl Into<String>,
        place: Place,
        label: impl Into<String>,
    ) -> Self {
        Self { code, message: message.into(), place, label: label.into(), help: None, related: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn related(mut self, place: Place, label: impl Into<String>) -> Self {
        self.related = Some((place, label.into()));
        self
    }
}

impl Mistakes {
    pub(crate) fn add(&mut self, source: &Arc<Source>, mut list: Vec<Mistake>) {
        if list.is_empty() {
            return;
        }
        list.sort_by_key(|mistake| (mistake.place.start, mistake.place.end));
        self.files.push(InFile { source: Arc::clone(source), list });
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.files.iter().all(|file| file.list.is_empty())
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.files.iter().map(|file| file.list.len()).sum()
    }

    /// Every mistake with its file.
    pub fn iter(&self) -> impl Iterator<Item = (&Source, &Mistake)> {
        self.files.iter().flat_map(|file| file.list.iter().map(|mistake| (&*file.source, mistake)))
    }

    /// The exit code: [`Exit::Refused`] when the file is right but its target is not there, else [`Exit::File`].
    pub fn exit(&self) -> Exit {
        let refused = !self.is_empty() && self.iter().all(|(_, mistake)| mistake.code == Code::NothingFound);
        if refused { Exit::Refused } else { Exit::File }
    }

    /// For programs: a list of objects with file, line, column, code, message, label and help.
    pub fn to_json(&self) -> Value {
        self.iter()
            .map(|(source, mistake)| {
                let (line, column) = source.line_column(mistake.place.start);
                json!({
                    "file": source.name,
                    "line": line,
                    "column": column,
                    "code": mistake.code.name(),
                    "message": mistake.message,
                    "label": mistake.label,
                    "help": mistake.help,
                })
            })
            .collect()
    }
}

/// One line each: `file:line:column: message`.
impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (source, mistake)) in self.iter().enumerate() {
            let (line, column) = source.line_column(mistake.place.start);
            let gap = if index > 0 { "\n" } else { "" };
            write!(f, "{gap}{}:{line}:{column}: {}", source.name, mistake.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

impl Lints {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
