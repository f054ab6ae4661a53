//! What is told about a hit.

use std::time::Duration;

use super::command::Command;
use super::keys;
use super::rule::{Drop, Effect};

/// The command and its first key, in few words. Other arguments may be secrets.
pub(super) fn what(command: &Command<'_>) -> String {
    let show = |arg: &[u8]| {
        let text = String::from_utf8_lossy(&arg[..arg.len().min(64)]);
        text.escape_debug().to_string()
    };
    let name = command.arg(0).map(show).unwrap_or_default().to_ascii_uppercase();
    let key = keys::find(command).keys.places().next().and_then(|place| command.arg(place));
    key.map_or(name.clone(), |key| format!("{name} {}", show(key)))
}

/// What was done to it.
pub(super) fn done(effect: &Effect, pause: Duration) -> String {
    let effect = match effect {
        Effect::Pass => None,
        Effect::Error(error) => {
            Some(format!("answered {}", error.text(None).split(' ').next().unwrap_or_default()))
        }
        Effect::Drop(Drop::Hang) => Some("dropped".to_owned()),
        Effect::Drop(Drop::Close) => Some("dropped and closed".to_owned()),
        Effect::Cut(cut) => Some(format!("reply cut after {} bytes", cut.after)),
    };
    let delayed = (!pause.is_zero()).then(|| format!("delayed by {} ms", pause.as_millis()));
    delayed.into_iter().chain(effect).collect::<Vec<_>>().join(", ")
}
