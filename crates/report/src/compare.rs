//! Two runs beside each other: did it get worse?

mod difference;
mod words;

use serde::Serialize;
use squall_model::event::Mode;
use squall_model::id::RunId;
use squall_model::record::Record;
use squall_model::unit::{Percent, Quantity, Unit};
use squall_model::verdict::Verdict;
use squall_stats::holm;

use crate::summary::{Conclusion, MeasureSummary, RecoverySummary, Standing, Summary};

pub use self::difference::Difference;
use self::difference::{What, Wish, differences, wish};

/// Two runs beside each other.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunsCompared {
    /// The version of this form as JSON.
    pub version: u32,
    /// What it is compared with.
    pub reference: RunName,
    /// What is compared.
    pub run: RunName,
    /// The share of a measure's level by which it may get worse.
    pub margin: Percent,
    /// Whether it got worse, of all measures and facts together.
    pub worse: Worse,
    /// The same as a sentence.
    pub sentence: String,
    /// What makes the runs less alike than they should be.
    pub unlike: Vec<String>,
    /// Each measure in each period, the worst first.
    pub differences: Vec<Difference>,
    /// Single numbers and states, which no test can compare.
    pub facts: Vec<Fact>,
}

/// Which run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunName {
    /// Its id.
    pub run: RunId,
    /// Name of the experiment.
    pub experiment: String,
    /// Where it ran.
    pub environment: String,
    /// Wall clock at the start, RFC 3339 in UTC.
    pub started: String,
    /// Its verdict.
    pub verdict: Conclusion,
}

/// Whether something got worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Worse {
    /// It did, by more than the margin.
    Worse,
    /// Too few readings to say.
    Unknown,
    /// It changed, and nothing says which way is worse.
    Changed,
    /// It did not, by more than the margin.
    Same,
    /// It got better, by more than the margin.
    Better,
}

/// A single number or state of both runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Fact {
    /// What it is.
    pub name: String,
    /// In the reference.
    pub from: String,
    /// Now.
    pub to: String,
    /// What follows.
    pub worse: Worse,
}

impl RunsCompared {
    /// The margin where none is said: runs of different hours differ by some percent though nothing changed.
    pub const MARGIN: Percent = Percent(5.0);

    /// Compares a run with a reference.
    ///
    /// A measure got worse where its readings differ after the correction for all comparisons (Holm, 5 %), and even the near end
    /// of the shift's 95 % interval lies further than the margin on the bad side: that is a test for more than a least
    /// effect, so that many readings do not make a small difference a bad one. Which side is bad, the expectation says.
    pub fn of(reference: &Record, run: &Record, margin: Percent) -> Self {
        let summaries = (Summary::of(reference), Summary::of(run));
        let mut differences = differences(reference, run, &summaries);
        let p: Vec<f64> = differences.iter().filter_map(Difference::p).collect();
        for (difference, corrected) in
            differences.iter_mut().filter(|difference| difference.p().is_some()).zip(holm(&p))
        {
            difference.corrected = Some(corrected);
        }
        for difference in &mut differences {
            let wish = match difference.what {
                What::Misses => Wish::Less,
                What::Numbers => run
                    .start
                    .plan
                    .measures
                    .iter()
                    .find(|measure| measure.name == difference.measure)
                    .map_or(Wish::Unsaid, wish),
            };
            difference.worse = difference.judge(wish, margin);
            difference.sentence = words::of(difference, margin);
        }
        // The order of the plan is kept within a rank.
        differences.sort_by_key(|difference| difference.worse);
        let facts = facts(&summaries);
        let is_found = |worse: Worse| differences.iter().any(|difference| difference.worse == worse);
        let worse = if is_found(Worse::Worse) || facts.iter().any(|fact| fact.worse == Worse::Worse) {
            Worse::Worse
        } else if is_found(Worse::Better) {
            Worse::Better
        } else if differences.iter().any(|difference| difference.p().is_some()) {
            Worse::Same
        } else {
            Worse::Unknown
        };
        let mut compared = Self {
            version: 1,
            reference: RunName::of(&summaries.0),
            run: RunName::of(&summaries.1),
            margin,
            worse,
            sentence: String::new(),
            unlike: unlike(&summaries),
            differences,
            facts,
        };
        compared.sentence = words::whole(&compared);
        compared
    }

    /// What got worse, by the name of the measure.
    pub fn worse(&self) -> impl Iterator<Item = &Difference> {
        self.differences.iter().filter(|difference| difference.worse == Worse::Worse)
    }

    /// As text for a terminal; strangers' text is on one line and without control characters.
    pub fn text(&self) -> String {
        words::text(self)
    }

    /// As Markdown for a pull request.
    pub fn markdown(&self) -> String {
        words::markdown(self)
    }
}

impl RunName {
    fn of(summary: &Summary) -> Self {
        Self {
            run: summary.run.clone(),
            experiment: summary.experiment.clone(),
            environment: summary.plan.target.environment.clone(),
            started: summary.started.clone(),
            verdict: summary.verdict,
        }
    }
}

fn facts(summaries: &(Summary, Summary)) -> Vec<Fact> {
    let (one, other) = summaries;
    let mut facts = Vec::new();
    let mut fact = |name: &str, from: String, to: String, worse: Worse| {
        facts.push(Fact { name: name.to_owned(), from, to, worse });
    };
    let rank = |verdict: Conclusion| match verdict {
        Conclusion::Reached(Verdict::Held) => Some(0),
        Conclusion::Reached(Verdict::Deviated | Verdict::Aborted) => Some(1),
        Conclusion::Reached(Verdict::Dirty) => Some(2),
        _ => None,
    };
    let ordered = |from: Option<i32>, to: Option<i32>| match (from, to) {
        (Some(from), Some(to)) if to > from => Worse::Worse,
        (Some(from), Some(to)) if to < from => Worse::Better,
        (Some(_), Some(_)) => Worse::Same,
        _ => Worse::Unknown,
    };
    fact(
        "verdict",
        one.verdict.to_string(),
        other.verdict.to_string(),
        ordered(rank(one.verdict), rank(other.verdict)),
    );
    let recovered = |summary: &Summary| match &summary.recovery {
        RecoverySummary::Recovered { steady, .. } => (format!("after {steady}"), Some(0)),
        RecoverySummary::Never { within, .. } => (format!("not within {within}"), Some(1)),
        RecoverySummary::NotObserved {} => ("not observed".to_owned(), None),
    };
    let (from, to) = (recovered(one), recovered(other));
    fact("steady again", from.0, to.0, ordered(from.1, to.1));
    if let (Some(from), Some(to)) = (&one.load, &other.load) {
        let rate = |rate: Option<f64>| {
            rate.map_or("-".to_owned(), |rate| Quantity::new(rate, Unit::Percent).to_string())
        };
        fact(
            "errors of the load during the faults",
            rate(from.during.error_rate),
            rate(to.during.error_rate),
            Worse::Unknown,
        );
    }
    let missed = |summary: &Summary| {
        let missed =
            |measure: &&MeasureSummary| matches!(measure.standing, Standing::Missed | Standing::Unread);
        summary
            .measures
            .iter()
            .filter(missed)
            .map(|measure| measure.name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let (from, to) = (missed(one), missed(other));
    if from != to {
        let none = |names: String| if names.is_empty() { "none".to_owned() } else { names };
        fact("measures not as expected", none(from), none(to), Worse::Unknown);
    }
    facts
}

fn unlike(summaries: &(Summary, Summary)) -> Vec<String> {
    let (one, other) = summaries;
    let mut unlike = Vec::new();
    let mut differ = |what: &str, from: &str, to: &str| {
        if from != to {
            unlike.push(format!("{what}: {from}, now {to}"));
        }
    };
    differ("another experiment", &one.experiment, &other.experiment);
    differ("another environment", &one.plan.target.environment, &other.plan.target.environment);
    if one.experiment == other.experiment {
        differ("another version of the file", &one.plan.digest, &other.plan.digest);
    }
    let mode = |mode: Mode| match mode {
        Mode::Real => "with faults",
        Mode::Dry => "a dry run",
        Mode::Control => "a control run, without faults",
    };
    differ("another kind of run", mode(one.mode), mode(other.mode));
    differ("another squall", &one.squall, &other.squall);
    for (name, value) in &one.host {
        if let Some(now) = other.host.get(name) {
            differ(&format!("another host, {name}"), value, now);
        }
    }
    for summary in [one, other] {
        if summary.verdict == Conclusion::Interrupted {
            unlike.push(format!(
                "run {} did not end: what is in its record up to {} is compared",
                summary.run, summary.length
            ));
        }
    }
    let names =
        |summary: &Summary| summary.measures.iter().map(|measure| measure.name.clone()).collect::<Vec<_>>();
    for name in names(one).iter().filter(|name| !names(other).contains(name)) {
        unlike.push(format!("{name} is read in the reference only"));
    }
    for name in names(other).iter().filter(|name| !names(one).contains(name)) {
        unlike.push(format!("{name} is not read in the reference"));
    }
    unlike
}
