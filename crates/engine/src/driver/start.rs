//! The beginning of a run: services, their health, the load.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use squall_host::machine::Machine;
use squall_model::event::{FaultRef, Mode};
use squall_model::measure::{Compare, Expect, HttpFact, Limit, Output, Probe};
use squall_model::plan::Plan;
use squall_model::stage::Share;
use squall_model::target::{Find, Service};
use squall_model::undo::Undo;
use squall_model::unit::{Quantity, Span, Unit};
use squall_probe::Prober;

use super::surroundings::{Known, probe_mark};
use super::{Run, pressure, spared};
use crate::machine::Input;
use crate::reason::reason;
use crate::supervisor::Supervisor;

/// A service that is not well by then has not started.
const WELL_WITHIN: Duration = Duration::from_secs(15);
/// One question for its health.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(20);

/// Starts everything, and says so to the machine.
pub(super) async fn start(run: Rc<Run>) {
    match try_start(&run).await {
        Ok(()) => run.inbox.input(Input::Started),
        Err(why) => run.inbox.input(Input::StartFailed { why }),
    }
}

async fn try_start(run: &Rc<Run>) -> Result<(), String> {
    if probes_start_programs(&run.plan) {
        // They carry this mark, so that none of them outlives the run.
        run.hand.owe_mark(&probe_mark(run))?;
    }
    let redirects: Vec<_> = run.plan.target.redirects().collect();
    let mut services: Vec<&Service> = run.plan.target.services.values().collect();
    if run.mode == Mode::Dry {
        // Clients that are led through a proxy without knowing would be a change.
        services.retain(|service| redirects.iter().all(|(proxy, _)| *proxy != service.name));
    } else {
        for (_, table) in redirects {
            let table = run.filling.fill(table).map_err(|error| reason(&error))?;
            // Written before the proxy starts, and proved after it has ended: debts are paid the last first.
            run.hand.owe(None, &Undo::EndRedirect { table }, None)?;
        }
    }
    for service in services.iter().filter(|service| matches!(service.find, Find::Start(_))) {
        let mark = format!("{}/{}", run.id, service.name);
        let receipt = run.hand.owe(None, &Supervisor::undo_of_start(&mark), None)?;
        run.supervisor.start(service, &mark, &receipt)?;
        run.hand.note_change();
    }
    for service in services {
        if let (Some(health), Find::Start(_)) = (&service.health, &service.find) {
            wait_until_well(run, service, health).await?;
        }
    }
    spared::watch(run).await?;
    if let Some(load) = &run.plan.load {
        pressure::start(run, load).await?;
    }
    Ok(())
}

/// Looking for what they may have left costs a look at every process of the host.
fn probes_start_programs(plan: &Plan) -> bool {
    let measured = plan.measures.iter().map(|measure| &measure.probe);
    let asked = plan.target.services.values().filter_map(|service| service.health.as_ref());
    let has_ledger = plan
        .conservation
        .as_ref()
        .is_some_and(|book| matches!(book.account, squall_model::conservation::Account::Ledger { .. }));
    has_ledger
        || measured.chain(asked).any(|probe| matches!(probe, Probe::Command { .. } | Probe::Queue { .. }))
}

async fn wait_until_well(run: &Rc<Run>, service: &Service, health: &Probe) -> Result<(), String> {
    let mut prober = Prober::of(health, ANSWERS_WITHIN, Known::of(run)).map_err(|error| reason(&error))?;
    let expected = well(health);
    let mut last = None;
    let well = async {
        loop {
            let outcome = prober.read().await;
            if expected.holds(&outcome, None) {
                return Ok(());
            }
            if let Some(how) = run.supervisor.ended(&service.name) {
                return Err(format!("{} has ended before it was well: {how}", service.name));
            }
            last = Some(outcome);
            tokio::time::sleep(PAUSE).await;
        }
    };
    if let Ok(is_well) = tokio::time::timeout(WELL_WITHIN, well).await {
        return is_well;
    }
    let last = last.map(|outcome| outcome.to_string()).unwrap_or_default();
    Err(format!("{} was not well within {}: {last}", service.name, Span(WELL_WITHIN)))
}

/// What a probe that is only asked whether a service is well must say: a 2xx status, exit code 0, or anything at all.
fn well(probe: &Probe) -> Expect {
    match probe {
        Probe::Http(http) if http.read == HttpFact::Status => Expect::Between {
            low: Quantity::new(200.0, Unit::Number),
            high: Quantity::new(299.0, Unit::Number),
        },
        Probe::Command { read: Output::Exit, .. } => {
            Expect::Is { compare: Compare::Equal, limit: Limit::Absolute(Quantity::new(0.0, Unit::Number)) }
        }
        _ => Expect::Present,
    }
}

/// Asks sources that lag behind by how much, where the plan does not say. One that is not up yet keeps the plan's word.
pub(super) async fn find_lags(run: &Run, plan: &mut Plan) {
    for measure in &mut plan.measures {
        if !matches!(measure.probe, Probe::Prometheus { .. }) || !measure.lag.is_zero() {
            continue;
        }
        if let Ok(mut prober) = Prober::new(measure, Known::of(run))
            && let Some(lag) = prober.lag().await
        {
            measure.lag = Span(lag);
        }
    }
}

/// Facts of the machine, for the record.
pub(super) fn facts(host: &Machine) -> BTreeMap<String, String> {
    let memory = Quantity::new(host.memory_total as f64, Unit::Bytes);
    BTreeMap::from([
        ("kernel".to_owned(), host.kernel.clone()),
        ("cores".to_owned(), host.cores.to_string()),
        ("memory".to_owned(), memory.to_string()),
    ])
}

/// Whether the changes of a fault are left out: in a dry run, and in a shadow stage.
pub(super) fn is_left_out(run: &Run, fault: &FaultRef) -> bool {
    let stage = fault.stage.and_then(|stage| run.plan.stages.get(stage as usize));
    run.mode == Mode::Dry || stage.is_some_and(|stage| stage.share == Share::Shadow)
}
