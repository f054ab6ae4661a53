//! Markdown that fits a comment on a pull request.

mod text;

use std::fmt::Write;

use squall_model::event::Offset;
use squall_model::unit::{Quantity, Unit};
use squall_model::verdict::Verdict;

use crate::summary::{
    Conclusion, Contrast, LoadPart, MeasureSummary, Periods, RecoverySummary, Restart, Standing, State,
    Summary, Tally, WindowSummary, p_value, signed,
};
use crate::wording::{counted, duration, grouped, sentence, share_words};

use self::text::code;
pub(crate) use self::text::plain;

/// Rows of a table that a comment has room for; the other outputs have all.
const MOST_ROWS: usize = 40;

/// Characters of one text in a table.
const CELL: usize = 160;

/// The report as Markdown (with the tables of GitHub and GitLab).
pub fn markdown(summary: &Summary) -> String {
    let mut page = Page(String::new());
    head(&mut page, summary);
    owed(&mut page, summary);
    stages(&mut page, summary);
    measures(&mut page, summary);
    faults(&mut page, summary);
    load(&mut page, summary);
    findings(&mut page, summary);
    foot(&mut page, summary);
    page.0
}

struct Page(String);

impl Page {
    fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    fn head(&mut self, title: &str) {
        let _ = write!(self.0, "\n### {title}\n\n");
    }

    fn row(&mut self, cells: &[String]) {
        let _ = writeln!(self.0, "| {} |", cells.join(" | "));
    }

    fn table(&mut self, heads: &[&str], rows: &[Vec<String>]) {
        let _ = writeln!(self.0, "| {} |", heads.join(" | "));
        let _ = writeln!(self.0, "|{}", " --- |".repeat(heads.len()));
        let more = rows.len().saturating_sub(MOST_ROWS);
        for row in rows.iter().take(MOST_ROWS) {
            self.row(row);
        }
        if more > 0 {
            let _ = write!(self.0, "\n… and {more} more.\n");
        }
    }
}

fn head(page: &mut Page, summary: &Summary) {
    let sign = match summary.verdict {
        Conclusion::Reached(Verdict::Held) => "✅",
        Conclusion::Reached(Verdict::Deviated | Verdict::Aborted) => "❌",
        Conclusion::Reached(Verdict::Dirty) | Conclusion::Interrupted => "🚨",
        Conclusion::Reached(Verdict::Inconclusive | Verdict::Unsteady | Verdict::Halted | Verdict::Error) => {
            "⚠️"
        }
    };
    page.line(&format!("## {sign} {} — {}", summary.verdict, plain(&summary.experiment, CELL)));
    page.line("");
    page.line(&sentence(&plain(&summary.sentence, 600)));
    if !summary.reasons.is_empty() {
        page.line("");
        for reason in summary.reasons.iter().take(10) {
            page.line(&format!("- {}", plain(reason, 300)));
        }
    }
    page.line("");
    page.line(&match &summary.recovery {
        RecoverySummary::Recovered { first, steady, within } => format!(
            "**Recovery:** first as expected after {}, steady after {} ({within} allowed).",
            duration(first.as_secs_f64()),
            duration(steady.as_secs_f64()),
        ),
        RecoverySummary::Never { within, measures } => {
            format!("**Recovery:** not within {within}; still off: {}.", plain(&measures.join(", "), 300))
        }
        RecoverySummary::NotObserved {} => "**Recovery:** not observed.".to_owned(),
    });
    for (name, words) in summary.cost.words().iter().take(MOST_ROWS) {
        page.line(&format!("- {name}: {}", plain(words, 400)));
    }
}

fn owed(page: &mut Page, summary: &Summary) {
    let failed: Vec<&WindowSummary> =
        summary.windows().map(|(_, window)| window).filter(|window| window.is_owed()).collect();
    if failed.is_empty() && summary.left.is_empty() {
        return;
    }
    page.head("Not undone");
    for window in failed.iter().take(MOST_ROWS) {
        let last = window.undo_failures.last();
        let why = last.map_or("its undo is not in the record; run `squall recover`".to_owned(), |failure| {
            plain(&failure.why, 300)
        });
        page.line(&format!("- **{}**: {why}", plain(&window.name, CELL)));
        for command in last.iter().flat_map(|failure| &failure.by_hand).take(10) {
            page.line(&format!("  - by hand: {}", code(command, 400)));
        }
    }
    for left in summary.left.iter().take(MOST_ROWS) {
        page.line(&format!("- left: {}", plain(left, 300)));
    }
}

fn stages(page: &mut Page, summary: &Summary) {
    if summary.stages.is_empty() {
        return;
    }
    page.head("Stages");
    let rows = summary.stages.iter().map(|stage| {
        let time = |time: Option<Offset>| time.map_or("–".to_owned(), |time| time.to_string());
        let number = u64::from(stage.stage) + 1;
        vec![
            number.to_string(),
            stage.share.to_string(),
            time(stage.from),
            time(stage.until),
            plain(&stage.words(), 300),
        ]
    });
    page.table(&["stage", "share", "from", "until", "outcome"], &rows.collect::<Vec<_>>());
}

fn measures(page: &mut Page, summary: &Summary) {
    if summary.measures.is_empty() {
        return;
    }
    page.head("Before, during, after");
    let rows = summary.measures.iter().map(|measure| {
        let mut row = vec![plain(&measure.name, 80), expectation(measure)];
        row.extend(Periods::ALL.iter().map(|period| tally(measure, measure.tally(*period))));
        row.push(
            measure.contrast_during.as_ref().map_or("–".to_owned(), |contrast| shift(measure, contrast)),
        );
        row
    });
    page.table(
        &["measure", "expected", "before", "during", "after", "shift during (95 %)"],
        &rows.collect::<Vec<_>>(),
    );
    page.line("");
    for contrast in
        summary.measures.iter().filter_map(|measure| measure.contrast_during.as_ref()).take(MOST_ROWS)
    {
        let dependence = contrast.dependence().map(|words| format!("; {words}")).unwrap_or_default();
        page.line(&format!("- {}{dependence}.", plain(&contrast.sentence, 400)));
    }
    for note in summary.measures.iter().flat_map(MeasureSummary::notes).take(MOST_ROWS) {
        page.line(&format!("- {}.", plain(&note, 400)));
    }
    page.line("");
    page.line(
        "Median (mean; p95, p99), n. Tested with Mann and Whitney, p corrected for all measures (Holm); the shift is Hodges \
         and Lehmann's, the word is Cliff's delta. Intervals are of 95 %, those of shares Wilson's.",
    );
}

fn shift(measure: &MeasureSummary, contrast: &Contrast) -> String {
    let Some(effect) = contrast.effect() else { return "too few to tell".to_owned() };
    let quantity = |value: f64| measure.quantity(value);
    format!(
        "{} [{}, {}], {}, {}",
        signed(quantity(effect.shift)),
        signed(quantity(effect.low)),
        signed(quantity(effect.high)),
        effect.size,
        plain(&p_value(contrast.corrected.unwrap_or(effect.p)), CELL),
    )
}

fn expectation(measure: &MeasureSummary) -> String {
    let mark = match measure.standing {
        Standing::Met => "✓ ",
        Standing::Missed => "✗ ",
        Standing::Unread => "? ",
        Standing::Recorded => return "–".to_owned(),
    };
    format!("{mark}{}", code(measure.expect.as_deref().unwrap_or_default(), 80))
}

fn tally(measure: &MeasureSummary, tally: &Tally) -> String {
    if tally.n == 0 {
        return "–".to_owned();
    }
    let mut parts = Vec::new();
    if let Some(numbers) = tally.numbers {
        let quantity = |value: f64| measure.quantity(value);
        parts.push(format!(
            "{} ({}; {}, {})",
            quantity(numbers.median),
            quantity(numbers.mean),
            quantity(numbers.p95),
            quantity(numbers.p99)
        ));
    } else if let Some((text, _)) = tally.texts.iter().max_by_key(|(_, count)| **count) {
        parts.push(code(text, 40));
    }
    parts.push(format!("n {}", grouped(tally.n)));
    if tally.absent > 0 {
        parts.push(format!("{} absent", grouped(tally.absent)));
    }
    if tally.unreadable > 0 {
        parts.push(format!("{} unreadable", grouped(tally.unreadable)));
    }
    if let Some(misses) = tally.misses.filter(|misses| *misses > 0) {
        parts.push(format!("**{} missed**{}", grouped(misses), share(tally)));
    }
    parts.join(", ")
}

/// ` (3 %, 1 to 8.5 %)`: the share of misses with its interval.
fn share(tally: &Tally) -> String {
    tally.missed.map_or(String::new(), |missed| format!(" ({})", share_words(&missed)))
}

fn faults(page: &mut Page, summary: &Summary) {
    if summary.faults.is_empty() {
        return;
    }
    page.head("Faults");
    let mut rows = Vec::new();
    for (fault, window) in summary.windows() {
        let times = match (window.injected, window.undone) {
            (Some(from), Some(until)) => format!("{from} – {until}"),
            (Some(from), None) => format!("{from} – ?"),
            (None, _) => "–".to_owned(),
        };
        let place = match &fault.service {
            None => "the host".to_owned(),
            Some(_) if !window.on.is_empty() => plain(&window.on.join(", "), 80),
            Some(service) => plain(service, 80),
        };
        rows.push(vec![plain(&window.name, 80), plain(&fault.what, CELL), place, times, proof(window)]);
    }
    page.table(&["fault", "what", "on", "when", "undone, and the proof"], &rows);
    page.line("");
    for fault in summary.faults.iter().filter(|fault| !fault.eligible.is_empty()).take(10) {
        page.line(&format!(
            "{}: chose {} of {} eligible ({}), seed {}.",
            plain(&fault.name, 80),
            fault.chosen.len(),
            fault.eligible.len(),
            plain(&fault.chosen.join(", "), CELL),
            summary.plan.seed,
        ));
    }
}

fn proof(window: &WindowSummary) -> String {
    let restart = match &window.restart {
        None => String::new(),
        Some(Restart::Seen { after }) => format!("; whole again after {after}"),
        Some(Restart::Missed { within, found }) => {
            format!("; **not whole again within {within}**, found {}", plain(found, CELL))
        }
    };
    let proof = match window.state {
        State::Undone => format!("✓ {}", plain(window.proof.as_deref().unwrap_or_default(), CELL)),
        State::UndoFailed => "**could not be undone**".to_owned(),
        State::Requested | State::Injected => "**not in the record**".to_owned(),
        State::Failed => {
            format!("not injected: {}", plain(window.failed.as_deref().unwrap_or_default(), CELL))
        }
        State::LeftOut => "left out (dry run)".to_owned(),
        State::NotReached => "never injected".to_owned(),
    };
    proof + &restart
}

fn load(page: &mut Page, summary: &Summary) {
    let Some(load) = &summary.load else { return };
    page.head("Load");
    let row = |name: &str, part: &LoadPart| {
        let latency = |seconds: Option<f64>| {
            seconds.map_or("–".to_owned(), |s| Quantity::new(s, Unit::Seconds).to_string())
        };
        let kinds: Vec<String> = part
            .failed_by_kind
            .iter()
            .take(6)
            .map(|(kind, count)| format!("{} {}", plain(kind, 40), grouped(*count)))
            .collect();
        let failed = match kinds.as_slice() {
            [] => grouped(part.failed),
            kinds => format!("{} ({})", grouped(part.failed), kinds.join(", ")),
        };
        vec![
            name.to_owned(),
            grouped(part.sent),
            grouped(part.ok),
            failed,
            part.errors(),
            latency(part.p50),
            latency(part.worst_p99),
        ]
    };
    let mut rows: Vec<Vec<String>> =
        Periods::ALL.iter().map(|period| row(&period.to_string(), load.part(*period))).collect();
    rows.push(row("whole run", &load.total));
    page.table(&["", "sent", "ok", "failed", "error rate", "p50", "worst p99"], &rows);
}

fn findings(page: &mut Page, summary: &Summary) {
    if summary.findings.is_empty() {
        return;
    }
    page.head("Findings");
    for finding in summary.findings.iter().take(MOST_ROWS) {
        page.line(&format!("- **{}** — {}", finding.severity, plain(&finding.title, 300)));
        for evidence in finding.evidence.iter().filter(|evidence| !evidence.is_empty()).take(5) {
            page.line(&format!("  - {}", plain(evidence, 300)));
        }
        if !finding.recommendation.is_empty() {
            page.line(&format!("  - _{}_", plain(&finding.recommendation, 400)));
        }
    }
}

fn foot(page: &mut Page, summary: &Summary) {
    page.line("");
    page.line(&format!(
        "<sub>run {} · {} · {} · {} · seed {} · squall {}</sub>",
        plain(summary.run.as_str(), 64),
        plain(&summary.started, 40),
        duration(summary.length.seconds()),
        counted(summary.measures.iter().map(readings).sum(), "reading"),
        summary.plan.seed,
        plain(&summary.squall, 40),
    ));
}

fn readings(measure: &MeasureSummary) -> u64 {
    Periods::ALL.iter().map(|period| measure.tally(*period).n).sum()
}
