//! What the breakers leave to claim.

use std::collections::HashSet;

use crate::breaker::Admission;
use crate::watch::Watch;
use crate::{Claim, Kinds};

/// Between a worker and the types whose breakers are not closed.
pub(super) struct Gate {
    watch: Option<Watch>,
    /// Types of which this worker has started a probe that the watch has not read of yet.
    probing: HashSet<String>,
}

impl Gate {
    pub(super) fn new(watch: Option<Watch>) -> Self {
        Self { watch, probing: HashSet::new() }
    }

    /// What to claim one after the other, at most `slots` in all: a probe of each type that is due for one, then
    /// whatever is not held back.
    pub(super) fn wanted(&mut self, kinds: &Kinds, slots: usize) -> Vec<(Kinds, usize)> {
        match self.watch.as_ref().map(Watch::held) {
            None => self.split(&[], kinds, slots),
            Some(Some(held)) => self.split(&held, kinds, slots),
            Some(None) => Vec::new(),
        }
    }

    fn split(&mut self, held: &[(String, Admission)], kinds: &Kinds, slots: usize) -> Vec<(Kinds, usize)> {
        let due =
            |kind: &str| held.iter().any(|(name, admission)| name == kind && *admission == Admission::Probe);
        self.probing.retain(|kind| due(kind));
        let mut wanted: Vec<(Kinds, usize)> = held
            .iter()
            .map(|(kind, _)| kind)
            .filter(|kind| due(kind) && allows(kinds, kind) && !self.probing.contains(*kind))
            .map(|kind| (Kinds::Only(vec![kind.clone()]), 1))
            .collect();
        let names = || held.iter().map(|(kind, _)| kind.clone());
        match kinds {
            _ if held.is_empty() => wanted.push((kinds.clone(), slots)),
            Kinds::All => wanted.push((Kinds::Except(names().collect()), slots)),
            Kinds::Except(others) => {
                wanted.push((Kinds::Except(others.iter().cloned().chain(names()).collect()), slots));
            }
            Kinds::Only(these) => {
                let free: Vec<String> =
                    these.iter().filter(|kind| !names().any(|held| held == **kind)).cloned().collect();
                if !free.is_empty() {
                    wanted.push((Kinds::Only(free), slots));
                }
            }
        }
        wanted
    }

    /// A task was claimed by what `wanted` gave.
    pub(super) fn claimed(&mut self, claim: &Claim) {
        let kind = claim.work.kind.name();
        if self.watch.as_ref().is_some_and(|watch| watch.admission(kind) == Admission::Probe) {
            self.probing.insert(kind.to_owned());
        }
    }
}

fn allows(kinds: &Kinds, kind: &str) -> bool {
    match kinds {
        Kinds::All => true,
        Kinds::Only(names) => names.iter().any(|name| name == kind),
        Kinds::Except(names) => !names.iter().any(|name| name == kind),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn open_types_are_left_out_and_those_that_are_due_get_one_probe() {
        let mut gate = Gate::new(None);
        let held = [
            ("cpu".to_owned(), Admission::Refused(Duration::from_secs(1))),
            ("webhook".to_owned(), Admission::Probe),
        ];
        let probe = (Kinds::Only(names(&["webhook"])), 1);
        assert_eq!(
            gate.split(&held, &Kinds::All, 4),
            [probe.clone(), (Kinds::Except(names(&["cpu", "webhook"])), 4)]
        );
        assert_eq!(
            gate.split(&held, &Kinds::Only(names(&["cpu", "sleep"])), 4),
            [(Kinds::Only(names(&["sleep"])), 4)]
        );
        assert_eq!(gate.split(&held, &Kinds::Only(names(&["cpu"])), 4), []);
        gate.probing.insert("webhook".to_owned());
        assert_eq!(gate.split(&held, &Kinds::All, 4), [(Kinds::Except(names(&["cpu", "webhook"])), 4)]);
        // The watch has read that the probe runs; when another is due, it may start.
        gate.split(&[("webhook".to_owned(), Admission::Refused(Duration::from_secs(1)))], &Kinds::All, 4);
        assert!(gate.split(&held, &Kinds::All, 4).contains(&probe));
        assert_eq!(gate.split(&[], &Kinds::All, 4), [(Kinds::All, 4)]);
    }
}
