//! Waiting for a condition that the kernel does not announce.

use std::time::Duration;

use crate::clock;

/// How long to rest between two looks.
const STEP: Duration = Duration::from_millis(2);

/// Looks until `look` gives an answer or `timeout` has passed; looks at least once.
pub(crate) fn until<T, E>(
    timeout: Duration,
    mut look: impl FnMut() -> Result<Option<T>, E>,
) -> Result<Option<T>, E> {
    let end = clock::now() + timeout;
    loop {
        if let Some(answer) = look()? {
            return Ok(Some(answer));
        }
        if clock::now() >= end {
            return Ok(None);
        }
        std::thread::sleep(STEP);
    }
}
