//! The summary and the findings as JSON, for machines.

use serde::Serialize;

use crate::findings::Finding;
use crate::summary::{Conclusion, Summary};

/// The whole summary as JSON, indented, with a line break at its end.
///
/// # Panics
/// Never: a summary is made of strings, numbers and maps with string keys.
pub fn json(summary: &Summary) -> String {
    pretty(summary)
}

/// The findings with the run that they are of, as JSON, indented, with a line break at its end.
///
/// # Panics
/// Never, as [`json`].
pub fn findings_json(summary: &Summary) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "kebab-case")]
    struct Page<'a> {
        version: u32,
        run: &'a str,
        experiment: &'a str,
        verdict: Conclusion,
        findings: &'a [Finding],
    }
    pretty(&Page {
        version: summary.version,
        run: summary.run.as_str(),
        experiment: &summary.experiment,
        verdict: summary.verdict,
        findings: &summary.findings,
    })
}

fn pretty(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("a summary is always valid JSON");
    text.push('\n');
    text
}
