//! The binary `squall`: arguments, settings, one file a command, the only place that prints.
//!
//! ```text
//! arguments --clap--> Cli --+
//! environment --> Settings -+--> command::run --> Printer (data on stdout, talk on stderr), Exit
//! ```

mod args;
mod baseline;
mod command;
mod debris;
mod experiment;
mod failure;
mod live;
mod page;
mod permission;
mod printer;
mod running;
mod settings;
mod signals;
mod test_kill;
mod text;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::printer::Printer;
use crate::settings::Settings;

fn main() -> ExitCode {
    // clap answers --help, --version and mistakes by itself; its exit code for mistakes is 2, as ours.
    let cli = Cli::parse();
    let mut printer = Printer::new(cli.color);
    let done = Settings::read().and_then(|settings| command::run(cli.command, &settings, &mut printer));
    let exit = done.unwrap_or_else(|failure| {
        printer.failure(&failure);
        failure.exit
    });
    ExitCode::from(exit.code())
}
