//! Chains without sockets.

mod bench;
mod history;
mod toxics;
