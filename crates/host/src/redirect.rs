//! Connections of this machine that go through a proxy without their clients knowing: a table of nftables.
//!
//! ```text
//! client --connect 127.0.0.1:6379--> [table squall-7000] --> proxy at 127.0.0.1:7000 --marked--> 127.0.0.1:6379
//! ```
//!
//! The table has an owner (`flags owner`, nft(8), Linux 5.12): the kernel removes it when the netlink socket closes that
//! made it. That is held by an `nft -i` whose stdin is ours and who is killed when we end: whatever becomes of us, the
//! next connection goes directly. Connections that were there before are not touched, since address translation only
//! looks at the first packet of each; and those that were redirected stay so.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::signal::Signal;
use crate::spawn::{Child, Input, Output, Spawn, SpawnError};
use crate::tool::{Tool, ToolError};
use crate::wait;

/// The mark (SO_MARK, socket(7)) of connections that no redirection touches: those of proxies to their servers. The same
/// for all, so that two proxies in front of one server do not send connections in a circle.
pub const MARK: u32 = 0x5351_5541;

/// Debian has it where only root looks.
const PROGRAMS: [&str; 2] = ["/usr/sbin/nft", "nft"];
const PATIENCE: Duration = Duration::from_secs(10);

/// Connections that are redirected as long as this lives.
#[derive(Debug)]
pub struct Redirect {
    table: String,
    holder: Child,
    /// The holder ends when nobody can write to it any more.
    _stdin: File,
}

/// Why connections could not be redirected.
#[derive(Debug, thiserror::Error)]
pub enum RedirectError {
    /// `nft` is missing or cannot be started.
    #[error("start the holder of the table {table}")]
    Start {
        /// Which table.
        table: String,
        /// Why.
        source: SpawnError,
    },
    /// The pipe to the holder.
    #[error("talk to the holder of the table {table}")]
    Talk {
        /// Which table.
        table: String,
        /// Why.
        source: io::Error,
    },
    /// `nft` gave no answer.
    #[error("ask nft for the tables")]
    Ask(#[from] ToolError),
    /// `nft` or the kernel refuses it.
    #[error("{what}: nft says: {said}")]
    Refused {
        /// What was wanted.
        what: String,
        /// What nft said, its first line.
        said: String,
    },
    /// Somebody has a table of this name.
    #[error("make the table {table}: there is one of this name already")]
    Taken {
        /// Which table.
        table: String,
    },
    /// It is still there after its holder has ended.
    #[error("see the table {table} go")]
    Stays {
        /// Which table.
        table: String,
    },
}

impl Redirect {
    /// Redirects new connections of this machine (this network namespace) to these addresses to a port of the loopback
    /// address of their family. Returns when the kernel has the table.
    ///
    /// # Errors
    /// Without CAP_NET_ADMIN or nft, or where a table of this name is there.
    pub fn start(table: &str, addresses: &[SocketAddr], port: u16) -> Result<Self, RedirectError> {
        if is_there(table)? {
            return Err(RedirectError::Taken { table: table.to_owned() });
        }
        let talk = |source: io::Error| RedirectError::Talk { table: table.to_owned(), source };
        let (theirs, ours) = pipe_with(PipeFlags::CLOEXEC).map_err(|errno| talk(errno.into()))?;
        let mut holder = Spawn::program(program())
            .arg("-i")
            .stdin(Input::Descriptor(theirs))
            .stderr(Output::Pipe)
            .start()
            .map_err(|source| RedirectError::Start { table: table.to_owned(), source })?;
        let stderr = holder.take_stderr();
        let mut stdin = File::from(ours);
        stdin.write_all(rules(table, addresses, port).as_bytes()).map_err(talk)?;
        let redirect = Self { table: table.to_owned(), holder, _stdin: stdin };
        redirect.wait_for_table(stderr.map(OwnedFd::from).map(File::from))?;
        Ok(redirect)
    }

    fn wait_for_table(&self, stderr: Option<File>) -> Result<(), RedirectError> {
        let talk = |source: io::Error| RedirectError::Talk { table: self.table.clone(), source };
        let mut stderr = stderr.ok_or_else(|| talk(io::ErrorKind::BrokenPipe.into()))?;
        let flags = fcntl_getfl(&stderr).map_err(|errno| talk(errno.into()))?;
        fcntl_setfl(&stderr, flags | OFlags::NONBLOCK).map_err(|errno| talk(errno.into()))?;
        let refused = |said: &[u8]| RedirectError::Refused {
            what: format!("redirect connections by the table {}", self.table),
            said: first_line(&String::from_utf8_lossy(said)),
        };
        let mut said = [0; 4096];
        let there = wait::until(PATIENCE, || {
            match stderr.read(&mut said) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(talk(error)),
                Ok(0) => return Err(refused(b"nothing, and has ended")),
                Ok(length) => return Err(refused(&said[..length])),
            }
            Ok(is_there(&self.table)?.then_some(()))
        })?;
        there.ok_or_else(|| refused(b"nothing, and there is no table"))
    }

    /// Something to call in a thread of its own: it returns when the redirection has ended, by itself or by us.
    ///
    /// # Errors
    /// When there is no descriptor to be had.
    pub fn watch(&self) -> io::Result<impl FnOnce() + Send + 'static> {
        let holder = self.holder.pidfd().try_clone_to_owned()?;
        Ok(move || {
            let mut ready = [PollFd::new(&holder, PollFlags::IN)];
            while poll(&mut ready, None) == Err(rustix::io::Errno::INTR) {}
        })
    }

    /// The table.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// Ends it, and measures that new connections go directly.
    ///
    /// # Errors
    /// It is still there, or could not be looked at.
    pub fn end(self) -> Result<(), RedirectError> {
        let table = self.table.clone();
        drop(self);
        wait::until(PATIENCE, || Ok::<_, RedirectError>((!is_there(&table)?).then_some(())))?
            .ok_or(RedirectError::Stays { table })
    }
}

impl Drop for Redirect {
    fn drop(&mut self) {
        // If this fails it still ends with its stdin, and with us.
        let _ = self.holder.process().signal(Signal::Kill);
        let _ = self.holder.wait(PATIENCE);
    }
}

/// Whether there is a table of this name.
///
/// # Errors
/// When nft cannot say: that is no answer.
pub fn is_there(table: &str) -> Result<bool, RedirectError> {
    let said = Tool::new(program(), PATIENCE).args(["-j", "list", "tables"]).run()?;
    let what = "ask nft for the tables";
    let refused = |said: &str| RedirectError::Refused { what: what.to_owned(), said: first_line(said) };
    if !said.exit.is_success() {
        return Err(refused(&said.stderr.text()));
    }
    let listed: serde_json::Value =
        serde_json::from_slice(&said.stdout.bytes).map_err(|error| refused(&error.to_string()))?;
    let listed = listed["nftables"].as_array().ok_or_else(|| refused("no list"))?;
    Ok(listed.iter().any(|entry| entry["table"]["family"] == "inet" && entry["table"]["name"] == table))
}

/// Tries what is needed. The kernel is asked for everything and keeps nothing (`nft --check`).
pub(crate) fn attempt() -> Result<(), RedirectError> {
    let addresses = [SocketAddr::from(([127, 0, 0, 1], 1)), SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 1))];
    let rules = rules(&format!("squall-trial-{}", std::process::id()), &addresses, 1);
    let said = Tool::new(program(), PATIENCE).args(["--check", "--file", "-"]).stdin(rules).run()?;
    if said.exit.is_success() {
        return Ok(());
    }
    let what = "redirect connections".to_owned();
    Err(RedirectError::Refused { what, said: first_line(&said.stderr.text()) })
}

/// One line, since `nft -i` carries out each for itself. Before the usual place of destination NAT (-100), because the
/// first that translates a connection is the only one.
fn rules(table: &str, addresses: &[SocketAddr], port: u16) -> String {
    let rules: Vec<String> = addresses
        .iter()
        .map(|address| {
            let family = if address.is_ipv4() { "ip" } else { "ip6" };
            let (ip, own) = (address.ip(), address.port());
            format!("{family} daddr {ip} tcp dport {own} meta mark != {MARK} redirect to :{port}; ")
        })
        .collect();
    let rules = rules.concat();
    format!(
        "table inet {table} {{ flags owner; chain output {{ type nat hook output priority -101; {rules}}}; }}\n"
    )
}

fn program() -> &'static str {
    PROGRAMS.into_iter().find(|path| Path::new(path).exists()).unwrap_or("nft")
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or("nothing").trim().trim_start_matches("Error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    // F20: both families, and the proxy's own connections are spared.
    #[test]
    fn each_address_is_redirected_in_its_family_unless_marked() {
        let addresses = ["127.0.0.1:6379".parse().unwrap(), "[::1]:6379".parse().unwrap()];
        assert_eq!(
            rules("squall-7000", &addresses, 7000),
            "table inet squall-7000 { flags owner; chain output { type nat hook output priority -101; \
             ip daddr 127.0.0.1 tcp dport 6379 meta mark != 1397839169 redirect to :7000; \
             ip6 daddr ::1 tcp dport 6379 meta mark != 1397839169 redirect to :7000; }; }\n"
        );
    }
}
