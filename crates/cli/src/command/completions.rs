//! `squall completions`: for shells.

use clap::CommandFactory;
use clap_complete::Shell;
use squall_model::verdict::Exit;

use crate::args::Cli;
use crate::printer::Printer;

/// Write completions for a shell to stdout
///
/// For example: squall completions bash > ~/.local/share/bash-completion/completions/squall
#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self, printer: &mut Printer) -> Exit {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "squall", &mut script);
        printer.block(&String::from_utf8_lossy(&script));
        Exit::Held
    }
}
