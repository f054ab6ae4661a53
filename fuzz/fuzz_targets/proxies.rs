//! The proxy's config file, which is also a body of its API: read or refused, and what was read is written back. Behind a
//! zero byte: what a toxic is changed to, which is taken as a whole or not at all (F20, U10).
#![no_main]

use libfuzzer_sys::fuzz_target;
use squall_proxy::RuleKind;
use squall_proxy::toxic::{Kind, Toxic};

fuzz_target!(|input: &[u8]| {
    let mut parts = input.splitn(2, |byte| *byte == 0);
    let (config, change) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let Ok(read) = squall_proxy::plans(config) else { return };
    let change = serde_json::from_slice(change).ok();
    for toxic in read.value.iter().flat_map(|plan| &plan.toxics) {
        same(toxic);
        if let Some(changed) = change.as_ref().and_then(|change| toxic.changed(change).ok()) {
            assert_eq!((&changed.name, changed.kind.name()), (&toxic.name, toxic.kind.name()));
            same(&changed);
        }
    }
});

/// What is shown of a toxic is read back the same. Of a rule for TLS its keys are not shown.
fn same(toxic: &Toxic) {
    let document = toxic.document();
    match Toxic::read(&document) {
        Ok((again, unknown)) => {
            assert!(unknown.is_empty());
            assert_eq!(again.document(), document);
        }
        Err(refusal) => {
            assert!(matches!(toxic.kind, Kind::Rule(RuleKind::Tls, _)), "{document}: {refusal}");
        }
    }
}
