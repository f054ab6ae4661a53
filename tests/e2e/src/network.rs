//! A network of a test's own: loopback and nothing else, so that every fixed port in it is free. Needs root.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A network namespace (network_namespaces(7)). What runs in it ends when it goes.
pub struct Network {
    holder: Child,
    servers: Vec<Child>,
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}

impl Network {
    /// A new one, whose loopback is up.
    ///
    /// # Panics
    /// When there can be none: it needs root, and Debian's util-linux and busybox-static.
    #[expect(clippy::disallowed_methods, reason = "tests start what lives in a network of their own")]
    pub fn new() -> Self {
        // It ends with its input, which is the test's.
        let mut holder = Command::new("unshare")
            .args(["--net", "sh", "-c", "busybox ip link set lo up && echo up && exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare is of Debian's util-linux");
        read_until(&mut holder, "up");
        Self { holder, servers: Vec::new() }
    }

    /// A program in this network, which does not outlive the test.
    #[expect(clippy::disallowed_methods, reason = "tests start what lives in a network of their own")]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.holder.id()));
        command.args(["setpriv", "--pdeathsig", "KILL"]).arg(program).stdin(Stdio::null());
        command
    }

    /// The same command in this network.
    pub fn enter(&self, outside: &Command) -> Command {
        let mut command = self.command(outside.get_program());
        command.args(outside.get_args());
        for (name, value) in outside.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(dir) = outside.get_current_dir() {
            command.current_dir(dir);
        }
        command
    }

    /// Starts a server in this network, and waits until it has said that it is ready.
    ///
    /// # Panics
    /// When it ends without saying so.
    pub fn serve(&mut self, command: &mut Command, ready: &str) {
        let mut server = command.stdout(Stdio::piped()).spawn().expect("a server");
        read_until(&mut server, ready);
        self.servers.push(server);
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for child in self.servers.iter_mut().chain([&mut self.holder]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Reads what it says until that is among it; what comes later is thrown away.
fn read_until(child: &mut Child, wanted: &str) {
    let mut lines = BufReader::new(child.stdout.take().expect("its output is a pipe")).lines();
    let said = lines.by_ref().map_while(Result::ok).any(|line| line.contains(wanted));
    assert!(said, "it has ended without saying `{wanted}`");
    // What it says later must go somewhere, or it waits.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
}
