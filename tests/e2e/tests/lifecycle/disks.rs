//! Disks that are full.

use std::path::Path;

use squall_e2e::binary::said;
use squall_e2e::mount::Tmpfs;
use squall_e2e::wait;

use crate::stage::{SOON, Stage, ended};

// S1: no journal, no change.
#[test]
fn a_full_disk_stops_a_run_before_it_changes_anything() {
    let stage = Stage::new();
    let disk = Tmpfs::mount(&stage.squall.dir().join("small"), 1);
    let before = stage.victim.process();
    fill(&disk.path().join("filling"));
    let mut command = stage.squall.command(["run", "long.yaml"]);
    let output = command.env("SQUALL_HOME", disk.path().join("home")).output().unwrap();
    assert!(matches!(output.status.code(), Some(1 | 4)), "{}", said(&output));
    assert_eq!(stage.victim.process(), before);
    assert!(!stage.is_stopped());
}

// S1: a disk that fills up while the run is on keeps nobody from undoing.
#[test]
fn a_disk_that_fills_up_during_the_run_does_not_keep_it_from_undoing() {
    let stage = Stage::new();
    let disk = Tmpfs::mount(&stage.squall.dir().join("small"), 2);
    let home = disk.path().join("home");
    let mut command = stage.squall.command(["run", "long.yaml"]);
    command.env("SQUALL_HOME", &home).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut child = command.spawn().unwrap();
    wait::until("the victim is stopped", SOON, || stage.is_stopped().then_some(()));
    fill(&disk.path().join("filling"));
    // The record cannot be written any more: the run ends by itself, and clean.
    let status = ended(&mut child);
    assert_eq!(status.code(), Some(1));
    assert!(!stage.is_stopped());
}

fn fill(path: &Path) {
    use std::io::Write;
    let mut file = std::fs::File::create(path).unwrap();
    while file.write(&[0; 4096]).is_ok() {}
    while file.write(&[0; 1]).is_ok() {}
}
