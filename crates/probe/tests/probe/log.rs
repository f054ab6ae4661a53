//! E3: lines of a log, through rotation and truncation.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use squall_model::measure::Probe;
use squall_model::unit::Unit;
use squall_probe::{ProbeError, Prober};

use crate::stage::{Stage, impatient, refused, unreadable, until, value};

struct Written {
    folder: tempfile::TempDir,
    path: PathBuf,
}

impl Written {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log");
        Self { folder, path }
    }

    fn append(&self, text: &str) {
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn errors(&self) -> Prober {
        Stage::default().prober(probe(&self.path, "ERR(OR)?"))
    }

    fn missing(&self) -> String {
        format!("could not read {}: there is no such file", self.path.display())
    }
}

fn probe(path: &Path, pattern: &str) -> Probe {
    Probe::Log { file: path.display().to_string().as_str().into(), pattern: pattern.into() }
}

async fn counts(prober: &mut Prober, count: u32) {
    assert_eq!(prober.read().await, value(f64::from(count), Unit::Number));
}

#[tokio::test]
async fn matching_lines_are_counted_since_the_reading_before() {
    let log = Written::new();
    log.append("ERROR before\nERR");
    let mut errors = log.errors();
    counts(&mut errors, 0).await;
    // A line counts once, however often it matches, and not before it is whole.
    log.append(" one\nfine\nERROR ERROR two\nERROR thr");
    counts(&mut errors, 1).await;
    counts(&mut errors, 0).await;
    log.append("ee\r\nERROR\r\n");
    counts(&mut errors, 2).await;
}

#[tokio::test]
async fn a_rotated_log_is_read_to_its_end_and_the_new_one_from_its_start() {
    let log = Written::new();
    log.append("start\n");
    let mut errors = log.errors();
    log.append("ERROR 1\n");
    // The program still has the old file open.
    let mut old = OpenOptions::new().append(true).open(&log.path).unwrap();
    fs::rename(&log.path, log.folder.path().join("app.log.1")).unwrap();
    old.write_all(b"ERROR 2\n").unwrap();
    log.append("ERROR 3\nERROR 4\n");
    counts(&mut errors, 4).await;
    old.write_all(b"ERROR late\nERROR unfinished").unwrap();
    log.append("ERROR 5\n");
    counts(&mut errors, 2).await;
    // Nothing more came: the last line of the old file is done.
    counts(&mut errors, 1).await;
    log.append("ERROR 6\n");
    counts(&mut errors, 1).await;
}

#[tokio::test]
async fn a_truncated_log_is_read_from_its_start() {
    let log = Written::new();
    log.append(&"a long line before\n".repeat(10));
    let mut errors = log.errors();
    log.append("ERROR half of a li");
    counts(&mut errors, 0).await;
    File::create(&log.path).unwrap();
    log.append("ERROR new\n");
    counts(&mut errors, 1).await;
}

// S9
#[tokio::test]
async fn a_missing_log_is_unreadable_and_nothing_of_it_is_lost() {
    let log = Written::new();
    let mut errors = log.errors();
    assert_eq!(errors.read().await, unreadable(&log.missing()));
    log.append("ERROR first\n");
    counts(&mut errors, 1).await;

    log.append("ERROR last\n");
    fs::remove_file(&log.path).unwrap();
    assert_eq!(errors.read().await, unreadable(&log.missing()));
    log.append("ERROR again\n");
    counts(&mut errors, 2).await;
}

#[tokio::test]
async fn what_is_no_file_is_unreadable() {
    let folder = tempfile::tempdir().unwrap();
    let mut errors = Stage::default().prober(probe(folder.path(), "x"));
    let why = format!("could not read {}: it is not a file", folder.path().display());
    assert_eq!(errors.read().await, unreadable(&why));
    assert!(matches!(refused(probe(folder.path(), "("), Stage::default()), ProbeError::Pattern { .. }));
}

#[tokio::test]
async fn a_line_longer_than_memory_should_hold_is_one_line() {
    let log = Written::new();
    log.append("");
    let mut errors = log.errors();
    log.append(&format!("ERROR {}\nERROR {}\n", "x".repeat(3 << 20), "y".repeat(100)));
    counts(&mut errors, 2).await;
}

// S9: a reading that took too long is finished aside, and its lines are part of the next one.
#[tokio::test]
async fn a_reading_that_times_out_loses_no_line() {
    let log = Written::new();
    log.append("");
    let mut errors = impatient(probe(&log.path, "ERROR"), Duration::from_millis(1));
    log.append(&"ERROR\n".repeat(1_000_000));
    assert_eq!(errors.read().await, unreadable("timed out after 1ms"));
    until("all lines are counted", async || errors.read().await == value(1e6, Unit::Number)).await;
}
