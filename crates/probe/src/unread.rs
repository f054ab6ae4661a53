//! Why one reading could not be taken.

use std::error::Error;

/// The reason, in few words, as it follows "unreadable: ". May hold a secret until the prober redacts it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unread(pub(crate) String);

impl From<String> for Unread {
    fn from(why: String) -> Self {
        Self(why)
    }
}

impl From<&str> for Unread {
    fn from(why: &str) -> Self {
        Self(why.to_owned())
    }
}

/// What an operation says that failed, with its causes.
pub(crate) fn could_not(error: &dyn Error) -> Unread {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    let text = causes.fold(format!("could not {error}"), |text, cause| format!("{text}: {cause}"));
    Unread(text)
}

/// At most so many characters of a stranger's text are quoted in a reason.
const LONGEST_QUOTE: usize = 200;

/// The first line of a stranger's text that says something, shortened.
pub(crate) fn quote(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let mut quoted: String = line.chars().filter(|c| !c.is_control()).take(LONGEST_QUOTE).collect();
    if line.chars().count() > LONGEST_QUOTE {
        quoted.push('…');
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_one_short_line_without_control_characters() {
        assert_eq!(quote("\n  no such\u{1b}[31m table \nmore"), "no such[31m table");
        assert_eq!(quote(&"x".repeat(1_000)).chars().count(), LONGEST_QUOTE + 1);
        assert_eq!(quote(" \n"), "");
    }
}
