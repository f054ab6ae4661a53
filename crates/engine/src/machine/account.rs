//! The account of work while a run goes on: read from the baseline on, judged when the load has ended.

use squall_model::conservation::{Account as Source, Conservation, Counts, Figure, describe};
use squall_model::event::{EventKind, Offset, Reading};
use squall_model::measure::Outcome;
use squall_model::plan::Plan;
use squall_model::unit::Span;

/// What is known of the account.
#[derive(Debug)]
pub(super) struct Account {
    book: Conservation,
    lags: Vec<(String, Span)>,
    start: Option<Counts>,
    now: Looked,
}

/// The newest look.
#[derive(Debug, Default)]
struct Looked {
    counts: Counts,
    /// When each figure was asked for.
    asked: Vec<(Figure, Offset)>,
    why_not: Option<String>,
}

/// What the account says when the load has ended.
pub(super) enum Balanced {
    /// It may still change.
    NotYet,
    /// The event, and the sentence where it does not add up.
    Judged(EventKind, Option<String>),
}

/// The largest number of tasks that a floating-point number counts exactly.
const MOST: f64 = 9_007_199_254_740_992.0;

impl Account {
    pub(super) fn of(plan: &Plan) -> Option<Self> {
        let book = plan.conservation.clone()?;
        let lags = plan.measures.iter().map(|measure| (measure.name.clone(), measure.lag)).collect();
        Some(Self { book, lags, start: None, now: Looked::default() })
    }

    pub(super) fn within(&self) -> Span {
        self.book.within
    }

    /// The ledger was read.
    pub(super) fn look(&mut self, asked: Offset, read: Result<Counts, String>) {
        match read {
            Ok(counts) => {
                self.now.asked = counts.keys().map(|figure| (*figure, asked)).collect();
                self.now.counts = counts;
                self.now.why_not = None;
            }
            Err(why) => self.now.why_not = Some(why),
        }
    }

    /// A measure was read that may be one of the figures.
    pub(super) fn note(&mut self, reading: &Reading) {
        let Source::Measures(figures) = &self.book.account else { return };
        let lag = self.lags.iter().find(|(name, _)| *name == reading.measure).map(|(_, lag)| *lag);
        let asked = Offset(reading.asked.0.saturating_sub(lag.unwrap_or_default().0));
        for (figure, _) in figures.iter().filter(|(_, name)| **name == reading.measure) {
            match &reading.outcome {
                Outcome::Value(quantity) if (0.0..=MOST).contains(&quantity.value) => {
                    self.now.counts.insert(*figure, quantity.value.round() as u64);
                    self.now.asked.retain(|(known, _)| known != figure);
                    self.now.asked.push((*figure, asked));
                    self.now.why_not = None;
                }
                other => self.now.why_not = Some(format!("{figure}: {} is {other}", reading.measure)),
            }
        }
    }

    /// The baseline ends: what is counted by itself counts from here. Why that cannot be.
    pub(super) fn open(&mut self) -> Result<(), String> {
        match self.unread(None) {
            None => {
                self.start = Some(self.now.counts.clone());
                Ok(())
            }
            Some(why) => Err(format!("the account could not be read in the baseline: {why}")),
        }
    }

    /// Whether it has been read or tried at all.
    pub(super) fn is_answered(&self) -> bool {
        !self.now.asked.is_empty() || self.now.why_not.is_some()
    }

    /// Why nothing is known of a time after `since`.
    fn unread(&self, since: Option<Offset>) -> Option<String> {
        if let Some(why) = &self.now.why_not {
            return Some(why.clone());
        }
        let is_new = |figure| {
            let mut asked = self.now.asked.iter().filter(|(known, _)| *known == figure);
            asked.any(|(_, at)| since.is_none_or(|since| *at > since))
        };
        let missing: Vec<String> =
            self.book.figures().filter(|figure| !is_new(*figure)).map(|figure| figure.to_string()).collect();
        (!missing.is_empty()).then(|| format!("nothing was read of {}", missing.join(", ")))
    }

    /// The load has ended `since` then. What does not add up yet has until `until`.
    pub(super) fn balance(&self, since: Offset, at: Offset) -> Balanced {
        let is_late = at.0 >= since.0 + self.book.within.0;
        let after = |from: Offset| super::whole_millis(from.0.saturating_sub(since.0));
        if let Some(why) = self.unread(Some(since)) {
            if !is_late {
                return Balanced::NotYet;
            }
            let why = format!("the account could not be read: {why}");
            let event = EventKind::ConservationJudged {
                balance: Counts::new(),
                violations: vec![why.clone()],
                after: after(at),
            };
            return Balanced::Judged(event, Some(format!("nothing says that no work was lost: {why}")));
        }
        let none = Counts::new();
        let start = self.start.as_ref().unwrap_or(&none);
        let balance = self.book.balance(start, &self.now.counts);
        let violations = self.book.violations(start, &balance);
        let is_waiting = balance.get(&Figure::Pending).is_some_and(|pending| *pending > 0);
        if !is_late && (!violations.is_empty() || is_waiting) {
            return Balanced::NotYet;
        }
        let deviation = (!violations.is_empty())
            .then(|| format!("work was not conserved: {} ({})", violations.join(", "), describe(&balance)));
        let looked = self.now.asked.iter().map(|(_, asked)| *asked).max().unwrap_or(at);
        let event = EventKind::ConservationJudged { balance, violations, after: after(looked) };
        Balanced::Judged(event, deviation)
    }
}
