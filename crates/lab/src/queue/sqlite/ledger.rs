//! Counting every promise and what became of it.

use rusqlite::Connection;

use super::{Doing, QueueError};
use crate::Tag;
use crate::queue::Ledger;
use crate::queue::ledger::Account;

pub(super) fn ledger(connection: &Connection, tag: Option<&Tag>) -> Result<Ledger, QueueError> {
    let of_tag = if tag.is_some() { "promises.tag = ?1" } else { "?1 IS NULL" };
    let look = format!(
        "SELECT count(*),
                count(*) FILTER (WHERE state = 'done' AND completed = 1),
                count(*) FILTER (WHERE state = 'dead'),
                count(*) FILTER (WHERE state = 'purged'),
                count(*) FILTER (WHERE state IN ('queued', 'running')),
                count(*) FILTER (WHERE completed > 1 OR (completed = 1 AND state <> 'done')),
                count(*) FILTER (WHERE state IS NULL OR (state = 'done' AND completed = 0))
         FROM (SELECT tasks.state AS state,
                      (SELECT count(*) FROM completions WHERE completions.task = promises.task) AS completed
               FROM promises LEFT JOIN tasks ON tasks.id = promises.task WHERE {of_tag})"
    );
    let account = connection
        .query_row(&look, [tag.map(Tag::as_str)], |row| {
            let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
            Ok(Account {
                sent: number(0)?,
                done: number(1)?,
                dead: number(2)?,
                purged: number(3)?,
                open: number(4)?,
                twice: number(5)?,
                lost: number(6)?,
            })
        })
        .doing("read the ledger")?;
    Ok(account.of(tag))
}
