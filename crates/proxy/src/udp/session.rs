//! One client and the server: datagrams both ways, through the toxics, until none has come for a time.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::net::{UdpSocket, lookup_host};

use super::front::{Clients, reach, read};
use super::inbox::Inbox;
use super::lane::Lane;
use super::{MOST_HELD, MOST_HELD_TIGHT};
use crate::address::Address;
use crate::connection::{Link, stopped};
use crate::event::What;
use crate::layer::Way;
use crate::traffic::{Entered, Traffic};
use crate::worker::{Alarm, Seat, within};

/// Datagrams of one way after which the other has its turn.
const TURN: usize = 32;

/// Rounds after which others get their turn.
const ROUNDS: usize = 16;

/// After which time it is looked again whether a session is idle that still holds something.
const LOOK: Duration = Duration::from_millis(100);

/// When a datagram is tried again that the kernel had no room for.
const AGAIN: Duration = Duration::from_millis(1);

/// Carries a session to its end.
pub(super) async fn carry(
    client: SocketAddr,
    entered: Entered,
    inbox: Arc<Inbox>,
    clients: Arc<Clients>,
    seat: Seat,
) {
    let Entered { link, traffic } = &entered;
    entered.tell_opened();
    let how = match open(link, traffic).await {
        Ok(server) => {
            link.established.store(true, Ordering::Relaxed);
            Session {
                client,
                server,
                link,
                traffic,
                inbox: &inbox,
                clients: &clients,
                lanes: [Lane::new(Way::Upstream), Lane::new(Way::Downstream)],
                version: None,
                alarm: Alarm::default(),
                look_at: link.opened,
                idle: Duration::ZERO,
                again_at: None,
                held: 0,
            }
            .await
        }
        Err(how) => how,
    };
    // In the same breath as the last look into the inbox: nothing can have come in between.
    let was_there = clients.leave(client, &inbox);
    entered.tell_closed(if was_there { how } else { "displaced" });
    drop(entered);
    drop(seat);
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// A socket to the server. The error is how the session ended.
async fn open(link: &Link, traffic: &Traffic) -> Result<UdpSocket, &'static str> {
    let upstream = traffic.upstream();
    let reached = tokio::select! {
        reached = within(traffic.surroundings.dial_timeout, dial(&upstream)) => reached,
        () = stopped(link) => return Err("stopped"),
    };
    reached.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into())).map_err(|error| {
        traffic.surroundings.events.tell(&traffic.proxy, || What::DialFailed {
            connection: link.number,
            upstream: upstream.to_string(),
            error: error.to_string(),
        });
        "unreachable"
    })
}

async fn dial(address: &Address) -> io::Result<UdpSocket> {
    if let Some(address) = address.literal() {
        return reach(address).await;
    }
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    if let Some(host) = address.host() {
        let mut found: Vec<SocketAddr> = lookup_host(host).await?.collect();
        // As where a proxy listens. No answer tells which of them somebody listens at.
        found.sort_by_key(SocketAddr::is_ipv6);
        for address in found {
            match reach(address).await {
                Ok(socket) => return Ok(socket),
                Err(error) => last = error,
            }
        }
    }
    Err(last)
}

/// Both ways of one session. As a future it ends with how the session ended.
struct Session<'a> {
    client: SocketAddr,
    server: UdpSocket,
    link: &'a Link,
    traffic: &'a Traffic,
    inbox: &'a Inbox,
    clients: &'a Clients,
    lanes: [Lane; 2],
    /// Of the toxics that the lanes have.
    version: Option<u64>,
    alarm: Alarm,
    /// When it is looked whether the session is idle.
    look_at: Instant,
    /// How long without a datagram that is.
    idle: Duration,
    /// When the client is tried again.
    again_at: Option<Instant>,
    /// Bytes that are counted as held.
    held: usize,
}

impl Session<'_> {
    /// Takes over other toxics.
    fn change(&mut self) {
        let (version, toxics) = self.traffic.hitting(self.link);
        self.version = Some(version);
        for lane in &mut self.lanes {
            lane.change(&toxics, self.link, now());
        }
    }

    fn come(&mut self, way: Way, datagram: Bytes) {
        let now = now();
        self.inbox.touch(now);
        self.link.count(way).received(datagram.len());
        let lane = &mut self.lanes[way as usize];
        let most = if self.traffic.is_tight() { MOST_HELD_TIGHT } else { MOST_HELD };
        if lane.held() > most {
            self.traffic.datagrams.lose();
        } else {
            lane.push(datagram, now);
        }
    }

    /// Takes what the client has sent. Whether there was any.
    fn take(&mut self) -> bool {
        let mut moved = false;
        for _ in 0..TURN {
            let Some(datagram) = self.inbox.pop() else { break };
            moved = true;
            self.come(Way::Upstream, datagram);
        }
        moved
    }

    /// Reads what the server has sent. Whether there was any.
    fn read(&mut self, context: &mut Context<'_>) -> bool {
        let mut moved = false;
        for _ in 0..TURN {
            let server = &self.server;
            let came = read(context, |context, buffer| server.poll_recv(context, buffer));
            match came {
                Poll::Pending => break,
                Poll::Ready(Ok(((), datagram))) => self.come(Way::Downstream, datagram),
                Poll::Ready(Err(error)) => self.traffic.datagrams.fail(&error),
            }
            moved = true;
        }
        moved
    }

    /// Sends what is ready. Whether anything went.
    fn write(&mut self, context: &mut Context<'_>) -> bool {
        let [up, down] = &mut self.lanes;
        let mut moved = false;
        while let Some(datagram) = up.first() {
            match self.server.poll_send(context, datagram) {
                Poll::Pending => break,
                Poll::Ready(Ok(sent)) => {
                    self.link.count(Way::Upstream).sent(sent);
                    // It may have been held for longer than a session lives: its answer comes only now.
                    self.inbox.touch(now());
                }
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    // Of an earlier datagram, ip(7): this one was not sent, and the error is gone now.
                    self.traffic.datagrams.refuse();
                    continue;
                }
                Poll::Ready(Err(error)) => self.traffic.datagrams.fail(&error),
            }
            moved = true;
            up.drop_first();
        }
        self.again_at = None;
        while let Some(datagram) = down.first() {
            match self.clients.send(datagram, self.client) {
                Ok(sent) => self.link.count(Way::Downstream).sent(sent),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.again_at = Some(now() + AGAIN);
                    break;
                }
                Err(error) => self.traffic.datagrams.fail(&error),
            }
            moved = true;
            down.drop_first();
        }
        moved
    }

    fn count_held(&mut self) {
        let held = self.lanes.iter().map(Lane::held).sum();
        let all = &self.traffic.surroundings.held;
        if held > self.held {
            all.fetch_add(held - self.held, Ordering::Relaxed);
        } else if held < self.held {
            all.fetch_sub(self.held - held, Ordering::Relaxed);
        }
        self.held = held;
    }

    /// Whether no datagram has come for long, and none is on its way.
    fn is_idle(&mut self) -> bool {
        let now = now();
        if self.look_at > now {
            return false;
        }
        let until = self.inbox.last() + self.idle;
        let is_empty = self.held == 0 && self.lanes.iter().all(Lane::is_sent);
        self.look_at = until.max(now + LOOK);
        until <= now && is_empty
    }
}

impl Future for Session<'_> {
    type Output = &'static str;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<&'static str> {
        let this = &mut *self;
        this.link.listen(context.waker());
        if this.link.is_stopped() {
            return Poll::Ready("stopped");
        }
        if this.idle != this.traffic.idle() {
            this.idle = this.traffic.idle();
            this.look_at = now();
        }
        for _ in 0..ROUNDS {
            if this.version != Some(this.traffic.version()) {
                this.change();
            }
            let mut moved = this.take();
            moved |= this.read(context);
            this.lanes.iter_mut().for_each(|lane| lane.run(now()));
            moved |= this.write(context);
            if !moved {
                this.count_held();
                if this.is_idle() {
                    return Poll::Ready("idle");
                }
                let due = this.lanes.iter().filter_map(Lane::due).chain(this.again_at).min();
                let due = due.map_or(this.look_at, |due| due.min(this.look_at));
                // What has come due while the others were looked at must not wait for its alarm.
                if due > now() {
                    this.alarm.set(Some(due), context.waker());
                    return Poll::Pending;
                }
            }
        }
        this.count_held();
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.traffic.surroundings.held.fetch_sub(self.held, Ordering::Relaxed);
    }
}
