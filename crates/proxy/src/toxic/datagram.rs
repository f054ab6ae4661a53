//! Toxics that only datagrams can have, and which toxics a stream or datagrams can have at all.

use serde::{Deserialize, Serialize};

use super::Kind;
use super::attributes::{DAY, is_default, within};
use crate::address::Network;
use crate::refusal::Refusal;

/// Datagrams never arrive.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Loss {
    /// The share of datagrams, from 0 to 100. Stays what it is whatever the correlation.
    pub percent: f64,
    /// How much losses come in bursts, from 0 (each on its own) to below 100: the autocorrelation of neighbours, in percent. A
    /// burst is 100 / (100 - correlation) times as long as by chance (Gilbert, Bell System Technical Journal 39, 1960).
    #[serde(skip_serializing_if = "is_default")]
    pub correlation: f64,
}

/// Datagrams arrive twice, the copy right behind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Duplicate {
    /// The share of datagrams, from 0 to 100.
    pub percent: f64,
}

/// Datagrams are overtaken by later ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reorder {
    /// The share of datagrams, from 0 to 100.
    pub percent: f64,
    /// So many later datagrams go first, from 1 to 1000.
    pub gap: u64,
    /// Milliseconds that one waits at most for those, to a day.
    pub delay: f64,
}

impl Default for Reorder {
    fn default() -> Self {
        Self { percent: 0.0, gap: 1, delay: 100.0 }
    }
}

/// Datagrams above a size never arrive, as on a path that says nothing of its smaller packets (RFC 2923, 2.1).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitSize {
    /// The largest that arrives, in bytes.
    pub bytes: u64,
}

pub(super) fn check_loss(loss: &Loss) -> Result<(), Refusal> {
    within("percent", loss.percent, 0.0, 100.0)?;
    // At 100 nothing would ever change any more.
    within("correlation", loss.correlation, 0.0, 99.9)
}

pub(super) fn check_reorder(reorder: &Reorder) -> Result<(), Refusal> {
    within("percent", reorder.percent, 0.0, 100.0)?;
    within("gap", reorder.gap as f64, 1.0, 1000.0)?;
    within("delay", reorder.delay, 0.0, DAY)
}

impl Kind {
    /// Whether it can be done to what goes through a proxy.
    ///
    /// # Errors
    /// It cannot; why, and what can.
    pub(crate) fn fits(&self, network: Network) -> Result<(), Refusal> {
        let why = match (network, self) {
            (Network::Stream, Self::Loss(_) | Self::Duplicate(_) | Self::Reorder(_) | Self::LimitSize(_)) => {
                "acts on datagrams, and a stream repairs what is lost below it: make the proxy with udp:// addresses, \
                 or take latency, bandwidth, timeout or corrupt"
            }
            (Network::Stream, Self::Bandwidth(bandwidth)) if bandwidth.queue.is_some() => {
                "has a queue for datagrams only: the sender of a stream waits instead"
            }
            (Network::Datagram, Self::Timeout(wait)) if wait.timeout.0 > 0.0 => {
                "has no connection to close after a time: with `timeout` 0 nothing arrives while it is there, `ttl` ends it"
            }
            (Network::Datagram, Self::LimitData(_)) => {
                "ends a stream after so many bytes: limit_size drops large datagrams, loss drops any"
            }
            (Network::Datagram, Self::Slicer(_)) => {
                "cuts a stream, and a datagram arrives whole or not at all: limit_size drops large ones"
            }
            (
                Network::Datagram,
                Self::SlowClose(_)
                | Self::ResetPeer(_)
                | Self::LimitTime(_)
                | Self::LimitConnections(_)
                | Self::SlowOpen(_)
                | Self::HangOpen
                | Self::Refuse,
            ) => {
                "acts on connections, and datagrams have none: timeout drops all of them, loss a share, latency delays them"
            }
            (Network::Datagram, Self::Rule(..)) => {
                "is a rule of a protocol over TCP: on datagrams there are latency, bandwidth, timeout, corrupt, loss, \
                 duplicate, reorder and limit_size"
            }
            _ => return Ok(()),
        };
        Err(Refusal::BadBody(format!("{} {why}", self.name())))
    }
}
