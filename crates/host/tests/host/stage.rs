//! What every test needs: actors that are gone when the test is, also when it fails.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use squall_host::clock;
use squall_host::mark;
use squall_host::process::Process;
use squall_host::spawn::{Child, Spawn};

/// Long enough for a busy machine, short enough to notice.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A mark or a name that no other test uses.
pub(crate) fn unique(stem: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("test-{stem}-{}-{number}", std::process::id())
}

/// Looks until there is something to see.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = clock::now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(clock::now() < end, "never saw: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A started program; it and everything that it has started are killed at the end.
pub(crate) struct Actor {
    pub(crate) child: Child,
    pub(crate) mark: String,
}

impl Actor {
    pub(crate) fn start(spawn: Spawn) -> Self {
        let mark = unique("actor");
        let child = spawn.mark(&mark).start().unwrap();
        Self { child, mark }
    }

    pub(crate) fn sleeping() -> Self {
        Self::start(Spawn::program("sleep").arg("300"))
    }

    pub(crate) fn shell(script: &str) -> Self {
        Self::start(shell(script))
    }

    pub(crate) fn process(&self) -> Process {
        self.child.process()
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        let proof = mark::kill_marked(&self.mark, PATIENCE);
        let _ = self.child.wait(PATIENCE);
        settle(&proof);
    }
}

/// A failing clean-up fails the test, unless it fails already.
pub(crate) fn settle<T: Debug, E: Debug>(cleaned: &Result<T, E>) {
    if !std::thread::panicking() {
        assert!(cleaned.is_ok(), "could not clean up: {cleaned:?}");
    }
}

pub(crate) fn shell(script: &str) -> Spawn {
    Spawn::program("sh").args(["-c", script])
}

/// This test binary in one of the roles below.
pub(crate) fn role(name: &str) -> Spawn {
    Spawn::program(std::env::current_exe().unwrap()).args(ROLE_ARGUMENTS).env(ROLE, name)
}

pub(crate) const ROLE: &str = "SQUALL_TEST_ROLE";
pub(crate) const ROLE_ARGUMENTS: [&str; 4] = ["--exact", "stage::play", "--ignored", "--nocapture"];

/// Only plays when it is told which role.
#[test]
#[ignore = "a role for the other tests, started by them"]
fn play() {
    match variable(ROLE).as_deref() {
        Some("stress") => crate::stress::play(&variable("ORDER").unwrap()),
        Some("parent") => crate::spawn::play(),
        Some("stranger") => crate::find::play(&variable("PORT").unwrap()),
        Some("blind") => crate::find::play_blind(),
        Some("layman") => crate::capability::play(),
        Some(other) => panic!("no role {other}"),
        None => {}
    }
}

#[expect(clippy::disallowed_methods, reason = "tests have no settings: this is their one place")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Whether we are root. In CI nothing may be skipped.
pub(crate) fn require_root() -> bool {
    if rustix::process::geteuid().is_root() {
        return true;
    }
    assert!(variable("CI").is_none(), "this test needs root, and in CI nothing may be skipped");
    println!("SKIP: needs root");
    false
}

/// Whether a program is there that a test needs besides a shell.
pub(crate) fn require(program: &str) -> bool {
    let paths = variable("PATH").unwrap();
    if std::env::split_paths(&paths).any(|path| path.join(program).exists()) {
        return true;
    }
    assert!(variable("CI").is_none(), "this test needs {program}, and in CI nothing may be skipped");
    println!("SKIP: needs {program}");
    false
}
