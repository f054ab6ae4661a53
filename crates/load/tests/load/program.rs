//! A program for each request.

use std::fs;
use std::num::NonZeroUsize;
use std::time::Duration;

use squall_load::{CommandTarget, Failure, Settings, Target};

use crate::stage::{carried_out, of, text, until};

fn shell(script: &str) -> CommandTarget {
    CommandTarget::new(["sh", "-c", script, "load", "{n}"].map(text).to_vec()).expect("a program")
}

#[tokio::test]
async fn a_program_is_started_for_each_request_with_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let command = shell("touch \"$TO/$1\"; test $1 -ne 3").variable("TO", folder.path().to_str().unwrap());
    let totals = carried_out(of(Target::Command(command), 20.0, 5)).await;
    assert_eq!((totals.ok, totals.failures), (4, [(Failure::Exit(1), 1)].into()));
    let mut names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["0", "1", "2", "3", "4"]);
}

#[tokio::test]
async fn ends_of_programs_are_named() {
    let killed = carried_out(of(Target::Command(shell("kill -9 $$")), 20.0, 2)).await;
    assert_eq!(killed.failures, [(Failure::Signal(9), 2)].into());
    let missing = CommandTarget::new(vec![text("/no/such/program")]).unwrap();
    let missing = carried_out(of(Target::Command(missing), 20.0, 2)).await;
    assert_eq!(missing.failures, [(Failure::Start, 2)].into());
    assert!(CommandTarget::new(Vec::new()).is_none());
}

/// What takes too long is killed with everything that it started; and no more than so many run at once.
#[tokio::test]
async fn a_program_that_hangs_is_killed_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let script = "sleep 600 & echo $! > \"$TO/$1\"; wait";
    let command = shell(script).variable("TO", folder.path().to_str().unwrap());
    let settings = Settings {
        timeout: Duration::from_secs(2),
        max_in_flight: NonZeroUsize::new(2).unwrap(),
        ..of(Target::Command(command), 20.0, 6)
    };
    let totals = carried_out(settings).await;
    assert_eq!(totals.failures, [(Failure::Timeout, 2), (Failure::Ceiling, 4)].into());
    for entry in fs::read_dir(folder.path()).unwrap() {
        let pid = fs::read_to_string(entry.unwrap().path()).unwrap();
        let of_child = format!("/proc/{}/stat", pid.trim());
        let gone = || fs::read_to_string(&of_child).map_or(true, |stat| stat.contains(") Z "));
        until("the child of a program is gone", async || gone()).await;
    }
}
