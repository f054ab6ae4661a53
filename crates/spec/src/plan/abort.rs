//! Whether an abort threshold lies outside of what is expected (S6).

use squall_model::measure::{Compare, Expect, Limit};

/// A range of numbers; each end with whether it belongs to the range.
type Range = ((f64, Edge), (f64, Edge));

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edge {
    Closed,
    Open,
}

/// Whether there is a reading that meets both. Where that cannot be known, `false`.
pub(crate) fn overlap(expect: &Expect, abort: &Expect) -> bool {
    if expect == abort {
        return true;
    }
    match (expect, abort) {
        (Expect::Absent, _) | (_, Expect::Absent) => false,
        (Expect::Present, _) => true,
        _ => match (ranges(expect), ranges(abort)) {
            (Some((expect, base)), Some((abort, other))) if base == other => {
                expect.iter().any(|left| abort.iter().any(|right| meet(*left, *right)))
            }
            _ => false,
        },
    }
}

/// What the numbers are counted in: themselves, multiples of the baseline, or distances from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    Absolute,
    Factor,
    Distance,
}

fn ranges(expect: &Expect) -> Option<(Vec<Range>, Base)> {
    let (compare, value, base) = match expect {
        Expect::Between { low, high } => {
            return Some((vec![((low.value, Edge::Closed), (high.value, Edge::Closed))], Base::Absolute));
        }
        Expect::Is { compare, limit: Limit::Absolute(quantity) } => {
            (*compare, quantity.value, Base::Absolute)
        }
        Expect::Is { compare, limit: Limit::Baseline { factor, plus } } if plus.value == 0.0 => {
            (*compare, *factor, Base::Factor)
        }
        Expect::Is { compare, limit: Limit::Baseline { factor, plus } }
            if (factor - 1.0).abs() < f64::EPSILON =>
        {
            (*compare, plus.value, Base::Distance)
        }
        _ => return None,
    };
    let below = |edge| ((f64::NEG_INFINITY, Edge::Open), (value, edge));
    let above = |edge| ((value, edge), (f64::INFINITY, Edge::Open));
    let ranges = match compare {
        Compare::Less => vec![below(Edge::Open)],
        Compare::AtMost => vec![below(Edge::Closed)],
        Compare::More => vec![above(Edge::Open)],
        Compare::AtLeast => vec![above(Edge::Closed)],
        Compare::Equal => vec![((value, Edge::Closed), (value, Edge::Closed))],
        Compare::Unequal => vec![below(Edge::Open), above(Edge::Open)],
    };
    Some((ranges, base))
}

fn meet((left_low, left_high): Range, (right_low, right_high): Range) -> bool {
    reaches(left_low, right_high) && reaches(right_low, left_high)
}

fn reaches(low: (f64, Edge), high: (f64, Edge)) -> bool {
    low.0 < high.0 || (low.0 <= high.0 && low.1 == Edge::Closed && high.1 == Edge::Closed)
}

#[cfg(test)]
mod tests {
    use squall_model::unit::Quantity;

    use super::*;

    fn is(compare: Compare, value: f64) -> Expect {
        Expect::Is { compare, limit: Limit::Absolute(Quantity { value, ..Quantity::default() }) }
    }

    // S6
    #[test]
    fn an_abort_threshold_inside_of_the_expectation_overlaps() {
        assert!(overlap(&is(Compare::Less, 10.0), &is(Compare::More, 5.0)));
        assert!(overlap(&is(Compare::AtMost, 10.0), &is(Compare::AtLeast, 10.0)));
        assert!(overlap(&Expect::Present, &is(Compare::More, 5.0)));
        assert!(overlap(&is(Compare::Equal, 200.0), &is(Compare::More, 100.0)));
    }

    #[test]
    fn an_abort_threshold_outside_of_it_does_not() {
        assert!(!overlap(&is(Compare::Less, 10.0), &is(Compare::AtLeast, 10.0)));
        assert!(!overlap(&is(Compare::Less, 1.0), &is(Compare::More, 20.0)));
        assert!(!overlap(&is(Compare::Equal, 200.0), &is(Compare::AtLeast, 500.0)));
        assert!(!overlap(&Expect::Absent, &Expect::Present));
    }
}
