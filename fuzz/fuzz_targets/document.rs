//! Any bytes as an experiment: read, planned, or refused with mistakes that can be shown (S9, E1).
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use squall_model::id::ProcessRef;
use squall_model::plan::Plan;
use squall_model::target::{Instance, Inventory, Target};
use squall_spec::draft::decode;
use squall_spec::render::Theme;
use squall_spec::{Mistakes, read};

fuzz_target!(|data: &[u8]| {
    let text = match decode("fuzz.yaml", data.to_vec()) {
        Ok(text) => text,
        Err(mistakes) => return show(&mistakes),
    };
    // The document is its own target file, so that those are read too.
    let draft = match read("fuzz.yaml", &text, &|_| Ok(("target.yaml".to_owned(), text.clone()))) {
        Ok(draft) => draft,
        Err(mistakes) => return show(&mistakes),
    };
    match draft.plan(running(draft.target()), None) {
        Ok((plan, lints)) => {
            let _ = lints.render(Theme::PLAIN);
            // E6: what a run keeps of its plan is what it was.
            let kept = serde_json::to_string(&plan).expect("a plan is always valid JSON");
            let again: Plan = serde_json::from_str(&kept).expect("a plan that was written can be read");
            assert_eq!(kept, serde_json::to_string(&again).expect("a plan is always valid JSON"));
        }
        Err(mistakes) => show(&mistakes),
    }
});

/// A refusal without a mistake would leave a person with nothing to mend.
fn show(mistakes: &Mistakes) {
    assert!(!mistakes.is_empty());
    let _ = mistakes.render(Theme::PLAIN);
}

/// Two processes for each service.
fn running(target: &Target) -> Inventory {
    let instance = |name: String, pid| Instance { name, process: Some(ProcessRef { pid, started: 1 }) };
    let two =
        |service: &String| vec![instance(format!("{service}-1"), 100), instance(format!("{service}-2"), 101)];
    Inventory {
        services: target
            .services
            .keys()
            .map(|service| (service.clone(), two(service)))
            .collect::<BTreeMap<_, _>>(),
    }
}
