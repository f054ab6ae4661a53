//! Tasks: threads that sleep. The kernel counts them like processes, and they need no reaping.

use std::io;
use std::thread;

use super::{End, Held, Hold, Measured, StressError};
use crate::process::Process;

struct Sleepers;

impl Hold for Sleepers {}

pub(super) fn take(count: u64) -> Result<Held, StressError> {
    let before = u64::from(Process::current()?.threads()?);
    let mut end = End::Asked;
    for _ in 0..count {
        let sleeper = thread::Builder::new().stack_size(16 * 1024).spawn(|| {
            loop {
                thread::park();
            }
        });
        match sleeper {
            Ok(_) => {}
            // EAGAIN: a limit of the group, of the user or of the machine.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                end = End::Exhausted;
                break;
            }
            Err(source) => return Err(StressError::Take { what: "a task", source }),
        }
    }
    let held = u64::from(Process::current()?.threads()?).saturating_sub(before);
    if end == End::Asked && held < count {
        return Err(StressError::NoEffect { what: "tasks", measured: held, wanted: count });
    }
    Ok((Box::new(Sleepers), Measured::Tasks { count: held, end }))
}
