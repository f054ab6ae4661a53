//! Tasks for a list or a stream of Redis.

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, Cmd, RedisError};
use tokio::sync::Mutex;

use super::QueueMistake;
use crate::sender::{Sender, Sending};
use crate::{Failure, Text};

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
    /// `redis://USER:PASSWORD@HOST:PORT/DATABASE` or `unix://PATH`.
    pub fn new(url: &str, queue: RedisQueue, body: Text) -> Result<Self, QueueMistake> {
        // The crate's own words may repeat the address.
        let mistake = |error: RedisError| QueueMistake::Address(error.category().to_owned());
        Ok(Self { client: Client::open(url).map_err(mistake)?, queue, body })
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
    if error.is_connection_refusal() {
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
