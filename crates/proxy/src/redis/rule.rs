//! What is done to which commands.

use std::net::IpAddr;

use serde::Deserialize;

use super::command::Command;
use super::error::ErrorReply;
use super::keys;
use crate::attributes::attributes;
use crate::clients::Clients;
use crate::glob::Case;
use crate::globs::Globs;
use crate::mistake::Mistake;
use crate::names::Names;
use crate::pause::Pause;
use crate::share::Share;

/// A rule, read from the attributes of a toxic and checked.
///
/// ```
/// let rule: squall_proxy::redis::Rule =
///     serde_json::from_str(r#"{ "command": ["get", "config set"], "key": "jobs:*", "percent": 20, "error": "loading" }"#)
///         .unwrap();
/// let wrong = serde_json::from_str::<squall_proxy::redis::Rule>(r#"{ "percent": 200, "delay": 5 }"#).unwrap_err();
/// assert!(wrong.to_string().starts_with("percent: 200 is out of range; "));
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Attributes")]
pub struct Rule {
    commands: Vec<Name>,
    keys: Globs,
    clients: Clients,
    pub(super) share: Share,
    pub(super) pause: Pause,
    pub(super) effect: Effect,
}

attributes! {
    which {
        /// Commands, in any case, with their subcommand or without: `GET`, `CONFIG SET`. None: every command.
        pub command: Names,
        /// Patterns as of `KEYS`, one of which a key of the command must match. None: any keys, or no key at all.
        pub key: Names,
        /// Addresses or networks of clients. None: every client.
        pub client: Names,
    }
    /// The command, and what comes after it on its connection, goes to the server so many milliseconds later.
    delay;
    what {
        /// The server does not get the command; this error is the answer.
        pub error: Option<ErrorReply>,
        /// The server does not get the command, and there is no answer.
        pub drop: Option<Drop>,
        /// The server gets the command, and its reply is cut.
        pub cut: Option<Cut>,
    }
}

/// What becomes of the connection on which a command is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Drop {
    /// It stays open and silent: replies are in order, so none can come after the one that is missing. A command
    /// that is not answered anyway (`CLIENT REPLY OFF`) is left out and the others go on.
    Hang,
    /// It is closed where the reply would have come.
    Close,
}

/// A reply that breaks off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// So many bytes of the reply come; of a shorter reply all but the last byte.
    pub after: u64,
    /// How the connection ends then.
    #[serde(default)]
    pub with: CutWith,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CutWith {
    /// With an end (FIN), after what was sent.
    #[default]
    Close,
    /// With a reset (RST), which may overtake what was sent.
    Reset,
}

/// What happens besides the delay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing.
    Pass,
    Error(ErrorReply),
    Drop(Drop),
    Cut(Cut),
}

#[derive(Clone, Debug)]
struct Name {
    command: String,
    sub: Option<String>,
}

/// Whether a rule is about a command, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    No,
    Yes,
    /// It is; the key that it is told with is known when so many arguments are.
    YesWithKeyAt(usize),
    /// When so many arguments are known it can be said.
    More(usize),
}

impl TryFrom<Attributes> for Rule {
    type Error = Mistake;

    fn try_from(written: Attributes) -> Result<Self, Mistake> {
        let effect = match (&written.error, written.drop, written.cut) {
            (None, None, None) => Effect::Pass,
            (Some(error), None, None) => {
                error.check()?;
                Effect::Error(error.clone())
            }
            (None, Some(drop), None) => Effect::Drop(drop),
            (None, None, Some(cut)) => Effect::Cut(cut),
            _ => {
                let place = if written.error.is_some() { "error" } else { "drop" };
                let hint = "one of `error`, `drop`, `cut`, with or without a `delay`";
                return Err(Mistake::at(place, "a command cannot be hit in two ways at once", hint));
            }
        };
        let pause = written.pause()?;
        if pause.is_none() && effect == Effect::Pass {
            return Err(Mistake::at(
                "delay",
                "the rule does nothing",
                "give `delay`, `error`, `drop` or `cut`",
            ));
        }
        Ok(Self {
            commands: written.command.0.iter().map(|name| Name::new(name)).collect::<Result<_, _>>()?,
            keys: Globs::new(&written.key, Case::Differs, "key")?,
            clients: Clients::new(&written.client, "client")?,
            share: written.share()?,
            pause,
            effect,
        })
    }
}

impl Name {
    fn new(text: &str) -> Result<Self, Mistake> {
        let mut words = text.split_ascii_whitespace().map(str::to_owned);
        match (words.next(), words.next(), words.next()) {
            (Some(command), sub, None) => Ok(Self { command, sub }),
            _ => Err(Mistake::at(
                "command",
                format!("`{text}` is no command"),
                "a command, with its subcommand or without: `GET`, `CONFIG SET`",
            )),
        }
    }

    fn is(&self, command: &Command<'_>) -> About {
        match &self.sub {
            _ if !command.is(0, self.command.as_bytes()) => About::No,
            None => About::Yes,
            Some(_) if command.known() < 2 && command.total() > 1 => About::More(2),
            Some(sub) if command.is(1, sub.as_bytes()) => About::Yes,
            Some(_) => About::No,
        }
    }
}

impl Rule {
    /// Whether this command of this client is meant.
    pub(super) fn about(&self, command: &Command<'_>, client: Option<IpAddr>) -> About {
        let mut about = if self.commands.is_empty() { About::Yes } else { About::No };
        for name in &self.commands {
            match name.is(command) {
                About::No => {}
                found => {
                    about = found;
                    if found == About::Yes {
                        break;
                    }
                }
            }
        }
        if about == About::No || !self.clients.have(client) {
            return About::No;
        }
        let found = keys::find(command);
        let mut known = found.keys.places().map_while(|place| command.arg(place)).peekable();
        let has_key = known.peek().is_some();
        let matches = self.keys.are_none() || known.any(|key| self.keys.have(Some(key)));
        match (about, found.more) {
            (About::More(more), _) => About::More(more),
            (_, Some(more)) if matches && !has_key => About::YesWithKeyAt(more),
            _ if matches => About::Yes,
            (_, Some(more)) => About::More(more),
            (_, None) => About::No,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::command::words;
    use super::*;

    fn rule(json: &str) -> Rule {
        serde_json::from_str(json).unwrap()
    }

    fn about(json: &str, text: &str) -> bool {
        words(text, |command| rule(json).about(command, Some([10, 0, 0, 7].into())) == About::Yes)
    }

    #[test]
    fn commands_subcommands_keys_and_clients_choose() {
        assert!(about(r#"{"delay":1}"#, "PING"));
        assert!(about(r#"{"delay":1,"command":"get"}"#, "GET a"));
        assert!(!about(r#"{"delay":1,"command":"get"}"#, "GETEX a"));
        assert!(about(r#"{"delay":1,"command":["set","Config Set"]}"#, "config SET a b"));
        assert!(!about(r#"{"delay":1,"command":"config set"}"#, "CONFIG GET a"));
        assert!(!about(r#"{"delay":1,"command":"config set"}"#, "CONFIG"));
        assert!(about(r#"{"delay":1,"key":"jobs:*"}"#, "MSET a 1 jobs:1 2"));
        assert!(!about(r#"{"delay":1,"key":"jobs:*"}"#, "MSET a jobs:1"));
        assert!(!about(r#"{"delay":1,"key":"*"}"#, "PING"));
        assert!(about(r#"{"delay":1,"client":"10.0.0.0/8"}"#, "PING"));
        assert!(!about(r#"{"delay":1,"client":["11.0.0.1","::1"]}"#, "PING"));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (json, start) in [
            (r"{}", "delay: the rule does nothing; "),
            (r#"{"delay":3600001}"#, "delay: 3600001 ms is too long; "),
            (r#"{"delay":1,"percent":0}"#, "percent: 0 is out of range; "),
            (r#"{"delay":1,"first":0}"#, "first: "),
            (r#"{"delay":1,"key":["a","[b"]}"#, "key: `[b` has a `[` without `]`; "),
            (r#"{"delay":1,"command":"a b c"}"#, "command: `a b c` is no command; "),
            (r#"{"delay":1,"client":"nowhere"}"#, "client: `nowhere` is no network; "),
            (r#"{"error":{"moved":{"to":"nowhere"}}}"#, "error.moved.to: `nowhere` is no address; "),
            (r#"{"error":{"ask":{"to":"a:1","slot":16384}}}"#, "error.ask.slot: 16384 is out of range; "),
            (r#"{"error":{"custom":"ERR a\r\n+OK"}}"#, "error.custom: "),
            (r#"{"error":"loading","cut":{"after":1}}"#, "error: a command cannot be hit in two ways"),
            (r#"{"delay":1,"kay":"a"}"#, "unknown field `kay`, expected one of `command`"),
            (r#"{"error":"nothing"}"#, "unknown variant `nothing`, expected one of `loading`"),
            (r#"{"delay":-1}"#, "invalid value: integer `-1`, expected u64"),
        ] {
            let said = serde_json::from_str::<Rule>(json).unwrap_err().to_string();
            assert!(said.starts_with(start), "{json}: {said}");
        }
    }
}
