//! From a value in JSON to an outcome.

use serde_json::Value;
use squall_model::measure::Outcome;
use squall_model::unit::{Quantity, Unit};

use crate::path::JsonPath;
use crate::unread::Unread;

/// A text that is longer is not a reading: it would fill the record.
const LONGEST_TEXT: usize = 4 * 1024;

/// The value at a path: a number has the unit, true and false are texts, null and nothing are absent.
pub(crate) fn outcome(document: &Value, path: &JsonPath, unit: Unit) -> Result<Outcome, Unread> {
    match path.find(document) {
        None | Some(Value::Null) => Ok(Outcome::Absent),
        Some(Value::Bool(truth)) => Ok(Outcome::Text(truth.to_string())),
        Some(Value::Number(number)) => match number.as_f64() {
            Some(value) => self::number(value, unit),
            None => Err(Unread(format!("`{path}` is {number}, which is too large"))),
        },
        Some(Value::String(text)) => self::text(text),
        Some(Value::Array(items)) => {
            Err(Unread(format!("`{path}` is a list of {}, not a single value", items.len())))
        }
        Some(Value::Object(_)) => Err(Unread(format!("`{path}` is an object, not a single value"))),
    }
}

/// A number; infinite ones and NaN cannot be compared with anything.
pub(crate) fn number(value: f64, unit: Unit) -> Result<Outcome, Unread> {
    if value.is_finite() {
        Ok(Outcome::Value(Quantity::new(value, unit)))
    } else {
        Err(Unread(format!("the value is {value}")))
    }
}

/// A text of a length that a record can hold.
pub(crate) fn text(text: &str) -> Result<Outcome, Unread> {
    if text.len() <= LONGEST_TEXT {
        Ok(Outcome::Text(text.to_owned()))
    } else {
        Err(Unread(format!("the text is {} bytes long, more than {LONGEST_TEXT}", text.len())))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(document: &Value) -> Result<Outcome, Unread> {
        outcome(document, &"x".parse().unwrap(), Unit::Seconds)
    }

    // E3, S9
    #[test]
    fn values_become_outcomes_and_containers_are_refused() {
        let seconds = |value| Ok(Outcome::Value(Quantity::new(value, Unit::Seconds)));
        assert_eq!(read(&json!({"x": 1.5})), seconds(1.5));
        assert_eq!(read(&json!({"x": 0})), seconds(0.0));
        assert_eq!(read(&json!({"x": true})), Ok(Outcome::Text("true".into())));
        assert_eq!(read(&json!({"x": "12"})), Ok(Outcome::Text("12".into())));
        assert_eq!(read(&json!({"x": null})), Ok(Outcome::Absent));
        assert_eq!(read(&json!({})), Ok(Outcome::Absent));
        assert_eq!(read(&json!({"x": [1, 2]})), Err("`x` is a list of 2, not a single value".into()));
        assert_eq!(read(&json!({"x": {}})), Err("`x` is an object, not a single value".into()));
        assert!(read(&json!({"x": "y".repeat(5_000)})).is_err());
    }

    #[test]
    fn a_number_that_is_none_is_no_reading() {
        assert!(number(f64::NAN, Unit::Number).is_err());
        assert!(number(f64::INFINITY, Unit::Number).is_err());
    }
}
