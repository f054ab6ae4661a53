//! Mappings with known keys: what is missing, what is unknown, and which of several keys is there.

use serde_json::{Value, json};

use super::{Description, Document, Shape, wrong_shape};
use crate::code::Code;
use crate::mistake::{At, Mistake};
use crate::node::{Kind, Node};
use crate::notes::{Notes, listed};

pub(crate) fn optional<T: Shape>(node: &Node, key: &str, notes: &mut Notes<'_>) -> Option<T> {
    let (name, value) = node.entry(key)?;
    if value.is_null() && !T::may_be_empty() {
        let message = format!("nothing is written after `{key}`");
        notes.mistake(
            Mistake::new(Code::EmptyValue, message, name.place, "no value")
                .help("write a value, or leave the key out"),
        );
        return None;
    }
    T::read(value, notes)
}

pub(crate) fn required<T: Shape>(node: &Node, key: &str, notes: &mut Notes<'_>) -> Option<T> {
    if node.entry(key).is_none() {
        if node.names().any(|name| notes.meant(name, &[key.to_owned()])) {
            return None;
        }
        let message = format!("`{key}` is missing");
        notes.mistake(Mistake::new(Code::MissingKey, message, node.spot, format!("needs `{key}`")));
        return None;
    }
    optional(node, key, notes)
}

/// Reads a whole mapping: its fields, and a mistake for each key that is none of them.
pub(crate) fn whole<T: Document>(node: &Node, notes: &mut Notes<'_>) -> Option<T> {
    if !matches!(node.kind, Kind::Mapping(_)) && !node.is_null() {
        wrong_shape(node, "a mapping", notes);
        return None;
    }
    if let Kind::Mapping(entries) = &node.kind {
        let keys = T::keys();
        let later = T::later();
        for (name, _) in entries.iter().filter(|(name, _)| !keys.contains(&name.value)) {
            if let Some((_, help)) = later.iter().find(|(word, _)| *word == name.value) {
                not_available(name, help, notes);
            } else {
                notes.unknown(Code::UnknownKey, "key", &name.value, name.place, &keys);
            }
        }
    }
    T::fields(node, notes)
}

pub(crate) fn not_available(name: &At<String>, help: &str, notes: &mut Notes<'_>) {
    let message = format!("`{}` is not available yet", name.value);
    notes.mistake(Mistake::new(Code::NotAvailable, message, name.place, "not available yet").help(help));
}

/// Exactly one of the keys must be there.
pub(crate) fn one_of(node: &Node, what: &str, keys: &[&str], notes: &mut Notes<'_>) -> bool {
    let present: Vec<_> = keys.iter().filter_map(|key| node.entry(key)).collect();
    match present.as_slice() {
        [_] => true,
        [] => {
            let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
            if node.names().any(|name| notes.meant(name, &keys)) {
                return false;
            }
            missing(node, what, &keys, notes);
            false
        }
        [(first, _), (second, _), ..] => {
            several(first, second, what, notes);
            false
        }
    }
}

/// None of the keys is there.
fn missing(node: &Node, what: &str, keys: &[String], notes: &mut Notes<'_>) {
    let (message, label) = (format!("{what} is missing"), format!("needs {what}"));
    notes.mistake(Mistake::new(Code::MissingChoice, message, node.spot, label).help(listed(keys)));
}

/// More than one of the keys is there.
fn several(first: &At<String>, second: &At<String>, what: &str, notes: &mut Notes<'_>) {
    let message = format!("`{}` and `{}` cannot stand together", first.value, second.value);
    let label = format!("a second {}", what.trim_start_matches("a "));
    let mistake = Mistake::new(Code::SeveralChoices, message, second.place, label);
    notes.mistake(mistake.related(first.place, "the first"));
}

pub(crate) fn object_schema(about: &str, description: Description) -> Value {
    let mut schema = json!({
        "description": about,
        "type": "object",
        "properties": description.properties,
        "additionalProperties": false,
    });
    if !description.required.is_empty() {
        schema["required"] = description.required.into();
    }
    for group in description.one_of {
        schema["oneOf"] = group.iter().map(|key| json!({ "required": [key] })).collect();
    }
    schema
}

/// The one entry of a mapping that chooses, or `None` with a mistake noted.
pub(crate) fn chosen<'a>(
    node: &'a Node,
    what: &str,
    known: &[String],
    later: &[(&str, &str)],
    notes: &mut Notes<'_>,
) -> Option<&'a (At<String>, Node)> {
    let entries = match &node.kind {
        Kind::Mapping(entries) => entries,
        Kind::Scalar { text, .. } if known.contains(text) => {
            let message = format!("`{text}` must be a key");
            let mistake = Mistake::new(Code::WrongShape, message, node.spot, "expected a mapping");
            notes.mistake(mistake.help(format!("write `{{ {text}: {{}} }}`")));
            return None;
        }
        _ => {
            wrong_shape(node, &format!("a mapping with {what}"), notes);
            return None;
        }
    };
    match entries.as_slice() {
        [entry] if known.contains(&entry.0.value) => Some(entry),
        [(name, _)] => {
            if let Some((_, help)) = later.iter().find(|(word, _)| *word == name.value) {
                not_available(name, help, notes);
            } else {
                notes.unknown(
                    Code::UnknownKey,
                    what.trim_start_matches("a "),
                    &name.value,
                    name.place,
                    known,
                );
            }
            None
        }
        [] => {
            missing(node, what, known, notes);
            None
        }
        [(first, _), (second, _), ..] => {
            several(first, second, what, notes);
            None
        }
    }
}
