//! Who may use the API: names, passwords and tokens, in an SQLite file of their own.
//!
//! ```text
//!   register --> user --login (name, password)--> token, shown once --each request--> person
//!                                                   |  logout, expiry
//!                                                   +----------------> nobody
//! ```
//!
//! The file is not the queue's: whoever is logged in stays so while the queue is broken, on whatever store it is.
//! A copy of the file logs nobody in: passwords are kept as Argon2id hashes, tokens as SHA-256 digests.

mod error;
mod name;
mod password;
mod token;

use std::io::{BufRead, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

pub use error::AccountError;
pub use name::{Name, NameMistake};
pub use password::{Password, PasswordMistake};
pub use token::Token;

use crate::{LabError, Millis};
use error::Doing;
use password::Hash;

/// Version of the tables, in `user_version`.
const VERSION: i32 = 1;
/// Marks the file as accounts of the lab: "sqla".
const APPLICATION: i32 = 0x7371_6c61;
/// How long a statement waits for another process.
const PATIENCE: Duration = Duration::from_secs(2);
/// Passwords that are checked at the same time: each takes 19 MiB and a processor.
const CHECKED_TOGETHER: usize = 2;
/// Accounts that one file may hold.
const MOST: i64 = 100_000;
/// Tokens that one person may hold; the oldest gives way.
const TOKENS_EACH: i64 = 100;

/// What a person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Submit tasks and see them.
    User,
    /// Also replay and purge dead letters, and see who there is.
    Admin,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::User, Self::Admin].into_iter().find(|role| role.name() == name)
    }
}

/// Somebody who has logged in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Person {
    /// Their name.
    pub name: String,
    /// What they may do.
    pub role: Role,
}

/// A login that succeeded.
#[derive(Debug)]
pub struct Session {
    /// Who it is.
    pub person: Person,
    /// Their new token. It is kept nowhere in this form.
    pub token: Token,
    /// When it ends.
    pub expires: Millis,
}

/// The accounts' file. Clones share its connection.
#[derive(Clone)]
pub struct Accounts {
    connection: Arc<Mutex<Connection>>,
    checking: Arc<Semaphore>,
    /// Checked where the name is unknown, so that the time of an answer does not say which names exist.
    nobody: Arc<Hash>,
}

impl Accounts {
    /// Opens the file, makes it where there is none.
    pub fn open(path: &Path) -> Result<Self, AccountError> {
        let opening = |source| AccountError::Open { path: path.to_owned(), source };
        let mut connection = Connection::open(path).map_err(opening)?;
        connection.busy_timeout(PATIENCE).map_err(opening)?;
        connection.pragma_update(None, "journal_mode", "wal").map_err(opening)?;
        connection.pragma_update(None, "synchronous", "full").map_err(opening)?;
        let change = connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(opening)?;
        let number = |pragma| change.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
        let tables: i64 =
            change.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(opening)?;
        if tables == 0 {
            change.execute_batch(include_str!("schema.sql")).map_err(opening)?;
            change.pragma_update(None, "application_id", APPLICATION).map_err(opening)?;
            change.pragma_update(None, "user_version", VERSION).map_err(opening)?;
        } else if number("application_id").map_err(opening)? != APPLICATION
            || number("user_version").map_err(opening)? != VERSION
        {
            return Err(AccountError::Foreign { path: path.to_owned() });
        }
        change.commit().map_err(opening)?;
        let nobody = Hash::of(&Password::try_from("nobody has this one".to_owned()).expect("long enough"))?;
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
            checking: Arc::new(Semaphore::new(CHECKED_TOGETHER)),
            nobody: Arc::new(nobody),
        })
    }

    /// Adds an account.
    pub async fn add(&self, name: Name, password: Password, role: Role) -> Result<Person, AccountError> {
        let _turn = self.checking.acquire().await.map_err(|_| AccountError::Stopped)?;
        self.blocking(move |accounts| {
            // Before the hashing, which is the expensive part; the insert decides.
            if accounts.hash_of(&name)?.is_some() {
                return Err(AccountError::Taken { name: name.into() });
            }
            let hash = Hash::of(&password)?;
            accounts.insert(&name, &hash, role)?;
            Ok(Person { name: name.into(), role })
        })
        .await
    }

    /// Gives a token for a name and its password. It ends after `lifetime`.
    pub async fn log_in(
        &self,
        name: Name,
        password: Password,
        lifetime: Duration,
    ) -> Result<Session, AccountError> {
        let _turn = self.checking.acquire().await.map_err(|_| AccountError::Stopped)?;
        self.blocking(move |accounts| {
            let found = accounts.hash_of(&name)?;
            let (hash, role) =
                found.as_ref().map_or((&*accounts.nobody, Role::User), |(hash, role)| (hash, *role));
            if !hash.fits(&password)? || found.is_none() {
                return Err(AccountError::Refused);
            }
            let token = Token::draw()?;
            let now = Millis::now();
            let expires = now.plus(lifetime);
            accounts.keep(&name, &token, now, expires)?;
            Ok(Session { person: Person { name: name.into(), role }, token, expires })
        })
        .await
    }

    /// Who holds this token now.
    pub async fn holder(&self, token: Token) -> Result<Option<Person>, AccountError> {
        self.blocking(move |accounts| {
            let look = "SELECT users.name, users.role FROM tokens JOIN users ON users.name = tokens.user
                        WHERE digest = ?1 AND expires > ?2";
            let found: Option<(String, String)> = accounts.with(|connection| {
                connection
                    .prepare_cached(look)?
                    .query_row(params![token.digest(), Millis::now().0], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()
                    .doing("look a token up")
            })?;
            Ok(found.and_then(|(name, role)| Some(Person { name, role: Role::named(&role)? })))
        })
        .await
    }

    /// Ends a token before its time.
    pub async fn log_out(&self, token: Token) -> Result<(), AccountError> {
        self.blocking(move |accounts| {
            accounts.with(|connection| {
                let end = "DELETE FROM tokens WHERE digest = ?1";
                connection.execute(end, [token.digest()]).map(drop).doing("end a token")
            })
        })
        .await
    }

    /// Up to `limit` accounts whose names come after `after`, by name.
    pub async fn people(&self, after: String, limit: u32) -> Result<Vec<Person>, AccountError> {
        self.blocking(move |accounts| {
            accounts.with(|connection| {
                let rows = connection
                    .prepare_cached("SELECT name, role FROM users WHERE name > ?1 ORDER BY name LIMIT ?2")?
                    .query_map(params![after, limit], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))
                    .and_then(Iterator::collect::<Result<Vec<(String, String)>, _>>)
                    .doing("list the accounts")?;
                let person =
                    |(name, role): (String, String)| Some(Person { name, role: Role::named(&role)? });
                Ok(rows.into_iter().filter_map(person).collect())
            })
        })
        .await
    }

    fn hash_of(&self, name: &Name) -> Result<Option<(Hash, Role)>, AccountError> {
        let found: Option<(String, String)> = self.with(|connection| {
            connection
                .prepare_cached("SELECT hash, role FROM users WHERE name = ?1")?
                .query_row([name.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
                .doing("look an account up")
        })?;
        Ok(found.and_then(|(hash, role)| Some((Hash::kept(hash), Role::named(&role)?))))
    }

    fn insert(&self, name: &Name, hash: &Hash, role: Role) -> Result<(), AccountError> {
        self.with(|connection| {
            let add = "INSERT INTO users (name, hash, role, created)
                       SELECT ?1, ?2, ?3, ?4 WHERE (SELECT count(*) FROM users) < ?5";
            let values = params![name.as_str(), hash.as_str(), role.name(), Millis::now().0, MOST];
            match connection.execute(add, values) {
                Ok(0) => Err(AccountError::Full { most: MOST }),
                Ok(_) => Ok(()),
                Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) => {
                    Err(AccountError::Taken { name: name.as_str().to_owned() })
                }
                Err(source) => Err(AccountError::Statement { doing: "add an account", source }),
            }
        })
    }

    fn keep(&self, name: &Name, token: &Token, now: Millis, expires: Millis) -> Result<(), AccountError> {
        self.with(|connection| {
            let change = connection
                .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
                .doing("keep a token")?;
            change.execute("DELETE FROM tokens WHERE expires <= ?1", [now.0]).doing("forget old tokens")?;
            let surplus = "DELETE FROM tokens WHERE digest IN (SELECT digest FROM tokens WHERE user = ?1
                           ORDER BY created DESC LIMIT -1 OFFSET ?2)";
            change.execute(surplus, params![name.as_str(), TOKENS_EACH - 1]).doing("forget old tokens")?;
            let keep = "INSERT INTO tokens (digest, user, created, expires) VALUES (?1, ?2, ?3, ?4)";
            change
                .execute(keep, params![token.digest(), name.as_str(), now.0, expires.0])
                .doing("keep a token")?;
            change.commit().doing("keep a token")
        })
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, AccountError>,
    ) -> Result<T, AccountError> {
        // A panic inside left at most an open transaction, which was rolled back when it was dropped.
        work(&mut self.connection.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, AccountError> + Send + 'static,
    ) -> Result<T, AccountError> {
        let accounts = self.clone();
        let worked = tokio::task::spawn_blocking(move || work(&accounts)).await;
        worked.map_err(|_| AccountError::Stopped)?
    }
}

/// What `account` takes.
#[derive(Debug, clap::Args)]
pub struct AccountArgs {
    /// Name of the new account. Its password is the first line of the standard input
    pub name: Name,
    /// The accounts' file; it is made where there is none
    #[arg(long, value_name = "FILE")]
    pub auth: PathBuf,
    /// What the account may do
    #[arg(long, value_enum, default_value = "user")]
    pub role: Role,
}

/// Adds an account: the way to the first admin, whom nobody could register.
pub(crate) async fn add(
    args: AccountArgs,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
) -> Result<(), LabError> {
    let mut line = String::new();
    // Longer than any password, so that a stream without lines ends too.
    input.take(1024).read_line(&mut line).map_err(|error| LabError::Password(error.to_string()))?;
    let password = line.trim_end_matches(['\n', '\r']).to_owned();
    let password = Password::try_from(password).map_err(|mistake| LabError::Password(mistake.to_string()))?;
    let person = Accounts::open(&args.auth)?.add(args.name, password, args.role).await?;
    writeln!(out, "added `{}`, role {}", person.name, person.role.name()).map_err(LabError::Output)
}

#[cfg(test)]
mod tests;
