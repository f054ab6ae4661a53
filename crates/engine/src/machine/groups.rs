//! The control group: were those that no fault hit any better at the same time?

use std::collections::BTreeMap;

use squall_model::event::{Blame, GroupsCompared, Misses};
use squall_model::measure::Judged;
use squall_model::plan::{Group, Plan};
use squall_stats::Proportion;

use super::hypothesis::Hypothesis;
use super::watch::Watch;

/// What was found of the time with faults.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Sentences that the faults are to blame for.
    pub(super) blamed: Vec<String>,
    /// Sentences that nobody can be blamed for: the control group did no better.
    pub(super) unclear: Vec<String>,
    /// The comparisons themselves.
    pub(super) compared: Vec<GroupsCompared>,
}

/// Both sides of one measure.
#[derive(Default)]
struct Sides<'a> {
    hit: Vec<&'a Watch>,
    control: Vec<&'a Watch>,
}

/// Looks at the time with faults that has just ended.
pub(super) fn judge(hypothesis: &Hypothesis, plan: &Plan, stage: Option<u32>) -> Found {
    let mut found = Found::default();
    if !hypothesis.was_exposed() {
        return found;
    }
    let mut grouped: BTreeMap<&str, Sides<'_>> = BTreeMap::new();
    for watch in &hypothesis.watches {
        match side(watch, plan, stage) {
            None => found.blamed.extend(watch.deviation()),
            Some(Group::Hit) => grouped.entry(&watch.measure.name).or_default().hit.push(watch),
            Some(Group::Control) => grouped.entry(&watch.measure.name).or_default().control.push(watch),
        }
    }
    for (measure, sides) in grouped {
        let (hit, control) = (sum(&sides.hit), sum(&sides.control));
        let [of_hit, of_control] =
            [&sides.hit, &sides.control].map(|side| side.iter().any(|watch| watch.has_deviated()));
        let blame = match (of_hit, of_control) {
            (false, false) => Blame::Needless,
            (true, _) if is_worse(hit, control) => Blame::Faults,
            _ => Blame::Unclear,
        };
        let expect = sides.hit.first().and_then(|watch| watch.measure.expect.as_ref());
        let expect = expect.map(ToString::to_string).unwrap_or_default();
        match blame {
            Blame::Needless => {}
            Blame::Faults => found.blamed.push(format!(
                "{measure} was not {expect} where a fault hit: {hit}, and {control} where none did"
            )),
            Blame::Unclear => {
                let whom = if of_hit {
                    "where a fault hit, and no less where none did"
                } else {
                    "where no fault hit"
                };
                found.unclear.push(format!(
                    "{measure} was not {expect} {whom}: {hit} where a fault hit, {control} where none did"
                ));
            }
        }
        found.compared.push(GroupsCompared { measure: measure.to_owned(), stage, hit, control, blame });
    }
    found
}

/// The side of a measure that is judged while faults are on; `None`: there are no two sides.
fn side(watch: &Watch, plan: &Plan, stage: Option<u32>) -> Option<Group> {
    let measure = Some(&watch.measure).filter(|measure| measure.is_judged(Judged::During))?;
    plan.side(measure, watch.instance.as_deref(), stage)
}

/// Whether instances of the control group are not as expected either, of every measure that is missing.
pub(super) fn is_shared(missing: &[&Watch], plan: &Plan, stage: Option<u32>) -> bool {
    let of = |watch: &Watch| plan.side(&watch.measure, watch.instance.as_deref(), stage);
    let is_in_control = |watch: &&&Watch| of(watch) == Some(Group::Control);
    missing.iter().all(|watch| {
        of(watch).is_some()
            && missing.iter().filter(is_in_control).any(|other| other.measure.name == watch.measure.name)
    })
}

fn sum(watches: &[&Watch]) -> Misses {
    watches.iter().map(|watch| watch.during.misses()).fold(Misses::default(), |sum, one| Misses {
        missed: sum.missed + one.missed,
        readings: sum.readings + one.readings,
    })
}

/// Whether the share of misses is larger than that of the control group, as far as can be told. Without any reading of
/// the control group nothing speaks for it.
fn is_worse(hit: Misses, control: Misses) -> bool {
    least_difference(hit, control).is_none_or(|least| least > 0.0)
}

/// The lower end of the 95 % interval of the difference between two shares: that of Newcombe, "Interval estimation for
/// the difference between independent proportions", Statistics in Medicine 17 (1998), method 10.
fn least_difference(hit: Misses, control: Misses) -> Option<f64> {
    let of = |misses: Misses| Proportion::of(u64::from(misses.missed), u64::from(misses.readings));
    let (hit, control) = (of(hit)?, of(control)?);
    let (below, above) = (hit.share - hit.low, control.high - control.share);
    Some(hit.share - control.share - below.hypot(above))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn misses(missed: u32, readings: u32) -> Misses {
        Misses { missed, readings }
    }

    // Newcombe (1998), table II, method 10, contrasts (a) to (d).
    #[test]
    fn the_difference_of_two_shares_is_that_of_newcombe() {
        let known = [
            ((56, 70), (48, 80), 0.0524),
            ((9, 10), (3, 10), 0.1705),
            ((6, 7), (2, 7), 0.0582),
            ((5, 56), (0, 29), -0.0381),
        ];
        for ((missed, of), (other, of_other), least) in known {
            let found = least_difference(misses(missed, of), misses(other, of_other)).unwrap();
            assert!((found - least).abs() < 5e-5, "{missed}/{of} - {other}/{of_other}: {found}");
        }
    }

    // E4: as bad is not worse.
    #[test]
    fn nobody_is_blamed_for_what_the_control_group_does_as_well() {
        assert!(!is_worse(misses(10, 10), misses(30, 30)));
        assert!(!is_worse(misses(6, 10), misses(16, 30)));
        assert!(is_worse(misses(10, 10), misses(0, 30)));
        assert!(is_worse(misses(3, 3), misses(0, 0)));
    }
}
