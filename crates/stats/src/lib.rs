//! Comparing two stretches of measurements so that the answer can be defended.
//!
//! ```text
//! readings in the order of time --Sample::of--> Sample --describe------------> Description
//!                                                 |
//!                                 before, then ---+--Comparison::between-----> test, p, effect size, shift, interval
//!                                                                              or: too few, and how many are needed
//! target and control group, read in pairs ---------Net::of-------------------> the change that the control has not
//! p of all measures -------------------------------holm----------------------> p for all of them together
//! one stretch -------------------------------------change_point, Shortfall---> when it settled, what was lost
//! one number a run --------------------------------Trend::of-----------------> whether runs get worse
//! ```
//!
//! # Example
//!
//! ```
//! use squall_stats::{Comparison, Sample};
//!
//! let before = Sample::of(&[41.0, 40.5, 41.7, 39.9, 41.2, 40.8, 41.4, 40.1]);
//! let during = Sample::of(&[212.0, 209.0, 214.5, 211.2, 208.7, 213.9, 210.6, 212.8]);
//! let Comparison::Compared(effect) = Comparison::between(&before, &during) else { panic!("enough readings") };
//! assert!(effect.p < 0.01 && effect.low > 165.0 && effect.high < 175.0);
//!
//! let few = Sample::of(&[41.0, 40.5, 41.7]);
//! assert_eq!(
//!     Comparison::between(&few, &during),
//!     Comparison::TooFew { before: 3, then: 8, needed: 5 }
//! );
//! ```
//!
//! Everything here is pure: no input, no output, no clock, and the same readings give the same answer. What is claimed
//! of error rates and power is measured by `examples/calibrate.rs`; the result stands in `docs/statistics.md`.

mod bootstrap;
mod change;
mod cliff;
mod comparison;
mod dependence;
mod describe;
mod holm;
mod net;
mod proportion;
mod rank;
mod sample;
mod shift;
mod shortfall;
mod trend;
mod whitney;

pub use crate::bootstrap::{Interval, Stationary};
pub use crate::change::{ChangePoint, change_point};
pub use crate::cliff::Size;
pub use crate::comparison::{Comparison, Effect, FEWEST, Test};
pub use crate::dependence::Dependence;
pub use crate::describe::{Description, median, quantile};
pub use crate::holm::holm;
pub use crate::net::{Net, Pair};
pub use crate::proportion::Proportion;
pub use crate::sample::Sample;
pub use crate::shortfall::Shortfall;
pub use crate::trend::{Direction, Trend};

/// Two-sided level of every interval and of every "significant" here: 5 %.
pub const LEVEL: f64 = 0.05;
