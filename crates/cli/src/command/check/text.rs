//! A plan for people.

use std::fmt::Write;

use squall_engine::preflight::Examined;
use squall_model::measure::Measure;
use squall_model::plan::{Plan, PlannedFault};
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
    let most = plan.worst_case();
    text.entry(
        "time",
        &format!(
            "{} baseline, {} with faults, up to {} to recover: {most} at most",
            plan.baseline, plan.duration, plan.recovery.within
        ),
    );
    text.entry("seed", &plan.seed.to_string());
    text.gap();
    let width = plan.measures.iter().map(|measure| measure.name.len()).max().unwrap_or_default();
    for (number, one) in plan.measures.iter().enumerate() {
        text.entry(if number == 0 { "steady" } else { "" }, &measure(one, width));
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
