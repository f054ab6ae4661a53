//! Expectations: `< 1 %`, `<= baseline * 1.15`, `between 1 and 5`, `absent`, `== "text"`, `matches ^ok`.

use squall_model::measure::{Compare, Expect, Limit};
use squall_model::unit::{Quantity, Unit};

use crate::code::Code;
use crate::mistake::{At, Mistake};
use crate::notes::Notes;

/// What a probe can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    Number(Unit),
    Text,
    /// A value of JSON: a number of that unit, or a text.
    Either(Unit),
}

struct Wrong {
    code: Code,
    /// What to underline, when it stands in the text as it is.
    piece: String,
    message: String,
    label: String,
    help: String,
}

const OPERATORS: [(&str, Compare); 6] = [
    ("<=", Compare::AtMost),
    (">=", Compare::AtLeast),
    ("==", Compare::Equal),
    ("!=", Compare::Unequal),
    ("<", Compare::Less),
    (">", Compare::More),
];

/// The expectation, in the unit of what is read; notes a mistake when it cannot be.
pub(crate) fn expect(text: &At<String>, reads: Reads, notes: &mut Notes<'_>) -> Option<Expect> {
    let wrong = match parse(text.value.trim()).and_then(|expect| agree(expect, reads, &text.value)) {
        Ok(expect) => return Some(expect),
        Err(wrong) => wrong,
    };
    let place = notes.within(text.place, &wrong.piece);
    notes.mistake(Mistake::new(wrong.code, wrong.message, place, wrong.label).help(wrong.help));
    None
}

fn bad(text: &str, piece: &str, label: &str, help: impl Into<String>) -> Wrong {
    Wrong {
        code: Code::BadExpectation,
        piece: piece.to_owned(),
        message: format!("`{text}` is not an expectation"),
        label: label.to_owned(),
        help: help.into(),
    }
}

fn parse(text: &str) -> Result<Expect, Wrong> {
    match text {
        "absent" => return Ok(Expect::Absent),
        "present" => return Ok(Expect::Present),
        _ => {}
    }
    if let Some(range) = text.strip_prefix("between ") {
        let (low, high) = range
            .split_once(" and ")
            .ok_or_else(|| bad(text, range, "expected two limits", "write `between 1 and 5`"))?;
        let (low, high) = (quantity(text, low)?, quantity(text, high)?);
        if low.unit != high.unit {
            return Err(bad(text, range, "limits of different units", "give both limits the same unit"));
        }
        if low.value > high.value {
            return Err(bad(
                text,
                range,
                "the first limit is the larger one",
                "write the smaller limit first",
            ));
        }
        return Ok(Expect::Between { low, high });
    }
    if let Some(pattern) = text.strip_prefix("matches ") {
        let pattern = pattern.trim();
        let pattern = pattern.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')).unwrap_or(pattern);
        return match regex::Regex::new(pattern) {
            Ok(_) => Ok(Expect::Matches(pattern.to_owned())),
            Err(error) => {
                let reason = error.to_string();
                let reason =
                    reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                Err(Wrong {
                    code: Code::BadRegex,
                    piece: pattern.to_owned(),
                    message: "the regular expression does not compile".to_owned(),
                    label: reason,
                    help: "the syntax is that of Rust's regex crate: no look-around, no back-references"
                        .to_owned(),
                })
            }
        };
    }
    let Some((operator, compare)) = OPERATORS.iter().find(|(operator, _)| text.starts_with(operator)) else {
        let help = match text.strip_prefix('=') {
            Some(rest) => format!("equality is written `== {}`", rest.trim()),
            None if text.parse::<Quantity>().is_ok() => format!("begin with a comparison: `<= {text}` or `== {text}`"),
            None => "write a comparison (`< 1 %`, `<= baseline * 1.15`), `between 1 and 5`, `absent`, `present`, `== \"text\"` or `matches ^ok`".to_owned(),
        };
        return Err(bad(text, text, "expected a comparison", help));
    };
    let right = text[operator.len()..].trim();
    if let Some(quoted) = right.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        return match compare {
            Compare::Equal => Ok(Expect::Text(quoted.to_owned())),
            _ => {
                Err(bad(text, operator, "texts can only be equal", "write `== \"text\"` or `matches REGEX`"))
            }
        };
    }
    let limit = match right.strip_prefix("baseline") {
        Some(rest) => relative(text, rest.trim())?,
        None => Limit::Absolute(quantity(text, right)?),
    };
    Ok(Expect::Is { compare: *compare, limit })
}

/// What follows `baseline`: nothing, `* FACTOR`, `+ QUANTITY`, `- QUANTITY`, or a factor and a quantity.
fn relative(text: &str, rest: &str) -> Result<Limit, Wrong> {
    const HELP: &str = "write `baseline * 1.15`, `baseline + 20 ms` or `baseline * 1.1 + 5 ms`";
    let mut factor = 1.0;
    let mut rest = rest;
    if let Some(after) = rest.strip_prefix('*') {
        let after = after.trim_start();
        let end = after.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(after.len());
        factor = after[..end].parse().map_err(|_| bad(text, after, "expected a factor", HELP))?;
        rest = after[end..].trim_start();
    }
    let plus = match rest.chars().next() {
        None => Quantity::default(),
        Some(sign @ ('+' | '-')) => {
            let written = rest[1..].trim();
            let plus = quantity(text, written)?;
            if sign == '+' { plus } else { Quantity::new(-plus.value, plus.unit) }
        }
        Some(_) => return Err(bad(text, rest, "not understood", HELP)),
    };
    Ok(Limit::Baseline { factor, plus })
}

fn quantity(text: &str, written: &str) -> Result<Quantity, Wrong> {
    written.trim().parse().map_err(|error: squall_model::unit::UnitError| {
        let help = if written.trim().starts_with(|c: char| c.is_alphabetic()) {
            format!("a text is written in quotes: `== \"{}\"`", written.trim())
        } else {
            error.help.to_owned()
        };
        bad(text, written.trim(), &error.label, help)
    })
}

/// Whether what is expected can be compared with what is read.
fn agree(expect: Expect, reads: Reads, text: &str) -> Result<Expect, Wrong> {
    let unit = match reads {
        Reads::Number(unit) | Reads::Either(unit) => Some(unit),
        Reads::Text => None,
    };
    let number = |quantity: &Quantity, relative: bool| match unit {
        None => Err(Wrong {
            code: Code::WrongUnit,
            piece: text.to_owned(),
            message: format!("`{text}` compares a number, but a text is read"),
            label: "expected a comparison of texts".to_owned(),
            help: "write `== \"text\"` or `matches REGEX`, or `read: number`".to_owned(),
        }),
        Some(unit) if quantity.unit == unit || (relative && quantity.value == 0.0) => Ok(()),
        Some(unit) => Err(unlike(quantity, unit, relative, text)),
    };
    match &expect {
        Expect::Is { limit: Limit::Absolute(quantity), .. } => number(quantity, false)?,
        Expect::Is { limit: Limit::Baseline { plus, .. }, .. } => number(plus, true)?,
        Expect::Between { low, .. } => number(low, false)?,
        Expect::Text(_) | Expect::Matches(_) if matches!(reads, Reads::Number(_)) => {
            return Err(Wrong {
                code: Code::WrongUnit,
                piece: text.to_owned(),
                message: format!("`{text}` compares a text, but a number is read"),
                label: "expected a comparison of numbers".to_owned(),
                help: "write for example `== 200` or `< 500`".to_owned(),
            });
        }
        Expect::Text(_) | Expect::Matches(_) | Expect::Absent | Expect::Present => {}
    }
    Ok(expect)
}

fn unlike(quantity: &Quantity, unit: Unit, relative: bool, text: &str) -> Wrong {
    let form = |value: &str| match unit {
        Unit::Number => value.to_owned(),
        Unit::Percent => format!("{value} %"),
        Unit::Seconds => format!("{value} ms"),
        Unit::Bytes => format!("{value} MiB"),
        Unit::PerSecond => format!("{value}/s"),
    };
    let help = if relative && quantity.unit == Unit::Percent {
        format!(
            "a share of the baseline is written as a factor: `baseline * {}`",
            1.0 + quantity.value / 100.0
        )
    } else if unit == Unit::Number && quantity.unit == Unit::Seconds {
        "write the limit without unit; the time that an HTTP answer takes is read with `read: latency`"
            .to_owned()
    } else if quantity.unit == Unit::Number {
        format!("write the unit: `{}`", form(&quantity.value.to_string()))
    } else {
        match unit {
            Unit::Number => "write the limit without unit".to_owned(),
            _ => format!("write the limit like `{}`", form("100")),
        }
    };
    let reads = match unit {
        Unit::Number => "a bare number".to_owned(),
        Unit::Percent => "a share in %".to_owned(),
        Unit::Seconds => "a time".to_owned(),
        Unit::Bytes => "a size in bytes".to_owned(),
        Unit::PerSecond => "a rate per second".to_owned(),
    };
    let label = match quantity.unit {
        Unit::Number => "this has no unit".to_owned(),
        Unit::Percent => "this is a share".to_owned(),
        Unit::Seconds => "this is a time".to_owned(),
        Unit::Bytes => "this is a size".to_owned(),
        Unit::PerSecond => "this is a rate".to_owned(),
    };
    Wrong {
        code: Code::WrongUnit,
        piece: text.to_owned(),
        message: format!("the measure reads {reads}"),
        label,
        help,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, reads: Reads) -> Result<String, String> {
        parse(text)
            .and_then(|expect| agree(expect, reads, text))
            .map(|expect| expect.to_string())
            .map_err(|wrong| format!("{}: {}; {}", wrong.message, wrong.label, wrong.help))
    }

    // E3: absolute and relative thresholds.
    #[test]
    fn every_form_is_read() {
        let share = Reads::Number(Unit::Percent);
        let time = Reads::Number(Unit::Seconds);
        let count = Reads::Number(Unit::Number);
        for (text, reads, shown) in [
            ("< 1 %", share, "< 1 %"),
            ("<1%", share, "< 1 %"),
            ("<= baseline * 1.15", time, "<= baseline * 1.15"),
            ("<= baseline + 20 ms", time, "<= baseline + 20 ms"),
            ("<= baseline * 1.1 + 5ms", time, "<= baseline * 1.1 + 5 ms"),
            (">= baseline - 3", count, ">= baseline - 3"),
            ("<= baseline + 2 %", share, "<= baseline + 2 %"),
            ("between 1 and 5", count, "between 1 and 5"),
            ("== 200", count, "== 200"),
            ("absent", count, "absent"),
            ("present", Reads::Text, "present"),
            ("== \"ok\"", Reads::Text, "\"ok\""),
            ("matches ^ok", Reads::Either(Unit::Number), "matches /^ok/"),
            ("matches /^ok/", Reads::Text, "matches /^ok/"),
        ] {
            assert_eq!(read(text, reads), Ok(shown.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_share_added_to_a_time_is_shown_as_a_factor() {
        let error = read("<= baseline + 15 %", Reads::Number(Unit::Seconds)).unwrap_err();
        assert!(error.contains("`baseline * 1.15`"), "{error}");
    }

    #[test]
    fn a_limit_without_its_unit_is_refused() {
        assert!(read("< 1", Reads::Number(Unit::Percent)).unwrap_err().contains("`1 %`"));
        assert!(read("< 1 %", Reads::Number(Unit::Number)).is_err());
        assert!(read("== \"ok\"", Reads::Number(Unit::Number)).is_err());
        assert!(read("< 3", Reads::Text).is_err());
    }
}
