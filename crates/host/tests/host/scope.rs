//! F6: the process, its group, its session, its whole tree are four different sets.

use std::collections::BTreeSet;

use squall_host::mark;
use squall_host::scope::Scope;
use squall_host::spawn::Standing;

use crate::stage::{Actor, require, shell, until};

/// A job queue as they are: a worker in the group, one in a session of its own (`setsid`), one in a
/// group of its own (`timeout` makes one, with its child), and one whose parent has ended.
const QUEUE: &str = "sleep 3001 & setsid sleep 3002 & timeout 900 sleep 3003 & sh -c 'sleep 3004 &'; wait";

#[test]
fn itself_group_session_and_tree_are_four_different_sets() {
    if !require("setsid") || !require("timeout") {
        return;
    }
    let queue = Actor::start(shell(QUEUE).standing(Standing::OwnSession));
    let root = queue.process();
    let lines = |processes: &[squall_host::process::Process]| -> BTreeSet<String> {
        processes
            .iter()
            .filter_map(|process| Some(process.command_line().ok()?.join(" ")))
            .map(|line| if line.contains("wait") { "queue".into() } else { line })
            .collect()
    };
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let everybody: BTreeSet<String> =
        set(&["queue", "sleep 3001", "sleep 3002", "timeout 900 sleep 3003", "sleep 3003", "sleep 3004"]);
    until("all workers, settled", || {
        let marked = mark::marked(&queue.mark).unwrap();
        let ready = lines(&marked) == everybody
            && Scope::Session.members(root).unwrap().len() == 5
            && marked.len() == 6;
        ready.then_some(())
    });
    let members = |scope: Scope| lines(&scope.members(root).unwrap());
    assert_eq!(members(Scope::Itself), set(&["queue"]));
    assert_eq!(members(Scope::Group), set(&["queue", "sleep 3001", "sleep 3004"]));
    assert_eq!(
        members(Scope::Session),
        set(&["queue", "sleep 3001", "timeout 900 sleep 3003", "sleep 3003", "sleep 3004"])
    );
    assert_eq!(
        members(Scope::Tree),
        set(&["queue", "sleep 3001", "sleep 3002", "timeout 900 sleep 3003", "sleep 3003"])
    );
}

#[test]
fn a_process_that_is_gone_has_no_scope() {
    let mut actor = Actor::shell("exit 0");
    actor.child.wait(crate::stage::PATIENCE).unwrap().unwrap();
    for scope in [Scope::Itself, Scope::Group, Scope::Session, Scope::Tree] {
        assert!(scope.members(actor.process()).is_err(), "{scope}");
    }
}
