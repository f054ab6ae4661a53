//! Signals that end a run: the first gently, a second Ctrl-C at once. Either way everything is undone.

use std::io;

use squall_engine::driver::Halting;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::UnboundedSender;

/// The signals that are listened to.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
    quit: Signal,
}

impl Signals {
    /// Starts to listen: from here on none of them ends this process by itself.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            quit: signal(SignalKind::quit())?,
        })
    }

    /// The name of the next one.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.hang_up.recv() => "SIGHUP",
            _ = self.quit.recv() => "SIGQUIT",
        }
    }

    /// Hands them to a run for as long as it is polled.
    pub(crate) async fn hand_to(mut self, run: UnboundedSender<Halting>) {
        let mut interrupts = 0_u32;
        loop {
            let by = self.next().await;
            interrupts += u32::from(by == "SIGINT");
            let by = by.to_owned();
            let asked = if interrupts > 1 { Halting::Now { by } } else { Halting::Gently { by } };
            if run.send(asked).is_err() {
                // The run is over and listens no more.
                return;
            }
        }
    }
}
