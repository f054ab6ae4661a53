//! Messages of a WebSocket: without a rule every byte passes, and with any nothing panics or waits for ever (F19).
#![no_main]

use libfuzzer_sys::fuzz_target;
use squall_fuzz::{book, connection};
use squall_proxy::websocket::{Asked, session};

/// Every fault, by chance.
const RULES: [&str; 5] = [
    r#"{"percent":40,"delay":3,"jitter":3}"#,
    r#"{"percent":20,"drop":true}"#,
    r#"{"percent":20,"duplicate":3}"#,
    r#"{"percent":5,"close":{"code":1011,"reason":"over"}}"#,
    r#"{"percent":5,"disconnect":"reset"}"#,
];

fuzz_target!(|input: &[u8]| {
    let asked = || Asked::new(b"/", None).agreed(b"permessage-deflate; client_no_context_takeover");
    connection(input, b"", session(book(&[]), asked()), session(book(&RULES), asked()));
});
