//! What probes may know of a run.

use std::rc::Rc;
use std::sync::Arc;

use squall_model::event::LoadSample;
use squall_model::id::ProcessRef;
use squall_model::plan::Group;
use squall_model::target::{Find, Instance, Target};
use squall_model::template::{Argv, Template};
use squall_probe::{LoadCursor, Passing, Surroundings};

use super::Run;
use super::pressure::Pressure;
use super::roll::Roll;
use crate::filling::Filling;
use crate::reason::reason;
use crate::supervisor::Supervisor;
use crate::survey;

/// A run as its probes see it.
#[derive(Clone)]
pub(super) struct Known {
    filling: Arc<Filling>,
    target: Target,
    supervisor: Supervisor,
    pressure: Pressure,
    mark: String,
    roll: Roll,
    own: Option<Own>,
    group: Option<Group>,
}

/// The instance that something is read for.
#[derive(Clone)]
struct Own {
    service: String,
    name: String,
}

impl Known {
    pub(super) fn of(run: &Run) -> Rc<Self> {
        Rc::new(Self {
            filling: Arc::clone(&run.filling),
            target: run.plan.target.clone(),
            supervisor: run.supervisor.clone(),
            pressure: run.pressure.clone(),
            mark: probe_mark(run),
            roll: run.roll.clone(),
            own: None,
            group: None,
        })
    }

    /// The same, as the probes of one instance see it: its service has no other.
    pub(super) fn of_instance(&self, service: &str, name: &str) -> Rc<Self> {
        let own = Own { service: service.to_owned(), name: name.to_owned() };
        Rc::new(Self { own: Some(own), ..self.clone() })
    }

    /// The same, as the probes of one group of the traffic see it.
    pub(super) fn of_group(&self, group: Group) -> Rc<Self> {
        Rc::new(Self { group: Some(group), ..self.clone() })
    }

    /// The living main process of the instance.
    pub(super) fn own_process(&self) -> Option<ProcessRef> {
        let own = self.own.as_ref()?;
        let mut called = self.called(&own.service).into_iter();
        called.find(|instance| instance.name == own.name)?.process
    }

    /// The living instances of a service, by name.
    fn called(&self, service: &str) -> Vec<Instance> {
        match self.target.services.get(service) {
            Some(known) if !matches!(known.find, Find::Start(_)) => {
                let found = survey::processes(service, &known.find, &self.filling).unwrap_or_default();
                self.roll.call(service, &found)
            }
            _ => self.supervisor.instances(service),
        }
    }
}

/// The mark of programs that probes start.
pub(super) fn probe_mark(run: &Run) -> String {
    format!("{}/probes", run.id)
}

impl Surroundings for Known {
    fn fill(&self, template: &Template) -> Result<String, String> {
        let filled = match &self.own {
            None => self.filling.fill(template),
            Some(own) => {
                self.filling.fill_of(template, &own.name, || self.own_process().map(|process| process.pid))
            }
        };
        filled.map_err(|error| reason(&error))
    }

    fn redact(&self, text: &str) -> String {
        self.filling.redact(text)
    }

    fn instances(&self, service: &str) -> Vec<ProcessRef> {
        if self.own.as_ref().is_some_and(|own| own.service == service) {
            return self.own_process().into_iter().collect();
        }
        self.called(service).into_iter().filter_map(|instance| instance.process).collect()
    }

    fn queue_stats(&self) -> Option<Argv> {
        self.target.queue.as_ref().map(|queue| queue.stats.clone())
    }

    fn load_sample(&self, since: &mut LoadCursor) -> Option<LoadSample> {
        self.pressure.sample(since)
    }

    fn passing(&self, service: &str) -> Option<Passing> {
        let via = self.target.services.get(service)?.proxy.clone()?;
        Some(Passing { via, group: self.group? })
    }

    fn variables(&self) -> Vec<(String, String)> {
        vec![(squall_host::mark::VARIABLE.to_owned(), self.mark.clone())]
    }
}
