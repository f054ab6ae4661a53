//! The name of an account.

use std::str::FromStr;

use serde::Deserialize;

/// 1 to 64 of `a-z`, `0-9`, `.`, `_`, `-`: no two names look the same.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(String);

/// The text is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a name: write 1 to 64 of a-z, 0-9, `.`, `_` and `-`")]
pub struct NameMistake(String);

impl Name {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Name> for String {
    fn from(name: Name) -> String {
        name.0
    }
}

impl TryFrom<String> for Name {
    type Error = NameMistake;

    fn try_from(text: String) -> Result<Self, NameMistake> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
        if (1..=64).contains(&text.len()) && text.chars().all(plain) {
            Ok(Self(text))
        } else {
            Err(NameMistake(text.escape_debug().take(80).collect()))
        }
    }
}

impl FromStr for Name {
    type Err = NameMistake;

    fn from_str(text: &str) -> Result<Self, NameMistake> {
        Self::try_from(text.to_owned())
    }
}
