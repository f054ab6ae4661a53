//! One way of a connection: read here, pass the toxics, write there.

use std::collections::VecDeque;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;

use super::link::Count;
use super::peer::Peer;
use crate::chain::{Chain, Cut, Piece};
use crate::layer::Way;
use crate::worker::{Pipe, SCRATCH_SIZE, with_scratch};

/// Bytes that toxics have let go and that wait for the receiver; beyond that the sender waits too.
const OUT_LIMIT: usize = 64 * 1024;

/// Full reads in a row after which a way counts as bulk and is spliced.
const FULL_READS: u8 = 2;

/// A spliced move below this is small; after some in a row the way is copied again.
const SMALL: usize = 8 * 1024;
const SMALL_MOVES: u8 = 32;

/// What comes after all bytes that are to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    End,
    Close,
}

/// What a read brought.
#[derive(Debug)]
pub(super) enum Came {
    Bytes(Bytes),
    End,
    /// The sender is gone with a reset, or as good as.
    Lost,
    /// Bytes went straight on.
    Passed,
    Nothing,
}

/// One way.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) chain: Chain,
    /// What the chain has let go; empty between two calls.
    pub(super) ready: Vec<Piece>,
    /// Bulk bytes on their way within the kernel. They are before `out`.
    pipe: Option<Pipe>,
    out: VecDeque<Bytes>,
    out_bytes: usize,
    after: Option<After>,
    /// The sender may still send.
    source_open: bool,
    /// The receiver has been told the end, or cannot be told anything any more.
    done: bool,
    /// The receiver took no more: it was reset.
    broken: bool,
    /// Since when nothing was read, because nothing could be written.
    pub(super) unread_since: Option<Instant>,
    full_reads: u8,
    small_moves: u8,
}

impl Lane {
    pub(super) fn new(way: Way) -> Self {
        Self {
            chain: Chain::new(way),
            ready: Vec::new(),
            pipe: None,
            out: VecDeque::new(),
            out_bytes: 0,
            after: None,
            source_open: true,
            done: false,
            broken: false,
            unread_since: None,
            full_reads: 0,
            small_moves: 0,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }

    pub(super) fn is_source_open(&self) -> bool {
        self.source_open
    }

    /// What is held in memory.
    pub(super) fn held(&self) -> usize {
        if self.done { 0 } else { self.chain.held() + self.out_bytes }
    }

    /// Puts what the chain has let go in line to be written.
    pub(super) fn collect(&mut self) -> Option<Cut> {
        for piece in self.ready.drain(..) {
            if self.after.is_some() || self.done {
                continue;
            }
            match piece {
                Piece::Data(bytes) => {
                    self.out_bytes += bytes.len();
                    self.out.push_back(bytes);
                }
                Piece::End => self.after = Some(After::End),
                Piece::Close => self.after = Some(After::Close),
                Piece::Reset => return Some(Cut::Reset),
            }
        }
        None
    }

    /// Lets the chain run, and collects.
    pub(super) fn run(&mut self, now: Instant) -> Option<Cut> {
        let cut = self.chain.run(now, &mut self.ready);
        self.collect().or(cut)
    }

    /// Writes what can be written. `Ready`: something was; the value says how the connection ends, if it does.
    pub(super) fn flush(
        &mut self,
        context: &mut Context<'_>,
        to: &mut Peer,
        count: &Count,
    ) -> Poll<Option<Cut>> {
        let mut moved = false;
        if let Some(pipe) = &mut self.pipe {
            while pipe.held() > 0 {
                match to.poll_empty(context, pipe) {
                    Poll::Ready(Ok(bytes @ 1..)) => {
                        count.sent(bytes);
                        moved = true;
                    }
                    Poll::Ready(_) => return self.lose(),
                    Poll::Pending => return pending_unless(moved),
                }
            }
        }
        while let Some(bytes) = self.out.front_mut() {
            match to.poll_write(context, bytes) {
                Poll::Ready(Ok(written @ 1..)) => {
                    count.sent(written);
                    self.out_bytes -= written;
                    if written == bytes.len() {
                        self.out.pop_front();
                    } else {
                        let _ = bytes.split_to(written);
                    }
                    moved = true;
                }
                Poll::Ready(_) => return self.lose(),
                Poll::Pending => return pending_unless(moved),
            }
        }
        match self.after {
            Some(After::Close) => return Poll::Ready(Some(Cut::Close)),
            Some(After::End) if !self.done => match to.poll_end(context) {
                Poll::Ready(_) => {
                    self.done = true;
                    moved = true;
                }
                Poll::Pending => {}
            },
            _ => {}
        }
        pending_unless(moved)
    }

    /// The receiver takes no more. What it still sends is read to its end before the sender learns of it.
    fn lose(&mut self) -> Poll<Option<Cut>> {
        self.broken = true;
        self.done = true;
        self.source_open = false;
        self.pipe = None;
        self.out.clear();
        self.out_bytes = 0;
        Poll::Ready(None)
    }

    /// Whether more may be read now.
    pub(super) fn has_room(&self, tight: bool) -> bool {
        self.source_open
            && !self.done
            && self.after.is_none()
            && self.pipe.as_ref().is_none_or(|pipe| pipe.held() == 0)
            // Without toxics nothing is gained by reading on while the receiver does not: the kernel holds it as well.
            && (self.out.is_empty() || !self.chain.is_empty() && self.out_bytes < OUT_LIMIT)
            && self.chain.has_room()
            && (!tight || self.held() < SCRATCH_SIZE)
    }

    /// Reads once. `raw`: nothing wants to see the bytes, and none wait; they go straight on.
    pub(super) fn read(
        &mut self,
        context: &mut Context<'_>,
        from: &mut Peer,
        to: &mut Peer,
        count: &Count,
        raw: bool,
    ) -> Came {
        let raw = raw && self.chain.is_empty() && self.out.is_empty();
        if raw && self.full_reads >= FULL_READS {
            if self.pipe.is_none() {
                // Without a descriptor for it the bytes are copied.
                self.pipe = Pipe::take().ok();
            }
            if let Some(pipe) = &mut self.pipe {
                let filled = from.poll_fill(context, pipe);
                let came = match filled {
                    Poll::Ready(Ok(0)) => self.source_ended(Came::End),
                    Poll::Ready(Ok(bytes)) => {
                        count.received(bytes);
                        self.small_moves = if bytes < SMALL { self.small_moves + 1 } else { 0 };
                        if self.small_moves > SMALL_MOVES {
                            self.full_reads = 0;
                            self.small_moves = 0;
                        }
                        return Came::Passed;
                    }
                    Poll::Ready(Err(_)) => self.source_ended(Came::Lost),
                    Poll::Pending => Came::Nothing,
                };
                // An idle way holds no pipe.
                self.pipe = None;
                return came;
            }
        }
        self.pipe = None;
        with_scratch(|buffer| {
            let bytes = match from.poll_read(context, buffer) {
                Poll::Ready(Ok(0)) => return self.source_ended(Came::End),
                Poll::Ready(Ok(bytes)) => bytes,
                Poll::Ready(Err(_)) => return self.source_ended(Came::Lost),
                Poll::Pending => return Came::Nothing,
            };
            count.received(bytes);
            self.full_reads = if bytes == buffer.len() { self.full_reads.saturating_add(1) } else { 0 };
            let mut buffer = &buffer[..bytes];
            if !raw {
                return Came::Bytes(Bytes::copy_from_slice(buffer));
            }
            while !buffer.is_empty() {
                match to.poll_write(context, buffer) {
                    Poll::Ready(Ok(written @ 1..)) => {
                        count.sent(written);
                        buffer = &buffer[written..];
                    }
                    Poll::Ready(_) => {
                        let _ = self.lose();
                        return Came::Passed;
                    }
                    Poll::Pending => {
                        self.out_bytes += buffer.len();
                        self.out.push_back(Bytes::copy_from_slice(buffer));
                        break;
                    }
                }
            }
            Came::Passed
        })
    }

    /// The sender was reset while it was not read: what it had sent before and is not read yet is lost, as it is when
    /// nobody stands between the two.
    pub(super) fn forsake(&mut self, now: Instant) {
        self.source_open = false;
        self.unread_since = None;
        self.chain.push(Piece::Reset, now, &mut self.ready);
    }

    fn source_ended(&mut self, came: Came) -> Came {
        self.source_open = false;
        came
    }
}

fn pending_unless(moved: bool) -> Poll<Option<Cut>> {
    if moved { Poll::Ready(None) } else { Poll::Pending }
}
