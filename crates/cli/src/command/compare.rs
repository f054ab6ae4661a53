//! `squall compare`: did it get worse?

use squall_engine::recover::{Holder, standings};
use squall_model::record::Record;
use squall_model::unit::Percent;
use squall_model::verdict::Exit;
use squall_report::{RunsCompared, Worse};

use crate::baseline;
use crate::debris;
use crate::failure::Failure;
use crate::page;
use crate::printer::Printer;
use crate::settings::Settings;

/// Compare two runs: did it get worse?
///
/// Each measure is compared before, during and after the faults: how much it moved, how sure
/// that is, and whether that is more than the margin.
/// Exits with 0 when nothing got worse and with 10 when something did.
///
/// For example:
///   squall compare 0190a1 last
///   squall history --keep 0190a1 && squall compare --baseline
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Compare {
    /// The runs, the earlier one first: ids, the beginnings of ids, `last`, or paths of records. Of one, the last run is the other
    #[arg(value_name = "RUN", num_args = 0..=2)]
    runs: Vec<String>,
    /// Compare with the run that is kept as the baseline of the same experiment and environment (`squall history --keep RUN`)
    #[arg(long)]
    baseline: bool,
    /// The share of its level by which a measure may get worse
    #[arg(long, value_name = "PERCENT", default_value = "5%")]
    margin: Percent,
    /// How to write the result: `text`, `markdown` for a pull request, `json` for programs (schema/output/compare.schema.json)
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
    format: Form,
}

/// The form of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// For people.
    Text,
    /// For a pull request.
    Markdown,
    /// For programs.
    Json,
}

impl Compare {
    pub(crate) fn run(&self, settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
        let (reference, run) = match (self.baseline, self.runs.as_slice()) {
            (true, []) => against_baseline("last", settings)?,
            (true, [run]) => against_baseline(run, settings)?,
            (true, _) => {
                return Err(Failure::usage("with --baseline one run is compared, not two"));
            }
            (false, []) => {
                return Err(Failure::usage("say which runs are compared, or --baseline")
                    .hint("`squall runs` lists what was run"));
            }
            (false, [reference]) => (ended(reference, settings)?, ended("last", settings)?),
            (false, [reference, run, ..]) => (ended(reference, settings)?, ended(run, settings)?),
        };
        if reference.start.run == run.start.run {
            return Err(Failure::usage(format!("run {} is compared with itself", run.start.run))
                .hint("`squall runs` lists what was run"));
        }
        let compared = RunsCompared::of(&reference, &run, self.margin);
        if compared.differences.is_empty() {
            return Err(Failure::refused("the runs have no measure in common that was read in both")
                .hint("compare runs of the same experiment: `squall history` lists them"));
        }
        match self.format {
            Form::Text => printer.block(&compared.text()),
            Form::Markdown => printer.block(&compared.markdown()),
            Form::Json => printer.json(&compared),
        }
        Ok(if compared.worse == Worse::Worse { Exit::Deviated } else { Exit::Held })
    }
}

fn against_baseline(run: &str, settings: &Settings) -> Result<(Record, Record), Failure> {
    let record = ended(run, settings)?;
    let (name, environment) = (&record.start.plan.name, &record.start.plan.target.environment);
    let kept = baseline::kept(settings.home()?, name, environment)?.ok_or_else(|| {
        let text = format!("no run of {name} in {environment} is kept as its baseline");
        Failure::refused(text).hint("`squall history --keep RUN` keeps one")
    })?;
    Ok((page::record(kept.id().as_str(), settings)?, record))
}

/// A record whose run is over: half of a run says nothing of the other half.
fn ended(which: &str, settings: &Settings) -> Result<Record, Failure> {
    let record = page::record(which, settings)?;
    if record.verdict().is_none() && settings.home().is_ok_and(|home| home.path().exists()) {
        let standings = standings(settings.home()?).map_err(|error| debris::failed(&error))?;
        let is_alive = standings
            .iter()
            .any(|standing| standing.run == record.start.run && standing.holder == Holder::Somebody);
        if is_alive {
            return Err(Failure::refused(format!("run {} is still going on", record.start.run))
                .hint("wait for its end, or end it: `squall halt`"));
        }
    }
    Ok(record)
}
