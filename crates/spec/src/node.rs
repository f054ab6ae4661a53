//! A document as a tree in which every value knows its place.

use crate::mistake::{At, Place};

/// One value.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// From its first to its last byte.
    pub(crate) place: Place,
    /// What to underline when the whole value is meant: a collection over several lines is shown by its key.
    pub(crate) spot: Place,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Scalar { text: String, style: Style },
    Sequence(Vec<Node>),
    Mapping(Vec<(At<String>, Node)>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Quoted,
}

impl Node {
    /// Nothing, `~` or `null`.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, style: Style::Plain } if matches!(text.as_str(), "" | "~" | "null"))
    }

    /// What it is, for "expected a mapping, found a list".
    pub(crate) fn what(&self) -> &'static str {
        match &self.kind {
            _ if self.is_null() => "nothing",
            Kind::Scalar { .. } => "a text",
            Kind::Sequence(_) => "a list",
            Kind::Mapping(_) => "a mapping",
        }
    }

    /// The keys of a mapping.
    pub(crate) fn names(&self) -> impl Iterator<Item = &At<String>> {
        let entries = match &self.kind {
            Kind::Mapping(entries) => entries.as_slice(),
            _ => &[],
        };
        entries.iter().map(|(name, _)| name)
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&(At<String>, Self)> {
        match &self.kind {
            Kind::Mapping(entries) => entries.iter().find(|(name, _)| name.value == key),
            _ => None,
        }
    }
}
