//! Bytes with a bit turned over.

use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::Piece;
use super::filter::{Filter, Passed};
use crate::dice::Dice;
use crate::toxic::{Kind, Live};

/// Which bytes are damaged.
#[derive(Debug)]
pub(super) struct Damage {
    rate: f64,
    dice: Dice,
    /// Bytes that stay whole until the next one that does not.
    whole: u64,
}

impl Damage {
    /// This share of the bytes, from 0 to 1.
    pub(super) fn new(rate: f64, dice: Dice) -> Self {
        let mut damage = Self { rate, dice, whole: 0 };
        damage.whole = damage.gap();
        damage
    }

    /// Another share from now on.
    pub(super) fn set(&mut self, rate: f64) {
        self.rate = rate;
        self.whole = self.gap();
    }

    /// Drawn once per damage and not once per byte (the geometric distribution).
    fn gap(&mut self) -> u64 {
        if self.rate <= 0.0 {
            return u64::MAX;
        }
        let gap = (1.0 - self.dice.throw()).ln() / (1.0 - self.rate).ln();
        // The logarithm of 0, at a rate of 1, makes every gap 0.
        if gap.is_finite() { gap as u64 } else { 0 }
    }

    /// These bytes, with what is damaged of them; `None` where they stay whole.
    pub(super) fn inflict(&mut self, bytes: &Bytes) -> Option<Bytes> {
        let length = bytes.len() as u64;
        if self.whole >= length {
            self.whole -= length;
            return None;
        }
        let mut damaged = BytesMut::from(bytes.as_ref());
        let mut at = self.whole;
        while at < length {
            damaged[at as usize] ^= 1 << (self.dice.throw() * 8.0) as u8;
            at = at.saturating_add(1).saturating_add(self.gap());
        }
        self.whole = at - length;
        Some(damaged.freeze())
    }
}

impl Filter for Damage {
    fn pass(&mut self, piece: Piece, at: Instant, passed: &mut Passed) {
        let piece = match piece {
            Piece::Data(bytes) => Piece::Data(self.inflict(&bytes).unwrap_or(bytes)),
            other => other,
        };
        passed.push(piece, at);
    }

    fn change(&mut self, live: &Live, _now: Instant, _passed: &mut Passed) {
        if let Kind::Corrupt(attributes) = &live.toxic.kind {
            self.set(attributes.rate);
        }
    }
}
