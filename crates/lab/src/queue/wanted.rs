//! What a worker asks for.

use std::time::Duration;

/// Which kinds of tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Kinds {
    /// All.
    #[default]
    All,
    /// Only those with these names.
    Only(Vec<String>),
    /// All but those with these names: a worker whose breaker for them is open.
    Except(Vec<String>),
}

impl Kinds {
    /// The names, and whether they are the wanted ones or the others. None: all kinds.
    pub(super) fn listed(&self) -> Option<(&[String], bool)> {
        match self {
            Self::All => None,
            Self::Only(names) => Some((names, true)),
            Self::Except(names) => Some((names, false)),
        }
    }
}

/// Tasks for a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The worker's name, for the records.
    pub worker: String,
    /// At most so many.
    pub slots: usize,
    /// How long they are held without a sign of life.
    pub lease: Duration,
    /// Of these kinds.
    pub kinds: Kinds,
}
