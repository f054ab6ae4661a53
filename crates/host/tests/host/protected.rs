//! Refusals: what is never a target.

use squall_host::process::Process;
use squall_host::protected::{self, Refusal, check};
use squall_host::spawn::{Spawn, Standing};

use crate::stage::Actor;

#[test]
fn the_first_process_we_ourselves_and_those_above_are_refused() {
    let own = Process::current().unwrap();
    let first = Process::of(1).unwrap().unwrap();
    assert!(matches!(check(first, []), Err(Refusal::First)));
    assert!(matches!(check(own, []), Err(Refusal::Ourselves { .. })));
    let parent = own.parent().unwrap().unwrap();
    if parent.pid != 1 {
        assert!(matches!(check(parent, []), Err(Refusal::Ancestor { .. })));
    }
}

#[test]
fn our_group_and_kernel_threads_are_refused() {
    let ours = Actor::start(Spawn::program("sleep").arg("300").standing(Standing::OurGroup));
    assert!(matches!(check(ours.process(), []), Err(Refusal::OwnGroup { .. })));
    if let Some(threads) = Process::of(2).unwrap()
        && threads.name().unwrap() == "kthreadd"
    {
        assert!(matches!(check(threads, []), Err(Refusal::Kernel { .. })));
    }
}

#[test]
fn protected_names_are_refused_and_others_are_not() {
    let actor = Actor::sleeping();
    check(actor.process(), protected::NAMES.iter().copied()).unwrap();
    let refused = check(actor.process(), ["nothing", "sl*p"]).unwrap_err();
    assert!(matches!(&refused, Refusal::Name { pattern, .. } if pattern == "sl*p"), "{refused}");
}

#[test]
fn a_process_that_is_gone_is_not_called_harmless() {
    let mut actor = Actor::shell("exit 0");
    actor.child.wait(crate::stage::PATIENCE).unwrap();
    assert!(matches!(check(actor.process(), []), Err(Refusal::Unknown(_))));
}
