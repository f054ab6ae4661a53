//! What goes out on the streams that are followed, within the windows of the client.

use std::collections::BTreeSet;
use std::time::Instant;

use super::connection::{Connection, Mode, ServerSide};
use super::frame;
use super::stream::{Piece, Server, Stream};
use crate::http::code;
use crate::layer::{Act, Way};

/// How many streams are remembered after their end, for frames that were on their way.
pub(super) const REMEMBERED: usize = 4096;

impl Connection {
    /// Tells the server that nobody wants the rest of a stream.
    pub(super) fn dismiss(&mut self, stream: u32, server: Server, acts: &mut Vec<Act>) {
        if server == Server::Unwanted {
            remember(&mut self.unwanted, stream);
            if !self.unheard.contains(&stream) {
                remember(&mut self.unheard, stream);
                self.to_server.add(frame::rst_stream(stream, code::CANCEL), acts);
            }
        }
    }

    /// The client has sent all of its request.
    pub(super) fn asked(&mut self, stream: u32) {
        if let Some(followed) = self.streams.get_mut(&stream) {
            followed.asked = true;
        }
    }

    /// Sends what may go out on the streams that are followed.
    pub(super) fn flush(&mut self, now: Instant, acts: &mut Vec<Act>) {
        let ids: Vec<u32> = self.streams.keys().copied().collect();
        for id in ids {
            while self.mode == Mode::Following {
                let Some(followed) = self.streams.get_mut(&id) else { break };
                let Some(piece) = followed.next(now) else { break };
                if !self.piece(id, piece, acts) {
                    break;
                }
            }
        }
        let waits = self.server != ServerSide::Ended || !self.stalled.is_empty();
        if !waits && self.mode == Mode::Following && self.streams.values().all(Stream::is_idle) {
            self.server = ServerSide::Told;
            acts.push(Act::End(Way::Downstream));
        }
    }

    /// Sends one piece; whether the next one may follow.
    pub(super) fn piece(&mut self, id: u32, piece: Piece, acts: &mut Vec<Act>) -> bool {
        match piece {
            Piece::Head { fields, end } => {
                self.answers.part();
                let block = self.answers.encode(&fields);
                self.to_client.add(frame::headers(id, None, &block, end), acts);
                if end {
                    self.finished(id, acts);
                }
            }
            Piece::Data { mut bytes, end } => {
                let Some(followed) = self.streams.get_mut(&id) else { return false };
                let room = followed.window.min(self.window).clamp(0, wide(frame::PAYLOAD)) as usize;
                if bytes.is_empty() && !end {
                    return true;
                }
                if room == 0 && !bytes.is_empty() {
                    followed.blocked = Some(Piece::Data { bytes, end });
                    return false;
                }
                let now = bytes.split_to(room.min(bytes.len()));
                followed.window -= wide(now.len());
                self.window -= wide(now.len());
                self.debt += now.len() as u64;
                let last = bytes.is_empty();
                let flags = if last && end { frame::END_STREAM } else { 0 };
                if !last {
                    followed.blocked = Some(Piece::Data { bytes, end });
                }
                self.to_client.add(frame::frame(frame::DATA, flags, id, &now), acts);
                if last && end {
                    self.finished(id, acts);
                }
            }
            Piece::Reset(code) => {
                self.to_client.add(frame::rst_stream(id, code), acts);
                self.streams.remove(&id);
                remember(&mut self.unwanted, id);
                if !self.unheard.contains(&id) {
                    remember(&mut self.unheard, id);
                    self.to_server.add(frame::rst_stream(id, code::CANCEL), acts);
                }
            }
            Piece::Goaway(code) => {
                // Nobody looked at this stream, nor at those after it.
                self.to_client.add(frame::goaway(id.saturating_sub(2), code), acts);
                // The client's way stays open until it ends it, so that no reset overtakes the frame.
                self.leave(Mode::Over);
                acts.extend([Act::End(Way::Downstream), Act::End(Way::Upstream)]);
            }
        }
        true
    }

    /// The answer is complete.
    pub(super) fn finished(&mut self, id: u32, acts: &mut Vec<Act>) {
        let Some(followed) = self.streams.remove(&id) else { return };
        if self.unheard.contains(&id) && !followed.asked {
            // The rest of the request is of no use (RFC 9113, section 8.1).
            self.to_client.add(frame::rst_stream(id, code::NO_ERROR), acts);
        }
    }
}

/// A size of a frame, which is far below the limit of either type.
pub(super) fn wide(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// Adds a stream, and forgets the oldest one where there are too many.
pub(super) fn remember(streams: &mut BTreeSet<u32>, stream: u32) {
    streams.insert(stream);
    if streams.len() > REMEMBERED {
        streams.pop_first();
    }
}
