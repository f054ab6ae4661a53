//! `squall lab`: the job queue to practise on.

use squall_lab::LabCommand;
use squall_model::verdict::Exit;

use crate::failure::Failure;
use crate::printer::Printer;

/// Runs one of its commands to its end.
pub(crate) fn run(command: LabCommand, printer: &mut Printer) -> Result<Exit, Failure> {
    squall_lab::run(command, printer.out()).map_err(|error| Failure::unexpected(&error))?;
    Ok(Exit::Held)
}
