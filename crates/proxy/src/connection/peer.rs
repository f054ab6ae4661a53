//! One end of a connection: a TCP or a Unix socket.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::net::{RecvFlags, SendFlags, recv, send};
use tokio::io::{AsyncWrite, Interest, Ready};
use tokio::net::{TcpStream, UnixStream};

use crate::worker::Pipe;

/// A connected socket.
#[derive(Debug)]
pub(crate) enum Peer {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Peer {
    /// Does something as soon as it can be done without waiting.
    fn poll_io<R>(
        &self,
        context: &mut Context<'_>,
        interest: Interest,
        mut work: impl FnMut(BorrowedFd<'_>) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        loop {
            ready!(match (self, interest == Interest::READABLE) {
                (Self::Tcp(stream), true) => stream.poll_read_ready(context),
                (Self::Tcp(stream), false) => stream.poll_write_ready(context),
                (Self::Unix(stream), true) => stream.poll_read_ready(context),
                (Self::Unix(stream), false) => stream.poll_write_ready(context),
            })?;
            match self.try_io(interest, &mut work) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }

    fn try_io<R>(
        &self,
        interest: Interest,
        work: impl FnOnce(BorrowedFd<'_>) -> io::Result<R>,
    ) -> io::Result<R> {
        match self {
            Self::Tcp(stream) => stream.try_io(interest, || work(stream.as_fd())),
            Self::Unix(stream) => stream.try_io(interest, || work(stream.as_fd())),
        }
    }

    /// It has given or taken less than it could have: the kernel need not be asked again before it tells of more
    /// (edge-triggered epoll(7), "Questions and answers", 9).
    fn exhaust(&self, interest: Interest) {
        let _ = self.try_io(interest, |_| Err::<(), _>(io::ErrorKind::WouldBlock.into()));
    }

    /// Reads into the buffer; 0 is the end.
    pub(super) fn poll_read(&self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let read = ready!(self.poll_io(context, Interest::READABLE, |socket| {
            let (read, _) = recv(socket, &mut *buffer, RecvFlags::empty())?;
            Ok(read)
        }))?;
        if read > 0 && read < buffer.len() {
            self.exhaust(Interest::READABLE);
        }
        Poll::Ready(Ok(read))
    }

    /// Writes some of the bytes.
    pub(super) fn poll_write(&self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(self.poll_io(context, Interest::WRITABLE, |socket| {
            Ok(send(socket, bytes, SendFlags::NOSIGNAL)?)
        }))?;
        if written > 0 && written < bytes.len() {
            self.exhaust(Interest::WRITABLE);
        }
        Poll::Ready(Ok(written))
    }

    /// Ends the way to it; the way from it stays open.
    pub(super) fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }

    /// Moves bytes from it into an empty pipe; 0 is the end.
    pub(super) fn poll_fill(&self, context: &mut Context<'_>, pipe: &mut Pipe) -> Poll<io::Result<usize>> {
        self.poll_io(context, Interest::READABLE, |socket| pipe.fill(socket))
    }

    /// Moves bytes out of a pipe to it.
    pub(super) fn poll_empty(&self, context: &mut Context<'_>, pipe: &mut Pipe) -> Poll<io::Result<usize>> {
        self.poll_io(context, Interest::WRITABLE, |socket| pipe.empty(socket))
    }

    /// Whether the kernel has told an error of it, as it does of a reset whether anybody reads or not. Costs no system
    /// call.
    pub(super) fn is_reset(&self) -> bool {
        self.try_io(Interest::ERROR, |_| Ok(())).is_ok()
    }

    /// Ends it with a reset. A Unix socket knows none and is closed.
    pub(crate) fn reset(self) {
        if let Self::Tcp(stream) = self {
            // Dropped with SO_LINGER at 0 the kernel sends RST, socket(7), tcp(7).
            let _ = stream.set_zero_linger();
        }
    }

    /// Closes it so that its peer sees an end and no reset: the kernel sends RST when unread bytes are thrown away.
    pub(super) fn close(self) {
        let mut buffer = [0; 4096];
        for _ in 0..256 {
            let read = match &self {
                Self::Tcp(stream) => stream.try_read(&mut buffer),
                Self::Unix(stream) => stream.try_read(&mut buffer),
            };
            if !matches!(read, Ok(1..)) {
                break;
            }
        }
    }

    /// Waits until it has gone, for good: one that has only ended its way still waits for an answer. Bytes from it are
    /// left where they are.
    pub(super) async fn lost(&self) {
        self.wait_for(Ready::is_error).await;
    }

    /// Waits until it has gone, as far as can be known when nobody ever answers it. Bytes from it are left where they are.
    pub(super) async fn gone(&self) {
        self.wait_for(|ready| ready.is_read_closed() || ready.is_error()).await;
    }

    async fn wait_for(&self, is_there: impl Fn(Ready) -> bool) {
        let interest = Interest::READABLE | Interest::ERROR;
        loop {
            let ready = match self {
                Self::Tcp(stream) => stream.ready(interest).await,
                Self::Unix(stream) => stream.ready(interest).await,
            };
            if ready.is_err() || ready.is_ok_and(&is_there) {
                return;
            }
            // It has sent something, which makes it readable for ever.
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }
}
