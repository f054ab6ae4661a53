//! The errors that a server answers.

use serde::Deserialize;

use super::slot::slot;
use crate::mistake::Mistake;

/// An error reply in the server's place, with the words of Redis 7.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ErrorReply {
    /// The dataset is being loaded.
    Loading,
    /// A write to a replica.
    Readonly,
    /// The key lives on another node.
    Moved(Elsewhere),
    /// The key is being moved to another node.
    Ask(Elsewhere),
    /// Slots are not served.
    Clusterdown,
    /// Memory is used up.
    Oom,
    /// Some of the keys are being moved.
    Tryagain,
    /// Any other: a word in capitals and a text, such as `ERR no such thing`.
    Custom(String),
}

/// Another node of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Elsewhere {
    /// `host:port`.
    pub to: String,
    /// From 0 to 16383; that of the command's first key, where it is left away.
    #[serde(default)]
    pub slot: Option<u16>,
}

impl ErrorReply {
    /// Whether it can be sent.
    pub(super) fn check(&self) -> Result<(), Mistake> {
        match self {
            Self::Moved(elsewhere) => elsewhere.check("error.moved"),
            Self::Ask(elsewhere) => elsewhere.check("error.ask"),
            Self::Custom(text) => {
                let fits = text.starts_with(|first: char| first.is_ascii_alphanumeric())
                    && !text.contains(char::is_control)
                    && text.len() <= 1024;
                if fits {
                    return Ok(());
                }
                let hint = "one line of at most 1024 bytes that begins with a word: `ERR no such thing`";
                Err(Mistake::at("error.custom", format!("`{}` cannot be sent", text.escape_debug()), hint))
            }
            _ => Ok(()),
        }
    }

    /// The error without its `-` and line end, for a command with this first key.
    pub(super) fn text(&self, key: Option<&[u8]>) -> String {
        match self {
            Self::Loading => "LOADING Redis is loading the dataset in memory".to_owned(),
            Self::Readonly => "READONLY You can't write against a read only replica.".to_owned(),
            Self::Moved(elsewhere) => elsewhere.text("MOVED", key),
            Self::Ask(elsewhere) => elsewhere.text("ASK", key),
            Self::Clusterdown => "CLUSTERDOWN The cluster is down".to_owned(),
            Self::Oom => "OOM command not allowed when used memory > 'maxmemory'.".to_owned(),
            Self::Tryagain => "TRYAGAIN Multiple keys request during rehashing of slot".to_owned(),
            Self::Custom(text) => text.clone(),
        }
    }
}

impl Elsewhere {
    fn check(&self, place: &str) -> Result<(), Mistake> {
        let port = self.to.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
        if port.is_none_or(|port| port == 0)
            || self.to.contains(|c: char| c.is_whitespace() || c.is_control())
        {
            let problem = format!("`{}` is no address", self.to.escape_debug());
            return Err(Mistake::at(format!("{place}.to"), problem, "host:port, such as 127.0.0.1:6381"));
        }
        if let Some(slot) = self.slot.filter(|slot| *slot > 16383) {
            return Err(Mistake::at(
                format!("{place}.slot"),
                format!("{slot} is out of range"),
                "0 to 16383; leave it away for the slot of the command's key",
            ));
        }
        Ok(())
    }

    fn text(&self, word: &str, key: Option<&[u8]>) -> String {
        format!("{word} {} {}", self.slot.unwrap_or_else(|| key.map_or(0, slot)), self.to)
    }
}
