//! The measures in words.

use serde::Serialize;

use crate::summary::{Effect, MeasureSummary, Periods, Standing, Tally};
use crate::wording::{grouped, line};

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
    effect: Option<EffectWords>,
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
struct EffectWords {
    shift: String,
    interval: String,
    size: String,
}

impl MeasureRow {
    pub(super) fn of(measure: &MeasureSummary) -> Self {
        let (mark, tone) = match measure.standing {
            Standing::Met => ("✓", "good"),
            Standing::Missed => ("✗", "bad"),
            Standing::Unread => ("?", "bad"),
            Standing::Recorded => ("", "muted"),
        };
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
            effect: measure.effect_during.map(|effect| EffectWords::of(measure, &effect)),
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
                "mean {}, p95 {}, {} to {}",
                quantity(numbers.mean),
                quantity(numbers.p95),
                quantity(numbers.min),
                quantity(numbers.max)
            )
        });
        let mut trouble = Vec::new();
        if let Some(misses) = tally.misses.filter(|misses| *misses > 0) {
            trouble.push(format!("{} missed", grouped(misses)));
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

impl EffectWords {
    fn of(measure: &MeasureSummary, effect: &Effect) -> Self {
        let signed = |value: f64| {
            let quantity = measure.quantity(value);
            if value > 0.0 { format!("+{quantity}") } else { quantity.to_string() }
        };
        let p = if effect.p < 0.001 { "p < 0.001".to_owned() } else { format!("p = {:.3}", effect.p) };
        Self {
            shift: signed(effect.shift),
            interval: format!("95 %: {} to {}", signed(effect.low), signed(effect.high)),
            size: format!("{}, δ {:.2}, {p}", effect.size(), effect.cliffs_delta),
        }
    }
}
