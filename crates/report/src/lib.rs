//! Record to page: what a run says of the system, for people and for machines.
//!
//! ```text
//! Record --Summary::of--> Summary --+--> json, findings_json
//!    |                              +--> markdown   (a comment on a pull request)
//!    |                              +--> junit      (a test suite for CI)
//!    +-----Curves::of--> Curves ----+--> html       (one file, no network, no script)
//!    |                              +--> sparkline  (a few lines of a terminal)
//!    +--two: RunsCompared::of--> did it get worse?
//!    +--many: History::of------> trends
//! ```
//!
//! A record holds no secrets, but it holds strangers' text: names, outputs of programs, paths. Every output
//! escapes it, shows control characters as signs, and cuts what is too long to be read.

mod chart;
mod compare;
mod curve;
mod findings;
mod history;
mod html;
mod json;
mod junit;
mod markdown;
mod spark;
mod summary;
mod wording;

pub use crate::compare::{Difference, Fact, RunName, RunsCompared, Worse};
pub use crate::curve::{Curve, Curves, Line, Point, Range};
pub use crate::findings::{Finding, Severity};
pub use crate::history::{History, HistoryRun, MeasureTrend};
pub use crate::html::{HtmlError, html};
pub use crate::json::{findings_json, json};
pub use crate::junit::junit;
pub use crate::markdown::markdown;
pub use crate::spark::{Band, sparkline};
pub use crate::summary::*;
