//! The instances, or requests, that were hit beside the untouched ones: whether the fault is to blame.

use serde::Serialize;
use squall_model::event::{Blame, EventKind, Misses};
use squall_model::measure::Measure;
use squall_model::plan::Group;
use squall_model::record::Record;
use squall_model::unit::Quantity;
use squall_stats::{Comparison, Interval, LEVEL, Net, holm};

use super::contrast::signed;
use super::periods::Period;
use super::series::Series;

/// The instances that were hit beside the untouched ones, by one measure that is read for each; or the two groups of the
/// traffic, `hit` and `spared`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct GroupsSummary {
    /// The instances that a fault hit; in a rollout, in its last stage.
    pub hit: Vec<String>,
    /// The untouched ones.
    pub control: Vec<String>,
    /// The change from before to during that those that were hit have, and the untouched ones have not; in the base of the
    /// measure's unit.
    pub net: Comparison,
    /// Its p-value, corrected for all measures with groups (Holm); `None` where nothing was tested.
    pub corrected: Option<f64>,
    /// The same by means: difference in differences with the interval of the stationary bootstrap.
    pub mean: Option<Interval>,
    /// What the run counted, in each stage.
    pub counted: Vec<GroupsVerdict>,
    /// The same as a sentence.
    pub sentence: String,
}

/// What the run counted of both groups.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct GroupsVerdict {
    /// The stage of a rollout, from 0.
    pub stage: Option<u32>,
    /// Readings not as expected, of those that were hit.
    pub hit: Misses,
    /// Readings not as expected, of the untouched ones.
    pub control: Misses,
    /// What follows.
    pub blame: Blame,
}

impl GroupsSummary {
    /// `None` for a measure that is read as a whole, or where there are no two groups.
    pub(super) fn of(record: &Record, measure: &Measure, series: &Series) -> Option<Self> {
        let plan = &record.start.plan;
        let stage = plan.stages.len().checked_sub(1).map(|last| last as u32);
        let read = plan.series().into_iter().filter(|(read, _)| read.name == measure.name);
        let names: Vec<&str> = read.filter_map(|(_, name)| name).collect();
        let of = |group: Group| -> Vec<String> {
            let of_group = names.iter().filter(|name| plan.side(measure, Some(name), stage) == Some(group));
            of_group.map(|name| (*name).to_owned()).collect()
        };
        let (hit, control) = (of(Group::Hit), of(Group::Control));
        if hit.is_empty() || control.is_empty() {
            return None;
        }
        let net = Net::of(&series.part(Period::Before).pairs, &series.part(Period::During).pairs, plan.seed);
        let counted = record.events.iter().filter_map(|event| match &event.kind {
            EventKind::GroupsCompared(found) if found.measure == measure.name => Some(GroupsVerdict {
                stage: found.stage,
                hit: found.hit,
                control: found.control,
                blame: found.blame,
            }),
            _ => None,
        });
        let quantity = |value: f64| Quantity::new(value, series.unit);
        let sentence = match net.net.effect() {
            None => format!("{}: {}", measure.name, net.net),
            Some(effect) => format!(
                "{}: the {} that were hit changed by {} more than the untouched ones (95 % interval {} to {})",
                measure.name,
                if measure.each.is_some() { "instances" } else { "requests" },
                signed(quantity(effect.shift)),
                quantity(effect.low),
                quantity(effect.high),
            ),
        };
        let counted = counted.collect();
        Some(Self { hit, control, net: net.net, corrected: None, mean: net.mean, counted, sentence })
    }

    /// All of a run, corrected together.
    pub(super) fn of_all(mut all: Vec<Option<Self>>) -> Vec<Option<Self>> {
        let tested = |groups: &Self| groups.net.effect().map(|effect| effect.p);
        let p: Vec<f64> = all.iter().flatten().filter_map(tested).collect();
        let with_p = all.iter_mut().flatten().filter(|groups| tested(groups).is_some());
        for (groups, corrected) in with_p.zip(holm(&p)) {
            groups.corrected = Some(corrected);
            if corrected >= LEVEL {
                groups.sentence.push_str(", which could be chance");
            }
        }
        all
    }
}
