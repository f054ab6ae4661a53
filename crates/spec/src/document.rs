//! The documents: which keys there are, and what editors say about them.

pub(crate) mod conservation;
pub(crate) mod experiment;
pub(crate) mod fault;
pub(crate) mod http;
pub(crate) mod load;
pub(crate) mod nth;
pub(crate) mod policy;
pub(crate) mod probe;
pub(crate) mod spread;
pub(crate) mod stage;
pub(crate) mod target;
pub(crate) mod tls;
pub(crate) mod traffic;
