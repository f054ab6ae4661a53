//! Processes of a test, which end with it.

use squall_host::process::Process;
use squall_host::signal::Signal;
use squall_host::spawn::{Child, Spawn};
use squall_model::id::ProcessRef;

use crate::stage::{AMPLE, until};

pub(crate) struct Guarded(pub(crate) Child);

impl Guarded {
    pub(crate) fn start(program: &str, arguments: &[&str]) -> Self {
        Self(Spawn::program(program).args(arguments.iter().copied()).start().expect("it starts"))
    }

    /// A shell that does nothing but use a core.
    pub(crate) fn busy() -> Self {
        Self::start("sh", &["-c", "while :; do :; done"])
    }

    pub(crate) fn sleeping() -> Self {
        Self::start("sleep", &["300"])
    }

    pub(crate) fn as_ref(&self) -> ProcessRef {
        let Process { pid, started } = self.0.process();
        ProcessRef { pid, started }
    }

    /// Kills it and leaves a zombie.
    pub(crate) fn kill(&self) {
        self.0.process().signal(Signal::Kill).expect("it can be killed");
        self.0.process().wait_gone(AMPLE).expect("it ends");
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.process().signal(Signal::Kill);
        let _ = self.0.wait(AMPLE);
    }
}

/// A process that somebody else started; killed at the end if it still lives.
pub(crate) struct Stranger(pub(crate) Process);

impl Stranger {
    pub(crate) fn numbered(pid: f64) -> Option<Self> {
        Process::of(pid as u32).expect("we can look").map(Self)
    }

    pub(crate) async fn is_gone(&self) {
        until("it is gone", async || !self.0.is_alive().expect("we can look")).await;
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.0.signal(Signal::Kill);
    }
}
