//! The descriptors of this process. The last of them are kept from connections, so that the API can be asked when
//! connections have used up all the others.
//!
//! The kernel gives the lowest number that is free (open(2)): a high one says that all below it are used.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::process::{Resource, getrlimit};

/// Whether a client may have this one, or a pipe.
pub(crate) fn are_for_clients(descriptor: impl AsFd) -> bool {
    let (limit, kept) = limit();
    descriptor.as_fd().as_raw_fd() < limit - kept
}

/// Whether a way to a server may have this one: a client that was taken shall reach its server too.
pub(crate) fn are_for_servers(descriptor: impl AsFd) -> bool {
    let (limit, kept) = limit();
    descriptor.as_fd().as_raw_fd() < limit - kept / 2
}

/// How many there can be, and how many of those are kept. Asked each time, since a program may raise its limit.
fn limit() -> (RawFd, RawFd) {
    let limit = getrlimit(Resource::Nofile).current.and_then(|most| RawFd::try_from(most).ok());
    let limit = limit.unwrap_or(RawFd::MAX);
    (limit, (limit / 8).clamp(8, 256))
}

/// Whether there is one for a client now. `any` is any descriptor.
pub(crate) fn have_room(any: impl AsFd) -> bool {
    fcntl_dupfd_cloexec(any, 0).is_ok_and(are_for_clients)
}

/// What the kernel says when none is left.
pub(crate) fn used_up() -> io::Error {
    Errno::MFILE.into()
}
