//! The life of a run and everything that may cut it short: signals, `halt`, a stopped process, a full disk, a second
//! run, a reboot (S1, S2, S3, S7).

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod deaths;
mod disks;
mod ends;
mod stage;
