//! JSON Schemas for editors, draft 7: the version that the YAML language server reads.

use serde_json::{Value, json};

use crate::document::experiment::ExperimentDocument;
use crate::document::load::LoadDocument;
use crate::document::policy::PolicyDocument;
use crate::document::target::TargetDocument;
use crate::shape::Shape;

/// The documents that people write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An experiment.
    Experiment,
    /// A target.
    Target,
    /// A policy.
    Policy,
    /// A load in a file of its own.
    Profile,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Experiment, Self::Target, Self::Policy, Self::Profile];

    /// The word for it on the command line and in file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Experiment => "experiment",
            Self::Target => "target",
            Self::Policy => "policy",
            Self::Profile => "profile",
        }
    }
}

/// The schema of that kind of document.
pub fn schema(kind: Kind) -> Value {
    let body = match kind {
        Kind::Experiment => ExperimentDocument::schema(),
        Kind::Target => TargetDocument::schema(),
        Kind::Policy => PolicyDocument::schema(),
        Kind::Profile => LoadDocument::schema(),
    };
    let mut schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": format!("squall {}", kind.name()),
    });
    if let (Some(schema), Value::Object(body)) = (schema.as_object_mut(), body) {
        schema.extend(body);
    }
    schema
}

/// The schema as the text of its file.
pub fn text(kind: Kind) -> String {
    format!("{:#}\n", schema(kind))
}
