//! `squall init`: an experiment to start from.

use std::fmt::Write;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

use squall_model::verdict::Exit;
use squall_spec::template::{self, FIRST, template, templates};

use crate::failure::Failure;
use crate::printer::Printer;

/// Write an experiment to start from, with comments
///
/// Without a name it writes `worker-loss.yaml`, which runs as it is. A file that is there already is never overwritten.
#[derive(Debug, clap::Args)]
#[command(after_help = after_help())]
pub(crate) struct Init {
    /// Which one to start from
    #[arg(value_name = "TEMPLATE", default_value = FIRST)]
    template: String,
    /// Where to write it; `-` for stdout [default: TEMPLATE.yaml]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

fn after_help() -> String {
    let mut text = "Templates:".to_owned();
    for template::Template { name, about, .. } in templates() {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n  {name:<14} {about}");
    }
    text
}

impl Init {
    pub(crate) fn run(&self, printer: &mut Printer) -> Result<Exit, Failure> {
        let Some(template) = template(&self.template) else {
            let names: Vec<&str> = templates().iter().map(|template| template.name).collect();
            return Err(Failure::usage(format!("there is no template `{}`", self.template))
                .hint(format!("the templates are {}", names.join(", "))));
        };
        let path = self.output.clone().unwrap_or_else(|| format!("{}.yaml", template.name).into());
        if path.as_os_str() == "-" {
            printer.block(template.text);
            return Ok(Exit::Held);
        }
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .and_then(|mut file| file.write_all(template.text.as_bytes()));
        written.map_err(|error| {
            let failure = Failure::refused(format!("could not write {}: {error}", path.display()));
            if error.kind() == std::io::ErrorKind::AlreadyExists {
                failure.hint("name another file with `-o FILE`")
            } else {
                failure
            }
        })?;
        printer.say(format!("wrote {}: {}", path.display(), template.about));
        printer.hint(format!(
            "`squall check {0}` shows what it would do, `squall run {0}` does it",
            path.display()
        ));
        Ok(Exit::Held)
    }
}
