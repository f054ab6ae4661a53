//! PostgreSQL: rules by statement, kind, database and user; statements delayed, answered with an error or cut, rows slow.
//!
//! Protocol 3, simple and extended queries, pipelines, `COPY`. The server's state stays that of the client:
//!
//! - **A statement that gets an error is replaced by one that the server refuses** (a name that does not exist), and the
//!   refusal by the error. So the server itself gives up the transaction, skips up to `Sync` in the extended protocol
//!   and says the right status in `ReadyForQuery`. Its log shows a statement with the word `squall_fault`.
//! - **An error for `COMMIT` rolls back**, as a real serialization failure does: the server gets `ROLLBACK` before the
//!   refusal.
//! - **An error that ends the session** (57P01, 53300, `FATAL`) is followed by the end of the connection, on which the
//!   server rolls back.
//! - **Only the head of a message is held**, at most 64 KiB, and 16 KiB of a statement's text are looked at. Of prepared
//!   statements the oldest are forgotten when all together are over 128 KiB: then rules see no statement in them.
//! - **TLS is opened by rules for TLS** ([`encryption`]). Without one, after an accepted `SSLRequest` or `GSSENCRequest`,
//!   and after bytes that are not this protocol, everything passes unseen; where there are rules, a hit without a rule
//!   says so.

mod answers;
mod encryption;
mod error;
mod kind;
mod message;
mod rule;
mod session;
mod startup;
mod statement;
mod tickets;

pub use encryption::encryption;
pub use error::{ErrorReply, Severity};
pub use rule::{Attributes, Cut, Pattern, Rule};
pub use session::session;
