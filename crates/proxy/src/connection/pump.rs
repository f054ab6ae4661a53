//! Carries the bytes of a connection both ways, through its toxics and its protocol, to its end.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::lane::{Came, Lane};
use super::link::Link;
use super::now;
use super::peer::Peer;
use crate::chain::{Cut, Piece};
use crate::event::What;
use crate::layer::{Act, Layer, Way};
use crate::traffic::{TIGHT, Traffic};
use crate::worker::Alarm;

/// Rounds after which others get their turn.
const ROUNDS: usize = 16;

/// How long a receiver may take nothing before its sender, which is not read meanwhile, is asked whether it was reset;
/// and how often then.
const LOOK: Duration = Duration::from_millis(100);

/// Both ways of one connection. As a future it ends with how the connection ended.
pub(super) struct Pump {
    link: Arc<Link>,
    traffic: Arc<Traffic>,
    /// Client and server. `None` once they are gone.
    peers: Option<(Peer, Peer)>,
    lanes: [Lane; 2],
    /// What looks into the bytes, before the toxics get them.
    layer: Option<Box<dyn Layer>>,
    /// What it wants; empty between two calls.
    acts: Vec<Act>,
    /// Of the toxics that the lanes have.
    version: Option<u64>,
    alarm: Alarm,
    /// Ways whose sender has nothing and wakes the task when it has: in this turn it need not be asked again.
    asleep: [bool; 2],
    /// When to look for a reset that no read would bring.
    look_at: Option<Instant>,
    /// Bytes that are counted as held.
    held: usize,
}

impl Pump {
    pub(super) fn new(client: Peer, server: Peer, link: &Arc<Link>, traffic: &Arc<Traffic>) -> Self {
        Self {
            link: Arc::clone(link),
            traffic: Arc::clone(traffic),
            peers: Some((client, server)),
            lanes: [Lane::new(Way::Upstream), Lane::new(Way::Downstream)],
            layer: traffic.layer(link.address()),
            acts: Vec::new(),
            version: None,
            alarm: Alarm::default(),
            asleep: [false; 2],
            look_at: None,
            held: 0,
        }
    }

    /// Takes over other toxics.
    fn change(&mut self) -> Option<Cut> {
        let (version, toxics) = self.traffic.hitting(&self.link);
        self.version = Some(version);
        let now = now();
        for lane in self.lanes.iter_mut().filter(|lane| !lane.is_done()) {
            let cut = lane.chain.change(&toxics, self.link.number, self.link.opened, now, &mut lane.ready);
            if let Some(cut) = lane.collect().or(cut) {
                return Some(cut);
            }
        }
        None
    }

    /// One round over one way. `Ready`: something moved, or the connection ends.
    fn round(&mut self, way: Way, context: &mut Context<'_>, tight: bool) -> Poll<Option<Cut>> {
        let Some((client, server)) = &mut self.peers else { return Poll::Pending };
        let (from, to) = if way == Way::Upstream { (client, server) } else { (server, client) };
        let count = self.link.count(way);
        let is_answer_lost = self.lanes[way.back() as usize].is_broken();
        let lane = &mut self.lanes[way as usize];
        if lane.is_done() {
            return Poll::Pending;
        }
        if !lane.chain.is_empty()
            && let Some(cut) = lane.run(now())
        {
            return Poll::Ready(Some(cut));
        }
        let mut moved = match lane.flush(context, to, count) {
            Poll::Ready(Some(cut)) => return Poll::Ready(Some(cut)),
            Poll::Ready(None) => true,
            Poll::Pending => false,
        };
        let is_wanted = self.layer.as_ref().is_none_or(|layer| layer.wants(way));
        let is_read = is_wanted && lane.has_room(tight);
        if is_read || moved || !lane.is_source_open() {
            lane.unread_since = None;
        }
        if !is_read && lane.is_source_open() {
            let now = now();
            let since = *lane.unread_since.get_or_insert(now);
            if from.is_reset() && now >= since + LOOK {
                lane.forsake(now);
                return Poll::Ready(lane.run(now));
            }
        }
        if is_read && !self.asleep[way as usize] {
            let piece = match lane.read(context, from, to, count, self.layer.is_none()) {
                Came::Nothing => {
                    self.asleep[way as usize] = true;
                    None
                }
                Came::Passed => {
                    moved = true;
                    None
                }
                Came::Bytes(bytes) => Some(Piece::Data(bytes)),
                // Its peer has refused bytes of the other way: what looks like an end was a reset.
                Came::End if is_answer_lost => Some(Piece::Reset),
                Came::End => Some(Piece::End),
                Came::Lost => Some(Piece::Reset),
            };
            if let Some(piece) = piece {
                moved = true;
                let now = now();
                match (&mut self.layer, piece) {
                    (Some(layer), Piece::Data(bytes)) => layer.received(way, bytes, now, &mut self.acts),
                    (Some(layer), Piece::End) => layer.ended(way, now, &mut self.acts),
                    (_, piece) => lane.chain.push(piece, now, &mut lane.ready),
                }
                // It is written in the next round.
                if let Some(cut) = lane.run(now).or_else(|| self.act(now)) {
                    return Poll::Ready(Some(cut));
                }
            }
        }
        // The receiver was reset, and has nothing more to say.
        if self.lanes[way as usize].is_broken() && !self.lanes[way.back() as usize].is_source_open() {
            return Poll::Ready(Some(Cut::Reset));
        }
        if moved { Poll::Ready(None) } else { Poll::Pending }
    }

    /// Wakes the layer when it asked for that.
    fn wake(&mut self) -> Option<Cut> {
        let layer = self.layer.as_mut()?;
        let at = layer.wake_at()?;
        let now = now();
        if at > now {
            return None;
        }
        layer.woken(now, &mut self.acts);
        self.act(now)
    }

    /// Does what the layer wants, in its order.
    fn act(&mut self, now: Instant) -> Option<Cut> {
        for act in self.acts.drain(..) {
            let (way, piece) = match act {
                Act::Send(_, bytes) if bytes.is_empty() => continue,
                Act::Send(way, bytes) => (way, Piece::Data(bytes)),
                Act::End(way) => (way, Piece::End),
                // After what the client was told before, on the same way.
                Act::Close => (Way::Downstream, Piece::Close),
                Act::Reset => (Way::Downstream, Piece::Reset),
                Act::Hit(hit) => {
                    let connection = self.link.number;
                    let events = &self.traffic.surroundings.events;
                    events.tell_frequent(&self.traffic.proxy, || What::Hit { connection, hit });
                    continue;
                }
            };
            let lane = &mut self.lanes[way as usize];
            match (lane.is_done(), &piece) {
                (true, Piece::Close) => return Some(Cut::Close),
                (true, Piece::Reset) => return Some(Cut::Reset),
                (true, _) => {}
                (false, _) => lane.chain.push(piece, now, &mut lane.ready),
            }
        }
        self.lanes.iter_mut().find_map(Lane::collect)
    }

    fn finish(&mut self, cut: Cut, context: &mut Context<'_>) -> Poll<&'static str> {
        if let Some((mut client, mut server)) = self.peers.take() {
            match cut {
                Cut::Close => {
                    client.close();
                    server.close();
                }
                Cut::Reset => {
                    // What came before it has its place before it, as far as it is taken without waiting.
                    for (way, to) in [(Way::Upstream, &mut server), (Way::Downstream, &mut client)] {
                        let _ = self.lanes[way as usize].flush(context, to, self.link.count(way));
                    }
                    client.reset();
                    server.reset();
                }
            }
        }
        Poll::Ready(match cut {
            Cut::Close => "closed",
            Cut::Reset => "reset",
        })
    }

    fn count_held(&mut self) {
        let held = self.lanes[0].held() + self.lanes[1].held();
        if held > self.held {
            self.traffic.surroundings.held.fetch_add(held - self.held, Ordering::Relaxed);
        } else if held < self.held {
            self.traffic.surroundings.held.fetch_sub(self.held - held, Ordering::Relaxed);
        }
        self.held = held;
    }

    fn due(&mut self) -> Option<Instant> {
        if self.lanes.iter().any(|lane| lane.unread_since.is_some() && !lane.is_done()) {
            let now = now();
            self.look_at = Some(self.look_at.filter(|at| *at > now).unwrap_or(now + LOOK));
        } else {
            self.look_at = None;
        }
        let lanes = self.lanes.iter().filter(|lane| !lane.is_done()).filter_map(|lane| lane.chain.due());
        lanes.chain(self.layer.as_ref().and_then(|layer| layer.wake_at())).chain(self.look_at).min()
    }
}

impl Future for Pump {
    type Output = &'static str;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<&'static str> {
        let this = &mut *self;
        this.asleep = [false; 2];
        this.link.listen(context.waker());
        if this.link.is_stopped() {
            let _ = this.finish(Cut::Close, context);
            return Poll::Ready("stopped");
        }
        for _ in 0..ROUNDS {
            if this.version != Some(this.traffic.version())
                && let Some(cut) = this.change()
            {
                return this.finish(cut, context);
            }
            if let Some(cut) = this.wake() {
                return this.finish(cut, context);
            }
            let tight = this.traffic.surroundings.held.load(Ordering::Relaxed) > TIGHT;
            let mut moved = false;
            for way in [Way::Upstream, Way::Downstream] {
                match this.round(way, context, tight) {
                    Poll::Ready(Some(cut)) => return this.finish(cut, context),
                    Poll::Ready(None) => moved = true,
                    Poll::Pending => {}
                }
            }
            if this.lanes.iter().all(Lane::is_done) && !this.lanes.iter().any(Lane::is_broken) {
                this.peers = None;
                return Poll::Ready("ended");
            }
            if !moved {
                this.count_held();
                let due = this.due();
                // What has come due while the others were looked at must not wait for its alarm.
                if due.is_none_or(|due| due > now()) {
                    this.alarm.set(due, context.waker());
                    return Poll::Pending;
                }
            }
        }
        this.count_held();
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.traffic.surroundings.held.fetch_sub(self.held, Ordering::Relaxed);
    }
}
