//! `squall __stress`: a process that uses something up. Started by a fault.

use squall_host::stress::{self, Order};
use squall_model::verdict::Exit;

use crate::failure::{Failure, Text};

/// Use something up until the deadline
#[derive(Debug, clap::Args)]
pub(crate) struct Stress {
    /// The order, as JSON
    order: String,
}

impl Stress {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let order: Order = serde_json::from_str(&self.order)
            .map_err(|error| Failure::usage(format!("could not read the order: {error}")))?;
        // It says on stdout what went wrong, to whoever started it.
        stress::main(&order).map_err(|_| Failure {
            exit: Exit::Unexpected,
            text: Text::Nothing,
            hint: None,
        })?;
        Ok(Exit::Held)
    }
}
