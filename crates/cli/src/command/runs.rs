//! `squall runs`: what was run here.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use serde::Serialize;
use squall_engine::home::RunDir;
use squall_engine::reason::reason;
use squall_model::event::{Event, EventKind, Mode};
use squall_model::id::RunId;
use squall_model::verdict::{Exit, Verdict};

use crate::args::{Format, Output};
use crate::failure::Failure;
use crate::printer::Printer;
use crate::settings::Settings;
use crate::text::plain;

/// What was run here, the newest last
#[derive(Debug, clap::Args)]
pub(crate) struct Runs {
    #[command(flatten)]
    output: Output,
}

/// One run.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Row {
    run: RunId,
    /// RFC 3339 in UTC; none when the record cannot be read.
    time: Option<String>,
    experiment: Option<String>,
    mode: Option<Mode>,
    /// None while it runs, and when it was interrupted.
    verdict: Option<Verdict>,
}

impl Runs {
    pub(crate) fn run(&self, settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
        let runs = settings
            .home()?
            .runs()
            .map_err(|error| Failure::new(Exit::Unexpected, format!("could not {}", reason(&error))))?;
        let rows: Vec<Row> = runs.iter().map(row).collect();
        if self.output.format == Format::Json {
            printer.json(&rows);
            return Ok(Exit::Held);
        }
        if rows.is_empty() {
            printer.say("nothing was run yet");
            printer.hint("`squall demo` is a good first one");
        }
        for row in &rows {
            let time =
                row.time.as_deref().map_or("-", |time| time.get(..19).unwrap_or(time)).replace('T', " ");
            let verdict = row.verdict.map_or("-", Verdict::word);
            let mode = match row.mode {
                Some(Mode::Dry) => " (dry run)",
                Some(Mode::Control) => " (control run)",
                Some(Mode::Real) | None => "",
            };
            let name = row.experiment.as_deref().map_or("no record".to_owned(), plain);
            printer.line(format!("{}  {time:<19}  {verdict:<12}  {name}{mode}", row.run));
        }
        Ok(Exit::Held)
    }
}

fn row(run: &RunDir) -> Row {
    let ends = ends(&run.record());
    let start = match ends.as_ref().map(|(first, _)| &first.kind) {
        Some(EventKind::RunStarted(start)) => Some(start),
        _ => None,
    };
    let verdict = match ends.as_ref().and_then(|(_, last)| last.as_ref()).map(|last| &last.kind) {
        Some(EventKind::RunEnded { verdict, .. }) => Some(*verdict),
        _ => None,
    };
    Row {
        run: run.id().clone(),
        time: start.map(|start| start.time.clone()),
        experiment: start.map(|start| start.plan.name.clone()),
        mode: start.map(|start| start.mode),
        verdict,
    }
}

/// More than the last event of any run takes.
const TAIL: u64 = 64 * 1024;

/// The first event and the last: a record may be far too long to read it whole for a list.
fn ends(path: &Path) -> Option<(Event, Option<Event>)> {
    let mut file = File::open(path).ok()?;
    let mut first = String::new();
    BufReader::new(&mut file).read_line(&mut first).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL))).ok()?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail).ok()?;
    let tail = String::from_utf8_lossy(&tail);
    let last = tail.lines().last().and_then(|line| serde_json::from_str(line).ok());
    Some((serde_json::from_str(&first).ok()?, last))
}
