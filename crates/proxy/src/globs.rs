//! What a rule is for, by patterns.

use crate::glob::{Case, Glob};
use crate::mistake::Mistake;
use crate::names::Names;

/// Patterns, of which one must match; none stands for everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Globs(Vec<Glob>);

impl Globs {
    /// Reads patterns; `place` is where they stand.
    pub(crate) fn new(names: &Names, case: Case, place: &str) -> Result<Self, Mistake> {
        names.0.iter().map(|pattern| Glob::new(pattern, case, place)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether there is no pattern, and everything is meant.
    pub(crate) fn are_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is meant. What is not there is meant only where everything is.
    pub(crate) fn have(&self, text: Option<&[u8]>) -> bool {
        self.are_none() || text.is_some_and(|text| self.0.iter().any(|glob| glob.matches(text)))
    }
}

/// Patterns for the host of a request, in any case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hosts(Globs);

impl Hosts {
    /// Reads patterns; `place` is where they stand.
    pub(crate) fn new(names: &Names, place: &str) -> Result<Self, Mistake> {
        Globs::new(names, Case::Ignored, place).map(Self)
    }

    /// Whether this host is meant, with its port or without. `host` is asked only where not all are.
    pub(crate) fn have<H: AsRef<[u8]>>(&self, host: impl FnOnce() -> Option<H>) -> bool {
        if self.0.are_none() {
            return true;
        }
        let host = host();
        let host = host.as_ref().map(AsRef::as_ref);
        self.0.have(host) || self.0.have(host.map(without_port))
    }
}

fn without_port(host: &[u8]) -> &[u8] {
    match host.iter().rposition(|byte| *byte == b':') {
        // A colon inside of brackets belongs to an IPv6 address.
        Some(colon) if !host[colon..].contains(&b']') => &host[..colon],
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Names {
        Names(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn one_pattern_is_enough_and_none_is_for_all() {
        let globs = |patterns| Globs::new(&names(patterns), Case::Differs, "path").unwrap();
        assert!(globs(&[]).have(None) && globs(&[]).have(Some(b"/")));
        assert!(globs(&["/a", "/b*"]).have(Some(b"/bc")));
        assert!(!globs(&["/a", "/b*"]).have(Some(b"/c")));
        assert!(!globs(&["*"]).have(None));
        assert_eq!(Globs::new(&names(&["/a", "["]), Case::Differs, "path").unwrap_err().place, "path");
    }

    #[test]
    fn hosts_are_meant_with_their_port_and_without() {
        let have =
            |pattern: &str, host: &str| Hosts::new(&names(&[pattern]), "host").unwrap().have(|| Some(host));
        assert!(have("shop.local", "Shop.local:8080") && have("shop.local:8080", "shop.local:8080"));
        assert!(!have("shop.local:80", "shop.local:8080"));
        assert!(have("[[]::1]", "[::1]:80") && have("[[]::1]", "[::1]"));
        assert!(!Hosts::new(&names(&["*"]), "host").unwrap().have(|| None::<&str>));
    }
}
