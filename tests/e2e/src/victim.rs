//! A process that squall did not start, with a PID file and a program that starts it again.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use squall_host::process::Process;
use squall_host::signal::Signal;

use crate::wait;

/// It sleeps until it is killed, in a session of its own.
pub struct Victim {
    /// Its own, so that its PID file is still there when it is ended.
    dir: tempfile::TempDir,
}

impl Default for Victim {
    fn default() -> Self {
        Self::start()
    }
}

impl Victim {
    /// Starts one.
    ///
    /// # Panics
    /// When it does not start.
    #[expect(clippy::disallowed_methods, reason = "tests start things to break as a person does")]
    pub fn start() -> Self {
        let victim = Self { dir: tempfile::tempdir().expect("a temporary folder") };
        let start = victim.dir.path().join("start-victim");
        // The new one is on file before its starter ends, so that a survey right after it finds it; and it is in a session
        // of its own before it is on file, since nobody touches what is in squall's own process group.
        let script = "#!/bin/sh\nrm -f \"$1\"\n\
            setsid sh -c 'echo $$ >\"$1.new\" && mv \"$1.new\" \"$1\" && exec sleep 600' sh \"$1\" </dev/null >/dev/null 2>&1 &\n\
            until [ -e \"$1\" ]; do sleep 0.01; done\n";
        std::fs::write(&start, script).expect("a file of the test");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&start, mode).expect("a file of the test");
        let status = Command::new("sh").arg(&start).arg(victim.pid_file()).stdin(Stdio::null()).status();
        assert!(status.expect("sh").success());
        victim.process();
        victim
    }

    /// Its PID file.
    pub fn pid_file(&self) -> PathBuf {
        self.dir.path().join("victim.pid")
    }

    /// The process that is it now.
    ///
    /// # Panics
    /// When there is none within five seconds.
    pub fn process(&self) -> Process {
        wait::until("the victim runs", Duration::from_secs(5), || self.find())
    }

    /// The process that is it now, if there is one.
    pub fn find(&self) -> Option<Process> {
        let pid = std::fs::read_to_string(self.pid_file()).ok()?.trim().parse().ok()?;
        Process::of(pid).ok().flatten().filter(|process| process.is_alive().unwrap_or(false))
    }

    /// It as a service of a target, for an experiment's text.
    pub fn service(&self) -> String {
        let (dir, pid_file) = (self.dir.path().display(), self.pid_file());
        let pid_file = pid_file.display();
        format!(
            "{{ find: {{ pid-file: {pid_file} }}, control: {{ start: [sh, {dir}/start-victim, {pid_file}] }} }}"
        )
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        if let Some(process) = self.find() {
            let _ = process.signal(Signal::Kill);
            let _ = process.wait_gone(Duration::from_secs(5));
        }
    }
}
