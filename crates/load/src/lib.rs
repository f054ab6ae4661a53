//! Patterned, open-loop load.
//!
//! ```text
//!  pattern --due(n)--> conductor --at its time, ready or not--> request n --> outcome --> counts --> Sample, Totals
//! ```
//!
//! Open loop: the pattern alone decides when a request starts, never the answers before it. A slow system meets the
//! same load as a quick one, as it would with independent users. Latency is counted from the moment at which the
//! request was due, not from the one at which it was sent, so that a pause of this process is not hidden
//! ("coordinated omission", G. Tene). About a millisecond of it is the timer's.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use squall_load::{HttpTarget, Load, Pattern, PerSecond, Settings, Target};
//!
//! let tasks = HttpTarget::new("POST", "http://127.0.0.1:8080/tasks")?
//!     .header("content-type", "application/json")?
//!     .body(r#"{"tag": "load", "work": "200ms", "key": "{n}"}"#);
//! let load = Load::start(Settings::new(Target::Http(tasks), Pattern::Constant(PerSecond::new(20.0)?)));
//! tokio::time::sleep(Duration::from_secs(1)).await;
//! let second = load.sample();
//! println!("{} sent, {} ok, p99 {:?}", second.sent, second.ok, second.latency.quantile(0.99));
//! let totals = load.stop().await;
//! # Ok(())
//! # }
//! ```

mod body;
mod counts;
mod http;
mod latency;
mod pattern;
mod run;
mod settings;

pub use counts::{Failure, Sample, Totals};
pub use http::{HttpTarget, HttpTargetMistake};
pub use latency::Latencies;
pub use pattern::{Pattern, PerSecond, RateMistake};
pub use run::Load;
pub use settings::{Settings, Target};
