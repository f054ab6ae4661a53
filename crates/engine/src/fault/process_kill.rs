//! F6: processes are ended by a signal; whoever supervises them may start them again.

use std::time::Duration;

use squall_model::fault::{Scope, Signal};
use squall_model::unit::Span;

use super::{Expects, Prepared, Refusal, START_WITHIN, Site, gone};
use crate::change::{Change, Step};

/// A caught signal may take a moment.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

pub(super) fn prepare(
    site: &Site,
    signal: Signal,
    scope: Scope,
    expect_restart: Option<Span>,
) -> Result<Prepared, Refusal> {
    let processes = site.reach(scope)?;
    let undo = site.bring_back(expect_restart.unwrap_or(START_WITHIN).max(START_WITHIN))?;
    let change = Change::Signal { processes: processes.clone(), signal: host_signal(signal) };
    let expects =
        expect_restart.map(|within| Expects { within, count: site.count, except: processes.clone() });
    Ok(Prepared { steps: vec![Step { undo, change }], effect: gone(processes, ENDS_WITHIN), expects })
}

fn host_signal(signal: Signal) -> squall_host::signal::Signal {
    use squall_host::signal::Signal as Host;
    match signal {
        Signal::Kill => Host::Kill,
        Signal::Term => Host::Term,
        Signal::Int => Host::Int,
        Signal::Hup => Host::Hup,
        Signal::Quit => Host::Quit,
        Signal::Abrt => Host::Abrt,
        Signal::Segv => Host::Segv,
        Signal::Usr1 => Host::Usr1,
        Signal::Usr2 => Host::Usr2,
    }
}
