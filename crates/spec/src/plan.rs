//! From documents to a plan: units agreed, references checked, windows computed, instances drawn.

pub(crate) mod abort;
pub(crate) mod conservation;
pub(crate) mod draw;
pub(crate) mod expect;
pub(crate) mod fault;
pub(crate) mod load;
pub(crate) mod measure;
pub(crate) mod parameter;
pub(crate) mod pattern;
pub(crate) mod probe;
pub(crate) mod proxy;
pub(crate) mod stage;
pub(crate) mod target;
pub(crate) mod text;
pub(crate) mod traffic;
pub(crate) mod traffic_measure;
pub(crate) mod window;
