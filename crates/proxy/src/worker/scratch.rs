//! The one read buffer of a thread. What is read goes on at once, so that an idle connection needs no buffer.

use std::cell::RefCell;

/// Bytes that one read takes at most.
pub(crate) const SIZE: usize = 64 * 1024;

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; SIZE].into_boxed_slice());
}

/// Lends the buffer. It must not be asked for again within.
pub(crate) fn with_scratch<R>(work: impl FnOnce(&mut [u8]) -> R) -> R {
    SCRATCH.with_borrow_mut(|buffer| work(buffer))
}
