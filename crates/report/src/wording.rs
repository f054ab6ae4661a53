//! Strangers' text made fit to be shown, and numbers in words.

use squall_model::unit::{Quantity, Unit};
use squall_stats::Proportion;

/// More characters than this of one text nobody reads in a report; the record has the rest.
pub(crate) const LONGEST_TEXT: usize = 2_000;

/// The text on one line: control characters as signs, line breaks as spaces, cut after `most` characters.
pub(crate) fn line(text: &str, most: usize) -> String {
    cut(text.trim().chars().map(|c| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { visible(c) }), most)
}

/// As [`line`], but with its line breaks.
pub(crate) fn block(text: &str, most: usize) -> String {
    cut(text.chars().map(|c| if c == '\n' { c } else { visible(c) }), most)
}

fn cut(text: impl Iterator<Item = char>, most: usize) -> String {
    let mut out = String::new();
    for (at, c) in text.enumerate() {
        if at == most {
            out.push('…');
            break;
        }
        out.push(c);
    }
    out
}

/// Characters that cannot be seen, turn the direction of others or are not allowed in XML become signs.
fn visible(c: char) -> char {
    match c {
        '\0'..='\u{1f}' => char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        '\u{80}'..='\u{9f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fffe}'
        | '\u{ffff}' => '\u{fffd}',
        c => c,
    }
}

/// Escaped for the text and the attributes of HTML and XML.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// `1 reading`, `14,200 readings`.
pub(crate) fn counted(n: u64, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(n))
}

/// `3 %, 1.03 % to 8.45 %`: a share with its interval.
pub(crate) fn share_words(share: &Proportion) -> String {
    let percent = |share: f64| Quantity::new(share * 100.0, Unit::Percent);
    format!("{}, {} to {}", percent(share.share), percent(share.low), percent(share.high))
}

/// `14,200`
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A time since the start as people say it: `850 ms`, `12.4 s`, `3 min 05 s`, `2 h 10 min`.
pub(crate) fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    if seconds < 1.0 {
        return format!("{:.0} ms", seconds * 1e3);
    }
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    if whole < 3_600 {
        return format!("{} min {:02} s", whole / 60, whole % 60);
    }
    format!("{} h {:02} min", whole / 3_600, whole % 3_600 / 60)
}

/// With a capital letter, unless it begins with a name such as `p99` or `worker-2`, and a full stop.
pub(crate) fn sentence(text: &str) -> String {
    let first = text.split(' ').next().unwrap_or_default();
    let mut letters = text.chars();
    let text: String = if first.chars().all(char::is_alphabetic) {
        letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
    } else {
        text.to_owned()
    };
    if text.is_empty() || text.ends_with(['.', '!', '?', '…', '\u{fffd}']) {
        text
    } else {
        format!("{text}.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_become_signs_and_long_texts_are_cut() {
        assert_eq!(line(" a\u{1b}[31m\nb\u{202e}c\u{0} ", 100), "a␛[31m b\u{fffd}c␀");
        assert_eq!(line("ünïcödé", 3), "ünï…");
        assert_eq!(line("a\u{7f}b\u{9b}c\u{feff}", 9), "a␡b\u{fffd}c\u{fffd}");
        assert_eq!(block("a\nb\u{7}", 9), "a\nb␇");
    }

    #[test]
    fn numbers_and_times_read_like_prose() {
        assert_eq!(counted(1, "reading"), "1 reading");
        assert_eq!(counted(1_234_567, "reading"), "1,234,567 readings");
        assert_eq!(duration(0.25), "250 ms");
        assert_eq!(duration(12.44), "12.4 s");
        assert_eq!(duration(185.0), "3 min 05 s");
        assert_eq!(duration(7_800.0), "2 h 10 min");
    }

    #[test]
    fn a_sentence_begins_and_ends_like_one() {
        assert_eq!(sentence("the run did not end"), "The run did not end.");
        assert_eq!(sentence("p99 rose"), "p99 rose.");
        assert_eq!(sentence(""), "");
    }
}
