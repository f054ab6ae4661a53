//! `squall halt`: the emergency stop.

use std::thread;

use serde::Serialize;
use squall_engine::halt::{How, halt};
use squall_engine::home::RunDir;
use squall_engine::reason::reason;
use squall_engine::recover::standings;
use squall_model::id::RunId;
use squall_model::verdict::Exit;

use crate::args::{Format, Output};
use crate::debris;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::settings::Settings;

/// Stop and undo, at once; never asks
#[derive(Debug, clap::Args)]
pub(crate) struct Halt {
    /// The id of the run, or the beginning of it; not needed when only one is running
    #[arg(value_name = "RUN", conflicts_with = "all")]
    run: Option<String>,
    /// Every run
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    output: Output,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Row {
    run: RunId,
    /// `was-over`, `by-itself`, `by-its-warden`, `not-yet`, or `failed`.
    how: &'static str,
    /// What is still owed.
    left: Vec<String>,
}

impl Halt {
    pub(crate) fn run(&self, settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
        let runs = self.chosen(settings)?;
        // One after the other they would wait for each other's undos.
        let rows: Vec<Row> = thread::scope(|scope| {
            let threads: Vec<_> = runs.iter().map(|run| scope.spawn(move || end(run))).collect();
            threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
        });
        let is_clean = rows.len() == runs.len() && rows.iter().all(|row| row.left.is_empty());
        if self.output.format == Format::Json {
            printer.json(&rows);
        } else {
            if rows.is_empty() {
                printer.line("nothing is running");
            }
            for row in &rows {
                tell(row, printer);
            }
        }
        if !is_clean && self.output.format == Format::Text {
            printer.hint("`squall recover` tries again to undo what is left");
        }
        Ok(if is_clean { Exit::Held } else { Exit::Dirty })
    }

    fn chosen(&self, settings: &Settings) -> Result<Vec<RunDir>, Failure> {
        let home = settings.home()?;
        let find =
            |id: &str| home.find(id).map_err(|error| Failure::usage(format!("could not {}", reason(&error))));
        if let Some(id) = &self.run {
            return Ok(vec![find(id)?]);
        }
        let running = standings(home).map_err(|error| debris::failed(&error))?;
        if running.len() > 1 && !self.all {
            let ids: Vec<&str> = running.iter().map(|standing| standing.run.as_str()).collect();
            return Err(Failure::usage(format!("several runs have not ended: {}", ids.join(", ")))
                .hint("name one, or halt them with --all"));
        }
        running.iter().map(|standing| find(standing.run.as_str())).collect()
    }
}

fn end(run: &RunDir) -> Row {
    let (how, left) = match halt(run) {
        Err(error) => ("failed", vec![format!("could not {}", reason(&error))]),
        Ok(halted) => {
            let how = match halted.how {
                How::WasOver => "was-over",
                How::ByItself => "by-itself",
                How::ByItsWarden => "by-its-warden",
                How::NotYet => "not-yet",
            };
            let owed = if halted.ledger.is_closed() { Vec::new() } else { halted.ledger.owed() };
            (how, owed.iter().map(|debt| debt.undo.to_string()).collect())
        }
    };
    Row { run: run.id().clone(), how, left }
}

fn tell(row: &Row, printer: &mut Printer) {
    let what = match row.how {
        "was-over" => "was over already",
        "by-itself" => "halted, everything undone",
        "by-its-warden" => "did not answer; its warden undid everything",
        "not-yet" => "has not ended yet",
        _ => "could not be halted",
    };
    printer.line(format!("run {} {what}", row.run));
    for left in &row.left {
        printer.line(format!("  left: {left}"));
    }
}
