//! Facts of the processes of a service.

use std::collections::HashMap;
use std::time::Duration;

use rustix::param::clock_ticks_per_second;
use rustix::time::{ClockId, clock_gettime};
use squall_host::process::{Process, ProcessError};
use squall_model::id::ProcessRef;
use squall_model::measure::{Outcome, ProcessFact};
use squall_model::unit::Unit;
use tokio::time::Instant;

use crate::json;
use crate::surroundings::Surroundings;
use crate::unread::{Unread, could_not};

pub(crate) struct Processes {
    service: String,
    fact: ProcessFact,
    before: Used,
}

/// How much processor time each process had used, and when that was read.
struct Used {
    at: Instant,
    /// Time since boot, to compare with the start of a process.
    uptime: Duration,
    by: HashMap<ProcessRef, Duration>,
}

impl Processes {
    pub(crate) fn new(service: &str, fact: ProcessFact, known: &dyn Surroundings) -> Self {
        let before = match fact {
            ProcessFact::Cpu => used(&known.instances(service)).ok(),
            _ => None,
        };
        let before = before.unwrap_or_else(|| Used::now(HashMap::new()));
        Self { service: service.to_owned(), fact, before }
    }

    /// Without any living process, all but the count are absent.
    pub(crate) fn read(&mut self, known: &dyn Surroundings) -> Result<Outcome, Unread> {
        let instances = known.instances(&self.service);
        match self.fact {
            ProcessFact::Count => {
                let alive = sum(&instances, |process| Ok(u64::from(process.is_alive()?)))?;
                json::number(alive.unwrap_or_default() as f64, Unit::Number)
            }
            ProcessFact::Cpu => self.cpu(&instances),
            ProcessFact::Memory => total(&instances, Unit::Bytes, Process::resident_bytes),
            ProcessFact::Files => total(&instances, Unit::Number, Process::open_descriptors),
            ProcessFact::Threads => {
                total(&instances, Unit::Number, |process| process.threads().map(u64::from))
            }
        }
    }

    fn cpu(&mut self, instances: &[ProcessRef]) -> Result<Outcome, Unread> {
        let now = used(instances)?;
        let window = now.at - self.before.at;
        let spent: Option<Duration> =
            now.by.iter().map(|(process, used)| self.before.until(*process, *used)).sum();
        let nobody = now.by.is_empty();
        self.before = now;
        match () {
            () if nobody => Ok(Outcome::Absent),
            () if window.is_zero() => Err("no time has passed since the reading before".into()),
            () => match spent {
                Some(spent) => {
                    json::number(spent.as_secs_f64() / window.as_secs_f64() * 100.0, Unit::Percent)
                }
                None => Err("a process was not among the instances at the reading before".into()),
            },
        }
    }
}

impl Used {
    fn now(by: HashMap<ProcessRef, Duration>) -> Self {
        let uptime = clock_gettime(ClockId::Boottime);
        let uptime = Duration::try_from(uptime).unwrap_or_default();
        Self { at: Instant::now(), uptime, by }
    }

    /// What a process used from here until it had used `used`. A new process has used all of it
    /// since; of an old one that is seen for the first time nobody knows.
    fn until(&self, process: ProcessRef, used: Duration) -> Option<Duration> {
        if let Some(before) = self.by.get(&process) {
            return Some(used.saturating_sub(*before));
        }
        let started = process.started as f64 / clock_ticks_per_second() as f64;
        // The start is cut to a whole tick of 10 ms.
        (started + 0.01 >= self.uptime.as_secs_f64()).then_some(used)
    }
}

fn used(instances: &[ProcessRef]) -> Result<Used, Unread> {
    let mut by = HashMap::with_capacity(instances.len());
    for instance in instances {
        if let Some(used) = look(*instance, Process::cpu_time)? {
            by.insert(*instance, used);
        }
    }
    Ok(Used::now(by))
}

fn total(
    instances: &[ProcessRef],
    unit: Unit,
    fact: impl Fn(Process) -> Result<u64, ProcessError>,
) -> Result<Outcome, Unread> {
    match sum(instances, fact)? {
        Some(total) => json::number(total as f64, unit),
        None => Ok(Outcome::Absent),
    }
}

/// `None`: none of them is there.
fn sum(
    instances: &[ProcessRef],
    fact: impl Fn(Process) -> Result<u64, ProcessError>,
) -> Result<Option<u64>, Unread> {
    let mut sum = None;
    for instance in instances {
        if let Some(value) = look(*instance, &fact)? {
            *sum.get_or_insert(0) += value;
        }
    }
    Ok(sum)
}

/// A fact of a living process. `None`: it has ended, or is a zombie.
fn look<T>(
    ProcessRef { pid, started }: ProcessRef,
    fact: impl Fn(Process) -> Result<T, ProcessError>,
) -> Result<Option<T>, Unread> {
    let process = Process { pid, started };
    let read = || if process.is_alive()? { fact(process).map(Some) } else { Ok(None) };
    match read() {
        Err(ProcessError::Gone { .. }) => Ok(None),
        Err(error) => Err(could_not(&error)),
        Ok(found) => Ok(found),
    }
}
