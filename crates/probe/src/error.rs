//! Why a measure can never be read as it is written.

use crate::path::PathError;

/// What could not be done when a probe was made. Continues "could not"; holds no secret.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// A reference had no value.
    #[error("fill in the {what}: {why}")]
    Fill {
        /// Which text of the probe.
        what: &'static str,
        /// The reason that the surroundings gave.
        why: String,
    },
    /// Not an address of HTTP.
    #[error("use the {what}: {why}")]
    Address {
        /// Which text of the probe.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
    /// Not a method of HTTP.
    #[error("use `{0}` as an HTTP method")]
    Method(String),
    /// A header that HTTP does not allow. Its value is not shown: it may be a secret.
    #[error("use the header `{name}`: {why}")]
    Header {
        /// Its name.
        name: String,
        /// What is wrong.
        why: &'static str,
    },
    /// Not a regular expression.
    #[error("use the pattern `{pattern}`")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// Why.
        #[source]
        source: Box<regex::Error>,
    },
    /// Not a path into JSON.
    #[error("use the path into JSON")]
    Path(#[from] PathError),
    /// A command without a program.
    #[error("run an empty command")]
    NoProgram,
    /// Nothing is known of a proxy that would count the traffic of the service.
    #[error("read the traffic of {0}: the target has no proxy in front of it")]
    NoProxy(String),
    /// The target names no program that prints its queue's figures.
    #[error("read the queue: the target names no `stats` program")]
    NoQueue,
}
