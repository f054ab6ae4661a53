//! Any text as a quantity: read or refused, and what is shown is read back.
#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use squall_model::unit::{Bytes, Percent, Quantity, Rate, Span};

fuzz_target!(|text: &str| {
    returns::<Span>(text);
    returns::<Percent>(text);
    returns::<Bytes>(text);
    returns::<Rate>(text);
    // It is shown with three places only, so it need not be the same again; but it must be a quantity.
    if let Ok(quantity) = text.parse::<Quantity>() {
        let shown = quantity.to_string();
        assert!(shown.parse::<Quantity>().is_ok(), "`{text}` is shown as `{shown}`, which is not read");
    }
});

fn returns<T: FromStr + Display + Debug + PartialEq>(text: &str) {
    if let Ok(read) = text.parse::<T>() {
        let shown = read.to_string();
        assert_eq!(shown.parse::<T>().ok(), Some(read), "`{text}` is shown as `{shown}`");
    }
}
