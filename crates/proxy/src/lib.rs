//! A fault proxy: TCP, UDP, HTTP, Redis and PostgreSQL, with the API of Toxiproxy in front.
//!
//! It knows nothing of experiments, and a program can embed it:
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = squall_proxy::Server::start(&squall_proxy::Settings::default())?;
//! let plan = squall_proxy::Plan {
//!     name: "redis".into(),
//!     listen: "127.0.0.1:0".parse()?,
//!     upstream: "127.0.0.1:6379".parse()?,
//!     enabled: true,
//!     protocol: None,
//!     tls: None,
//!     idle_timeout: None,
//!     toxics: Vec::new(),
//! };
//! println!("redis is at {}", server.create(&plan)?.listen);
//! # Ok(())
//! # }
//! ```
//!
//! ```text
//! api (one thread) --> Server --> toxics of a proxy, replaced as a whole --+
//!                                                                           v
//! client --> gate --> worker (a thread): connection = one task: lane up, lane down --> server
//!                                        lane = read -> chain of toxics -> write, or splice
//! datagrams: udp (front, sessions) instead of gate and connection, and the same chain with stages of their own
//! ```

mod address;
pub mod api;
mod attributes;
mod chain;
pub mod clients;
mod connection;
mod delay_line;
mod descriptors;
mod dice;
mod document;
mod event;
mod gate;
pub mod glob;
mod globs;
pub mod groups;
pub mod http;
mod http2;
mod inlet;
pub mod layer;
mod line;
pub mod mistake;
pub mod names;
pub mod pause;
pub mod postgres;
mod protocol;
mod proxy;
pub mod redis;
mod refusal;
mod remainder;
pub mod rulebook;
mod server;
pub mod shape;
pub mod share;
#[cfg(test)]
mod simulation;
mod span;
pub mod tls;
pub mod toxic;
mod traffic;
mod udp;
mod watched;
pub mod websocket;
mod worker;

pub use address::{Address, NoAddress};
pub use document::{Read, plans};
pub use event::{Event, What};
pub use protocol::{Protocol, RuleKind};
pub use proxy::{Plan, View};
pub use refusal::Refusal;
pub use server::{Change, Populated, Server, Settings};
