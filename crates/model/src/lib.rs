//! The words of squall: what an experiment means, what happened in it, and what became of it.
//!
//! Plain data, nothing that waits, opens or writes. Three families, each made from the one before it:
//!
//! - what is *meant*: [`plan::Plan`] with its [`target`], [`fault`]s, [`measure`]s, [`stage`]s, [`load`] and
//!   [`conservation`];
//! - what is *owed*: [`undo::Undo`], written down before the change that it undoes;
//! - what is *recorded*: [`event::Event`]s, which end in a [`verdict::Verdict`].

pub mod conservation;
pub mod event;
pub mod fault;
pub mod id;
pub mod latency;
pub mod load;
pub mod measure;
pub mod name;
pub mod plan;
pub mod record;
pub mod stage;
pub mod target;
pub mod template;
pub mod traffic;
pub mod undo;
pub mod unit;
pub mod verdict;
