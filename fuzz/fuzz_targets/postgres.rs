//! A PostgreSQL session: without a rule every byte passes, and with any nothing panics or waits for ever (F17).
#![no_main]

use libfuzzer_sys::fuzz_target;
use squall_fuzz::{book, connection};
use squall_proxy::postgres::{encryption, session};

/// Every fault, by chance.
const RULES: [&str; 7] = [
    r#"{"kind":"update","percent":50,"error":{"sqlstate":"40001"}}"#,
    r#"{"kind":"commit","error":{"sqlstate":"40001"}}"#,
    r#"{"kind":"select","delay":3,"jitter":3}"#,
    r#"{"kind":"insert","row_delay":2}"#,
    r#"{"kind":"begin","percent":30,"cut":"reply"}"#,
    r#"{"kind":"begin","percent":10,"cut":"before"}"#,
    r#"{"kind":"delete","error":{"sqlstate":"57P01"}}"#,
];

/// The client is told that it may begin with TLS.
const TLS: [&str; 1] = [r#"{"percent":50,"delay":3}"#];

fuzz_target!(|input: &[u8]| {
    let plain = encryption(book(&[]), session(book(&[]), None));
    connection(input, b"", plain, encryption(book(&TLS), session(book(&RULES), None)));
});
