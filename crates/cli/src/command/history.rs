//! `squall history`: the runs of one experiment, and where its measures lead.

use serde::Serialize;
use squall_engine::home::{Home, RunDir};
use squall_engine::reason::reason;
use squall_model::event::Mode;
use squall_model::id::RunId;
use squall_model::unit::{Quantity, Unit};
use squall_model::verdict::{Exit, Verdict};
use squall_report::{History as Told, HistoryRun};

use crate::args::{Format, Output};
use crate::baseline;
use crate::failure::Failure;
use crate::page;
use crate::printer::Printer;
use crate::settings::Settings;
use crate::text::plain;

/// The runs of one experiment in the order of time, and where its measures lead
///
/// A trend needs five runs that broke something in the environment of the newest one.
#[derive(Debug, clap::Args)]
pub(crate) struct History {
    /// The experiment; that of the last run where nothing is said
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Keep a run as the baseline of its experiment in its environment, in the place of the one before: see `squall compare --baseline`
    #[arg(long, value_name = "RUN", conflicts_with = "name")]
    keep: Option<String>,
    /// The newest runs that are read
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    last: u32,
    #[command(flatten)]
    output: Output,
}

/// A history with what could not be read.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Page {
    #[serde(flatten)]
    history: Told,
    /// Runs whose records cannot be read, and why.
    unreadable: Vec<Unreadable>,
    /// Older runs that were not read.
    older: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Unreadable {
    run: RunId,
    why: String,
}

impl History {
    pub(crate) fn run(&self, settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
        let home = settings.home()?;
        if let Some(run) = &self.keep {
            return keep(run, home, settings, printer);
        }
        let runs = home
            .runs()
            .map_err(|error| Failure::new(Exit::Unexpected, format!("could not {}", reason(&error))))?;
        let named = |run: RunDir| run.read_subject().ok().map(|subject| (subject.name, run));
        let named: Vec<(String, RunDir)> = runs.into_iter().filter_map(named).collect();
        let newest = || named.last().map(|(name, _)| name.clone());
        let Some(name) = self.name.clone().or_else(newest) else {
            return Err(Failure::file("nothing was run yet").hint("`squall demo` is a good first one"));
        };
        let mut own: Vec<RunDir> =
            named.into_iter().filter(|(own, _)| *own == name).map(|(_, run)| run).collect();
        if own.is_empty() {
            return Err(Failure::file(format!("there is no run of an experiment named `{}`", plain(&name)))
                .hint("`squall runs` lists what was run"));
        }
        let older = own.len().saturating_sub(self.last as usize);
        own.drain(..older);
        let (mut read, mut unreadable) = (Vec::new(), Vec::new());
        for run in own {
            match run.read_record() {
                Ok(record) => read.push(HistoryRun::of(&record, baseline::is_kept(&run))),
                Err(error) => unreadable.push(Unreadable { run: run.id().clone(), why: reason(&error) }),
            }
        }
        let page = Page { history: Told::of(&name, read), unreadable, older };
        if self.output.format == Format::Json {
            printer.json(&page);
        } else {
            tell(&page, printer);
        }
        Ok(Exit::Held)
    }
}

fn keep(which: &str, home: &Home, settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
    let record = page::record(which, settings)?;
    let run = home.find(record.start.run.as_str()).map_err(|_| {
        Failure::refused(format!("run {} is not one of those in {}", record.start.run, home.path().display()))
            .hint("only runs of the state folder can be kept: `squall runs` lists them")
    })?;
    let Some(verdict) = record.verdict() else {
        return Err(Failure::refused(format!("run {} did not come to its end", run.id()))
            .hint("a baseline is a whole run: `squall runs` lists them with their verdicts"));
    };
    if verdict != Verdict::Held {
        printer.warn(format!("this run ended {verdict}: what is compared with it has little to live up to"));
    }
    let plan = &record.start.plan;
    baseline::keep(home, &run, &plan.name, &plan.target.environment)?;
    printer.line(format!(
        "kept {} as the baseline of {} in {}",
        run.id(),
        plain(&plan.name),
        plain(&plan.target.environment)
    ));
    Ok(Exit::Held)
}

fn tell(page: &Page, printer: &mut Printer) {
    let history = &page.history;
    printer.line(format!("{}\n", plain(&history.experiment)));
    if page.older > 0 {
        printer.line(format!("... and {} older runs", page.older));
    }
    let mut digest = None;
    for run in &history.runs {
        let started = run.started.get(..19).unwrap_or(&run.started).replace('T', " ");
        let recovery = run.recovery.map_or("-".to_owned(), |seconds| {
            format!("steady after {}", Quantity::new(seconds, Unit::Seconds))
        });
        let mut notes = Vec::new();
        match run.mode {
            Mode::Real => {}
            Mode::Dry => notes.push("dry run"),
            Mode::Control => notes.push("control run"),
        }
        if digest.is_some_and(|before| before != &run.digest) {
            notes.push("another version of the file");
        }
        digest = Some(&run.digest);
        if run.kept {
            notes.push("BASELINE");
        }
        let notes = if notes.is_empty() { String::new() } else { format!("  ({})", notes.join(", ")) };
        let environment = plain(&run.environment);
        printer
            .line(format!("{}  {started}  {:<12}  {environment}  {recovery}{notes}", run.run, run.verdict));
        let medians = run.medians.iter().map(|(name, median)| format!("{} {median}", plain(name)));
        let medians: Vec<String> = medians.take(8).collect();
        if !medians.is_empty() {
            printer.line(format!("    during the faults: {}", medians.join(", ")));
        }
    }
    for unreadable in &page.unreadable {
        printer.line(format!("{}  could not be read: {}", unreadable.run, plain(&unreadable.why)));
    }
    if !history.trends.is_empty() {
        printer.line("");
    }
    for trend in history.trends.iter().filter(|trend| trend.trend.is_some()) {
        printer.line(plain(&trend.sentence));
    }
    if !history.trends.is_empty() && history.trends.iter().all(|trend| trend.trend.is_none()) {
        printer.line(
            "no trends yet: they need five runs that broke something in the environment of the newest one",
        );
    }
}
