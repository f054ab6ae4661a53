//! A rule as people write it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::attributes::attributes;
use crate::names::Names;

attributes! {
    which {
        /// Methods, in any case; none stands for all.
        pub method: Names,
        /// Globs for the path without its query (`*` is any text, also with slashes); none stands for all.
        pub path: Names,
        /// Globs for the host, in any case, with or without its port; none stands for all.
        pub host: Names,
        /// Names of request headers and globs for their values; all must be there.
        pub headers: BTreeMap<String, String>,
    }
    /// Milliseconds that the answer is held.
    delay;
    what {
        /// An answer in place of the server's, which never sees the request.
        pub answer: Option<AnswerAttributes>,
        /// The same for gRPC; only requests with a content type of gRPC match then.
        pub grpc: Option<GrpcAttributes>,
        /// The connection (in HTTP/2: the stream) is reset at this point.
        pub reset: Option<Point>,
        /// With `reset` in HTTP/2: the error code, by name or number; `INTERNAL_ERROR` by default.
        pub stream_error: Option<NameOrNumber>,
        /// In HTTP/2 the connection ends with a GOAWAY of this code; in HTTP/1 it is closed.
        pub goaway: Option<NameOrNumber>,
        /// The body of the answer ends after so many bytes.
        pub truncate: Option<u64>,
        /// Bytes a second for the body of the answer.
        pub throttle: Option<u64>,
        /// The body of the answer in small pieces.
        pub dribble: Option<DribbleAttributes>,
        /// Another body.
        pub body: Option<BodyAttributes>,
        /// Changes of the request's headers.
        pub request: Option<EditAttributes>,
        /// Changes of the answer's headers.
        pub response: Option<EditAttributes>,
        /// Added to the answer's content length, where it has one; in HTTP/1 the connection ends after it.
        pub length: Option<i64>,
    }
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerAttributes {
    /// From 200 to 599.
    pub status: u16,
    /// Headers, such as Retry-After. Content-Length is set by itself.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// At most 64 KiB.
    #[serde(default)]
    pub body: String,
}

/// An answer of gRPC.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrpcAttributes {
    /// `UNAVAILABLE` or 14, and so on.
    pub status: NameOrNumber,
    /// What is wrong, for people.
    #[serde(default)]
    pub message: String,
}

/// So many bytes in so many milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DribbleAttributes {
    /// From 1 to 65536.
    pub bytes: u64,
    /// Milliseconds from 1 to 60000.
    pub every: u64,
}

/// Headers to set and to remove.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EditAttributes {
    /// Replaces every header of this name, or adds one.
    pub set: BTreeMap<String, String>,
    /// Removes every header of this name.
    pub remove: Names,
}

/// What happens to a body.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BodyAttributes {
    /// This text in its place, at most 64 KiB.
    Replace(String),
    /// The first byte and every n-th after it are inverted.
    Corrupt(u64),
    /// The first byte that is no blank becomes `}`, which no JSON text begins with.
    MalformedJson,
}

/// When a reset comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Point {
    /// Instead of sending the request on: the server never sees it.
    Request,
    /// The server has answered, and nothing of it goes on.
    Answer,
    /// In the middle of the body where its length is known, else after the first piece of it.
    Body,
    /// After the whole body.
    End,
}

/// `UNAVAILABLE` and 14 both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameOrNumber {
    /// A name.
    Name(String),
    /// A number.
    Number(u64),
}

impl<'de> Deserialize<'de> for NameOrNumber {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl serde::de::Visitor<'_> for Either {
            type Value = NameOrNumber;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a name or a number")
            }

            fn visit_str<E>(self, text: &str) -> Result<NameOrNumber, E> {
                Ok(NameOrNumber::Name(text.to_owned()))
            }

            fn visit_u64<E>(self, number: u64) -> Result<NameOrNumber, E> {
                Ok(NameOrNumber::Number(number))
            }
        }
        deserializer.deserialize_any(Either)
    }
}
