//! The stages of a rollout: shares that grow, gates, and faults that can be divided.

use std::collections::BTreeMap;

use squall_model::plan::Condition;
use squall_model::stage::{Share, Stage, Trigger};
use squall_model::unit::{Percent, Span};

use crate::code::Code;
use crate::document::stage::StageDocument;
use crate::mistake::{At, Mistake, Place};
use crate::notes::Notes;
use crate::plan::abort;
use crate::plan::expect::{Reads, expect};
use crate::plan::fault::Drafted;
use crate::plan::measure::{Planned, threshold};
use crate::shape::OrText;

/// The stages, without the instances that each hits. `faults` are those that could be read.
pub(crate) fn stages(
    written: &At<Vec<OrText<StageDocument>>>,
    planned: &[Planned],
    names: Option<&[String]>,
    faults: &[Drafted],
    notes: &mut Notes<'_>,
) -> Option<Vec<Stage>> {
    if written.value.is_empty() {
        let mistake = Mistake::new(Code::Zero, "a rollout without a stage", written.place, "an empty list");
        notes.mistake(mistake.help("write for example `stages: [shadow, 10 %, 100 %]`, or leave it out"));
        return None;
    }
    let before = notes.mistakes.len();
    let mut stages: Vec<Stage> = Vec::new();
    let mut last: Option<(Share, Place)> = None;
    for one in &written.value {
        let text = match one {
            OrText::Text(text) => text,
            OrText::Full(full) => &full.value.share,
        };
        let Some(share) = share(text, notes) else { continue };
        if let Some((before, place)) = last.filter(|(before, _)| size(share) <= size(*before)) {
            let message = format!("a stage of {share} does not hit more than the one of {before} before it");
            let mistake = Mistake::new(Code::StageOrder, message, text.place, "must be larger");
            notes.mistake(mistake.related(place, "the stage before"));
        }
        last = Some((share, text.place));
        divides(share, text.place, faults, notes);
        let (mut hold, mut gate, mut rollback) = (Span::ZERO, Vec::new(), Vec::new());
        if let OrText::Full(At { value, .. }) = one {
            hold = value.hold.as_ref().map_or(Span::ZERO, |at| at.value);
            let known = Known { planned, names };
            for (name, is) in value.gate.as_ref().map(|map| map.0.as_slice()).unwrap_or_default() {
                let (Some((reads, _)), Some(is)) = (known.measure(name, notes), is.as_ref()) else {
                    continue;
                };
                let is = expect(is, reads, notes);
                gate.extend(is.map(|is| Condition { measure: name.value.clone(), is }));
            }
            for (name, when) in value.rollback.as_ref().map(|map| map.0.as_slice()).unwrap_or_default() {
                let (Some((reads, planned)), Some(when)) = (known.measure(name, notes), when.as_ref()) else {
                    continue;
                };
                let Some((abort, place)) = threshold(when, reads, notes) else { continue };
                let expected = planned.measure.expect.as_ref();
                if let Some(expected) = expected.filter(|expected| abort::overlap(expected, &abort.when)) {
                    let message = format!("`{}` would undo while `{expected}` still holds", abort.when);
                    notes.mistake(
                        Mistake::new(Code::AbortTooLoose, message, place, "reached while all is well").help(
                            "choose a threshold that can only be reached when the expectation is missed",
                        ),
                    );
                }
                rollback.push(Trigger { measure: name.value.clone(), abort });
            }
        }
        stages.push(Stage { share, hold, gate, rollback, chosen: BTreeMap::new() });
    }
    (notes.mistakes.len() == before).then_some(stages)
}

struct Known<'a> {
    planned: &'a [Planned],
    /// All measures as written; `None` where they could not be read.
    names: Option<&'a [String]>,
}

impl<'a> Known<'a> {
    fn measure(&self, name: &At<String>, notes: &mut Notes<'_>) -> Option<(Reads, &'a Planned)> {
        if let Some(names) = self.names.filter(|names| !names.contains(&name.value)) {
            notes.unknown(Code::UnknownMeasure, "measure", &name.value, name.place, names);
            return None;
        }
        let planned = self.planned.iter().find(|planned| planned.measure.name == name.value)?;
        Some((planned.reads, planned))
    }
}

fn share(text: &At<String>, notes: &mut Notes<'_>) -> Option<Share> {
    if text.value == "shadow" {
        return Some(Share::Shadow);
    }
    match text.value.parse::<Percent>() {
        Ok(share) if share.0 > 0.0 => Some(Share::Percent(share)),
        Ok(_) => {
            let mistake = Mistake::new(Code::Zero, "a stage that hits nothing", text.place, "more than 0 %");
            notes.mistake(mistake.help("`shadow` leaves every change out and says what it would be"));
            None
        }
        Err(error) => {
            let message = format!("`{}` is not a stage", text.value);
            let mistake = Mistake::new(Code::NotAPercentage, message, text.place, error.label);
            notes.mistake(mistake.help("write `shadow`, or a share such as `10 %`"));
            None
        }
    }
}

fn size(share: Share) -> f64 {
    match share {
        Share::Shadow => 0.0,
        Share::Percent(share) => share.0,
    }
}

/// A fault without instances or traffic to choose from is all or nothing.
fn divides(share: Share, place: Place, faults: &[Drafted], notes: &mut Notes<'_>) {
    let Share::Percent(percent) = share else { return };
    if percent.0 >= 100.0 {
        return;
    }
    for drafted in faults.iter().filter(|drafted| drafted.on.as_ref().is_none_or(|on| !on.has_shares())) {
        let message = format!("`{}` hits all or nothing: there is no {share} of it", drafted.fault.name);
        notes.mistake(
            Mistake::new(Code::StageShare, message, drafted.place, "cannot be divided")
                .related(place, "a share of what it hits")
                .help("use `stages: [shadow, 100 %]`, or a fault on instances or traffic"),
        );
    }
}
