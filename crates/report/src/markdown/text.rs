//! Strangers' text within Markdown.

use crate::wording::line;

/// Strangers' text between words of Markdown: nothing in it is markup, a link, a mention or a cell's end.
/// Code between single backquotes is left as it is, for sentences name commands.
pub(crate) fn plain(text: &str, most: usize) -> String {
    let text = line(text, most);
    let pieces: Vec<&str> = text.split('`').collect();
    let mut out = String::new();
    for (at, piece) in pieces.iter().enumerate() {
        let inside = at % 2 == 1 && at + 1 < pieces.len() && !piece.trim().is_empty();
        if inside {
            out.push_str(&code(piece, most));
        } else {
            if at % 2 == 1 {
                out.push_str("\\`");
            }
            escape_into(piece, &mut out);
        }
    }
    out
}

fn escape_into(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '\\' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' => {
                out.push('\\');
                out.push(c);
            }
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // A name behind an at sign would be notified.
            '@' => out.push_str("@\u{2060}"),
            c => out.push(c),
        }
    }
}

/// As code: a table's bar is escaped, for it ends a cell even there, and so no backquote can end the code.
pub(super) fn code(text: &str, most: usize) -> String {
    let text = line(text, most).replace('`', "'").replace('|', "\\|");
    if text.is_empty() { String::new() } else { format!("`{text}`") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_text_is_not_markup() {
        assert_eq!(plain("<script>*a*|b", 99), "&lt;script&gt;\\*a\\*\\|b");
        assert_eq!(plain("run `squall recover` now", 99), "run `squall recover` now");
        assert_eq!(plain("one ` alone <b>", 99), "one \\` alone &lt;b&gt;");
        assert_eq!(plain("ask @everyone", 99), "ask @\u{2060}everyone");
        assert_eq!(code("a`b|c", 99), "`a'b\\|c`");
    }
}
