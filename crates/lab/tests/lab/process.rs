//! Processes of the lab that never outlive their test.

use std::io::{BufRead, BufReader, Read, Write};
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
    folder: TempDir,
}

impl Site {
    /// On SQLite, in a folder of its own.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { queue: path(&folder.path().join("lab.db")).to_owned(), folder }
    }

    /// On a store that is there already.
    pub(crate) fn on(queue: String) -> Self {
        Self { queue, folder: tempfile::tempdir().unwrap() }
    }

    /// The file of [`Site::new`].
    pub(crate) fn db(&self) -> PathBuf {
        self.folder.path().join("lab.db")
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
        self.serve("api", port, &[])
    }

    /// `api` or `admin`, with more arguments.
    pub(crate) fn serve(&self, what: &str, port: u16, more: &[&str]) -> (Process, u16) {
        let listen = format!("127.0.0.1:{port}");
        self.start(&[&[what, "--listen", &listen], more].concat()).listening()
    }

    /// A receiver, which has no queue.
    pub(crate) fn receiver(&self, port: u16, more: &[&str]) -> (Process, u16) {
        let (listen, log) = (format!("127.0.0.1:{port}"), self.file("received"));
        spawn(lab(&[&["receiver", "--listen", &listen, "--log", path(&log)], more].concat())).listening()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Adds an account to the accounts' file `auth`: whether it succeeded, and what was said.
    pub(crate) fn account(&self, name: &str, password: &str, role: &str) -> (bool, String) {
        let auth = self.file("auth");
        let mut command = lab(&["account", name, "--auth", path(&auth), "--role", role]);
        let mut process = spawn_with(&mut command, Stdio::piped());
        process.child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()).unwrap();
        process.ended(Duration::from_secs(30))
    }

    pub(crate) fn worker(&self, name: &str, more: &[&str]) -> Process {
        self.start(&[&["worker", "--name", name], more].concat())
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Process {
        spawn(lab(&[arguments, &["--queue", &self.queue]].concat()))
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

pub(crate) fn spawn(mut command: Command) -> Process {
    spawn_with(&mut command, Stdio::null())
}

fn spawn_with(command: &mut Command, input: Stdio) -> Process {
    let mut child = command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    Process { child, output }
}

pub(crate) fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A process of the lab; killed and reaped when dropped.
pub(crate) struct Process {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// With the port that its next line ends with.
    pub(crate) fn listening(mut self) -> (Self, u16) {
        let line = self.line();
        let port = line.rsplit(':').next().and_then(|port| port.trim().parse().ok());
        (self, port.unwrap_or_else(|| panic!("no port in {line:?}")))
    }

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

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
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
