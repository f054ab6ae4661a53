//! The proxy's config file, which is also the body of its API: read or refused, and what was read is written back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use squall_proxy::toxic::Toxic;

fuzz_target!(|input: &[u8]| {
    let Ok(read) = squall_proxy::plans(input) else { return };
    for toxic in read.value.iter().flat_map(|plan| &plan.toxics) {
        let document = toxic.document();
        let (again, unknown) = Toxic::read(&document).expect("what is shown can be read");
        assert!(unknown.is_empty());
        assert_eq!(again.document(), document);
    }
});
