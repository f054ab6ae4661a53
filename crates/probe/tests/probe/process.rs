//! E3: facts of processes.

use std::rc::Rc;
use std::time::Duration;

use squall_model::measure::{Outcome, Probe, ProcessFact};
use squall_model::unit::Unit;
use squall_probe::Prober;

use crate::child::Guarded;
use crate::stage::{Stage, prober, unreadable, until, value};

fn fact(stage: &Rc<Stage>, fact: ProcessFact) -> Prober {
    prober(stage, Probe::Process { service: "worker".into(), fact })
}

fn stage(workers: &[&Guarded]) -> Rc<Stage> {
    let stage = Stage::default();
    stage.instances.replace(workers.iter().map(|worker| worker.as_ref()).collect());
    Rc::new(stage)
}

/// Time in which something happens that is then read as a share of that time.
async fn a_while() {
    tokio::time::sleep(Duration::from_millis(400)).await;
}

#[tokio::test]
async fn only_the_living_are_counted_and_zero_is_a_number() {
    let (one, two) = (Guarded::sleeping(), Guarded::sleeping());
    let stage = stage(&[&one, &two]);
    let mut count = fact(&stage, ProcessFact::Count);
    assert_eq!(count.read().await, value(2.0, Unit::Number));
    // S2: what is left is a zombie, and a zombie is not alive.
    one.kill();
    assert_eq!(count.read().await, value(1.0, Unit::Number));
    two.kill();
    assert_eq!(count.read().await, value(0.0, Unit::Number));
    stage.instances.borrow_mut().clear();
    assert_eq!(count.read().await, value(0.0, Unit::Number));
}

#[tokio::test]
async fn a_number_that_belongs_to_another_process_now_is_not_counted() {
    let worker = Guarded::sleeping();
    let stage = stage(&[&worker]);
    stage.instances.borrow_mut()[0].started += 1;
    assert_eq!(fact(&stage, ProcessFact::Count).read().await, value(0.0, Unit::Number));
    assert_eq!(fact(&stage, ProcessFact::Memory).read().await, Outcome::Absent);
}

#[tokio::test]
async fn facts_are_summed_and_absent_without_any_process() {
    let (one, two) = (Guarded::sleeping(), Guarded::sleeping());
    let (alone, both) = (stage(&[&one]), stage(&[&one, &two]));
    for (which, unit) in [
        (ProcessFact::Memory, Unit::Bytes),
        (ProcessFact::Files, Unit::Number),
        (ProcessFact::Threads, Unit::Number),
    ] {
        let (mut of_one, mut of_both) = (fact(&alone, which), fact(&both, which));
        // A program that has just been started is still being loaded.
        until("both have more than one", async || {
            let one = of_one.read().await.as_number();
            one > Some(0.0) && of_both.read().await.as_number() > one
        })
        .await;
        let Outcome::Value(of_both) = of_both.read().await else { panic!("{which:?}") };
        assert_eq!(of_both.unit, unit);
    }
    assert_eq!(fact(&both, ProcessFact::Threads).read().await, value(2.0, Unit::Number));
    one.kill();
    two.kill();
    for which in [ProcessFact::Memory, ProcessFact::Files, ProcessFact::Threads, ProcessFact::Cpu] {
        assert_eq!(fact(&both, which).read().await, Outcome::Absent, "{which:?}");
    }
}

#[tokio::test]
async fn processor_time_is_a_share_since_the_reading_before() {
    let (busy, idle) = (Guarded::busy(), Guarded::sleeping());
    let (mut of_busy, mut of_idle) =
        (fact(&stage(&[&busy]), ProcessFact::Cpu), fact(&stage(&[&idle]), ProcessFact::Cpu));
    a_while().await;
    let Outcome::Value(share) = of_busy.read().await else { panic!("the first reading is a number") };
    assert_eq!(share.unit, Unit::Percent);
    // Others want the cores too.
    assert!((5.0..120.0).contains(&share.value), "{share}");
    let idle = of_idle.read().await.as_number().unwrap();
    assert!(idle < 5.0, "{idle}");
}

#[tokio::test]
async fn a_process_started_since_counts_in_full_and_an_older_one_not_by_guess() {
    let old = Guarded::busy();
    a_while().await;
    let stage = stage(&[]);
    let mut cpu = fact(&stage, ProcessFact::Cpu);
    let new = Guarded::busy();
    stage.instances.replace(vec![new.as_ref()]);
    a_while().await;
    let share = cpu.read().await.as_number().unwrap();
    assert!((5.0..120.0).contains(&share), "{share}");

    stage.instances.replace(vec![old.as_ref(), new.as_ref()]);
    assert_eq!(cpu.read().await, unreadable("a process was not among the instances at the reading before"));
    a_while().await;
    assert!(matches!(cpu.read().await, Outcome::Value(_)));
}
