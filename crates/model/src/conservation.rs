//! Conservation of work: what was sent must have become something, once.
//!
//! `sent = done + dead + pending`, of tasks, messages or requests, as an account outside of the system's own counters
//! has it. What is missing on the right side is lost; what is too much there was done more than once.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::template::Argv;
use crate::unit::Span;

/// What must add up when the load has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Conservation {
    /// Where the account is read.
    pub account: Account,
    /// It must add up within this, counted from the end of the load.
    pub within: Span,
    /// The most of each figure that a run may add. Figures that are not named here are only reported, but for
    /// [`Figure::Lost`], [`Figure::Duplicated`] and [`Figure::Stuck`], of which none is allowed.
    pub allow: BTreeMap<Figure, u64>,
}

/// Where the figures come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Account {
    /// A program that prints one JSON object: all figures of one moment.
    Ledger {
        /// Program and arguments.
        run: Argv,
        /// Where each figure stands in the object: a JSON path.
        figures: BTreeMap<Figure, String>,
        /// Time between two looks.
        every: Span,
        /// A look that takes longer could not be taken.
        timeout: Span,
    },
    /// Measures of the steady state, each the source of one figure.
    Measures(BTreeMap<Figure, String>),
}

/// A figure of an account. All but [`Figure::Pending`] and [`Figure::Stuck`] only ever grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Figure {
    /// Accepted by the system.
    Sent,
    /// Done, each counted once.
    Done,
    /// Given up on purpose: in a dead-letter queue.
    Dead,
    /// Waiting, or being worked on.
    Pending,
    /// Accepted, and neither done nor dead nor pending. Worked out from the others where no source is named.
    Lost,
    /// Done more than once. Worked out from the others where no source is named.
    Duplicated,
    /// Done after its deadline, or not done when it was over.
    Late,
    /// Attempts after the first.
    Retried,
    /// Said to be worked on, by nobody.
    Stuck,
}

/// Figures of one moment.
pub type Counts = BTreeMap<Figure, u64>;

impl Figure {
    /// All of them, in the order of a balance.
    pub const ALL: [Self; 9] = [
        Self::Sent,
        Self::Done,
        Self::Dead,
        Self::Pending,
        Self::Lost,
        Self::Duplicated,
        Self::Late,
        Self::Retried,
        Self::Stuck,
    ];

    /// Of which none is allowed where nothing is said.
    pub const FORBIDDEN: [Self; 3] = [Self::Lost, Self::Duplicated, Self::Stuck];

    /// As people write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Pending => "pending",
            Self::Lost => "lost",
            Self::Duplicated => "duplicated",
            Self::Late => "late",
            Self::Retried => "retried",
            Self::Stuck => "stuck",
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl Conservation {
    /// The most of a figure that a run may add; `None`: it is only reported.
    pub fn allowed(&self, figure: Figure) -> Option<u64> {
        let forbidden = Figure::FORBIDDEN.contains(&figure).then_some(0);
        self.allow.get(&figure).copied().or(forbidden)
    }

    /// The figures that have a source.
    pub fn figures(&self) -> impl Iterator<Item = Figure> {
        let (Account::Ledger { figures, .. } | Account::Measures(figures)) = &self.account;
        figures.keys().copied()
    }

    /// What a run did, given the figures at its start and now.
    ///
    /// `sent`, `done`, `dead` and `pending` balance as they stand now; `lost` and `duplicated` follow from them where
    /// no source is named. All other figures, and those two where a source is named, count from the start.
    pub fn balance(&self, start: &Counts, now: &Counts) -> Counts {
        let of = |figure| now.get(&figure).copied().unwrap_or_default();
        let become_something = of(Figure::Done) + of(Figure::Dead) + of(Figure::Pending);
        let mut balance = Counts::new();
        for figure in Figure::ALL {
            let added = now.get(&figure).map(|now| now.saturating_sub(*start.get(&figure).unwrap_or(&0)));
            let figured = match (figure, added) {
                (Figure::Sent | Figure::Done | Figure::Dead | Figure::Pending, _) => {
                    now.get(&figure).copied()
                }
                (Figure::Lost, None) => Some(of(Figure::Sent).saturating_sub(become_something)),
                (Figure::Duplicated, None) => Some(become_something.saturating_sub(of(Figure::Sent))),
                (_, added) => added,
            };
            balance.extend(figured.map(|count| (figure, count)));
        }
        balance
    }

    /// What of a balance is more than allowed, a phrase each: `3 lost`, `12 dead (10 allowed)`.
    pub fn violations(&self, start: &Counts, balance: &Counts) -> Vec<String> {
        let mut phrases = Vec::new();
        for (figure, count) in balance {
            let Some(allowed) = self.allowed(*figure) else { continue };
            let added = match figure {
                Figure::Sent | Figure::Done | Figure::Dead | Figure::Pending => {
                    count.saturating_sub(*start.get(figure).unwrap_or(&0))
                }
                _ => *count,
            };
            if added > allowed {
                let bound = if allowed == 0 { String::new() } else { format!(" ({allowed} allowed)") };
                phrases.push(format!("{added} {figure}{bound}"));
            }
        }
        phrases
    }
}

/// `sent 480, done 478, lost 2`.
pub fn describe(counts: &Counts) -> String {
    counts.iter().map(|(figure, count)| format!("{figure} {count}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(figures: &[(Figure, u64)]) -> Counts {
        figures.iter().copied().collect()
    }

    fn conservation(allow: &[(Figure, u64)]) -> Conservation {
        Conservation {
            account: Account::Measures(BTreeMap::new()),
            within: Span::seconds(1),
            allow: counts(allow),
        }
    }

    // E5: what is missing is lost, what is too much was done twice.
    #[test]
    fn what_does_not_add_up_is_lost_or_duplicated() {
        let book = conservation(&[]);
        let none = Counts::new();
        let now = counts(&[(Figure::Sent, 10), (Figure::Done, 6), (Figure::Dead, 1), (Figure::Pending, 1)]);
        let balance = book.balance(&none, &now);
        assert_eq!((balance[&Figure::Lost], balance[&Figure::Duplicated]), (2, 0));
        assert_eq!(book.violations(&none, &balance), ["2 lost"]);
        let now = counts(&[(Figure::Sent, 10), (Figure::Done, 13)]);
        assert_eq!(book.violations(&none, &book.balance(&none, &now)), ["3 duplicated"]);
    }

    #[test]
    fn a_figure_with_a_source_of_its_own_counts_from_the_start() {
        let book = conservation(&[(Figure::Dead, 2)]);
        let start = counts(&[(Figure::Lost, 5), (Figure::Dead, 7)]);
        let now = counts(&[(Figure::Sent, 9), (Figure::Done, 1), (Figure::Lost, 5), (Figure::Dead, 9)]);
        let balance = book.balance(&start, &now);
        assert_eq!(balance[&Figure::Lost], 0);
        let phrases = book.violations(&start, &balance);
        assert_eq!(phrases, ["1 duplicated"], "two more are dead, which is allowed");
        let now = counts(&[(Figure::Sent, 10), (Figure::Lost, 6), (Figure::Dead, 10)]);
        assert_eq!(book.violations(&start, &book.balance(&start, &now)), ["3 dead (2 allowed)", "1 lost"]);
    }
}
