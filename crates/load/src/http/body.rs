//! Where the body of an answer ends (RFC 9112, 6.3).

use httparse::Status;

use crate::Failure;

/// How far a body is; its bytes are counted and thrown away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    /// So many bytes are left.
    Length(u64),
    /// It ends with the connection.
    UntilClose,
    /// The size of a chunk comes next.
    Size,
    /// So many bytes of a chunk are left.
    Chunk(u64),
    /// The line break after a chunk comes next.
    Break,
    /// Trailers come next, so many bytes of them were read.
    Trailers(usize),
}

/// What became of the bytes that were there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Eaten {
    /// So many were a part of the body; it goes on.
    Some(usize),
    /// So many were the rest of it.
    All(usize),
}

/// A line of a chunk's size, or all trailers, take less than this.
const LONGEST_LINE: usize = 16 * 1024;

impl Body {
    /// Takes as much as there is of it.
    pub(crate) fn eat(&mut self, bytes: &[u8]) -> Result<Eaten, Failure> {
        let mut at = 0;
        loop {
            let rest = &bytes[at..];
            match self {
                Self::Length(left) => {
                    let now = rest.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= now as u64;
                    return Ok(if *left == 0 { Eaten::All(at + now) } else { Eaten::Some(at + now) });
                }
                Self::UntilClose => return Ok(Eaten::Some(bytes.len())),
                Self::Size => match httparse::parse_chunk_size(rest) {
                    Ok(Status::Complete((used, size))) => {
                        at += used;
                        *self = if size == 0 { Self::Trailers(0) } else { Self::Chunk(size) };
                    }
                    Ok(Status::Partial) if rest.len() < LONGEST_LINE => return Ok(Eaten::Some(at)),
                    Ok(Status::Partial) | Err(_) => return Err(Failure::Malformed),
                },
                Self::Chunk(left) => {
                    let now = rest.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= now as u64;
                    at += now;
                    if *left > 0 {
                        return Ok(Eaten::Some(at));
                    }
                    *self = Self::Break;
                }
                Self::Break => match rest {
                    [b'\r', b'\n', ..] => {
                        at += 2;
                        *self = Self::Size;
                    }
                    [] | [b'\r'] => return Ok(Eaten::Some(at)),
                    _ => return Err(Failure::Malformed),
                },
                Self::Trailers(read) => {
                    let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") else {
                        let short = *read + rest.len() < LONGEST_LINE;
                        return if short { Ok(Eaten::Some(at)) } else { Err(Failure::Malformed) };
                    };
                    at += end + 2;
                    if end == 0 {
                        return Ok(Eaten::All(at));
                    }
                    *read += end + 2;
                    if *read >= LONGEST_LINE {
                        return Err(Failure::Malformed);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Feeds it in pieces, what is not eaten again with the next.
    fn feed(mut body: Body, bytes: &[u8], cut: usize) -> Result<Option<usize>, Failure> {
        let mut from = 0;
        let mut to = 0;
        while to < bytes.len() {
            to = (to + cut).min(bytes.len());
            match body.eat(&bytes[from..to])? {
                Eaten::Some(some) => from += some,
                Eaten::All(all) => return Ok(Some(from + all)),
            }
        }
        Ok(None)
    }

    #[test]
    fn a_body_ends_where_it_says_however_it_is_cut() {
        let chunked = b"5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nx: y\r\n\r\nmore";
        for cut in 1..chunked.len() {
            assert_eq!(feed(Body::Size, chunked, cut), Ok(Some(chunked.len() - 4)), "in pieces of {cut}");
            assert_eq!(feed(Body::Length(10), chunked, cut), Ok(Some(10)));
            assert_eq!(feed(Body::UntilClose, chunked, cut), Ok(None));
        }
    }

    #[test]
    fn chunks_that_are_none_are_malformed() {
        for bad in [&b"zz\r\n"[..], b"2\r\nabXY", b"99999999999999999999\r\n", b"-1\r\n"] {
            assert_eq!(feed(Body::Size, bad, 1), Err(Failure::Malformed), "{bad:?}");
        }
        let endless =
            b"0\r\n".iter().chain(b"a: b\r\n".iter().cycle()).take(40_000).copied().collect::<Vec<_>>();
        assert_eq!(feed(Body::Size, &endless, 1_000), Err(Failure::Malformed));
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(bytes in proptest::collection::vec(any::<u8>(), 0..300), cut in 1_usize..50) {
            for body in [Body::Size, Body::Length(100), Body::Break, Body::Trailers(0)] {
                if let Ok(Some(end)) = feed(body, &bytes, cut) {
                    prop_assert!(end <= bytes.len());
                }
            }
        }
    }
}
