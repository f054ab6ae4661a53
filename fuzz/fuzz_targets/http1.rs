//! A connection of HTTP/1, and of WebSocket after an upgrade: without a rule every byte passes, and with any nothing
//! panics or waits for ever (F18, F19).
#![no_main]

use libfuzzer_sys::fuzz_target;
use squall_fuzz::{book, connection};
use squall_proxy::http::{Options, session};

/// Every fault, by path.
const RULES: [&str; 12] = [
    r#"{"path":"/a*","answer":{"status":503,"headers":{"Retry-After":"2"},"body":"later"}}"#,
    r#"{"path":"/b*","percent":50,"delay":3,"jitter":3}"#,
    r#"{"path":"/c*","reset":"request"}"#,
    r#"{"path":"/d*","reset":"answer"}"#,
    r#"{"path":"/e*","reset":"body"}"#,
    r#"{"path":"/f*","reset":"end"}"#,
    r#"{"path":"/g*","truncate":5}"#,
    r#"{"path":"/h*","throttle":1000,"body":{"corrupt":3}}"#,
    r#"{"path":"/i*","dribble":{"bytes":2,"every":5},"body":"malformed-json"}"#,
    r#"{"path":"/j*","body":{"replace":"other"},"response":{"set":{"x":"y"},"remove":"etag"}}"#,
    r#"{"path":"/k*","length":3,"request":{"set":{"x":"y"},"remove":"accept"}}"#,
    r#"{"path":"/l*","goaway":0}"#,
];

const MESSAGES: [&str; 2] = [r#"{"percent":50,"delay":2}"#, r#"{"percent":20,"drop":true}"#];

fuzz_target!(|input: &[u8]| {
    let plain = session(book(&[]), Options::default());
    let ruled = session(book(&RULES), Options { websocket: book(&MESSAGES) });
    connection(input, b"", plain, ruled);
});
