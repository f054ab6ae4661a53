//! E3: programs, and everything that they leave behind.

use std::fs;
use std::time::Duration;

use squall_model::measure::{Outcome, Output, Probe};
use squall_model::unit::Unit;
use squall_probe::ProbeError;
use tokio::time::Instant;

use crate::child::Stranger;
use crate::stage::{Stage, argv, impatient, refused, text, unreadable, until, value};

fn command(words: &[&str], read: Output) -> Probe {
    Probe::Command { run: argv(words), read, unit: Unit::Number }
}

fn sh(script: &str, read: Output) -> Probe {
    command(&["sh", "-c", script], read)
}

async fn read(probe: Probe) -> Outcome {
    Stage::default().prober(probe).read().await
}

#[tokio::test]
async fn the_output_is_a_number_a_text_json_or_the_exit_code() {
    assert_eq!(read(sh("echo ' 4.5 '", Output::Number)).await, value(4.5, Unit::Number));
    let probe = Probe::Command { run: argv(&["echo", "12"]), read: Output::Number, unit: Unit::Bytes };
    assert_eq!(read(probe).await, value(12.0, Unit::Bytes));
    assert_eq!(read(sh("echo; echo two words", Output::Text)).await, text("two words"));
    let json = Output::Json("a[1]".into());
    assert_eq!(read(command(&["echo", r#"{"a": [1, 2]}"#], json.clone())).await, value(2.0, Unit::Number));
    assert_eq!(read(command(&["echo", r#"{"a": []}"#], json.clone())).await, Outcome::Absent);
    assert_eq!(read(sh("exit 3", Output::Exit)).await, value(3.0, Unit::Number));
    assert_eq!(read(sh("exit 0", Output::Exit)).await, value(0.0, Unit::Number));

    assert_eq!(read(sh("echo 12 ms", Output::Number)).await, unreadable("printed `12 ms`, not a number"));
    assert_eq!(read(sh(":", Output::Number)).await, unreadable("printed nothing, not a number"));
    assert_eq!(read(sh("echo inf", Output::Number)).await, unreadable("the value is inf"));
    assert!(matches!(read(sh("echo {", json)).await, Outcome::Unreadable(why) if why.contains("not JSON")));
}

#[tokio::test]
async fn a_program_that_fails_is_unreadable_and_says_why() {
    let failing = "echo 1; echo 'no table' >&2; echo more >&2; exit 3";
    assert_eq!(read(sh(failing, Output::Number)).await, unreadable("exited with 3: no table"));
    assert_eq!(read(sh("kill -9 $$", Output::Exit)).await, unreadable("killed by signal 9"));
    assert_eq!(
        read(command(&["no-such-program-here"], Output::Exit)).await,
        unreadable("could not start `no-such-program-here`: there is no such program")
    );
    assert!(matches!(refused(command(&[], Output::Exit), Stage::default()), ProbeError::NoProgram));
}

#[tokio::test]
async fn no_shell_and_no_input_stand_between() {
    assert_eq!(read(command(&["echo", "$HOME; ls | wc"], Output::Text)).await, text("$HOME; ls | wc"));
    assert_eq!(read(command(&["cat"], Output::Text)).await, text(""));
}

#[tokio::test]
async fn programs_get_the_variables_of_the_run() {
    let stage = Stage { variables: vec![("SQUALL_TEST_MARK".into(), "m1".into())], ..Stage::default() };
    assert_eq!(stage.prober(sh("echo $SQUALL_TEST_MARK", Output::Text)).read().await, text("m1"));
}

// U3
#[tokio::test]
async fn a_secret_reaches_the_program_and_no_reading() {
    let script = "test \"$1\" = s3cr3t && echo \"bad key $1\" >&2; exit 4";
    let mut prober = Stage::with_secret("KEY", "s3cr3t")
        .prober(command(&["sh", "-c", script, "sh", "{env:KEY}"], Output::Number));
    assert_eq!(prober.read().await, unreadable("exited with 4: bad key ***"));
    let mut prober =
        Stage::with_secret("KEY", "s3cr3t").prober(command(&["/nowhere/{env:KEY}"], Output::Number));
    assert_eq!(prober.read().await, unreadable("could not start `/nowhere/***`: there is no such program"));
}

#[tokio::test]
async fn a_grandchild_that_holds_the_pipe_neither_delays_the_reading_nor_survives_it() {
    let start = Instant::now();
    let Outcome::Value(pid) = read(sh("sleep 300 & echo $!", Output::Number)).await else {
        panic!("no reading")
    };
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    if let Some(grandchild) = Stranger::numbered(pid.value) {
        grandchild.is_gone().await;
    }
}

#[tokio::test]
async fn even_one_that_left_the_group_does_not_delay_the_reading() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let script = format!(
        "setsid sh -c 'echo $$ > {0}.new; mv {0}.new {0}; exec sleep 300' & while ! test -f {0}; do :; done; echo 7",
        file.display()
    );
    let reading = read(sh(&script, Output::Number)).await;
    let pid: f64 = fs::read_to_string(&file).unwrap().trim().parse().unwrap();
    let escaped = Stranger::numbered(pid);
    assert_eq!(reading, value(7.0, Unit::Number));
    assert!(escaped.is_some_and(|escaped| escaped.0.is_alive().unwrap()), "the test needs one that escapes");
}

#[tokio::test]
async fn a_program_that_takes_too_long_is_killed_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pids");
    let script =
        format!("trap '' TERM INT HUP; sleep 300 & echo $$ $! > {}; sleep 300; sleep 300", file.display());
    let start = Instant::now();
    let mut prober = impatient(sh(&script, Output::Exit), Duration::from_millis(500));
    assert_eq!(prober.read().await, unreadable("timed out after 500ms"));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    let pids = fs::read_to_string(&file).expect("half a second is enough to start a shell");
    let pids: Vec<f64> = pids.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
    assert_eq!(pids.len(), 2);
    for process in pids.into_iter().filter_map(Stranger::numbered) {
        process.is_gone().await;
    }
}

#[tokio::test]
async fn a_reading_that_is_given_up_takes_its_program_along() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let script = format!("echo $$ > {0}.new; mv {0}.new {0}; sleep 300; sleep 300", file.display());
    let mut prober = Stage::default().prober(sh(&script, Output::Exit));
    tokio::select! {
        outcome = prober.read() => panic!("{outcome}"),
        () = until("it runs", async || file.exists()) => {}
    }
    let pid: f64 = fs::read_to_string(&file).unwrap().trim().parse().unwrap();
    if let Some(program) = Stranger::numbered(pid) {
        program.is_gone().await;
    }
}

#[tokio::test]
async fn output_without_end_is_cut_off() {
    assert_eq!(read(command(&["yes"], Output::Text)).await, unreadable("printed more than 1 MiB"));
    let all = "head -c 1048577 /dev/zero";
    assert_eq!(read(sh(all, Output::Text)).await, unreadable("printed more than 1 MiB"));
    // What nobody reads from stderr must not stop the program.
    let noisy = "head -c 10000000 /dev/zero | tr '\\0' 'x' >&2 && echo 5";
    assert_eq!(read(sh(noisy, Output::Number)).await, value(5.0, Unit::Number));
    let long = "head -c 5000 /dev/zero | tr '\\0' 'x'";
    assert_eq!(read(sh(long, Output::Text)).await, unreadable("the text is 5000 bytes long, more than 4096"));
}
