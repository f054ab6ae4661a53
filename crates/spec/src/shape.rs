//! How a document is read: each type knows its form, notes what is wrong, and describes itself as JSON Schema.
//!
//! [`document!`] and [`choice!`] declare a type once; its fields, its reader and its schema all come from there,
//! and the doc comments become the hover texts of editors.

mod declare;
mod mapping;

pub(crate) use declare::{choice, document};
pub(crate) use mapping::{chosen, object_schema, one_of, optional, required, whole};
use serde_json::{Map as Object, Value, json};

use crate::code::Code;
use crate::mistake::{At, Mistake};
use crate::node::{Kind, Node, Style};
use crate::notes::Notes;

/// Something that can be read from a node.
pub(crate) trait Shape: Sized {
    /// The value, or `None` with a mistake noted.
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Self>;

    /// JSON Schema, draft 7.
    fn schema() -> Value;

    /// Whether nothing (`key:`) is read as the empty form.
    fn may_be_empty() -> bool {
        false
    }
}

/// A mapping with known keys, which may also be a part of a larger one.
pub(crate) trait Document: Shape {
    fn keys() -> Vec<String>;
    /// Keys that are known and not available yet, with the help to give.
    fn later() -> Vec<(&'static str, &'static str)>;
    fn fields(node: &Node, notes: &mut Notes<'_>) -> Option<Self>;
    /// Properties, required keys, and the groups of keys of which exactly one is needed.
    fn describe() -> Description;
}

#[derive(Default)]
pub(crate) struct Description {
    pub(crate) properties: Object<String, Value>,
    pub(crate) required: Vec<String>,
    pub(crate) one_of: Vec<Vec<String>>,
}

/// A mapping from names that people choose. The names are kept also where the value is wrong.
#[derive(Clone, Debug)]
pub(crate) struct Map<T>(pub(crate) Vec<(At<String>, Option<T>)>);

/// A text, or a mapping with more.
#[derive(Clone, Debug)]
pub(crate) enum OrText<T> {
    Text(At<String>),
    Full(At<T>),
}

/// Something that counts as present also where it is wrong, so that nobody is told that it is missing.
#[derive(Clone, Debug)]
pub(crate) struct Tried<T>(pub(crate) Option<T>);

impl<T> Default for Map<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Map<T> {
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.iter().map(|(name, _)| name.value.clone()).collect()
    }
}

/// `expect_restart` is written `expect-restart`, `r#for` is written `for`.
pub(crate) fn key(field: &str) -> String {
    field.trim_start_matches("r#").replace('_', "-")
}

/// Doc comments as one text.
pub(crate) fn prose(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

pub(crate) fn described(mut schema: Value, description: &str) -> Value {
    if let Some(object) = schema.as_object_mut() {
        object.insert("description".to_owned(), description.into());
    }
    schema
}

pub(crate) fn wrong_shape(node: &Node, expected: &str, notes: &mut Notes<'_>) {
    let message = format!("expected {expected}, found {}", node.what());
    notes.mistake(Mistake::new(Code::WrongShape, message, node.spot, format!("expected {expected}")));
}

/// The text of a scalar, or `None` with a mistake noted.
pub(crate) fn scalar<'a>(node: &'a Node, expected: &str, notes: &mut Notes<'_>) -> Option<&'a str> {
    match &node.kind {
        Kind::Scalar { text, .. } if !node.is_null() => Some(text),
        _ => {
            wrong_shape(node, expected, notes);
            None
        }
    }
}

impl<T: Shape> Shape for At<T> {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Self> {
        T::read(node, notes).map(|value| Self { value, place: node.spot })
    }

    fn schema() -> Value {
        T::schema()
    }

    fn may_be_empty() -> bool {
        T::may_be_empty()
    }
}

impl<T: Shape> Shape for Tried<T> {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Self> {
        Some(Self(T::read(node, notes)))
    }

    fn schema() -> Value {
        T::schema()
    }

    fn may_be_empty() -> bool {
        T::may_be_empty()
    }
}

impl<T: Shape> Shape for Vec<T> {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Self> {
        let Kind::Sequence(items) = &node.kind else {
            wrong_shape(node, "a list", notes);
            return None;
        };
        Some(items.iter().filter_map(|item| T::read(item, notes)).collect())
    }

    fn schema() -> Value {
        json!({ "type": "array", "items": T::schema() })
    }
}

impl<T: Shape> Shape for Map<T> {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Self> {
        if node.is_null() {
            return Some(Self(Vec::new()));
        }
        let Kind::Mapping(entries) = &node.kind else {
            wrong_shape(node, "a mapping from names", notes);
            return None;
        };
        let read = |(name, _): &(At<String>, Node)| (name.clone(), optional(node, &name.value, notes));
        Some(Self(entries.iter().map(read).collect()))
    }

    fn schema() -> Value {
        json!({ "type": "object", "additionalProperties": T::schema() })
    }

    fn may_be_empty() -> bool {
        true
    }
}

impl<T: Document> Shape for OrText<T> {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Self> {
        match node.kind {
            Kind::Scalar { .. } => At::read(node, notes).map(Self::Text),
            _ => At::read(node, notes).map(Self::Full),
        }
    }

    fn schema() -> Value {
        json!({ "anyOf": [{ "type": "string" }, T::schema()] })
    }
}

impl Shape for String {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Self> {
        match &node.kind {
            Kind::Scalar { text, style: Style::Quoted } if text.trim().is_empty() => {
                notes.mistake(Mistake::new(Code::EmptyValue, "the text is empty", node.spot, "no text"));
                None
            }
            _ => scalar(node, "a text", notes).map(str::to_owned),
        }
    }

    fn schema() -> Value {
        json!({ "type": ["string", "number", "boolean"] })
    }
}
