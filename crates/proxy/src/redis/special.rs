//! Commands that change what replies there are.

use super::command::Command;
use super::replies::Topic;

/// What kind of such a command it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Special {
    None,
    Multi,
    Exec,
    Discard,
    Subscribe(Topic),
    Unsubscribe(Topic),
    Monitor,
    Reset,
    Client,
    Replication,
}

impl Special {
    pub(super) fn of(command: &Command<'_>) -> Self {
        let Some(name) = command.arg(0) else { return Self::None };
        let mut upper = [0_u8; 12];
        let Some(upper) = upper.get_mut(..name.len()) else { return Self::None };
        upper.copy_from_slice(name);
        upper.make_ascii_uppercase();
        match &*upper {
            b"MULTI" => Self::Multi,
            b"EXEC" => Self::Exec,
            b"DISCARD" => Self::Discard,
            b"SUBSCRIBE" => Self::Subscribe(Topic::Channels),
            b"PSUBSCRIBE" => Self::Subscribe(Topic::Patterns),
            b"SSUBSCRIBE" => Self::Subscribe(Topic::Shards),
            b"UNSUBSCRIBE" => Self::Unsubscribe(Topic::Channels),
            b"PUNSUBSCRIBE" => Self::Unsubscribe(Topic::Patterns),
            b"SUNSUBSCRIBE" => Self::Unsubscribe(Topic::Shards),
            b"MONITOR" => Self::Monitor,
            b"RESET" => Self::Reset,
            b"CLIENT" => Self::Client,
            b"SYNC" | b"PSYNC" => Self::Replication,
            _ => Self::None,
        }
    }
}
