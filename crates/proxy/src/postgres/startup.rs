//! The first messages of a connection, which have no type (PostgreSQL, "Message Formats").

/// What the bytes at the start are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Startup {
    /// More bytes are needed to know.
    More,
    /// Not this protocol.
    Foreign,
    /// A question of eight bytes, answered with one.
    Encryption(Kind),
    /// A request to cancel, of so many bytes, after which the connection ends.
    Cancel(u64),
    /// The start of a session, of so many bytes.
    Session(u64),
}

/// Which encryption is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Tls,
    Gss,
}

/// The question for TLS (SSLRequest).
pub(super) const ASKS_FOR_TLS: &[u8; QUESTION] = &[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// The length of a question for encryption.
pub(super) const QUESTION: usize = 8;

/// The longest startup message that the server takes (`MAX_STARTUP_PACKET_LENGTH`).
const LONGEST: u32 = 10_000;

// Codes in the place of a version.
const CANCEL: u32 = 80_877_102;
const SSL: u32 = 80_877_103;
const GSS: u32 = 80_877_104;

/// What begins here.
pub(super) fn startup(bytes: &[u8]) -> Startup {
    let Some(length) = bytes.first_chunk::<4>().map(|length| u32::from_be_bytes(*length)) else {
        return Startup::More;
    };
    if !(8..=LONGEST).contains(&length) {
        return Startup::Foreign;
    }
    let code = bytes.get(4..8).and_then(|code| code.try_into().ok()).map(u32::from_be_bytes);
    match code {
        None => Startup::More,
        Some(SSL) if length == 8 => Startup::Encryption(Kind::Tls),
        Some(GSS) if length == 8 => Startup::Encryption(Kind::Gss),
        Some(CANCEL) => Startup::Cancel(u64::from(length)),
        Some(version) if version >> 16 != 3 => Startup::Foreign,
        Some(_) if bytes.len() < length as usize => Startup::More,
        Some(_) => Startup::Session(u64::from(length)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_messages_are_told_apart() {
        assert_eq!(startup(&ASKS_FOR_TLS[..7]), Startup::More);
        assert_eq!(startup(ASKS_FOR_TLS), Startup::Encryption(Kind::Tls));
        assert_eq!(startup(&[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30]), Startup::Encryption(Kind::Gss));
        assert_eq!(startup(&[0, 0, 0, 16, 0x04, 0xd2, 0x16, 0x2e]), Startup::Cancel(16));
        assert_eq!(startup(&[0, 0, 0, 9, 0, 3, 0, 0]), Startup::More);
        assert_eq!(startup(&[0, 0, 0, 9, 0, 3, 0, 0, 0]), Startup::Session(9));
        assert_eq!(startup(&[0, 0, 0, 9, 0, 2, 0, 0, 0]), Startup::Foreign);
        assert_eq!(startup(b"\x16\x03\x01\x02\x00"), Startup::Foreign);
    }
}
