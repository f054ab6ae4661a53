//! A load by itself: a profile in a file, or a pattern on the command line.

use squall_model::load::{Load, Pattern};

use crate::document::load::LoadDocument;
use crate::mistake::{Mistakes, Source};
use crate::notes::Notes;
use crate::plan::load;
use crate::shape::Shape;
use crate::yaml;

/// Reads a profile: a file with what stands under `load:` in an experiment, apart from `tasks` and `profile`.
pub fn profile(name: &str, text: &str) -> Result<Load, Mistakes> {
    let source = Source { name: name.to_owned(), text: text.to_owned() };
    let mut notes = Notes::new(text);
    let read = yaml::parse(text, &mut notes)
        .and_then(|node| LoadDocument::read(&node, &mut notes))
        .and_then(|document| load::of_profile(&document, &source, &mut notes));
    notes.finish(read, source)
}

/// Reads a pattern as it stands in a file: `ramp: { to: 50/s, over: 30s }`.
pub fn pattern(name: &str, text: &str) -> Result<Pattern, Mistakes> {
    let source = Source { name: name.to_owned(), text: text.to_owned() };
    let mut notes = Notes::new(text);
    let read = load::of_text(text, &mut notes);
    notes.finish(read, source)
}
