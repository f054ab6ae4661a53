//! What probes may know of a run.

use std::rc::Rc;
use std::sync::Arc;

use squall_model::event::LoadSample;
use squall_model::id::ProcessRef;
use squall_model::target::{Find, Target};
use squall_model::template::{Argv, Template};
use squall_probe::{LoadCursor, Surroundings};

use super::Run;
use super::pressure::Pressure;
use crate::filling::Filling;
use crate::reason::reason;
use crate::supervisor::Supervisor;
use crate::survey;

/// A run as its probes see it.
pub(super) struct Known {
    filling: Arc<Filling>,
    target: Target,
    supervisor: Supervisor,
    pressure: Pressure,
    mark: String,
}

impl Known {
    pub(super) fn of(run: &Run) -> Rc<Self> {
        Rc::new(Self {
            filling: Arc::clone(&run.filling),
            target: run.plan.target.clone(),
            supervisor: run.supervisor.clone(),
            pressure: run.pressure.clone(),
            mark: probe_mark(run),
        })
    }
}

/// The mark of programs that probes start.
pub(super) fn probe_mark(run: &Run) -> String {
    format!("{}/probes", run.id)
}

impl Surroundings for Known {
    fn fill(&self, template: &Template) -> Result<String, String> {
        self.filling.fill(template).map_err(|error| reason(&error))
    }

    fn redact(&self, text: &str) -> String {
        self.filling.redact(text)
    }

    fn instances(&self, service: &str) -> Vec<ProcessRef> {
        match self.target.services.get(service) {
            Some(known) if !matches!(known.find, Find::Start(_)) => {
                survey::processes(service, &known.find, &self.filling).unwrap_or_default()
            }
            _ => self.supervisor.processes(service),
        }
    }

    fn queue_stats(&self) -> Option<Argv> {
        self.target.queue.as_ref().map(|queue| queue.stats.clone())
    }

    fn load_sample(&self, since: &mut LoadCursor) -> Option<LoadSample> {
        self.pressure.sample(since)
    }

    fn variables(&self) -> Vec<(String, String)> {
        vec![(squall_host::mark::VARIABLE.to_owned(), self.mark.clone())]
    }
}
