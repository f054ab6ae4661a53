//! The real binary, with a state folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use squall_engine::home::{Home, RunDir};
use squall_host::process::Process;
use squall_host::signal::Signal;

/// A state folder and the binary that uses it. What its runs still owe is undone when it goes.
pub struct Squall {
    dir: tempfile::TempDir,
}

/// The binary under test, next to the test's own.
///
/// # Panics
/// When it was not built.
pub fn path() -> PathBuf {
    let own = std::env::current_exe().expect("a test knows its own program");
    let squall = own.parent().and_then(Path::parent).map(|target| target.join("squall"));
    let squall = squall.expect("tests are built in a target folder");
    assert!(squall.exists(), "{} is missing: cargo build -p squall", squall.display());
    squall
}

impl Default for Squall {
    fn default() -> Self {
        Self::new()
    }
}

impl Squall {
    /// A new, empty state folder.
    ///
    /// # Panics
    /// When there is no room for one.
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary folder") }
    }

    /// A folder for files of the test.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file of the test and gives its path.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).expect("a file of the test");
        path
    }

    /// The state folder.
    pub fn home(&self) -> Home {
        Home::at(self.dir.path().join("home"))
    }

    /// All runs.
    ///
    /// # Panics
    /// When the state folder cannot be read.
    pub fn runs(&self) -> Vec<RunDir> {
        self.home().runs().expect("the state folder")
    }

    /// The binary with these arguments, with nothing to read.
    #[expect(clippy::disallowed_methods, reason = "tests start the binary as a person does")]
    pub fn command<const N: usize>(&self, arguments: [&str; N]) -> Command {
        let mut command = Command::new(path());
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env("SQUALL_HOME", self.dir.path().join("home"))
            .env("NO_COLOR", "1")
            .env_remove("SQUALL_TEST_KILL")
            .env_remove("SQUALL_POLICY")
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn run<const N: usize>(&self, arguments: [&str; N]) -> Output {
        self.command(arguments).output().expect("the binary runs")
    }

    /// Starts it.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start<const N: usize>(&self, arguments: [&str; N]) -> Child {
        self.command(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts")
    }
}

impl Drop for Squall {
    /// Also when a test fails, nothing may stay behind.
    fn drop(&mut self) {
        for run in self.home().runs().unwrap_or_default() {
            let Ok(ledger) = squall_engine::journal::Journal::peek(&run.journal()) else { continue };
            if let Some(opened) = ledger.opened().filter(|_| !ledger.is_closed()) {
                let run = Process { pid: opened.process.pid, started: opened.process.started };
                let _ = run.signal(Signal::Kill);
            }
        }
        let _ = self.command(["recover"]).output();
    }
}

/// What a command printed, for messages of failing tests.
pub fn said(output: &Output) -> String {
    format!(
        "{}\n--- stdout\n{}\n--- stderr\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
