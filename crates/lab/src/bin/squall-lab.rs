//! The lab by itself. The same commands as `squall lab`.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use squall_lab::LabCommand;

/// A real job queue to practise on.
#[derive(Parser)]
#[command(name = "squall-lab", version)]
struct Cli {
    #[command(subcommand)]
    command: LabCommand,
}

fn main() -> ExitCode {
    match squall_lab::run(Cli::parse().command, &mut io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = format!("error: could not {error}");
            let mut cause = error.source();
            while let Some(deeper) = cause {
                text = format!("{text}: {deeper}");
                cause = deeper.source();
            }
            let _ = writeln!(io::stderr(), "{text}");
            ExitCode::FAILURE
        }
    }
}
