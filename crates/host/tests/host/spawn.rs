//! Long-lived children: what they are given, and that they do not outlive us unless told to.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;

use squall_host::exit::Exit;
use squall_host::process::Process;
use squall_host::signal::Signal;
use squall_host::spawn::{Input, Life, Output, Spawn, SpawnError, Standing};

use crate::stage::{Actor, PATIENCE, role, shell, until};

#[test]
fn a_program_gets_what_it_was_promised() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    fs::write(&log, "before\n").unwrap();
    let mut actor = Actor::start(
        shell("echo $GREETING $SQUALL_MARK; pwd; cat; cat /proc/self/oom_score_adj; echo bad >&2; exit 7")
            .env("GREETING", "hello")
            .directory(dir.path())
            .oom_score_adj(700)
            .stdout(Output::File(log.clone()))
            .stderr(Output::File(log.clone())),
    );
    assert_eq!(actor.child.wait(PATIENCE).unwrap(), Some(Exit::Code(7)));
    let place = dir.path().canonicalize().unwrap();
    let expected = format!("before\nhello {}\n{}\n700\nbad\n", actor.mark, place.display());
    assert_eq!(fs::read_to_string(&log).unwrap(), expected);
}

#[test]
fn standing_decides_group_and_session() {
    let own = Process::current().unwrap();
    let start = |standing| Actor::start(Spawn::program("sleep").arg("300").standing(standing));
    let (group, session, ours) =
        (start(Standing::OwnGroup), start(Standing::OwnSession), start(Standing::OurGroup));
    let of = |actor: &Actor| (actor.process().group().unwrap(), actor.process().session().unwrap());
    assert_eq!(of(&group), (group.process().pid, own.session().unwrap()));
    assert_eq!(of(&session), (session.process().pid, session.process().pid));
    assert_eq!(of(&ours), (own.group().unwrap(), own.session().unwrap()));
}

#[test]
fn stdin_can_be_a_pipe_whose_other_end_we_hold() {
    let (read, write) = std::io::pipe().unwrap();
    let mut actor = Actor::start(shell("cat").stdin(Input::Descriptor(read.into())));
    assert_eq!(actor.child.try_wait().unwrap(), None);
    drop(write);
    assert_eq!(actor.child.wait(PATIENCE).unwrap(), Some(Exit::Code(0)));
}

#[test]
fn a_missing_program_and_a_bad_mark_are_errors() {
    let missing = Spawn::program("/no/such/program").start().unwrap_err();
    assert!(matches!(missing, SpawnError::Start { .. }));
    assert!(missing.to_string().contains("/no/such/program"), "{missing}");
    assert!(matches!(Spawn::program("sleep").mark("").start(), Err(SpawnError::Mark { .. })));
}

/// S1: `kill -9` of us takes the children along; but the end of the thread that asked for them does
/// not, although the kernel's promise is about the thread that forks.
#[test]
fn children_die_with_us_but_not_with_the_thread_that_started_them() {
    let mut parent = Actor::start(role("parent").stdout(Output::Pipe));
    let lines = BufReader::new(parent.child.take_stdout().unwrap()).lines();
    let mut processes = Vec::new();
    for line in lines {
        let line = line.unwrap();
        if let Some((_, pid)) = line.split_once("child ") {
            let process = Process::of(pid.parse().unwrap()).unwrap().unwrap();
            processes.push(process);
        }
        if processes.len() == 2 {
            break;
        }
    }
    let [leashed, free] = processes[..] else { panic!("two children expected") };
    assert!(leashed.is_alive().unwrap(), "the thread that started it has ended, it must go on");
    parent.process().signal(Signal::Kill).unwrap();
    leashed.wait_gone(PATIENCE).unwrap();
    assert!(free.is_alive().unwrap(), "told to outlive us");
}

pub(crate) fn play() {
    let start = |life| {
        let starting = std::thread::spawn(move || {
            let thread = Path::new("/proc").join(fs::read_link("/proc/thread-self").unwrap());
            (Spawn::program("sleep").arg("300").life(life).start().unwrap(), thread)
        });
        let (child, thread) = starting.join().unwrap();
        // Would the kernel kill it because of the thread, it does so before the thread is gone from its list.
        until("the end of the thread", || (!thread.exists()).then_some(()));
        child
    };
    let leashed = start(Life::EndsWithUs);
    let free = start(Life::Outlives);
    println!("child {}", leashed.process().pid);
    println!("child {}", free.process().pid);
    until("our own end", || None::<()>);
}
