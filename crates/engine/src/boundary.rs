//! The instants between which a crash could tear a change from its undo. Tests stop here and look.

use std::fmt;
use std::str::FromStr;

/// An instant in the life of a debt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Boundary {
    /// The undo is about to be written.
    BeforeOwed,
    /// The undo is on disk, the change is not made.
    AfterOwed,
    /// The change is made, its effect not yet measured.
    AfterChange,
    /// The effect was measured.
    AfterEffect,
    /// The undo is about to be carried out.
    BeforeUndo,
    /// The undo was carried out and measured, and nothing says so on disk.
    AfterUndo,
    /// The journal says that it is settled.
    AfterSettled,
}

/// The text names no boundary.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no boundary of the journal")]
pub struct NotABoundary(String);

impl Boundary {
    /// All of them, in the order of a debt's life.
    pub const ALL: [Self; 7] = [
        Self::BeforeOwed,
        Self::AfterOwed,
        Self::AfterChange,
        Self::AfterEffect,
        Self::BeforeUndo,
        Self::AfterUndo,
        Self::AfterSettled,
    ];
}

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BeforeOwed => "before-owed",
            Self::AfterOwed => "after-owed",
            Self::AfterChange => "after-change",
            Self::AfterEffect => "after-effect",
            Self::BeforeUndo => "before-undo",
            Self::AfterUndo => "after-undo",
            Self::AfterSettled => "after-settled",
        })
    }
}

impl FromStr for Boundary {
    type Err = NotABoundary;

    fn from_str(text: &str) -> Result<Self, NotABoundary> {
        let named = Self::ALL.into_iter().find(|boundary| boundary.to_string() == text);
        named.ok_or_else(|| NotABoundary(text.to_owned()))
    }
}
