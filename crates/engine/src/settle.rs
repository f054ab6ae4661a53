//! Paying what a dead run owes: the warden's work, and that of `squall recover`.

use squall_model::undo::Undo;

use crate::filling::Filling;
use crate::journal::{Debt, Journal, JournalError, Ledger};
use crate::undo::{self, Lives};

/// What became of one debt.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// The debt.
    pub debt: Debt,
    /// The proof, or why it could not be paid.
    pub outcome: Result<String, String>,
}

/// Pays every debt, the last first; one that fails does not stop the others. Closes the journal when nothing is left
/// and nothing in it was damaged.
///
/// # Errors
/// When the journal cannot be written; everything was tried all the same.
pub fn all(
    journal: &mut Journal,
    ledger: &Ledger,
    boot: &str,
    filling: &Filling,
) -> Result<Vec<Settled>, JournalError> {
    let is_same_boot = ledger.opened().is_none_or(|opened| opened.boot == boot);
    let mut settled = Vec::new();
    let mut noted = Ok(());
    for debt in ledger.owed() {
        let outcome = if !is_same_boot && ends_with_the_boot(&debt.undo) {
            Ok("the machine was started anew since".to_owned())
        } else {
            undo::execute(&debt.undo, filling, Lives::Journal)
        };
        let note = match &outcome {
            Ok(proof) => journal.settle(debt.number, proof),
            Err(why) => journal.fail(debt.number, why),
        };
        noted = noted.and(note);
        settled.push(Settled { debt: debt.clone(), outcome });
    }
    noted?;
    if settled.iter().all(|settled| settled.outcome.is_ok()) && ledger.damage().is_empty() {
        journal.close()?;
    }
    Ok(settled)
}

/// Processes and the kernel's own state do not outlive a boot; files, services and other programs' doings may.
fn ends_with_the_boot(undo: &Undo) -> bool {
    match undo {
        Undo::KillMarked { .. }
        | Undo::FreeSpace { .. }
        | Undo::Continue { .. }
        | Undo::LeaveGroup { .. }
        | Undo::EndRedirect { .. }
        | Undo::RestoreLimit { .. }
        | Undo::Resume { .. } => true,
        Undo::RestoreValue { path, .. } => path.starts_with("/sys/") || path.starts_with("/proc/"),
        // A proxy that was started again has none of our toxics, and one elsewhere has not been started again.
        Undo::StartService { .. }
        | Undo::ScaleBack { .. }
        | Undo::Run { .. }
        | Undo::RemoveToxic { .. }
        | Undo::RemoveFile { .. } => false,
    }
}
