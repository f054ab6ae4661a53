//! Starting programs that live long: services, stressors, the warden.

mod child;
mod thread;

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

pub use child::Child;

use crate::cgroup::Group;
use crate::mark;
use crate::process::ProcessError;
use crate::sys::{BeforeExec, Leash, NewSession, before_exec};

/// A program to start: by default with nothing on stdin, stdout and stderr, in a process group of
/// its own, and killed by the kernel when we end.
#[derive(Debug)]
pub struct Spawn {
    program: OsString,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    directory: Option<PathBuf>,
    stdin: Input,
    stdout: Output,
    stderr: Output,
    mark: Option<String>,
    standing: Standing,
    life: Life,
    oom_score_adj: Option<i16>,
    groups: Vec<PathBuf>,
}

/// What a program reads.
#[derive(Debug, Default)]
pub enum Input {
    /// Nothing: the end at once.
    #[default]
    Nothing,
    /// This descriptor, for example the end of a pipe.
    Descriptor(OwnedFd),
}

/// Where a program writes to.
#[derive(Debug, Default)]
pub enum Output {
    /// Nowhere.
    #[default]
    Nowhere,
    /// To the end of this file, which is created when missing.
    File(PathBuf),
    /// To a pipe that we read, see [`Child::take_stdout`].
    Pipe,
    /// Where we write to.
    Ours,
}

/// What a program belongs to, credentials(7).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Standing {
    /// A new process group: signals of our terminal do not reach it.
    #[default]
    OwnGroup,
    /// A new session: it has no terminal either.
    OwnSession,
    /// Our process group.
    OurGroup,
}

/// What happens to a program when we end, in whatever way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Life {
    /// The kernel kills it, prctl(2) PR_SET_PDEATHSIG. Its own children are not reached by that.
    #[default]
    EndsWithUs,
    /// It goes on.
    Outlives,
}

/// Why a program could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The program is missing, not executable, or the rights were not enough.
    #[error("start {program}")]
    Start {
        /// What was to be started.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The file for its output.
    #[error("open {path} for the output of {program}")]
    Output {
        /// What was to be started.
        program: String,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The group that it should enter.
    #[error("open {path} to put {program} in")]
    Group {
        /// What was to be started.
        program: String,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A text that the kernel cannot carry in an environment.
    #[error("mark a process with `{mark}`: a mark is not empty and has no zero byte")]
    Mark {
        /// The text.
        mark: String,
    },
    /// The thread that starts programs.
    #[error("start the thread that starts programs")]
    Thread {
        /// Why.
        source: io::Error,
    },
    /// It was started, but could not be looked at.
    #[error("look at {program} after its start")]
    Look {
        /// What was started.
        program: String,
        /// Why.
        source: ProcessError,
    },
    /// Waiting for its end.
    #[error("wait for process {pid}")]
    Wait {
        /// Its number.
        pid: u32,
        /// Why.
        source: io::Error,
    },
}

impl Spawn {
    /// Starts with this program: a path, or a name that is looked up in PATH.
    pub fn program(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            directory: None,
            stdin: Input::default(),
            stdout: Output::default(),
            stderr: Output::default(),
            mark: None,
            standing: Standing::default(),
            life: Life::default(),
            oom_score_adj: None,
            groups: Vec::new(),
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

    /// Runs it in this directory instead of ours.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Says what it reads.
    #[must_use]
    pub fn stdin(mut self, stdin: Input) -> Self {
        self.stdin = stdin;
        self
    }

    /// Says where its stdout goes.
    #[must_use]
    pub fn stdout(mut self, stdout: Output) -> Self {
        self.stdout = stdout;
        self
    }

    /// Says where its stderr goes.
    #[must_use]
    pub fn stderr(mut self, stderr: Output) -> Self {
        self.stderr = stderr;
        self
    }

    /// Marks it and everything that it starts, see [`mark`](crate::mark).
    #[must_use]
    pub fn mark(mut self, mark: impl Into<String>) -> Self {
        self.mark = Some(mark.into());
        self
    }

    /// Says what it belongs to.
    #[must_use]
    pub fn standing(mut self, standing: Standing) -> Self {
        self.standing = standing;
        self
    }

    /// Says what happens to it when we end.
    #[must_use]
    pub fn life(mut self, life: Life) -> Self {
        self.life = life;
        self
    }

    /// Sets how gladly the kernel kills it when memory runs out, -1000 (never) to 1000 (first);
    /// proc_pid_oom_score_adj(5). Less than ours needs CAP_SYS_RESOURCE.
    #[must_use]
    pub fn oom_score_adj(mut self, adjustment: i16) -> Self {
        self.oom_score_adj = Some(adjustment);
        self
    }

    /// Has it enter a group before its first instruction. The group must have been created.
    #[must_use]
    pub fn group(mut self, group: &Group) -> Self {
        self.groups.extend(group.places.iter().map(|place| place.file("cgroup.procs")));
        self
    }

    /// Starts it. When this returns, the program runs (its exec succeeded).
    pub fn start(self) -> Result<Child, SpawnError> {
        let program = self.program.to_string_lossy().into_owned();
        let mut command = self.command(&program)?;
        let started = thread::run(move || command.spawn())?;
        let child = started.map_err(|source| SpawnError::Start { program: program.clone(), source })?;
        Child::new(child).map_err(|source| SpawnError::Look { program, source })
    }

    fn command(self, program: &str) -> Result<Command, SpawnError> {
        #[expect(clippy::disallowed_methods, reason = "the one place for long-lived programs")]
        let mut command = Command::new(&self.program);
        command
            .args(self.arguments)
            .envs(self.environment)
            .stdin(match self.stdin {
                Input::Nothing => Stdio::null(),
                Input::Descriptor(descriptor) => descriptor.into(),
            })
            .stdout(self.stdout.stdio(program)?)
            .stderr(self.stderr.stdio(program)?);
        if let Some(directory) = self.directory {
            command.current_dir(directory);
        }
        if let Some(mark) = self.mark {
            if mark.is_empty() || mark.contains('\0') {
                return Err(SpawnError::Mark { mark });
            }
            command.env(mark::VARIABLE, mark);
        }
        if self.standing == Standing::OwnGroup {
            command.process_group(0);
        }
        let enter = |path: PathBuf| match OpenOptions::new().write(true).open(&path) {
            Ok(file) => Ok(file.into()),
            Err(source) => Err(SpawnError::Group { program: program.into(), path, source }),
        };
        let groups = self.groups.into_iter().map(enter).collect::<Result<_, _>>()?;
        before_exec(
            &mut command,
            BeforeExec {
                session: (self.standing == Standing::OwnSession).then_some(NewSession),
                leash: (self.life == Life::EndsWithUs).then_some(Leash),
                oom_score_adj: self.oom_score_adj.map(|adjustment| adjustment.to_string()),
                groups,
            },
        );
        Ok(command)
    }
}

impl Output {
    fn stdio(self, program: &str) -> Result<Stdio, SpawnError> {
        Ok(match self {
            Self::Nowhere => Stdio::null(),
            Self::Pipe => Stdio::piped(),
            Self::Ours => Stdio::inherit(),
            Self::File(path) => append(&path)
                .map_err(|source| SpawnError::Output { program: program.into(), path, source })?
                .into(),
        })
    }
}

fn append(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}
