//! The frames of the protocol (PostgreSQL, "Message Formats").

/// The longest head that is held.
pub(super) const LONGEST: usize = 64 * 1024;

/// What five bytes say about the message that they begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// They are not all there.
    More,
    /// This cannot be a message.
    Foreign,
    /// Its type, and its length with the type.
    Of(u8, u64),
}

/// Reads the header of the message that begins here.
pub(super) fn header(bytes: &[u8]) -> Header {
    let Some(head) = bytes.first_chunk::<5>() else { return Header::More };
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
    // The server's own limit is a gigabyte.
    if head[0].is_ascii_alphanumeric() && (4..=0x4000_0000).contains(&length) {
        Header::Of(head[0], u64::from(length) + 1)
    } else {
        Header::Foreign
    }
}

/// Text up to a zero byte, and what comes after that.
pub(super) fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

/// A message of this type with this body.
pub(super) fn message(kind: u8, body: &[&[u8]]) -> Vec<u8> {
    let length = body.iter().map(|part| part.len()).sum::<usize>() as u32 + 4;
    let mut bytes = vec![kind];
    bytes.extend_from_slice(&length.to_be_bytes());
    for part in body {
        bytes.extend_from_slice(part);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_texts_are_read_and_written() {
        let sync = message(b'S', &[]);
        assert_eq!(header(&sync[..4]), Header::More);
        assert_eq!(header(&sync), Header::Of(b'S', 5));
        assert_eq!(header(b"Q\0\0\0\x03"), Header::Foreign);
        assert_eq!(header(b"\x16\x03\x01\x02\x00"), Header::Foreign);
        assert_eq!(header(b"Q\xff\xff\xff\xff"), Header::Foreign);
        assert_eq!(text(b"ab\0c"), Some((&b"ab"[..], &b"c"[..])));
        assert_eq!(text(b"ab"), None);
    }
}
