//! A short soak: random faults under connections that are checked byte by byte (F20). The long one is a bench.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../examples/traffic/admin.rs"]
mod admin;
#[path = "../examples/traffic/exchange.rs"]
mod exchange;
#[path = "../examples/traffic/soak.rs"]
mod soak;
mod support;

use std::cell::{Cell, RefCell};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use exchange::exchange;
use soak::{Dice, Found};
use support::{Rig, echo, listener};

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

/// What comes of an exchange with a server that does this to what it has read.
fn with(server: impl FnOnce(&mut Vec<u8>) + Send + 'static) -> Result<bool, ErrorKind> {
    let (listener, at) = listener();
    let thread = std::thread::spawn(move || {
        let (mut stream, _): (TcpStream, _) = listener.accept().unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        server(&mut bytes);
        // Whoever has seen enough reads no further.
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(Shutdown::Write);
    });
    let (found, progress) = (RefCell::new(Found::default()), Cell::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let done = runtime.block_on(exchange(at, &mut Dice(3), &found, &progress));
    thread.join().unwrap();
    done.map_err(|error| error.kind())
}

#[test]
fn a_byte_that_is_wrong_lost_doubled_or_missing_at_the_end_is_found() {
    assert_eq!(with(|_| {}), Ok(true));
    let wrong = Err(ErrorKind::InvalidData);
    assert_eq!(with(|bytes| bytes[100] ^= 1), wrong);
    assert_eq!(with(|bytes| *bytes.last_mut().unwrap() ^= 0x80), wrong);
    assert_eq!(with(|bytes| *bytes = [&bytes[..100], &bytes[101..]].concat()), wrong);
    assert_eq!(with(|bytes| bytes.insert(100, bytes[100])), wrong);
    assert_eq!(with(|bytes| bytes.swap(100, 101)), wrong);
    assert_eq!(with(|bytes| bytes.push(0)), wrong);
    assert_eq!(with(|bytes| bytes.truncate(bytes.len() - 1)), Ok(false));
    assert_eq!(with(Vec::clear), Ok(false));
}

#[test]
fn memory_and_descriptors_that_have_grown_are_found() {
    let judged = |memory: (u64, u64), descriptors: (usize, usize)| {
        let found = Found { memory, descriptors, ..Found::default() };
        found.judge(10).map_err(|grown| grown.to_string())
    };
    assert_eq!(judged((1000, 1210), (20, 120)), Ok(()));
    assert_eq!(judged((1000, 1211), (20, 20)), Err("memory has grown".to_owned()));
    assert_eq!(judged((1000, 1000), (20, 121)), Err("descriptors are left open".to_owned()));
}
