//! What can go wrong with accounts.

use std::path::PathBuf;

/// Why an account was not added, found or let in. Each text continues "could not ...".
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The file could not be opened as a database.
    #[error("open the accounts {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// A database, but of something else.
    #[error("use {} for accounts: it is a database of something else, or of another version", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A statement failed.
    #[error("{doing}")]
    Statement {
        /// What was being done.
        doing: &'static str,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// Somebody has this name.
    #[error("register `{name}`: the name is taken")]
    Taken {
        /// The name.
        name: String,
    },
    /// No more accounts fit.
    #[error("register: there are {most} accounts, which is the most")]
    Full {
        /// The limit.
        most: i64,
    },
    /// Unknown name or wrong password; which of them is not said.
    #[error("log in: there is no such name with this password")]
    Refused,
    /// A password could not be hashed, or a hash in the file cannot be read.
    #[error("check the password: {0}")]
    Hash(argon2::password_hash::Error),
    /// The kernel gave no random numbers.
    #[error("draw random numbers: {0}")]
    Random(rand::rand_core::OsError),
    /// The program is ending.
    #[error("reach the accounts: the program is ending")]
    Stopped,
}

/// A statement that could not be prepared fails like one that could not be executed.
impl From<rusqlite::Error> for AccountError {
    fn from(source: rusqlite::Error) -> Self {
        Self::Statement { doing: "read the accounts", source }
    }
}

/// Says what was being done when SQLite refused.
pub(super) trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, AccountError>;
}

impl<T> Doing<T> for Result<T, rusqlite::Error> {
    fn doing(self, doing: &'static str) -> Result<T, AccountError> {
        self.map_err(|source| AccountError::Statement { doing, source })
    }
}
