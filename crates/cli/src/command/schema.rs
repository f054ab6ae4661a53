//! `squall schema`: for editors.

use clap::ValueEnum;
use squall_model::verdict::Exit;
use squall_spec::schema::{Kind, text};

use crate::printer::Printer;

/// Write the JSON Schema of a kind of file, for editors
#[derive(Debug, clap::Args)]
pub(crate) struct Schema {
    /// Of which kind of file
    #[arg(value_enum, value_name = "KIND")]
    kind: Document,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Document {
    Experiment,
    Target,
    Policy,
    Profile,
}

impl Schema {
    pub(crate) fn run(&self, printer: &mut Printer) -> Exit {
        printer.block(&text(match self.kind {
            Document::Experiment => Kind::Experiment,
            Document::Target => Kind::Target,
            Document::Policy => Kind::Policy,
            Document::Profile => Kind::Profile,
        }));
        Exit::Held
    }
}
