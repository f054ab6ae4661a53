//! After a crash: whatever any journal still owes is undone. And what is broken right now, by whom, until when.

use std::time::Duration;

use squall_host::machine::{self, MachineError};
use squall_model::id::RunId;

use crate::filling::Filling;
use crate::home::{Home, HomeError, RunDir};
use crate::journal::{Journal, JournalError, Ledger, Settler};
use crate::recast::process;
use crate::settle::{self, Settled};

/// What became of one run's debts.
#[derive(Clone, Debug, PartialEq)]
pub struct Recovered {
    /// The run.
    pub run: RunId,
    /// Each debt.
    pub settled: Vec<Settled>,
    /// Lines of the journal that cannot be read: undos may be lost.
    pub damage: Vec<String>,
}

/// The state of a run's journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The run.
    pub run: RunId,
    /// Who holds the journal.
    pub holder: Holder,
    /// What it says.
    pub ledger: Ledger,
}

/// Whether somebody is answerable for a journal now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// Its run, its warden, or a command that settles it.
    Somebody,
    /// Nobody: `squall recover` is needed.
    Nobody,
}

/// Journals could not be settled.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The state folder.
    #[error("look through the runs")]
    Home(#[from] HomeError),
    /// A journal.
    #[error("settle the run {run}")]
    Journal {
        /// Which.
        run: RunId,
        /// Why.
        source: JournalError,
    },
    /// The boot id.
    #[error("tell this boot from others")]
    Boot(#[from] MachineError),
}

/// Time for a warden at work.
const PATIENCE: Duration = Duration::from_secs(30);

/// Every journal that is not closed.
pub fn standings(home: &Home) -> Result<Vec<Standing>, RecoverError> {
    let mut standings = Vec::new();
    for run in home.runs()? {
        if !run.journal().exists() {
            continue;
        }
        let ledger = Journal::peek(&run.journal())
            .map_err(|source| RecoverError::Journal { run: run.id().clone(), source })?;
        if ledger.is_closed() {
            continue;
        }
        let is_held = Journal::is_held(&run.journal())
            .map_err(|source| RecoverError::Journal { run: run.id().clone(), source })?;
        let holder = if is_held { Holder::Somebody } else { Holder::Nobody };
        standings.push(Standing { run: run.id().clone(), holder, ledger });
    }
    Ok(standings)
}

/// Settles every journal that nobody holds. `filling` gives values for each run's folder.
pub fn recover(home: &Home, filling: impl Fn(&RunDir) -> Filling) -> Result<Vec<Recovered>, RecoverError> {
    let boot = machine::boot_id()?;
    let mut recovered = Vec::new();
    for run in home.runs()? {
        if !run.journal().exists() {
            continue;
        }
        let failed = |source| RecoverError::Journal { run: run.id().clone(), source };
        let ledger = Journal::peek(&run.journal()).map_err(failed)?;
        if ledger.is_closed() {
            continue;
        }
        // A living run answers for itself; the warden of a dead one is at work and is waited for.
        let lives = ledger.opened().is_some_and(|opened| process(opened.process).is_alive().unwrap_or(true));
        let patience = if lives { Duration::ZERO } else { PATIENCE };
        let (mut journal, ledger) = match Journal::take_over(&run.journal(), Settler::Recover, patience) {
            Ok(taken) => taken,
            Err(JournalError::Held { .. }) => continue,
            Err(source) => return Err(failed(source)),
        };
        if ledger.is_closed() {
            continue;
        }
        let settled = settle::all(&mut journal, &ledger, &boot, &filling(&run)).map_err(failed)?;
        recovered.push(Recovered { run: run.id().clone(), settled, damage: ledger.damage() });
    }
    Ok(recovered)
}
