//! Short programs: they always come back.

use std::time::Duration;

use squall_host::clock;
use squall_host::exit::Exit;
use squall_host::mark;
use squall_host::tool::{Tool, ToolError};

use crate::stage::{PATIENCE, unique, until};

fn sh(script: &str) -> Tool {
    Tool::new("sh", PATIENCE).args(["-c", script])
}

#[test]
fn what_a_program_says_and_how_it_ends_is_kept_apart() {
    let said = sh("echo out; echo err >&2; exit 4").run().unwrap();
    assert_eq!(said.exit, Exit::Code(4));
    assert_eq!((said.stdout.text(), said.stderr.text()), ("out\n".into(), "err\n".into()));
    assert_eq!(sh("kill -TERM $$").run().unwrap().exit, Exit::Signal(15));
}

#[test]
fn much_input_and_much_output_do_not_block_each_other() {
    let text = vec![b'x'; 3 << 20];
    let said = Tool::new("cat", PATIENCE).stdin(text.clone()).cap(4 << 20).run().unwrap();
    assert_eq!(said.stdout.bytes, text);
    let unread = sh("exec 0<&-; echo done").stdin(text).run().unwrap();
    assert_eq!(unread.stdout.text(), "done\n");
}

#[test]
fn output_beyond_the_cap_is_counted_and_dropped() {
    let said = sh("head -c 300000 /dev/zero").cap(1000).run().unwrap();
    assert_eq!((said.stdout.bytes.len(), said.stdout.dropped), (1000, 299_000));
}

/// A probe's command that forks must not hang the run.
#[test]
fn a_grandchild_that_keeps_the_pipe_open_is_not_waited_for() {
    let mark = unique("tool");
    let begin = clock::now();
    let said = sh("sleep 60 & echo hello").mark(&mark).run().unwrap();
    assert_eq!(said.stdout.text(), "hello\n");
    assert!(begin.elapsed() < Duration::from_secs(15));
    assert_eq!(mark::marked(&mark).unwrap().len(), 1, "a daemon that it starts is left running");
    mark::kill_marked(&mark, PATIENCE).unwrap();
}

#[test]
fn at_its_deadline_the_whole_group_is_killed() {
    let mark = unique("tool");
    let begin = clock::now();
    let tool = Tool::new("sh", Duration::from_millis(300));
    let outcome = tool.args(["-c", "echo early; sleep 60 & sleep 60"]).mark(&mark).run();
    let Err(ToolError::TimedOut { stdout, .. }) = outcome else {
        panic!("expected a time-out, got {outcome:?}")
    };
    assert_eq!(stdout.text(), "early\n");
    assert!(begin.elapsed() < Duration::from_secs(15));
    until("nobody left", || mark::marked(&mark).unwrap().is_empty().then_some(()));
}

#[test]
fn endless_output_ends_at_the_deadline_too() {
    let tool = Tool::new("sh", Duration::from_millis(300)).args(["-c", "while :; do echo y; done"]);
    let outcome = tool.cap(10).run();
    let Err(ToolError::TimedOut { stdout, .. }) = outcome else {
        panic!("expected a time-out, got {outcome:?}")
    };
    assert_eq!(stdout.bytes.len(), 10);
    assert!(stdout.dropped > 0);
}

#[test]
fn a_missing_program_is_named() {
    let error = Tool::new("/no/such/program", PATIENCE).run().unwrap_err();
    assert!(error.to_string().contains("/no/such/program"), "{error}");
}
