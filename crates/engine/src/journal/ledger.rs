//! What a journal says: what is owed, what is settled, and whether it can be believed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use squall_model::event::FaultRef;
use squall_model::undo::Undo;

use super::entry::{Entry, Opened};

/// An undo that is owed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Debt {
    /// Counted from 1 in each journal, without gaps.
    pub number: u32,
    /// The fault that it belongs to; `None`: a service that the run started.
    pub fault: Option<FaultRef>,
    /// The undo.
    pub undo: Undo,
    /// Time since boot after which the warden carries it out, even when the run is alive.
    pub deadline: Option<Duration>,
}

/// A journal as read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    opened: Option<Opened>,
    debts: Vec<Debt>,
    settled: BTreeMap<u32, String>,
    failed: BTreeMap<u32, String>,
    damaged: Vec<usize>,
    torn: bool,
    halting: bool,
    closed: bool,
}

impl Ledger {
    /// Reads the bytes of a journal. Never fails: what cannot be read is counted, see [`Self::damage`].
    pub fn read(bytes: &[u8]) -> Self {
        let mut ledger = Self::default();
        // A bad line is normal where its writer died: at the end, or right before somebody took over.
        let mut suspect = None;
        for (number, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let (line, whole) = match line.strip_suffix(b"\n") {
                Some(line) => (line, true),
                None => (line, false),
            };
            if line.is_empty() {
                continue;
            }
            let entry = if whole { Entry::read(line) } else { None };
            match entry {
                Some(Entry::TakenOver { .. }) => suspect = None,
                Some(entry) => {
                    ledger.damaged.extend(suspect.take());
                    ledger.take(entry);
                }
                None => {
                    ledger.damaged.extend(suspect.replace(number + 1));
                    ledger.torn = !whole;
                }
            }
        }
        // A whole last line that cannot be read was durable once; a torn one never was.
        if !ledger.torn {
            ledger.damaged.extend(suspect);
        }
        ledger
    }

    fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Opened(opened) => self.opened = Some(opened),
            Entry::Owed(debt) => self.debts.push(debt),
            Entry::Settled { number, proof, .. } => {
                self.failed.remove(&number);
                self.settled.insert(number, proof);
            }
            Entry::Failed { number, why, .. } => {
                self.failed.insert(number, why);
            }
            Entry::TakenOver { .. } => {}
            Entry::Halting {} => self.halting = true,
            Entry::Closed {} => self.closed = true,
        }
    }

    /// Whose it is; `None` when not even the first line was written.
    pub fn opened(&self) -> Option<&Opened> {
        self.opened.as_ref()
    }

    /// What is still owed, the last first: the order of undoing.
    pub fn owed(&self) -> Vec<&Debt> {
        self.debts.iter().rev().filter(|debt| !self.settled.contains_key(&debt.number)).collect()
    }

    /// The proof of a settled debt.
    pub fn proof(&self, number: u32) -> Option<&str> {
        self.settled.get(&number).map(String::as_str)
    }

    /// Why a debt could not be settled when it was tried last.
    pub fn failure(&self, number: u32) -> Option<&str> {
        self.failed.get(&number).map(String::as_str)
    }

    /// The highest number given out.
    pub fn last(&self) -> u32 {
        self.debts.iter().map(|debt| debt.number).max().unwrap_or_default()
    }

    /// Lines that were durable once and cannot be read, and numbers that are missing: undos may be lost.
    pub fn damage(&self) -> Vec<String> {
        let mut damage: Vec<String> =
            self.damaged.iter().map(|line| format!("line {line} of the journal cannot be read")).collect();
        // Gaps and not numbers: one strange number must not become four thousand million lines.
        let mut before = 0;
        for number in self.debts.iter().map(|debt| debt.number).collect::<BTreeSet<u32>>() {
            match number.saturating_sub(before) {
                0 | 1 => {}
                2 => damage.push(format!("debt {} is missing", number - 1)),
                _ => damage.push(format!("debts {} to {} are missing", before + 1, number - 1)),
            }
            before = number;
        }
        damage
    }

    /// Whether the last line is not whole.
    pub fn is_torn(&self) -> bool {
        self.torn
    }

    /// Whether the run is on its way out.
    pub fn is_halting(&self) -> bool {
        self.halting
    }

    /// Whether nothing is owed, for good.
    pub fn is_closed(&self) -> bool {
        self.closed
    }
}
