//! Why the API says no, in Toxiproxy's words and with its status.

use std::io;

use crate::toxic::kinds;

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
    /// What is wrong with one of several.
    #[error("{refusal} at {place}")]
    At {
        /// Which one: `proxy 2`, `toxic 1 of proxy 2`.
        place: String,
        /// What is wrong with it.
        refusal: Box<Self>,
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
    /// Says which one of several it is about.
    pub(crate) fn at(self, place: &str) -> Self {
        match self {
            Self::At { place: within, refusal } => {
                Self::At { place: format!("{within} of {place}"), refusal }
            }
            refusal => Self::At { place: place.to_owned(), refusal: Box::new(refusal) },
        }
    }

    /// The same for whoever wrote a file, and sent no request.
    pub fn of_file(&self) -> String {
        match self {
            Self::BadBody(text) => text.clone(),
            Self::At { place, refusal } => format!("{place}: {}", refusal.of_file()),
            other => other.to_string(),
        }
    }

    /// What could be right, where that is not in the text.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::InvalidType { given } => {
                let kinds = kinds().collect::<Vec<_>>().join(", ");
                Some(format!("`{given}` is none of {kinds}"))
            }
            Self::At { refusal, .. } => refusal.hint(),
            _ => None,
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::BadBody(_) | Self::Missing(_) | Self::InvalidStream | Self::InvalidType { .. } => 400,
            Self::ProxyNotFound | Self::ToxicNotFound | Self::NoSuchPage { .. } => 404,
            Self::ProxyExists | Self::ToxicExists => 409,
            Self::NoSuchMethod { .. } => 405,
            Self::TooSlow => 408,
            Self::TooLarge { .. } => 413,
            Self::At { refusal, .. } => refusal.status(),
            Self::Listen { .. } => 500,
        }
    }
}
