//! Carrying a plan out, and telling what happens while it does.

use owo_colors::{OwoColorize, Style};
use squall_engine::driver::{self, Ended, Options};
use squall_model::event::{Event, Mode};
use squall_model::plan::Plan;
use squall_model::record;
use squall_model::verdict::{Exit, Verdict};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

use crate::failure::Failure;
use crate::live::{Ending, Line, Live, Progress, TICK, style};
use crate::printer::Printer;
use crate::settings::Settings;
use crate::signals::Signals;

/// How a run is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Telling {
    /// Lines as it happens, then the verdict.
    Lines,
    /// The verdict only.
    Quiet,
    /// Lines as it happens; no verdict over a system that nobody measured, as long as all went well.
    Bare,
    /// Events as JSON lines.
    Json,
}

/// Carries a plan out to its end.
pub(crate) fn carry_out(
    plan: Plan,
    mode: Mode,
    telling: Telling,
    settings: &Settings,
    printer: &mut Printer,
) -> Result<Ended, Failure> {
    let options = Options {
        home: settings.home()?.clone(),
        mode,
        squall: settings.squall.clone(),
        environment: settings.environment.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        at_boundary: settings.test_kill.as_ref().map(crate::test_kill::TestKill::hook),
    };
    let mut teller = Teller::new(telling, printer);
    let ended = runtime()?.block_on(async {
        let signals = Signals::listen().map_err(|error| {
            Failure::refused(format!("could not listen to signals, so nothing was begun: {error}"))
        })?;
        let (halting, halts) = mpsc::unbounded_channel();
        let (events, mut happened) = mpsc::unbounded_channel();
        let tell = async {
            let mut tick = tokio::time::interval(TICK);
            loop {
                tokio::select! {
                    biased;
                    event = happened.recv() => match event {
                        Some(event) => teller.tell(&event),
                        None => break,
                    },
                    _ = tick.tick() => teller.draw(),
                }
            }
        };
        let run = async {
            tokio::select! {
                ended = driver::run(plan, options, halts, events) => ended,
                // It never ends before the run does.
                () = signals.hand_to(halting) => std::future::pending().await,
            }
        };
        let (ended, ()) = tokio::join!(run, tell);
        ended.map_err(|error| Failure::unexpected(&error))
    })?;
    teller.end();
    Ok(ended)
}

/// One thread: the engine hands out what blocks by itself.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Unexpected, format!("could not start a runtime: {error}")))
}

/// Tells events as they come.
pub(crate) struct Teller<'a> {
    telling: Telling,
    live: Live,
    progress: Option<Progress>,
    printer: &'a mut Printer,
}

impl<'a> Teller<'a> {
    pub(crate) fn new(telling: Telling, printer: &'a mut Printer) -> Self {
        let progress =
            (telling != Telling::Json && Printer::has_terminal()).then(|| Progress::start(printer.colour()));
        Self { telling, live: Live::default(), progress, printer }
    }

    pub(crate) fn tell(&mut self, event: &Event) {
        if self.telling == Telling::Json {
            self.printer.block(&record::line(event));
            return;
        }
        let lines = self.live.see(event);
        if self.telling != Telling::Quiet && !lines.is_empty() {
            let printer = &mut *self.printer;
            let mut write = || lines.iter().for_each(|line| printer.line(coloured(line)));
            match &self.progress {
                Some(progress) => progress.suspend(write),
                None => write(),
            }
        }
        self.draw();
    }

    pub(crate) fn draw(&self) {
        if let Some(progress) = &self.progress {
            progress.draw(&self.live);
        }
    }

    pub(crate) fn end(self) {
        if let Some(progress) = &self.progress {
            progress.end();
        }
        let needs_no_words =
            |ending: &Ending| self.telling == Telling::Bare && ending.verdict == Verdict::Held;
        if let Some(ending) = self.live.ending.as_ref().filter(|ending| !needs_no_words(ending)) {
            let gap = if self.telling == Telling::Quiet { "" } else { "\n" };
            self.printer.line(format!("{gap}{}", verdict_block(ending)));
        }
    }
}

fn coloured(line: &Line) -> String {
    let at = line.at.to_string();
    format!(
        "{:>8}  {}{}",
        at.style(Style::new().dimmed()),
        format!("{:<12}", line.word).style(style(line.tone)),
        line.text
    )
}

fn verdict_block(ending: &Ending) -> String {
    let style = match ending.verdict {
        Verdict::Held => Style::new().black().on_green().bold(),
        Verdict::Deviated | Verdict::Aborted => Style::new().black().on_yellow().bold(),
        Verdict::Inconclusive | Verdict::Unsteady | Verdict::Halted => Style::new().black().on_cyan().bold(),
        Verdict::Error | Verdict::Dirty => Style::new().white().on_red().bold(),
    };
    ending.with(&format!(" {} ", ending.verdict).style(style).to_string())
}
