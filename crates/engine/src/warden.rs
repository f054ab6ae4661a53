//! The warden: a small process that pays what a run owes when the run cannot.
//!
//! ```text
//!   run --pipe--> warden       a byte: the journal has grown; the end of the pipe: the run is gone
//! ```
//!
//! It is started before the first change, in a session of its own, and outlives the run. While the run is alive it
//! only watches deadlines: a debt that is overdue (the run is stopped, or hangs) is paid, though the run stays
//! answerable for it. When the run is gone it pays everything.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use squall_host::clock;
use squall_host::machine::{self, MachineError};
use squall_host::spawn::{Child, Input, Life, Spawn, SpawnError, Standing};

use crate::filling::Filling;
use crate::journal::{Journal, JournalError, Settler};
use crate::settle::{self, Settled};
use crate::undo::{self, Lives};

/// A run's hold on its warden.
#[derive(Debug)]
pub struct Warden {
    pipe: File,
    child: Child,
}

/// A warden could not be kept, or could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum WardenError {
    /// The pipe to it.
    #[error("make a pipe to the warden")]
    Pipe(#[source] io::Error),
    /// Its process.
    #[error("start the warden")]
    Start(#[source] SpawnError),
    /// The journal.
    #[error("settle what the run owes")]
    Journal(#[from] JournalError),
    /// The boot id.
    #[error("tell this boot from others")]
    Boot(#[from] MachineError),
}

/// The run itself undoes at its deadline; the warden only when that has not happened so much later.
const GRACE: Duration = Duration::from_millis(1500);
/// It looks at the journal once more.
const GOES_WITHIN: Duration = Duration::from_millis(500);
/// The last thread of a killed run may hold the lock for a moment.
const TAKE_OVER_WITHIN: Duration = Duration::from_secs(10);

impl Warden {
    /// Starts the warden of a journal. `squall` is a binary whose `__warden PATH` command calls [`main`].
    pub fn start(squall: &Path, journal: &Path) -> Result<Self, WardenError> {
        let (theirs, ours) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
            .map_err(|errno| WardenError::Pipe(errno.into()))?;
        let child = Spawn::program(squall)
            .args([PathBuf::from("__warden").as_os_str(), journal.as_os_str()])
            .stdin(Input::Descriptor(theirs))
            .standing(Standing::OwnSession)
            .life(Life::Outlives)
            .directory("/")
            .start()
            .map_err(WardenError::Start)?;
        Ok(Self { pipe: File::from(ours), child })
    }

    /// Says that the journal has grown. An error means that the warden is gone.
    pub fn poke(&mut self) -> io::Result<()> {
        self.pipe.write_all(b".")
    }

    /// Lets it go when nothing is owed any more, and waits for its end.
    pub fn dismiss(self) {
        drop(self.pipe);
        let mut child = self.child;
        // One that does not end has no harm to do: the journal is closed.
        let _ = child.wait(GOES_WITHIN);
    }

    /// Its process.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }
}

/// The warden's whole life. Returns what it settled when the run is gone.
pub fn main(journal: &Path, stdin: OwnedFd, filling: &Filling) -> Result<Vec<Settled>, WardenError> {
    watch(journal, File::from(stdin), filling)?;
    if Journal::peek(journal)?.is_closed() {
        return Ok(Vec::new());
    }
    let (mut journal, ledger) = Journal::take_over(journal, Settler::Warden, TAKE_OVER_WITHIN)?;
    if ledger.is_closed() {
        return Ok(Vec::new());
    }
    Ok(settle::all(&mut journal, &ledger, &machine::boot_id()?, filling)?)
}

/// Until the run is gone: pays what is overdue.
fn watch(journal: &Path, mut pipe: File, filling: &Filling) -> Result<(), WardenError> {
    let mut paid: Vec<u32> = Vec::new();
    loop {
        let ledger = Journal::peek(journal)?;
        let now = clock::since_boot();
        let mut next: Option<Duration> = None;
        for debt in ledger.owed() {
            let Some(due) = debt.deadline.map(|deadline| deadline + GRACE) else { continue };
            if paid.contains(&debt.number) {
                continue;
            }
            if due <= now {
                // Whether it worked is seen again when the run is gone; the run stays answerable.
                let _ = undo::execute(&debt.undo, filling, Lives::Run);
                paid.push(debt.number);
            } else {
                next = Some(next.map_or(due, |next| next.min(due)));
            }
        }
        let timeout =
            next.map(|next| Timespec::try_from(next.saturating_sub(clock::since_boot())).unwrap_or_default());
        let mut ready = [PollFd::new(&pipe, PollFlags::IN)];
        match poll(&mut ready, timeout.as_ref()) {
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => {}
            Err(errno) => return Err(WardenError::Pipe(errno.into())),
        }
        let mut bytes = [0; 256];
        if pipe.read(&mut bytes).map_err(WardenError::Pipe)? == 0 {
            return Ok(());
        }
    }
}
