//! A real terminal: tmux, with a server of the test's own.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::binary;
use crate::wait;

/// A terminal in which a shell has started a program. Closed when it goes.
pub struct Terminal {
    /// Its own: a server that is on its way out still holds the socket before.
    dir: tempfile::TempDir,
}

const SOON: Duration = Duration::from_secs(15);

impl Terminal {
    /// Runs a command line in a new terminal of 120 by 40, in `dir`, with the state folder `home` below it. `squall`
    /// stands for the binary under test.
    ///
    /// # Panics
    /// When tmux does not start.
    pub fn run(dir: &Path, line: &str) -> Self {
        let terminal = Self { dir: tempfile::tempdir().expect("a temporary folder") };
        let squall = binary::path().display().to_string();
        let line = format!(
            "cd '{}' && SQUALL_HOME='{}' {}; echo EXIT $?; sleep 60",
            dir.display(),
            dir.join("home").display(),
            line.replace("squall", &squall)
        );
        let output = terminal.tmux(&["new-session", "-d", "-x", "120", "-y", "40", &line]);
        assert!(output.status.success(), "tmux: {}", binary::said(&output));
        terminal
    }

    #[expect(clippy::disallowed_methods, reason = "tests start things as a person does")]
    fn tmux(&self, arguments: &[&str]) -> Output {
        Command::new("tmux")
            .arg("-S")
            .arg(self.dir.path().join("tmux"))
            .args(["-f", "/dev/null"])
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("tmux, which ./test installs")
    }

    /// What can be read on it now.
    pub fn screen(&self) -> String {
        String::from_utf8_lossy(&self.tmux(&["capture-pane", "-p"]).stdout).into_owned()
    }

    /// Waits until a text can be read, and gives the screen.
    ///
    /// # Panics
    /// When it does not come in time.
    pub fn await_text(&self, text: &str) -> String {
        wait::until(&format!("`{text}` on the screen"), SOON, || {
            let screen = self.screen();
            screen.contains(text).then_some(screen)
        })
    }

    /// Presses keys, in tmux's words for them: `Enter`, `C-c`.
    pub fn press(&self, keys: &[&str]) {
        let mut arguments = vec!["send-keys"];
        arguments.extend(keys);
        self.tmux(&arguments);
    }

    /// Closes it, as a person closes a window.
    pub fn close(&self) {
        self.tmux(&["kill-server"]);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.close();
    }
}
