//! What a run knows and a probe needs.

use std::any::Any;

use squall_model::event::LoadSample;
use squall_model::id::ProcessRef;
use squall_model::plan::Group;
use squall_model::template::{Argv, Template};
use squall_model::traffic::Via;

/// What a run knows of itself and of its target.
pub trait Surroundings {
    /// The text with ports, paths and secrets filled in. The error is a reason without any secret.
    fn fill(&self, template: &Template) -> Result<String, String>;

    /// The text with the value of every secret replaced by `***`.
    fn redact(&self, text: &str) -> String;

    /// The living main processes of a service, now.
    fn instances(&self, service: &str) -> Vec<ProcessRef>;

    /// The program that prints the figures of the target's job queue, where it has one.
    fn queue_stats(&self) -> Option<Argv>;

    /// What the load did since the reading that left `since`, and a new mark in `since`.
    /// `None`: no load is running.
    fn load_sample(&self, since: &mut LoadCursor) -> Option<LoadSample>;

    /// The traffic of a service that is to be read; `None`: no proxy is known that would count it.
    fn passing(&self, service: &str) -> Option<Passing> {
        let _ = service;
        None
    }

    /// Variables for the programs that probes start, so that what a killed run leaves can be found.
    fn variables(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}

/// A part of what passes through a proxy.
#[derive(Clone, Debug, PartialEq)]
pub struct Passing {
    /// The proxy.
    pub via: Via,
    /// Which of its requests.
    pub group: Group,
}

/// How far one measure has read the load. What it holds is the business of the [`Surroundings`].
#[derive(Default)]
pub struct LoadCursor(Option<Box<dyn Any>>);

impl LoadCursor {
    /// Leaves a mark, and takes the one before it: `None` at the first reading.
    pub fn replace<T: 'static>(&mut self, mark: T) -> Option<T> {
        let before = self.0.replace(Box::new(mark))?;
        before.downcast().ok().map(|mark| *mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_gives_back_the_mark_before() {
        let mut cursor = LoadCursor::default();
        assert_eq!(cursor.replace(1_u64), None);
        assert_eq!(cursor.replace(5_u64), Some(1));
        assert_eq!(cursor.replace(9_u64), Some(5));
    }
}
