//! Undoing a fault, and ending what the run itself has started.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use squall_host::mark;
use squall_model::event::FaultRef;
use squall_model::undo::Undo;
use tokio::sync::OwnedMutexGuard;
use tokio::task::JoinHandle;

use super::{Debt, Hand, Run, UnderWay};
use crate::boundary::Boundary;
use crate::machine::Input;
use crate::supervisor::Patience;
use crate::undo::{self, Lives};

/// An undo that takes longer lets the next one begin.
const TURN: Duration = Duration::from_millis(100);

/// Undoes a fault in a task of its own, which says to the machine how it went.
pub(in crate::driver) fn undo(run: &Rc<Run>, fault: FaultRef) {
    let under_way = run.hand.under_way.borrow_mut().entry(fault.clone()).or_default().clone();
    under_way.is_unwanted.cancel();
    let run = Rc::clone(run);
    tokio::task::spawn_local(async move {
        let turn = Arc::clone(&run.hand.turn).lock_owned().await;
        interrupt(&under_way).await;
        under_way.is_made.cancelled().await;
        let debts = under_way.debts.borrow().clone();
        let paid = take_turn(turn, pay(&run, Some(&fault), debts)).await;
        run.inbox.input(match paid {
            Ok(proofs) if proofs.is_empty() => {
                Input::Undone { fault, proof: "nothing had been changed".to_owned() }
            }
            Ok(proofs) => Input::Undone { fault, proof: proofs.join("; ") },
            Err(unpaid) => Input::UndoFailed {
                fault,
                why: unpaid.iter().map(|(_, why)| why.as_str()).collect::<Vec<_>>().join("; "),
                by_hand: unpaid.iter().flat_map(|(debt, _)| debt.undo.by_hand()).collect(),
            },
        });
    });
}

/// A program that is still making the change is not waited for.
async fn interrupt(under_way: &UnderWay) {
    let debts = under_way.debts.borrow().clone();
    for debt in debts {
        if let Undo::Run { mark, .. } = debt.undo
            && !under_way.is_made.is_cancelled()
        {
            // If it cannot be ended, its own timeout ends it.
            let _ = tokio::task::spawn_blocking(move || mark::kill_marked(&mark, TURN)).await;
        }
    }
}

/// Does the work, and lets the next one begin when it takes long.
async fn take_turn<T>(turn: OwnedMutexGuard<()>, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    if let Ok(done) = tokio::time::timeout(TURN, &mut work).await {
        return done;
    }
    drop(turn);
    work.await
}

/// Pays debts, the last first; one that fails does not stop the others.
async fn pay(
    run: &Rc<Run>,
    fault: Option<&FaultRef>,
    debts: Vec<Debt>,
) -> Result<Vec<String>, Vec<(Debt, String)>> {
    let (mut proofs, mut unpaid) = (Vec::new(), Vec::new());
    for debt in debts.into_iter().rev() {
        run.hand.reach(Boundary::BeforeUndo, fault);
        let outcome = match &debt.undo {
            Undo::Resume { service, count, within } => run.supervisor.resume(service, *count, within.0).await,
            undo => execute(run, undo.clone()).await,
        };
        run.hand.reach(Boundary::AfterUndo, fault);
        match outcome {
            Ok(proof) => {
                run.hand.settle(&debt, &proof);
                proofs.push(proof);
            }
            Err(why) => {
                run.hand.fail(&debt, &why);
                unpaid.push((debt, why));
            }
        }
        run.hand.reach(Boundary::AfterSettled, fault);
    }
    if unpaid.is_empty() { Ok(proofs) } else { Err(unpaid) }
}

async fn execute(run: &Rc<Run>, undo: Undo) -> Result<String, String> {
    let filling = run.filling.clone();
    let work: JoinHandle<Result<String, String>> =
        tokio::task::spawn_blocking(move || undo::execute(&undo, &filling, Lives::Run));
    work.await.unwrap_or_else(|error| Err(format!("a task of the run ended: {error}")))
}

impl Hand {
    /// What is not noted is undone once more by whoever reads the journal, which is harmless.
    fn settle(&self, debt: &Debt, proof: &str) {
        let _ = self.journal.borrow_mut().settle(debt.number, proof);
    }

    fn fail(&self, debt: &Debt, why: &str) {
        let _ = self.journal.borrow_mut().fail(debt.number, why);
    }
}

/// Ends the load and the services of the run, and says what is left.
pub(in crate::driver) async fn clean_up(run: Rc<Run>, patience: Patience) {
    run.pressure.stop();
    run.supervisor.end_all(patience).await;
    let own = run.hand.own.borrow().clone();
    let mut left = match pay(&run, None, own).await {
        Ok(_) => Vec::new(),
        Err(unpaid) => unpaid.into_iter().map(|(debt, why)| format!("{}: {why}", debt.undo)).collect(),
    };
    let ledger = run.hand.journal.borrow_mut().read();
    match ledger {
        Ok(ledger) => {
            for debt in ledger.owed() {
                let text = debt.undo.to_string();
                if !left.iter().any(|known| known.starts_with(&text)) {
                    left.push(text);
                }
            }
            left.extend(ledger.damage());
        }
        Err(error) => left.push(format!("unknown: {}", crate::reason::reason(&error))),
    }
    run.hand.is_closing.cancel();
    if left.is_empty()
        && let Err(error) = run.hand.journal.borrow_mut().close()
    {
        // Everything is undone; the next command reads the journal once more and finds nothing to do.
        let _ = error;
    }
    run.inbox.input(Input::CleanedUp { left });
}
