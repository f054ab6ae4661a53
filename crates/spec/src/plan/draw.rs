//! What chance decides: which instances are hit, and which windows take place.

use rand::seq::index;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use squall_model::plan::Window;
use squall_model::stage::Share;
use squall_model::unit::Percent;

use crate::code::Code;
use crate::mistake::{At, Mistake, Place};
use crate::notes::Notes;

/// How instances are chosen.
#[derive(Clone, Debug)]
pub(crate) enum Choice {
    All,
    Names(Vec<At<String>>),
    Count(u32, Place),
    Percent(Percent),
}

/// The names of the instances that a run starts.
pub(crate) fn started(service: &str, count: u32) -> Vec<String> {
    (1..=count).map(|number| format!("{service}-{number}")).collect()
}

/// The generator of one fault. It has a stream of its own, so that adding a fault changes no other's draw.
pub(crate) fn generator(seed: u64, fault: &str) -> ChaCha8Rng {
    // FNV-1a: any stable hash would do, and this one fits into two lines.
    let stream = fault.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(stream);
    generator
}

/// The windows that take place.
pub(crate) fn windows(
    windows: &[Window],
    chance: Option<Percent>,
    generator: &mut ChaCha8Rng,
) -> Vec<Window> {
    let Some(chance) = chance else { return windows.to_vec() };
    windows.iter().copied().filter(|_| generator.random_bool(chance.0 / 100.0)).collect()
}

impl Choice {
    /// Named instances, each once.
    pub(crate) fn names(names: &[At<String>], place: Place, notes: &mut Notes<'_>) -> Option<Self> {
        if names.is_empty() {
            notes.mistake(Mistake::new(Code::Zero, "no instance would be hit", place, "an empty list"));
            return None;
        }
        for (index, name) in names.iter().enumerate() {
            if let Some(first) = names[..index].iter().find(|first| first.value == name.value) {
                let message = format!("`{}` is named twice", name.value);
                notes.mistake(
                    Mistake::new(Code::DuplicateKey, message, name.place, "again")
                        .related(first.place, "first"),
                );
                return None;
            }
        }
        Some(Self::Names(names.to_vec()))
    }

    /// Whether there are such instances; notes a mistake when not.
    pub(crate) fn check(&self, service: &str, eligible: &[String], notes: &mut Notes<'_>) -> Option<()> {
        match self {
            Self::All | Self::Percent(_) => Some(()),
            Self::Count(count, place) => {
                if *count as usize <= eligible.len() {
                    return Some(());
                }
                let message = format!("`{service}` has {} instances, not {count}", eligible.len());
                notes.mistake(
                    Mistake::new(Code::PickTooMany, message, *place, "too many")
                        .help(format!("at most {}", eligible.len())),
                );
                None
            }
            Self::Names(names) => {
                let mut fine = Some(());
                for name in names.iter().filter(|name| !eligible.contains(&name.value)) {
                    notes.unknown(Code::UnknownInstance, "instance", &name.value, name.place, eligible);
                    fine = None;
                }
                fine
            }
        }
    }

    /// The chosen ones, in the order of `eligible`. A share is rounded up, so that it is never nothing.
    pub(crate) fn draw(&self, eligible: &[String], generator: &mut ChaCha8Rng) -> Vec<String> {
        let count = match self {
            Self::All => return eligible.to_vec(),
            Self::Names(names) => {
                return eligible
                    .iter()
                    .filter(|name| names.iter().any(|at| at.value == **name))
                    .cloned()
                    .collect();
            }
            Self::Count(count, _) => (*count as usize).min(eligible.len()),
            Self::Percent(share) => share_of(*share, eligible.len()),
        };
        let mut drawn = index::sample(generator, eligible.len(), count).into_vec();
        drawn.sort_unstable();
        drawn.into_iter().map(|index| eligible[index].clone()).collect()
    }
}

/// The order in which the stages of a rollout take the chosen instances in.
pub(crate) fn order(chosen: &[String], generator: &mut ChaCha8Rng) -> Vec<String> {
    let order = index::sample(generator, chosen.len(), chosen.len());
    order.into_iter().map(|index| chosen[index].clone()).collect()
}

/// The instances of a stage, in the order of `chosen`: the first ones of the order of taking in, so that those of a
/// smaller stage are among them.
pub(crate) fn nested(share: Share, order: &[String], chosen: &[String]) -> Vec<String> {
    let count = match share {
        Share::Shadow => order.len(),
        Share::Percent(share) => share_of(share, order.len()),
    };
    chosen.iter().filter(|name| order[..count].contains(name)).cloned().collect()
}

fn share_of(share: Percent, of: usize) -> usize {
    // 30 % of 10 is 3, and not 4 because 0.3 * 10 is 3.0000000000000004.
    let exact = share.0 * of as f64 / 100.0;
    ((exact - 1e-9).ceil() as usize).clamp(1.min(of), of)
}

#[cfg(test)]
mod tests {
    use super::*;

    // S5
    #[test]
    fn a_share_is_rounded_up_and_never_nothing() {
        for (share, of, expected) in
            [(50.0, 4, 2), (50.0, 5, 3), (1.0, 4, 1), (30.0, 10, 3), (100.0, 7, 7), (10.0, 0, 0)]
        {
            assert_eq!(share_of(Percent(share), of), expected, "{share} % of {of}");
        }
    }

    // E7
    #[test]
    fn a_larger_stage_hits_those_of_the_smaller_ones_too() {
        let chosen = started("worker", 10);
        let mut orders = Vec::new();
        for seed in 0..20 {
            let order = order(&chosen, &mut generator(seed, "kill"));
            let of = |share| nested(Share::Percent(Percent(share)), &order, &chosen);
            let (few, half, all) = (of(15.0), of(50.0), of(100.0));
            assert_eq!((few.len(), half.len(), &all), (2, 5, &chosen));
            assert!(few.iter().all(|name| half.contains(name)), "{few:?} are not all in {half:?}");
            assert_eq!(nested(Share::Shadow, &order, &chosen), chosen);
            orders.push(few);
        }
        orders.dedup();
        assert!(orders.len() > 10, "the seed decides who is first");
    }

    // E6
    #[test]
    fn the_draw_of_a_fault_depends_on_the_seed_and_its_own_name_only() {
        let draw = |seed, name| {
            Choice::Count(3, Place::default()).draw(&started("worker", 10), &mut generator(seed, name))
        };
        assert_eq!(draw(7, "kill"), draw(7, "kill"));
        let others = (0..20).filter(|seed| draw(*seed, "kill") != draw(7, "kill")).count();
        assert!(others > 10, "{others} of 20 seeds gave another draw");
        assert!((0..20).any(|seed| draw(seed, "kill") != draw(seed, "pause")));
    }
}
