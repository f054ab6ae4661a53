//! The hand of a run: it writes what is owed, makes changes, takes them back, and keeps the warden.

mod injection;
mod undoing;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use squall_host::clock;
use squall_model::event::{EventKind, FaultRef};
use squall_model::undo::Undo;
use tokio_util::sync::CancellationToken;

pub(super) use self::injection::inject;
pub(super) use self::undoing::{clean_up, undo};
use super::{AtBoundary, Inbox, Run};
use crate::boundary::Boundary;
use crate::journal::{Journal, Receipt};
use crate::machine::Input;
use crate::reason::reason;
use crate::warden::Warden;

/// Everything that changes or mends the machine goes through it.
pub(super) struct Hand {
    journal: RefCell<Journal>,
    warden: RefCell<Option<Warden>>,
    squall: PathBuf,
    inbox: Inbox,
    at_boundary: Option<AtBoundary>,
    under_way: RefCell<BTreeMap<FaultRef, UnderWay>>,
    own: RefCell<Vec<Debt>>,
    /// Undos begin one after the other, in the order in which the machine asks for them.
    turn: Arc<tokio::sync::Mutex<()>>,
    is_closing: CancellationToken,
}

/// A fault that may be in effect.
#[derive(Clone, Default)]
struct UnderWay {
    debts: Rc<RefCell<Vec<Debt>>>,
    /// Nothing more is to be changed for it.
    is_unwanted: CancellationToken,
    /// Its last change was made, or will never be.
    is_made: CancellationToken,
}

/// An undo that this run has written.
#[derive(Clone)]
struct Debt {
    number: u32,
    undo: Undo,
}

/// A warden that cannot be had for so many attempts ends the run.
const WARDEN_ATTEMPTS: u32 = 3;

impl Hand {
    pub(super) fn new(
        journal: Journal,
        warden: Warden,
        squall: PathBuf,
        inbox: Inbox,
        at_boundary: Option<AtBoundary>,
    ) -> Self {
        Self {
            journal: RefCell::new(journal),
            warden: RefCell::new(Some(warden)),
            squall,
            inbox,
            at_boundary,
            under_way: RefCell::default(),
            own: RefCell::default(),
            turn: Arc::default(),
            is_closing: CancellationToken::new(),
        }
    }

    fn reach(&self, boundary: Boundary, fault: Option<&FaultRef>) {
        if let Some(reached) = &self.at_boundary {
            let warden = self.warden.borrow_mut().as_mut().map(|warden| warden.child().process().pid);
            reached(boundary, fault, warden);
        }
    }

    /// Writes an undo; the receipt lets a change be made. `deadline` counts from now.
    pub(super) fn owe(
        &self,
        fault: Option<&FaultRef>,
        undo: &Undo,
        deadline: Option<Duration>,
    ) -> Result<Receipt, String> {
        self.reach(Boundary::BeforeOwed, fault);
        let deadline = deadline.map(|deadline| clock::since_boot() + deadline);
        let receipt = self.journal.borrow_mut().owe(fault, undo, deadline).map_err(|error| reason(&error))?;
        let debt = Debt { number: receipt.number(), undo: undo.clone() };
        match fault {
            None => self.own.borrow_mut().push(debt),
            Some(fault) => {
                let under_way = self.under_way.borrow_mut().entry(fault.clone()).or_default().clone();
                under_way.debts.borrow_mut().push(debt);
            }
        }
        if let Some(warden) = self.warden.borrow_mut().as_mut() {
            // A warden that is gone is noticed and replaced by its keeper, and reads the journal from its start.
            let _ = warden.poke();
        }
        self.reach(Boundary::AfterOwed, fault);
        Ok(receipt)
    }

    /// Owes the end of everything with that mark, whether or not anything will carry it.
    pub(super) fn owe_mark(&self, mark: &str) -> Result<(), String> {
        self.owe(None, &Undo::KillMarked { mark: mark.to_owned() }, None).map(drop)
    }

    /// A service of the run was started.
    pub(super) fn note_change(&self) {
        self.reach(Boundary::AfterChange, None);
    }

    /// Nothing more is to be done.
    pub(super) fn dismiss_warden(&self) {
        if let Some(warden) = self.warden.borrow_mut().take() {
            warden.dismiss();
        }
    }

    /// Whoever waits for the end of the run can see that it has begun.
    pub(super) fn note_halting(&self) {
        // Without this note a waiting `halt` takes over, which mends as well.
        let _ = self.journal.borrow_mut().halting();
    }
}

/// Starts a new warden when the old one is gone. Without one there may be no faults.
pub(super) async fn keep_warden(run: Rc<Run>) {
    let mut attempts = 0;
    loop {
        let Some(mut warden) = run.hand.warden.borrow_mut().take() else { return };
        let mut watched = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::child()) {
            Ok(watched) => watched,
            Err(error) => {
                return run
                    .inbox
                    .input(Input::Failed { why: format!("the warden cannot be watched: {error}") });
            }
        };
        let ended = warden.child().try_wait();
        run.hand.warden.borrow_mut().replace(warden);
        if matches!(ended, Ok(None)) {
            tokio::select! {
                () = run.hand.is_closing.cancelled() => return,
                _ = watched.recv() => continue,
            }
        }
        attempts += 1;
        let path = run.hand.journal.borrow().path().to_owned();
        match Warden::start(&run.hand.squall, &path) {
            Ok(fresh) if attempts <= WARDEN_ATTEMPTS => {
                run.hand.warden.borrow_mut().replace(fresh);
                run.hand.inbox.tell(EventKind::WardenReplaced {});
            }
            Ok(_) => {
                let why = format!("the warden was lost {attempts} times");
                return run.inbox.input(Input::Failed { why });
            }
            Err(error) => {
                let why = format!("the warden was lost and cannot be replaced: {}", reason(&error));
                return run.inbox.input(Input::Failed { why });
            }
        }
    }
}
