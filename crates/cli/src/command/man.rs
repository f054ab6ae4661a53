//! `squall man`: the manual page, made of the same words as `--help`.

use clap::CommandFactory;
use squall_model::verdict::Exit;

use crate::args::Cli;
use crate::failure::Failure;
use crate::printer::Printer;

/// Writes the page of squall, and those of its commands after it.
pub(crate) fn run(printer: &mut Printer) -> Result<Exit, Failure> {
    let mut root = Cli::command();
    root.build();
    let mut page = Vec::new();
    let mut write = |command: clap::Command| clap_mangen::Man::new(command).render(&mut page);
    let written = write(root.clone()).and_then(|()| {
        root.get_subcommands()
            .filter(|command| !command.is_hide_set())
            .try_for_each(|command| write(command.clone()))
    });
    written.map_err(|error| Failure::unexpected(&error))?;
    printer.block(&String::from_utf8_lossy(&page));
    Ok(Exit::Held)
}
