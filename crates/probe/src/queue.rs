//! A figure of the target's job queue, from the program that looks at the queue without the API.

use serde_json::{Map, Value};
use squall_model::measure::Outcome;
use squall_model::unit::Unit;

use crate::error::ProbeError;
use crate::json;
use crate::prober::fill_argv;
use crate::program;
use crate::surroundings::Surroundings;
use crate::unread::{Unread, quote};

pub(crate) struct Queue {
    argv: Vec<String>,
    variables: Vec<(String, String)>,
    figure: String,
}

impl Queue {
    pub(crate) fn new(figure: &str, known: &dyn Surroundings) -> Result<Self, ProbeError> {
        let stats = known.queue_stats().ok_or(ProbeError::NoQueue)?;
        let argv = fill_argv(known, &stats)?;
        Ok(Self { argv, variables: known.variables(), figure: figure.to_owned() })
    }

    pub(crate) async fn read(&mut self) -> Result<Outcome, Unread> {
        let output = program::run(&self.argv, &self.variables).await?.output()?;
        let figures: Map<String, Value> = serde_json::from_slice(&output)
            .map_err(|error| Unread(format!("the figures are not a JSON object: {error}")))?;
        pick(&figures, &self.figure)
    }
}

/// A figure named `..._s` is a time in seconds, every other a count. Null is absent: the oldest of
/// no tasks has no age. A name that is not there is a mistake of somebody's.
fn pick(figures: &Map<String, Value>, figure: &str) -> Result<Outcome, Unread> {
    let unit = if figure.ends_with("_s") { Unit::Seconds } else { Unit::Number };
    match figures.get(figure) {
        Some(Value::Null) => Ok(Outcome::Absent),
        Some(Value::Number(number)) => json::number(number.as_f64().unwrap_or(f64::NAN), unit),
        Some(_) => Err(Unread(format!("the figure `{figure}` is not a number"))),
        None => {
            let names: Vec<_> = figures.keys().map(String::as_str).collect();
            let names = quote(&names.join(", "));
            Err(Unread(format!("there is no figure `{figure}`; there are: {names}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use squall_model::unit::Quantity;

    use super::*;

    fn picked(figure: &str) -> Result<Outcome, Unread> {
        let figures = json!({"waiting": 3, "oldest_age_s": 1.5, "next_s": null, "name": "x"});
        pick(figures.as_object().unwrap(), figure)
    }

    #[test]
    fn figures_have_the_unit_of_their_name() {
        assert_eq!(picked("waiting"), Ok(Outcome::Value(Quantity::new(3.0, Unit::Number))));
        assert_eq!(picked("oldest_age_s"), Ok(Outcome::Value(Quantity::new(1.5, Unit::Seconds))));
        assert_eq!(picked("next_s"), Ok(Outcome::Absent));
    }

    // S9
    #[test]
    fn a_figure_that_is_not_there_is_unreadable_and_the_others_are_named() {
        assert_eq!(
            picked("wating"),
            Err("there is no figure `wating`; there are: name, next_s, oldest_age_s, waiting".into())
        );
        assert_eq!(picked("name"), Err("the figure `name` is not a number".into()));
    }
}
