//! The part of a message that has come.

use bytes::{Buf as _, Bytes, BytesMut};

/// What could not be read yet; it is read again with what comes after it.
#[derive(Debug, Default)]
pub(crate) struct Remainder(BytesMut);

impl Remainder {
    /// What was kept and what came, which is not copied where nothing was kept.
    pub(crate) fn join(&mut self, bytes: Bytes) -> Bytes {
        if self.0.is_empty() {
            return bytes;
        }
        self.0.extend_from_slice(&bytes);
        self.take()
    }

    /// Keeps what is here from this place on until more comes.
    pub(crate) fn keep(&mut self, mut bytes: Bytes, from: usize) {
        bytes.advance(from);
        if !bytes.is_empty() {
            self.0 = bytes.try_into_mut().unwrap_or_else(|bytes| BytesMut::from(&bytes[..]));
        }
    }

    /// What is kept; nothing more comes.
    pub(crate) fn take(&mut self) -> Bytes {
        self.0.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_before_what_comes_next() {
        let mut held = Remainder::default();
        assert_eq!(held.join(Bytes::from_static(b"abc")), "abc");
        held.keep(Bytes::from_static(b"abc"), 3);
        assert_eq!(held.join(Bytes::from_static(b"de")), "de");
        held.keep(Bytes::from_static(b"abc"), 1);
        let shared = held.join(Bytes::from_static(b"de"));
        assert_eq!(shared, "bcde");
        held.keep(shared.clone(), 2);
        assert_eq!((held.take(), held.take(), shared), ("de".into(), Bytes::new(), "bcde".into()));
    }
}
