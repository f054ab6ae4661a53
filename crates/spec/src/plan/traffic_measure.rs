//! Measures of traffic: whether there is a proxy that counts, and a fault that spares some of the requests.

use squall_model::fault::Fault;
use squall_model::measure::Probe;
use squall_model::target::Service;

use crate::code::Code;
use crate::document::experiment::ExperimentDocument;
use crate::mistake::{Mistake, Place};
use crate::notes::Notes;
use crate::plan::fault::Drafted;
use crate::plan::measure::Planned;
use crate::plan::proxy::no_proxy;
use crate::plan::target::Known;

/// Says which requests measures of traffic are about, and notes what keeps them from having two groups. `faults` are those
/// that could be read.
pub(crate) fn complete(
    document: &ExperimentDocument,
    planned: &mut [Planned],
    faults: &[Drafted],
    known: Option<&Known>,
    notes: &mut Notes<'_>,
) {
    let written = document.faults.as_ref().map_or(0, |faults| faults.0.len());
    for planned in planned {
        let place = place(document, &planned.measure.name);
        let Probe::Traffic { service: name, about, .. } = &mut planned.measure.probe else { continue };
        let Some(place) = place else { continue };
        let of_requests = faults.iter().filter(|drafted| is_on_requests_of(drafted, name));
        *about = of_requests
            .filter_map(|drafted| match &drafted.fault.fault {
                Fault::Traffic { toxics, .. } => Some(toxics.clone()),
                _ => None,
            })
            .flatten()
            .collect();
        let service = known.and_then(|known| known.target.services.get(name));
        if let Some(Service { proxy: None, .. }) = service {
            let message = format!("nothing counts the traffic of `{name}`: it has no proxy");
            notes.mistake(no_proxy(message, place));
            continue;
        }
        // With a fault that could not be read nobody knows what it would have spared.
        if faults.len() == written {
            spared(name, place, faults, notes);
        }
    }
}

fn place(document: &ExperimentDocument, measure: &str) -> Option<Place> {
    let measures = document.steady.as_ref()?.measures.as_ref()?;
    let (_, written) = measures.value.0.iter().find(|(name, _)| name.value == measure)?;
    Some(written.as_ref()?.probe.traffic.as_ref()?.service.place)
}

fn is_on_requests_of(drafted: &Drafted, service: &str) -> bool {
    drafted.fault.fault.spares_requests().is_some()
        && drafted.on.as_ref().is_some_and(|on| on.service.value == service)
}

/// Every fault on the requests of the service must spare some of them, and there must be one.
fn spared(service: &str, place: Place, faults: &[Drafted], notes: &mut Notes<'_>) {
    let mut of_requests = faults.iter().filter(|drafted| is_on_requests_of(drafted, service)).peekable();
    if of_requests.peek().is_none() {
        let message = format!("no fault hits requests of `{service}`, so there are no groups of them");
        let mistake = Mistake::new(Code::NoControlGroup, message, place, "nothing to compare");
        notes.mistake(mistake.help(
            "add a fault `http`, `redis` or `postgres` with `percent` on it, or measure with `load`, `http` or `command`",
        ));
        return;
    }
    for drafted in of_requests.filter(|drafted| drafted.fault.fault.spares_requests() == Some(false)) {
        let message = format!(
            "`{}` hits every request that it is about: none is left to compare with",
            drafted.fault.name
        );
        notes.mistake(
            Mistake::new(Code::NoControlGroup, message, drafted.place, "spares none")
                .related(place, "compares those that are hit with those that are spared")
                .help("give the fault `percent: 50 %`, or measure with `load`, `http` or `command`"),
        );
    }
}
