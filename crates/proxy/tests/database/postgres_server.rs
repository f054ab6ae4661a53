//! A PostgreSQL of the test's own.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

/// Listens on a socket in a folder of its own; both are gone when it is dropped.
pub(crate) struct PostgresServer {
    child: Child,
    folder: TempDir,
}

impl PostgresServer {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let program = |name: &str| {
            let mut command = Command::new(programs().join(name));
            command.stdin(Stdio::null()).current_dir("/").env("LC_ALL", "C");
            if geteuid().is_root() {
                // It refuses to be root.
                let (user, group) = (id("-u"), id("-g"));
                std::os::unix::fs::chown(folder.path(), Some(user), Some(group)).unwrap();
                command.uid(user).gid(group);
            }
            command
        };
        let made = program("initdb")
            .args([
                "--username",
                "postgres",
                "--auth",
                "trust",
                "--no-locale",
                "--encoding",
                "UTF8",
                "--no-sync",
            ])
            .arg("--pgdata")
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut child = program("postgres")
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(folder.path())
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "shared_buffers=16MB"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let ready =
            log.by_ref().map_while(Result::ok).any(|line| line.contains("ready to accept connections"));
        assert!(ready, "postgres has ended");
        // What it says later must go somewhere, or it waits.
        std::thread::spawn(move || log.map_while(Result::ok).for_each(drop));
        Self { child, folder }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join(".s.PGSQL.5432")
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // At once, but with the shared memory given back.
        let _ = kill_process(Pid::from_child(&self.child), Signal::QUIT);
        let _ = self.child.wait();
    }
}

/// Where Debian has the newest version's programs.
fn programs() -> PathBuf {
    std::fs::read_dir("/usr/lib/postgresql")
        .expect("initdb and postgres are of Debian's package postgresql")
        .map(|version| version.unwrap().path().join("bin"))
        .max()
        .expect("initdb and postgres are of Debian's package postgresql")
}

fn id(which: &str) -> u32 {
    let output = Command::new("id").args([which, "postgres"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().expect("the package makes a user postgres")
}
