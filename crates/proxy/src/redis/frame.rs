//! Where one reply (or one argument) ends, read as it comes: RESP2 and RESP3.

/// What was read of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scanned {
    /// All of them, and it goes on.
    All,
    /// Up to this place, where it ends.
    End(usize),
    /// This is not Redis's protocol.
    Broken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// At the first byte of an element.
    Start,
    /// In a line of text.
    Text,
    /// In a line with a number, of an element that began with this byte.
    Number { of: u8, value: i64, negative: bool, digits: u8 },
    /// So many bytes of a bulk string are still to come, its line end included.
    Bulk(u64),
}

/// One thing on the wire, with all that is nested in it. Nothing is kept but where it is, and its first word.
#[derive(Debug)]
pub(super) struct Frame {
    state: State,
    /// Elements that are still to come, at any depth.
    left: u64,
    kind: Option<u8>,
    word: [u8; Self::WORD],
    word_length: usize,
    catching: bool,
    number: i64,
}

impl Frame {
    const WORD: usize = 16;

    /// The next thing on the wire.
    pub(super) fn one() -> Self {
        Self::several(1)
    }

    /// The next so many things.
    pub(super) fn several(left: u64) -> Self {
        Self {
            state: State::Start,
            left,
            kind: None,
            word: [0; Self::WORD],
            word_length: 0,
            catching: false,
            number: 0,
        }
    }

    /// Whether nothing of it has been read.
    pub(super) fn is_new(&self) -> bool {
        self.kind.is_none()
    }

    /// Its first byte.
    pub(super) fn kind(&self) -> u8 {
        self.kind.unwrap_or(0)
    }

    /// Of a list the first element, of a line its text: at most the first 16 bytes.
    pub(super) fn word(&self) -> &[u8] {
        &self.word[..self.word_length]
    }

    /// The last integer in it.
    pub(super) fn number(&self) -> i64 {
        self.number
    }

    /// Reads on.
    pub(super) fn scan(&mut self, bytes: &[u8]) -> Scanned {
        let mut at = 0;
        while self.left > 0 {
            let Some(byte) = bytes.get(at) else { return Scanned::All };
            match &mut self.state {
                State::Start => {
                    let top = self.kind.is_none();
                    self.kind.get_or_insert(*byte);
                    at += 1;
                    self.state = match byte {
                        b'+' | b'-' | b'_' | b'#' | b',' | b'(' => {
                            self.catching = top;
                            State::Text
                        }
                        b':' | b'$' | b'=' | b'!' | b'*' | b'~' | b'>' | b'%' | b'|' => {
                            if let Some((number, length)) = short_number(&bytes[at..]) {
                                at += length;
                                if !self.numbered(*byte, number) {
                                    return Scanned::Broken;
                                }
                                continue;
                            }
                            State::Number { of: *byte, value: 0, negative: false, digits: 0 }
                        }
                        _ => return Scanned::Broken,
                    };
                }
                State::Text => {
                    let end = bytes[at..].iter().position(|byte| *byte == b'\n');
                    let upto = end.map_or(bytes.len(), |end| at + end + 1);
                    if self.catching {
                        self.catch(&bytes[at..upto]);
                    }
                    at = upto;
                    if end.is_some() {
                        self.element();
                    }
                }
                State::Number { of, value, negative, digits } => {
                    at += 1;
                    match byte {
                        b'-' if *digits == 0 => *negative = true,
                        b'+' if *digits == 0 => {}
                        // More digits than an i64 has are a big number without a length: only its end matters.
                        b'0'..=b'9' if *digits < 18 || *of == b':' => {
                            *value = value.wrapping_mul(10).wrapping_add(i64::from(byte - b'0'));
                            *digits = digits.saturating_add(1);
                        }
                        b'\r' if *digits > 0 => {}
                        b'\n' if *digits > 0 => {
                            let number = if *negative { value.wrapping_neg() } else { *value };
                            let of = *of;
                            if !self.numbered(of, number) {
                                return Scanned::Broken;
                            }
                        }
                        _ => return Scanned::Broken,
                    }
                }
                State::Bulk(left) => {
                    let here = (bytes.len() - at).min(usize::try_from(*left).unwrap_or(usize::MAX));
                    // The line end after the bytes is not part of the word.
                    let text = here.min(usize::try_from(left.saturating_sub(2)).unwrap_or(usize::MAX));
                    *left -= here as u64;
                    let ended = *left == 0;
                    if self.catching {
                        self.catch(&bytes[at..at + text]);
                    }
                    at += here;
                    if ended {
                        self.element();
                    }
                }
            }
        }
        Scanned::End(at)
    }

    /// A line with a number has ended. False when the number cannot be.
    fn numbered(&mut self, of: u8, number: i64) -> bool {
        let nested = match of {
            b':' => {
                self.number = number;
                self.element();
                return true;
            }
            b'$' | b'=' | b'!' => {
                let Ok(length) = u64::try_from(number) else {
                    self.element();
                    return true;
                };
                // Only the first element of a list is its word.
                self.catching = self.catching && self.word_length == 0;
                self.state = State::Bulk(length + 2);
                return true;
            }
            b'%' | b'|' => number.max(0) as u64 * 2,
            _ => number.max(0) as u64,
        };
        let Some(left) = self.left.checked_add(nested) else { return false };
        self.left = left;
        self.catching = self.word_length == 0 && matches!(of, b'*' | b'>');
        if of == b'|' {
            // Attributes stand in front of an element and are none.
            self.state = State::Start;
        } else {
            self.element_keeping();
        }
        true
    }

    fn element(&mut self) {
        self.catching = false;
        self.element_keeping();
    }

    fn element_keeping(&mut self) {
        self.state = State::Start;
        self.left -= 1;
    }

    fn catch(&mut self, bytes: &[u8]) {
        let room = Self::WORD - self.word_length;
        let bytes = &bytes[..bytes.len().min(room)];
        self.word[self.word_length..][..bytes.len()].copy_from_slice(bytes);
        self.word_length += bytes.len();
    }
}

/// Most numbers are one to four digits and all there with their line end: the number, and the length of its line.
fn short_number(bytes: &[u8]) -> Option<(i64, usize)> {
    let mut value = 0;
    for (n, byte) in bytes.iter().take(5).enumerate() {
        match byte {
            b'0'..=b'9' => value = value * 10 + i64::from(byte - b'0'),
            b'\r' if n > 0 && bytes.get(n + 1) == Some(&b'\n') => return Some((value, n + 2)),
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAMES: [&[u8]; 18] = [
        b"+OK\r\n",
        b"-ERR no\r\n",
        b":-12\r\n",
        b"$-1\r\n",
        b"$0\r\n\r\n",
        b"$5\r\na\r\nbc\r\n",
        b"*-1\r\n",
        b"*0\r\n",
        b"*2\r\n*1\r\n:1\r\n$1\r\nx\r\n",
        b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:7\r\n",
        b">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n",
        b"%1\r\n+a\r\n~2\r\n:1\r\n_\r\n",
        b"|1\r\n+ttl\r\n:3600\r\n:5\r\n",
        b"#t\r\n",
        b",1.5e3\r\n",
        b"(123456789012345678901234567890\r\n",
        b"=6\r\ntxt:ab\r\n",
        b"!3\r\nERR\r\n",
    ];

    #[test]
    fn every_kind_of_frame_ends_where_it_ends_in_chunks_of_any_size() {
        for frame in FRAMES {
            for size in 1..=frame.len() {
                let mut scan = Frame::one();
                let mut rest = frame;
                while rest.len() > size {
                    assert_eq!(scan.scan(&rest[..size]), Scanned::All, "{frame:?} {size}");
                    rest = &rest[size..];
                }
                let more = [rest, b"+X"].concat();
                assert_eq!(scan.scan(&more), Scanned::End(rest.len()), "{frame:?} {size}");
            }
        }
    }

    #[test]
    fn the_first_word_and_the_last_number_are_caught() {
        let scan = |bytes: &[u8]| {
            let mut scan = Frame::one();
            bytes.chunks(3).for_each(|chunk| assert_ne!(scan.scan(chunk), Scanned::Broken));
            (scan.kind(), scan.word().to_vec(), scan.number())
        };
        assert_eq!(scan(FRAMES[9]), (b'*', b"subscribe".to_vec(), 7));
        assert_eq!(scan(FRAMES[10]), (b'>', b"message".to_vec(), 0));
        assert_eq!(scan(b"+1339518083.107412 [0 127.0.0.1:60866]\r\n").1, b"1339518083.10741");
        assert_eq!(scan(b"*2\r\n:1\r\n$1\r\nx\r\n").1, b"");
    }

    #[test]
    fn what_is_no_reply_is_broken_and_never_a_panic() {
        for broken in
            [&b"HTTP/1.1"[..], b"$x\r\n", b"*?\r\n", b"$\r\n", b"$9999999999999999999\r\n", b"\x16\x03"]
        {
            assert_eq!(Frame::one().scan(broken), Scanned::Broken, "{broken:?}");
        }
        let mut deep = Frame::one();
        let many = b"*999999999999999999\r\n".repeat(100);
        assert_eq!(deep.scan(&many), Scanned::Broken);
    }
}
