//! What is noted while a document is read: mistakes and lints. Reading goes on after each.

use std::sync::Arc;

use crate::code::Code;
use crate::mistake::{At, Mistake, Mistakes, Place, Source};

#[derive(Debug)]
pub(crate) struct Notes<'a> {
    source: &'a str,
    pub(crate) mistakes: Vec<Mistake>,
    pub(crate) lints: Vec<Mistake>,
    /// Every `{port:NAME}` that was read.
    pub(crate) ports: Vec<At<String>>,
}

impl<'a> Notes<'a> {
    pub(crate) fn new(source: &'a str) -> Self {
        Self { source, mistakes: Vec::new(), lints: Vec::new(), ports: Vec::new() }
    }

    pub(crate) fn mistake(&mut self, mistake: Mistake) {
        self.mistakes.push(mistake);
    }

    pub(crate) fn lint(&mut self, lint: Mistake) {
        self.lints.push(lint);
    }

    /// What was read of a text by itself, unless something was wrong with it.
    pub(crate) fn finish<T>(self, read: Option<T>, source: Source) -> Result<T, Mistakes> {
        let mut mistakes = Mistakes::default();
        mistakes.add(&Arc::new(source), self.mistakes);
        match read {
            Some(read) if mistakes.is_empty() => Ok(read),
            _ => Err(mistakes),
        }
    }

    /// A mistake whose help is the nearest known word, or all of them when none is near.
    pub(crate) fn unknown(&mut self, code: Code, what: &str, word: &str, place: Place, known: &[String]) {
        // Names that differ by their number are near each other, and yet not what was meant.
        let near = nearest(word, known).filter(|_| code != Code::UnknownInstance);
        let (label, help) = match (near, known) {
            (Some(near), _) => (format!("did you mean `{near}`?"), None),
            (None, []) => ("there is none".to_owned(), None),
            (None, known) => ("not known here".to_owned(), Some(listed(known))),
        };
        let mut mistake = Mistake::new(code, format!("unknown {what} `{word}`"), place, label);
        mistake.help = help;
        self.mistake(mistake);
    }

    /// Whether a key at that place was noted as unknown (or not available) and may have been meant as one of these:
    /// then their lack is no news.
    pub(crate) fn meant(&self, name: &At<String>, keys: &[String]) -> bool {
        self.mistakes.iter().any(|mistake| {
            let near = || nearest(&name.value, keys).is_some();
            mistake.place == name.place
                && (mistake.code == Code::NotAvailable || (mistake.code == Code::UnknownKey && near()))
        })
    }

    /// The place of a piece of a value, when it stands there as it is (not escaped, not folded); else all of it.
    pub(crate) fn within(&self, place: Place, piece: &str) -> Place {
        let found = self.source.get(place.start..place.end).and_then(|text| text.find(piece));
        match found {
            Some(at) if !piece.is_empty() => Place::new(place.start + at, place.start + at + piece.len()),
            _ => place,
        }
    }
}

/// The known words as help: "one of `a`, `b`, `c`".
pub(crate) fn listed(known: &[String]) -> String {
    const MOST: usize = 20;
    let mut quoted: Vec<String> = known.iter().take(MOST).map(|word| format!("`{word}`")).collect();
    if known.len() > MOST {
        quoted.push(format!("and {} more", known.len() - MOST));
    }
    match quoted.as_slice() {
        [] => "there is none".to_owned(),
        [only] => format!("only {only} is known here"),
        several => format!("one of {}", several.join(", ")),
    }
}

/// The known word that was probably meant.
pub(crate) fn nearest<'a>(word: &str, known: &'a [String]) -> Option<&'a str> {
    let word = word.to_lowercase().replace('_', "-");
    let (distance, near) = known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(&word, &known.to_lowercase()), known))
        .min_by_key(|(distance, _)| *distance)?;
    let allowed = (word.chars().count().max(near.chars().count()) / 3).max(1);
    (distance <= allowed && near.chars().count() > distance).then_some(near.as_str())
}
