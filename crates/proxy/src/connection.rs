//! One connection, from the accept to the last byte: one task on one thread.
//!
//! ```text
//! accepted -> [refused, hanging, slow to open] -> dialled -> carried -> ended | closed | reset
//! ```

mod lane;
mod link;
mod peer;
mod pump;

use std::future::{pending, poll_fn};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Instant;

use socket2::SockRef;
use tokio::net::{TcpSocket, TcpStream, UnixStream, lookup_host};

pub(crate) use link::{Count, Link};
pub(crate) use peer::Peer;

use crate::address::Address;
use crate::descriptors;
use crate::event::What;
use crate::toxic::{Kind, Live};
use crate::traffic::{Entered, Traffic};
use crate::worker::{Seat, within};

/// Carries a connection to its end.
pub(crate) async fn carry(client: Peer, entered: Entered, seat: Seat) {
    let Entered { link, traffic } = &entered;
    entered.tell_opened();
    let how = match open(client, link, traffic).await {
        Ok((client, server)) => {
            link.established.store(true, Ordering::Relaxed);
            pump::Pump::new(client, server, link, traffic).await
        }
        Err(how) => how,
    };
    entered.tell_closed(how);
    drop(entered);
    drop(seat);
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// What keeps a connection from being opened.
enum Hold {
    Not,
    Refused,
    Until(Instant),
    Forever,
}

fn hold(toxics: &[Arc<Live>], link: &Link, open: usize) -> Hold {
    let mut hold = Hold::Not;
    for live in toxics {
        let next = match &live.toxic.kind {
            Kind::Refuse => Hold::Refused,
            Kind::LimitConnections(_) if holds(&live.toxic.kind, open) => Hold::Refused,
            Kind::HangOpen => Hold::Forever,
            Kind::SlowOpen(pause) => Hold::Until(link.opened + pause.delay.duration()),
            _ => continue,
        };
        hold = match (hold, next) {
            (Hold::Refused, _) | (_, Hold::Refused) => Hold::Refused,
            (Hold::Forever, _) | (_, Hold::Forever) => Hold::Forever,
            (Hold::Until(one), Hold::Until(other)) => Hold::Until(one.max(other)),
            (Hold::Not, hold) | (hold, Hold::Not) => hold,
        };
    }
    hold
}

/// Waits as long as toxics want it, and dials. The error is how the connection ended.
async fn open(client: Peer, link: &Link, traffic: &Traffic) -> Result<(Peer, Peer), &'static str> {
    let mut told: Vec<u64> = Vec::new();
    loop {
        let (version, toxics) = traffic.hitting(link);
        let open = traffic.open();
        for live in toxics.iter().filter(|live| holds(&live.toxic.kind, open)) {
            if !told.contains(&live.id) {
                told.push(live.id);
                live.shared.hit();
            }
        }
        let until = match hold(&toxics, link, open) {
            Hold::Not => break,
            Hold::Refused => {
                client.reset();
                return Err("refused");
            }
            Hold::Until(at) if at <= now() => break,
            Hold::Until(at) => Some(at),
            Hold::Forever => None,
        };
        let time = async {
            match until {
                Some(at) => drop(within(at.saturating_duration_since(now()), pending::<()>()).await),
                None => pending().await,
            }
        };
        let gone = async {
            match until {
                Some(_) => client.lost().await,
                None => client.gone().await,
            }
        };
        tokio::select! {
            () = time => {}
            () = changed(link, traffic, version) => {}
            () = gone => return Err("ended"),
        }
        if link.is_stopped() {
            client.close();
            return Err("stopped");
        }
    }
    let upstream = traffic.upstream();
    let dialled = tokio::select! {
        dialled = within(traffic.surroundings.dial_timeout, dial(&upstream, traffic.surroundings.mark)) => dialled,
        () = stopped(link) => {
            client.close();
            return Err("stopped");
        }
    };
    let dialled = dialled.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()));
    match dialled {
        Ok(server) => Ok((client, server)),
        Err(error) => {
            traffic.surroundings.events.tell(&traffic.proxy, || What::DialFailed {
                connection: link.number,
                upstream: upstream.to_string(),
                error: error.to_string(),
            });
            // A server that resets at once may do so before the dial has seen that it was there.
            if error.kind() == io::ErrorKind::ConnectionReset {
                client.reset();
            } else {
                client.close();
            }
            Err("unreachable")
        }
    }
}

/// Whether a toxic does something to a connection that is to be opened, the last of so many.
fn holds(kind: &Kind, open: usize) -> bool {
    match kind {
        Kind::Refuse | Kind::HangOpen | Kind::SlowOpen(_) => true,
        Kind::LimitConnections(limit) => open as u64 > limit.connections,
        _ => false,
    }
}

/// Waits for other toxics, or for the end.
async fn changed(link: &Link, traffic: &Traffic, version: u64) {
    poll_fn(|context| {
        link.listen(context.waker());
        if link.is_stopped() || traffic.version() != version { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Waits until its proxy closes the connection.
pub(crate) async fn stopped(link: &Link) {
    poll_fn(|context| {
        link.listen(context.waker());
        if link.is_stopped() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

async fn dial(address: &Address, mark: Option<u32>) -> io::Result<Peer> {
    let (host, port) = match address {
        Address::Unix(path) => {
            let stream = UnixStream::connect(path).await?;
            let fits = descriptors::are_for_servers(&stream);
            return if fits { Ok(Peer::Unix(stream)) } else { Err(descriptors::used_up()) };
        }
        Address::Tcp { host, port } => (host.as_str(), *port),
        Address::Udp { .. } => unreachable!("a proxy of connections never goes to one of datagrams"),
    };
    let stream = if let Some(address) = address.literal() {
        connect(address, mark).await?
    } else if host.eq_ignore_ascii_case("localhost") {
        // The loopback addresses, whoever resolves it (RFC 6761, section 6.3).
        match connect((Ipv4Addr::LOCALHOST, port).into(), mark).await {
            Ok(stream) => stream,
            Err(error) => connect((Ipv6Addr::LOCALHOST, port).into(), mark).await.map_err(|_| error)?,
        }
    } else {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        let mut reached = None;
        for address in lookup_host((host, port)).await? {
            match connect(address, mark).await {
                Ok(stream) => {
                    reached = Some(stream);
                    break;
                }
                Err(error) => last = error,
            }
        }
        reached.ok_or(last)?
    };
    // Otherwise small messages wait for acknowledgements, 40 ms each (RFC 896 against RFC 1122 4.2.3.2).
    stream.set_nodelay(true)?;
    Ok(Peer::Tcp(stream))
}

async fn connect(address: SocketAddr, mark: Option<u32>) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if !descriptors::are_for_servers(&socket) {
        return Err(descriptors::used_up());
    }
    if let Some(mark) = mark {
        SockRef::from(&socket).set_mark(mark)?;
    }
    socket.connect(address).await
}
