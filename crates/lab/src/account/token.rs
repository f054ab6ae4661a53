//! Tokens: random, opaque, kept only as digests.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRngCore;
use rand::rngs::OsRng;
use sha2::{Digest, Sha256};

use super::AccountError;

/// How each token begins, so that one that leaked into a log is recognised.
const PREFIX: &str = "lab_";
/// Random bytes in a token: nobody guesses 256 bits, so the digest needs no salt.
const BYTES: usize = 32;

/// Proof of a login. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A new one, from the kernel's random numbers.
    pub(super) fn draw() -> Result<Self, AccountError> {
        let mut bytes = [0; BYTES];
        OsRng.try_fill_bytes(&mut bytes).map_err(AccountError::Random)?;
        Ok(Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// The token in an `Authorization` header (RFC 6750): the scheme is `Bearer`, in any case.
    pub fn of_header(value: &str) -> Option<Self> {
        let (scheme, token) = value.split_once(' ')?;
        let token = token.trim();
        (scheme.eq_ignore_ascii_case("bearer") && token.len() <= 200).then(|| Self(token.to_owned()))
    }

    /// The text, for the one who logged in.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub(super) fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}
