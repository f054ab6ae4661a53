//! How a run ended, and the exit code that says so.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a run says of the system, or of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The steady state held, during the faults and after them.
    Held,
    /// The steady state was left further than the hypothesis allows, or not reached again.
    Deviated,
    /// The steady state was left, and the instances that no fault hit left it as well: nobody can be blamed.
    Inconclusive,
    /// The baseline was not steady: nothing was injected.
    Unsteady,
    /// An abort threshold was breached; everything was undone.
    Aborted,
    /// A person or a signal halted the run; everything was undone.
    Halted,
    /// Something went wrong that says nothing about the system; everything was undone.
    Error,
    /// Something could not be undone, or its undo could not be measured.
    Dirty,
}

impl Verdict {
    /// The word that stands for it everywhere.
    pub fn word(self) -> &'static str {
        match self {
            Self::Held => "HELD",
            Self::Deviated => "DEVIATED",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::Unsteady => "UNSTEADY",
            Self::Aborted => "ABORTED",
            Self::Halted => "HALTED",
            Self::Error => "ERROR",
            Self::Dirty => "DIRTY",
        }
    }

    /// The exit code of a run that ended so.
    pub fn exit(self) -> Exit {
        match self {
            Self::Held => Exit::Held,
            Self::Deviated => Exit::Deviated,
            Self::Inconclusive => Exit::Inconclusive,
            Self::Unsteady => Exit::Unsteady,
            Self::Aborted => Exit::Aborted,
            Self::Halted => Exit::Halted,
            Self::Error => Exit::Unexpected,
            Self::Dirty => Exit::Dirty,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Every exit code of the `squall` binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Exit {
    /// The steady state held; or the command did what it was asked to do.
    Held = 0,
    /// An unexpected error; nothing of ours is left.
    Unexpected = 1,
    /// The command line is wrong.
    Usage = 2,
    /// A file is wrong.
    File = 3,
    /// Refused before anything was touched: permission, policy, missing target, something still injected.
    Refused = 4,
    /// The baseline was not steady; nothing was injected.
    Unsteady = 5,
    /// The steady state was left or not reached again.
    Deviated = 10,
    /// Halted by a person or a signal, and clean.
    Halted = 11,
    /// Aborted by a threshold, and clean.
    Aborted = 12,
    /// The steady state was left, and the faults cannot be blamed for it.
    Inconclusive = 13,
    /// Something could not be undone.
    Dirty = 20,
}

impl Exit {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 11] = [
        Self::Held,
        Self::Unexpected,
        Self::Usage,
        Self::File,
        Self::Refused,
        Self::Unsteady,
        Self::Deviated,
        Self::Halted,
        Self::Aborted,
        Self::Inconclusive,
        Self::Dirty,
    ];

    /// The number that the operating system is given.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// What it means, in one line.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Held => "held: the steady state held, or the command did what it was asked",
            Self::Unexpected => "unexpected error, and clean",
            Self::Usage => "bad usage",
            Self::File => "a file is wrong",
            Self::Refused => {
                "refused by preflight or policy: permission, missing target, protected environment, something still injected"
            }
            Self::Unsteady => "unsteady: the baseline was bad, nothing was injected",
            Self::Deviated => "deviated from the steady state",
            Self::Halted => "halted by a person or signal, and clean",
            Self::Aborted => "aborted by a threshold, and clean",
            Self::Inconclusive => {
                "inconclusive: the steady state was left, and the control group left it as well"
            }
            Self::Dirty => "dirty: something could not be undone",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // U1, U8: scripts depend on these numbers.
    #[test]
    fn exit_codes_are_a_contract() {
        let codes: Vec<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 20]);
        assert_eq!(Verdict::Held.exit().code(), 0);
        assert_eq!(Verdict::Dirty.exit().code(), 20);
    }
}
