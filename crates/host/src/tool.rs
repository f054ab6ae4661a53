//! Running another short program and reading what it says: the one place for that.
//!
//! It always returns: at its deadline the whole process group is killed, and a grandchild that keeps
//! the pipes open after the program has ended is not waited for.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use crate::clock;
use crate::exit::Exit;
use crate::mark;
use crate::process::timespec;
use crate::sys::{BeforeExec, Leash, before_exec};

/// A short program to run, in a process group of its own.
#[derive(Clone, Debug)]
pub struct Tool {
    program: OsString,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    directory: Option<PathBuf>,
    stdin: Vec<u8>,
    timeout: Duration,
    cap: usize,
}

/// What a program said and how it ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    /// How it ended.
    pub exit: Exit,
    /// What it wrote to stdout.
    pub stdout: Written,
    /// What it wrote to stderr.
    pub stderr: Written,
}

/// What came out of one pipe.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Written {
    /// The first bytes, up to the cap.
    pub bytes: Vec<u8>,
    /// How many more there were.
    pub dropped: u64,
}

/// Why a program gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The program is missing, not executable, or the rights were not enough.
    #[error("start {program}")]
    Start {
        /// What was to be started.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// Its time was over. Its process group was killed.
    #[error("get an answer from {program} within {timeout:?}")]
    TimedOut {
        /// What was started.
        program: String,
        /// How long it had.
        timeout: Duration,
        /// What it had said by then.
        stdout: Written,
        /// What it had said on stderr by then.
        stderr: Written,
    },
    /// A pipe or the descriptor of the process failed.
    #[error("talk to {program}")]
    Talk {
        /// What was started.
        program: String,
        /// Why.
        source: io::Error,
    },
}

impl Written {
    /// As text; bytes that are no text become replacement characters.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// How long to read on when the program has ended but a grandchild still holds a pipe.
const LINGER: Duration = Duration::from_millis(50);

/// How much is kept of each pipe unless told otherwise: 1 MiB.
const CAP: usize = 1 << 20;

impl Tool {
    /// A program (a path, or a name that is looked up in PATH) and how long it may take.
    pub fn new(program: impl Into<OsString>, timeout: Duration) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            directory: None,
            stdin: Vec::new(),
            timeout,
            cap: CAP,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets a variable, in addition to our own environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Marks it and everything that it starts, see [`mark`](crate::mark).
    #[must_use]
    pub fn mark(self, mark: &str) -> Self {
        self.env(mark::VARIABLE, mark)
    }

    /// Runs it in this directory instead of ours.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Gives it something to read.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Keeps at most this many bytes of stdout and of stderr; the rest is read and dropped.
    #[must_use]
    pub fn cap(mut self, bytes: usize) -> Self {
        self.cap = bytes;
        self
    }

    /// Runs it to its end. Blocks the calling thread, at most a little longer than the timeout.
    pub fn run(&self) -> Result<Said, ToolError> {
        let program = || self.program.to_string_lossy().into_owned();
        let talk = |source: io::Error| ToolError::Talk { program: program(), source };
        let end = clock::now() + self.timeout;
        let started = self.command().spawn();
        let mut child = started.map_err(|source| ToolError::Start { program: program(), source })?;
        let talked = self.talk(&mut child, end);
        if !matches!(talked, Ok(Talk { ended: Ended::Itself, .. })) {
            // The group has the number of its leader, which nobody but us can reap: it is its own.
            let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
        }
        let status = child.wait().map_err(talk)?;
        let Talk { ended, stdout, stderr } = talked.map_err(talk)?;
        match ended {
            Ended::Itself => Ok(Said { exit: status.into(), stdout, stderr }),
            Ended::ByTime => {
                Err(ToolError::TimedOut { program: program(), timeout: self.timeout, stdout, stderr })
            }
        }
    }

    fn command(&self) -> Command {
        #[expect(clippy::disallowed_methods, reason = "the one place for short programs")]
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(if self.stdin.is_empty() { Stdio::null() } else { Stdio::piped() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        // This thread waits for the program, so it outlives it: no need for the spawn thread.
        before_exec(&mut command, BeforeExec { leash: Some(Leash), ..BeforeExec::default() });
        command
    }

    fn talk(&self, child: &mut std::process::Child, end: Instant) -> io::Result<Talk> {
        let pidfd = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
        let mut stdin = child.stdin.take();
        let mut unsent: &[u8] = &self.stdin;
        let mut stdout = Pipe::new(child.stdout.take(), self.cap);
        let mut stderr = Pipe::new(child.stderr.take(), self.cap);
        for fd in [stdin.as_ref().map(AsFd::as_fd), stdout.fd(), stderr.fd()].into_iter().flatten() {
            fcntl_setfl(fd, fcntl_getfl(fd)? | OFlags::NONBLOCK)?;
        }
        let mut until = end;
        let mut ended = Ended::ByTime;
        loop {
            if ended == Ended::Itself && stdout.fd().is_none() && stderr.fd().is_none() {
                break;
            }
            let left = until.saturating_duration_since(clock::now());
            if left.is_zero() {
                break;
            }
            let mut polled = Vec::with_capacity(4);
            if ended == Ended::ByTime {
                polled.push(PollFd::new(&pidfd, PollFlags::IN));
            }
            let pipes = [(stdout.fd(), PollFlags::IN), (stderr.fd(), PollFlags::IN)];
            let input = (stdin.as_ref().map(AsFd::as_fd), PollFlags::OUT);
            for (fd, flags) in pipes.into_iter().chain([input]) {
                polled.extend(fd.map(|fd| PollFd::from_borrowed_fd(fd, flags)));
            }
            match poll(&mut polled, Some(&timespec(left))) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let gone = ended == Ended::ByTime && !polled[0].revents().is_empty();
            drop(polled);
            stdout.drain()?;
            stderr.drain()?;
            if let Some(pipe) = &mut stdin
                && !feed(pipe, &mut unsent)?
            {
                stdin = None;
            }
            if gone {
                ended = Ended::Itself;
                until = clock::now() + LINGER;
            }
        }
        Ok(Talk { ended, stdout: stdout.written, stderr: stderr.written })
    }
}

struct Talk {
    ended: Ended,
    stdout: Written,
    stderr: Written,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Itself,
    ByTime,
}

struct Pipe<R> {
    /// `None`: closed by all writers.
    end: Option<R>,
    cap: usize,
    written: Written,
}

impl<R: Read + AsFd> Pipe<R> {
    fn new(end: Option<R>, cap: usize) -> Self {
        Self { end, cap, written: Written::default() }
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.end.as_ref().map(AsFd::as_fd)
    }

    /// Reads what is there, but not for ever: a fast writer must not keep us from the clock.
    fn drain(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        for _ in 0..64 {
            let Some(end) = &mut self.end else { break };
            match end.read(&mut buffer) {
                Ok(0) => self.end = None,
                Ok(count) => {
                    let room = self.cap.saturating_sub(self.written.bytes.len()).min(count);
                    self.written.bytes.extend_from_slice(&buffer[..room]);
                    self.written.dropped += (count - room) as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Writes what fits. False: all is written, or nobody reads.
fn feed(pipe: &mut impl Write, unsent: &mut &[u8]) -> io::Result<bool> {
    while !unsent.is_empty() {
        match pipe.write(unsent) {
            Ok(count) => *unsent = &unsent[count..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}
