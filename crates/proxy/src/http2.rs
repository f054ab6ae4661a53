//! HTTP/2 and gRPC, frame by frame (RFC 9113).
//!
//! Streams without a hit pass as they came. A stream that a rule hit is followed: what the server sends on it waits in
//! a lane of its own, so that no other stream is held up.
//!
//! **Headers.** HPACK is one state for all streams of a way (RFC 7541): who leaves a header block out, or sends it at
//! another time, puts sender and receiver out of step. So every block is decoded, and from the first one that is left
//! out, changed or held, all later blocks of that way are encoded anew as literals that are never indexed: they are
//! right whatever the receiver's table holds.
//!
//! **Flow control.** What is held or made up here is not in the accounts of the peers. What the server sends on a
//! followed stream is credited to it at once ([`frame::window_update`]), and when it goes on to the client, that much
//! of the client's next credit for the connection is kept back. Where the client's window is too small for the next
//! frame of another stream, that frame waits for the client's credit.
//!
//! A request that a rule answers never reaches the server; an answer that a rule cuts off ends on the server's side
//! with RST_STREAM. Upgrades from HTTP/1.1 (`h2c`) and WebSocket over HTTP/2 (RFC 8441) pass without a look inside.

mod block;
mod connection;
mod delivery;
mod frame;
mod input;
mod output;
mod stream;
mod tickets;

pub(crate) use self::connection::Connection;
pub(crate) use self::frame::PREFACE;
