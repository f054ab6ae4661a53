//! Waiting for a descriptor that tokio has no type for: a timer, a listening socket whose connections go elsewhere.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::task::{Context, Poll};

use tokio::io::Interest;
use tokio::net::UnixStream;

/// A descriptor in the epoll set of the runtime it was made in.
///
/// tokio's `AsyncFd` can only be made by unsafe code. A `UnixStream` can be made of any owned descriptor by safe code,
/// and registers it the same way; nothing that is special to a Unix stream is ever called.
#[derive(Debug)]
pub(crate) struct Watched(UnixStream);

impl Watched {
    /// Watches a descriptor, which must not block.
    pub(crate) fn new(descriptor: OwnedFd) -> io::Result<Self> {
        UnixStream::from_std(StdUnixStream::from(descriptor)).map(Self)
    }

    /// Ready when there may be something to read.
    pub(crate) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_read_ready(context)
    }

    /// Does something that reads; when it would block, the descriptor no longer counts as readable.
    pub(crate) fn read_with<R>(&self, read: impl FnOnce(BorrowedFd<'_>) -> io::Result<R>) -> io::Result<R> {
        self.0.try_io(Interest::READABLE, || read(self.0.as_fd()))
    }
}

impl AsFd for Watched {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
