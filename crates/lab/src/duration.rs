//! Durations as people write them: `200ms`, `2s`, `1.5s`, `2m`, `1h`.

use std::time::Duration;

/// The text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration: write a number and a unit (ms, s, m, h), for example `200ms` or `2s`")]
pub struct DurationMistake(String);

/// Longest duration that is taken: a day.
const LONGEST: f64 = 86_400.0;

/// Reads a duration.
pub(crate) fn parse(text: &str) -> Result<Duration, DurationMistake> {
    let mistake = || DurationMistake(text.to_owned());
    let text = text.trim();
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(mistake)?;
    let (number, unit) = text.split_at(unit_at);
    let seconds_each = match unit.trim_start() {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(mistake()),
    };
    let number: f64 = number.parse().map_err(|_| mistake())?;
    let seconds = number * seconds_each;
    if seconds > LONGEST {
        return Err(mistake());
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| mistake())
}

/// Reads a duration that is not zero.
pub(crate) fn parse_some(text: &str) -> Result<Duration, DurationMistake> {
    parse(text).and_then(|span| if span.is_zero() { Err(DurationMistake(text.to_owned())) } else { Ok(span) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_unit_are_a_duration() {
        assert_eq!(parse("200ms"), Ok(Duration::from_millis(200)));
        assert_eq!(parse("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse("2 m"), Ok(Duration::from_mins(2)));
        assert_eq!(parse("1h"), Ok(Duration::from_hours(1)));
    }

    #[test]
    fn anything_else_is_refused_with_an_example() {
        for text in ["", "5", "ms", "-1s", "1.2.3s", "200 millis", "25h", "1e9s", "NaNs", "\u{0661}s"] {
            let mistake = parse(text).unwrap_err();
            assert!(mistake.to_string().contains("200ms"), "{text}: {mistake}");
        }
        assert!(parse_some("0s").is_err());
    }
}
