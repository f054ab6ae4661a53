//! A connection of HTTP/2, behind its preface: without a rule every byte passes, and with any nothing panics or waits for
//! ever (F18).
#![no_main]

use libfuzzer_sys::fuzz_target;
use squall_fuzz::{book, connection};
use squall_proxy::http::{Options, session};

/// RFC 9113, section 3.4.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Every fault, by chance: of a header block that a fuzzer writes, the path is not to be guessed.
const RULES: [&str; 9] = [
    r#"{"percent":10,"answer":{"status":503,"body":"later"}}"#,
    r#"{"percent":10,"grpc":{"status":"UNAVAILABLE"}}"#,
    r#"{"percent":30,"delay":3,"jitter":3}"#,
    r#"{"percent":10,"reset":"answer","stream_error":"CANCEL"}"#,
    r#"{"percent":10,"reset":"body"}"#,
    r#"{"percent":20,"truncate":5}"#,
    r#"{"percent":30,"throttle":1000,"body":{"corrupt":3}}"#,
    r#"{"percent":30,"request":{"set":{"x":"y"}},"response":{"set":{"x":"y"}}}"#,
    r#"{"percent":5,"goaway":"ENHANCE_YOUR_CALM"}"#,
];

fuzz_target!(|input: &[u8]| {
    let [plain, ruled] = [&[][..], &RULES].map(|rules| session(book(rules), Options::default()));
    connection(input, PREFACE, plain, ruled);
});
