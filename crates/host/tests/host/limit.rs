//! F12: descriptor exhaustion by the limit of the target itself.

use std::fs;
use std::io::Write;

use squall_host::limit::{self, Resource};
use squall_host::restoration::Restoration;
use squall_host::signal::Signal;
use squall_host::spawn::{Input, Output};

use crate::stage::{Actor, PATIENCE, shell, until};

#[test]
fn a_target_runs_out_of_descriptors_and_gets_them_back() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let (read, write) = std::io::pipe().unwrap();
    let script = "while read go; do { :; } 5</dev/null && echo opened || echo refused; done";
    let spawn = shell(script).stdin(Input::Descriptor(read.into()));
    let actor = Actor::start(spawn.stdout(Output::File(log.clone())));
    let process = actor.process();
    let mut asked = 0;
    let mut answer = || {
        asked += 1;
        (&write).write_all(b"go\n").unwrap();
        until("an answer", || {
            let text = fs::read_to_string(&log).unwrap();
            (text.lines().count() == asked).then(|| text.lines().last().unwrap().to_owned())
        })
    };
    assert_eq!(answer(), "opened");
    let previous = limit::read(process, Resource::Descriptors).unwrap();
    // It has three open, and so gets no fourth.
    let lowered = limit::set(process, Resource::Descriptors, Some(3)).unwrap();
    assert_eq!((lowered.soft, lowered.hard), (Some(3), previous.hard));
    assert_eq!(answer(), "refused");
    for _ in 0..2 {
        let back = limit::restore(process, Resource::Descriptors, Some(3), previous).unwrap();
        assert_eq!(back, Restoration::Restored);
        assert_eq!(limit::read(process, Resource::Descriptors).unwrap(), previous);
    }
    assert_eq!(answer(), "opened");
}

/// S2: a value that somebody else has set meanwhile stays.
#[test]
fn a_foreign_limit_is_reported_and_left() {
    let actor = Actor::sleeping();
    let process = actor.process();
    let previous = limit::read(process, Resource::FileSize).unwrap();
    limit::set(process, Resource::FileSize, Some(1 << 20)).unwrap();
    limit::set(process, Resource::FileSize, Some(2 << 20)).unwrap();
    let back = limit::restore(process, Resource::FileSize, Some(1 << 20), previous).unwrap();
    assert_eq!(back, Restoration::ForeignValue("2097152".into()));
    assert_eq!(limit::read(process, Resource::FileSize).unwrap().soft, Some(2 << 20));
}

/// S2: an undo whose target has died is done.
#[test]
fn the_limit_of_a_dead_process_is_gone() {
    let actor = Actor::sleeping();
    let process = actor.process();
    let previous = limit::read(process, Resource::Descriptors).unwrap();
    limit::set(process, Resource::Descriptors, Some(8)).unwrap();
    process.signal(Signal::Kill).unwrap();
    process.wait_gone(PATIENCE).unwrap();
    let back = limit::restore(process, Resource::Descriptors, Some(8), previous).unwrap();
    assert_eq!(back, Restoration::Gone);
    assert!(limit::read(process, Resource::Descriptors).is_err() || !process.is_alive().unwrap());
}
