//! Processes of the lab that never outlive their test.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use squall_lab::{Access, Location, Queue};
use tempfile::TempDir;

/// Polls until `fact` is there. The one place that waits.
pub(crate) fn until<T>(what: &str, limit: Duration, mut fact: impl FnMut() -> Option<T>) -> T {
    let deadline = now() + limit;
    loop {
        if let Some(value) = fact() {
            return value;
        }
        assert!(now() < deadline, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[expect(clippy::disallowed_methods, reason = "these tests watch real processes in real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "these tests are about real processes")]
fn lab(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_squall-lab"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// A queue, and the processes of the lab around it.
pub(crate) struct Site {
    queue: String,
    folder: Option<TempDir>,
}

impl Site {
    /// On SQLite, in a folder of its own.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { queue: path(&folder.path().join("lab.db")).to_owned(), folder: Some(folder) }
    }

    /// On a store that is there already.
    pub(crate) fn on(queue: String) -> Self {
        Self { queue, folder: None }
    }

    /// The file of [`Site::new`].
    pub(crate) fn db(&self) -> PathBuf {
        self.folder.as_ref().expect("a site on SQLite").path().join("lab.db")
    }

    /// The queue itself.
    pub(crate) fn open(&self, access: Access) -> Box<dyn Queue> {
        self.queue.parse::<Location>().unwrap().open(access).unwrap()
    }

    /// An API on a port that the kernel chose.
    pub(crate) fn api(&self) -> (Process, u16) {
        self.api_at(0)
    }

    pub(crate) fn api_at(&self, port: u16) -> (Process, u16) {
        let listen = format!("127.0.0.1:{port}");
        let mut api = self.start(&["api", "--listen", &listen]);
        let line = api.line();
        let port = line.rsplit(':').next().and_then(|port| port.trim().parse().ok());
        (api, port.unwrap_or_else(|| panic!("no port in {line:?}")))
    }

    pub(crate) fn worker(&self, name: &str, more: &[&str]) -> Process {
        self.start(&[&["worker", "--name", name], more].concat())
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Process {
        let mut command = lab(&[arguments, &["--queue", &self.queue]].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Process { child, output }
    }

    /// A command that ends by itself.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Output {
        lab(&[arguments, &["--queue", &self.queue]].concat()).output().unwrap()
    }

    /// The JSON of `stats` or `ledger`.
    pub(crate) fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let output = self.ask(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub(crate) fn stat(&self, name: &str) -> u64 {
        self.json(&["stats"])[name].as_u64().unwrap()
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A process of the lab; killed and reaped when dropped.
pub(crate) struct Process {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// The next line that it says.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Its status in /proc: `R`, `S`, `T`, ...
    pub(crate) fn state(&self) -> char {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        stat.rsplit(')').next().and_then(|rest| rest.trim_start().chars().next()).unwrap()
    }

    /// Waits for its end: whether it succeeded, and what it said on both outputs.
    pub(crate) fn ended(mut self, limit: Duration) -> (bool, String) {
        let status = until("the process ends", limit, || self.child.try_wait().unwrap());
        let mut said = String::new();
        self.output.read_to_string(&mut said).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (status.success(), said)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
