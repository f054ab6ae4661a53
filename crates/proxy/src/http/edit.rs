//! Headers that are set and removed.

use super::attributes::EditAttributes;
use crate::mistake::Mistake;

/// What is changed in the headers of a message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Edit {
    pub(crate) set: Vec<(String, String)>,
    remove: Vec<String>,
}

impl Edit {
    pub(crate) fn new(written: &EditAttributes, place: &str) -> Result<Self, Mistake> {
        for (name, value) in &written.set {
            check_field(name, value, &format!("{place}.set.{name}"))?;
        }
        for name in &written.remove.0 {
            check_changeable(name, &format!("{place}.remove.{name}"))?;
        }
        let set = written.set.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
        Ok(Self { set, remove: written.remove.0.clone() })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.set.is_empty() && self.remove.is_empty()
    }

    /// Whether a header of this name goes away, or is replaced.
    pub(crate) fn drops(&self, name: &[u8]) -> bool {
        let same = |other: &str| other.as_bytes().eq_ignore_ascii_case(name);
        self.set.iter().any(|(set, _)| same(set)) || self.remove.iter().any(|removed| same(removed))
    }
}

/// Refuses what is no name of a header (RFC 9110, section 5.6.2).
pub(crate) fn check_name(name: &str, place: &str) -> Result<(), Mistake> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) {
        return Err(Mistake::at(place, "it is no name of a header", "letters, digits and hyphens"));
    }
    Ok(())
}

/// Refuses what cannot be a header, and headers that the framing of messages depends on.
pub(crate) fn check_field(name: &str, value: &str, place: &str) -> Result<(), Mistake> {
    check_changeable(name, place)?;
    if value.len() > 8192 || value.bytes().any(|byte| byte != b'\t' && (byte < b' ' || byte == 0x7f)) {
        let problem = "the value has a line break, another control character, or over 8192 bytes";
        return Err(Mistake::at(place, problem, "one line of text"));
    }
    Ok(())
}

fn check_changeable(name: &str, place: &str) -> Result<(), Mistake> {
    check_name(name, place)?;
    if ["content-length", "transfer-encoding", "connection", "upgrade"]
        .iter()
        .any(|framing| name.eq_ignore_ascii_case(framing))
    {
        let hint = "`length` makes a wrong Content-Length";
        return Err(Mistake::at(place, "it frames the message and is not changed by hand", hint));
    }
    Ok(())
}
