//! Tasks for a list or a stream of Redis.

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, Cmd, RedisError, TlsCertificates};
use tokio::sync::Mutex;

use super::{QueueMistake, is_tls, needless};
use crate::sender::{Sender, Sending};
use crate::{Failure, Text, trust};

/// Tasks that are pushed to Redis, over one connection that all requests share (pipelining).
#[derive(Clone)]
pub struct RedisTarget {
    client: Client,
    queue: RedisQueue,
    body: Text,
}

/// Where tasks go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedisQueue {
    /// `LPUSH LIST BODY`.
    List(String),
    /// `XADD STREAM * body BODY`.
    Stream(String),
}

pub(crate) struct Pusher {
    target: RedisTarget,
    seed: u64,
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl RedisTarget {
    /// `redis://USER:PASSWORD@HOST:PORT/DATABASE`, `rediss://` for TLS, or `unix://PATH`. With TLS the server's certificate
    /// must be for that host and of one of these authorities (PEM), of the host's where none are given.
    pub fn new(
        url: &str,
        queue: RedisQueue,
        body: Text,
        authorities: Option<Vec<u8>>,
    ) -> Result<Self, QueueMistake> {
        // The crate's own words may repeat the address.
        let mistake = |error: RedisError| QueueMistake::Address(error.category().to_owned());
        let is_secure = url.starts_with("rediss://");
        let client = match authorities {
            Some(_) if !is_secure => return Err(needless("rediss://")),
            Some(pem) => {
                trust::config(Some(&pem)).map_err(QueueMistake::Certificates)?;
                let certificates = TlsCertificates { client_tls: None, root_cert: Some(pem) };
                Client::build_with_tls(url, certificates)
            }
            None => Client::open(url),
        };
        Ok(Self { client: client.map_err(mistake)?, queue, body })
    }

    pub(crate) fn seeded(self, seed: u64) -> Pusher {
        Pusher { target: self, seed, connection: Mutex::new(None) }
    }
}

impl Pusher {
    async fn connection(&self) -> Result<MultiplexedConnection, Failure> {
        // While one connects, the others wait for the same connection.
        let mut known = self.connection.lock().await;
        if let Some(connection) = &*known {
            return Ok(connection.clone());
        }
        // The load has a timeout of its own.
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let connection = self
            .target
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .map_err(|error| failure(&error, Failure::Connect))?;
        *known = Some(connection.clone());
        Ok(connection)
    }

    async fn push(&self, n: u64) -> Result<(), Failure> {
        let body = self.target.body.of(n, self.seed);
        let mut connection = self.connection().await?;
        let pushed = match &self.target.queue {
            RedisQueue::List(list) => Cmd::lpush(list, body).exec_async(&mut connection).await,
            RedisQueue::Stream(stream) => {
                let mut add = ::redis::cmd("XADD");
                add.arg(stream).arg("*").arg("body").arg(body).exec_async(&mut connection).await
            }
        };
        let Err(error) = pushed else { return Ok(()) };
        if error.is_io_error() || error.is_connection_dropped() || error.is_unrecoverable_error() {
            // The next request makes a new one.
            *self.connection.lock().await = None;
        }
        Err(failure(&error, Failure::Closed))
    }
}

impl Sender for Pusher {
    fn send(&self, n: u64) -> Sending<'_> {
        Box::pin(self.push(n))
    }
}

fn failure(error: &RedisError, otherwise: Failure) -> Failure {
    if is_tls(error) {
        Failure::Tls
    } else if error.is_connection_refusal() {
        Failure::Refused
    } else if error.is_timeout() {
        Failure::Timeout
    } else if error.is_connection_dropped() {
        Failure::Closed
    } else if error.is_io_error() {
        otherwise
    } else if error.code().is_some() {
        Failure::Rejected
    } else {
        Failure::Malformed
    }
}
