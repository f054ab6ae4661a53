//! A program under a supervisor that starts it again whenever it ends, and keeps its PID file.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use squall_host::process::Process;

use crate::wait;

/// The program dies with its supervisor, and the supervisor with the test.
const SUPERVISOR: &str = "\
pid_file=$1; shift
while :; do
  setpriv --pdeathsig KILL -- \"$@\" </dev/null >/dev/null 2>&1 &
  echo $! > \"$pid_file.new\" && mv \"$pid_file.new\" \"$pid_file\"
  wait $!
  sleep 0.1
done
";

/// The supervisor, the program and its children are one process group, which ends when this goes.
pub struct Supervised {
    supervisor: Child,
    pid_file: PathBuf,
}

impl Supervised {
    /// Starts it, with its PID file in `dir`.
    ///
    /// # Panics
    /// When the supervisor does not start.
    #[expect(clippy::disallowed_methods, reason = "tests start things to break as an operator does")]
    pub fn start(dir: &Path, name: &str, argv: &[String]) -> Self {
        let pid_file = dir.join(format!("{name}.pid"));
        let supervisor = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", "sh", "-c", SUPERVISOR, "supervisor"])
            .arg(&pid_file)
            .args(argv)
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        Self { supervisor: supervisor.expect("setpriv, of util-linux"), pid_file }
    }

    /// The PID file.
    pub fn pid_file(&self) -> &Path {
        &self.pid_file
    }

    /// The process that runs now.
    ///
    /// # Panics
    /// When there is none within ten seconds.
    pub fn process(&self) -> Process {
        wait::until("the supervised program runs", Duration::from_secs(10), || self.find())
    }

    /// The process that runs now, if there is one.
    pub fn find(&self) -> Option<Process> {
        let pid = std::fs::read_to_string(&self.pid_file).ok()?.trim().parse().ok()?;
        Process::of(pid).ok().flatten().filter(|process| process.is_alive().unwrap_or(false))
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        if let Some(group) = Pid::from_raw(self.supervisor.id().cast_signed()) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.supervisor.wait();
    }
}
