//! The account of every task: what was promised must have become something, once.

use serde::{Deserialize, Serialize};

use super::{Doing, QueueError, View};
use crate::Tag;

/// Conservation of tasks, counted row by row and not from kept counts.
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
    /// Queued or running.
    pub open: u64,
    /// Tasks with more than one completion, or with one while not done.
    pub twice: u64,
    /// Promised tasks that are not there, or are done without a completion.
    pub lost: u64,
    /// Whether `sent = done + dead + open`, with none twice and none lost.
    pub conserved: bool,
}

impl View {
    /// The account, of one tag or of all. Reads every row of the tag.
    pub fn ledger(&self, tag: Option<&Tag>) -> Result<Ledger, QueueError> {
        let read = self.connection.unchecked_transaction().doing("read the ledger")?;
        let tag = tag.map(Tag::as_str);
        let of_tag = if tag.is_some() { "promises.tag = ?1" } else { "?1 IS NULL" };
        let look = format!(
            "SELECT count(*),
                    total(state = 'done' AND completed = 1),
                    total(state = 'dead'),
                    total(state IN ('queued', 'running')),
                    total(completed > 1 OR (completed = 1 AND state <> 'done')),
                    total(state IS NULL OR (state = 'done' AND completed = 0))
             FROM (SELECT tasks.state AS state,
                          (SELECT count(*) FROM completions WHERE completions.task = promises.task) AS completed
                   FROM promises LEFT JOIN tasks ON tasks.id = promises.task WHERE {of_tag})"
        );
        let numbers: [f64; 6] = read
            .query_row(&look, [tag], |row| {
                let mut numbers = [0.0; 6];
                for (column, number) in numbers.iter_mut().enumerate() {
                    *number = row.get(column)?;
                }
                Ok(numbers)
            })
            .doing("read the ledger")?;
        let [sent, done, dead, open, twice, lost] = numbers.map(|number| number as u64);
        let conserved = sent == done + dead + open && twice == 0 && lost == 0;
        Ok(Ledger { tag: tag.map(str::to_owned), sent, done, dead, open, twice, lost, conserved })
    }
}
