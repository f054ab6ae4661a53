//! Published clients of Toxiproxy against `squall proxy` (U10): each example of examples/clients as its page says, and the
//! tests that the Rust client's crate brings along.
//!
//! Their ports are fixed, so each test has a network of its own, which needs root. Where that or a client cannot be
//! had the test says so and passes, but not under CI.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]
#![expect(clippy::print_stderr, reason = "says what it skipped")]
#![expect(clippy::disallowed_methods, reason = "does what a page tells a person to do")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use squall_e2e::binary::{self, said};
use squall_e2e::network::Network;

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().join("examples/clients")
}

/// A copy of an example outside of the sources. It outlives the test, so that its clients are fetched and built once.
fn copied(example: &str) -> PathBuf {
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
            if path.is_dir() {
                copy(&path, &to);
            } else {
                std::fs::copy(&path, &to).unwrap();
            }
        }
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(example);
    copy(&examples().join(example), &folder);
    folder
}

/// What the page says is typed for this example, line by line, without the first, which goes there.
fn lines(example: &str) -> Vec<String> {
    let page = std::fs::read_to_string(examples().join("README.md")).unwrap();
    let first = format!("cd examples/clients/{example}\n");
    let (_, rest) = page.split_once(&first).expect("the page goes there");
    let (block, _) = rest.split_once("```").expect("a block has an end");
    block.lines().map(str::to_owned).collect()
}

/// Whether a test can go on. Under CI it must.
fn goes_on(is_there: bool, missing: impl FnOnce() -> String) -> bool {
    if !is_there {
        let missing = missing();
        assert!(std::env::var_os("CI").is_none(), "nothing may be missing under CI: {missing}");
        eprintln!("skipped: {missing}");
    }
    is_there
}

fn in_folder(mut command: Command, folder: &Path, line: &str) -> Output {
    command.args(["-c", line]).current_dir(folder).output().unwrap()
}

/// Does in a copy of an example what its page says: all but the last line to fetch things; the last, and these, in a network
/// where Redis and the proxy are. What those said.
fn follow(example: &str, further: &[&str]) -> Option<Vec<String>> {
    if !goes_on(rustix::process::geteuid().is_root(), || "a network of its own needs root".to_owned()) {
        return None;
    }
    let folder = copied(example);
    let lines = lines(example);
    let (last, fetching) = lines.split_last().unwrap();
    for line in fetching {
        let done = in_folder(Command::new("sh"), &folder, line);
        if !goes_on(done.status.success(), || format!("{line}: {}", said(&done))) {
            return None;
        }
    }
    let mut network = Network::new();
    let mut redis = network.command("redis-server");
    network.serve(redis.args(["--save", ""]).current_dir(&folder), "Ready to accept connections");
    let mut proxy = network.command(binary::path());
    network.serve(proxy.args(["proxy", "--log", "error"]), "listening at http://127.0.0.1:8474");
    let within = [&[last.as_str()], further].concat();
    let outputs = within.into_iter().map(|line| {
        let done = in_folder(network.command("sh"), &folder, line);
        assert!(done.status.success(), "{line}: {}", said(&done));
        String::from_utf8_lossy(&done.stdout).into_owned()
    });
    Some(outputs.collect())
}

#[test]
fn the_python_example_breaks_redis() {
    if let Some(said) = follow("python", &[]) {
        assert!(said[0].contains("1 passed"), "{said:?}");
    }
}

#[test]
fn the_node_example_breaks_redis() {
    if let Some(said) = follow("node", &[]) {
        assert!(said[0].contains("pass 1") && said[0].contains("fail 0"), "{said:?}");
    }
}

#[test]
fn the_rust_example_breaks_redis_and_its_client_passes_its_own_tests() {
    // One after the other: they share one proxy.
    let own = "cargo test --locked --package toxiproxy_rust --no-fail-fast -- --test-threads=1";
    if let Some(said) = follow("rust", &[own]) {
        assert!(said[0].contains("a_redis_that_is_gone_is_an_error_until_it_is_back ... ok"), "{said:?}");
        // Its tests, and those in its documentation.
        for all in ["11 passed; 0 failed; 0 ignored", "26 passed; 0 failed; 0 ignored"] {
            assert!(said[1].contains(&format!("test result: ok. {all}")), "{said:?}");
        }
    }
}
