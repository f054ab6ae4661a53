//! Any bytes as a journal: never a panic, never an undo lost in silence (S1, S2).
#![no_main]

use libfuzzer_sys::fuzz_target;
use squall_engine::journal::{Entry, Ledger};

fuzz_target!(|data: &[u8]| {
    look(data);
    // No fuzzer guesses a checksum: here each line is given the one that it needs.
    let mut summed = Vec::new();
    for line in data.split(|byte| *byte == b'\n') {
        summed.extend(format!("{:08x} ", crc32fast::hash(line)).into_bytes());
        summed.extend(line);
        summed.push(b'\n');
    }
    look(&summed);
    // A crash tears the last line: what came before it is still said.
    let whole = summed[..summed.len() - 1].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let torn = Ledger::read(&summed[..summed.len() - 1]);
    let before = Ledger::read(&summed[..whole]);
    assert_eq!(torn.owed(), before.owed());
});

fn look(bytes: &[u8]) {
    let ledger = Ledger::read(bytes);
    for debt in ledger.owed() {
        assert!(ledger.proof(debt.number).is_none(), "debt {} is owed and settled", debt.number);
        assert!(debt.number <= ledger.last());
        let _ = (debt.undo.to_string(), debt.undo.by_hand());
    }
    let _ = (ledger.damage(), ledger.opened(), ledger.is_torn(), ledger.is_halting(), ledger.is_closed());
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Some(entry) = Entry::read(line) {
            let written = entry.line();
            let again =
                Entry::read(&written[..written.len() - 1]).expect("an entry that was written can be read");
            assert_eq!(again.line(), written);
        }
    }
}
