//! Finding and killing what carries a mark.

use std::time::Duration;

use squall_host::mark::{self, MarkError};
use squall_host::process::State;
use squall_host::signal::Signal;

use crate::stage::{Actor, PATIENCE, require, until};

/// S1, S2: whatever was started is found again, also outside of the tree, also while it multiplies.
#[test]
fn everything_marked_dies_also_stopped_orphaned_and_multiplying_processes() {
    if !require("setsid") {
        return;
    }
    let actor = Actor::shell(
        "setsid sleep 3011 & sh -c 'setsid sleep 3012 &'; \
         while :; do setsid sleep 3013 & sleep 0.02; done",
    );
    until("a crowd", || (mark::marked(&actor.mark).unwrap().len() > 8).then_some(()));
    let stopped = mark::marked(&actor.mark).unwrap()[1];
    stopped.signal(Signal::Stop).unwrap();
    until("stopped", || (stopped.state().unwrap() == Some(State::Stopped)).then_some(()));

    let proof = mark::kill_marked(&actor.mark, PATIENCE).unwrap();
    assert!(proof.contains("no process") && proof.contains("killed"), "{proof}");
    assert!(mark::marked(&actor.mark).unwrap().is_empty());
    assert!(!stopped.is_alive().unwrap());
    // S2: doing it again is harmless.
    mark::kill_marked(&actor.mark, PATIENCE).unwrap();
}

/// S5: only what carries this very mark.
#[test]
fn another_mark_is_left_alone() {
    let (one, other) = (Actor::sleeping(), Actor::sleeping());
    mark::kill_marked(&one.mark, PATIENCE).unwrap();
    assert!(!one.process().is_alive().unwrap());
    assert!(other.process().is_alive().unwrap());
    let prefix = &other.mark[..other.mark.len() - 1];
    assert!(mark::marked(prefix).unwrap().is_empty());
    assert!(mark::all().unwrap().contains(&(other.process(), other.mark.clone())));
}

#[test]
fn without_time_to_look_twice_what_is_left_is_an_error() {
    let actor = Actor::sleeping();
    let hurried = mark::kill_marked(&actor.mark, Duration::ZERO);
    assert!(matches!(hurried, Err(MarkError::Left { left, .. }) if left == [actor.process()]));
}

/// One with an empty environment is looked at and passed over.
#[test]
fn a_process_without_any_environment_is_unmarked() {
    let actor = Actor::shell("env -i sleep 300 & wait");
    let bare = until("a child", || {
        let children = actor.process().children().unwrap();
        let name = children.first()?.command_line().ok()?;
        (name == ["sleep", "300"]).then(|| children[0])
    });
    assert_eq!(mark::marked(&actor.mark).unwrap(), [actor.process()]);
    bare.signal(Signal::Kill).unwrap();
    bare.wait_gone(PATIENCE).unwrap();
}
