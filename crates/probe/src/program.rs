//! Running a program for its output, and ending all of it afterwards.

use std::io;
use std::os::fd::OwnedFd;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use squall_model::unit::Bytes;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncReadExt, Interest};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::unread::{Unread, quote};

/// A program that prints more than this on stdout is ended.
const MOST_OUTPUT: usize = 1024 * 1024;

/// So much of stderr is kept; the rest is read and dropped.
const MOST_COMPLAINTS: usize = 16 * 1024;

/// How long what a killed group left in the pipe is waited for. Only somebody who left the group
/// and still holds the pipe makes it last that long.
const DRAIN: Duration = Duration::from_millis(100);

/// How a program ended, and what it said.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    stderr: Vec<u8>,
}

/// Runs a program with nothing on stdin until its first process ends. Then, and also when the
/// future is dropped before, everything in its process group is killed.
pub(crate) async fn run(argv: &[String], variables: &[(String, String)]) -> Result<Ended, Unread> {
    let (program, arguments) = argv.split_first().ok_or_else(|| Unread::from("no program is named"))?;
    let mut command = Command::new(program);
    command.args(arguments).envs(variables.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.process_group(0).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| not_started(program, &error))?;
    let group = Group::led_by(&child);
    let leader = group.leader()?;

    let mut output = Gathered::new(child.stdout.take());
    let mut complaints = Gathered::new(child.stderr.take());
    loop {
        tokio::select! {
            ended = leader.readable() => break drop(ended.map_err(lost)?),
            more = output.next() => more.map_err(lost)?,
            more = complaints.next() => more.map_err(lost)?,
        }
        if output.bytes.len() > MOST_OUTPUT {
            return Err(Unread(format!("printed more than {}", Bytes(MOST_OUTPUT as u64))));
        }
        complaints.bytes.truncate(MOST_COMPLAINTS);
    }
    // The leader is not reaped yet, so the number of the group is still its own.
    group.kill();
    let drained = timeout(DRAIN, async {
        while output.open() && output.bytes.len() <= MOST_OUTPUT {
            output.next().await?;
        }
        while complaints.open() && complaints.bytes.len() <= MOST_COMPLAINTS {
            complaints.next().await?;
        }
        Ok::<_, io::Error>(())
    });
    drained.await.unwrap_or(Ok(())).map_err(lost)?;
    if output.bytes.len() > MOST_OUTPUT {
        return Err(Unread(format!("printed more than {}", Bytes(MOST_OUTPUT as u64))));
    }
    group.forget();
    let status = child.wait().await.map_err(lost)?;
    Ok(Ended { status, stdout: output.bytes, stderr: complaints.bytes })
}

impl Ended {
    /// What it printed, if it exited with 0.
    pub(crate) fn output(self) -> Result<Vec<u8>, Unread> {
        if self.status.success() { Ok(self.stdout) } else { Err(self.failure()) }
    }

    /// The code that it exited with.
    pub(crate) fn code(&self) -> Result<i32, Unread> {
        self.status.code().ok_or_else(|| self.failure())
    }

    fn failure(&self) -> Unread {
        use std::os::unix::process::ExitStatusExt as _;

        let how = match (self.status.code(), self.status.signal()) {
            (Some(code), _) => format!("exited with {code}"),
            (None, Some(signal)) => format!("killed by signal {signal}"),
            (None, None) => "ended in an unknown way".to_owned(),
        };
        let complaint = quote(&String::from_utf8_lossy(&self.stderr));
        Unread(if complaint.is_empty() { how } else { format!("{how}: {complaint}") })
    }
}

/// The process group of a child that leads it. Killed when dropped.
struct Group(Option<Pid>);

impl Group {
    fn led_by(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    /// Readable when the leader has ended. Unlike waiting for the child, this does not reap it.
    #[expect(
        deprecated,
        reason = "unsound only for a descriptor that changes; an OwnedFd is always the same"
    )]
    fn leader(&self) -> Result<AsyncFd<OwnedFd>, Unread> {
        let leader = self.0.ok_or_else(|| Unread::from("could not follow the program"))?;
        let pidfd = pidfd_open(leader, PidfdFlags::NONBLOCK).map_err(|error| lost(error.into()))?;
        AsyncFd::with_interest(pidfd, Interest::READABLE).map_err(lost)
    }

    fn kill(&self) {
        if let Some(number) = self.0 {
            // Fails only when nobody is left in the group.
            let _ = kill_process_group(number, Signal::KILL);
        }
    }

    /// Afterwards the number may be given to somebody else.
    fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// One end of a pipe, and what came out of it.
struct Gathered<P> {
    pipe: Option<P>,
    bytes: Vec<u8>,
}

impl<P: AsyncRead + Unpin> Gathered<P> {
    fn new(pipe: Option<P>) -> Self {
        Self { pipe, bytes: Vec::new() }
    }

    fn open(&self) -> bool {
        self.pipe.is_some()
    }

    /// Waits for more; for ever, once the pipe has ended.
    async fn next(&mut self) -> io::Result<()> {
        let Some(pipe) = &mut self.pipe else { return std::future::pending().await };
        if pipe.read_buf(&mut self.bytes).await? == 0 {
            self.pipe = None;
        }
        Ok(())
    }
}

fn not_started(program: &str, error: &io::Error) -> Unread {
    let why = match error.kind() {
        io::ErrorKind::NotFound => "there is no such program".to_owned(),
        io::ErrorKind::PermissionDenied => "it may not be executed".to_owned(),
        _ => error.to_string(),
    };
    Unread(format!("could not start `{program}`: {why}"))
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err gives")]
fn lost(error: io::Error) -> Unread {
    Unread(format!("could not follow the program: {error}"))
}
