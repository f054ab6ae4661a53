//! Identity, facts and signals.

use std::time::Duration;

use squall_host::process::{Delivery, Process, ProcessError, State};
use squall_host::signal::Signal;

use crate::stage::{Actor, PATIENCE, until};

/// S2: undo never touches a reused PID.
#[test]
fn a_later_process_with_the_same_number_is_somebody_else() {
    let actor = Actor::sleeping();
    let former = Process { started: actor.process().started - 1, ..actor.process() };
    assert!(!former.is_alive().unwrap());
    assert_eq!(former.state().unwrap(), None);
    assert_eq!(former.signal(Signal::Kill).unwrap(), Delivery::AlreadyGone);
    former.wait_gone(Duration::ZERO).unwrap();
    assert!(matches!(former.name(), Err(ProcessError::Gone { .. })));
    assert!(actor.process().is_alive().unwrap());
}

/// F6, S2: a zombie does not count as alive.
#[test]
fn a_zombie_is_gone() {
    let actor = Actor::shell("exit 3");
    let process = actor.process();
    until("a zombie", || (process.state().unwrap() == Some(State::Zombie)).then_some(()));
    assert!(!process.is_alive().unwrap());
    assert_eq!(process.signal(Signal::Term).unwrap(), Delivery::AlreadyGone);
    process.wait_gone(Duration::ZERO).unwrap();
    assert_eq!(Process::of(process.pid).unwrap(), Some(process));
}

/// F7
#[test]
fn stop_and_continue_are_seen_in_the_state() {
    let actor = Actor::sleeping();
    let process = actor.process();
    assert_eq!(process.signal(Signal::Stop).unwrap(), Delivery::Sent);
    until("stopped", || (process.state().unwrap() == Some(State::Stopped)).then_some(()));
    let waited = process.wait_gone(Duration::from_millis(10));
    assert!(matches!(waited, Err(ProcessError::StillThere { state: State::Stopped, .. })));
    process.signal(Signal::Cont).unwrap();
    until("going on", || (process.state().unwrap() == Some(State::Sleeping)).then_some(()));
}

/// F7, S2
#[test]
fn pause_and_resume_are_measured_and_harmless_to_repeat() {
    let mut actor = Actor::shell("while :; do :; done");
    let process = actor.process();
    for _ in 0..2 {
        process.pause(PATIENCE).unwrap();
        assert_eq!(process.state().unwrap(), Some(State::Stopped));
    }
    for _ in 0..2 {
        let proof = process.resume(PATIENCE).unwrap();
        assert_eq!(proof, format!("process {} is running", process.pid));
    }
    process.signal(Signal::Kill).unwrap();
    process.wait_gone(PATIENCE).unwrap();
    let gone = format!("process {} is gone", process.pid);
    assert_eq!(process.resume(PATIENCE).unwrap(), gone);
    assert!(matches!(process.pause(PATIENCE), Err(ProcessError::Gone { .. })));
    actor.child.wait(PATIENCE).unwrap();
    assert_eq!(process.resume(PATIENCE).unwrap(), gone);
}

/// F6
#[test]
fn a_killed_process_is_gone_and_its_end_is_known() {
    let mut actor = Actor::sleeping();
    let process = actor.process();
    assert_eq!(process.signal(Signal::Kill).unwrap(), Delivery::Sent);
    process.wait_gone(PATIENCE).unwrap();
    let exit = actor.child.wait(PATIENCE).unwrap().unwrap();
    assert_eq!(exit.to_string(), "killed by SIGKILL");
    assert_eq!(Process::of(process.pid).unwrap(), None);
    assert_eq!(process.signal(Signal::Kill).unwrap(), Delivery::AlreadyGone);
}

#[test]
fn the_facts_are_those_of_the_program() {
    let actor = Actor::sleeping();
    let process = actor.process();
    assert_eq!(process.name().unwrap(), "sleep");
    assert_eq!(process.command_line().unwrap(), ["sleep", "300"]);
    assert!(process.exe().unwrap().is_absolute());
    assert_eq!(process.parent().unwrap(), Some(Process::current().unwrap()));
    assert_eq!(process.group().unwrap(), process.pid);
    assert_eq!(process.session().unwrap(), Process::current().unwrap().session().unwrap());
    assert_eq!(process.threads().unwrap(), 1);
    // Whoever runs the tests may have left more of them open.
    assert!(process.open_descriptors().unwrap() >= 3);
    assert!(process.resident_bytes().unwrap() > 0);
    assert!(process.cpu_time().unwrap() < Duration::from_secs(5));
    assert!(Process::current().unwrap().children().unwrap().contains(&process));
    assert!(!process.is_kernel_thread().unwrap());
}

#[test]
fn processor_time_is_counted() {
    let actor = Actor::shell("while :; do :; done");
    let used = || actor.process().cpu_time().unwrap();
    until("200 ms of processor time", || (used() > Duration::from_millis(200)).then_some(()));
}

#[test]
fn the_number_of_a_thread_is_not_a_process() {
    let (tell, told) = std::sync::mpsc::channel();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        tell.send(rustix::thread::gettid()).unwrap();
        held.recv().unwrap_err();
    });
    let number = told.recv().unwrap().as_raw_nonzero().get().cast_unsigned();
    assert!(matches!(Process::of(number), Err(ProcessError::NotAProcess { .. })));
    drop(release);
    thread.join().unwrap();
}

#[test]
fn numbers_that_no_process_can_have_are_nobody() {
    for pid in [0, 1 << 30, u32::MAX] {
        assert_eq!(Process::of(pid).unwrap(), None, "{pid}");
    }
}
