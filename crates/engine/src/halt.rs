//! Ending a run from outside: asked first, taken over when it does not answer.

use std::time::Duration;

use squall_host::clock;
use squall_host::signal::Signal;

use crate::home::RunDir;
use crate::journal::{Journal, JournalError, Ledger};
use crate::reason::reason;
use crate::recast::process;

/// What became of a run that was asked to end.
#[derive(Clone, Debug, PartialEq)]
pub struct Halted {
    /// The journal afterwards.
    pub ledger: Ledger,
    /// How it ended.
    pub how: How,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It was over already.
    WasOver,
    /// It undid everything by itself.
    ByItself,
    /// It did not answer and was killed; its warden undid everything.
    ByItsWarden,
    /// It has not ended in time.
    NotYet,
}

/// A run that has not begun to halt by then is taken over.
const ANSWERS_WITHIN: Duration = Duration::from_millis(400);
/// Slow undos (a service that starts) may take their time.
const ENDS_WITHIN: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(2);

/// Ends a run and waits until nothing is owed.
pub fn halt(run: &RunDir) -> Result<Halted, JournalError> {
    let path = run.journal();
    let ledger = Journal::peek(&path)?;
    let Some(opened) = ledger.opened().filter(|_| !ledger.is_closed()) else {
        return Ok(Halted { ledger, how: How::WasOver });
    };
    let leader = process(opened.process);
    let asked = leader.signal(Signal::Term).map_err(|error| reason(&error));
    let began = clock::since_boot();
    let mut how = How::ByItself;
    loop {
        let ledger = Journal::peek(&path)?;
        let waited = clock::since_boot().saturating_sub(began);
        if ledger.is_closed() {
            return Ok(Halted { ledger, how });
        }
        if how == How::ByItself && !ledger.is_halting() && (waited > ANSWERS_WITHIN || asked.is_err()) {
            how = How::ByItsWarden;
            // If it cannot be killed either, the wait below ends in `NotYet`.
            let _ = leader.signal(Signal::Kill);
        }
        let is_orphan = !Journal::is_held(&path)? && waited > ANSWERS_WITHIN * 3;
        if waited > ENDS_WITHIN || is_orphan {
            return Ok(Halted { ledger, how: How::NotYet });
        }
        std::thread::sleep(PAUSE);
    }
}
