//! Why the API says no, in Toxiproxy's words and with its status.

use std::io;

/// A request that was not carried out. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The body cannot be understood, or a value is out of its range.
    #[error("bad request body: {0}")]
    BadBody(String),
    /// A field is missing; which one, and of which proxy.
    #[error("missing required field: {0}")]
    Missing(String),
    /// The stream is neither.
    #[error("stream was invalid, can be either upstream or downstream")]
    InvalidStream,
    /// There is no such type of toxic.
    #[error("invalid toxic type")]
    InvalidType {
        /// What was given.
        given: String,
    },
    /// There is no such proxy.
    #[error("proxy not found")]
    ProxyNotFound,
    /// There is no such toxic.
    #[error("toxic not found")]
    ToxicNotFound,
    /// There is one of this name.
    #[error("proxy already exists")]
    ProxyExists,
    /// There is one of this name.
    #[error("toxic already exists")]
    ToxicExists,
    /// The address to listen at is not to be had.
    #[error("listen {address}: {source}")]
    Listen {
        /// Where.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// There is no such path in the API.
    #[error("there is no {path}")]
    NoSuchPage {
        /// What was asked for.
        path: String,
    },
    /// The path takes other methods.
    #[error("{path} does not take {method}")]
    NoSuchMethod {
        /// What was asked for.
        path: String,
        /// And how.
        method: String,
    },
    /// The body is too large.
    #[error("the body has more than {most} bytes")]
    TooLarge {
        /// The largest that is taken.
        most: usize,
    },
    /// The body did not come in time.
    #[error("the body did not come in time")]
    TooSlow,
}

impl Refusal {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::BadBody(_) | Self::Missing(_) | Self::InvalidStream | Self::InvalidType { .. } => 400,
            Self::ProxyNotFound | Self::ToxicNotFound | Self::NoSuchPage { .. } => 404,
            Self::ProxyExists | Self::ToxicExists => 409,
            Self::NoSuchMethod { .. } => 405,
            Self::TooSlow => 408,
            Self::TooLarge { .. } => 413,
            Self::Listen { .. } => 500,
        }
    }
}
