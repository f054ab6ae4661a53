//! A PostgreSQL of the test's own.

use std::fs::Permissions;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

/// Listens on a socket in a folder of its own; both are gone when it is dropped.
pub(crate) struct PostgresServer {
    child: Child,
    folder: TempDir,
    port: u16,
}

impl PostgresServer {
    pub(crate) fn start() -> Self {
        Self::launch(None)
    }

    /// With TLS on a port of `127.0.0.1`, by this certificate and key in PEM.
    pub(crate) fn with_tls(certificate: &str, key: &str) -> Self {
        Self::launch(Some((certificate, key)))
    }

    fn launch(tls: Option<(&str, &str)>) -> Self {
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
        let mut command = program("postgres");
        command.arg("-D").arg(&data).arg("-k").arg(folder.path());
        command.args(["-c", "fsync=off", "-c", "shared_buffers=16MB"]);
        let mut port = 5432;
        if let Some((certificate, key)) = tls {
            for (name, text) in [("server.crt", certificate), ("server.key", key)] {
                let path = data.join(name);
                std::fs::write(&path, text).unwrap();
                // It takes no key that others can read.
                std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
                if geteuid().is_root() {
                    std::os::unix::fs::chown(&path, Some(id("-u")), Some(id("-g"))).unwrap();
                }
            }
            // A port that was free a moment ago: it cannot be told to take one of the kernel's choice.
            port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            command.args(["-c", "ssl=on", "-c", "listen_addresses=127.0.0.1", "-p", &port.to_string()]);
        } else {
            command.args(["-c", "listen_addresses="]);
        }
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let ready =
            log.by_ref().map_while(Result::ok).any(|line| line.contains("ready to accept connections"));
        assert!(ready, "postgres has ended");
        // What it says later must go somewhere, or it waits.
        std::thread::spawn(move || log.map_while(Result::ok).for_each(drop));
        Self { child, folder, port }
    }

    /// Where it listens with TLS.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join(format!(".s.PGSQL.{}", self.port))
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
