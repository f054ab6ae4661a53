//! Redis: rules by command, key and client; commands delayed, dropped or answered with an error, replies cut.
//!
//! RESP2 and RESP3, inline commands, pipelines, publish and subscribe, transactions, blocking commands, `MONITOR` and
//! `CLIENT REPLY` keep their meaning: an error of ours takes exactly its place among the server's replies.
//!
//! - **Inside of `MULTI`** an error makes `EXEC` abort, as with a real server: the command is replaced by one that the
//!   server refuses (`ECHO` without its argument), and its refusal by the error. An error that hits `EXEC` itself
//!   discards the transaction and is said as `EXECABORT`.
//! - **Nothing is answered out of order.** A dropped command therefore silences or closes its connection.
//! - **Only the head of a command is held**, at most 64 KiB: of a longer one only the keys in that much are seen.
//! - After `SYNC` or `PSYNC`, and after bytes that are not Redis's protocol (TLS), everything passes unseen.

mod command;
mod error;
mod frame;
mod hit;
mod keys;
mod replies;
mod rule;
mod session;
mod slot;
mod special;
mod tickets;
mod wanted;

pub use error::{Elsewhere, ErrorReply};
pub use rule::{Attributes, Cut, CutWith, Drop, Rule};
pub use session::session;
