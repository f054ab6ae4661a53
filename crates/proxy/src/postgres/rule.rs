//! What is done to which statements.

use std::net::IpAddr;
use std::time::Duration;

use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;

use super::error::ErrorReply;
use super::kind::{Kind, Kinds};
use super::statement::Statement;
use crate::attributes::attributes;
use crate::clients::Clients;
use crate::glob::{Case, Glob};
use crate::globs::Globs;
use crate::mistake::Mistake;
use crate::names::Names;
use crate::pause::Pause;
use crate::share::Share;

/// A rule, read from the attributes of a toxic and checked.
///
/// ```
/// let rule: squall_proxy::postgres::Rule =
///     serde_json::from_str(r#"{ "kind": ["update"], "every": 10, "error": { "sqlstate": "40001" } }"#).unwrap();
/// let wrong = serde_json::from_str::<squall_proxy::postgres::Rule>(r#"{ "error": { "sqlstate": "4" } }"#).unwrap_err();
/// assert!(wrong.to_string().starts_with("error.sqlstate: `4` is no code; "));
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Attributes")]
pub struct Rule {
    statement: Option<Matcher>,
    kinds: Kinds,
    databases: Globs,
    users: Globs,
    clients: Clients,
    pub(super) share: Share,
    pub(super) pause: Pause,
    pub(super) row_delay: Duration,
    pub(super) effect: Effect,
}

attributes! {
    which {
        /// What the text of the statement must match, in any case. None: every statement.
        pub statement: Option<Pattern>,
        /// What the statement does: `select` (also `VALUES`, `TABLE`, and `WITH` by what comes after it), `insert`, `update`,
        /// `delete`, `merge`, `begin`, `commit`, `rollback`, `savepoint`, `copy`, `ddl` (`CREATE`, `ALTER`, `DROP`,
        /// `TRUNCATE`, `GRANT`, ...), `set` (also `SHOW`), `notify` (also `LISTEN`), `other`; or `connect`, the start of a
        /// session, before any statement. None: anything but `connect`.
        pub kind: Names,
        /// Patterns with `*` and `?`, one of which the database's name must match. None: every database.
        pub database: Names,
        /// The same of the user's name.
        pub user: Names,
        /// Addresses or networks of clients. None: every client.
        pub client: Names,
    }
    /// The statement, and what comes after it in its session, goes to the server so many milliseconds later.
    delay;
    what {
        /// Each row of the result comes so many milliseconds after the one before.
        pub row_delay: Option<u64>,
        /// The statement is not executed; this error is the answer.
        pub error: Option<ErrorReply>,
        /// The connection is reset.
        pub cut: Option<Cut>,
    }
}

/// A text to look for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pattern {
    /// A regular expression, anywhere in the statement.
    Regex(String),
    /// A pattern with `*` and `?` for the whole of the statement.
    Glob(String),
}

/// When a connection is reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cut {
    /// Before the server gets the statement.
    Before,
    /// When the server answers: the statement was executed, and the client does not learn of it.
    Reply,
}

/// What happens besides the delays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing.
    Pass,
    Error(ErrorReply),
    Cut(Cut),
}

#[derive(Clone, Debug)]
enum Matcher {
    Regex(Regex),
    Glob(Glob),
}

/// Whose session it is.
#[derive(Clone, Debug, Default)]
pub(super) struct Who {
    pub(super) client: Option<IpAddr>,
    pub(super) database: Vec<u8>,
    pub(super) user: Vec<u8>,
}

impl Matcher {
    fn new(pattern: &Pattern) -> Result<Self, Mistake> {
        match pattern {
            Pattern::Glob(glob) => Glob::new(glob, Case::Ignored, "statement.glob").map(Self::Glob),
            Pattern::Regex(regex) => {
                RegexBuilder::new(regex).case_insensitive(true).build().map(Self::Regex).map_err(|error| {
                    let error = error.to_string();
                    let reason =
                        error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                    let hint = "a regular expression such as `from orders`";
                    Mistake::at("statement.regex", format!("`{regex}` is none: {reason}"), hint)
                })
            }
        }
    }

    fn matches(&self, text: &[u8]) -> bool {
        match self {
            Self::Regex(regex) => regex.is_match(text),
            Self::Glob(glob) => {
                glob.matches(text.trim_ascii().strip_suffix(b";").unwrap_or(text.trim_ascii()))
            }
        }
    }
}

impl TryFrom<Attributes> for Rule {
    type Error = Mistake;

    fn try_from(written: Attributes) -> Result<Self, Mistake> {
        let effect = match (&written.error, written.cut) {
            (None, None) => Effect::Pass,
            (Some(error), None) => {
                error.check()?;
                Effect::Error(error.clone())
            }
            (None, Some(cut)) => Effect::Cut(cut),
            (Some(_), Some(_)) => {
                let hint = "either `error` or `cut`, with or without a `delay`";
                return Err(Mistake::at("cut", "a statement cannot be hit in two ways at once", hint));
            }
        };
        let pause = written.pause()?;
        let row_delay = match written.row_delay.unwrap_or(0) {
            delay @ 0..=3_600_000 => Duration::from_millis(delay),
            delay => {
                let hint = "at most 3600000 ms";
                return Err(Mistake::at("row_delay", format!("{delay} ms is too long"), hint));
            }
        };
        if pause.is_none() && row_delay.is_zero() && effect == Effect::Pass {
            let hint = "give `delay`, `row_delay`, `error` or `cut`";
            return Err(Mistake::at("delay", "the rule does nothing", hint));
        }
        if !row_delay.is_zero() && effect != Effect::Pass {
            let hint = "give it a rule of its own";
            return Err(Mistake::at("row_delay", "a statement with `error` or `cut` has no rows", hint));
        }
        let mut kinds = Kinds::default();
        for name in &written.kind.0 {
            let kind = Kind::named(name).ok_or_else(|| {
                let known = Kind::NAMES.map(|(name, _)| name).join(", ");
                Mistake::at("kind", format!("`{name}` is no kind of statement"), format!("one of {known}"))
            })?;
            kinds = kinds.with(kind);
        }
        let connect = kinds.any_of(Kinds::default().with(Kind::Connect));
        if connect && (!kinds.only(Kind::Connect) || written.statement.is_some()) {
            let hint = "give `connect` a rule of its own, without `statement`";
            return Err(Mistake::at("kind", "`connect` is no statement", hint));
        }
        Ok(Self {
            statement: written.statement.as_ref().map(Matcher::new).transpose()?,
            kinds,
            databases: Globs::new(&written.database, Case::Differs, "database")?,
            users: Globs::new(&written.user, Case::Differs, "user")?,
            clients: Clients::new(&written.client, "client")?,
            share: written.share()?,
            pause,
            row_delay,
            effect,
        })
    }
}

impl Rule {
    /// Whether this statement of this session is meant.
    pub(super) fn is_about(&self, statement: &Statement, who: &Who) -> bool {
        let kind = if self.kinds.is_empty() {
            !statement.kinds.only(Kind::Connect)
        } else {
            self.kinds.any_of(statement.kinds)
        };
        kind && self.clients.have(who.client)
            && self.databases.have(Some(&who.database))
            && self.users.have(Some(&who.user))
            && self.statement.as_ref().is_none_or(|matcher| matcher.matches(&statement.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(json: &str, sql: &str) -> bool {
        let who = Who { client: None, database: b"shop".to_vec(), user: b"app".to_vec() };
        serde_json::from_str::<Rule>(json).unwrap().is_about(&Statement::of(sql.as_bytes()), &who)
    }

    #[test]
    fn statements_databases_and_users_choose() {
        assert!(about(r#"{"delay":1}"#, "SELECT 1"));
        assert!(about(r#"{"delay":1,"kind":["select"],"database":"sh*","user":["x","app"]}"#, "SELECT 1"));
        assert!(!about(r#"{"delay":1,"kind":["update","insert"]}"#, "SELECT 1"));
        assert!(!about(r#"{"delay":1,"database":"other"}"#, "SELECT 1"));
        assert!(!about(r#"{"delay":1,"client":"10.0.0.1"}"#, "SELECT 1"));
        assert!(about(r#"{"delay":1,"statement":{"regex":"from\\s+orders"}}"#, "SELECT *\nFROM orders"));
        assert!(about(r#"{"delay":1,"statement":{"glob":"update orders *"}}"#, " UPDATE orders SET a = 1;"));
        assert!(!about(r#"{"delay":1,"statement":{"glob":"update orders"}}"#, "UPDATE orders SET a = 1"));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (json, start) in [
            (r"{}", "delay: the rule does nothing; "),
            (r#"{"error":{"sqlstate":"123"}}"#, "error.sqlstate: `123` is no code; "),
            (r#"{"error":{"sqlstate":"00000"}}"#, "error.sqlstate: `00000` is no error; "),
            (r#"{"error":{"sqlstate":"40001","message":""}}"#, "error.message: "),
            (
                r#"{"error":{"sqlstate":"40001"},"cut":"before"}"#,
                "cut: a statement cannot be hit in two ways",
            ),
            (r#"{"delay":1,"statement":{"regex":"("}}"#, "statement.regex: `(` is none: unclosed group; "),
            (r#"{"delay":1,"statement":{"glob":"["}}"#, "statement.glob: "),
            (r#"{"delay":1,"kind":["connect","select"]}"#, "kind: `connect` is no statement; "),
            (r#"{"row_delay":3600001}"#, "row_delay: 3600001 ms is too long; "),
            (r#"{"row_delay":1,"cut":"reply"}"#, "row_delay: "),
            (
                r#"{"delay":1,"kind":"selekt"}"#,
                "kind: `selekt` is no kind of statement; one of connect, select, ",
            ),
            (r#"{"delay":1,"statment":null}"#, "unknown field `statment`"),
        ] {
            let said = serde_json::from_str::<Rule>(json).unwrap_err().to_string();
            assert!(said.starts_with(start), "{json}: {said}");
        }
    }
}
