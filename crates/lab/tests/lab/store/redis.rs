//! A Redis server that keeps what it acknowledges, on a socket in a folder of its own.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use redis::{Client, Connection};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{Damage, Server, Store};
use crate::process::until;

pub(crate) struct Redis {
    folder: TempDir,
    process: Child,
    next: AtomicU32,
}

impl Redis {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let process = serve(&folder);
        let redis = Self { folder, process, next: AtomicU32::new(0) };
        redis.answers();
        redis
    }

    fn url(&self, number: u32) -> String {
        format!("redis+unix://{}?db={number}", self.socket().display())
    }

    /// From now on it acknowledges what is in its memory only.
    pub(crate) fn forget(&self) {
        let mut connection = Self::connect(&self.url(0)).unwrap();
        redis::cmd("CONFIG").arg("SET").arg("appendonly").arg("no").query::<String>(&mut connection).unwrap();
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    fn connect(url: &str) -> redis::RedisResult<Connection> {
        Client::open(url)?.get_connection_with_timeout(Duration::from_secs(10))
    }

    fn answers(&self) {
        until("Redis answers", Duration::from_secs(30), || {
            let mut connection = Self::connect(&self.url(0)).ok()?;
            redis::cmd("PING").query::<String>(&mut connection).ok()
        });
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }
}

#[expect(clippy::disallowed_methods, reason = "these tests are about real servers")]
fn serve(folder: &TempDir) -> Child {
    let mut server = Command::new("redis-server");
    server.args(["--port", "0", "--unixsocket", "redis.sock", "--dir", "."]).current_dir(folder.path());
    server.args(["--save", "", "--appendonly", "yes", "--appendfsync", "always", "--databases", "200"]);
    server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    server.spawn().expect("redis-server, from the Debian package of this name")
}

impl Store for Redis {
    fn fresh(&self) -> String {
        self.url(self.next.fetch_add(1, Ordering::Relaxed))
    }

    fn damage(&self, queue: &str, damage: Damage) {
        let mut connection = Self::connect(queue).unwrap();
        let (command, arguments) = match damage {
            Damage::Garbled(id) => {
                ("HSET", vec![format!("squall-lab:task:{id}"), "payload".into(), "{}".into()])
            }
            Damage::Lost(id) => ("DEL", vec![format!("squall-lab:task:{id}")]),
            Damage::Uncompleted(id) => ("HDEL", vec!["squall-lab:completions".into(), id.to_string()]),
            Damage::Completed(id) => {
                ("HSET", vec!["squall-lab:completions".into(), id.to_string(), "1".into()])
            }
        };
        redis::cmd(command).arg(arguments).query::<i64>(&mut connection).unwrap();
    }
}

impl Server for Redis {
    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn start(&mut self) {
        self.process = serve(&self.folder);
        self.answers();
    }

    fn pause(&self) {
        self.signal(Signal::STOP);
    }

    fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn cut(&self) {
        let mut connection = Self::connect(&self.url(0)).unwrap();
        redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal").query::<i64>(&mut connection).unwrap();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
