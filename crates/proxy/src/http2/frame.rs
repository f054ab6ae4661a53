//! Frames (RFC 9113, sections 4 and 6).

use bytes::{BufMut, Bytes, BytesMut};

/// What every client begins with (RFC 9113, section 3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The bytes of a frame's head.
pub(crate) const HEAD: usize = 9;

/// The payload that every peer accepts (RFC 9113, section 4.2).
pub(crate) const PAYLOAD: usize = 16_384;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 0x1;
pub(crate) const ACK: u8 = 0x1;
pub(crate) const END_HEADERS: u8 = 0x4;
pub(crate) const PADDED: u8 = 0x8;
pub(crate) const PRIORITY: u8 = 0x20;

pub(crate) const HEADER_TABLE_SIZE: u16 = 1;
pub(crate) const INITIAL_WINDOW_SIZE: u16 = 4;

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) length: usize,
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
}

impl Head {
    /// Reads a head from the first nine bytes.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let [a, b, c, kind, flags, stream @ ..] = bytes.get(..HEAD)? else { return None };
        let stream = stream.iter().fold(0_u32, |id, byte| id << 8 | u32::from(*byte)) & 0x7fff_ffff;
        let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
        Some(Self { length, kind: *kind, flags: *flags, stream })
    }

    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// A frame's payload without its padding, and with the priority of HEADERS taken off; `None` where that cannot be.
pub(crate) fn content(head: &Head, mut payload: Bytes) -> Option<Bytes> {
    if head.has(PADDED) && matches!(head.kind, DATA | HEADERS | PUSH_PROMISE) {
        let padding = usize::from(*payload.first()?);
        let end = payload.len().checked_sub(padding).filter(|end| *end >= 1)?;
        payload = payload.slice(1..end);
    }
    if head.kind == HEADERS && head.has(PRIORITY) {
        payload = payload.get(5..).map(|rest| payload.slice_ref(rest))?;
    }
    Some(payload)
}

fn write(out: &mut BytesMut, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    out.put_uint(payload.len() as u64, 3);
    out.put_u8(kind);
    out.put_u8(flags);
    out.put_u32(stream);
    out.put_slice(payload);
}

/// One frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(HEAD + payload.len());
    write(&mut out, kind, flags, stream, payload);
    out.freeze()
}

/// A header block in HEADERS, or PUSH_PROMISE where a stream is promised, and as many CONTINUATIONs as it takes.
pub(crate) fn headers(stream: u32, promised: Option<u32>, block: &[u8], end_stream: bool) -> Bytes {
    let (first_kind, prefix) = match promised {
        Some(promised) => (PUSH_PROMISE, promised.to_be_bytes().to_vec()),
        None => (HEADERS, Vec::new()),
    };
    let payload = [&prefix[..], block].concat();
    let mut out = BytesMut::with_capacity(payload.len() + 2 * HEAD);
    let pieces = payload.len().div_ceil(PAYLOAD).max(1);
    for at in 0..pieces {
        let piece = &payload[at * PAYLOAD..payload.len().min((at + 1) * PAYLOAD)];
        let kind = if at == 0 { first_kind } else { CONTINUATION };
        let end = if at == 0 && end_stream && promised.is_none() { END_STREAM } else { 0 };
        let last = if at + 1 == pieces { END_HEADERS } else { 0 };
        write(&mut out, kind, end | last, stream, piece);
    }
    out.freeze()
}

/// Ends one stream.
pub(crate) fn rst_stream(stream: u32, code: u32) -> Bytes {
    frame(RST_STREAM, 0, stream, &code.to_be_bytes())
}

/// Credit for a stream, or for the connection (stream 0).
pub(crate) fn window_update(stream: u32, bytes: u32) -> Bytes {
    frame(WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes())
}

/// Ends the connection; streams after `last` were not looked at.
pub(crate) fn goaway(last: u32, code: u32) -> Bytes {
    frame(GOAWAY, 0, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat())
}

/// The settings in a payload of SETTINGS.
pub(crate) fn settings(payload: &[u8]) -> impl Iterator<Item = (u16, u32)> {
    payload.chunks_exact(6).map(|entry| {
        let id = u16::from_be_bytes([entry[0], entry[1]]);
        (id, u32::from_be_bytes([entry[2], entry[3], entry[4], entry[5]]))
    })
}

/// The 31 bits at the start of a payload: an increment, a promised stream.
pub(crate) fn number(payload: &[u8]) -> Option<u32> {
    let bytes: [u8; 4] = payload.get(..4)?.try_into().ok()?;
    Some(u32::from_be_bytes(bytes) & 0x7fff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_header_block_goes_out_in_continuations() {
        let block = vec![7; 2 * PAYLOAD + 1];
        let mut bytes = headers(5, None, &block, true);
        let mut seen = Vec::new();
        let mut whole = Vec::new();
        while let Some(head) = Head::read(&bytes) {
            drop(bytes.split_to(HEAD));
            whole.extend_from_slice(&bytes.split_to(head.length));
            seen.push((head.kind, head.flags, head.stream));
        }
        assert_eq!(seen, [(HEADERS, END_STREAM, 5), (CONTINUATION, 0, 5), (CONTINUATION, END_HEADERS, 5)]);
        assert_eq!(whole, block);
    }

    #[test]
    fn padding_and_priority_are_taken_off_and_lies_about_them_refused() {
        let head = |flags| Head { length: 0, kind: HEADERS, flags, stream: 1 };
        let of = |flags, payload: &'static [u8]| content(&head(flags), Bytes::from_static(payload));
        assert_eq!(of(PADDED | PRIORITY, b"\x02\0\0\0\0\x10ab\0\0").unwrap(), &b"ab"[..]);
        assert_eq!(of(0, b"ab").unwrap(), &b"ab"[..]);
        assert_eq!(of(PADDED, b"\x05ab"), None);
        assert_eq!(of(PADDED, b""), None);
        assert_eq!(of(PRIORITY, b"\0\0"), None);
    }
}
