//! The measures in words.

use serde::Serialize;

use crate::summary::{Contrast, MeasureSummary, Periods, Standing, Tally, p_value, signed};
use crate::wording::{grouped, line, share_words};

#[derive(Serialize)]
pub(super) struct MeasureRow {
    name: String,
    probe: String,
    expect: Option<String>,
    abort: Option<String>,
    allow: Option<String>,
    lag: Option<String>,
    mark: &'static str,
    tone: &'static str,
    periods: Vec<Cell>,
    contrasts: Vec<ContrastWords>,
    said: Vec<String>,
    reasons: Vec<String>,
}

#[derive(Serialize)]
struct Cell {
    main: String,
    range: Option<String>,
    n: Option<String>,
    trouble: Option<String>,
}

#[derive(Serialize)]
struct ContrastWords {
    shift: String,
    notes: Vec<String>,
    tone: &'static str,
}

impl MeasureRow {
    pub(super) fn of(measure: &MeasureSummary) -> Self {
        let (mark, tone) = match measure.standing {
            Standing::Met => ("✓", "good"),
            Standing::Missed => ("✗", "bad"),
            Standing::Unread => ("?", "bad"),
            Standing::Recorded => ("", "muted"),
        };
        let contrast = measure.contrast_during.as_ref();
        let said =
            contrast.map(|contrast| contrast.sentence.clone()).into_iter().chain(measure.notes()).collect();
        Self {
            name: measure.name.clone(),
            probe: measure.probe.clone(),
            expect: measure.expect.clone(),
            abort: measure.abort.clone(),
            allow: (measure.allow.0 > 0.0).then(|| measure.allow.to_string()),
            lag: (!measure.lag.is_zero()).then(|| measure.lag.to_string()),
            mark,
            tone,
            periods: Periods::ALL.iter().map(|period| Cell::of(measure, measure.tally(*period))).collect(),
            contrasts: [&measure.contrast_during, &measure.contrast_after]
                .map(|contrast| ContrastWords::of(measure, contrast.as_ref()))
                .into(),
            said,
            reasons: measure.reasons.clone(),
        }
    }
}

impl Cell {
    fn of(measure: &MeasureSummary, tally: &Tally) -> Self {
        if tally.n == 0 {
            return Self { main: "–".to_owned(), range: None, n: None, trouble: None };
        }
        let common = tally.texts.iter().max_by_key(|(_, count)| **count);
        let main = match (tally.numbers, common) {
            (Some(numbers), _) => measure.quantity(numbers.median).to_string(),
            (None, Some((text, _))) => format!("“{}”", line(text, 40)),
            (None, None) if tally.absent > 0 => "absent".to_owned(),
            (None, None) => "–".to_owned(),
        };
        let quantity = |value| measure.quantity(value).to_string();
        let range = tally.numbers.map(|numbers| {
            format!(
                "mean {}, p95 {}, p99 {}, {} to {}",
                quantity(numbers.mean),
                quantity(numbers.p95),
                quantity(numbers.p99),
                quantity(numbers.min),
                quantity(numbers.max)
            )
        });
        let mut trouble = Vec::new();
        if let Some(misses) = tally.misses.filter(|misses| *misses > 0) {
            let share = tally.missed.map(|missed| format!(" ({})", share_words(&missed)));
            trouble.push(format!("{} missed{}", grouped(misses), share.unwrap_or_default()));
        }
        if tally.unreadable > 0 {
            trouble.push(format!("{} unreadable", grouped(tally.unreadable)));
        }
        Self {
            main,
            range,
            n: Some(format!("n {}", grouped(tally.n))),
            trouble: (!trouble.is_empty()).then(|| trouble.join(", ")),
        }
    }
}

impl ContrastWords {
    fn of(measure: &MeasureSummary, contrast: Option<&Contrast>) -> Self {
        let Some(contrast) = contrast else {
            return Self { shift: "–".to_owned(), notes: Vec::new(), tone: "muted" };
        };
        let Some(effect) = contrast.effect() else {
            return Self {
                shift: "?".to_owned(),
                notes: vec![contrast.comparison.to_string()],
                tone: "muted",
            };
        };
        let quantity = |value: f64| signed(measure.quantity(value));
        let tone = if contrast.outcome.is_found() { "found" } else { "muted" };
        let shift = quantity(effect.shift);
        if contrast.is_still() {
            return Self { shift, notes: vec!["as before".to_owned()], tone };
        }
        let notes = vec![
            format!("95 %: {} to {}", quantity(effect.low), quantity(effect.high)),
            format!(
                "{}, δ {:.2}, {}",
                effect.size,
                effect.cliffs_delta,
                p_value(contrast.corrected.unwrap_or(effect.p))
            ),
            contrast.dependence().unwrap_or_else(|| effect.test.to_string()),
        ];
        Self { shift, notes, tone }
    }
}
