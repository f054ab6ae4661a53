//! Any text as a record: read or refused, and every report of it can be written (U3).
#![no_main]

use libfuzzer_sys::fuzz_target;
use squall_model::event::Event;
use squall_model::record::{Record, line};
use squall_report::{Curves, Summary, findings_json, html, json, junit, markdown};

fuzz_target!(|data: &[u8]| {
    let Ok(record) = Record::read(&String::from_utf8_lossy(data)) else { return };
    for event in &record.events {
        let written = line(event);
        assert!(serde_json::from_str::<Event>(&written).is_ok(), "written and not read: {written}");
    }
    let summary = Summary::of(&record);
    let _ = (json(&summary), findings_json(&summary), markdown(&summary), junit(&summary));
    html(&summary, &Curves::of(&record, &summary, Curves::PAGE)).expect("the page's template fits its data");
});
