//! Heads of frames (RFC 6455, section 5.2).

/// The head of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// Whether the message ends with it.
    pub(crate) last: bool,
    /// Whether its message is compressed (RSV1, RFC 7692).
    pub(crate) compressed: bool,
    pub(crate) kind: Kind,
    /// Bytes of the payload.
    pub(crate) length: u64,
    /// Bytes of the head itself, with the mask.
    pub(crate) size: usize,
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Continuation,
    Text,
    Binary,
    Close,
    /// Ping or pong.
    Control,
}

/// What the start of a frame shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// More bytes are needed to know.
    More,
    Head(Head),
    /// This is no frame.
    Nothing,
}

/// The longest head.
pub(crate) const LONGEST: usize = 14;

/// Reads the head of a frame from its first bytes.
pub(crate) fn read(bytes: &[u8]) -> Read {
    let Some(first) = bytes.first() else { return Read::More };
    let kind = match first & 0x0f {
        0 => Kind::Continuation,
        1 => Kind::Text,
        2 => Kind::Binary,
        8 => Kind::Close,
        9 | 10 => Kind::Control,
        _ => return Read::Nothing,
    };
    let Some(second) = bytes.get(1) else { return Read::More };
    let last = first & 0x80 != 0;
    let short = second & 0x7f;
    if matches!(kind, Kind::Close | Kind::Control) && (!last || short > 125) {
        return Read::Nothing;
    }
    let extended = match short {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let size = 2 + extended + if second & 0x80 != 0 { 4 } else { 0 };
    if bytes.len() < size {
        return Read::More;
    }
    let length = match extended {
        0 => u64::from(short),
        _ => bytes[2..2 + extended].iter().fold(0, |length, byte| length << 8 | u64::from(*byte)),
    };
    if length >> 63 != 0 {
        return Read::Nothing;
    }
    Read::Head(Head { last, compressed: first & 0x40 != 0, kind, length, size })
}

/// A close frame; masked, as a client's must be, where there is a key.
pub(crate) fn close(payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let mut frame = vec![0x88, payload.len() as u8 | if mask.is_some() { 0x80 } else { 0 }];
    frame.extend_from_slice(mask.as_ref().map_or(&[], |key| &key[..]));
    let key = mask.unwrap_or_default();
    frame.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}
