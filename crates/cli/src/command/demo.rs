//! `squall demo`: a real job queue, broken and recovering.

use std::path::Path;

use squall_engine::reason::reason;
use squall_model::event::{EventKind, Mode};
use squall_model::measure::Outcome;
use squall_model::record::Record;
use squall_model::verdict::Exit;
use squall_report::{Band, sparkline};

use crate::debris;
use crate::experiment;
use crate::failure::Failure;
use crate::page::{self, PageFile, PageForm};
use crate::printer::Printer;
use crate::running::{Telling, carry_out};
use crate::settings::Settings;

/// Watch a real job queue lose half of its workers and recover; nothing to install, under a minute
///
/// Starts the built-in job queue (one API, four workers), puts a steady load on it, kills half of the workers twice,
/// and says whether the queue held. Needs no root and touches nothing but its own processes. The same experiment as a
/// file of your own: squall init worker-loss
#[derive(Debug, clap::Args)]
pub(crate) struct Demo {}

const EXPERIMENT: &str = include_str!("../../../../examples/worker-loss.yaml");
/// What the chart shows: where the loss of workers is seen best.
const CHARTED: [&str; 2] = ["workers", "backlog"];
const WIDTH: usize = 64;
const HEIGHT: usize = 3;

impl Demo {
    pub(crate) fn run(settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
        debris::clear(settings, printer)?;
        let planned = experiment::of_text("worker-loss.yaml", EXPERIMENT, Path::new(""), None, settings)?;
        printer.say(
            "A job queue is started: one API, four workers, 20 tasks a second. Half of the workers are killed,\n\
             twice. Will every task be done, and will the queue be itself again?\n",
        );
        let ended = carry_out(planned.plan, Mode::Real, Telling::Lines, settings, printer)?;
        let failed = |error| Failure::new(Exit::Unexpected, format!("could not {}", reason(&error)));
        let record = ended.dir.read_record().map_err(failed)?;
        chart(&record, printer);
        let file = PageFile { path: ended.dir.path().join("report.html"), form: PageForm::Html };
        page::write(&record, &file)?;
        printer.line(format!("\n  report  {}", file.path.display()));
        printer.line(format!("  record  {}", ended.dir.record().display()));
        printer.hint("`squall init worker-loss` writes this experiment as a file; change it, then `squall run worker-loss.yaml`");
        Ok(ended.verdict.exit())
    }
}

fn chart(record: &Record, printer: &mut Printer) {
    let bands = bands(record);
    for measure in CHARTED {
        let series: Vec<(f64, Option<f64>)> = record
            .events
            .iter()
            .filter_map(|event| match &event.kind {
                EventKind::Read(reading) if reading.measure == measure => Some((
                    reading.asked.seconds(),
                    match &reading.outcome {
                        Outcome::Value(quantity) => Some(quantity.value),
                        _ => None,
                    },
                )),
                _ => None,
            })
            .collect();
        let picture = sparkline(&series, &bands, WIDTH, HEIGHT);
        if picture.is_empty() {
            continue;
        }
        let numbers = || series.iter().filter_map(|(_, number)| *number);
        let (least, most) = (numbers().fold(f64::INFINITY, f64::min), numbers().fold(0.0, f64::max));
        // The picture begins at 0 where that is close.
        let bottom = if least < most / 2.0 { 0.0 } else { least };
        printer.line("");
        for (row, line) in picture.lines().enumerate() {
            let label = match row {
                0 => format!("{measure} {most:>3}"),
                HEIGHT => "fault on".to_owned(),
                _ if row + 1 == HEIGHT => bottom.to_string(),
                _ => String::new(),
            };
            printer.line(format!("  {label:>12} {line}"));
        }
    }
}

/// When faults were on.
fn bands(record: &Record) -> Vec<Band> {
    let mut bands = Vec::new();
    let mut on = Vec::new();
    for event in &record.events {
        match &event.kind {
            EventKind::FaultInjected { fault, .. } => on.push((fault.clone(), event.at)),
            EventKind::FaultUndone { fault, .. } => {
                if let Some(at) = on.iter().position(|(active, _)| active == fault) {
                    let (_, from) = on.remove(at);
                    bands.push(Band { from: from.seconds(), until: event.at.seconds() });
                }
            }
            _ => {}
        }
    }
    bands
}
