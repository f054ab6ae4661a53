//! Texts in which something is different for each request.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A text with places for the number of the request (`{n}`, from 0), a new UUID (`{uuid}`), a number by chance
/// (`{random:1-100}`), and values of a row (`{csv:COLUMN}`). Everything else in braces stays as it is.
///
/// The same request of the same load has the same text whenever it is made: chance is drawn from the seed and the number.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Text {
    pieces: Vec<Piece>,
    rows: Option<Arc<Rows>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Plain(String),
    Number,
    Uuid,
    Random(u64, u64),
    Column(usize),
}

/// The rows of a file with comma-separated values. Request `n` takes row `n`; after the last it begins again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    names: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// The text or the rows cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextMistake {
    /// No two numbers, or the wrong way round.
    #[error("`{{random:{0}}}` needs the lowest and the highest number: {{random:1-100}}")]
    Random(String),
    /// The file has no such column.
    #[error("there is no column `{0}`{1}")]
    Column(String, String),
    /// The file could not be read.
    #[error("the rows cannot be read: {0}")]
    Rows(String),
}

/// Larger files of rows are not held in memory.
const MOST_BYTES: usize = 64 * 1024 * 1024;

impl Rows {
    /// Reads them from text; the first line has the names of the columns (RFC 4180).
    pub fn read(text: impl io::Read) -> Result<Self, TextMistake> {
        let wrong = |error: csv::Error| TextMistake::Rows(error.to_string());
        let mut reader = csv::Reader::from_reader(text.take(MOST_BYTES as u64 + 1));
        let names = reader.headers().map_err(wrong)?.iter().map(str::to_owned).collect();
        let mut rows = Vec::new();
        let mut bytes = 0;
        for row in reader.records() {
            let row = row.map_err(wrong)?;
            bytes += row.as_slice().len();
            rows.push(row.iter().map(str::to_owned).collect());
            if bytes > MOST_BYTES {
                return Err(TextMistake::Rows("more than 64 MiB".to_owned()));
            }
        }
        if rows.is_empty() {
            return Err(TextMistake::Rows("there is no row below the names".to_owned()));
        }
        Ok(Self { names, rows })
    }

    fn of(&self, n: u64) -> &[String] {
        &self.rows[(n % self.rows.len() as u64) as usize]
    }
}

impl Text {
    /// Takes it apart.
    pub fn new(text: &str, rows: Option<&Arc<Rows>>) -> Result<Self, TextMistake> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            plain.push_str(&rest[..open]);
            rest = &rest[open..];
            let known = rest.find('}').map(|close| (&rest[1..close], &rest[close + 1..]));
            let piece = match known {
                Some(("n", _)) => Piece::Number,
                Some(("uuid", _)) => Piece::Uuid,
                Some((inner, _)) if inner.starts_with("random:") => random(&inner["random:".len()..])?,
                Some((inner, _)) if inner.starts_with("csv:") => column(&inner["csv:".len()..], rows)?,
                _ => {
                    plain.push('{');
                    rest = &rest[1..];
                    continue;
                }
            };
            pieces.extend((!plain.is_empty()).then(|| Piece::Plain(std::mem::take(&mut plain))));
            pieces.push(piece);
            rest = known.map_or("", |(_, after)| after);
        }
        plain.push_str(rest);
        pieces.extend((!plain.is_empty()).then_some(Piece::Plain(plain)));
        let uses_rows = pieces.iter().any(|piece| matches!(piece, Piece::Column(_)));
        Ok(Self { pieces, rows: rows.filter(|_| uses_rows).cloned() })
    }

    /// The text itself, when it is the same for every request.
    pub(crate) fn constant(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [Piece::Plain(text)] => Some(text),
            _ => None,
        }
    }

    /// A URL as scheme with authority, and the rest with its places; `None` where a place comes before the path.
    pub(crate) fn split_url(&self) -> Option<(&str, Self)> {
        let (first, others) = self.pieces.split_first()?;
        let Piece::Plain(first) = first else { return None };
        let from = first.find("://")? + 3;
        let (origin, path) = match first[from..].find(['/', '?']) {
            Some(at) => first.split_at(from + at),
            None if others.is_empty() => (first.as_str(), ""),
            None => return None,
        };
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let pieces = std::iter::once(Piece::Plain(path)).chain(others.iter().cloned()).collect();
        Some((origin, Self { pieces, rows: self.rows.clone() }))
    }

    /// The text of the first request.
    pub(crate) fn first(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, 0, 0);
        text
    }

    /// Adds the text of request `n`.
    pub(crate) fn write(&self, to: &mut String, n: u64, seed: u64) {
        let mut chance = None;
        for piece in &self.pieces {
            match piece {
                Piece::Plain(text) => to.push_str(text),
                Piece::Number => {
                    let _ = write!(to, "{n}");
                }
                Piece::Random(low, high) => {
                    let drawn = chance.get_or_insert_with(|| of_request(seed, n)).random_range(*low..=*high);
                    let _ = write!(to, "{drawn}");
                }
                Piece::Uuid => {
                    let mut bytes = [0; 16];
                    chance.get_or_insert_with(|| of_request(seed, n)).fill_bytes(&mut bytes);
                    let _ = write!(to, "{}", uuid::Builder::from_random_bytes(bytes).into_uuid());
                }
                Piece::Column(column) => {
                    let rows = self.rows.as_ref().expect("a text with columns has rows");
                    // A short row has nothing there: the reader refuses such files, so it does not come to that.
                    to.push_str(rows.of(n).get(*column).map_or("", String::as_str));
                }
            }
        }
    }

    /// The text of request `n`.
    pub(crate) fn of(&self, n: u64, seed: u64) -> String {
        let mut text = String::new();
        self.write(&mut text, n, seed);
        text
    }
}

/// Each request draws from a stream of its own.
fn of_request(seed: u64, n: u64) -> ChaCha8Rng {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    chance.set_stream(n);
    chance
}

fn random(bounds: &str) -> Result<Piece, TextMistake> {
    let read = bounds.split_once('-').and_then(|(low, high)| Some((low.parse().ok()?, high.parse().ok()?)));
    match read {
        Some((low, high)) if low <= high => Ok(Piece::Random(low, high)),
        _ => Err(TextMistake::Random(bounds.to_owned())),
    }
}

fn column(name: &str, rows: Option<&Arc<Rows>>) -> Result<Piece, TextMistake> {
    let Some(rows) = rows else {
        return Err(TextMistake::Column(name.to_owned(), ": there is no file with rows".to_owned()));
    };
    let at = rows.names.iter().position(|known| known == name);
    at.map(Piece::Column).ok_or_else(|| {
        TextMistake::Column(name.to_owned(), format!(" (there are: {})", rows.names.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, n: u64) -> String {
        Text::new(text, None).unwrap().of(n, 1)
    }

    #[test]
    fn the_number_stands_where_the_text_says_and_nothing_else_changes() {
        assert_eq!(of(r#"{"a":{n},"k":"x-{n}"}"#, 7), r#"{"a":7,"k":"x-7"}"#);
        assert_eq!(of("{m} {} {{n} {", 7), "{m} {} {7 {");
        assert_eq!(of("", 7), "");
        assert_eq!(Text::new("{m}", None).unwrap().constant(), Some("{m}"));
        assert_eq!(Text::new("{n}", None).unwrap().constant(), None);
    }

    #[test]
    fn chance_is_drawn_from_the_seed_and_the_number() {
        let text = Text::new("{random:1-6} {random:10-10} {uuid}", None).unwrap();
        assert_eq!(text.of(3, 1), text.of(3, 1));
        assert_ne!(text.of(3, 1), text.of(4, 1));
        assert_ne!(text.of(3, 1), text.of(3, 2));
        for n in 0..1_000 {
            let text = text.of(n, 1);
            let words: Vec<_> = text.split(' ').collect();
            assert!((1..=6).contains(&words[0].parse::<u64>().unwrap()), "{text}");
            assert_eq!(words[1], "10");
            assert_eq!(words[2].parse::<uuid::Uuid>().unwrap().get_version_num(), 4);
        }
        for bad in ["{random:}", "{random:6-1}", "{random:a-b}", "{random:1}"] {
            assert!(matches!(Text::new(bad, None), Err(TextMistake::Random(_))), "{bad}");
        }
    }

    #[test]
    fn rows_are_taken_in_turn() {
        let rows = Arc::new(Rows::read("user,say\nann,\"a, b\"\nbob,\"c\"\"d\"\n".as_bytes()).unwrap());
        let text = Text::new("{csv:user}: {csv:say}", Some(&rows)).unwrap();
        assert_eq!(text.of(0, 1), "ann: a, b");
        assert_eq!(text.of(1, 1), r#"bob: c"d"#);
        assert_eq!(text.of(2, 1), text.of(0, 1));
        let unknown = Text::new("{csv:nam}", Some(&rows)).unwrap_err();
        assert_eq!(unknown.to_string(), "there is no column `nam` (there are: user, say)");
        assert!(Text::new("{csv:user}", None).is_err());
    }

    #[test]
    fn rows_that_are_none_are_refused() {
        for bad in ["", "a,b\n", "a,b\n1,2,3\n", "a,b\n1\n"] {
            assert!(matches!(Rows::read(bad.as_bytes()), Err(TextMistake::Rows(_))), "{bad:?}");
        }
        assert!(Rows::read(&b"a\n\xff\n"[..]).is_err());
    }
}
