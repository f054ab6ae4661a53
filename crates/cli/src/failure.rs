//! Why a command could not do what it was asked, with its exit code and a hint.

use std::error::Error;

use squall_engine::reason::reason;
use squall_model::verdict::Exit;
use squall_spec::Mistakes;

/// A command's bad end.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What the operating system is told.
    pub(crate) exit: Exit,
    /// What a person is told.
    pub(crate) text: Text,
    /// What to try.
    pub(crate) hint: Option<String>,
}

/// What a person is told.
#[derive(Debug)]
pub(crate) enum Text {
    /// A sentence, without `error:` in front.
    Sentence(String),
    /// The mistakes in a file.
    Mistakes(Mistakes),
    /// It was said already.
    Nothing,
}

impl Failure {
    /// A sentence and its exit code.
    pub(crate) fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, text: Text::Sentence(text.into()), hint: None }
    }

    /// Something that should not happen: `could not ...`.
    pub(crate) fn unexpected(error: &dyn Error) -> Self {
        Self::new(Exit::Unexpected, format!("could not {}", reason(error)))
    }

    /// Refused before anything was touched.
    pub(crate) fn refused(text: impl Into<String>) -> Self {
        Self::new(Exit::Refused, text)
    }

    /// The command line makes no sense.
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::new(Exit::Usage, text)
    }

    /// A file is wrong or cannot be read.
    pub(crate) fn file(text: impl Into<String>) -> Self {
        Self::new(Exit::File, text)
    }

    /// The same with a hint.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<Mistakes> for Failure {
    fn from(mistakes: Mistakes) -> Self {
        let hint = mistakes.iter().next().map(|(_, mistake)| {
            format!("`squall explain {}` says more; nothing was touched", mistake.code.name())
        });
        Self { exit: mistakes.exit(), text: Text::Mistakes(mistakes), hint }
    }
}
