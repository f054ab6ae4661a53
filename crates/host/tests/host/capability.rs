//! S4: what can be done here is found out by doing it.

use squall_host::capability::{self, Mechanism, Outcome, Trial};
use squall_host::cgroup::Hierarchies;
use squall_host::process::Process;
use squall_host::tool::Tool;

use crate::stage::{self, PATIENCE, require, require_root};

#[test]
fn root_can_do_everything_and_the_trials_leave_nothing() {
    if !require_root() {
        return;
    }
    for Trial { mechanism, outcome } in capability::try_all() {
        assert_eq!(outcome, Outcome::Can, "{mechanism:?}");
    }
    let own = format!("trial-{}-", std::process::id());
    let left = Hierarchies::read().unwrap().ours().unwrap();
    let left: Vec<_> = left.iter().filter(|path| path.to_string_lossy().contains(&own)).collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(Process::current().unwrap().children().unwrap().is_empty());
}

#[test]
fn somebody_without_rights_is_told_what_is_missing() {
    if !require_root() || !require("setpriv") {
        return;
    }
    let said = Tool::new("setpriv", PATIENCE)
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(std::env::current_exe().unwrap())
        .args(stage::ROLE_ARGUMENTS)
        .env(stage::ROLE, "layman")
        .run()
        .unwrap();
    assert!(said.exit.is_success(), "{}{}", said.stdout.text(), said.stderr.text());
    assert!(said.stdout.text().contains("all trials were honest"), "{}", said.stdout.text());
}

pub(crate) fn play() {
    for Trial { mechanism, outcome } in capability::try_all() {
        let can = matches!(mechanism, Mechanism::Signal | Mechanism::Leash | Mechanism::Prlimit);
        match outcome {
            Outcome::Can => assert!(can, "{mechanism:?}"),
            Outcome::Cannot { why, remedy } => {
                assert!(!can, "{mechanism:?}: {why}");
                assert!(why.starts_with("could not ") && !remedy.is_empty(), "{mechanism:?}: {why}");
            }
        }
    }
    println!("all trials were honest");
}

#[test]
fn the_root_filesystem_is_never_filled() {
    let Outcome::Cannot { why, .. } = capability::fill(std::path::Path::new("/")) else {
        panic!("the root file system must be refused")
    };
    assert!(why.contains("root file system"), "{why}");
}
