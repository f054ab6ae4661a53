//! What happens: a plan goes in, events and a verdict come out, and nothing is left behind.

pub mod boundary;
pub mod change;
pub mod doctor;
pub mod driver;
pub mod fault;
pub mod filling;
pub mod halt;
pub mod home;
pub mod journal;
pub mod load;
pub mod machine;
mod plural;
pub mod preflight;
mod program;
pub mod proxy_api;
pub mod reason;
mod recast;
pub mod recover;
pub mod settle;
pub mod supervisor;
pub mod survey;
pub mod undo;
pub mod warden;
