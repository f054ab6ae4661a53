//! What people write, and what it means.
//!
//! ```text
//! text --read--> Draft --plan--> Plan
//!        |                |
//!        +--- Mistakes ---+      every mistake at once, each with its place, a reason and help
//! ```
//!
//! [`read`](draft::read) takes the text of an experiment; [`Draft::plan`](draft::Draft::plan) makes the plan
//! of it once the instances of the target are known. [`policy`] says what a plan may do where.
//! [`schema`] gives the JSON Schemas, [`explain`] the long form of every mistake, [`template`] texts to start from.

pub mod code;
mod document;
pub mod draft;
pub mod explain;
pub mod lab;
pub mod load;
pub mod mistake;
mod node;
mod notes;
pub mod opening;
mod plan;
pub mod policy;
pub mod render;
pub mod schema;
mod shape;
pub mod template;
mod word;
mod yaml;

pub use draft::{Draft, read};
pub use mistake::{Lints, Mistakes};
