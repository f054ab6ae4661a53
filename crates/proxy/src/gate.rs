//! Where clients come in: listening sockets, and the tasks that take them from these and hand them to the workers.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt::socket_acceptconn;
use rustix::net::{Shutdown, SocketFlags, acceptfrom_with, shutdown};
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::{TcpStream, UnixStream};

use crate::address::Address;
use crate::connection::{Peer, carry};
use crate::descriptors;
use crate::event::What;
use crate::traffic::{Entered, Traffic};
use crate::watched::Watched;
use crate::worker::Place;

/// Connections that may wait to be accepted. With the usual 128, 10,000 connects take 20 s and not one.
const BACKLOG: i32 = 4096;

/// Connections more that the worker that accepts carries before another one is woken for the next: that costs more than
/// all else of a short connection.
const HEAD_START: usize = 16;

/// Sockets that listen at the same address at most, each on a worker of its own: the kernel shares out what comes.
const LISTENERS: usize = 4;

/// How long nothing is accepted after descriptors were used up.
const REST: Duration = Duration::from_millis(100);

/// An open gate. Dropped, it is closed: connects are refused from then on.
#[derive(Debug)]
pub(crate) struct Gate {
    sockets: Vec<OwnedFd>,
    /// Where it is, as text: the port that the kernel chose included.
    at: String,
    path: Option<PathBuf>,
}

impl Gate {
    /// Listens at the first of the addresses that is to be had, or at the Unix socket, for so many workers.
    ///
    /// # Errors
    /// The kernel's, for the last address.
    pub(crate) fn open(address: &Address, resolved: &[SocketAddr], workers: usize) -> io::Result<Self> {
        if let Address::Unix(path) = address {
            let socket = listen_unix(path)?;
            return Ok(Self {
                sockets: vec![socket.into()],
                at: address.to_string(),
                path: Some(path.clone()),
            });
        }
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for at in resolved {
            match listen_tcp(*at, workers.min(LISTENERS)) {
                Ok((sockets, at)) => return Ok(Self { sockets, at: at.to_string(), path: None }),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Where it is.
    pub(crate) fn at(&self) -> &str {
        &self.at
    }

    /// Starts to take connections, on some workers, for all of them.
    ///
    /// # Errors
    /// When there is no descriptor left.
    pub(crate) fn start(&self, traffic: &Arc<Traffic>, home: usize, places: &[Place]) -> io::Result<()> {
        for (number, socket) in self.sockets.iter().enumerate() {
            let socket = socket.try_clone()?;
            let mut places = places.to_vec();
            // The one that accepts is first, and so is taken where all have the same to do: nobody else is woken.
            let count = places.len();
            places.rotate_left((home + number) % count);
            let handle = places[0].handle().clone();
            handle.spawn(accept(socket, Arc::clone(traffic), places));
        }
        Ok(())
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        // The tasks have the sockets too; shut down, they listen no more whoever has them.
        for socket in &self.sockets {
            let _ = shutdown(socket, Shutdown::Both);
        }
        if let Some(path) = &self.path {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Sockets that listen at this address, and which one that is.
fn listen_tcp(at: SocketAddr, count: usize) -> io::Result<(Vec<OwnedFd>, SocketAddr)> {
    let first = bound(at, false)?;
    let at = first.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
    Ok((shared(first, at, count)?, at))
}

fn bound(at: SocketAddr, reuse_port: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(at), Type::STREAM.nonblocking().cloexec(), None)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(reuse_port)?;
    if at.is_ipv6() {
        socket.set_only_v6(!at.ip().is_unspecified())?;
    }
    // Inherited by what is accepted, which saves a system call for each connection.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&at.into())?;
    Ok(socket)
}

/// Lets a bound socket listen, and as many more at its address.
///
/// It listens alone before it shares its address (socket(7), `SO_REUSEPORT`): of two that are bound at the same time the
/// kernel refuses the second one here.
fn shared(first: Socket, at: SocketAddr, count: usize) -> io::Result<Vec<OwnedFd>> {
    first.listen(BACKLOG)?;
    first.set_reuse_port(count > 1)?;
    let mut sockets = vec![first.into()];
    for _ in 1..count {
        let next = bound(at, true)?;
        next.listen(BACKLOG)?;
        sockets.push(next.into());
    }
    Ok(sockets)
}

fn listen_unix(path: &Path) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking().cloexec(), None)?;
    let at = SockAddr::unix(path)?;
    if let Err(error) = socket.bind(&at) {
        if error.kind() != io::ErrorKind::AddrInUse || !is_left_over(path, &at) {
            return Err(error);
        }
        std::fs::remove_file(path)?;
        socket.bind(&at)?;
    }
    socket.listen(BACKLOG)?;
    Ok(socket)
}

/// Whether this is a socket that nobody listens at any more.
fn is_left_over(path: &Path, at: &SockAddr) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    is_socket
        && Socket::new(Domain::UNIX, Type::STREAM.nonblocking().cloexec(), None)
            .and_then(|socket| socket.connect(at))
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

async fn accept(socket: OwnedFd, traffic: Arc<Traffic>, places: Vec<Place>) {
    let tell = |error: &io::Error| {
        let error = error.to_string();
        traffic.surroundings.events.tell(&traffic.proxy, || What::AcceptFailed { error });
    };
    let watched = match Watched::new(socket) {
        Ok(watched) => watched,
        Err(error) => {
            tell(&error);
            return;
        }
    };
    let mut is_told = false;
    let mut is_scarce = false;
    loop {
        if poll_fn(|context| watched.poll_readable(context)).await.is_err() {
            return;
        }
        // Not all at once: the connections that are there already have their turn in between.
        for _ in 0..64 {
            // Asked only when they were scarce a moment ago: it costs two system calls.
            if is_scarce && !descriptors::have_room(&watched) {
                // Shut down, it has nobody to wait for.
                if !socket_acceptconn(&watched).unwrap_or(false) {
                    return;
                }
                if !std::mem::replace(&mut is_told, true) {
                    tell(&descriptors::used_up());
                }
                tokio::time::sleep(REST).await;
                break;
            }
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let accepted =
                watched.read_with(|socket| acceptfrom_with(socket, flags).map_err(io::Error::from));
            match accepted {
                Ok((stream, from)) => {
                    is_scarce = !descriptors::are_for_clients(&stream);
                    is_told &= is_scarce;
                    let from = from.and_then(|from| SocketAddr::try_from(from).ok());
                    hand_over(stream, from, &traffic, &places);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // Shut down: the gate is closed.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => return,
                Err(error) if is_used_up(&error) => {
                    if !is_told {
                        is_told = true;
                        tell(&error);
                    }
                    tokio::time::sleep(REST).await;
                    break;
                }
                // The client has gone before it was its turn, accept(2).
                Err(_) => {}
            }
        }
        tokio::task::yield_now().await;
    }
}

/// Whether an error means that descriptors or memory are used up, accept(2).
fn is_used_up(error: &io::Error) -> bool {
    use rustix::io::Errno;
    [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM]
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

fn hand_over(stream: OwnedFd, from: Option<SocketAddr>, traffic: &Arc<Traffic>, places: &[Place]) {
    let entered = traffic.enter(from);
    let Some(least) = places.iter().min_by_key(|place| place.load()) else { return };
    let place = if places[0].load() <= least.load() + HEAD_START { &places[0] } else { least };
    let seat = place.seat();
    // The socket is registered where its bytes will be carried.
    place.handle().spawn(async move {
        let peer = match from {
            Some(_) => TcpStream::from_std(stream.into()).map(Peer::Tcp),
            None => UnixStream::from_std(stream.into()).map(Peer::Unix),
        };
        match peer {
            Ok(peer) => carry(peer, entered, seat).await,
            Err(error) => tell_lost(&entered, &error),
        }
    });
}

fn tell_lost(entered: &Entered, error: &io::Error) {
    let Entered { traffic, .. } = entered;
    traffic.surroundings.events.tell(&traffic.proxy, || What::AcceptFailed { error: error.to_string() });
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpStream};

    use super::*;

    const ANY: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

    /// Otherwise half of the clients would come to a program that nobody thinks of (F20).
    #[test]
    fn an_address_that_somebody_has_is_refused_even_where_he_would_share_it() {
        let other = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        other.set_reuse_port(true).unwrap();
        other.bind(&SocketAddr::from(ANY).into()).unwrap();
        other.listen(1).unwrap();
        let at = other.local_addr().unwrap().as_socket().unwrap();

        assert_eq!(listen_tcp(at, LISTENERS).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    /// A second proxy that is started in the same moment (F20).
    #[test]
    fn of_two_that_are_bound_at_the_same_time_only_one_listens() {
        let first = bound(ANY.into(), false).unwrap();
        let at = first.local_addr().unwrap().as_socket().unwrap();
        let second = bound(at, false).unwrap();

        let listening = shared(first, at, LISTENERS).unwrap();

        assert_eq!(shared(second, at, LISTENERS).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(listening.len(), LISTENERS);
    }

    /// U10: no worker is idle while another one accepts for it.
    #[test]
    fn every_socket_of_an_address_is_given_clients() {
        let (sockets, at) = listen_tcp(ANY.into(), LISTENERS).unwrap();
        let clients: Vec<_> = (0..64).map(|_| TcpStream::connect(at).unwrap()).collect();

        let taken = sockets.iter().map(|socket| {
            std::iter::repeat_with(|| acceptfrom_with(socket, SocketFlags::CLOEXEC))
                .take_while(Result::is_ok)
                .count()
        });
        let taken: Vec<_> = taken.collect();

        assert_eq!((taken.len(), taken.iter().sum::<usize>()), (LISTENERS, clients.len()), "{taken:?}");
        assert!(!taken.contains(&0), "{taken:?}");
    }
}
