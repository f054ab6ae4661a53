//! The codes of HTTP/2 and gRPC by their names.

use super::attributes::NameOrNumber;
use crate::mistake::Mistake;

/// Error codes of HTTP/2, from 0 (RFC 9113, section 7).
const HTTP2: [&str; 14] = [
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
];

/// Status codes of gRPC, from 0 (grpc/doc/statuscodes.md).
const GRPC: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// No error.
pub(crate) const NO_ERROR: u32 = 0;
/// The server broke.
pub(crate) const INTERNAL_ERROR: u32 = 2;
/// Nobody wants the stream any more.
pub(crate) const CANCEL: u32 = 8;

/// The name of an error code of HTTP/2.
pub(crate) fn http2_name(code: u32) -> &'static str {
    HTTP2.get(code as usize).copied().unwrap_or("an unknown code")
}

/// The name of a status code of gRPC.
pub(crate) fn grpc_name(code: u32) -> &'static str {
    GRPC.get(code as usize).copied().unwrap_or("an unknown code")
}

/// Reads an error code of HTTP/2.
pub(crate) fn http2(written: &NameOrNumber, place: &str) -> Result<u32, Mistake> {
    read(written, &HTTP2, "error code", place)
}

/// Reads a status code of gRPC.
pub(crate) fn grpc(written: &NameOrNumber, place: &str) -> Result<u32, Mistake> {
    read(written, &GRPC, "status", place)
}

fn read(written: &NameOrNumber, names: &[&str], noun: &str, place: &str) -> Result<u32, Mistake> {
    let (found, shown) = match written {
        NameOrNumber::Name(name) => {
            (names.iter().position(|known| known.eq_ignore_ascii_case(name)), format!("`{name}`"))
        }
        NameOrNumber::Number(number) => {
            (usize::try_from(*number).ok().filter(|number| *number < names.len()), number.to_string())
        }
    };
    found.map(|code| code as u32).ok_or_else(|| {
        let hint = format!("one of {}, or its number", names.join(", "));
        Mistake::at(place, format!("{shown} is no {noun}"), hint)
    })
}
