//! The ledger of a system: a program that prints one JSON object with all figures of one moment.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;
use squall_model::conservation::{Counts, Figure};
use squall_model::template::Argv;
use squall_model::unit::Span;
use tokio::time::timeout;

use crate::error::ProbeError;
use crate::path::JsonPath;
use crate::prober::fill_argv;
use crate::program;
use crate::surroundings::Surroundings;

/// A ledger, ready to be read. Lives on one thread, inside a tokio runtime with time and I/O.
pub struct Ledger {
    argv: Vec<String>,
    figures: Vec<(Figure, JsonPath)>,
    timeout: Duration,
    surroundings: Rc<dyn Surroundings>,
}

impl Ledger {
    /// Makes a ledger ready, each figure with the JSON path at which it stands.
    ///
    /// # Errors
    /// Where no reading could ever succeed: a reference without a value, a text that is no path.
    pub fn new(
        run: &Argv,
        figures: &BTreeMap<Figure, String>,
        timeout: Duration,
        surroundings: Rc<dyn Surroundings>,
    ) -> Result<Self, ProbeError> {
        let argv = fill_argv(&*surroundings, run)?;
        let mut paths = Vec::new();
        for (figure, path) in figures {
            paths.push((*figure, path.parse()?));
        }
        Ok(Self { argv, figures: paths, timeout, surroundings })
    }

    /// Reads all figures at once, in no longer than the timeout.
    ///
    /// # Errors
    /// The reason, without secrets. A figure that is missing is one: a ledger with a hole proves nothing.
    pub async fn read(&mut self) -> Result<Counts, String> {
        let variables = self.surroundings.variables();
        let read = async {
            let output = program::run(&self.argv, &variables).await.and_then(program::Ended::output);
            let output = output.map_err(|unread| unread.0)?;
            let document: Value = serde_json::from_slice(&output)
                .map_err(|error| format!("printed something that is not JSON: {error}"))?;
            self.figures
                .iter()
                .map(|(figure, path)| Ok((*figure, count(path.find(&document), path)?)))
                .collect::<Result<Counts, String>>()
        };
        let taken = timeout(self.timeout, read).await;
        let taken = taken.unwrap_or_else(|_| Err(format!("timed out after {}", Span(self.timeout))));
        taken.map_err(|why| self.surroundings.redact(&why))
    }
}

fn count(value: Option<&Value>, path: &JsonPath) -> Result<u64, String> {
    match value {
        None | Some(Value::Null) => Err(format!("there is nothing at `{path}`")),
        Some(value) => value.as_u64().ok_or_else(|| format!("`{path}` is {value}, which is no count")),
    }
}
