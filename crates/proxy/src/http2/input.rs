//! What comes in from one way, cut into frames.

use bytes::{Bytes, BytesMut};

use super::frame::{self, Head};

/// What is to be done with the payload of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It goes on as it comes.
    Pass,
    /// It goes nowhere.
    Swallow,
    /// It is wanted as a whole.
    Collect,
}

/// Where in a frame one is.
pub(crate) enum State {
    /// So many bytes of the preface are to come.
    Preface(usize),
    /// In a head.
    Head,
    /// In a payload, of which so many bytes are to come.
    Payload { head: Head, left: usize, fate: Fate },
}

/// One way.
pub(crate) struct Input {
    pub(crate) state: State,
    /// Bytes of a head, or of a frame that is wanted as a whole.
    pub(crate) held: BytesMut,
    /// The header block that is not complete.
    pub(crate) block: Option<Block>,
}

/// A header block and the frames it came in.
pub(crate) struct Block {
    pub(crate) stream: u32,
    pub(crate) end_stream: bool,
    pub(crate) promised: Option<u32>,
    pub(crate) fragments: BytesMut,
    pub(crate) frames: BytesMut,
}

impl Input {
    pub(crate) fn new(preface: usize) -> Self {
        let state = if preface > 0 { State::Preface(preface) } else { State::Head };
        Self { state, held: BytesMut::new(), block: None }
    }

    /// The next head, when it is complete; its bytes are then in `held`.
    pub(crate) fn head(&mut self, bytes: &mut Bytes) -> Option<Head> {
        let room = (frame::HEAD - self.held.len().min(frame::HEAD)).min(bytes.len());
        self.held.extend_from_slice(&bytes.split_to(room));
        Head::read(&self.held)
    }

    /// Everything that has not gone on yet.
    pub(crate) fn take(&mut self) -> Bytes {
        let mut all = self.block.take().map(|block| block.frames).unwrap_or_default();
        all.extend_from_slice(&std::mem::take(&mut self.held));
        all.freeze()
    }
}
