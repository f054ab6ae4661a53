//! `squall findings`: what to do after a run.

use squall_model::verdict::Exit;
use squall_report::{Severity, Summary, findings_json};

use crate::args::{Format, Output};
use crate::failure::Failure;
use crate::page;
use crate::printer::Printer;
use crate::settings::Settings;
use crate::text::plain;

/// What a run found: severity, evidence and recommendation
#[derive(Debug, clap::Args)]
pub(crate) struct Findings {
    /// The id of the run, the beginning of it, `last`, or the path of a record
    #[arg(value_name = "RUN", default_value = "last")]
    run: String,
    #[command(flatten)]
    output: Output,
}

impl Findings {
    pub(crate) fn run(&self, settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
        let summary = Summary::of(&page::record(&self.run, settings)?);
        if self.output.format == Format::Json {
            printer.block(&findings_json(&summary));
            return Ok(Exit::Held);
        }
        printer.line(format!("{}  {}", summary.verdict, plain(&summary.sentence)));
        if summary.findings.is_empty() {
            printer.line("nothing to do: there are no findings");
        }
        for finding in &summary.findings {
            let severity = match finding.severity {
                Severity::Critical => "critical",
                Severity::Warning => "warning",
                Severity::Note => "note",
            };
            printer.line(format!("\n{severity:<10}{}", plain(&finding.title)));
            for evidence in &finding.evidence {
                printer.line(format!("          {}", plain(evidence)));
            }
            printer.line(format!("          -> {}", plain(&finding.recommendation)));
        }
        Ok(Exit::Held)
    }
}
