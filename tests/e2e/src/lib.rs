//! What the end-to-end tests share: the real binary, things to break, and a picture of what is left.

pub mod binary;
pub mod left;
pub mod mount;
pub mod network;
pub mod peer;
pub mod systemd;
pub mod terminal;
pub mod victim;
pub mod wait;
