//! Text with places that are filled in when a run starts: ports, paths and secrets.
//!
//! A plan keeps the reference and never the value, so that no secret reaches a record or a report.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Text that may hold references: `http://127.0.0.1:{port:api}/health`, `Bearer {env:TOKEN}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Template(pub String);

/// What stands between the braces.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// `{run-dir}`: the folder of the run, empty at its start.
    RunDir,
    /// `{squall}`: the path of the running binary.
    Squall,
    /// `{name}`: the name of the instance that a service starts, or that a measure is read for (`worker-2`).
    Instance,
    /// `{own-port}`: a free TCP port of that instance; the same as `{port:worker-2}`.
    OwnPort,
    /// `{pid}`: the process id of the instance that a measure is read for.
    Pid,
    /// `{count}`: the number of instances asked for, in a scale command.
    Count,
    /// `{port:NAME}`: a free TCP port of 127.0.0.1, the same wherever the name is used in a run.
    Port(String),
    /// `{env:NAME}`: a secret from squall's environment.
    Env(String),
    /// `{file:PATH}`: a secret from a file, without its last line break.
    File(String),
}

/// Something in braces that looks like a reference and is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{{{name}}}` is not a reference that squall knows")]
pub struct UnknownReference {
    /// What stands between the braces.
    pub name: String,
    /// Where it begins in the text, in bytes.
    pub at: usize,
}

impl Reference {
    /// The forms a person can write, for hints.
    pub const FORMS: [&str; 9] = [
        "{run-dir}",
        "{squall}",
        "{name}",
        "{own-port}",
        "{pid}",
        "{count}",
        "{port:NAME}",
        "{env:NAME}",
        "{file:PATH}",
    ];

    fn parse(inner: &str) -> Option<Self> {
        Some(match inner.split_once(':') {
            None => match inner {
                "run-dir" => Self::RunDir,
                "squall" => Self::Squall,
                "name" => Self::Instance,
                "own-port" => Self::OwnPort,
                "pid" => Self::Pid,
                "count" => Self::Count,
                _ => return None,
            },
            Some((_, "")) => return None,
            Some(("port", name)) => Self::Port(name.to_owned()),
            Some(("env", name)) => Self::Env(name.to_owned()),
            Some(("file", path)) => Self::File(path.to_owned()),
            Some(_) => return None,
        })
    }

    /// Whether the value must never be shown.
    pub fn is_secret(&self) -> bool {
        matches!(self, Self::Env(_) | Self::File(_))
    }
}

enum Piece<'a> {
    Text(&'a str),
    Inner { inner: &'a str, at: usize },
}

impl Template {
    /// The references in order, or the first that is not known.
    pub fn references(&self) -> Result<Vec<Reference>, UnknownReference> {
        let mut found = Vec::new();
        for piece in self.pieces() {
            if let Piece::Inner { inner, at } = piece {
                let unknown = || UnknownReference { name: inner.to_owned(), at };
                found.push(Reference::parse(inner).ok_or_else(unknown)?);
            }
        }
        Ok(found)
    }

    /// The text with every reference replaced by what `value` gives for it.
    /// A reference that is not known stays as it stands: planning has refused it already.
    pub fn fill<E>(&self, mut value: impl FnMut(&Reference) -> Result<String, E>) -> Result<String, E> {
        let mut filled = String::with_capacity(self.0.len());
        for piece in self.pieces() {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Inner { inner, .. } => {
                    if let Some(reference) = Reference::parse(inner) {
                        filled.push_str(&value(&reference)?);
                    } else {
                        filled.extend(["{", inner, "}"]);
                    }
                }
            }
        }
        Ok(filled)
    }

    /// A reference is `{word}` or `{word:anything}`: JSON's braces are never followed by a bare word.
    fn pieces(&self) -> Vec<Piece<'_>> {
        let text = &self.0;
        let mut pieces = Vec::new();
        let mut from = 0;
        let mut search = 0;
        while let Some(open) = text[search..].find('{').map(|at| at + search) {
            let Some(close) = text[open..].find('}').map(|at| at + open) else { break };
            let inner = &text[open + 1..close];
            let word = inner.split(':').next().unwrap_or_default();
            let named = !word.is_empty()
                && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
                && !inner.contains(['"', '{', '\n']);
            if named {
                pieces.push(Piece::Text(&text[from..open]));
                pieces.push(Piece::Inner { inner, at: open });
                from = close + 1;
                search = from;
            } else {
                search = open + 1;
            }
        }
        pieces.push(Piece::Text(&text[from..]));
        pieces
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Template {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// A program and its arguments, never given to a shell.
pub type Argv = Vec<Template>;

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> String {
        Template::from(text)
            .fill(|reference| {
                Ok::<_, std::convert::Infallible>(match reference {
                    Reference::Port(name) => format!("<port {name}>"),
                    Reference::Env(name) => format!("<env {name}>"),
                    other => format!("<{other:?}>"),
                })
            })
            .unwrap()
    }

    #[test]
    fn references_are_filled_and_json_is_left_alone() {
        assert_eq!(filled("http://h:{port:api}/x"), "http://h:<port api>/x");
        assert_eq!(filled(r#"{"a": {"b": 1}, "t": "{env:T}"}"#), r#"{"a": {"b": 1}, "t": "<env T>"}"#);
        assert_eq!(filled("{run-dir}/q.db"), "<RunDir>/q.db");
        assert_eq!(filled("{ open {"), "{ open {");
    }

    #[test]
    fn an_unknown_reference_is_found_with_its_place() {
        let unknown = Template::from("ab{prot:api}").references().unwrap_err();
        assert_eq!((unknown.name.as_str(), unknown.at), ("prot:api", 2));
        assert!(Template::from("{env:}").references().is_err());
    }
}
