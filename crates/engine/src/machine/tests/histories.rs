//! Whatever happens, in whatever order.

use proptest::prelude::*;
use squall_model::conservation::Figure;
use squall_model::event::Phase::Rollback;

use super::*;

#[derive(Clone, Debug)]
enum Chance {
    Wait(u64),
    Value(f64),
    Ledger(Option<u64>),
    Blind,
    Answer,
    Fail,
    Early,
    Halt,
    Broken,
}

fn chances() -> impl Strategy<Value = Vec<Chance>> {
    let chance = prop_oneof![
        6 => (1_u64..3).prop_map(Chance::Wait),
        3 => (0_f64..12.0).prop_map(Chance::Value),
        6 => (0_f64..9.0).prop_map(Chance::Value),
        3 => proptest::option::of(0_u64..3).prop_map(Chance::Ledger),
        1 => Just(Chance::Value(500.0)),
        1 => Just(Chance::Blind),
        6 => Just(Chance::Answer),
        1 => Just(Chance::Fail),
        1 => Just(Chance::Early),
        1 => Just(Chance::Halt),
        1 => Just(Chance::Broken),
    ];
    proptest::collection::vec(chance, 0..300)
}

proptest! {
    // S1, S2: whatever happens in whatever order, each fault that was asked for is undone once, the last asked for
    // first when all go at once, nothing is injected after the rollback began, and the run ends.
    // E7: that holds in each stage of a rollout, and a stage begins only when all of the one before is undone.
    #[test]
    fn any_history_ends_with_every_fault_undone_once(
        history in chances(),
        windows in proptest::collection::vec((0_u64..4, 1_u64..4), 1..5),
        holds in proptest::collection::vec(0_u64..3, 0..4),
        counted in any::<bool>(),
    ) {
        let faults = windows.iter().enumerate().map(|(number, (from, length))| {
            fault(&format!("f{number}"), &[(*from, from + length)])
        });
        let mut planned = plan(faults.collect());
        planned.duration = Span::seconds(7);
        planned.recovery.steady_for = Span::seconds(1);
        planned.stages = holds.iter().map(|hold| stages::stage(100.0, *hold)).collect();
        planned.conservation = counted.then(accounts::ledger);
        let mut machine = Machine::new(Arc::new(planned));
        let mut now = 0;
        let (mut asked, mut undone): (Vec<FaultRef>, Vec<FaultRef>) = (vec![], vec![]);
        let mut pending: VecDeque<Action> = VecDeque::new();
        let mut finished = false;
        machine.start();
        let mut history: VecDeque<Chance> = history.into();
        let mut first = Some(Input::Started);
        for _ in 0..1_000 {
            let chance = history.pop_front().unwrap_or(if pending.is_empty() { Chance::Halt } else { Chance::Answer });
            let at = Offset(Duration::from_secs(now));
            let reading = |outcome| Input::Read(Reading { measure: "depth".into(), instance: None, outcome, asked: at });
            let input = first.take().unwrap_or_else(|| match chance {
                Chance::Wait(seconds) => { now += seconds; Input::Woke }
                Chance::Value(value) => reading(number(value)),
                Chance::Ledger(lost) => Input::Ledger {
                    asked: at,
                    read: lost.map(|lost| [(Figure::Sent, 9), (Figure::Done, 9 - lost)].into()).ok_or_else(|| "x".to_owned()),
                },
                Chance::Blind => reading(Outcome::Unreadable("x".into())),
                Chance::Halt => Input::Halt { by: "test".into() },
                Chance::Broken => Input::Failed { why: "x".into() },
                Chance::Answer | Chance::Fail | Chance::Early => match (pending.pop_front(), chance) {
                    (Some(Action::Inject { fault, .. }), Chance::Fail) => Input::InjectFailed { fault, why: "x".into() },
                    (Some(Action::Inject { fault, .. }), _) => Input::Injected { fault, on: vec![], effect: "x".into() },
                    (Some(Action::Undo { fault }), Chance::Fail) => Input::UndoFailed { fault, why: "x".into(), by_hand: vec![] },
                    (Some(Action::Undo { fault }), _) => Input::Undone { fault, proof: "x".into() },
                    (Some(_), _) => Input::CleanedUp { left: vec![] },
                    (None, Chance::Early) => match asked.first() {
                        Some(fault) => Input::EndedEarly { fault: fault.clone(), how: "x".into() },
                        None => Input::Woke,
                    },
                    (None, _) => Input::Woke,
                },
            });
            let before = machine.phase();
            let mut together = vec![];
            for action in machine.step(Offset(Duration::from_secs(now)), input) {
                match &action {
                    Action::Inject { fault, .. } => {
                        prop_assert!(machine.phase() < Rollback, "injected in {:?}", machine.phase());
                        prop_assert!(!asked.contains(fault), "asked for twice: {fault}");
                        asked.push(fault.clone());
                        pending.push_back(action);
                    }
                    Action::Undo { fault } => {
                        prop_assert!(asked.contains(fault), "undone without being asked for: {fault}");
                        prop_assert!(!undone.contains(fault), "undone twice: {fault}");
                        undone.push(fault.clone());
                        together.push(asked.iter().position(|one| one == fault).unwrap());
                        pending.push_back(action);
                    }
                    Action::Emit(EventKind::StageEntered { .. }) => {
                        prop_assert!(asked.len() == undone.len() && pending.is_empty(), "a stage too early");
                    }
                    Action::CleanUp => pending.push_back(action),
                    Action::Finish(_) => finished = true,
                    _ => {}
                }
            }
            if before < Rollback && machine.phase() >= Rollback {
                prop_assert!(together.is_sorted_by(|one, other| one > other), "not last first: {together:?}");
            }
            if finished { break; }
        }
        prop_assert!(finished, "never finished, in {:?}", machine.phase());
        asked.sort();
        undone.sort();
        prop_assert_eq!(asked, undone);
    }
}
