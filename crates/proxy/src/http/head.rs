//! Heads of HTTP/1 messages: finding where one ends, reading how its body is framed, writing it anew with changes.

use bytes::{Bytes, BytesMut};
use httparse::Header;

use super::body::Framing;
use super::edit::Edit;

/// The longest head that is looked at; what is longer passes unread. Common servers allow 8 to 32 KiB.
pub(crate) const LONGEST: usize = 64 * 1024;

/// The most headers of one message.
pub(crate) const HEADERS: usize = 128;

/// Why a connection with a longer one is not followed.
pub(crate) const TOO_LONG: &str = "a head has more than 64 KiB";

/// Collects one head. What comes in one piece is not copied.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    held: BytesMut,
}

/// What came of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Collected {
    /// The head is not complete; what there is of it could still become one, or is worth a look.
    More(Look),
    /// The head, with its empty line.
    Head(Bytes),
    /// Longer than any head.
    TooLong,
}

/// Whether an incomplete head should be tried: each try costs a pass over it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// It may show already that this is no HTTP.
    Worthwhile,
    /// Nothing new could be seen.
    Needless,
}

impl Collector {
    /// Takes bytes from the front of `bytes` until the head is complete.
    pub(crate) fn collect(&mut self, bytes: &mut Bytes) -> Collected {
        if self.held.is_empty()
            && let Some(end) = end_of_head(bytes, 0)
        {
            return Collected::Head(bytes.split_to(end));
        }
        let before = self.held.len();
        let room = LONGEST.saturating_sub(before).min(bytes.len());
        self.held.extend_from_slice(&bytes[..room]);
        if let Some(end) = end_of_head(&self.held, before.saturating_sub(3)) {
            drop(bytes.split_to(end - before));
            self.held.truncate(end);
            return Collected::Head(std::mem::take(&mut self.held).freeze());
        }
        let fresh = bytes.split_to(room);
        if self.held.len() >= LONGEST {
            return Collected::TooLong;
        }
        let look = self.held.len() < 256 || fresh.contains(&b'\n');
        Collected::More(if look { Look::Worthwhile } else { Look::Needless })
    }

    /// What has been collected.
    pub(crate) fn held(&self) -> &[u8] {
        &self.held
    }

    /// Gives up what has been collected.
    pub(crate) fn take(&mut self) -> Bytes {
        std::mem::take(&mut self.held).freeze()
    }
}

/// Where the empty line after a head ends; lines end with CR LF or, leniently, LF.
fn end_of_head(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(found) = bytes[at..].iter().position(|byte| *byte == b'\n') {
        let line = at + found;
        match bytes.get(line + 1..) {
            Some([b'\n', ..]) => return Some(line + 2),
            Some([b'\r', b'\n', ..]) => return Some(line + 3),
            _ => at = line + 1,
        }
    }
    None
}

/// How the body of a request is framed (RFC 9112, section 6.3); `None` when nobody can know.
pub(crate) fn framing_of_request(headers: &[Header<'_>]) -> Option<Framing> {
    match transfer(headers) {
        Some(Coding::Chunked) => Some(Framing::chunked()),
        Some(Coding::Other) => None,
        None => Some(Framing::Length(length(headers)?.unwrap_or(0))),
    }
}

/// How the body of an answer is framed, where one is allowed.
pub(crate) fn framing_of_response(headers: &[Header<'_>]) -> Option<Framing> {
    match transfer(headers) {
        Some(Coding::Chunked) => Some(Framing::chunked()),
        Some(Coding::Other) => Some(Framing::UntilEnd),
        None => Some(length(headers)?.map_or(Framing::UntilEnd, Framing::Length)),
    }
}

enum Coding {
    Chunked,
    Other,
}

/// The last coding that the body was put into, where it was.
fn transfer(headers: &[Header<'_>]) -> Option<Coding> {
    let value = values(headers, "transfer-encoding").last()?;
    let coding = value.rsplit(|byte| *byte == b',').next().unwrap_or(value).trim_ascii();
    Some(if coding.eq_ignore_ascii_case(b"chunked") { Coding::Chunked } else { Coding::Other })
}

/// The content length; the outer `None` stands for one that is no number, or several that differ.
#[expect(clippy::option_option, reason = "unreadable and absent are different answers")]
pub(crate) fn length(headers: &[Header<'_>]) -> Option<Option<u64>> {
    let mut length = None;
    for value in values(headers, "content-length").flat_map(|value| value.split(|byte| *byte == b',')) {
        let digits = value.trim_ascii();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let number: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
        if length.is_some_and(|other| other != number) {
            return None;
        }
        length = Some(number);
    }
    Some(length)
}

/// Whether a list header of this name has this word in it.
pub(crate) fn lists(headers: &[Header<'_>], name: &str, word: &str) -> bool {
    values(headers, name)
        .flat_map(|value| value.split(|byte| *byte == b','))
        .any(|part| part.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
}

/// The values of all headers of a name.
pub(crate) fn values<'a>(headers: &'a [Header<'a>], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    headers.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
}

/// A head with headers removed and set; its other lines stay as they are, byte by byte.
pub(crate) struct Rewrite<'a> {
    pub(crate) edits: Vec<&'a Edit>,
    /// Removes the framing, and sets this content length.
    pub(crate) length: Option<u64>,
    /// Further headers to remove.
    pub(crate) remove: &'a [&'a str],
}

impl Rewrite<'_> {
    /// The head, written anew.
    pub(crate) fn of(&self, head: &[u8]) -> Bytes {
        let mut out = BytesMut::with_capacity(head.len() + 128);
        let mut lines = head.split_inclusive(|byte| *byte == b'\n');
        out.extend_from_slice(lines.next().unwrap_or_default());
        for line in lines {
            if line.trim_ascii_end().is_empty() {
                break;
            }
            let name = line.split(|byte| *byte == b':').next().unwrap_or_default().trim_ascii();
            let framing = self.length.is_some()
                && (name.eq_ignore_ascii_case(b"content-length")
                    || name.eq_ignore_ascii_case(b"transfer-encoding")
                    || name.eq_ignore_ascii_case(b"trailer"));
            let removed = self.remove.iter().any(|other| other.as_bytes().eq_ignore_ascii_case(name));
            if !framing && !removed && !self.edits.iter().any(|edit| edit.drops(name)) {
                out.extend_from_slice(line);
            }
        }
        for (at, edit) in self.edits.iter().enumerate() {
            for (name, value) in &edit.set {
                // What a later rule sets or removes again is not set by an earlier one.
                if !self.edits[at + 1..].iter().any(|later| later.drops(name.as_bytes())) {
                    out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
                }
            }
        }
        if let Some(length) = self.length {
            out.extend_from_slice(format!("content-length: {length}\r\n").as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        out.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_found_wherever_it_is_cut() {
        for head in [
            &b"GET / HTTP/1.1\r\nA: b\r\n\r\n"[..],
            b"GET / HTTP/1.1\nA: b\n\n",
            b"GET / HTTP/1.1\r\nA: b\n\r\n",
        ] {
            let stream = [head, b"body\n\n"].concat();
            for cut in 1..stream.len() {
                let mut collector = Collector::default();
                let mut first = Bytes::copy_from_slice(&stream[..cut]);
                let mut rest = Bytes::copy_from_slice(&stream[cut..]);
                let found = match collector.collect(&mut first) {
                    Collected::More(_) => collector.collect(&mut rest),
                    found => found,
                };
                assert_eq!(found, Collected::Head(Bytes::copy_from_slice(head)), "cut at {cut}");
                assert_eq!([first, rest].concat(), b"body\n\n", "cut at {cut}");
            }
        }
    }

    #[test]
    fn what_never_ends_is_given_up() {
        let mut collector = Collector::default();
        let mut bytes = Bytes::from(vec![b'a'; LONGEST + 10]);
        assert_eq!(collector.collect(&mut bytes), Collected::TooLong);
        assert_eq!(collector.take().len() + bytes.len(), LONGEST + 10);
    }
}
