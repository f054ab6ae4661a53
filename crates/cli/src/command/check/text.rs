//! A plan for people.

use std::fmt::Write;

use squall_engine::preflight::Examined;
use squall_model::conservation::{Account, Conservation, Figure};
use squall_model::measure::Measure;
use squall_model::plan::{Plan, PlannedFault};
use squall_model::stage::Stage;
use squall_model::target::Find;

use crate::text::{counted, plain};

/// More windows than this nobody reads.
const WINDOWS: usize = 6;

/// The whole plan, ending with a line break.
pub(crate) fn plan(plan: &Plan, examined: &[Examined]) -> String {
    let mut text = Page::default();
    text.line(&format!("{}  {}", plan.name, plan.file.as_deref().unwrap_or_default()));
    if !plan.description.is_empty() {
        text.line(&format!("  {}", plan.description));
    }
    text.gap();
    text.entry("target", &format!("{}, environment {}", plan.target.name, plan.target.environment));
    for (name, service) in &plan.target.services {
        let count = plan.inventory.services.get(name).map_or(0, Vec::len);
        let how = match &service.find {
            Find::Start(_) => "started and ended by the run",
            _ => "found",
        };
        text.entry("", &format!("{name}: {}, {how}", counted(count, "instance")));
    }
    if let Some(load) = &plan.load {
        text.entry("load", &plain(&format!("{}, {}", load.pattern, load.target)));
    }
    text.entry("time", &time(plan));
    text.entry("seed", &plan.seed.to_string());
    text.gap();
    let width = plan.measures.iter().map(|measure| measure.name.len()).max().unwrap_or_default();
    for (number, one) in plan.measures.iter().enumerate() {
        text.entry(if number == 0 { "steady" } else { "" }, &measure(one, width));
    }
    if let Some(book) = &plan.conservation {
        text.entry("account", &conservation(book));
    }
    if let Some(backlog) = &plan.recovery.backlog {
        text.entry("backlog", &format!("{backlog} back at its level of the baseline within the recovery"));
    }
    for (number, stage) in plan.stages.iter().enumerate() {
        if number == 0 {
            text.gap();
        }
        text.entry(if number == 0 { "stages" } else { "" }, &self::stage(stage, number + 1));
    }
    for planned in &plan.faults {
        text.gap();
        fault(planned, examined.iter().find(|one| one.fault == planned.name), &mut text);
    }
    text.0
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn line(&mut self, text: &str) {
        self.0.push_str(&" ".repeat(text.len() - text.trim_start().len()));
        self.0.push_str(&plain(text));
        self.0.push('\n');
    }

    fn gap(&mut self) {
        self.0.push('\n');
    }

    fn entry(&mut self, name: &str, text: &str) {
        self.line(&format!("  {name:<9} {}", plain(text)));
    }
}

fn time(plan: &Plan) -> String {
    let (most, within) = (plan.worst_case(), plan.recovery.within);
    match plan.stages.len() {
        0 => format!(
            "{} baseline, {} with faults, up to {within} to recover: {most} at most",
            plan.baseline, plan.duration
        ),
        stages => format!(
            "{} baseline, {stages} times {} with faults and up to {within} to recover: {most} at most",
            plan.baseline, plan.duration
        ),
    }
}

fn stage(stage: &Stage, number: usize) -> String {
    let mut text = format!("{number}: {}", stage.share);
    let on: Vec<String> =
        stage.chosen.iter().map(|(fault, chosen)| format!("{fault} on {}", chosen.join(", "))).collect();
    if !on.is_empty() {
        let _ = write!(text, ", {}", on.join("; "));
    }
    for gate in &stage.gate {
        let _ = write!(text, "; passes when {} {}", gate.measure, gate.is);
    }
    for trigger in &stage.rollback {
        let (when, consecutive) = (&trigger.abort.when, trigger.abort.consecutive);
        let _ = write!(text, "; undone when {} {when}, {consecutive} in a row", trigger.measure);
    }
    if !stage.hold.is_zero() {
        let _ = write!(text, "; held for {}", stage.hold);
    }
    text
}

fn conservation(book: &Conservation) -> String {
    let figures: Vec<String> = book.figures().map(|figure| figure.to_string()).collect();
    let source = match &book.account {
        Account::Ledger { every, .. } => format!("read by a program every {every}"),
        Account::Measures(_) => "read by measures".to_owned(),
    };
    let allowed: Vec<String> = Figure::ALL
        .into_iter()
        .filter_map(|figure| Some(format!("{} {figure}", book.allowed(figure)?)))
        .collect();
    format!(
        "{} {source}; at most {} within {} of the end of the load",
        figures.join(", "),
        allowed.join(", "),
        book.within
    )
}

fn measure(measure: &Measure, width: usize) -> String {
    let mut text = format!("{:<width$}  ", measure.name);
    match &measure.expect {
        Some(expect) => text.push_str(&expect.to_string()),
        None => text.push_str("only recorded"),
    }
    if let Some(abort) = &measure.abort {
        // Writing to a string cannot fail.
        let _ = write!(text, "; abort when {}, {} in a row", abort.when, abort.consecutive);
    }
    let _ = write!(text, "; every {}", measure.every);
    if let Some(service) = &measure.each {
        let _ = write!(text, "; for each instance of {service}");
    }
    text
}

fn fault(planned: &PlannedFault, examined: Option<&Examined>, text: &mut Page) {
    text.entry("fault", &format!("{}: {}", planned.name, planned.fault));
    if let Some(on) = &planned.on {
        let chosen = on.chosen.join(", ");
        let (n, of) = (on.chosen.len(), on.eligible.len());
        text.entry("  on", &format!("{chosen} ({n} of {of} eligible: {})", on.eligible.join(", ")));
    }
    let mut windows: Vec<String> = planned
        .windows
        .iter()
        .take(WINDOWS)
        .map(|window| format!("{} to {}", window.from, window.until))
        .collect();
    if planned.windows.len() > WINDOWS {
        windows.push(format!("and {} more", planned.windows.len() - WINDOWS));
    }
    if windows.is_empty() {
        windows.push("never, with this seed".to_owned());
    }
    text.entry("  when", &format!("{} after the baseline", windows.join(", ")));
    if let Some(when) = &planned.when {
        text.entry("", &format!("each waits until {} is {}", when.measure, when.is));
    }
    let Some(examined) = examined else { return };
    let mut list = |name: &str, lines: &[String]| {
        for (number, line) in lines.iter().enumerate() {
            text.entry(if number == 0 { name } else { "" }, line);
        }
    };
    list("  change", &examined.changes);
    list("  undo", &examined.undos);
    if !examined.needs.is_empty() {
        list("  needs", &[examined.needs.join(", ")]);
    }
}
