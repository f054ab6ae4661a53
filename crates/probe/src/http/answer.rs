//! A whole answer.

use std::time::Duration;

use serde_json::Value;

use crate::unread::Unread;

/// The answer to a request, read to its end.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// From the request to the last byte.
    pub(crate) latency: Duration,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    /// The body of an answer that says that all is well.
    pub(crate) fn body(&self) -> Result<&[u8], Unread> {
        if (200..300).contains(&self.status) {
            Ok(&self.bytes)
        } else {
            Err(Unread(format!("answered {}", self.status)))
        }
    }

    pub(crate) fn json(&self) -> Result<Value, Unread> {
        serde_json::from_slice(self.body()?)
            .map_err(|error| Unread(format!("the answer is not JSON: {error}")))
    }
}
