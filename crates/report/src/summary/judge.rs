//! Whether readings are as expected, for hundreds of thousands of them.

use std::cell::RefCell;
use std::collections::HashMap;

use squall_model::measure::{Expect, Outcome};

/// An expectation with the baseline that it needs.
///
/// Texts are judged once each: a regular expression costs more than all the rest of a report.
pub(crate) struct Judge<'a> {
    expect: &'a Expect,
    baseline: Option<f64>,
    texts: RefCell<HashMap<String, Fit>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Fit {
    AsExpected,
    Missed,
}

impl<'a> Judge<'a> {
    /// A judge, or none where the expectation is relative and there is no baseline.
    pub(crate) fn new(expect: &'a Expect, baseline: Option<f64>) -> Option<Self> {
        (!expect.is_relative() || baseline.is_some()).then(|| Self {
            expect,
            baseline,
            texts: RefCell::new(HashMap::new()),
        })
    }

    /// Whether the outcome misses the expectation. An unreadable one always does.
    pub(crate) fn misses(&self, outcome: &Outcome) -> bool {
        // Only then: a number as a text costs more than to judge it.
        let text = if matches!(self.expect, Expect::Matches(_)) { outcome.as_text() } else { None };
        let Some(text) = text else { return !self.expect.holds(outcome, self.baseline) };
        let mut texts = self.texts.borrow_mut();
        if let Some(fit) = texts.get(&text) {
            return *fit == Fit::Missed;
        }
        if texts.len() >= 1_000 {
            texts.clear();
        }
        let misses = !self.expect.holds(outcome, self.baseline);
        texts.insert(text, if misses { Fit::Missed } else { Fit::AsExpected });
        misses
    }
}
