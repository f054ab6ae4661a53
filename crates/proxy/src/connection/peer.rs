//! One end of a connection: a TCP or a Unix socket.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};
use tokio::net::{TcpStream, UnixStream};

use crate::worker::Pipe;

/// A connected socket.
#[derive(Debug)]
pub(crate) enum Peer {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Peer {
    /// Reads into the buffer; 0 is the end.
    pub(super) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(match self {
            Self::Tcp(stream) => Pin::new(stream).poll_read(context, &mut buffer),
            Self::Unix(stream) => Pin::new(stream).poll_read(context, &mut buffer),
        })?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Writes some of the bytes.
    pub(super) fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    /// Ends the way to it; the way from it stays open.
    pub(super) fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }

    /// Moves bytes from it into an empty pipe; 0 is the end.
    pub(super) fn poll_fill(
        &mut self,
        context: &mut Context<'_>,
        pipe: &mut Pipe,
    ) -> Poll<io::Result<usize>> {
        loop {
            let filled = match self {
                Self::Tcp(stream) => {
                    ready!(stream.poll_read_ready(context))?;
                    stream.try_io(Interest::READABLE, || pipe.fill(&*stream))
                }
                Self::Unix(stream) => {
                    ready!(stream.poll_read_ready(context))?;
                    stream.try_io(Interest::READABLE, || pipe.fill(&*stream))
                }
            };
            match filled {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }

    /// Moves bytes out of a pipe to it.
    pub(super) fn poll_empty(
        &mut self,
        context: &mut Context<'_>,
        pipe: &mut Pipe,
    ) -> Poll<io::Result<usize>> {
        loop {
            let emptied = match self {
                Self::Tcp(stream) => {
                    ready!(stream.poll_write_ready(context))?;
                    stream.try_io(Interest::WRITABLE, || pipe.empty(&*stream))
                }
                Self::Unix(stream) => {
                    ready!(stream.poll_write_ready(context))?;
                    stream.try_io(Interest::WRITABLE, || pipe.empty(&*stream))
                }
            };
            match emptied {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }

    /// Whether the kernel has told an error of it, as it does of a reset whether anybody reads or not. Costs no system
    /// call.
    pub(super) fn is_reset(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.try_io(Interest::ERROR, || Ok(())).is_ok(),
            Self::Unix(stream) => stream.try_io(Interest::ERROR, || Ok(())).is_ok(),
        }
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

    /// Waits until it has gone. Bytes from it are left where they are.
    pub(super) async fn gone(&self) {
        loop {
            let ready = match self {
                Self::Tcp(stream) => stream.ready(Interest::READABLE).await,
                Self::Unix(stream) => stream.ready(Interest::READABLE).await,
            };
            if ready.is_err() || ready.is_ok_and(Ready::is_read_closed) {
                return;
            }
            // It has sent something, which makes it readable for ever.
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }
}
