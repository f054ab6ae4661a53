//! Quantities as people write and read them: spans of time, shares, bytes, rates.
//!
//! Each type reads what it shows: `parse(show(x)) == x`.

mod bytes;
mod percent;
mod quantity;
mod rate;
mod span;

pub use self::bytes::Bytes;
pub use self::percent::Percent;
pub use self::quantity::{Quantity, Unit};
pub use self::rate::Rate;
pub use self::span::Span;

/// The text is not a quantity of the expected kind. Shown as "`200 millis` is not a duration".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {kind}")]
pub struct UnitError {
    /// What was written.
    pub text: String,
    /// What was expected, with its article: `a duration`.
    pub kind: &'static str,
    /// What is wrong with it, in a few words for the underlined place.
    pub label: String,
    /// How to write it right.
    pub help: &'static str,
}

fn split_number(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text
        .char_indices()
        .find(|(at, c)| {
            !(c.is_ascii_digit() || matches!(c, '.' | '_') || (*at == 0 && matches!(c, '-' | '+')))
        })
        .map_or(text.len(), |(at, _)| at);
    let digits: String = text[..end].chars().filter(|c| *c != '_').collect();
    let number = digits.parse::<f64>().ok().filter(|number| number.is_finite())?;
    Some((number, text[end..].trim_start()))
}

macro_rules! as_text {
    ($($kind:ty),*) => {$(
        impl TryFrom<String> for $kind {
            type Error = UnitError;

            fn try_from(text: String) -> Result<Self, UnitError> {
                text.parse()
            }
        }

        impl From<$kind> for String {
            fn from(quantity: $kind) -> Self {
                quantity.to_string()
            }
        }
    )*};
}
as_text!(Span, Percent, Bytes, Rate);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use std::time::Duration;

    use super::*;

    #[test]
    fn a_duration_without_a_known_unit_says_what_is_wrong() {
        let error = "200 millis".parse::<Span>().unwrap_err();
        assert_eq!(error.to_string(), "`200 millis` is not a duration");
        assert_eq!(error.label, "`millis` is not a unit of time");
        assert_eq!("200".parse::<Span>().unwrap_err().label, "the unit is missing");
        assert_eq!("-1s".parse::<Span>().unwrap_err().label, "a duration cannot be negative");
        assert!("1s2h".parse::<Span>().is_err());
        assert!("99999h".parse::<Span>().is_err());
    }

    #[test]
    fn quantities_carry_their_unit() {
        let read = |text: &str| text.parse::<Quantity>().unwrap();
        assert_eq!(read("250 ms"), Quantity::new(0.25, Unit::Seconds));
        assert_eq!(read("1 %"), Quantity::new(1.0, Unit::Percent));
        assert_eq!(read("64 MiB"), Quantity::new(67_108_864.0, Unit::Bytes));
        assert_eq!(read("120/min"), Quantity::new(2.0, Unit::PerSecond));
        assert_eq!(read("-7"), Quantity::new(-7.0, Unit::Number));
        assert!("7 apples".parse::<Quantity>().is_err());
        assert_eq!(Quantity::new(0.041_2, Unit::Seconds).to_string(), "41.2 ms");
        assert_eq!(Quantity::new(0.0, Unit::Percent).to_string(), "0 %");
        assert_eq!(Quantity::new(1500.0, Unit::Bytes).to_string(), "1.46 KiB");
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(nanos in 0_u64..3_600_000_000_000_000, bytes in 0_u64..1 << 50, share in 0_f64..=100.0, rate in 0_f64..1e6) {
            // Below a microsecond of a long span the shown text is rounded by floating point.
            let span = Span(Duration::from_micros(nanos / 1_000));
            prop_assert_eq!(span.to_string().parse::<Span>().unwrap(), span);
            prop_assert_eq!(Bytes(bytes).to_string().parse::<Bytes>().unwrap(), Bytes(bytes));
            prop_assert_eq!(Percent(share).to_string().parse::<Percent>().unwrap(), Percent(share));
            prop_assert_eq!(Rate(rate).to_string().parse::<Rate>().unwrap(), Rate(rate));
        }

        #[test]
        fn any_text_is_read_or_refused_without_panic(text in "\\PC{0,24}") {
            let _ = (text.parse::<Span>(), text.parse::<Percent>(), text.parse::<Bytes>(), text.parse::<Rate>(), text.parse::<Quantity>());
        }
    }
}
