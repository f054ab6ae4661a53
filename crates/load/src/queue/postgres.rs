//! Tasks for a queue in PostgreSQL.

use std::error::Error;
use std::io;
use std::sync::{Mutex, MutexGuard};

use tokio::sync::Semaphore;
use tokio_postgres::config::SslMode;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, NoTls, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{QueueMistake, is_tls, needless};
use crate::sender::{Sender, Sending};
use crate::{Failure, Text, trust};

/// Connections at the same time. More requests than that wait for one, which counts as their latency.
const MOST: usize = 16;

/// Tasks that are inserted by a statement, over at most 16 connections.
#[derive(Clone)]
pub struct PostgresTarget {
    config: Config,
    statement: String,
    body: Text,
    /// Where the address asks for TLS.
    tls: Option<MakeRustlsConnect>,
}

pub(crate) struct Inserter {
    target: PostgresTarget,
    seed: u64,
    room: Semaphore,
    waiting: Mutex<Vec<Line>>,
}

struct Line {
    client: Client,
    statement: Statement,
}

impl PostgresTarget {
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, with TLS where it ends in `?sslmode=require`. Then the server's
    /// certificate must be for that host and of one of these authorities (PEM), of the host's where none are given. The body
    /// is the statement's `$1`, of the type text.
    pub fn new(
        url: &str,
        statement: &str,
        body: Text,
        authorities: Option<&[u8]>,
    ) -> Result<Self, QueueMistake> {
        let config: Config = url.parse().map_err(|_| {
            QueueMistake::Address(
                "it is not of the form postgres://USER:PASSWORD@HOST:PORT/DATABASE".to_owned(),
            )
        })?;
        let tls = match config.get_ssl_mode() {
            SslMode::Require => {
                let trusted = trust::config(authorities).map_err(QueueMistake::Certificates)?;
                Some(MakeRustlsConnect::new(trusted))
            }
            _ if authorities.is_some() => return Err(needless("?sslmode=require")),
            _ => None,
        };
        Ok(Self { config, statement: statement.to_owned(), body, tls })
    }

    pub(crate) fn seeded(self, seed: u64) -> Inserter {
        Inserter { target: self, seed, room: Semaphore::new(MOST), waiting: Mutex::default() }
    }
}

impl Inserter {
    fn waiting(&self) -> MutexGuard<'_, Vec<Line>> {
        self.waiting.lock().expect("nobody panics with the list in hand")
    }

    async fn line(&self) -> Result<Line, Failure> {
        let known = {
            let mut waiting = self.waiting();
            waiting.retain(|line| !line.client.is_closed());
            waiting.pop()
        };
        if let Some(line) = known {
            return Ok(line);
        }
        let unreachable = |error: tokio_postgres::Error| failure(&error, Failure::Connect);
        let client = if let Some(tls) = &self.target.tls {
            let (client, connection) = self.target.config.connect(tls.clone()).await.map_err(unreachable)?;
            tokio::spawn(connection);
            client
        } else {
            let (client, connection) = self.target.config.connect(NoTls).await.map_err(unreachable)?;
            tokio::spawn(connection);
            client
        };
        let statement = self.target.statement.as_str();
        let prepared = client.prepare_typed(statement, &[Type::TEXT]).await;
        let statement = prepared.map_err(|error| failure(&error, Failure::Closed))?;
        Ok(Line { client, statement })
    }

    async fn insert(&self, n: u64) -> Result<(), Failure> {
        let _room = self.room.acquire().await.map_err(|_| Failure::Connect)?;
        let body = self.target.body.of(n, self.seed);
        let line = self.line().await?;
        let parameters: [&(dyn ToSql + Sync); 1] = [&body];
        let used = line.statement.params().len().min(1);
        let inserted = line.client.execute(&line.statement, &parameters[..used]).await;
        // One whose request is given up is dropped with it: its answer would be taken for the next one's.
        self.waiting().push(line);
        inserted.map(drop).map_err(|error| failure(&error, Failure::Closed))
    }
}

impl Sender for Inserter {
    fn send(&self, n: u64) -> Sending<'_> {
        Box::pin(self.insert(n))
    }
}

fn failure(error: &tokio_postgres::Error, otherwise: Failure) -> Failure {
    if error.as_db_error().is_some() {
        return Failure::Rejected;
    }
    if is_tls(error) {
        return Failure::Tls;
    }
    let cause = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    match (cause, otherwise) {
        (Some(cause), Failure::Connect) => Failure::of_connect(cause),
        (Some(cause), _) => Failure::of_connection(cause),
        (None, otherwise) => otherwise,
    }
}
