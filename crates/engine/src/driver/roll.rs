//! The names of instances while a run goes on: whoever is found keeps its name, and whoever takes the place of one that
//! is gone takes its name as well.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use squall_model::id::ProcessRef;
use squall_model::target::{Instance, Inventory};

/// The names of the instances of all services that the run did not start.
#[derive(Clone, Default)]
pub(super) struct Roll(Rc<RefCell<BTreeMap<String, Names>>>);

/// By the number in the name.
type Names = BTreeMap<usize, Option<ProcessRef>>;

impl Roll {
    /// As the plan names them.
    pub(super) fn of(inventory: &Inventory) -> Self {
        let services = inventory.services.iter().map(|(service, instances)| {
            let names = instances.iter().zip(1..).map(|(instance, number)| (number, instance.process));
            (service.clone(), names.collect())
        });
        Self(Rc::new(RefCell::new(services.collect())))
    }

    /// The names of processes that were found, the oldest first.
    pub(super) fn call(&self, service: &str, found: &[ProcessRef]) -> Vec<Instance> {
        let mut services = self.0.borrow_mut();
        let names = services.entry(service.to_owned()).or_default();
        let is_known = |names: &Names, process: &ProcessRef| names.values().any(|one| *one == Some(*process));
        for process in names.values_mut() {
            *process = process.filter(|process| found.contains(process));
        }
        for process in found {
            if is_known(names, process) {
                continue;
            }
            let free = names.iter().find(|(_, process)| process.is_none()).map(|(number, _)| *number);
            let number = free.unwrap_or_else(|| names.last_key_value().map_or(1, |(last, _)| last + 1));
            names.insert(number, Some(*process));
        }
        let called = names.iter().filter_map(|(number, process)| Some((number, (*process)?)));
        called
            .map(|(number, process)| Instance { name: format!("{service}-{number}"), process: Some(process) })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32) -> ProcessRef {
        ProcessRef { pid, started: u64::from(pid) }
    }

    fn called(roll: &Roll, found: &[u32]) -> Vec<(String, u32)> {
        let found: Vec<ProcessRef> = found.iter().map(|pid| process(*pid)).collect();
        let instances = roll.call("w", &found);
        instances.into_iter().map(|one| (one.name, one.process.unwrap().pid)).collect()
    }

    // S5, E4: who is hit and who is not must not change places when somebody is started again.
    #[test]
    fn who_is_started_again_takes_the_name_of_the_one_that_is_gone() {
        let instances =
            [1, 2, 3].map(|pid| Instance { name: format!("w-{pid}"), process: Some(process(pid)) });
        let roll = Roll::of(&Inventory { services: [("w".to_owned(), instances.to_vec())].into() });
        let named = |list: &[(usize, u32)]| -> Vec<(String, u32)> {
            list.iter().map(|(number, pid)| (format!("w-{number}"), *pid)).collect()
        };
        assert_eq!(called(&roll, &[2, 3]), named(&[(2, 2), (3, 3)]));
        assert_eq!(called(&roll, &[2, 3, 9]), named(&[(1, 9), (2, 2), (3, 3)]));
        assert_eq!(called(&roll, &[2, 3, 9, 10]), named(&[(1, 9), (2, 2), (3, 3), (4, 10)]));
        assert_eq!(called(&roll, &[]), named(&[]));
        assert_eq!(called(&roll, &[11]), named(&[(1, 11)]));
    }
}
