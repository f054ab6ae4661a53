//! Control groups of version 2 alone, on a kernel of its own: this machine may have version 1,
//! both, or none. A virtual machine runs the tests of `squall-host` and the binary. F7, F8, F9,
//! F12, S1, S2.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What runs inside: a name, and a command of the guest's shell. `host` is the test program of
/// `squall-host`, `quota` the script in tests/vm.
const CHECKS: [(&str, &str); 7] = [
    ("version-2-only", "test ! -e /sys/fs/cgroup/memory && test -e /sys/fs/cgroup/cgroup.procs"),
    ("groups", "host cgroup:: --test-threads 1"),
    ("stressors", "host stress:: --test-threads 1"),
    ("limits", "host limit:: --test-threads 1"),
    ("processes", "host process:: --test-threads 1"),
    ("doctor", "squall doctor | tee /dev/stderr | grep -q '^can .*cgroup-limit (cpu)'"),
    ("quota", "quota"),
];

/// Programs of this machine that the virtual one is built and run with.
const PROGRAMS: [&str; 7] = ["qemu-system-x86_64", "busybox", "cpio", "strip", "dpkg", "apt-get", "timeout"];

fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).expect("tests/e2e is two folders deep").to_owned()
}

#[expect(clippy::disallowed_methods, reason = "tests have no settings")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Whether the virtual machine can be run here. In CI it must.
#[expect(clippy::print_stdout, reason = "who skips says so")]
fn can_boot() -> bool {
    let paths = variable("PATH").unwrap_or_default();
    let has = |name: &str| std::env::split_paths(&paths).any(|path| path.join(name).exists());
    let missing: Vec<_> = PROGRAMS.into_iter().filter(|name| !has(name)).collect();
    if missing.is_empty() && cfg!(target_arch = "x86_64") && variable("SQUALL_TEST_QUICK").is_none() {
        return true;
    }
    assert!(variable("CI").is_none(), "no virtual machine without {missing:?}");
    println!("SKIP: left out, or needs {missing:?} on x86-64");
    false
}

/// Runs a program to its end.
#[expect(clippy::disallowed_methods, reason = "tests start programs as a person does")]
fn run(program: &Path, arguments: &[&Path]) -> Output {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("could not run {}: {error}", program.display()));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {}\n{errors}", program.display(), output.status);
    output
}

/// The test program of `squall-host`, built as the whole workspace is.
fn host_tests() -> PathBuf {
    let build = "test --workspace --locked --no-run --message-format json --test host";
    let arguments: Vec<&Path> = build.split(' ').map(Path::new).collect();
    let built = run(Path::new(env!("CARGO")), &arguments);
    let messages = String::from_utf8(built.stdout).expect("text");
    let messages = messages.lines().filter_map(|line| serde_json::from_str(line).ok());
    messages
        .filter(|message: &serde_json::Value| message["target"]["name"] == "host")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .expect("cargo names the program that it has built")
}

/// Boots the virtual machine with these checks, and gives what it says on its console.
fn boot(checks: &[(&str, &str)]) -> String {
    let root = root();
    // The kernel stays for the next time: below the target folder, beside what else is built.
    let target = squall_e2e::binary::path();
    let target = target.ancestors().nth(2).expect("it is below the target folder");
    let kernel = run(&root.join("tests/vm/kernel"), &[&target.join("vm/kernel")]);
    let kernel = PathBuf::from(String::from_utf8(kernel.stdout).expect("text").trim());

    let folder = tempfile::tempdir().expect("a temporary folder");
    let list = folder.path().join("checks");
    let lines: Vec<String> = checks.iter().map(|(name, command)| format!("{name} {command}\n")).collect();
    std::fs::write(&list, lines.concat()).expect("a file of the test");
    let host = folder.path().join("host");
    std::fs::copy(host_tests(), &host).expect("the test program");

    // Ended from outside when it hangs, with everything that it has said until then.
    let booted = run(
        Path::new("timeout"),
        &[
            Path::new("240"),
            &root.join("tests/vm/boot"),
            folder.path(),
            &kernel,
            &list,
            &host,
            &squall_e2e::binary::path(),
            &root.join("tests/vm/quota"),
        ],
    );
    String::from_utf8_lossy(&booted.stdout).replace('\r', "")
}

#[test]
fn version_2_of_control_groups_holds_limits_and_gives_back() {
    if !can_boot() {
        return;
    }
    let console = boot(&CHECKS);
    println!("{console}");
    for (name, _) in CHECKS {
        let good = format!("CHECK {name} ok ");
        assert!(console.lines().any(|line| line.starts_with(&good)), "{name}:\n{console}");
    }
    assert!(console.contains("CHECKS DONE"));
}

/// The test of the test: a check that fails inside is seen outside, with what it said.
#[test]
fn a_check_that_fails_in_the_virtual_machine_is_seen() {
    if !can_boot() {
        return;
    }
    // Without the hierarchy there is nothing to hold a limit.
    let unmount = ("unmount", "umount /sys/fs/cgroup");
    let console = boot(&[unmount, ("groups", "host cgroup::a_processor_limit --test-threads 1")]);
    assert!(console.contains("CHECK unmount ok"), "{console}");
    assert!(console.contains("CHECK groups FAILED with 101"), "{console}");
    assert!(console.contains("panicked at"), "{console}");
}
