//! Settings and flow control (RFC 9113, section 5.2).

use std::time::Instant;

use bytes::Bytes;

use super::Connection;
use crate::http2::delivery::wide;
use crate::http2::frame::{self, Head};
use crate::http2::input::Fate;
use crate::layer::{Act, Way};

impl Connection {
    /// Whether the client accepts this frame now.
    pub(super) fn has_room(&self, head: &Head, fate: Fate) -> bool {
        // Without a debt the server's account of the window is the client's own.
        head.kind != frame::DATA || fate != Fate::Pass || self.debt == 0 || wide(head.length) <= self.window
    }

    pub(super) fn settings(&mut self, way: Way, payload: &[u8]) {
        for (setting, value) in frame::settings(payload) {
            match (setting, way) {
                // What the client allows is for the server's blocks, and the other way round.
                (frame::HEADER_TABLE_SIZE, Way::Upstream) => self.answers.allow(value),
                (frame::HEADER_TABLE_SIZE, Way::Downstream) => self.requests.allow(value),
                (frame::INITIAL_WINDOW_SIZE, Way::Upstream) => {
                    let change = i64::from(value) - self.stream_window;
                    self.stream_window += change;
                    for stream in self.streams.values_mut() {
                        stream.window += change;
                    }
                }
                _ => {}
            }
        }
    }

    /// The client accepts more.
    pub(super) fn credit(
        &mut self,
        stream: u32,
        credit: u32,
        whole: &Bytes,
        now: Instant,
        acts: &mut Vec<Act>,
    ) {
        if stream == 0 {
            self.window += i64::from(credit);
            let kept = self.debt.min(u64::from(credit));
            self.debt -= kept;
            let rest = credit - kept as u32;
            if kept == 0 {
                self.to_server.pass(whole.clone(), true, acts);
            } else if rest > 0 {
                self.to_server.pass(frame::window_update(0, rest), true, acts);
            }
            self.flush(now, acts);
            let stalled = std::mem::take(&mut self.stalled).freeze();
            self.bytes(Way::Downstream, stalled, now, acts);
            self.flush(now, acts);
            return;
        }
        if let Some(followed) = self.streams.get_mut(&stream) {
            followed.window += i64::from(credit);
        }
        if !self.unheard.contains(&stream) {
            self.to_server.pass(whole.clone(), true, acts);
        }
    }
}
