//! JUnit XML for CI: the experiment as a test suite, with a case for the verdict, each measure and each undo.

use std::fmt::Write;

use squall_model::verdict::Verdict;

use crate::summary::{Conclusion, MeasureSummary, Restart, Standing, State, Summary, WindowSummary};
use crate::wording::{LONGEST_TEXT, block, escape, line};

/// What a test case came to.
enum Case {
    Passed,
    /// The system is not as it should be.
    Failed {
        message: String,
        details: String,
    },
    /// Nothing can be said about the system, or something is owed to it.
    Broken {
        message: String,
        details: String,
    },
    Skipped {
        message: String,
    },
}

/// One test suite in the common form (`testsuites`, `testsuite`, `testcase`).
pub fn junit(summary: &Summary) -> String {
    let mut cases = vec![("verdict".to_owned(), "verdict".to_owned(), verdict(summary))];
    cases.extend(
        summary
            .measures
            .iter()
            .map(|measure| (measure.name.clone(), "measure".to_owned(), of_measure(measure))),
    );
    cases.extend(summary.windows().filter_map(|(_, window)| {
        let case = match window.restart.as_ref()? {
            Restart::Seen { .. } => Case::Passed,
            Restart::Missed { within, found } => Case::Failed {
                message: format!("not whole again within {within}"),
                details: format!("found {found}"),
            },
        };
        Some((format!("restart after {}", window.name), "restart".to_owned(), case))
    }));
    cases.extend(
        summary
            .windows()
            .map(|(_, window)| (format!("undo of {}", window.name), "undo".to_owned(), undo(window))),
    );
    let count = |wanted: fn(&Case) -> bool| cases.iter().filter(|(_, _, case)| wanted(case)).count();
    let failures = count(|case| matches!(case, Case::Failed { .. }));
    let errors = count(|case| matches!(case, Case::Broken { .. }));
    let skipped = count(|case| matches!(case, Case::Skipped { .. }));
    let (tests, seconds) = (cases.len(), summary.length.seconds());
    let name = attribute(&summary.experiment);

    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let counts = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\"");
    let _ = writeln!(xml, "<testsuites name=\"squall\" {counts} time=\"{seconds:.3}\">");
    let timestamp = summary.started.split(['.', 'Z', '+']).next().unwrap_or_default();
    let _ = writeln!(
        xml,
        "  <testsuite name=\"{name}\" {counts} skipped=\"{skipped}\" time=\"{seconds:.3}\" timestamp=\"{}\" hostname=\"{}\">",
        attribute(timestamp),
        attribute(summary.host.get("name").map_or("localhost", String::as_str)),
    );
    let _ = writeln!(xml, "    <properties>");
    for (key, value) in [
        ("run", summary.run.to_string()),
        ("verdict", summary.verdict.to_string()),
        ("seed", summary.plan.seed.to_string()),
        ("squall", summary.squall.clone()),
    ] {
        let _ = writeln!(xml, "      <property name=\"{key}\" value=\"{}\"/>", attribute(&value));
    }
    let _ = writeln!(xml, "    </properties>");
    for (case_name, class, case) in &cases {
        let time = if class == "verdict" { seconds } else { 0.0 };
        let open = format!(
            "    <testcase name=\"{}\" classname=\"{name}.{class}\" time=\"{time:.3}\"",
            attribute(case_name)
        );
        xml.push_str(&open);
        case.write(&mut xml);
    }
    xml.push_str("  </testsuite>\n</testsuites>\n");
    xml
}

fn verdict(summary: &Summary) -> Case {
    let message = format!("{}: {}", summary.verdict, summary.sentence);
    let details = summary.reasons.iter().chain(&summary.left).cloned().collect::<Vec<_>>().join("\n");
    match summary.verdict {
        Conclusion::Reached(Verdict::Held) => Case::Passed,
        Conclusion::Reached(Verdict::Deviated | Verdict::Inconclusive | Verdict::Aborted) => {
            Case::Failed { message, details }
        }
        Conclusion::Reached(Verdict::Unsteady | Verdict::Halted | Verdict::Error | Verdict::Dirty)
        | Conclusion::Interrupted => Case::Broken { message, details },
    }
}

fn of_measure(measure: &MeasureSummary) -> Case {
    let message = measure.reasons.first().cloned().unwrap_or_default();
    let details = measure.reasons.join("\n");
    match measure.standing {
        Standing::Met => Case::Passed,
        Standing::Missed => Case::Failed { message, details },
        Standing::Unread => Case::Broken { message, details },
        Standing::Recorded => Case::Skipped { message: "nothing is expected of it".to_owned() },
    }
}

fn undo(window: &WindowSummary) -> Case {
    match window.state {
        State::Undone => Case::Passed,
        State::NotReached => Case::Skipped { message: "never injected".to_owned() },
        State::LeftOut => Case::Skipped { message: "left out by the dry run".to_owned() },
        State::Failed => Case::Broken {
            message: "could not be injected, or had no effect".to_owned(),
            details: window.failed.clone().unwrap_or_default(),
        },
        State::Requested | State::Injected => Case::Broken {
            message: "its undo is not in the record".to_owned(),
            details: "run `squall recover`".to_owned(),
        },
        State::UndoFailed => {
            let last = window.undo_failures.last();
            Case::Broken {
                message: last.map_or_else(String::new, |failure| failure.why.clone()),
                details: last.map(|failure| failure.by_hand.join("\n")).unwrap_or_default(),
            }
        }
    }
}

impl Case {
    fn write(&self, xml: &mut String) {
        let (element, message, details) = match self {
            Self::Passed => return xml.push_str("/>\n"),
            Self::Skipped { message } => {
                let _ = writeln!(xml, "><skipped message=\"{}\"/></testcase>", attribute(message));
                return;
            }
            Self::Failed { message, details } => ("failure", message, details),
            Self::Broken { message, details } => ("error", message, details),
        };
        let _ = writeln!(
            xml,
            "><{element} message=\"{}\" type=\"squall\">{}</{element}></testcase>",
            attribute(message),
            escape(&block(details, LONGEST_TEXT)),
        );
    }
}

fn attribute(text: &str) -> String {
    escape(&line(text, LONGEST_TEXT))
}
