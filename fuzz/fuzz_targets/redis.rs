//! A Redis connection: without a rule every byte passes, and with any nothing panics or waits for ever (F16).
#![no_main]

use libfuzzer_sys::fuzz_target;
use squall_fuzz::{book, connection};
use squall_proxy::redis::session;

/// Every fault, by chance.
const RULES: [&str; 7] = [
    r#"{"command":["get","multi"],"percent":50,"error":"loading"}"#,
    r#"{"command":"exec","percent":50,"error":"oom"}"#,
    r#"{"command":"set","delay":3,"jitter":3}"#,
    r#"{"command":"eval","error":{"ask":{"to":"a:1"}}}"#,
    r#"{"command":"blpop","drop":"hang","percent":20}"#,
    r#"{"key":"cut*","cut":{"after":3}}"#,
    r#"{"command":"client reply","percent":50,"error":"loading"}"#,
];

fuzz_target!(|input: &[u8]| {
    connection(input, b"", session(book(&[]), None), session(book(&RULES), None));
});
