//! The outputs, made from records that are written by hand as a run would write them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod draft;
mod planned;
mod record;

mod big;
mod compare;
mod cost;
mod findings;
mod lines;
mod outputs;
mod strangers;
mod verdicts;
