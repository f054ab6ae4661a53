//! Memory: every page is written, so the kernel has to provide it.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use super::{Held, Hold, Measured, StressError};
use crate::clock;
use crate::process::facts::status_field;
use crate::process::{Process, ProcessError};

/// How much is taken at a time.
const CHUNK: u64 = 4 << 20;

/// How much of what was written must be seen in use. The rest may be what we gave back meanwhile.
const LEAST_SHARE: f64 = 0.95;

struct Taken {
    chunks: Vec<Vec<u8>>,
    before: u64,
    bytes: u64,
}

/// `None`: the deadline came before the end of the ramp.
pub(super) fn take(bytes: u64, ramp: Duration, end: Instant) -> Result<Option<Held>, StressError> {
    if bytes == 0 {
        return Err(StressError::Order { why: "at least one byte of memory is needed" });
    }
    let begin = clock::now();
    let mut chunks = Vec::new();
    let before = in_use()?;
    let mut taken = 0;
    while taken < bytes {
        let size = (bytes - taken).min(CHUNK);
        let due = begin + ramp.mul_f64(taken as f64 / bytes as f64);
        let now = clock::now();
        if due.max(now) >= end {
            thread::sleep(end.saturating_duration_since(now));
            return Ok(None);
        }
        thread::sleep(due.saturating_duration_since(now));
        chunks.push(chunk(size, chunks.len())?);
        taken += size;
    }
    let left = end.min(begin + ramp).saturating_duration_since(clock::now());
    thread::sleep(left);
    let hold = Taken { chunks, before, bytes };
    let measured = in_use()?.saturating_sub(before);
    if (measured as f64) < bytes as f64 * LEAST_SHARE {
        return Err(StressError::NoEffect { what: "bytes of memory", measured, wanted: bytes });
    }
    Ok(Some((Box::new(hold), Measured::Memory { bytes: measured })))
}

impl Hold for Taken {
    /// Pages that were thrown out are brought back; as long as none is, nothing is touched.
    fn tend(&mut self) -> Result<(), StressError> {
        let resident = Process::current()?.resident_bytes()?.saturating_sub(self.before);
        if (resident as f64) < self.bytes as f64 * LEAST_SHARE {
            for chunk in &mut self.chunks {
                for page in chunk.iter_mut().step_by(rustix::param::page_size()) {
                    *page = page.wrapping_add(1);
                }
            }
        }
        Ok(())
    }
}

/// Chunks differ, so that the kernel cannot merge equal pages between them.
fn chunk(size: u64, number: usize) -> Result<Vec<u8>, StressError> {
    let none = || StressError::Take { what: "memory", source: io::ErrorKind::OutOfMemory.into() };
    let size = usize::try_from(size).map_err(|_| none())?;
    let mut chunk = Vec::new();
    chunk.try_reserve_exact(size).map_err(|_| none())?;
    chunk.resize(size, (number % 255) as u8 + 1);
    Ok(chunk)
}

/// In RAM and swapped out, in bytes.
fn in_use() -> Result<u64, StressError> {
    let own = Process::current()?;
    let status = own.text("status")?;
    let field = |name| {
        let text = status_field(&status, name)?.strip_suffix(" kB")?;
        text.trim().parse::<u64>().ok()
    };
    let missing = || ProcessError::Malformed { pid: own.pid, what: "status" };
    // A kernel without swap has no second line.
    let kilobytes = field("VmRSS").ok_or_else(missing)? + field("VmSwap").unwrap_or_default();
    Ok(kilobytes * 1024)
}
