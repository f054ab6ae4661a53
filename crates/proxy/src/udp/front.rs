//! Where datagrams of clients come in, and from where those of the server go back to them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use socket2::{Domain, Socket, Type};
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::inbox::Inbox;
use super::session::carry;
use super::{MOST_HELD, MOST_HELD_TIGHT, MOST_SESSIONS};
use crate::address::Address;
use crate::descriptors;
use crate::event::What;
use crate::traffic::Traffic;
use crate::worker::{Place, with_scratch};

/// What the kernel may keep of datagrams that were not read yet. It gives what it allows (net.core.rmem_max).
const KERNEL_BUFFER: usize = 4 * 1024 * 1024;

/// Datagrams after which the sessions have their turn.
const TURN: usize = 32;

/// How long nothing is read after an error of the socket itself.
const REST: Duration = Duration::from_millis(100);

/// An open front. Dropped, its socket is closed at once, and its sessions end.
#[derive(Debug)]
pub(crate) struct Front {
    clients: Arc<Clients>,
    /// Where it is, as text: the port that the kernel chose included.
    at: String,
}

/// Those that have a session, and the socket that leads to them.
#[derive(Debug)]
pub(super) struct Clients {
    /// `None` once the front is closed: whoever has this has no socket any more, so that the port is free at once.
    socket: Mutex<Option<UdpSocket>>,
    sessions: Mutex<HashMap<SocketAddr, Arc<Inbox>>>,
    closed: CancellationToken,
}

impl Front {
    /// Listens at the first of the addresses that is to be had, on one worker, for all clients.
    ///
    /// # Errors
    /// The kernel's, for the last address.
    pub(crate) fn open(resolved: &[SocketAddr], traffic: &Arc<Traffic>, place: &Place) -> io::Result<Self> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for at in resolved {
            match bind(*at) {
                Ok(socket) => return Self::start(socket, traffic, place),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn start(socket: Socket, traffic: &Arc<Traffic>, place: &Place) -> io::Result<Self> {
        let at = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let at = Address::Udp { host: at.ip().to_string(), port: at.port() }.to_string();
        let within: &Handle = place.handle();
        let entered = within.enter();
        let socket = UdpSocket::from_std(socket.into())?;
        drop(entered);
        let clients = Arc::new(Clients {
            socket: Mutex::new(Some(socket)),
            sessions: Mutex::default(),
            closed: CancellationToken::new(),
        });
        within.spawn(listen(Arc::clone(&clients), Arc::clone(traffic), place.clone()));
        Ok(Self { clients, at })
    }

    /// Where it is.
    pub(crate) fn at(&self) -> &str {
        &self.at
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        drop(self.clients.socket().take());
        self.clients.closed.cancel();
        for inbox in self.clients.sessions().values() {
            inbox.link.stop();
        }
    }
}

fn bind(at: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(at), Type::DGRAM.nonblocking().cloexec(), None)?;
    if at.is_ipv6() {
        socket.set_only_v6(!at.ip().is_unspecified())?;
    }
    // Without it the front works too, and loses more of a burst.
    let _ = socket.set_recv_buffer_size(KERNEL_BUFFER);
    socket.bind(&at.into())?;
    Ok(socket)
}

/// A socket of one session: it hears its server only.
pub(super) async fn reach(server: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(server), Type::DGRAM.nonblocking().cloexec(), None)?;
    if !descriptors::are_for_servers(&socket) {
        return Err(descriptors::used_up());
    }
    let _ = socket.set_recv_buffer_size(KERNEL_BUFFER);
    let socket = UdpSocket::from_std(socket.into())?;
    socket.connect(server).await?;
    Ok(socket)
}

/// Reads one datagram by the read buffer of this thread, which has room for any.
pub(super) fn read<A>(
    context: &mut Context<'_>,
    read: impl FnOnce(&mut Context<'_>, &mut ReadBuf<'_>) -> Poll<io::Result<A>>,
) -> Poll<io::Result<(A, Bytes)>> {
    with_scratch(|scratch| {
        let mut buffer = ReadBuf::new(scratch);
        read(context, &mut buffer).map_ok(|from| (from, Bytes::copy_from_slice(buffer.filled())))
    })
}

impl Clients {
    fn socket(&self) -> MutexGuard<'_, Option<UdpSocket>> {
        self.socket.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<SocketAddr, Arc<Inbox>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_read(&self, context: &mut Context<'_>) -> Poll<Option<io::Result<(SocketAddr, Bytes)>>> {
        match &*self.socket() {
            Some(socket) => read(context, |context, buffer| socket.poll_recv_from(context, buffer)).map(Some),
            None => Poll::Ready(None),
        }
    }

    /// Sends a datagram back to a client.
    ///
    /// # Errors
    /// The kernel's; `NotConnected` once the front is closed.
    pub(super) fn send(&self, datagram: &[u8], client: SocketAddr) -> io::Result<usize> {
        match &*self.socket() {
            Some(socket) => socket.try_send_to(datagram, client),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// A session has ended. Whether it was listed until now: it is not where another one took its place.
    pub(super) fn leave(&self, client: SocketAddr, inbox: &Arc<Inbox>) -> bool {
        let mut sessions = self.sessions();
        let is_there = sessions.get(&client).is_some_and(|there| Arc::ptr_eq(there, inbox));
        if is_there {
            sessions.remove(&client);
        }
        is_there
    }

    /// Gives a datagram to the session of its client, which is made where there is none.
    fn deliver(self: &Arc<Self>, client: SocketAddr, datagram: Bytes, traffic: &Arc<Traffic>, place: &Place) {
        let mut sessions = self.sessions();
        if !sessions.contains_key(&client) && sessions.len() >= MOST_SESSIONS {
            let idle = sessions.iter().min_by_key(|(_, inbox)| inbox.last()).map(|(client, _)| *client);
            if let Some(displaced) = idle.and_then(|client| sessions.remove(&client)) {
                displaced.link.stop();
            }
        }
        let inbox = match sessions.entry(client) {
            Entry::Occupied(there) => Arc::clone(there.get()),
            Entry::Vacant(free) => {
                let entered = traffic.enter(Some(client));
                let inbox = Arc::new(Inbox::new(Arc::clone(&entered.link)));
                free.insert(Arc::clone(&inbox));
                let session = carry(client, entered, Arc::clone(&inbox), Arc::clone(self), place.seat());
                place.handle().spawn(session);
                inbox
            }
        };
        drop(sessions);
        let most = if traffic.is_tight() { MOST_HELD_TIGHT } else { MOST_HELD };
        if !inbox.push(datagram, most) {
            traffic.datagrams.lose();
        }
    }
}

/// Reads until the front is closed. On the thread of its sessions, so that none of them ends between being found and
/// being given a datagram.
async fn listen(clients: Arc<Clients>, traffic: Arc<Traffic>, place: Place) {
    let mut turn = 0;
    loop {
        let came = tokio::select! {
            () = clients.closed.cancelled() => return,
            came = poll_fn(|context| clients.poll_read(context)) => came,
        };
        match came {
            None => return,
            Some(Ok((client, datagram))) => clients.deliver(client, datagram, &traffic, &place),
            Some(Err(error)) => {
                traffic
                    .surroundings
                    .events
                    .tell(&traffic.proxy, || What::AcceptFailed { error: error.to_string() });
                tokio::time::sleep(REST).await;
            }
        }
        turn += 1;
        if turn % TURN == 0 {
            tokio::task::yield_now().await;
        }
    }
}
