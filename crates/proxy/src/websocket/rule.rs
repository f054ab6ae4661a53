//! A rule for messages. What people write is [`Attributes`]; what is carried out is [`Rule`].

use bytes::Bytes;
use serde::Deserialize;

use super::Asked;
use crate::attributes::attributes;
use crate::glob::Case;
use crate::globs::{Globs, Hosts};
use crate::layer::Way;
use crate::mistake::Mistake;
use crate::names::Names;
use crate::pause::Pause;
use crate::share::Share;

attributes! {
    which {
        /// Globs for the path of the handshake; none stands for all.
        pub path: Names,
        /// Globs for its host, in any case, with or without its port; none stands for all.
        pub host: Names,
        /// Only messages of the client (`upstream`) or the server (`downstream`).
        pub direction: Option<Way>,
    }
    /// Milliseconds that the message is held; those behind it wait too.
    delay;
    what {
        /// The message never arrives.
        pub drop: bool,
        /// So many copies follow the message, from 1 to 16; only where it has at most 256 KiB.
        pub duplicate: Option<u64>,
        /// Both sides get a close frame instead of the message.
        pub close: Option<CloseAttributes>,
        /// The connection breaks without a close frame.
        pub disconnect: Option<Disconnect>,
    }
}

/// A close frame.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloseAttributes {
    /// From 1000 to 4999 (RFC 6455, section 7.4).
    pub code: u16,
    /// At most 123 bytes.
    #[serde(default)]
    pub reason: String,
}

/// How a connection breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disconnect {
    /// As with a closed socket.
    Close,
    /// With a reset.
    Reset,
}

/// A rule that makes sense, ready to be asked.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Attributes")]
pub struct Rule {
    paths: Globs,
    hosts: Hosts,
    direction: Option<Way>,
    pub(crate) share: Share,
    pub(crate) pause: Pause,
    pub(crate) fault: Option<Fault>,
}

/// What happens to a message besides its delay.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    Drop,
    Duplicate(u64),
    /// The payload of the close frame, and its code.
    Close(Bytes, u16),
    Disconnect(Disconnect),
}

impl TryFrom<Attributes> for Rule {
    type Error = Mistake;

    fn try_from(written: Attributes) -> Result<Self, Mistake> {
        let rule = Self {
            paths: Globs::new(&written.path, Case::Differs, "path")?,
            hosts: Hosts::new(&written.host, "host")?,
            direction: written.direction,
            share: written.share()?,
            pause: written.pause()?,
            fault: fault(&written)?,
        };
        if rule.fault.is_none() && rule.pause.is_none() {
            let hint = "set one of delay, drop, duplicate, close, disconnect";
            return Err(Mistake::at("rule", "it does nothing", hint));
        }
        Ok(rule)
    }
}

impl Rule {
    /// Whether messages of this way are meant.
    pub(crate) fn matches(&self, asked: &Asked, way: Way) -> bool {
        self.direction.is_none_or(|direction| direction == way) && self.for_path(asked)
    }

    /// Whether messages of this connection are meant.
    pub(crate) fn for_path(&self, asked: &Asked) -> bool {
        self.paths.have(Some(asked.path())) && self.hosts.have(|| asked.host())
    }
}

fn fault(written: &Attributes) -> Result<Option<Fault>, Mistake> {
    let mut faults: Vec<(&str, Fault)> = Vec::new();
    if written.drop {
        faults.push(("drop", Fault::Drop));
    }
    if let Some(copies) = written.duplicate {
        if !(1..=16).contains(&copies) {
            let problem = format!("{copies} is out of range");
            return Err(Mistake::at("duplicate", problem, "from 1 to 16 copies"));
        }
        faults.push(("duplicate", Fault::Duplicate(copies)));
    }
    if let Some(CloseAttributes { code, reason }) = &written.close {
        // 1005, 1006 and 1015 are never sent: they stand for what happened without a frame.
        if !(1000..5000).contains(code) || [1004, 1005, 1006, 1015].contains(code) {
            let hint = "1000 to 4999, such as 1001 (going away), 1011 (internal error) or 1013 (try again later); \
                        `disconnect` breaks the connection without a code";
            return Err(Mistake::at("close.code", format!("{code} is never sent"), hint));
        }
        if reason.len() > 123 {
            let problem = format!("{} bytes are too many", reason.len());
            return Err(Mistake::at("close.reason", problem, "at most 123 bytes"));
        }
        let payload = [&code.to_be_bytes()[..], reason.as_bytes()].concat();
        faults.push(("close", Fault::Close(payload.into(), *code)));
    }
    if let Some(disconnect) = written.disconnect {
        faults.push(("disconnect", Fault::Disconnect(disconnect)));
    }
    if let [(one, _), (other, _), ..] = &faults[..] {
        let problem = format!("it cannot go together with `{one}`");
        return Err(Mistake::at(*other, problem, "make a rule of its own of it"));
    }
    Ok(faults.pop().map(|(_, fault)| fault))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused_with_its_place_and_a_hint() {
        for (json, expected) in [
            ("{}", "rule: it does nothing; set one of delay, drop"),
            (r#"{"lag": 5}"#, "unknown field `lag`"),
            (r#"{"drop": true, "direction": "sideways"}"#, "unknown variant `sideways`"),
            (r#"{"duplicate": 0}"#, "duplicate: 0 is out of range"),
            (r#"{"close": {"code": 1006}}"#, "close.code: 1006 is never sent; 1000 to 4999"),
            (r#"{"close": {"code": 99}}"#, "close.code: 99 is never sent"),
            (r#"{"drop": true, "disconnect": "reset"}"#, "disconnect: it cannot go together with `drop`"),
        ] {
            let error = serde_json::from_str::<Rule>(json).expect_err(json).to_string();
            assert!(error.starts_with(expected), "{json}: {error}");
        }
    }
}
