//! A PostgreSQL server of its own, on a socket in a folder of its own.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use postgres::{Client, NoTls};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

use super::{Damage, Server, Store};
use crate::process::until;

pub(crate) struct Postgres {
    folder: TempDir,
    process: Child,
    next: AtomicU32,
}

impl Postgres {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        if let Some(user) = servant() {
            std::os::unix::fs::chown(folder.path(), Some(user.0), Some(user.1)).unwrap();
        }
        let made = program("initdb", folder.path())
            .args([
                "--no-sync",
                "--auth",
                "trust",
                "--username",
                "lab",
                "--encoding",
                "UTF8",
                "--no-locale",
                "data",
            ])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let process = serve(folder.path());
        let postgres = Self { folder, process, next: AtomicU32::new(0) };
        postgres.answers();
        postgres
    }

    fn url(&self, name: &str) -> String {
        format!("postgres://lab@/{name}?host={}", self.folder.path().display())
    }

    fn connect(&self, name: &str) -> Result<Client, postgres::Error> {
        Client::connect(&self.url(name), NoTls)
    }

    fn answers(&self) {
        until("PostgreSQL answers", Duration::from_mins(1), || {
            self.connect("postgres").and_then(|mut client| client.batch_execute("SELECT 1")).ok()
        });
    }

    /// The server and all that it has started: each session is a process, in a process group of its own.
    fn signal(&self, signal: Signal) {
        let parent = Pid::from_child(&self.process);
        let _ = kill_process(parent, signal);
        for child in children(parent) {
            let _ = kill_process(child, signal);
        }
    }
}

fn children(parent: Pid) -> Vec<Pid> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let of = |number: i32| {
        let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
        // The name, in parentheses, may hold anything; after it: the state, the parent (proc_pid_stat(5)).
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse::<i32>().ok()
    };
    let children = numbers.filter(|number| of(*number) == Some(parent.as_raw_nonzero().get()));
    children.filter_map(Pid::from_raw).collect()
}

/// PostgreSQL refuses to be run by root: user and group of the package's own user.
fn servant() -> Option<(u32, u32)> {
    if !geteuid().is_root() {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let line = users.lines().find(|line| line.starts_with("postgres:")).expect("the user postgres");
    let mut numbers = line.split(':').skip(2).map(|number| number.parse().unwrap());
    Some((numbers.next().unwrap(), numbers.next().unwrap()))
}

#[expect(clippy::disallowed_methods, reason = "these tests are about real servers")]
fn program(name: &str, folder: &Path) -> Command {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("the Debian package postgresql");
    let newest: Option<PathBuf> = versions.map(|version| version.unwrap().path()).max();
    let mut command = Command::new(newest.expect("a version of PostgreSQL").join("bin").join(name));
    command.current_dir(folder).stdin(Stdio::null());
    if let Some((user, group)) = servant() {
        command.uid(user).gid(group);
    }
    command
}

fn serve(folder: &Path) -> Child {
    let socket = folder.to_str().unwrap();
    let mut server = program("postgres", folder);
    server.args(["-D", "data", "-k", socket, "-c", "listen_addresses=", "-c", "shared_buffers=16MB"]);
    server.args(["-c", "max_connections=200", "-c", "restart_after_crash=off"]);
    server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

impl Store for Postgres {
    fn fresh(&self) -> String {
        let name = format!("lab{}", self.next.fetch_add(1, Ordering::Relaxed));
        self.connect("postgres").unwrap().batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
        self.url(&name)
    }

    fn damage(&self, queue: &str, damage: Damage) {
        let statement = match damage {
            Damage::Garbled(id) => format!("UPDATE squall_lab.tasks SET payload = '{{}}' WHERE id = {id}"),
            Damage::Lost(id) => format!("DELETE FROM squall_lab.tasks WHERE id = {id}"),
            Damage::Uncompleted(id) => format!("DELETE FROM squall_lab.completions WHERE task = {id}"),
            Damage::Completed(id) => format!(
                "INSERT INTO squall_lab.completions (task, tag, kind, worker, attempt, waited, at)
                 VALUES ({id}, 't', 'sleep', 'w', 1, 0, 0)"
            ),
        };
        let mut client = Client::connect(queue, NoTls).unwrap();
        assert_eq!(client.execute(&statement, &[]).unwrap(), 1, "{statement}");
    }
}

impl Server for Postgres {
    /// All its processes, as when the machine's memory is short or its container ends.
    fn kill(&mut self) {
        // It stands still meanwhile, so that it starts no more of them.
        self.signal(Signal::STOP);
        for child in children(Pid::from_child(&self.process)) {
            let _ = kill_process(child, Signal::KILL);
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    fn start(&mut self) {
        self.process = serve(self.folder.path());
        self.answers();
    }

    fn pause(&self) {
        self.signal(Signal::STOP);
    }

    fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn cut(&self) {
        let all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'";
        self.connect("postgres").unwrap().batch_execute(all).unwrap();
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}
