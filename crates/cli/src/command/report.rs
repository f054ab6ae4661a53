//! `squall report`: what a run says, as a page.

use std::path::PathBuf;

use squall_model::verdict::Exit;

use crate::failure::Failure;
use crate::page::{self, PageFile, PageForm};
use crate::printer::Printer;
use crate::settings::Settings;

/// Write the report of a run: HTML, Markdown, JUnit XML or JSON
///
/// Works for runs that were interrupted, too. Without -o the report goes to stdout as Markdown.
#[derive(Debug, clap::Args)]
pub(crate) struct Report {
    /// The id of the run, the beginning of it, `last`, or the path of a record
    #[arg(value_name = "RUN", default_value = "last")]
    run: String,
    /// Where to write it; the suffix says the form: .html, .md, .xml (JUnit), .json. May be given several times
    #[arg(short, long = "output", value_name = "FILE")]
    output: Vec<PageFile>,
    /// The form on stdout, where no file is named
    #[arg(long, value_enum, value_name = "FORM", conflicts_with = "output")]
    format: Option<PageForm>,
}

impl Report {
    pub(crate) fn run(&self, settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
        let record = page::record(&self.run, settings)?;
        if self.output.is_empty() {
            printer.block(&page::render(&record, self.format.unwrap_or(PageForm::Md))?);
        }
        for file in &self.output {
            page::write(&record, file)?;
            let path = std::path::absolute(&file.path).unwrap_or_else(|_| PathBuf::from(&file.path));
            printer.say(format!("wrote {}", path.display()));
        }
        Ok(Exit::Held)
    }
}
