//! `squall status`: what is broken right now, by whom, until when.

use serde::Serialize;
use squall_engine::recover::{Holder, Standing, standings};
use squall_host::clock;
use squall_model::id::RunId;
use squall_model::verdict::Exit;

use crate::args::{Format, Output};
use crate::debris;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::settings::Settings;
use crate::text::plain;

/// What is broken right now, by whom, and until when
///
/// Reads the journals, so it is true whatever happened to the runs. Exits with 20 when something is left of a run that
/// nobody answers for any more.
#[derive(Debug, clap::Args)]
pub(crate) struct Status {
    #[command(flatten)]
    output: Output,
}

/// One run that has not ended.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Row {
    run: RunId,
    experiment: Option<String>,
    environment: Option<String>,
    pid: Option<u32>,
    started: Option<String>,
    /// Whether a run, a warden or a `recover` answers for it.
    answered_for: bool,
    owed: Vec<Owed>,
    damage: Vec<String>,
}

/// Something that is still to be undone.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Owed {
    /// None for what the run started itself.
    fault: Option<String>,
    undo: String,
    /// Undone by then at the latest; negative when that is over.
    seconds_left: Option<f64>,
    /// Why it could not be undone, when that was tried.
    failed: Option<String>,
    by_hand: Vec<String>,
}

impl Status {
    pub(crate) fn run(&self, settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
        let standings = standings(settings.home()?).map_err(|error| debris::failed(&error))?;
        let rows: Vec<Row> = standings.iter().map(row).collect();
        let is_orphaned = rows.iter().any(|row| !row.answered_for);
        if self.output.format == Format::Json {
            printer.json(&rows);
        } else {
            if rows.is_empty() {
                printer.line("nothing is broken");
            }
            for row in &rows {
                tell(row, printer);
            }
            if is_orphaned {
                printer.hint("`squall recover` undoes what is left");
            }
        }
        Ok(if is_orphaned { Exit::Dirty } else { Exit::Held })
    }
}

fn row(standing: &Standing) -> Row {
    let opened = standing.ledger.opened();
    let now = clock::since_boot().as_secs_f64();
    let owed = standing.ledger.owed().into_iter().map(|debt| Owed {
        fault: debt.fault.as_ref().map(ToString::to_string),
        undo: debt.undo.to_string(),
        seconds_left: debt.deadline.map(|deadline| deadline.as_secs_f64() - now),
        failed: standing.ledger.failure(debt.number).map(str::to_owned),
        by_hand: debt.undo.by_hand(),
    });
    Row {
        run: standing.run.clone(),
        experiment: opened.map(|opened| opened.name.clone()),
        environment: opened.map(|opened| opened.environment.clone()),
        pid: opened.map(|opened| opened.process.pid),
        started: opened.map(|opened| opened.time.clone()),
        answered_for: standing.holder == Holder::Somebody,
        owed: owed.collect(),
        damage: standing.ledger.damage(),
    }
}

fn tell(row: &Row, printer: &mut Printer) {
    let text = |value: &Option<String>| value.as_deref().map_or("?".to_owned(), plain);
    let by = match (row.answered_for, row.pid) {
        (true, Some(pid)) => format!("running, pid {pid}"),
        (true, None) => "starting".to_owned(),
        (false, _) => "NOBODY ANSWERS FOR IT".to_owned(),
    };
    let (name, environment) = (text(&row.experiment), text(&row.environment));
    printer.line(format!("{name} in {environment}, run {}, {by}", row.run));
    for owed in &row.owed {
        let what = owed.fault.as_deref().unwrap_or("processes of the run itself");
        let until = match owed.seconds_left {
            Some(left) if left >= 0.0 => format!("undone in {left:.1} s at the latest"),
            Some(late) => format!("overdue for {:.1} s", -late),
            None => "undone at the end of the run".to_owned(),
        };
        printer.line(format!("  {}: {until}; undo: {}", plain(what), plain(&owed.undo)));
        if let Some(failed) = &owed.failed {
            printer.line(format!("    could not be undone: {}", plain(failed)));
            for line in &owed.by_hand {
                printer.line(format!("    by hand: {}", plain(line)));
            }
        }
    }
    for damage in &row.damage {
        printer.line(format!("  {damage}: an undo may be lost"));
    }
}
