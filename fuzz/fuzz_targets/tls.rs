//! The start of a connection over TLS, or not: without a rule every byte passes, and with any nothing panics or waits for
//! ever (F18).
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use squall_fuzz::{book, connection};
use squall_proxy::http::{Options, session as inner};
use squall_proxy::rulebook::Rulebook;
use squall_proxy::tls::{Rule, session};

/// Made once: each makes an authority.
static RULES: LazyLock<Rulebook<Rule>> = LazyLock::new(|| {
    book(&[
        r#"{"sni":"a*","refuse":"alert"}"#,
        r#"{"percent":50,"delay":3,"jitter":3}"#,
        r#"{"percent":50,"certificate":"none","upstream":"plain"}"#,
        r#"{"certificate":"expired","upstream":{"tls":{"insecure":true}}}"#,
    ])
});

fuzz_target!(|input: &[u8]| {
    let http = || inner(book(&[]), Options::default());
    connection(input, b"", session(book(&[]), http()), session(RULES.clone(), http()));
});
