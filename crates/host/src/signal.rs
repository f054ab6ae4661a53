//! The signals that a person may send.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A signal, signal(7). Real-time signals are left out: nobody names them in an experiment.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Signal {
    /// The terminal is gone; daemons read their settings again.
    Hup,
    /// Ctrl-C.
    Int,
    /// Ctrl-\, with a core dump.
    Quit,
    /// Abort, with a core dump.
    Abrt,
    /// Meaning given by the program.
    Usr1,
    /// Meaning given by the program.
    Usr2,
    /// A crash by a bad address.
    Segv,
    /// A polite request to end.
    Term,
    /// The end, which cannot be caught.
    Kill,
    /// Stop running, which cannot be caught.
    Stop,
    /// Run again.
    Cont,
}

/// A name or number that is no signal a person may send.
#[derive(Debug, thiserror::Error)]
#[error("read `{text}` as a signal")]
pub struct UnknownSignal {
    /// What was written.
    pub text: String,
}

const NAMED: [(Signal, &str, i32); 11] = [
    (Signal::Hup, "HUP", libc::SIGHUP),
    (Signal::Int, "INT", libc::SIGINT),
    (Signal::Quit, "QUIT", libc::SIGQUIT),
    (Signal::Abrt, "ABRT", libc::SIGABRT),
    (Signal::Usr1, "USR1", libc::SIGUSR1),
    (Signal::Usr2, "USR2", libc::SIGUSR2),
    (Signal::Segv, "SEGV", libc::SIGSEGV),
    (Signal::Term, "TERM", libc::SIGTERM),
    (Signal::Kill, "KILL", libc::SIGKILL),
    (Signal::Stop, "STOP", libc::SIGSTOP),
    (Signal::Cont, "CONT", libc::SIGCONT),
];

impl Signal {
    /// The signal with this number on this machine.
    pub fn from_number(number: i32) -> Option<Self> {
        let (signal, ..) = NAMED.iter().find(|(_, _, own)| *own == number)?;
        Some(*signal)
    }

    pub(crate) fn raw(self) -> rustix::process::Signal {
        use rustix::process::Signal as Raw;
        match self {
            Self::Hup => Raw::HUP,
            Self::Int => Raw::INT,
            Self::Quit => Raw::QUIT,
            Self::Abrt => Raw::ABORT,
            Self::Usr1 => Raw::USR1,
            Self::Usr2 => Raw::USR2,
            Self::Segv => Raw::SEGV,
            Self::Term => Raw::TERM,
            Self::Kill => Raw::KILL,
            Self::Stop => Raw::STOP,
            Self::Cont => Raw::CONT,
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name =
            NAMED.iter().find_map(|(signal, name, _)| (signal == self).then_some(*name)).unwrap_or("?");
        write!(out, "SIG{name}")
    }
}

impl FromStr for Signal {
    type Err = UnknownSignal;

    /// Reads `TERM`, `SIGTERM`, `sigterm` or `15`.
    fn from_str(text: &str) -> Result<Self, UnknownSignal> {
        let upper = text.to_ascii_uppercase();
        let bare = upper.strip_prefix("SIG").unwrap_or(&upper);
        NAMED
            .iter()
            .find(|(_, name, number)| *name == bare || number.to_string() == bare)
            .map(|(signal, ..)| *signal)
            .ok_or_else(|| UnknownSignal { text: text.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signal_reads_back_from_its_name_and_number() {
        for (signal, name, number) in NAMED {
            assert_eq!(signal.to_string().parse::<Signal>().unwrap(), signal);
            assert_eq!(name.to_lowercase().parse::<Signal>().unwrap(), signal);
            assert_eq!(number.to_string().parse::<Signal>().unwrap(), signal);
            assert_eq!(signal.raw().as_raw(), number);
        }
        assert!("SIGWHATEVER".parse::<Signal>().is_err());
        assert!("".parse::<Signal>().is_err());
    }
}
