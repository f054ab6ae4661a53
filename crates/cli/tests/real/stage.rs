//! A state folder of its own and processes to break, all gone at the end of a test however it ends.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Longer than anything here takes on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(30);

/// A state folder, also the working folder.
pub(crate) struct Stage {
    folder: TempDir,
}

/// A process that is broken. In a session of its own: squall refuses to touch its own group.
pub(crate) struct Victim(Child);

/// A squall that goes on beside the test.
pub(crate) struct Running(Child);

impl Stage {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// `squall` with these words, not yet started.
    pub(crate) fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_squall"));
        command
            .args(words.split_whitespace())
            .current_dir(self.folder.path())
            .env("SQUALL_HOME", self.path("home"))
            .env_remove("SQUALL_TEST_KILL")
            .env_remove("SQUALL_POLICY")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    pub(crate) fn squall(&self, words: &str) -> Output {
        self.command(words).output().unwrap()
    }

    /// Starts it. What it says goes nowhere, so that it cannot wait for a reader.
    pub(crate) fn start(&self, words: &str) -> Running {
        Running(self.command(words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Wardens end by themselves; this is for tests that killed them, too.
        let _ = self.squall("halt --all");
        let _ = self.squall("recover");
    }
}

impl Victim {
    /// With a command line that no other process has.
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        Self::with(&format!("{}{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed)))
    }

    /// With this in its command line, digits.
    pub(crate) fn with(tag: &str) -> Self {
        let mut command = Command::new("setsid");
        command.args(["sleep", &format!("300.{tag}")]).stdin(Stdio::null()).stdout(Stdio::null());
        let victim = Self(command.spawn().unwrap());
        // Before that it is still in the test's group, or another program.
        until("a victim at rest", || {
            let program = fs::read_to_string(format!("/proc/{}/comm", victim.pid())).unwrap_or_default();
            program == "sleep\n" && victim.state() == "S"
        });
        victim
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// `S` sleeping, `T` stopped, `Z` dead; nothing when it is gone.
    pub(crate) fn state(&self) -> String {
        self.stat().split(' ').next().unwrap_or_default().to_owned()
    }

    /// Alive and not stopped.
    pub(crate) fn is_free(&self) -> bool {
        matches!(self.state().as_str(), "S" | "R")
    }

    /// The fields of /proc/PID/stat after the name.
    fn stat(&self) -> String {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
        text.rsplit(") ").next().unwrap_or_default().to_owned()
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.0.id().to_string()]).status().unwrap();
        assert!(sent.success(), "could not send {name}");
    }

    pub(crate) fn end(&mut self) -> ExitStatus {
        until("the end of squall", || self.0.try_wait().unwrap().is_some());
        self.0.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits for a condition, the one place of these tests that does.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "waited too long for {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A run of a second: two sleepers, one of which is held still for a moment.
pub(crate) const QUICK: &str = include_str!("../cmd/check.in/good.yaml");
