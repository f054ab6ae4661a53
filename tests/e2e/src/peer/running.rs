//! A run that goes on while the test looks at what it does.

use std::io::Read;
use std::process::{Child, Output, Stdio};
use std::time::Duration;

use squall_model::event::{Event, EventKind};
use squall_model::record::Record;

use crate::binary::Squall;
use crate::wait;

/// A run in the background.
pub struct Running<'a> {
    squall: &'a Squall,
    child: Child,
    earlier: usize,
}

impl<'a> Running<'a> {
    /// Starts `squall run FILE`.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(squall: &'a Squall, file: &str) -> Self {
        let earlier = squall.runs().len();
        let mut command = squall.command(["run", file]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        Self { squall, child, earlier }
    }

    /// Waits for an event.
    ///
    /// # Panics
    /// When it does not happen within fifteen seconds, or the run ends without it.
    pub fn await_event(&mut self, what: &str, is: impl Fn(&EventKind) -> bool) {
        let (squall, earlier) = (self.squall, self.earlier);
        let has_happened = || {
            let record = squall.runs().into_iter().nth(earlier)?.read_record().ok()?;
            record.events.iter().any(|event| is(&event.kind)).then_some(())
        };
        wait::until(what, Duration::from_secs(15), || {
            let over = self.child.try_wait().expect("a run that can be waited for");
            let happened = has_happened();
            if let (Some(status), None) = (over, happened) {
                let mut text = String::new();
                let _ = self.child.stdout.take().map(|mut out| out.read_to_string(&mut text));
                let _ = self.child.stderr.take().map(|mut out| out.read_to_string(&mut text));
                panic!("{what}: the run is over: {status}\n{text}");
            }
            happened
        });
    }

    /// Waits until the fault is on.
    ///
    /// # Panics
    /// When it is not within fifteen seconds.
    pub fn await_injected(&mut self) {
        self.await_event("the fault is on", |kind| matches!(kind, EventKind::FaultInjected { .. }));
    }

    /// Whether the fault is still on, or may be.
    ///
    /// # Panics
    /// When the record cannot be read.
    pub fn is_on(&self) -> bool {
        let record = last_record(self.squall);
        find(&record, |kind| matches!(kind, EventKind::FaultUndone { .. }).then_some(())).is_none()
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// When it cannot be waited for.
    pub fn end(self) -> Output {
        self.child.wait_with_output().expect("the end of a run")
    }
}

/// The record of the newest run.
///
/// # Panics
/// When there is none.
pub fn last_record(squall: &Squall) -> Record {
    squall.runs().pop().expect("a run").read_record().expect("a record")
}

/// The first event that is as asked for.
pub fn find<T>(record: &Record, is: impl Fn(&EventKind) -> Option<T>) -> Option<T> {
    record.events.iter().find_map(|event| is(&event.kind))
}

/// The first event that is as asked for, with its time.
///
/// # Panics
/// When there is none.
pub fn when<'a>(record: &'a Record, what: &str, is: impl Fn(&EventKind) -> bool) -> &'a Event {
    record
        .events
        .iter()
        .find(|event| is(&event.kind))
        .unwrap_or_else(|| panic!("{what} is not in the record"))
}

/// The last event of a run: its reasons.
///
/// # Panics
/// When it did not come to its end.
pub fn reasons(record: &Record) -> String {
    let reasons = find(record, |kind| match kind {
        EventKind::RunEnded { reasons, .. } => Some(reasons.join("\n")),
        _ => None,
    });
    reasons.expect("a run comes to its end")
}
