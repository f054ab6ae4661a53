//! The lines of a journal.

use serde::{Deserialize, Serialize};
use squall_model::id::{ProcessRef, RunId};

use super::ledger::Debt;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry {
    /// The first line.
    Opened(Opened),
    /// An undo that is owed from here on.
    Owed(Debt),
    /// It was carried out and measured.
    Settled {
        /// Which.
        number: u32,
        /// By whom.
        by: Settler,
        /// What was measured.
        proof: String,
    },
    /// It was tried and failed; it stays owed.
    Failed {
        /// Which.
        number: u32,
        /// By whom.
        by: Settler,
        /// Why.
        why: String,
    },
    /// Somebody else goes on writing; a line before this one may be torn.
    TakenOver {
        /// Who.
        by: Settler,
    },
    /// The run is being halted.
    Halting {},
    /// Nothing is owed any more.
    Closed {},
}

/// Whose journal it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    /// The run.
    pub run: RunId,
    /// Its process.
    pub process: ProcessRef,
    /// The boot of the machine: processes and kernel state of another boot are gone (/proc/sys/kernel/random/boot_id).
    pub boot: String,
    /// Wall clock, RFC 3339 in UTC.
    pub time: String,
    /// Name of the experiment.
    pub name: String,
    /// The environment.
    pub environment: String,
}

/// Who carried an undo out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Settler {
    /// The run itself.
    Run,
    /// Its warden.
    Warden,
    /// A later command.
    Recover,
}

impl Entry {
    /// The line, with its checksum and line break.
    ///
    /// # Panics
    /// Never: an entry is made of strings, numbers and maps with string keys.
    pub fn line(&self) -> Vec<u8> {
        let json = serde_json::to_string(self).expect("an entry is always valid JSON");
        format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes())).into_bytes()
    }

    /// Reads a line without its line break; `None` when it is torn or altered.
    pub fn read(line: &[u8]) -> Option<Self> {
        let (sum, json) = line.split_at_checked(9)?;
        let (sum, blank) = sum.split_at(8);
        let sum = u32::from_str_radix(std::str::from_utf8(sum).ok()?, 16).ok()?;
        if blank != b" " || crc32fast::hash(json) != sum {
            return None;
        }
        serde_json::from_slice(json).ok()
    }
}
