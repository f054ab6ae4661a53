//! A short soak: random faults under connections that are checked byte by byte (F20). The long one is a bench.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../examples/traffic/admin.rs"]
mod admin;
#[path = "../examples/traffic/exchange.rs"]
mod exchange;
#[path = "../examples/traffic/soak.rs"]
mod soak;
mod support;

use std::time::Duration;

use support::{Rig, echo};

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[test]
fn faults_come_change_and_go_for_some_seconds_and_no_byte_and_no_descriptor_is_lost() {
    let rig = Rig::new();
    let soak = soak::Soak {
        api: admin::Admin(rig.api),
        upstream: echo(),
        count: 50,
        length: Duration::from_secs(6),
        pid: std::process::id(),
        seed: 7,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let found = runtime.block_on(soak.run(|_| {})).unwrap();
    assert!(
        found.whole > 50 && found.cut > 0 && found.bytes > 1_000_000 && found.changes > 20,
        "{}",
        found.line()
    );
    // The clients and the echo server are in this process too.
    found.judge(64 << 20).unwrap_or_else(|grown| panic!("{grown}: {}", found.line()));
}
