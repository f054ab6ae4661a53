//! Chances that are drawn from seeds: the same seed draws the same ones.

use crate::layer::Way;

/// A row of chances that belongs to one seed.
#[derive(Debug)]
pub(crate) struct Dice {
    seed: u64,
    thrown: u64,
}

impl Dice {
    /// The row of this seed.
    pub(crate) fn of(seed: u64) -> Self {
        Self { seed, thrown: 0 }
    }

    /// That of a toxic with this seed on one way of a connection.
    pub(crate) fn of_way(seed: u64, connection: u64, way: Way) -> Self {
        let way = if way == Way::Upstream { "up" } else { "down" };
        Self::of(seed_of(seed ^ connection.rotate_left(32), &[way]))
    }

    /// From 0 to below 1.
    pub(crate) fn throw(&mut self) -> f64 {
        self.thrown += 1;
        chance(self.seed, self.thrown)
    }
}

/// From 0 to below 1, by a seed and a number.
pub(crate) fn chance(seed: u64, number: u64) -> f64 {
    let step = number.wrapping_add(1).wrapping_mul(STEP);
    (mixed(seed.wrapping_add(step)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// A seed from another one and some texts (FNV-1a, then mixed).
pub(crate) fn seed_of(seed: u64, parts: &[&str]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ seed;
    for part in parts {
        for byte in part.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    mixed(hash.wrapping_add(STEP))
}

/// From one number to the next.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Bits that have nothing to do with each other any more (SplitMix64, Steele et al. 2014).
fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_chances_and_they_are_even() {
        let draws: Vec<f64> = (0..10_000).map(|number| chance(7, number)).collect();
        assert!(draws.iter().all(|draw| (0.0..1.0).contains(draw)));
        let below = draws.iter().filter(|draw| **draw < 0.3).count();
        assert!((2_800..3_200).contains(&below), "{below}");
        assert!((0..10_000).zip(&draws).all(|(number, draw)| chance(7, number).to_bits() == draw.to_bits()));
        assert_ne!(chance(7, 0).to_bits(), chance(8, 0).to_bits());
    }

    // Runs that were noted with their seed can be repeated by later versions.
    #[test]
    fn what_a_seed_draws_stays_the_same() {
        assert_eq!(chance(7, 0).to_bits(), 0x3fd8_f2f8_7916_4c82);
        assert_eq!(seed_of(7, &["p", "slow"]), 0x4ae7_bde9_a904_12ab);
    }

    #[test]
    fn each_connection_and_each_way_of_it_has_chances_of_its_own_and_always_the_same() {
        let row = |connection, way| {
            let mut dice = Dice::of_way(7, connection, way);
            [dice.throw(), dice.throw(), dice.throw()].map(f64::to_bits)
        };
        let rows = [(0, Way::Upstream), (0, Way::Downstream), (1, Way::Upstream), (1, Way::Downstream)]
            .map(|(connection, way)| row(connection, way));
        for (at, one) in rows.iter().enumerate() {
            assert!(rows[..at].iter().all(|other| other != one), "{rows:?}");
        }
        assert_eq!(row(1, Way::Downstream), rows[3]);
    }
}
