//! Passwords, and the hashes that are kept of them.

use std::fmt;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{Error, PasswordHasher, PasswordVerifier};
use serde::Deserialize;

use super::AccountError;

/// A password as somebody typed it. It has no `Display`, and its `Debug` does not show it.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Password(String);

/// The text is no password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the password has {0} bytes: write 8 to 200")]
pub struct PasswordMistake(usize);

impl TryFrom<String> for Password {
    type Error = PasswordMistake;

    fn try_from(text: String) -> Result<Self, PasswordMistake> {
        if (8..=200).contains(&text.len()) { Ok(Self(text)) } else { Err(PasswordMistake(text.len())) }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// A salted Argon2id hash in PHC form (RFC 9106; 19 MiB, two passes, the crate's defaults).
pub(super) struct Hash(String);

impl Hash {
    /// Hashes with a new salt. Takes tens of milliseconds on purpose.
    pub(super) fn of(password: &Password) -> Result<Self, AccountError> {
        let hash = Argon2::default().hash_password(password.0.as_bytes()).map_err(AccountError::Hash)?;
        Ok(Self(hash.to_string()))
    }

    /// One that was read from the file.
    pub(super) fn kept(text: String) -> Self {
        Self(text)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the hash of this password.
    pub(super) fn fits(&self, password: &Password) -> Result<bool, AccountError> {
        let hash = PasswordHash::new(&self.0).map_err(|error| AccountError::Hash(error.into()))?;
        match Argon2::default().verify_password(password.0.as_bytes(), &hash) {
            Ok(()) => Ok(true),
            Err(Error::PasswordInvalid) => Ok(false),
            Err(error) => Err(AccountError::Hash(error)),
        }
    }
}
