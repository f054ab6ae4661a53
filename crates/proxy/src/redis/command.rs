//! The head of a command: its first arguments, as many as somebody must know, read as they come.

use std::ops::Range;

/// A command's known arguments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Command<'a> {
    bytes: &'a [u8],
    args: &'a [Range<usize>],
    total: usize,
}

impl<'a> Command<'a> {
    /// How many arguments are known, the name included.
    pub(super) fn known(&self) -> usize {
        self.args.len()
    }

    /// How many there are.
    pub(super) fn total(&self) -> usize {
        self.total
    }

    /// One of them, the name at 0, where it is known.
    pub(super) fn arg(&self, place: usize) -> Option<&'a [u8]> {
        self.args.get(place).map(|range| &self.bytes[range.clone()])
    }

    /// Whether the argument at this place is known and is this word, in any case.
    pub(super) fn is(&self, place: usize, word: &[u8]) -> bool {
        self.arg(place).is_some_and(|arg| arg.eq_ignore_ascii_case(word))
    }
}

/// How far the reading of a head has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// More bytes are needed.
    More,
    /// So many bytes are the head; so many bulk strings follow it.
    Head(usize, u64),
    /// An empty line or list of so many bytes, which is no command and is not answered.
    Nothing(usize),
    /// This is not Redis's protocol.
    Broken,
}

/// The longest head: Redis itself takes no longer inline command.
pub(super) const LONGEST: usize = 64 * 1024;

/// Arguments that are read without being wanted, where they have come: the name and the first key.
const EAGER: usize = 2;

/// What came of reading one more argument.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Taken,
    More,
    Broken,
}

/// Reads heads. Between calls it knows how far it came in bytes that it was given and will be given again.
#[derive(Debug, Default)]
pub(super) struct Head {
    args: Vec<Range<usize>>,
    /// How many arguments the command has, once that is known.
    total: Option<usize>,
    /// How many were wanted when that was asked last.
    wanted: usize,
    at: usize,
}

impl Head {
    /// Reads on. `bytes` begin where the command begins. `want` says, from what is known, how many arguments must be
    /// known; it is asked again whenever there are that many.
    pub(super) fn read(&mut self, bytes: &[u8], want: impl Fn(&Command<'_>) -> usize) -> Reading {
        let total = match self.total {
            Some(total) => total,
            None => match bytes.first() {
                None => return Reading::More,
                Some(b'*') => {
                    self.at = 1;
                    match number(bytes, &mut self.at) {
                        Number::More => return Reading::More,
                        Number::Broken => return Reading::Broken,
                        Number::Is(total) if total <= 0 => return Reading::Nothing(self.at),
                        Number::Is(total) if total > i64::from(i32::MAX) => return Reading::Broken,
                        Number::Is(total) => *self.total.insert(total as usize),
                    }
                }
                // TLS and other binary things begin with such bytes, an inline command never.
                Some(byte) if byte.is_ascii_control() && !byte.is_ascii_whitespace() => {
                    return Reading::Broken;
                }
                Some(_) => return self.inline(bytes),
            },
        };
        loop {
            let known = self.args.len();
            // What most rules must know is often there at once: then it is asked about but once.
            if known < EAGER.min(total) && self.next(bytes) == Next::Taken {
                continue;
            }
            let known = self.args.len();
            if known >= self.wanted && known < total {
                self.wanted = want(&Command { bytes, args: &self.args, total });
            }
            if known == total || known >= self.wanted.max(1) {
                return Reading::Head(self.at, (total - known) as u64);
            }
            match self.next(bytes) {
                Next::Taken => {}
                Next::More => return self.long(bytes),
                Next::Broken => return Reading::Broken,
            }
        }
    }

    /// Reads one more argument, where all of it is there.
    fn next(&mut self, bytes: &[u8]) -> Next {
        let mut at = self.at;
        match bytes.get(at) {
            None => return Next::More,
            Some(b'$') => at += 1,
            Some(_) => return Next::Broken,
        }
        let length = match number(bytes, &mut at) {
            Number::More => return Next::More,
            Number::Is(length) if length >= 0 => length as usize,
            _ => return Next::Broken,
        };
        match at.checked_add(length).and_then(|end| end.checked_add(2)) {
            Some(end) if end <= bytes.len() => {
                self.args.push(at..end - 2);
                self.at = end;
                Next::Taken
            }
            Some(_) => Next::More,
            None => Next::Broken,
        }
    }

    /// The arguments known so far, in the bytes that were given last.
    pub(super) fn command<'a>(&'a self, bytes: &'a [u8]) -> Command<'a> {
        Command { bytes, args: &self.args, total: self.total.unwrap_or(self.args.len()) }
    }

    /// Begins anew, with the next command.
    pub(super) fn clear(&mut self) {
        self.args.clear();
        self.total = None;
        self.wanted = 0;
        self.at = 0;
    }

    /// More is needed, unless this is a long head: then what is known must do.
    fn long(&self, bytes: &[u8]) -> Reading {
        match self.total {
            Some(total) if bytes.len() >= LONGEST && !self.args.is_empty() => {
                Reading::Head(self.at, (total - self.args.len()) as u64)
            }
            Some(_) if bytes.len() >= LONGEST => Reading::Broken,
            _ => Reading::More,
        }
    }

    /// A command in a line, as people type it. Of what stands in quotes the escapes stay as they are.
    fn inline(&mut self, bytes: &[u8]) -> Reading {
        let Some(end) = bytes[self.at..].iter().position(|byte| *byte == b'\n') else {
            self.at = bytes.len();
            return if bytes.len() >= LONGEST { Reading::Broken } else { Reading::More };
        };
        let end = self.at + end + 1;
        self.at = end;
        let mut at = 0;
        while at < end {
            match bytes[at] {
                byte if byte.is_ascii_whitespace() => at += 1,
                quote @ (b'"' | b'\'') => {
                    let from = at + 1;
                    at = from;
                    while at < end && bytes[at] != quote {
                        at += if bytes[at] == b'\\' { 2 } else { 1 };
                    }
                    at = at.min(end);
                    self.args.push(from..at);
                    at += 1;
                }
                _ => {
                    let from = at;
                    while !bytes[at].is_ascii_whitespace() {
                        at += 1;
                    }
                    self.args.push(from..at);
                }
            }
        }
        if self.args.is_empty() {
            return Reading::Nothing(end);
        }
        self.total = Some(self.args.len());
        Reading::Head(end, 0)
    }
}

enum Number {
    More,
    Is(i64),
    Broken,
}

/// A number and the end of its line, from `at`, which is moved behind it.
fn number(bytes: &[u8], at: &mut usize) -> Number {
    let (mut value, mut negative, mut digits) = (0_i64, false, 0);
    for (n, byte) in bytes[*at..].iter().enumerate() {
        match byte {
            b'-' if n == 0 => negative = true,
            b'0'..=b'9' if digits < 18 => {
                value = value * 10 + i64::from(byte - b'0');
                digits += 1;
            }
            b'\r' if digits > 0 => {}
            b'\n' if digits > 0 => {
                *at += n + 1;
                return Number::Is(if negative { -value } else { value });
            }
            _ => return Number::Broken,
        }
    }
    Number::More
}

/// For tests: these words as a command.
#[cfg(test)]
pub(super) fn words<T>(text: &str, see: impl FnOnce(&Command<'_>) -> T) -> T {
    let mut args = Vec::new();
    let mut at = 0;
    for word in text.split(' ') {
        args.push(at..at + word.len());
        at += word.len() + 1;
    }
    see(&Command { bytes: text.as_bytes(), args: &args, total: args.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_as_long_as_it_is_wanted_and_no_longer() {
        let bytes = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$5000\r\nxx";
        for (wanted, length, left) in [(1, 13, 2), (2, 20, 1)] {
            let mut head = Head::default();
            // Byte by byte, with what was there before.
            for upto in 0..length {
                assert_eq!(head.read(&bytes[..upto], |_| wanted), Reading::More);
            }
            assert_eq!(head.read(&bytes[..length], |_| wanted), Reading::Head(length, left));
            assert!(head.command(bytes).is(0, b"set"));
        }
    }

    #[test]
    fn inline_commands_empty_ones_and_garbage_are_told_apart() {
        let read = |bytes: &[u8]| {
            let mut head = Head::default();
            let reading = head.read(bytes, |_| 1);
            let args =
                (0..).map_while(|n| head.command(bytes).arg(n)).map(<[u8]>::to_vec).collect::<Vec<_>>();
            (reading, args.join(&b'|'))
        };
        assert_eq!(read(b"set a \"b c\" 'd'\r\nrest"), (Reading::Head(17, 0), b"set|a|b c|d".to_vec()));
        assert_eq!(read(b"get \"a\\\"\n"), (Reading::Head(9, 0), b"get|a\\\"\n".to_vec()));
        assert_eq!(read(b"\r\n").0, Reading::Nothing(2));
        assert_eq!(read(b"*0\r\n").0, Reading::Nothing(4));
        assert_eq!(read(b"*-1\r\nx").0, Reading::Nothing(5));
        assert_eq!(read(b"PING").0, Reading::More);
        for broken in [
            &b"\x16\x03\x01"[..],
            b"*x\r\n",
            b"*99999999999\r\n",
            b"*9999999999999999999999\r\n",
            b"*1\r\n:1\r\n",
            b"*1\r\n$-1\r\n",
            b"*1\r\n$\r\n",
            &vec![b'a'; LONGEST],
        ] {
            assert_eq!(read(broken).0, Reading::Broken, "{broken:?}");
        }
    }

    #[test]
    fn a_long_argument_is_not_waited_for() {
        let mut bytes = b"*3\r\n$4\r\nMSET\r\n$9000000\r\n".to_vec();
        let mut head = Head::default();
        assert_eq!(head.read(&bytes, |_| 2), Reading::More);
        bytes.resize(LONGEST, b'x');
        assert_eq!(head.read(&bytes, |_| 2), Reading::Head(14, 2));
    }
}
