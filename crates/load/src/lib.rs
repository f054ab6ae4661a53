//! Patterned, open-loop load.
//!
//! ```text
//!  pattern --schedule--> conductor --at its time, ready or not--> request n --> outcome --> counts --> Sample
//! ```
//!
//! Open loop: the pattern alone decides when a request starts, never the answers before it. A slow system meets the
//! same load as a quick one, as it would with independent users. Latency is counted from the moment at which the
//! request was due, not from the one at which it was sent, so that a pause of this process is not hidden
//! ("coordinated omission", G. Tene).
//!
//! The load has a thread of its own, and a timer of the kernel wakes it: at low rates requests start within some tens of
//! microseconds, at high rates those of about 0.3 ms start together.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use squall_load::{HttpTarget, Load, Pattern, PerSecond, Settings, Target, Text};
//!
//! let tasks = HttpTarget::new("POST", &Text::new("http://127.0.0.1:8080/tasks", None)?)?
//!     .header("content-type", &Text::new("application/json", None)?)?
//!     .body(Text::new(r#"{"tag": "load", "work": "200ms", "key": "{n}"}"#, None)?);
//! let pattern = Pattern::Constant(PerSecond::new(20.0)?);
//! let load = Load::start(Settings::new(Target::Http(Box::new(tasks)), pattern))?;
//! tokio::time::sleep(Duration::from_secs(1)).await;
//! let second = load.sample();
//! println!("{} sent, {} ok, p99 {:?}", second.sent, second.ok, second.latency.quantile(0.99));
//! let totals = load.stop().await;
//! # Ok(())
//! # }
//! ```

mod alarm;
mod command;
mod conductor;
mod counts;
mod curve;
mod desk;
mod failure;
mod http;
mod latency;
mod pattern;
mod queue;
mod rate;
mod run;
mod schedule;
mod sender;
mod settings;
mod text;
mod throttle;
mod trust;

pub use command::CommandTarget;
pub use counts::Sample;
pub use failure::Failure;
pub use http::{Connections, HttpTarget, HttpTargetMistake, HttpVersion};
pub use latency::Latencies;
pub use pattern::{Part, Pattern, PatternMistake};
pub use queue::{PostgresTarget, QueueMistake, RedisQueue, RedisTarget, SqliteTarget};
pub use rate::{PerSecond, RateMistake};
pub use run::{Load, StartError};
pub use schedule::Schedule;
pub use sender::{Sender, Sending};
pub use settings::{Settings, Target};
pub use text::{Rows, Text, TextMistake};
