//! Where a body ends, while it passes.

/// How the end of a body is known, and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// So many bytes are to come.
    Length(u64),
    /// In chunks (RFC 9112, section 7.1).
    Chunked(Chunk),
    /// All that comes until the sender ends.
    UntilEnd,
}

/// Where in a chunked body one is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// In the digits of a size.
    Size { value: u64, digits: u32 },
    /// After the digits, before the end of the line.
    Extension { value: u64, length: u32 },
    /// So many bytes of data are to come.
    Data(u64),
    /// In the line end after the data.
    AfterData,
    /// In the trailers: whether the line has anything in it, and how much there was.
    Trailer { empty: bool, length: u32 },
}

/// A run of bytes of one kind at the front of what was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// Its bytes.
    pub(crate) size: usize,
    /// Data, or what frames it.
    pub(crate) kind: Kind,
    /// Whether the body ends with it.
    pub(crate) last: bool,
}

/// What bytes of a body are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Data,
    Frame,
}

/// The bytes are no chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoChunk;

impl Framing {
    /// A chunked body from its start.
    pub(crate) fn chunked() -> Self {
        Self::Chunked(Chunk::Size { value: 0, digits: 0 })
    }

    /// Whether there is no body at all.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::Length(0)
    }

    /// The next run of bytes; `bytes` is not empty.
    pub(crate) fn next(&mut self, bytes: &[u8]) -> Result<Part, NoChunk> {
        match self {
            Self::UntilEnd => Ok(Part { size: bytes.len(), kind: Kind::Data, last: false }),
            Self::Length(left) => {
                let size = take(left, bytes.len());
                Ok(Part { size, kind: Kind::Data, last: *left == 0 })
            }
            Self::Chunked(chunk) => chunk.next(bytes),
        }
    }
}

fn take(left: &mut u64, most: usize) -> usize {
    let size = usize::try_from(*left).map_or(most, |left| left.min(most));
    *left -= size as u64;
    size
}

impl Chunk {
    /// The most bytes of a chunk's extension, and of all trailers.
    const LONGEST: u32 = 64 * 1024;

    fn next(&mut self, bytes: &[u8]) -> Result<Part, NoChunk> {
        if let Self::Data(left) = self {
            let size = take(left, bytes.len());
            if *left == 0 {
                *self = Self::AfterData;
            }
            return Ok(Part { size, kind: Kind::Data, last: false });
        }
        for (at, byte) in bytes.iter().enumerate() {
            let last = self.step(*byte)?;
            if last || matches!(self, Self::Data(_)) {
                return Ok(Part { size: at + 1, kind: Kind::Frame, last });
            }
        }
        Ok(Part { size: bytes.len(), kind: Kind::Frame, last: false })
    }

    /// One byte outside of the data; whether it is the last of the body.
    fn step(&mut self, byte: u8) -> Result<bool, NoChunk> {
        match self {
            Self::Size { value, digits } => match char::from(byte).to_digit(16) {
                Some(digit) if *digits < 15 => {
                    *value = *value * 16 + u64::from(digit);
                    *digits += 1;
                }
                Some(_) => return Err(NoChunk),
                None if *digits == 0 => return Err(NoChunk),
                None => {
                    *self = Self::Extension { value: *value, length: 0 };
                    return self.step(byte);
                }
            },
            Self::Extension { value, length } => match byte {
                b'\n' if *value == 0 => *self = Self::Trailer { empty: true, length: 0 },
                b'\n' => *self = Self::Data(*value),
                // Only blanks and extensions stand between the digits and the end of the line.
                b';' | b' ' | b'\t' | b'\r' if *length == 0 => *length = 1,
                _ if *length == 0 || *length >= Self::LONGEST => return Err(NoChunk),
                _ => *length += 1,
            },
            Self::AfterData => match byte {
                b'\r' => {}
                b'\n' => *self = Self::Size { value: 0, digits: 0 },
                _ => return Err(NoChunk),
            },
            Self::Trailer { empty, length } => match byte {
                b'\n' if *empty => return Ok(true),
                b'\n' => *empty = true,
                b'\r' => {}
                _ if *length >= Self::LONGEST => return Err(NoChunk),
                _ => {
                    *empty = false;
                    *length += 1;
                }
            },
            Self::Data(_) => {}
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(stream: &[u8], cut: usize) -> Result<(Vec<u8>, usize), NoChunk> {
        let (mut framing, mut data, mut at) = (Framing::chunked(), Vec::new(), 0);
        while at < stream.len() {
            let to = stream.len().min(at + cut);
            let part = framing.next(&stream[at..to])?;
            if part.kind == Kind::Data {
                data.extend_from_slice(&stream[at..at + part.size]);
            }
            at += part.size;
            if part.last {
                return Ok((data, at));
            }
        }
        Ok((data, 0))
    }

    #[test]
    fn chunks_with_extensions_and_trailers_are_followed_wherever_they_are_cut() {
        let stream = b"4;name=\"a;b\"\r\nWiki\r\n6 \r\npedia \r\nC\r\nin \r\n\r\nchunk\r\n0\r\nX-Sum: 1\r\n\r\nHTTP/1.1 200";
        for cut in 1..stream.len() {
            let (data, end) = data(stream, cut).unwrap();
            assert_eq!(data, b"Wikipedia in \r\n\r\nchunk", "{cut}");
            assert_eq!(&stream[end..], b"HTTP/1.1 200", "{cut}");
        }
    }

    #[test]
    fn what_is_no_chunk_is_said() {
        for stream in
            [&b"xyz\r\n"[..], b"\r\n", b"4\r\nabcdX", b"4x\r\n", b"fffffffffffffffff\r\n", b"-1\r\n"]
        {
            assert_eq!(data(stream, 1), Err(NoChunk), "{stream:?}");
        }
    }
}
