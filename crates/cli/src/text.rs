//! Strangers' text made fit for a terminal.

/// On one line, without control characters: a name or the output of a program must not move the cursor.
pub(crate) fn plain(text: &str) -> String {
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// `1 run`, `3 runs`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    let plural = match count {
        1 => "",
        _ if noun.ends_with('s') => "es",
        _ => "s",
    };
    format!("{count} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    // S9: nothing that was read may write over the terminal.
    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(plain(" a\u{1b}[2Jb\nc\r\n"), "a [2Jb c");
        assert_eq!((counted(1, "run"), counted(0, "run")), ("1 run".to_owned(), "0 runs".to_owned()));
    }
}
