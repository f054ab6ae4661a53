//! Bytes in, whole lines out.

/// Of a longer line only the start is looked at.
pub(super) const LONGEST_LINE: usize = 64 * 1024;

/// Puts lines together from pieces. What is behind the last line break waits for the rest.
#[derive(Default)]
pub(super) struct Lines {
    partial: Vec<u8>,
}

impl Lines {
    pub(super) fn push(&mut self, bytes: &[u8], line: &mut dyn FnMut(&[u8])) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            if self.partial.is_empty() {
                line(without_return(&rest[..end.min(LONGEST_LINE)]));
            } else {
                self.keep(&rest[..end]);
                line(without_return(&self.partial));
                self.partial.clear();
            }
            rest = &rest[end + 1..];
        }
        self.keep(rest);
    }

    /// Nothing more will come: the last line needs no line break.
    pub(super) fn end(&mut self, line: &mut dyn FnMut(&[u8])) {
        if !self.partial.is_empty() {
            line(without_return(&self.partial));
            self.partial.clear();
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LONGEST_LINE - self.partial.len();
        self.partial.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        for piece in pieces {
            lines.push(piece, &mut |line| found.push(line.to_vec()));
        }
        found
    }

    #[test]
    fn a_line_counts_once_it_is_whole() {
        assert_eq!(lines(&[b"one\ntw", b"o", b"\r\n\nthree"]), [&b"one"[..], b"two", b""]);
    }

    #[test]
    fn a_line_without_end_takes_bounded_memory() {
        let piece = vec![b'x'; LONGEST_LINE / 2 + 1];
        let found = lines(&[&piece, &piece, &piece, b"tail\nnext\n"]);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].len(), LONGEST_LINE);
        assert_eq!(found[1], b"next");
    }
}
