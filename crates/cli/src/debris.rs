//! What runs that died have left behind. Settled before anything new is broken.

use std::time::Duration;

use squall_engine::journal::{Journal, JournalError, Opened, Settler};
use squall_engine::recover::{self, Holder, RecoverError, Recovered, Standing, standings};
use squall_host::clock;
use squall_host::process::Process;
use squall_model::verdict::Exit;

use crate::failure::Failure;
use crate::printer::Printer;
use crate::settings::Settings;
use crate::text::plain;

/// A warden tries slow undos (a service that starts) for so long.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);

/// Settles every journal that nobody answers for.
pub(crate) fn settle(settings: &Settings) -> Result<Vec<Recovered>, Failure> {
    recover::recover(settings.home()?, |run| settings.filling(run)).map_err(|error| failed(&error))
}

/// Settles what is owed and says so; refuses when something is left.
pub(crate) fn clear(settings: &Settings, printer: &mut Printer) -> Result<(), Failure> {
    wait_for_wardens(settings, printer)?;
    let recovered = settle(settings)?;
    for run in &recovered {
        describe(run, printer);
    }
    if recovered.iter().all(is_clean) {
        return Ok(());
    }
    Err(Failure::refused("something of an earlier run is still injected; nothing new was touched")
        .hint("`squall recover` tries again and says what to do by hand"))
}

/// A warden whose run is dead undoes right now: what it does not manage is settled afterwards.
fn wait_for_wardens(settings: &Settings, printer: &mut Printer) -> Result<(), Failure> {
    let begun = clock::since_boot();
    let mut said = None;
    loop {
        let standings = standings(settings.home()?).map_err(|error| failed(&error))?;
        let Some(busy) = standings.iter().find(|standing| is_left_to_its_warden(standing)) else {
            return Ok(());
        };
        let waited = clock::since_boot().saturating_sub(begun);
        if waited > PATIENCE {
            return Err(Failure::refused(format!("the warden of run {} is still undoing", busy.run))
                .hint("`squall status` shows what is left"));
        }
        // Most are done before anybody could read it.
        if waited > Duration::from_secs(1) && said.as_ref() != Some(&busy.run) {
            printer.say(format!("waiting for the warden of run {}", busy.run));
            said = Some(busy.run.clone());
        }
        std::thread::sleep(PAUSE);
    }
}

fn is_left_to_its_warden(standing: &Standing) -> bool {
    let is_alive = |opened: &Opened| {
        let process = Process { pid: opened.process.pid, started: opened.process.started };
        // Who cannot be looked at may be alive.
        process.is_alive().unwrap_or(true)
    };
    standing.holder == Holder::Somebody && standing.ledger.opened().is_some_and(|opened| !is_alive(opened))
}

/// Takes a person's word for everything that a dead run still owes.
pub(crate) fn forgive(run: &str, settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
    wait_for_wardens(settings, printer)?;
    let standings = standings(settings.home()?).map_err(|error| failed(&error))?;
    let standing = standings.iter().find(|standing| standing.run.as_str() == run).ok_or_else(|| {
        Failure::usage(format!("no run with the id `{run}` owes anything"))
            .hint("`squall status` names the runs; the whole id is needed here")
    })?;
    if standing.holder == Holder::Somebody {
        return Err(Failure::refused("the run is alive and answers for it")
            .hint(format!("`squall halt {run}` ends it")));
    }
    let dir = settings.home()?.find(run).map_err(|error| Failure::unexpected(&error))?;
    let settle = || {
        let (mut journal, ledger) = Journal::take_over(&dir.journal(), Settler::Recover, PATIENCE)?;
        for debt in ledger.owed() {
            journal.settle(debt.number, "a person says that it was mended; not measured")?;
        }
        journal.close()?;
        Ok::<_, JournalError>(ledger)
    };
    let ledger = settle().map_err(|error| Failure::unexpected(&error))?;
    for debt in ledger.owed() {
        printer.say(format!("taken your word for: {}", debt.undo));
    }
    Ok(Exit::Held)
}

/// Whether a run owes nothing any more.
pub(crate) fn is_clean(run: &Recovered) -> bool {
    run.damage.is_empty() && run.settled.iter().all(|settled| settled.outcome.is_ok())
}

/// What became of a run's debts, for people.
pub(crate) fn describe(run: &Recovered, printer: &mut Printer) {
    let undone = run.settled.iter().filter(|settled| settled.outcome.is_ok()).count();
    printer.say(format!("recovered run {}: {undone} undone, {} left", run.run, run.settled.len() - undone));
    for settled in &run.settled {
        if let Err(why) = &settled.outcome {
            printer.warn(format!("could not {}: {}", settled.debt.undo, plain(why)));
            for line in settled.debt.undo.by_hand() {
                printer.say(format!("    by hand: {}", plain(&line)));
            }
            printer.say(format!("    when it is mended: squall recover --mended {}", run.run));
        }
    }
    for damage in &run.damage {
        printer.warn(format!("run {}: {damage}, so an undo may be lost", run.run));
    }
}

/// Journals could not be looked through or settled.
pub(crate) fn failed(error: &RecoverError) -> Failure {
    Failure::unexpected(error)
}
