//! An error and all its causes in one line: what readers of a record can use.

use std::error::Error;

/// `could not` is left to the text around it: `read /x: permission denied`.
pub fn reason(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let more = next.to_string();
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = next.source();
    }
    text
}
