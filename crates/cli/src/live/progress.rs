//! The line at the bottom of a terminal: how far a run is, and what is broken right now.

//!
//! It is drawn by hand because it must never fill the terminal's width: the `^C` that a terminal shows at its end would
//! wrap, and the line, banner and all, could not be taken away again.

use std::cell::RefCell;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use owo_colors::{OwoColorize, Style};
use squall_model::event::Offset;
use squall_spec::render::Colour;
use tokio::time::Instant;

use super::{Live, Tone};

/// A progress line on stderr; nothing where nobody looks.
pub(crate) struct Progress {
    /// The line as it stands there, empty for none.
    line: RefCell<String>,
    began: Instant,
    colour: Colour,
}

/// A line of text that stands at the bottom of a terminal; nothing where nobody looks.
#[derive(Default)]
pub(crate) struct Standing {
    drawn: bool,
}

impl Standing {
    /// Draws it anew.
    pub(crate) fn draw(&mut self, text: &str) {
        if io::stderr().is_terminal() {
            show(&format!("  {}", fitting(text, columns() + BAR)));
            self.drawn = true;
        }
    }

    /// Takes it away.
    pub(crate) fn end(&mut self) {
        if std::mem::take(&mut self.drawn) {
            show("");
        }
    }
}

/// How often it is drawn anew.
pub(crate) const TICK: Duration = Duration::from_millis(200);
/// Length of the bar.
const BAR: usize = 16;
/// To the line's beginning, and clear to its end (ECMA-48 CR, EL).
const CLEAR: &str = "\r\x1b[K";

impl Progress {
    /// Starts the run's time.
    pub(crate) fn start(colour: Colour) -> Self {
        Self { line: RefCell::default(), began: Instant::now(), colour }
    }

    /// Draws it anew.
    pub(crate) fn draw(&self, live: &Live) {
        if live.most.is_zero() {
            // Nothing has begun yet.
            return;
        }
        let now = self.began.elapsed();
        let text = fitting(&message(live, Offset(now)), columns());
        let done = (now.as_secs_f64() / live.most.as_secs_f64()).min(1.0) * BAR as f64;
        let (done, left) = ("━".repeat(done as usize), "─".repeat(BAR - done as usize));
        let line = match (self.colour, live.active.is_empty()) {
            (Colour::On, true) => format!("  {}{} {text}", done.cyan(), left.dimmed()),
            (Colour::Off, true) => format!("  {done}{left} {text}"),
            (Colour::On, false) => {
                let banner = Style::new().white().bold().on_red();
                format!("  {}{} {} {text}", done.cyan(), left.dimmed(), BANNER.style(banner))
            }
            (Colour::Off, false) => format!("  {done}{left} {BANNER} {text}"),
        };
        show(&line);
        self.line.replace(line);
    }

    /// Lets somebody else write.
    pub(crate) fn suspend(&self, write: impl FnOnce()) {
        show("");
        write();
        show(&self.line.borrow());
    }

    /// Takes it away.
    pub(crate) fn end(&self) {
        self.line.take();
        show("");
    }
}

/// Whoever sees it knows that something is broken on purpose.
const BANNER: &str = " CHAOS MODE ";

/// A terminal that is gone is no reason to stop.
fn show(line: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(format!("{CLEAR}{line}").as_bytes()).and_then(|()| stderr.flush());
}

/// The width of the terminal; 80 where it does not say.
fn columns() -> usize {
    rustix::termios::tcgetwinsize(io::stderr()).map_or(80, |size| usize::from(size.ws_col)).max(40)
}

/// Cut so that the line with its bar and banner leaves room for a `^C` at its end.
fn fitting(text: &str, columns: usize) -> String {
    const BESIDE: usize = 2 + BAR + 1 + 13 + 4;
    let room = columns.saturating_sub(BESIDE);
    if text.chars().count() <= room {
        return text.to_owned();
    }
    text.chars().take(room.saturating_sub(1)).chain(['…']).collect()
}

/// What the line says beside the bar.
fn message(live: &Live, now: Offset) -> String {
    if live.active.is_empty() {
        let phase = live.phase.map(|phase| phase.to_string()).unwrap_or_default();
        let most = squall_model::unit::Span(Duration::from_secs(live.most.as_secs().max(1)));
        return format!("{now} of at most {most}  {phase}  Ctrl-C ends gently");
    }
    let faults: Vec<String> = live
        .active
        .iter()
        .map(|(fault, until)| format!("{fault} {} left", Offset(until.0.saturating_sub(now.0))))
        .collect();
    format!("{}  Ctrl-C undoes", faults.join(", "))
}

/// The colour that repeats what a line's word says.
pub(crate) fn style(tone: Tone) -> Style {
    match tone {
        Tone::Quiet => Style::new().dimmed(),
        Tone::Good => Style::new().green(),
        Tone::Broken => Style::new().magenta().bold(),
        Tone::Worry => Style::new().yellow(),
        Tone::Bad => Style::new().red().bold(),
    }
}

#[cfg(test)]
mod tests {
    use squall_model::event::FaultRef;

    use super::*;

    #[test]
    fn a_long_line_is_cut_before_the_end_of_the_terminal() {
        let text = "x".repeat(200);
        assert_eq!(fitting(&text, 120).chars().count(), 120 - 36);
        assert_eq!(fitting("short", 120), "short");
    }

    // S7: whoever looks sees that something is broken, and until when.
    #[test]
    fn an_active_fault_is_named_with_the_time_it_has_left() {
        let mut live = Live { most: Duration::from_secs(40), ..Live::default() };
        assert_eq!(
            message(&live, Offset(Duration::from_secs(3))),
            "3.0s of at most 40s    Ctrl-C ends gently"
        );
        let fault = FaultRef { name: "half".to_owned(), stage: None, window: 1 };
        live.active.push((fault, Offset(Duration::from_millis(9_500))));
        let text = message(&live, Offset(Duration::from_secs(7)));
        assert_eq!(text, "half (window 2) 2.5s left  Ctrl-C undoes");
    }
}
