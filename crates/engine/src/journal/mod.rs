//! The journal: what a run owes the machine, on disk before the machine is touched.
//!
//! One line an entry: CRC-32 of the rest in hexadecimal, a blank, JSON. Lines are only ever added, each with one
//! `write` and, where something depends on it, one `fdatasync`. A line that was torn by a crash cannot be the undo of
//! a change that was made: the change waits for the line to be durable.
//!
//! While a run is alive it holds a lock (flock(2)) on its journal; whoever gets the lock knows that the run is dead,
//! and may settle what it owes.

mod entry;
mod ledger;
#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FallocateFlags, FlockOperation};
use squall_model::event::FaultRef;
use squall_model::undo::Undo;

pub use self::entry::{Entry, Opened, Settler};
pub use self::ledger::{Debt, Ledger};

/// Space reserved ahead, so that what was owed can be noted as settled on a full disk too.
const RESERVED: u64 = 256 * 1024;

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    last: u32,
    settler: Settler,
}

/// The proof that an undo is on disk. A [`crate::change::Change`] cannot be made without one, and only
/// [`Journal::owe`] gives them out.
///
/// ```compile_fail
/// let receipt = squall_engine::journal::Receipt { number: 1 };
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Receipt {
    number: u32,
}

/// Something could not be done with a journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It could not be made or opened.
    #[error("open the journal {path}")]
    Open {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It could not be read.
    #[error("read the journal {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It could not be written; nothing may be changed then.
    #[error("write the journal {path}")]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its run is alive.
    #[error("take over the journal {path}: its run is alive")]
    Held {
        /// Which.
        path: PathBuf,
    },
}

impl Receipt {
    /// The number of the debt.
    pub fn number(&self) -> u32 {
        self.number
    }
}

impl Journal {
    /// Makes the journal of a new run and holds it.
    pub fn create(path: &Path, opened: Opened) -> Result<Self, JournalError> {
        let open = |source| JournalError::Open { path: path.to_owned(), source };
        let file = OpenOptions::new().append(true).create_new(true).read(true).open(path).map_err(open)?;
        let mut journal = Self { file, path: path.to_owned(), last: 0, settler: Settler::Run };
        journal.lock()?;
        journal.reserve().map_err(open)?;
        journal.write(&Entry::Opened(opened), Durable::Yes)?;
        if let Some(folder) = path.parent() {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(open)?;
        }
        Ok(journal)
    }

    /// Takes over the journal of a dead run, waiting up to `patience` for the last of it to go.
    pub fn take_over(
        path: &Path,
        settler: Settler,
        patience: Duration,
    ) -> Result<(Self, Ledger), JournalError> {
        let file = OpenOptions::new()
            .append(true)
            .read(true)
            .open(path)
            .map_err(|source| JournalError::Open { path: path.to_owned(), source })?;
        let mut journal = Self { file, path: path.to_owned(), last: 0, settler };
        let until = squall_host::clock::since_boot() + patience;
        while let Err(error) = journal.lock() {
            if squall_host::clock::since_boot() >= until {
                return Err(error);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let ledger = journal.read()?;
        journal.last = ledger.last();
        if !ledger.is_closed() {
            // What follows a torn line must not be glued to it, and a line that was torn right before its end must
            // not come to life.
            let mut line = Vec::new();
            if ledger.is_torn() {
                line.extend(b" torn\n");
            }
            line.extend(Entry::TakenOver { by: settler }.line());
            // A journal that cannot be written (a full disk) must not keep anybody from undoing.
            let _ = journal.write_bytes(&line, Durable::No);
        }
        Ok((journal, ledger))
    }

    /// Reads a journal without holding it.
    pub fn peek(path: &Path) -> Result<Ledger, JournalError> {
        let bytes =
            std::fs::read(path).map_err(|source| JournalError::Read { path: path.to_owned(), source })?;
        Ok(Ledger::read(&bytes))
    }

    /// Whether somebody holds it: its run, or whoever settles it.
    pub fn is_held(path: &Path) -> Result<bool, JournalError> {
        let file = File::open(path).map_err(|source| JournalError::Open { path: path.to_owned(), source })?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(false),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(true),
            Err(errno) => Err(JournalError::Open { path: path.to_owned(), source: errno.into() }),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Notes an undo, durably. `deadline` is a time since boot.
    pub fn owe(
        &mut self,
        fault: Option<&FaultRef>,
        undo: &Undo,
        deadline: Option<Duration>,
    ) -> Result<Receipt, JournalError> {
        let number = self.last + 1;
        let debt = Debt { number, fault: fault.cloned(), undo: undo.clone(), deadline };
        self.write(&Entry::Owed(debt), Durable::Yes)?;
        self.last = number;
        Ok(Receipt { number })
    }

    /// Notes that an undo was carried out and measured.
    pub fn settle(&mut self, number: u32, proof: &str) -> Result<(), JournalError> {
        let by = self.settler;
        self.write(&Entry::Settled { number, by, proof: proof.to_owned() }, Durable::No)
    }

    /// Notes that an undo failed; it stays owed.
    pub fn fail(&mut self, number: u32, why: &str) -> Result<(), JournalError> {
        self.write(&Entry::Failed { number, by: self.settler, why: why.to_owned() }, Durable::No)
    }

    /// Notes that the run is being halted, for whoever waits for that.
    pub fn halting(&mut self) -> Result<(), JournalError> {
        self.write(&Entry::Halting {}, Durable::No)
    }

    /// Notes that nothing is owed any more.
    pub fn close(&mut self) -> Result<(), JournalError> {
        self.write(&Entry::Closed {}, Durable::Yes)
    }

    /// Reads it from its beginning.
    pub fn read(&mut self) -> Result<Ledger, JournalError> {
        let read = |source| JournalError::Read { path: self.path.clone(), source };
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(0)).map_err(read)?;
        self.file.read_to_end(&mut bytes).map_err(read)?;
        Ok(Ledger::read(&bytes))
    }

    fn lock(&self) -> Result<(), JournalError> {
        match rustix::fs::flock(&self.file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(()),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(JournalError::Held { path: self.path.clone() }),
            Err(errno) => Err(JournalError::Open { path: self.path.clone(), source: errno.into() }),
        }
    }

    /// Not every filesystem can reserve; those that cannot are written without.
    fn reserve(&self) -> io::Result<()> {
        match rustix::fs::fallocate(&self.file, FallocateFlags::KEEP_SIZE, 0, RESERVED) {
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    fn write(&mut self, entry: &Entry, durable: Durable) -> Result<(), JournalError> {
        self.write_bytes(&entry.line(), durable)
    }

    fn write_bytes(&mut self, bytes: &[u8], durable: Durable) -> Result<(), JournalError> {
        let write = |source| JournalError::Write { path: self.path.clone(), source };
        // One write for the whole line: a short one leaves a torn line, which is an error here and nothing later.
        let written = self.file.write(bytes).map_err(write)?;
        if written < bytes.len() {
            let source = io::Error::new(io::ErrorKind::StorageFull, "only a part of the line was written");
            return Err(JournalError::Write { path: self.path.clone(), source });
        }
        if durable == Durable::Yes {
            self.file.sync_data().map_err(write)?;
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Durable {
    Yes,
    No,
}
