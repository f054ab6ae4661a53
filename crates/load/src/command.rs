//! A program for each request.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

use crate::sender::{Sender, Sending};
use crate::{Failure, Text};

/// A program that is started for each request, and must exit with 0. Never given to a shell.
///
/// It has no input, its output is thrown away, and it has a process group of its own, which is killed when its time
/// is over.
#[derive(Clone)]
pub struct CommandTarget {
    words: Vec<Text>,
    variables: Vec<(String, String)>,
}

pub(crate) struct Program {
    target: CommandTarget,
    seed: u64,
}

/// Kills the group of a program that was not waited for.
struct Group(Option<Pid>);

impl CommandTarget {
    /// Program and arguments; `None` without a program.
    pub fn new(words: Vec<Text>) -> Option<Self> {
        (!words.is_empty()).then_some(Self { words, variables: Vec::new() })
    }

    /// Adds a variable to its environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn seeded(self, seed: u64) -> Program {
        Program { target: self, seed }
    }
}

impl Program {
    fn start(&self, n: u64) -> Result<Child, Failure> {
        let words: Vec<String> = self.target.words.iter().map(|word| word.of(n, self.seed)).collect();
        let (program, arguments) = words.split_first().ok_or(Failure::Start)?;
        Command::new(program)
            .args(arguments)
            .envs(self.target.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|_| Failure::Start)
    }

    async fn run(&self, n: u64) -> Result<(), Failure> {
        use std::os::unix::process::ExitStatusExt;
        let mut child = self.start(n)?;
        let mut group = Group(child.id().and_then(|pid| Pid::from_raw(pid.cast_signed())));
        let status = child.wait().await.map_err(|_| Failure::Start)?;
        group.0 = None;
        match (status.code(), status.signal()) {
            (Some(0), _) => Ok(()),
            (Some(code), _) => Err(Failure::Exit(code)),
            (None, signal) => Err(Failure::Signal(signal.unwrap_or_default())),
        }
    }
}

impl Sender for Program {
    fn send(&self, n: u64) -> Sending<'_> {
        Box::pin(self.run(n))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The leader has not been waited for, so that the number is still its own.
        if let Some(pid) = self.0 {
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}
