//! `squall run`: an experiment, carried out.

use std::path::PathBuf;

use squall_engine::driver::Ended;
use squall_engine::reason::reason;
use squall_model::event::Mode;
use squall_model::verdict::{Exit, Verdict};

use crate::args::{Format, Output};
use crate::debris;
use crate::experiment;
use crate::failure::Failure;
use crate::page::{self, PageFile};
use crate::permission::Permission;
use crate::printer::Printer;
use crate::running::{Telling, carry_out};
use crate::settings::Settings;

/// Carry an experiment out, and say whether the system held
///
/// Reads the steady state, injects the faults, undoes them, and waits until all is well again. The first Ctrl-C ends
/// the run gently, the second hurries; both undo everything, and so do SIGTERM, SIGHUP, a lost terminal and a crash.
#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    /// The experiment, or the id of a run to repeat exactly as it was planned
    #[arg(value_name = "FILE|RUN")]
    what: String,
    /// Do everything but the changes, and say what each would be
    #[arg(long = "dry-run")]
    dry: bool,
    /// Leave all faults and stages out: what the system does when nothing is done to it
    #[arg(long, conflicts_with = "dry")]
    control: bool,
    /// Draw instances and windows from this number instead of the file's
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[command(flatten)]
    permission: Permission,
    /// Write a report, too: .html, .md, .xml (JUnit) or .json; may be given several times
    #[arg(long = "report", value_name = "PATH")]
    reports: Vec<PageFile>,
    /// Say nothing but the verdict
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    output: Output,
}

impl Run {
    pub(crate) fn run(&self, settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
        let path = PathBuf::from(&self.what);
        let mut planned = if path.exists() || path.extension().is_some() {
            experiment::of_file(&path, self.seed, settings)?
        } else {
            experiment::of_run(&self.what, self.seed, settings)?
        };
        if self.control {
            planned.plan.faults.clear();
            planned.plan.stages.clear();
        }
        let telling = match (self.output.format, self.quiet) {
            (Format::Json, _) => Telling::Json,
            (Format::Text, true) => Telling::Quiet,
            (Format::Text, false) => Telling::Lines,
        };
        self.permission.ask(&planned.plan, settings, printer)?;
        experiment::obstacles(&planned.plan, settings)?;
        debris::clear(settings, printer)?;
        if telling == Telling::Lines {
            printer.lints(&planned.lints);
            if !planned.lints.is_empty() {
                printer.say("");
            }
        }
        let mode = match (self.dry, self.control) {
            (true, _) => Mode::Dry,
            (_, true) => Mode::Control,
            _ => Mode::Real,
        };
        let ended = carry_out(planned.plan, mode, telling, settings, printer)?;
        let written = if self.reports.is_empty() { Ok(()) } else { self.report(&ended) };
        if telling == Telling::Lines {
            printer.line(format!("       record {}", ended.dir.record().display()));
            self.suggest(&ended.run.to_string(), ended.verdict, printer);
        }
        match written {
            // The verdict is worth more than a report that could not be written.
            Err(failure) if ended.verdict != Verdict::Held => {
                printer.failure(&failure);
                Ok(ended.verdict.exit())
            }
            Err(failure) => Err(Failure { exit: Exit::Unexpected, ..failure }),
            Ok(()) => Ok(ended.verdict.exit()),
        }
    }

    fn report(&self, ended: &Ended) -> Result<(), Failure> {
        let record = ended
            .dir
            .read_record()
            .map_err(|error| Failure::new(Exit::Unexpected, format!("could not {}", reason(&error))))?;
        self.reports.iter().try_for_each(|file| page::write(&record, file))
    }

    fn suggest(&self, run: &str, verdict: Verdict, printer: &mut Printer) {
        if verdict == Verdict::Dirty {
            printer.hint("`squall recover` tries again to undo what is left");
        } else if self.reports.is_empty() {
            printer.hint(format!("`squall report {run} -o report.html` shows it as a picture"));
        }
    }
}
