//! What a program prints, or how it exits.

use squall_model::measure::{Outcome, Output};
use squall_model::template::Argv;
use squall_model::unit::Unit;

use crate::error::ProbeError;
use crate::json;
use crate::path::JsonPath;
use crate::prober::fill_argv;
use crate::program;
use crate::surroundings::Surroundings;
use crate::unread::{Unread, quote};

pub(crate) struct Command {
    argv: Vec<String>,
    variables: Vec<(String, String)>,
    read: Read,
    unit: Unit,
}

enum Read {
    Number,
    Text,
    Json(JsonPath),
    Exit,
}

impl Command {
    pub(crate) fn new(
        run: &Argv,
        read: &Output,
        unit: Unit,
        known: &dyn Surroundings,
    ) -> Result<Self, ProbeError> {
        let read = match read {
            Output::Number => Read::Number,
            Output::Text => Read::Text,
            Output::Json(path) => Read::Json(path.parse()?),
            Output::Exit => Read::Exit,
        };
        Ok(Self { argv: fill_argv(known, run)?, variables: known.variables(), read, unit })
    }

    pub(crate) async fn read(&mut self) -> Result<Outcome, Unread> {
        let ended = program::run(&self.argv, &self.variables).await?;
        if matches!(self.read, Read::Exit) {
            return json::number(f64::from(ended.code()?), Unit::Number);
        }
        let output = ended.output()?;
        let printed = String::from_utf8_lossy(&output);
        let printed = printed.trim();
        match &self.read {
            Read::Json(path) => {
                let document = serde_json::from_str(printed)
                    .map_err(|error| Unread(format!("printed something that is not JSON: {error}")))?;
                json::outcome(&document, path, self.unit)
            }
            Read::Text => json::text(printed),
            Read::Number | Read::Exit => match printed.parse() {
                Ok(value) => json::number(value, self.unit),
                Err(_) if printed.is_empty() => Err("printed nothing, not a number".into()),
                Err(_) => Err(Unread(format!("printed `{}`, not a number", quote(printed)))),
            },
        }
    }
}
