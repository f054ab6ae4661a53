//! The stores that a queue can be in, and what the tests do to them behind the queue's back.

use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

mod postgres;
mod redis;

pub(crate) use postgres::Postgres;
pub(crate) use redis::Redis;

/// Damage that no queue does to itself.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Damage {
    /// The work of this task cannot be read.
    Garbled(i64),
    /// This task is gone, its promise is not.
    Lost(i64),
    /// This task is done, its completion is gone.
    Uncompleted(i64),
    /// This task is not done, and has a completion.
    Completed(i64),
}

/// A store that is running.
pub(crate) trait Store: Sync {
    /// A place where no queue is yet, as `--queue` takes it.
    fn fresh(&self) -> String;
    fn damage(&self, queue: &str, damage: Damage);
}

/// A store that is a server, which can be lost.
pub(crate) trait Server: Store {
    /// SIGKILL.
    fn kill(&mut self);
    /// Starts it again on what is on its disk. Returns when it answers.
    fn start(&mut self);
    /// SIGSTOP: connections stay, nothing answers.
    fn pause(&self);
    /// SIGCONT.
    fn resume(&self);
    /// Closes all connections of clients.
    fn cut(&self);
}

/// Files of SQLite.
pub(crate) struct Sqlite {
    folder: TempDir,
    next: AtomicU32,
}

impl Sqlite {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), next: AtomicU32::new(0) }
    }
}

impl Store for Sqlite {
    fn fresh(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.folder.path().join(format!("{number}.db")).to_str().unwrap().to_owned()
    }

    fn damage(&self, queue: &str, damage: Damage) {
        let statement = match damage {
            Damage::Garbled(id) => format!("UPDATE tasks SET payload = '{{}}' WHERE id = {id}"),
            Damage::Lost(id) => format!("DELETE FROM tasks WHERE id = {id}"),
            Damage::Uncompleted(id) => format!("DELETE FROM completions WHERE task = {id}"),
            Damage::Completed(id) => format!(
                "INSERT INTO completions (task, tag, kind, worker, attempt, waited, at) VALUES ({id}, 't', 'sleep', 'w', 1, 0, 0)"
            ),
        };
        let connection = rusqlite::Connection::open(queue).unwrap();
        assert_eq!(connection.execute(&statement, []).unwrap(), 1, "{statement}");
    }
}
