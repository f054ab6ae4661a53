//! A comparison of runs in words.

use std::fmt::Write;

use squall_model::unit::{Percent, Quantity};

use super::{Difference, RunsCompared, What, Worse};
use crate::markdown::plain;
use crate::summary::{p_value, signed};
use crate::wording::{grouped, line, sentence};

/// Characters of a name.
const NAME: usize = 80;

/// Differences that are written out; the JSON has all.
const MOST: usize = 60;

pub(super) fn of(difference: &Difference, margin: Percent) -> String {
    let quantity = |value: f64| Quantity::new(value, difference.unit);
    let (from, to) = (quantity(difference.from), quantity(difference.to));
    let name = match difference.what {
        What::Numbers => difference.measure.clone(),
        What::Misses => format!("the share of misses of {}", difference.measure),
    };
    let name = format!("{name} {} the faults", difference.period);
    let Some(effect) = difference.effect() else {
        return format!("{name} was not compared ({from}, now {to}): {}", difference.comparison);
    };
    let p = p_value(difference.corrected.unwrap_or(effect.p));
    let interval = match difference.what {
        What::Numbers => format!(
            "{}, 95 % interval {} to {}, {p}",
            signed(quantity(effect.shift)),
            quantity(effect.low),
            quantity(effect.high)
        ),
        What::Misses => p,
    };
    let verb = if effect.cliffs_delta >= 0.0 { "rose" } else { "fell" };
    match difference.worse {
        Worse::Worse => format!("{name} got worse: it {verb} from {from} to {to} ({interval})"),
        Worse::Better => format!("{name} got better: it {verb} from {from} to {to} ({interval})"),
        Worse::Changed => format!("{name} {verb} from {from} to {to} ({interval})"),
        Worse::Same if difference.corrected.is_some_and(|p| p < squall_stats::LEVEL) => {
            format!("{name} moved by less than {margin}: {from}, now {to} ({interval})")
        }
        Worse::Same | Worse::Unknown if effect.low.abs().max(effect.high.abs()) <= 0.0 => {
            format!("{name}: {to}, as before")
        }
        Worse::Same | Worse::Unknown => {
            format!("{name}: {from}, now {to}; no difference that could be told from chance ({interval})")
        }
    }
}

pub(super) fn whole(compared: &RunsCompared) -> String {
    let worse: Vec<&Difference> = compared.worse().collect();
    let stated: Vec<String> = compared
        .facts
        .iter()
        .filter(|fact| fact.worse == Worse::Worse)
        .map(|fact| format!("{} was {}, now {}", fact.name, fact.from, fact.to))
        .collect();
    match (compared.worse, worse.as_slice()) {
        (Worse::Worse, []) => format!("it got worse: {}", stated.join("; ")),
        (Worse::Worse, [first, rest @ ..]) => {
            let more = if rest.is_empty() {
                String::new()
            } else {
                format!("; so did {} more", grouped(rest.len() as u64))
            };
            let stated = if stated.is_empty() { String::new() } else { format!("; {}", stated.join("; ")) };
            format!("it got worse: {}{more}{stated}", first.sentence.replacen(" got worse: it", "", 1))
        }
        (Worse::Unknown, _) => "nothing could be told: there are too few readings".to_owned(),
        (Worse::Better, _) => "it got better, and nothing got worse".to_owned(),
        (Worse::Same | Worse::Changed, _) => {
            format!("nothing got worse by more than {} so that it could be told from chance", compared.margin)
        }
    }
}

pub(super) fn text(compared: &RunsCompared) -> String {
    let mut out = String::new();
    let name = |run: &super::RunName| {
        let started = run.started.get(..19).unwrap_or(&run.started).replace('T', " ");
        format!(
            "{}  {started}  {}  {} in {}",
            run.run,
            run.verdict,
            line(&run.experiment, NAME),
            line(&run.environment, NAME)
        )
    };
    let _ = writeln!(out, "{}\n", line(&sentence(&compared.sentence), 600));
    let _ = writeln!(out, "reference  {}", name(&compared.reference));
    let _ = writeln!(out, "run        {}", name(&compared.run));
    for unlike in &compared.unlike {
        let _ = writeln!(out, "unlike     {}", line(unlike, 200));
    }
    out.push('\n');
    for fact in &compared.facts {
        let sign = if fact.worse == Worse::Unknown { "-" } else { mark(fact.worse) };
        let _ =
            writeln!(out, "{sign:<9}  {}: {}, now {}", fact.name, line(&fact.from, 200), line(&fact.to, 200));
    }
    for difference in compared.differences.iter().take(MOST) {
        let _ = writeln!(out, "{:<9}  {}", mark(difference.worse), line(&difference.sentence, 400));
    }
    let more = compared.differences.len().saturating_sub(MOST);
    if more > 0 {
        let _ = writeln!(out, "... and {more} more; --format json has all");
    }
    out
}

pub(super) fn markdown(compared: &RunsCompared) -> String {
    let mut out = String::new();
    let sign = match compared.worse {
        Worse::Worse => "❌ Worse",
        Worse::Better => "✅ Better",
        Worse::Same | Worse::Changed => "✅ Not worse",
        Worse::Unknown => "⚠️ Unknown",
    };
    let _ = writeln!(out, "## {sign} — {}\n", plain(&compared.run.experiment, NAME));
    let _ = writeln!(out, "{}\n", plain(&sentence(&compared.sentence), 600));
    let _ = writeln!(out, "| | run | started | verdict |\n| --- | --- | --- | --- |");
    for (what, run) in [("reference", &compared.reference), ("compared", &compared.run)] {
        let _ = writeln!(
            out,
            "| {what} | {} in {} | {} | {} |",
            plain(run.run.as_str(), 64),
            plain(&run.environment, NAME),
            plain(&run.started, 40),
            run.verdict
        );
    }
    if !compared.unlike.is_empty() {
        out.push('\n');
    }
    for unlike in &compared.unlike {
        let _ = writeln!(out, "- unlike: {}", plain(unlike, 200));
    }
    let _ = writeln!(out, "\n| | before | now |\n| --- | --- | --- |");
    for fact in &compared.facts {
        let _ = writeln!(out, "| {} | {} | {} |", fact.name, plain(&fact.from, 200), plain(&fact.to, 200));
    }
    out.push('\n');
    for difference in compared.differences.iter().take(MOST) {
        let _ = writeln!(out, "- **{}** {}", mark(difference.worse), plain(&difference.sentence, 400));
    }
    let _ = writeln!(
        out,
        "\n<sub>Mann-Whitney, p corrected for all comparisons (Holm); worse by more than {} of the level counts.</sub>",
        compared.margin
    );
    out
}

fn mark(worse: Worse) -> &'static str {
    match worse {
        Worse::Worse => "worse",
        Worse::Unknown => "unknown",
        Worse::Changed => "changed",
        Worse::Same => "same",
        Worse::Better => "better",
    }
}
