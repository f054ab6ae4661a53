use proptest::prelude::*;
use squall_model::id::{ProcessRef, RunId};

use super::*;

fn opened() -> Opened {
    Opened {
        run: RunId::new(),
        process: ProcessRef { pid: 7, started: 9 },
        boot: "boot".into(),
        time: "2026-01-01T00:00:00Z".into(),
        name: "test".into(),
        environment: "local".into(),
    }
}

fn undo(number: u32) -> Undo {
    Undo::RemoveFile { path: format!("/nowhere/{number}") }
}

fn written() -> (tempfile::TempDir, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let mut journal = Journal::create(&path, opened()).unwrap();
    let fault = FaultRef { name: "ü".into(), stage: Some(2), window: 1 };
    for number in 1..=3 {
        let receipt = journal.owe(Some(&fault), &undo(number), Some(Duration::from_secs(5))).unwrap();
        assert_eq!(receipt.number(), number);
    }
    journal.settle(2, "gone").unwrap();
    let bytes = std::fs::read(&path).unwrap();
    (dir, bytes)
}

fn numbers(ledger: &Ledger) -> Vec<u32> {
    ledger.owed().iter().map(|debt| debt.number).collect()
}

#[test]
fn what_is_owed_is_read_back_last_first() {
    let (_dir, bytes) = written();
    let ledger = Ledger::read(&bytes);
    assert_eq!(numbers(&ledger), [3, 1]);
    assert_eq!(ledger.proof(2), Some("gone"));
    assert!(ledger.damage().is_empty() && !ledger.is_torn());
}

// S1: a journal cut at every byte still says everything that was durable, and is not called damaged.
#[test]
fn a_journal_cut_at_every_byte_is_read_up_to_its_last_whole_line() {
    let (_dir, bytes) = written();
    for cut in 0..=bytes.len() {
        let ledger = Ledger::read(&bytes[..cut]);
        let whole = String::from_utf8_lossy(&bytes[..cut]).matches('\n').count();
        let expected: &[u32] = match whole {
            0 | 1 => &[],
            2 => &[1],
            3 => &[2, 1],
            4 => &[3, 2, 1],
            _ => &[3, 1],
        };
        assert_eq!(numbers(&ledger), expected, "cut at {cut}");
        assert!(ledger.damage().is_empty(), "cut at {cut}: {:?}", ledger.damage());
        let ends_whole = cut == 0 || bytes[cut - 1] == b'\n';
        assert_eq!(ledger.is_torn(), !ends_whole, "cut at {cut}");
    }
}

// S1: taking over a torn journal keeps it readable, also when it is torn and taken over again.
#[test]
fn a_torn_journal_can_be_taken_over_at_every_byte() {
    let (dir, bytes) = written();
    let path = dir.path().join("cut");
    let first = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for cut in first..=bytes.len() {
        std::fs::write(&path, &bytes[..cut]).unwrap();
        let (mut journal, before) = Journal::take_over(&path, Settler::Recover, Duration::ZERO).unwrap();
        for debt in before.owed() {
            journal.settle(debt.number, "gone").unwrap();
        }
        let number = journal.owe(None, &undo(9), None).unwrap().number();
        assert_eq!(number, before.last() + 1);
        drop(journal);
        let after = Journal::peek(&path).unwrap();
        assert_eq!(numbers(&after), [number], "cut at {cut}");
        assert!(after.damage().is_empty(), "cut at {cut}: {:?}", after.damage());
    }
}

// S2: an undo that may be lost is never passed over in silence.
#[test]
fn an_altered_line_is_damage_and_not_a_torn_line() {
    let (_dir, bytes) = written();
    let lines: Vec<usize> =
        bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at).collect();
    for line in 1..lines.len() - 1 {
        let mut altered = bytes.clone();
        altered[lines[line] - 3] ^= 1;
        let damage = Ledger::read(&altered).damage();
        assert!(!damage.is_empty(), "line {} was altered unnoticed", line + 1);
    }
}

// Found by the fuzz target `journal`: each missing number was a line of its own.
#[test]
fn missing_debts_are_told_as_gaps() {
    let told = |numbers: &[u32]| {
        let owed = |number: &u32| {
            Entry::Owed(Debt { number: *number, fault: None, undo: undo(*number), deadline: None }).line()
        };
        Ledger::read(&numbers.iter().flat_map(owed).collect::<Vec<u8>>()).damage()
    };
    assert_eq!(told(&[1, 2, 3]), [""; 0]);
    assert_eq!(told(&[3, 1]), ["debt 2 is missing"]);
    assert_eq!(told(&[1, u32::MAX]), ["debts 2 to 4294967294 are missing"]);
    assert_eq!(told(&[3]), ["debts 1 to 2 are missing"]);
}

#[test]
fn only_one_holds_a_journal() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let held = Journal::create(&path, opened()).unwrap();
    assert!(Journal::is_held(&path).unwrap());
    let refused = Journal::take_over(&path, Settler::Warden, Duration::from_millis(5));
    assert!(matches!(refused, Err(JournalError::Held { .. })));
    drop(held);
    assert!(!Journal::is_held(&path).unwrap());
    Journal::take_over(&path, Settler::Warden, Duration::ZERO).unwrap();
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let ledger = Ledger::read(&bytes);
        prop_assert!(ledger.owed().is_empty());
    }

    #[test]
    fn any_altered_byte_is_noticed_or_harmless(at in 0_usize..2_000, bit in 0_u32..8) {
        let (_dir, bytes) = written();
        let mut altered = bytes.clone();
        let at = at % bytes.len();
        altered[at] ^= 1 << bit;
        let ledger = Ledger::read(&altered);
        // Debt 1 and 3 are owed: an altered byte must not make them disappear in silence.
        let all_there = [1, 3].iter().all(|number| numbers(&ledger).contains(number));
        prop_assert!(all_there || !ledger.damage().is_empty() || ledger.is_torn(), "byte {at}");
    }
}
