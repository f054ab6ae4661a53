//! `squall doctor`: what can be injected here.

use std::path::PathBuf;

use squall_engine::doctor::diagnose;
use squall_model::verdict::Exit;

use crate::args::{Format, Output};
use crate::printer::Printer;

/// What can be injected here, what cannot, why, and how to change that
///
/// Found out by trying each means on things of squall's own; nothing else is touched.
#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    /// A folder on the filesystem that disk faults would use
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

impl Doctor {
    pub(crate) fn run(&self, printer: &mut Printer) -> Exit {
        let abilities = diagnose(self.dir.as_deref());
        if self.output.format == Format::Json {
            printer.json(&abilities);
            return Exit::Held;
        }
        for ability in &abilities {
            let word = if ability.obstacles.is_empty() { "can" } else { "cannot" };
            printer.line(format!("{word:<8}{}", ability.fault));
            for obstacle in &ability.obstacles {
                printer.line(format!("          why  {}", obstacle.why));
                printer.line(format!("          fix  {}", obstacle.remedy));
            }
        }
        Exit::Held
    }
}
