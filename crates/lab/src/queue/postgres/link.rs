//! A connection whose every question has a time limit.
//!
//! A server that stands still keeps its connections, so the limit must be the client's. The driver is asynchronous; a
//! runtime of its own lets it be used from a thread that waits.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error, NoTls, Statement};

use crate::queue::{Chance, QueueError};

/// How long the server has for an answer. Shorter than what clients of the API wait.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long it has where every row is read.
const LONG_PATIENCE: Duration = Duration::from_mins(1);
/// Version of the tables.
const VERSION: i32 = 2;
/// Locks held by others end before our patience does, and no statement outlives its question for long.
const SETTINGS: &str =
    "SET search_path = squall_lab; SET synchronous_commit = on; SET lock_timeout = '1500ms';
                        SET idle_in_transaction_session_timeout = '10s'; SET jit = off";

pub(super) struct Link {
    shown: String,
    runtime: Runtime,
    client: Client,
    prepared: HashMap<&'static str, Statement>,
    lost: bool,
}

impl Link {
    pub(super) fn open(config: &Config, shown: &str) -> Result<Self, QueueError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|source| QueueError::Open {
            queue: shown.to_owned(),
            chance: Chance::Later,
            source: Arc::new(source),
        })?;
        let connected = runtime.block_on(async {
            timeout(PATIENCE, async {
                let (client, connection) = config.connect(NoTls).await?;
                // It ends with the client; its error is that of the question that is being asked.
                tokio::spawn(connection);
                client.batch_execute(SETTINGS).await?;
                Ok(client)
            })
            .await
        });
        let source: (Chance, Arc<dyn std::error::Error + Send + Sync>) = match connected {
            Ok(Ok(client)) => {
                return Ok(Self {
                    shown: shown.to_owned(),
                    runtime,
                    client,
                    prepared: HashMap::new(),
                    lost: false,
                });
            }
            Ok(Err(error)) => (chance(&error), Arc::new(error)),
            Err(elapsed) => (Chance::Later, Arc::new(elapsed)),
        };
        Err(QueueError::Open { queue: shown.to_owned(), chance: source.0, source: source.1 })
    }

    pub(super) fn is_up(&self) -> bool {
        !self.lost && !self.client.is_closed()
    }

    /// Makes the tables where there are none.
    pub(super) fn make(&mut self) -> Result<(), QueueError> {
        let making = async {
            let change = self.client.transaction().await?;
            // Two APIs may start together. The number is that of the lab: "sqll".
            change.batch_execute("SELECT pg_advisory_xact_lock(1936813164)").await?;
            let there = change.query_one("SELECT to_regnamespace('squall_lab') IS NOT NULL", &[]).await?;
            if !there.get::<_, bool>(0) {
                change.batch_execute(include_str!("schema.sql")).await?;
            }
            change.commit().await
        };
        let made = self.runtime.block_on(async { timeout(LONG_PATIENCE, making).await });
        self.answered("make the queue's tables", made)
    }

    /// Whether the tables are ours.
    pub(super) fn check(&mut self) -> Result<(), QueueError> {
        let read = self.runtime.block_on(async {
            timeout(PATIENCE, self.client.query_one("SELECT version FROM about", &[])).await
        });
        let row = self.answered("read the queue's version", read)?;
        let ours = row.try_get::<_, i32>(0).is_ok_and(|version| version == VERSION);
        if ours { Ok(()) } else { Err(QueueError::Foreign { queue: self.shown.clone() }) }
    }

    /// The value of a setting of the server.
    pub(super) fn setting(&mut self, name: &str) -> Result<String, QueueError> {
        let read = self.runtime.block_on(async {
            timeout(PATIENCE, self.client.query_one("SELECT current_setting($1)", &[&name])).await
        });
        let row = self.answered("read a setting", read)?;
        Ok(row.get(0))
    }

    /// Calls a function of the schema.
    pub(super) fn ask<T: DeserializeOwned>(
        &mut self,
        doing: &'static str,
        function: &'static str,
        input: &Value,
    ) -> Result<T, QueueError> {
        self.call(doing, function, input, PATIENCE)
    }

    /// Calls a function that reads every row.
    pub(super) fn ask_at_length<T: DeserializeOwned>(
        &mut self,
        doing: &'static str,
        function: &'static str,
        input: &Value,
    ) -> Result<T, QueueError> {
        self.call(doing, function, input, LONG_PATIENCE)
    }

    fn call<T: DeserializeOwned>(
        &mut self,
        doing: &'static str,
        function: &'static str,
        input: &Value,
        patience: Duration,
    ) -> Result<T, QueueError> {
        let input = without_nul(input).to_string();
        let asking = async {
            let statement = if let Some(statement) = self.prepared.get(function) {
                statement.clone()
            } else {
                let text = format!("SELECT {function}($1::text::jsonb)::text");
                let statement = self.client.prepare(&text).await?;
                self.prepared.insert(function, statement.clone());
                statement
            };
            self.client.query_one(&statement, &[&input]).await
        };
        let answer = self.runtime.block_on(async { timeout(patience, asking).await });
        let row = self.answered(doing, answer)?;
        let text: Option<&str> = row.try_get(0).map_err(|error| self.refusal(doing, error))?;
        serde_json::from_str(text.unwrap_or("null"))
            .map_err(|mistake| QueueError::Garbled { what: format!("the answer of {function}: {mistake}") })
    }

    fn answered<T>(
        &mut self,
        doing: &'static str,
        answer: Result<Result<T, Error>, tokio::time::error::Elapsed>,
    ) -> Result<T, QueueError> {
        match answer {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.refusal(doing, error)),
            Err(elapsed) => {
                // The answer may still come, and would be nobody's.
                self.lost = true;
                Err(QueueError::Statement { doing, chance: Chance::Later, source: Arc::new(elapsed) })
            }
        }
    }

    fn refusal(&mut self, doing: &'static str, error: Error) -> QueueError {
        let missing = [
            SqlState::UNDEFINED_TABLE,
            SqlState::UNDEFINED_FUNCTION,
            SqlState::INVALID_SCHEMA_NAME,
            SqlState::INVALID_CATALOG_NAME,
        ];
        match error.code() {
            Some(code) if missing.contains(code) => {
                QueueError::Missing { queue: self.shown.clone(), source: Arc::new(error) }
            }
            code => {
                // Without a code it is not the server that speaks: the connection is gone.
                self.lost |= code.is_none();
                QueueError::Statement { doing, chance: chance(&error), source: Arc::new(error) }
            }
        }
    }
}

fn chance(error: &Error) -> Chance {
    let never = [
        SqlState::INVALID_PASSWORD,
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        SqlState::INVALID_CATALOG_NAME,
        SqlState::INSUFFICIENT_PRIVILEGE,
    ];
    if error.code().is_some_and(|code| never.contains(code)) { Chance::Never } else { Chance::Later }
}

/// PostgreSQL's texts cannot hold U+0000; it becomes U+FFFD.
fn without_nul(value: &Value) -> Value {
    match value {
        Value::String(text) => text.replace('\0', "\u{FFFD}").into(),
        Value::Array(values) => values.iter().map(without_nul).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), without_nul(value))).collect()
        }
        other => other.clone(),
    }
}
