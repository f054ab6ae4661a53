//! Header blocks of one way (HPACK, RFC 7541).

use bytes::{BufMut, Bytes, BytesMut};
use loona_hpack::Decoder;

/// A name and its value.
pub(crate) type Field = (Vec<u8>, Vec<u8>);

/// The most bytes of one message's headers, decoded, each counted with 32 more (RFC 9113, section 10.5.1).
const LARGEST: usize = 256 * 1024;

/// The largest table that a peer may ask for.
const TABLE: u32 = 1 << 20;

/// The header blocks of one way.
pub(crate) struct Codec {
    decoder: Decoder<'static>,
    /// Whether blocks are encoded anew, because the receiver has not seen all that the sender sent.
    anew: bool,
    /// Whether the next block must begin with the size of the table (RFC 7541, section 4.2).
    sized: bool,
}

/// No header block, or one that is too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken;

impl Default for Codec {
    fn default() -> Self {
        let mut decoder = Decoder::new();
        decoder.set_max_allowed_table_size(4096);
        Self { decoder, anew: false, sized: true }
    }
}

impl Codec {
    /// Reads a block. Blocks are read in the order in which they came, all of them.
    pub(crate) fn decode(&mut self, block: &[u8]) -> Result<Vec<Field>, Broken> {
        let (mut fields, mut size) = (Vec::new(), 0);
        let read = self.decoder.decode_with_cb(block, |name, value| {
            size += name.len() + value.len() + 32;
            if size <= LARGEST {
                fields.push((name.into_owned(), value.into_owned()));
            }
        });
        if read.is_err() || size > LARGEST { Err(Broken) } else { Ok(fields) }
    }

    /// From now on blocks are encoded anew.
    pub(crate) fn part(&mut self) {
        self.anew = true;
    }

    /// Whether blocks are encoded anew.
    pub(crate) fn is_anew(&self) -> bool {
        self.anew
    }

    /// The receiver allows a table of this size.
    pub(crate) fn allow(&mut self, size: u32) {
        self.decoder.set_max_allowed_table_size(size.clamp(4096, TABLE) as usize);
        self.sized = true;
    }

    /// Writes a block that is right whatever the receiver's table holds.
    pub(crate) fn encode(&mut self, fields: &[Field]) -> Bytes {
        let mut out = BytesMut::new();
        if self.anew && std::mem::take(&mut self.sized) {
            // A table of size 0, which is within every limit.
            out.put_u8(0x20);
        }
        for (name, value) in fields {
            out.put_u8(0x10);
            text(&mut out, name);
            text(&mut out, value);
        }
        out.freeze()
    }
}

/// A string without Huffman coding (RFC 7541, sections 5.1 and 5.2).
fn text(out: &mut BytesMut, bytes: &[u8]) {
    let mut length = bytes.len();
    if length < 127 {
        out.put_u8(length as u8);
    } else {
        out.put_u8(127);
        length -= 127;
        while length >= 128 {
            out.put_u8(length as u8 & 127 | 128);
            length >>= 7;
        }
        out.put_u8(length as u8);
    }
    out.put_slice(bytes);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_encoded_anew_is_read_back(
            fields in proptest::collection::vec(
                (proptest::collection::vec(any::<u8>(), 0..300), proptest::collection::vec(any::<u8>(), 0..300)),
                0..20,
            ),
        ) {
            let mut codec = Codec::default();
            codec.part();
            let block = codec.encode(&fields);
            if fields.is_empty() {
                // Nothing but a change of the table's size is no block.
                return Ok(());
            }
            prop_assert_eq!(Codec::default().decode(&block).unwrap(), fields);
        }

        #[test]
        fn garbage_is_refused_without_a_panic(blocks in proptest::collection::vec(
            proptest::collection::vec(any::<u8>(), 0..200), 1..8,
        )) {
            let mut codec = Codec::default();
            for block in blocks {
                let _ = codec.decode(&block);
            }
        }
    }

    #[test]
    fn a_small_block_of_large_headers_is_refused() {
        let mut codec = Codec::default();
        // One entry of 4000 bytes in the table, then a thousand references to it.
        let mut block = vec![0x40, 1, b'a', 0x7f, 0xa1, 0x1e];
        block.extend(vec![b'b'; 4000]);
        assert_eq!(codec.decode(&block).unwrap()[0].1.len(), 4000);
        assert_eq!(codec.decode(&vec![0xbe; 1000]), Err(Broken));
        assert_eq!(codec.decode(&[0xbe]).unwrap()[0].1.len(), 4000);
    }
}
