//! How a proxy by itself opens connections of TLS: on the command line, in the words of a target.

use serde_json::{Map, Value};

use crate::document::tls::OpeningDocument;
use crate::mistake::{Mistakes, Source};
use crate::notes::Notes;
use crate::plan::traffic;
use crate::shape::Shape;
use crate::yaml;

/// Reads what stands under `proxy: { tls: ... }` of a service; `name` is where it stands, for people.
///
/// The answer has the words of the proxy's API, and `{file:PATH}` for what files say.
pub fn read(name: &str, text: &str) -> Result<Map<String, Value>, Mistakes> {
    let mut notes = Notes::new(text);
    let read = yaml::parse(text, &mut notes)
        .and_then(|node| OpeningDocument::read(&node, &mut notes))
        .and_then(|written| traffic::standing(&written, &mut notes));
    notes.finish(read, Source { name: name.to_owned(), text: text.to_owned() })
}
