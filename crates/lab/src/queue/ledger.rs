//! The account of every task: what was promised must have become something, once.

use serde::{Deserialize, Serialize};

use crate::Tag;

/// Conservation of tasks, counted task by task and not from kept counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// The tag that was asked for; none: all tags.
    pub tag: Option<String>,
    /// Tasks that were acknowledged to a client, or would have been had the API lived a moment longer.
    pub sent: u64,
    /// Done, with exactly one completion.
    pub done: u64,
    /// In the dead-letter queue.
    pub dead: u64,
    /// Thrown away from the dead-letter queue.
    pub purged: u64,
    /// Queued or running.
    pub open: u64,
    /// Tasks with more than one completion, or with one while not done.
    pub twice: u64,
    /// Promised tasks that are not there, or are done without a completion.
    pub lost: u64,
    /// Whether `sent = done + dead + purged + open`, with none twice and none lost.
    pub conserved: bool,
}

/// The numbers that a store counts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Account {
    pub(super) sent: u64,
    pub(super) done: u64,
    pub(super) dead: u64,
    pub(super) purged: u64,
    pub(super) open: u64,
    pub(super) twice: u64,
    pub(super) lost: u64,
}

impl Account {
    pub(super) fn of(self, tag: Option<&Tag>) -> Ledger {
        let Self { sent, done, dead, purged, open, twice, lost } = self;
        let conserved = sent == done + dead + purged + open && twice == 0 && lost == 0;
        let tag = tag.map(|tag| tag.as_str().to_owned());
        Ledger { tag, sent, done, dead, purged, open, twice, lost, conserved }
    }
}
