//! E5: the backlog drains, and all work is accounted for.

use squall_model::conservation::{Account as Source, Conservation, Figure};

use super::*;

pub(super) fn ledger() -> Conservation {
    let figures = [(Figure::Sent, "sent".to_owned()), (Figure::Done, "done".to_owned())];
    Conservation {
        account: Source::Ledger {
            run: vec!["ledger".into()],
            figures: figures.into(),
            every: Span::seconds(1),
            timeout: Span::seconds(1),
        },
        within: Span::seconds(5),
        allow: BTreeMap::new(),
    }
}

fn counted() -> Plan {
    Plan { conservation: Some(ledger()), ..plan(vec![fault("a", &[(1, 4)])]) }
}

fn counts(sent: u64, done: u64) -> Counts {
    [(Figure::Sent, sent), (Figure::Done, done)].into()
}

fn run(plan: Plan, ledger: impl Fn(u64, Settled) -> Option<Result<Counts, String>>) -> Vec<(u64, Action)> {
    live_in(plan, |_, _, _, _| number(1.0), ledger, &[])
}

fn judged(log: &[(u64, Action)]) -> Vec<(Vec<String>, Span)> {
    events(log, |kind| match kind {
        EventKind::ConservationJudged { violations, after, .. } => Some((violations.clone(), *after)),
        _ => None,
    })
}

// What is under way while the load is on is not lost; two seconds after its end all is done.
#[test]
fn work_that_is_done_in_the_end_is_conserved() {
    let log = run(counted(), |second, settled| match settled {
        Settled::Since(since) if second >= since + 2 => Some(Ok(counts(30, 30))),
        _ => Some(Ok(counts(30, 25))),
    });
    assert_eq!((verdict(&log), judged(&log)), (Verdict::Held, vec![(vec![], Span::seconds(2))]));
}

#[test]
fn lost_and_doubled_work_is_a_deviation_with_numbers() {
    let log = run(counted(), |_, _| Some(Ok(counts(30, 27))));
    assert_eq!(verdict(&log), Verdict::Deviated);
    assert_eq!(judged(&log)[0].0, ["3 lost"]);
    assert!(
        reasons(&log)[0].contains("3 lost (sent 30, done 27, lost 3, duplicated 0)"),
        "{:?}",
        reasons(&log)
    );
    let log = run(counted(), |_, _| Some(Ok(counts(30, 31))));
    assert_eq!(
        (verdict(&log), judged(&log)[0].0.clone()),
        (Verdict::Deviated, vec!["1 duplicated".to_owned()])
    );
}

// Only what the run did is held against it: seven were dead before.
#[test]
fn what_was_there_before_is_not_the_doing_of_the_run() {
    let with_dead = |dead: fn(u64) -> u64| {
        let mut plan = counted();
        let book = plan.conservation.as_mut().unwrap();
        let Source::Ledger { figures, .. } = &mut book.account else { unreachable!() };
        figures.insert(Figure::Dead, "dead".to_owned());
        book.allow.insert(Figure::Dead, 1);
        run(plan, move |second, _| {
            let dead = dead(second);
            Some(Ok([(Figure::Sent, 30), (Figure::Done, 30 - dead), (Figure::Dead, dead)].into()))
        })
    };
    assert_eq!(verdict(&with_dead(|_| 7)), Verdict::Held);
    let log = with_dead(|second| if second > 5 { 9 } else { 7 });
    assert_eq!(
        (verdict(&log), judged(&log)[0].0.clone()),
        (Verdict::Deviated, vec!["2 dead (1 allowed)".to_owned()])
    );
}

/// The fault, from 4 s to 7 s, makes the system so sick that a threshold ends the run.
fn aborted(ledger: impl Fn(u64, Settled) -> Option<Result<Counts, String>>) -> Vec<(u64, Action)> {
    let sick = |_: u64, on: &BTreeSet<FaultRef>, _: &str, _: Option<&str>| {
        number(if on.is_empty() { 1.0 } else { 500.0 })
    };
    live_in(counted(), sick, ledger, &[])
}

// What a threshold breaks off may be lost: an aborted run is accounted for, too.
#[test]
fn an_aborted_run_is_accounted_for_and_stays_aborted() {
    let log = aborted(|_, _| Some(Ok(counts(30, 27))));
    assert_eq!((verdict(&log), judged(&log)[0].0.clone()), (Verdict::Aborted, vec!["3 lost".to_owned()]));
    let [abort, lost] = &reasons(&log)[..] else { panic!("{:?}", reasons(&log)) };
    assert!(
        abort.contains("abort threshold") && lost.contains("work was not conserved: 3 lost"),
        "{abort}, {lost}"
    );

    let log = aborted(|second, settled| match settled {
        Settled::Since(since) if second >= since + 2 => Some(Ok(counts(30, 30))),
        _ => Some(Ok(counts(30, 25))),
    });
    assert_eq!((verdict(&log), judged(&log).len(), reasons(&log).len()), (Verdict::Aborted, 1, 1));
    let settled = when(&log, |action| matches!(action, Action::Settle))[0];
    assert!(undos(&log)[0] <= settled, "the load goes on until the fault is undone");
}

// Whoever halts a run wants its end, also while its work is waited for.
#[test]
fn a_halted_run_is_not_waited_for() {
    let halted = |ledger: Counts, at| {
        let halt = [(at, Input::Halt { by: "SIGINT".into() })];
        live_in(counted(), |_, _, _, _| number(1.0), |_, _| Some(Ok(ledger.clone())), &halt)
    };
    let log = halted(counts(30, 27), 5);
    assert_eq!((verdict(&log), judged(&log)), (Verdict::Halted, vec![]));
    let fine = run(counted(), |_, _| Some(Ok(counts(30, 27))));
    let settled = when(&fine, |action| matches!(action, Action::Settle))[0];
    let log = halted(counts(30, 27), settled + 1);
    assert_eq!((verdict(&log), judged(&log)), (Verdict::Halted, vec![]));
}

// Unknown is never success.
#[test]
fn a_ledger_that_cannot_be_read_in_the_end_is_a_deviation() {
    let log = run(counted(), |_, settled| match settled {
        Settled::NotYet => Some(Ok(counts(30, 30))),
        Settled::Since(_) => Some(Err("no such table".to_owned())),
    });
    assert_eq!(verdict(&log), Verdict::Deviated);
    assert!(reasons(&log)[0].contains("no such table"), "{:?}", reasons(&log));
    let silent =
        run(counted(), |_, settled| if settled == Settled::NotYet { Some(Ok(counts(1, 1))) } else { None });
    assert_eq!(verdict(&silent), Verdict::Deviated, "an old look says nothing of the end");
}

#[test]
fn a_ledger_that_cannot_be_read_in_the_baseline_injects_nothing() {
    let log = run(counted(), |_, _| Some(Err("no such file".to_owned())));
    assert_eq!((verdict(&log), injections(&log)), (Verdict::Unsteady, vec![]));
}

#[test]
fn measures_can_be_the_account_as_well() {
    let figures = [(Figure::Sent, "sent".to_owned()), (Figure::Done, "done".to_owned())].into();
    let only_recorded = |name| Measure { expect: None, abort: None, ..measure(name) };
    let book = Conservation { account: Source::Measures(figures), ..ledger() };
    let plan = Plan {
        conservation: Some(book),
        measures: vec![only_recorded("sent"), only_recorded("done")],
        ..counted()
    };
    let world = |lost: f64| {
        move |_: u64, _: &BTreeSet<FaultRef>, name: &str, _: Option<&str>| {
            number(if name == "done" { 40.0 - lost } else { 40.0 })
        }
    };
    assert_eq!(verdict(&live_in(plan.clone(), world(0.0), |_, _| None, &[])), Verdict::Held);
    let log = live_in(plan, world(2.0), |_, _| None, &[]);
    assert_eq!((verdict(&log), judged(&log)[0].0.clone()), (Verdict::Deviated, vec!["2 lost".to_owned()]));
}

#[test]
fn the_backlog_is_waited_for_and_told() {
    let mut queued = plan(vec![fault("a", &[(1, 4)])]);
    queued.recovery.backlog = Some("depth".into());
    queued.measures[0].expect = Some(below(100.0));
    // Level 2 before; 30 when the fault goes at 7 s; back at 14 s, after the watch has ended.
    let world = |second, _: &BTreeSet<FaultRef>| {
        number(match second {
            0..=3 => 2.0,
            4..=8 => 30.0,
            9..=13 => 8.0,
            _ => 1.0,
        })
    };
    let log = live(queued.clone(), world, &[]);
    let drained = events(&log, |kind| match kind {
        EventKind::BacklogDrained { after, peak, level, .. } => Some((*after, peak.clone(), level.clone())),
        _ => None,
    });
    assert_eq!(
        (verdict(&log), drained),
        (Verdict::Held, vec![(Span::seconds(7), number(30.0), number(2.0))])
    );

    let log = live(queued, |second, _| number(if second > 4 { 30.0 } else { 2.0 }), &[]);
    assert_eq!(verdict(&log), Verdict::Deviated);
    assert!(
        reasons(&log)[0].contains("depth was 30 10s after the last undo, and 2 at most before"),
        "{:?}",
        reasons(&log)
    );
}
