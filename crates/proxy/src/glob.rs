//! Patterns as Redis has them (`KEYS`): `*` any bytes, `?` one byte, `[a-c]`, `[^a]`, `\` before a character as it is.

use std::fmt::Write as _;

use regex::bytes::{Regex, RegexBuilder};

use crate::mistake::Mistake;

/// Whether upper and lower case are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// They differ.
    Differs,
    /// They are the same, for ASCII.
    Ignored,
}

/// One pattern, which matches a whole text of any bytes.
#[derive(Clone, Debug)]
pub struct Glob {
    /// What every match begins with. Most texts that do not match do not begin so, which is seen faster.
    start: Vec<u8>,
    regex: Regex,
}

impl Glob {
    /// Reads a pattern; `place` is where it stands, for the mistake.
    pub fn new(pattern: &str, case: Case, place: &str) -> Result<Self, Mistake> {
        let mistake = |problem: String| {
            Mistake::at(place, problem, "`*` is any text, `?` one byte, `[ab]` one of these, `\\*` a star")
        };
        let mut regex = String::from("^");
        let mut bytes = pattern.bytes();
        let exactly = |regex: &mut String, byte: u8| {
            // As a hexadecimal escape no byte means anything but itself.
            let _ = write!(regex, "\\x{byte:02x}");
        };
        while let Some(byte) = bytes.next() {
            match byte {
                b'*' => regex.push_str(".*"),
                b'?' => regex.push('.'),
                b'\\' => exactly(&mut regex, bytes.next().unwrap_or(b'\\')),
                b'[' => {
                    let mut class = String::from("[");
                    let mut members = 0;
                    loop {
                        match bytes.next() {
                            None => return Err(mistake(format!("`{pattern}` has a `[` without `]`"))),
                            Some(b']') => break,
                            Some(b'^' | b'!') if class == "[" => class.push('^'),
                            Some(b'-') if members > 0 && !class.ends_with('-') => class.push('-'),
                            Some(b'\\') => {
                                exactly(&mut class, bytes.next().unwrap_or(b'\\'));
                                members += 1;
                            }
                            Some(other) => {
                                exactly(&mut class, other);
                                members += 1;
                            }
                        }
                    }
                    if members == 0 {
                        return Err(mistake(format!("`{pattern}` has an empty `[]`")));
                    }
                    if class.ends_with('-') {
                        class.pop();
                        exactly(&mut class, b'-');
                    }
                    regex.push_str(&class);
                    regex.push(']');
                }
                other => exactly(&mut regex, other),
            }
        }
        regex.push('$');
        let literal = |byte: &u8| !matches!(byte, b'*' | b'?' | b'[' | b'\\');
        let start = match case {
            Case::Differs => pattern.bytes().take_while(literal).collect(),
            Case::Ignored => Vec::new(),
        };
        RegexBuilder::new(&regex)
            .unicode(false)
            .dot_matches_new_line(true)
            .case_insensitive(case == Case::Ignored)
            .build()
            .map(|regex| Self { start, regex })
            .map_err(|error| mistake(format!("`{pattern}` is no pattern ({error})")))
    }

    /// Whether the whole of these bytes is meant.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        bytes.starts_with(&self.start) && self.regex.is_match(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Glob::new(pattern, Case::Differs, "key").unwrap().matches(text.as_bytes())
    }

    #[test]
    fn patterns_mean_what_they_mean_to_redis() {
        for (pattern, yes, no) in [
            ("*", vec!["", "a\nb"], vec![]),
            ("jobs:*", vec!["jobs:", "jobs:1/2"], vec!["job", "xjobs:1", "Jobs:1"]),
            ("h?llo", vec!["hello", "h.llo"], vec!["hllo", "heello"]),
            ("h[ae]llo", vec!["hallo", "hello"], vec!["hillo"]),
            ("h[^e]llo", vec!["hallo"], vec!["hello"]),
            ("h[a-c]llo", vec!["hbllo"], vec!["hdllo", "h-llo"]),
            ("h[a-]llo", vec!["h-llo", "hallo"], vec!["hbllo"]),
            ("a\\*b", vec!["a*b"], vec!["axb"]),
            ("a.b(c){d}|$", vec!["a.b(c){d}|$"], vec!["axb(c){d}|$"]),
            ("ключ:*", vec!["ключ:1"], vec!["клюв:1"]),
        ] {
            for text in yes {
                assert!(matches(pattern, text), "{pattern} {text}");
            }
            for text in no {
                assert!(!matches(pattern, text), "{pattern} {text}");
            }
        }
        assert!(Glob::new("GET *", Case::Ignored, "x").unwrap().matches(b"get \xff"));
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_its_place() {
        for pattern in ["[a", "[]", "[^]", "[z-a]", "["] {
            let mistake = Glob::new(pattern, Case::Differs, "key").unwrap_err();
            assert_eq!(mistake.place, "key", "{pattern}");
        }
    }
}
