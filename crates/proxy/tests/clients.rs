//! Published clients of Toxiproxy, from their registries, against the API as it is.
//!
//! Where they cannot be installed (no network, no interpreter) the test says so and passes, but not under CI.
#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(clippy::print_stderr, reason = "says what it skipped")]
#![allow(clippy::disallowed_methods, reason = "starts the interpreters that the clients are written for")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use support::Rig;

/// A folder that outlives the test, so that a client is fetched once.
fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Runs a step of an installation; whether it went well.
fn install(command: &mut Command) -> bool {
    let done = command.output();
    let ok = done.as_ref().is_ok_and(|output| output.status.success());
    if !ok {
        let why = match done {
            Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
            Err(error) => error.to_string(),
        };
        assert!(std::env::var_os("CI").is_none(), "nothing may be missing under CI: {command:?}: {why}");
        eprintln!("skipped: {command:?}: {why}");
    }
    ok
}

fn holds(output: &Output) {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("all of it"), "{out}{err}");
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name)
}

#[test]
fn the_python_client_finds_everything() {
    let home = folder("toxiproxy-python");
    let python = home.join("bin/python");
    let has_client = |python: &Path| {
        let asked = Command::new(python).args(["-c", "import toxiproxy"]).output();
        asked.is_ok_and(|output| output.status.success())
    };
    if !has_client(&python) {
        let mut pip = Command::new(&python);
        pip.args([
            "-m",
            "pip",
            "--quiet",
            "--disable-pip-version-check",
            "install",
            "toxiproxy-python==0.1.1",
        ]);
        if !install(Command::new("python3").args(["-m", "venv"]).arg(&home)) || !install(&mut pip) {
            return;
        }
    }
    let rig = Rig::new();
    let (host, port) = (rig.api.ip().to_string(), rig.api.port().to_string());
    holds(&Command::new(&python).arg(script("python.py")).args([host, port]).output().unwrap());
}

#[test]
fn the_node_client_finds_everything() {
    let home = folder("toxiproxy-node");
    if !home.join("node_modules/toxiproxy-node-client/package.json").exists() {
        std::fs::create_dir_all(&home).unwrap();
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]);
        npm.arg("toxiproxy-node-client@4.1.0").arg("--prefix").arg(&home);
        if !install(&mut npm) {
            return;
        }
    }
    let rig = Rig::new();
    let output = Command::new("node")
        .env("NODE_PATH", home.join("node_modules"))
        .arg(script("node.cjs"))
        .arg(format!("http://{}", rig.api))
        .output()
        .unwrap();
    holds(&output);
}
