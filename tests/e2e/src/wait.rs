//! Waiting for something that happens elsewhere: the one place where tests poll.

use std::time::Duration;

use squall_host::clock;

/// Waits until `is` gives something, and says what it waited for when it does not.
///
/// # Panics
/// When `within` is over.
pub fn until<T>(what: &str, within: Duration, mut is: impl FnMut() -> Option<T>) -> T {
    let end = clock::since_boot() + within;
    loop {
        if let Some(found) = is() {
            return found;
        }
        assert!(clock::since_boot() < end, "{what}: not within {within:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
