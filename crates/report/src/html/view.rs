//! What the template is given: words, in the order of the page.

use serde::Serialize;
use squall_model::event::{Mode, Offset};
use squall_model::stage::StageOutcome;
use squall_model::unit::{Quantity, Unit};
use squall_model::verdict::Verdict;

use super::faults::{FaultRow, UndoRow};
use super::measures::MeasureRow;
use crate::findings::Finding;
use crate::summary::{Change, Conclusion, LoadPart, Periods, RecoverySummary, StageSummary, Summary, Tail};
use crate::wording::{counted, duration, grouped, line, sentence};

/// Rows of a table that a page has room for; the JSON has all.
const MOST_ROWS: usize = 500;

#[derive(Serialize)]
pub(super) struct View<'a> {
    title: String,
    verdict: &'static str,
    tone: &'static str,
    experiment: &'a str,
    description: &'a str,
    sentence: String,
    reasons: &'a [String],
    facts: Vec<Fact>,
    warning: Option<&'static str>,
    owed: Vec<Owed>,
    left: &'a [String],
    measures: Vec<MeasureRow>,
    recovery: Vec<Fact>,
    stages: Vec<StageRow>,
    load: Vec<LoadRow>,
    load_words: Option<String>,
    faults: Vec<FaultRow>,
    undos: Vec<UndoRow>,
    findings: Vec<&'a Finding>,
    log: Vec<LogRow<'a>>,
    log_left_out: u64,
    environment: Vec<Fact>,
    phases: Vec<PhaseRow>,
    more: Vec<String>,
}

#[derive(Serialize)]
struct Fact {
    name: String,
    value: String,
}

#[derive(Serialize)]
struct Owed {
    name: String,
    why: String,
    by_hand: Vec<String>,
}

#[derive(Serialize)]
struct LoadRow {
    name: String,
    cells: Vec<String>,
    kinds: String,
}

#[derive(Serialize)]
struct LogRow<'a> {
    at: String,
    word: String,
    text: &'a str,
}

#[derive(Serialize)]
struct StageRow {
    number: u32,
    share: String,
    from: String,
    until: String,
    tone: &'static str,
    outcome: String,
}

#[derive(Serialize)]
struct PhaseRow {
    name: String,
    from: String,
    length: String,
    outcome: String,
}

fn fact(name: &str, value: impl Into<String>) -> Fact {
    Fact { name: name.to_owned(), value: value.into() }
}

impl<'a> View<'a> {
    pub(super) fn of(summary: &'a Summary) -> Self {
        let mut more = Vec::new();
        let mut shorten = |what: &str, count: usize| {
            if count > MOST_ROWS {
                more.push(format!(
                    "{} more {what} are in the JSON report.",
                    grouped((count - MOST_ROWS) as u64)
                ));
            }
        };
        shorten("measures", summary.measures.len());
        shorten("faults", summary.faults.len());
        shorten("windows of faults", summary.windows().count());
        shorten("findings", summary.findings.len());
        let log_shown = log_shown(summary);
        Self {
            title: format!("{} — {}", summary.verdict, line(&summary.experiment, 120)),
            verdict: summary.verdict.word(),
            tone: tone(summary.verdict),
            experiment: &summary.experiment,
            description: &summary.plan.description,
            sentence: sentence(&line(&summary.sentence, 1_000)),
            reasons: &summary.reasons[..summary.reasons.len().min(50)],
            facts: facts(summary),
            warning: match summary.mode {
                Mode::Real => None,
                Mode::Dry => Some("Dry run: every change was left out."),
                Mode::Control => Some("Control run: no fault was injected."),
            },
            owed: owed(summary),
            left: &summary.left[..summary.left.len().min(MOST_ROWS)],
            measures: summary.measures.iter().take(MOST_ROWS).map(MeasureRow::of).collect(),
            recovery: recovery(summary),
            stages: summary.stages.iter().take(MOST_ROWS).map(StageRow::of).collect(),
            load: load(summary),
            load_words: summary.load.as_ref().and_then(|load| {
                Some(format!("{}: {}", load.pattern.as_deref()?, line(load.url.as_deref()?, 200)))
            }),
            faults: summary.faults.iter().take(MOST_ROWS).map(FaultRow::of).collect(),
            undos: summary.windows().take(MOST_ROWS).map(|(_, window)| UndoRow::of(window)).collect(),
            findings: summary.findings.iter().take(MOST_ROWS).collect(),
            log_left_out: summary.log_left_out + (summary.log.len() - log_shown.len()) as u64,
            log: log_shown,
            environment: environment(summary),
            phases: phases(summary),
            more,
        }
    }
}

fn tone(verdict: Conclusion) -> &'static str {
    match verdict {
        Conclusion::Reached(Verdict::Held) => "good",
        Conclusion::Reached(Verdict::Deviated | Verdict::Aborted | Verdict::Dirty)
        | Conclusion::Interrupted => "bad",
        Conclusion::Reached(Verdict::Inconclusive | Verdict::Unsteady | Verdict::Halted | Verdict::Error) => {
            "unsure"
        }
    }
}

fn facts(summary: &Summary) -> Vec<Fact> {
    let readings: u64 = summary
        .measures
        .iter()
        .flat_map(|measure| Periods::ALL.iter().map(|period| measure.tally(*period).n))
        .sum();
    let started = summary.started.replacen('T', " ", 1);
    let started = match started.split_once('.') {
        Some((seconds, rest)) if rest.ends_with('Z') => format!("{seconds} UTC"),
        _ => started,
    };
    let mut facts = vec![
        fact("started", started),
        fact("took", duration(summary.length.seconds())),
        fact("target", format!("{} ({})", summary.plan.target.name, summary.plan.target.environment)),
        fact("readings", grouped(readings)),
        fact("seed", summary.plan.seed.to_string()),
    ];
    if let RecoverySummary::Recovered { steady, .. } = &summary.recovery {
        facts.push(fact("steady again after", duration(steady.as_secs_f64())));
    }
    facts
}

fn owed(summary: &Summary) -> Vec<Owed> {
    let owed = summary.windows().filter(|(_, window)| window.is_owed()).take(MOST_ROWS);
    owed.map(|(_, window)| {
        let last = window.undo_failures.last();
        Owed {
            name: window.name.clone(),
            why: last.map_or("its undo is not in the record".to_owned(), |failure| failure.why.clone()),
            by_hand: last
                .map(|failure| failure.by_hand.iter().take(50).cloned().collect())
                .unwrap_or_default(),
        }
    })
    .collect()
}

impl StageRow {
    fn of(stage: &StageSummary) -> Self {
        let time = |time: Option<Offset>| time.map_or("–".to_owned(), |time| time.to_string());
        Self {
            number: stage.stage.saturating_add(1),
            share: stage.share.to_string(),
            from: time(stage.from),
            until: time(stage.until),
            tone: match stage.outcome {
                Some(StageOutcome::Passed) => "good",
                Some(StageOutcome::Failed) => "bad",
                Some(StageOutcome::Left) | None => "muted",
            },
            outcome: stage.words(),
        }
    }
}

fn recovery(summary: &Summary) -> Vec<Fact> {
    let mut facts = match &summary.recovery {
        RecoverySummary::Recovered { first, steady, within } => vec![
            fact("first as expected", duration(first.as_secs_f64())),
            fact("steady again", duration(steady.as_secs_f64())),
            fact("allowed", within.to_string()),
        ],
        RecoverySummary::Never { within, measures } => {
            vec![fact("steady again", format!("not within {within}")), fact("still off", measures.join(", "))]
        }
        RecoverySummary::NotObserved {} => {
            vec![fact("steady again", "not observed: the run did not come so far")]
        }
    };
    facts.extend(summary.cost.words().into_iter().map(|(name, words)| fact(name, words)));
    facts
}

fn load(summary: &Summary) -> Vec<LoadRow> {
    let Some(load) = &summary.load else { return Vec::new() };
    let row = |name: String, part: &LoadPart| {
        let latency = |seconds: Option<f64>| {
            seconds.map_or("–".to_owned(), |seconds| Quantity::new(seconds, Unit::Seconds).to_string())
        };
        let kinds = part.failed_by_kind.iter().filter(|(_, count)| **count > 0).take(12);
        LoadRow {
            name,
            cells: vec![
                grouped(part.sent),
                grouped(part.ok),
                grouped(part.failed),
                part.errors(),
                latency(part.p50),
                latency(part.p99),
                latency(part.worst_p99),
            ],
            kinds: kinds
                .map(|(kind, count)| format!("{} {}", line(kind, 60), grouped(*count)))
                .collect::<Vec<_>>()
                .join(", "),
        }
    };
    let mut rows: Vec<LoadRow> =
        Periods::ALL.iter().map(|period| row(period.to_string(), load.part(*period))).collect();
    rows.push(row("whole run".to_owned(), &load.total));
    rows
}

/// The first and the last lines; a page of them all would be long to load and longer to read.
fn log_shown(summary: &Summary) -> Vec<LogRow<'_>> {
    let most = 1_500;
    let skipped = summary.log.len().saturating_sub(most);
    let lines = summary.log.iter().enumerate().filter(|(at, _)| *at < most / 2 || *at >= most / 2 + skipped);
    lines
        .map(|(_, line)| LogRow { at: line.at.to_string(), word: line.word.to_string(), text: &line.text })
        .collect()
}

fn environment(summary: &Summary) -> Vec<Fact> {
    let plan = &summary.plan;
    let mut facts = vec![
        fact("run", summary.run.to_string()),
        fact("squall", summary.squall.clone()),
        fact("file", plan.file.clone().unwrap_or_else(|| "–".to_owned())),
        fact("digest", plan.digest.clone()),
    ];
    facts.extend(plan.owner.iter().map(|owner| fact("owner", owner.clone())));
    if !plan.tags.is_empty() {
        facts.push(fact("tags", plan.tags.join(", ")));
    }
    facts.extend(summary.host.iter().take(60).map(|(name, value)| fact(name, value.clone())));
    if summary.record == Tail::Torn {
        facts.push(fact("record", "its last line was torn and is left out"));
    }
    for change in summary.inventory.iter().take(60) {
        let value = format!("{} instances planned, {} found at {}", change.planned, change.found, change.at);
        facts.push(fact(&format!("inventory of {}", change.service), value));
    }
    let started =
        summary.instances.iter().filter(|change| matches!(change.change, Change::Started { .. })).count();
    if !summary.instances.is_empty() {
        let ended = summary.instances.len() - started;
        facts.push(fact("instances", format!("{} and {ended} ends", counted(started as u64, "start"))));
    }
    facts
}

fn phases(summary: &Summary) -> Vec<PhaseRow> {
    let rows = summary.phases.iter().take(100).map(|phase| PhaseRow {
        name: phase.phase.to_string(),
        from: phase.from.to_string(),
        length: phase
            .until
            .map_or("did not end".to_owned(), |until| duration(until.seconds() - phase.from.seconds())),
        outcome: phase.outcome.clone().unwrap_or_default(),
    });
    rows.collect()
}
