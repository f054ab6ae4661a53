//! Toxics that decide for each datagram as it comes.

use std::sync::Arc;
use std::time::Instant;

use super::super::Piece;
use super::super::corrupt::Damage;
use super::super::filter::{Filter, Passed};
use crate::dice::Dice;
use crate::toxic::{self, Kind, Live, Shared};

/// What becomes of a datagram.
#[derive(Debug)]
pub(super) enum Rule {
    /// It is lost.
    Loss(Loss),
    /// It comes twice, so many in a hundred.
    Duplicate(f64, Dice),
    /// Some of its bits are turned over.
    Corrupt(Damage),
    /// It is lost where it is larger.
    LimitSize(u64),
    /// All are lost.
    Silence,
}

/// Losses one by one, or in bursts: a chain of two states whose share of losses is `percent` whatever the correlation.
#[derive(Debug)]
pub(super) struct Loss {
    attributes: toxic::Loss,
    dice: Dice,
    /// Whether the one before was lost; `None` before the first.
    before: Option<bool>,
}

impl Loss {
    pub(super) fn new(attributes: toxic::Loss, dice: Dice) -> Self {
        Self { attributes, dice, before: None }
    }

    fn takes(&mut self) -> bool {
        let (share, correlation) = (self.attributes.percent / 100.0, self.attributes.correlation / 100.0);
        let chance = match self.before {
            None => share,
            Some(true) => share + correlation * (1.0 - share),
            Some(false) => share * (1.0 - correlation),
        };
        let takes = self.dice.throw() < chance;
        self.before = Some(takes);
        takes
    }
}

/// One such rule at work.
#[derive(Debug)]
pub(super) struct Sieve {
    rule: Rule,
    shared: Arc<Shared>,
}

impl Sieve {
    pub(super) fn new(live: &Live, rule: Rule) -> Self {
        Self { rule, shared: Arc::clone(&live.shared) }
    }
}

impl Filter for Sieve {
    fn pass(&mut self, piece: Piece, at: Instant, passed: &mut Passed) {
        let Piece::Data(bytes) = &piece else {
            passed.push(piece, at);
            return;
        };
        let is_hit = match &mut self.rule {
            Rule::Loss(loss) => loss.takes(),
            Rule::LimitSize(most) => bytes.len() as u64 > *most,
            Rule::Silence => true,
            Rule::Duplicate(percent, dice) => {
                let is_hit = dice.throw() * 100.0 < *percent;
                if is_hit {
                    passed.push(piece.clone(), at);
                }
                passed.push(piece, at);
                if is_hit {
                    self.shared.hit();
                }
                return;
            }
            Rule::Corrupt(damage) => {
                let damaged = damage.inflict(bytes);
                if damaged.is_some() {
                    self.shared.hit();
                }
                passed.push(damaged.map_or(piece, Piece::Data), at);
                return;
            }
        };
        if is_hit {
            self.shared.hit();
        } else {
            passed.push(piece, at);
        }
    }

    fn change(&mut self, live: &Live, _now: Instant, _passed: &mut Passed) {
        match (&mut self.rule, &live.toxic.kind) {
            (Rule::Loss(loss), Kind::Loss(attributes)) => loss.attributes = attributes.clone(),
            (Rule::Duplicate(percent, _), Kind::Duplicate(attributes)) => *percent = attributes.percent,
            (Rule::Corrupt(damage), Kind::Corrupt(attributes)) => damage.set(attributes.rate),
            (Rule::LimitSize(most), Kind::LimitSize(attributes)) => *most = attributes.bytes,
            _ => {}
        }
    }
}
