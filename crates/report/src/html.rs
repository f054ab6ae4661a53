//! One HTML file: no network, no script, good on paper, in light and in dark.

mod faults;
mod measures;
mod view;

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value, context, escape_formatter};
use squall_model::plan::Group;

use crate::chart::{MOST_STRIPS, svg, timeline};
use crate::curve::{Curve, Curves};
use crate::summary::Summary;
use crate::wording::{LONGEST_TEXT, block, escape};

/// Characters of the plan that are shown; the record has all.
const LONGEST_PLAN: usize = 200_000;

/// The page could not be made.
#[derive(Debug, thiserror::Error)]
pub enum HtmlError {
    /// The embedded template and what it is given do not fit.
    #[error("fill the template of the report")]
    Template(#[from] minijinja::Error),
    /// The plan could not be shown as JSON.
    #[error("show the plan as JSON")]
    Plan(#[from] serde_json::Error),
}

/// The report as one HTML file.
pub fn html(summary: &Summary, curves: &Curves) -> Result<String, HtmlError> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    // Strangers' text passes here, and only here, on its way into the page.
    environment.set_formatter(|out, state, value| match value.as_str() {
        Some(text) if !value.is_safe() => {
            escape_formatter(out, state, &Value::from(block(text, LONGEST_TEXT)))
        }
        _ => escape_formatter(out, state, value),
    });
    environment.add_filter("words", words);
    environment.add_template("report.html", include_str!("templates/report.html"))?;
    let picture = timeline(summary, &summary.plan, curves);
    let label = format!(
        "Timeline of the run: {} faults and {} measures on one time axis, {} seconds long",
        summary.faults.len(),
        summary.measures.len(),
        summary.length.seconds().round()
    );
    let plan = block(&serde_json::to_string_pretty(&summary.plan)?, LONGEST_PLAN);
    let page = environment.get_template("report.html")?.render(context! {
        style => Value::from_safe_string(include_str!("templates/report.css").to_owned()),
        picture => Value::from_safe_string(svg(&picture, &label)),
        thinned => curves.measures.iter().flat_map(Curve::points).any(|point| point.readings > 1),
        untouched => curves.measures.iter().flat_map(|curve| &curve.lines).any(|line| line.group == Some(Group::Control)),
        not_drawn => summary.measures.len().saturating_sub(MOST_STRIPS),
        plan => Value::from_safe_string(escape(&plan)),
        view => Value::from(Serde(view::View::of(summary))),
    })?;
    Ok(page)
}

/// Sentences name commands between backquotes: these become code. Everything else of the text stays text.
fn words(text: &str) -> Value {
    let text = block(text, LONGEST_TEXT);
    let pieces: Vec<&str> = text.split('`').collect();
    let mut out = String::new();
    for (at, piece) in pieces.iter().enumerate() {
        let (before, after) = match at % 2 {
            1 if at + 1 < pieces.len() => ("<code>", "</code>"),
            1 => ("`", ""),
            _ => ("", ""),
        };
        out.push_str(before);
        out.push_str(&escape(piece));
        out.push_str(after);
    }
    Value::from_safe_string(out)
}
