//! Pipes that carry bulk data from socket to socket within the kernel (splice(2)).

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

use crate::descriptors;

/// Bytes that a pipe holds. Also the most that one connection has in the kernel on our account.
const CAPACITY: usize = 1024 * 1024;

/// Empty pipes that a thread keeps for the next one who needs one.
const SPARE: usize = 16;

thread_local! {
    static SPARES: RefCell<Vec<(OwnedFd, OwnedFd, usize)>> = const { RefCell::new(Vec::new()) };
}

/// A pipe with some bytes in it.
#[derive(Debug)]
pub(crate) struct Pipe {
    ends: Option<(OwnedFd, OwnedFd)>,
    capacity: usize,
    held: usize,
}

impl Pipe {
    /// An empty pipe.
    ///
    /// # Errors
    /// When no descriptor is to be had; then bytes are copied.
    pub(crate) fn take() -> io::Result<Self> {
        if let Some((out, into, capacity)) = SPARES.with_borrow_mut(Vec::pop) {
            return Ok(Self { ends: Some((out, into)), capacity, held: 0 });
        }
        let (out, into) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC)?;
        if !descriptors::are_for_clients(&out) || !descriptors::are_for_clients(&into) {
            return Err(descriptors::used_up());
        }
        // The user's share of pipe memory may be used up; the default of 64 KiB does too.
        let capacity = fcntl_setpipe_size(&into, CAPACITY).unwrap_or(64 * 1024);
        Ok(Self { ends: Some((out, into)), capacity, held: 0 })
    }

    /// Bytes in it.
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    /// Moves bytes from a socket into it while it is empty; 0 is the end of the socket.
    ///
    /// Only while it is empty: a pipe may have no room before its bytes say so (a page can hold one byte), and "would
    /// block" must mean that the socket has nothing.
    pub(crate) fn fill(&mut self, from: impl AsFd) -> io::Result<usize> {
        let (_, into) = self.ends.as_ref().expect("a pipe has its ends until it is dropped");
        let moved = splice(from, None, into, None, self.capacity, SpliceFlags::NONBLOCK | SpliceFlags::MOVE)?;
        self.held += moved;
        Ok(moved)
    }

    /// Moves bytes out of it into a socket.
    pub(crate) fn empty(&mut self, to: impl AsFd) -> io::Result<usize> {
        let (out, _) = self.ends.as_ref().expect("a pipe has its ends until it is dropped");
        let moved = splice(out, None, to, None, self.held, SpliceFlags::NONBLOCK | SpliceFlags::MOVE)?;
        self.held -= moved;
        Ok(moved)
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // One with bytes in it would give them to the next connection.
        if self.held == 0
            && let Some((out, into)) = self.ends.take()
        {
            let _ = SPARES.try_with(|spares| {
                if let Ok(mut spares) = spares.try_borrow_mut()
                    && spares.len() < SPARE
                {
                    spares.push((out, into, self.capacity));
                }
            });
        }
    }
}
